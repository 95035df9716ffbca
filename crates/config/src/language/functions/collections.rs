//! Functions over lists, tables and numbers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use infra_core::Value;

use super::{Function, Wrong, argument, expected, integer, list, text};
use crate::language::operators::{compare, text_of};

/// More elements than this are a mistake, not a stack.
const MAX_RANGE: usize = 100_000;

pub(super) fn call(function: Function, arguments: Vec<Value>) -> Result<Value, Wrong> {
    match function {
        Function::Coalesce => {
            let empty = |value: &Value| value.is_null() || value.as_str() == Some("");
            Ok(arguments
                .into_iter()
                .find(|value| !empty(value))
                .unwrap_or_default())
        }
        Function::Concat => {
            let mut all = Vec::new();
            for (position, value) in arguments.into_iter().enumerate() {
                match value {
                    Value::List(items) => all.extend(items),
                    other => return Err(expected(position, "a list", &other)),
                }
            }
            Ok(Value::List(all))
        }
        Function::Merge => {
            let mut all = BTreeMap::new();
            for (position, value) in arguments.into_iter().enumerate() {
                match value {
                    Value::Map(entries) => all.extend(entries),
                    Value::Null => {}
                    other => return Err(expected(position, "a table", &other)),
                }
            }
            Ok(Value::Map(all))
        }
        Function::Keys => Ok(Value::List(
            table(&arguments)?.keys().cloned().map(Value::String).collect(),
        )),
        Function::Values => Ok(Value::List(table(&arguments)?.values().cloned().collect())),
        Function::Length => {
            let length = match argument(&arguments, 0) {
                Value::List(items) => items.len(),
                Value::Map(entries) => entries.len(),
                Value::String(text) => text.chars().count(),
                other => return Err(expected(0, "a list, a table or a text", other)),
            };
            Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
        }
        Function::Lookup => {
            let key = text(&arguments, 1)?;
            match (table(&arguments)?.get(&key), arguments.get(2)) {
                (Some(value), _) | (None, Some(value)) => Ok(value.clone()),
                (None, None) => Err(Wrong::new("there is no such key in the table")
                    .because(format!("`{key}`"))
                    .help("a third argument is what to use instead")),
            }
        }
        Function::Contains => {
            let (items, wanted) = (list(&arguments, 0)?, argument(&arguments, 1));
            if items.iter().any(|item| !item.has_unknown() && item.same(wanted)) {
                return Ok(Value::Bool(true));
            }
            let open = items.iter().any(Value::has_unknown) || wanted.has_unknown();
            Ok(if open {
                Value::unknown()
            } else {
                Value::Bool(false)
            })
        }
        Function::Distinct => {
            let mut kept: Vec<Value> = Vec::new();
            let mut texts = std::collections::BTreeSet::new();
            for item in list(&arguments, 0)? {
                let new = match item {
                    Value::String(text) => texts.insert(text.as_str()),
                    other => !kept.iter().any(|one| one.same(other)),
                };
                if new {
                    kept.push(item.clone());
                }
            }
            Ok(Value::List(kept))
        }
        Function::Flatten => {
            let mut flat = Vec::new();
            flatten(list(&arguments, 0)?, &mut flat);
            Ok(Value::List(flat))
        }
        Function::Range => range(&arguments),
        _ => extreme(
            &arguments,
            if function == Function::Min {
                Ordering::Less
            } else {
                Ordering::Greater
            },
        ),
    }
}

fn table(arguments: &[Value]) -> Result<&BTreeMap<String, Value>, Wrong> {
    let value = argument(arguments, 0);
    value.as_map().ok_or_else(|| expected(0, "a table", value))
}

fn flatten(items: &[Value], flat: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::List(inner) => flatten(inner, flat),
            other => flat.push(other.clone()),
        }
    }
}

fn range(arguments: &[Value]) -> Result<Value, Wrong> {
    let (start, end) = match arguments.len() {
        1 => (0, integer(arguments, 0)?),
        _ => (integer(arguments, 0)?, integer(arguments, 1)?),
    };
    let step = match arguments.get(2) {
        Some(_) => integer(arguments, 2)?,
        None if start <= end => 1,
        None => -1,
    };
    if step == 0 || (start != end && (step > 0) != (start < end)) {
        return Err(Wrong::new("the step does not lead from start to end"));
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while (step > 0 && next < end) || (step < 0 && next > end) {
        if numbers.len() >= MAX_RANGE {
            return Err(Wrong::new(format!("more than {MAX_RANGE} numbers")));
        }
        numbers.push(Value::Integer(next));
        let Some(following) = next.checked_add(step) else {
            break;
        };
        next = following;
    }
    Ok(Value::List(numbers))
}

/// The smallest or largest number.
fn extreme(arguments: &[Value], wanted: Ordering) -> Result<Value, Wrong> {
    let mut best = argument(arguments, 0);
    for (position, value) in arguments.iter().enumerate() {
        let order = compare(value, best).ok_or_else(|| {
            let wrong = expected(position, "a number", value);
            if text_of(value).is_none() {
                wrong.help("a list is spread with `...` behind it")
            } else {
                wrong
            }
        })?;
        if order == wanted {
            best = value;
        }
    }
    Ok(best.clone())
}
