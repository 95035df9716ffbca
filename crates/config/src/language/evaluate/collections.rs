//! Lists and tables: building them, going through them, taking parts out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use infra_core::{Value, nearest};

use super::{At, Evaluator, Frame};
use crate::language::failure::{Failure, Wrong, failure};
use crate::language::formula::{For, Node, Step};
use crate::language::operators;

impl Evaluator<'_> {
    pub(super) fn object(&self, at: At<'_>, entries: &[(Node, Node)]) -> Result<Value, Failure> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let value = self.node(at, value)?;
            match self.shape(at, key)? {
                Value::Unknown(_) => return Ok(Value::unknown()),
                name => match operators::text_of(&name) {
                    Some(name) => map.insert(name, value),
                    None => {
                        let wrong = Wrong::new(format!("a key is a text, found {}", name.kind()));
                        return Err(failure(at.formula, key, wrong));
                    }
                },
            };
        }
        Ok(Value::Map(map))
    }

    pub(super) fn splat(
        &self,
        at: At<'_>,
        node: &Node,
        base: Value,
        steps: &[Step],
    ) -> Result<Value, Failure> {
        let items = match base {
            Value::Unknown(_) => return Ok(Value::unknown()),
            Value::Null => Vec::new(),
            Value::List(items) => items,
            single => vec![single],
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            results.push(self.walk(at, node, item, steps)?);
        }
        Ok(Value::List(results))
    }

    fn walk(&self, at: At<'_>, node: &Node, mut value: Value, steps: &[Step]) -> Result<Value, Failure> {
        let fail = |wrong: Wrong| failure(at.formula, node, wrong);
        for (position, step) in steps.iter().enumerate() {
            value = self.open_shape(value).map_err(fail)?;
            value = match step {
                Step::Attribute(name) => attribute_of(&value, name).map_err(fail)?,
                Step::Index(key) => element_of(&value, &self.shape(at, key)?).map_err(fail)?,
                Step::Splat => return self.splat(at, node, value, &steps[position + 1..]),
            };
        }
        Ok(value)
    }

    pub(super) fn for_each(&self, at: At<'_>, node: &Node, parts: &For) -> Result<Value, Failure> {
        let fail = |node: &Node, wrong: Wrong| failure(at.formula, node, wrong);
        let entries: Vec<(Value, Value)> = match self.shape(at, &parts.collection)? {
            Value::Unknown(_) => return Ok(Value::unknown()),
            Value::List(items) => (0_i64..).map(Value::Integer).zip(items).collect(),
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| (Value::String(key), value))
                .collect(),
            other => {
                let wrong = Wrong::new(format!(
                    "`for` goes over a list or a table, found {}",
                    other.kind()
                ));
                return Err(fail(&parts.collection, wrong));
            }
        };
        let mut list = Vec::new();
        let mut map: BTreeMap<String, Value> = BTreeMap::new();
        for (key, value) in entries {
            let key_frame = Frame {
                name: parts.key_name.as_deref().unwrap_or(""),
                value: key,
                outer: at.frame,
            };
            let frame = Frame {
                name: &parts.value_name,
                value,
                outer: Some(&key_frame),
            };
            let inner = At {
                formula: at.formula,
                frame: Some(&frame),
            };
            if let Some(condition) = &parts.condition {
                match self.truth(inner, condition, "the condition behind `if`")? {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return Ok(Value::unknown()),
                }
            }
            let result = self.node(inner, &parts.value)?;
            let Some(key) = &parts.key else {
                list.push(result);
                continue;
            };
            let name = match self.shape(inner, key)? {
                Value::Unknown(_) => return Ok(Value::unknown()),
                name => match operators::text_of(&name) {
                    Some(name) => name,
                    None => {
                        return Err(fail(
                            key,
                            Wrong::new(format!("a key is a text, found {}", name.kind())),
                        ));
                    }
                },
            };
            match map.entry(name) {
                Entry::Vacant(entry) if parts.grouping => {
                    entry.insert(Value::List(vec![result]));
                }
                Entry::Vacant(entry) => {
                    entry.insert(result);
                }
                Entry::Occupied(mut entry) => match entry.get_mut() {
                    Value::List(group) if parts.grouping => group.push(result),
                    _ => {
                        let wrong = Wrong::new("two elements have the same key")
                            .because(format!("`{}`", entry.key()));
                        return Err(fail(
                            node,
                            wrong.help("write `...` behind the value to gather them in lists"),
                        ));
                    }
                },
            }
        }
        Ok(if parts.key.is_some() {
            Value::Map(map)
        } else {
            Value::List(list)
        })
    }
}

/// `base.name`; nothing has no attributes, so that what is left out with `when` gives null all the way.
pub(super) fn attribute_of(base: &Value, name: &str) -> Result<Value, Wrong> {
    match base {
        Value::Unknown(_) => Ok(Value::unknown()),
        Value::Null => Ok(Value::Null),
        Value::Map(entries) => match entries.get(name) {
            Some(value) => Ok(value.clone()),
            None => {
                let wrong = Wrong::new(format!("there is no `{name}` in this table"));
                Err(match nearest(name, entries.keys().map(String::as_str)) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong,
                })
            }
        },
        Value::List(_) => Err(Wrong::new(format!("a list has no `{name}`")).help(format!(
            "write `[*].{name}` for that of each element, or `[0].{name}` for that of the first"
        ))),
        other => Err(Wrong::new(format!("{} has no `{name}`", other.kind()))),
    }
}

/// `base[key]`.
pub(super) fn element_of(base: &Value, key: &Value) -> Result<Value, Wrong> {
    match (base, key) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => Ok(Value::unknown()),
        (Value::Null, _) => Ok(Value::Null),
        (Value::List(items), key) => {
            let position = key
                .as_integer()
                .or_else(|| key.as_str().and_then(|text| text.parse().ok()))
                .ok_or_else(|| {
                    Wrong::new(format!(
                        "an element of a list is named by its position, found {}",
                        key.kind()
                    ))
                })?;
            usize::try_from(position)
                .ok()
                .and_then(|position| items.get(position))
                .cloned()
                .ok_or_else(|| {
                    Wrong::new(format!(
                        "the list has {} elements, and no element {position}",
                        items.len()
                    ))
                    .help("positions count from 0")
                })
        }
        (Value::Map(entries), key) => {
            let Some(name) = operators::text_of(key) else {
                return Err(Wrong::new(format!("a key is a text, found {}", key.kind())));
            };
            entries.get(&name).cloned().ok_or_else(|| {
                let wrong = Wrong::new("there is no such key in this table").because(format!("`{name}`"));
                match nearest(&name, entries.keys().map(String::as_str)) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong.help("use `lookup(table, key, default)` where it may be missing"),
                }
            })
        }
        (other, _) => Err(Wrong::new(format!("{} has no elements", other.kind()))),
    }
}
