//! What the file once set and sets no longer goes back to the type's default, at every level of tables.

use std::collections::BTreeMap;

use infra_core::{AttributeKind, AttributeSchema, Attributes, SealingKey, Value};

use crate::equality::{by_key, equal, key_of};

/// `wanted` with everything put back to its default (`Null`: cleared) that is in `applied` and not in it.
/// `None` when there is nothing of that kind. `skip` names attributes that are let be.
pub(crate) fn restored(
    table: &BTreeMap<String, AttributeSchema>,
    wanted: &Attributes,
    applied: &Attributes,
    skip: &dyn Fn(&str) -> bool,
    key: &SealingKey,
) -> Option<Attributes> {
    let mut result: Option<Attributes> = None;
    for (name, before) in applied {
        let Some(schema) = table.get(name).filter(|_| !before.is_null() && !skip(name)) else {
            continue;
        };
        let value = match wanted.get(name) {
            None => Some(schema.default.clone().unwrap_or_default()),
            Some(value) => restored_value(&schema.kind, value, before, key),
        };
        if let Some(value) = value {
            result
                .get_or_insert_with(|| wanted.clone())
                .insert(name.clone(), value);
        }
    }
    result
}

fn restored_value(kind: &AttributeKind, wanted: &Value, applied: &Value, key: &SealingKey) -> Option<Value> {
    match (kind, wanted, applied) {
        (AttributeKind::Object(table), Value::Map(wanted), Value::Map(applied)) => {
            restored(table, wanted, applied, &|_| false, key).map(Value::Map)
        }
        (AttributeKind::KeyedList { key: name, element }, Value::List(items), Value::List(_)) => {
            let before = by_key(name, Some(applied), key);
            restored_elements(items, |_, item| {
                let before = before.get(&key_of(name, item, key)?)?;
                restored(element, item.as_map()?, before.as_map()?, &|_| false, key).map(Value::Map)
            })
        }
        (AttributeKind::List(inner), Value::List(items), Value::List(before)) => {
            restored_elements(items, |position, item| {
                restored_value(inner, item, before.get(position)?, key)
            })
        }
        // An element of a set has no name. One that was not applied as it is, but is part of one that was,
        // is that one with something taken away.
        (AttributeKind::Set(inner), Value::List(items), Value::List(before)) => {
            restored_elements(items, |_, item| {
                if before.iter().any(|before| before.same(item)) {
                    return None;
                }
                let before = before
                    .iter()
                    .find(|before| equal(inner, item, Some(before), key))?;
                restored_value(inner, item, before, key)
            })
        }
        _ => None,
    }
}

fn restored_elements(items: &[Value], mut one: impl FnMut(usize, &Value) -> Option<Value>) -> Option<Value> {
    let mut result: Option<Vec<Value>> = None;
    for (position, item) in items.iter().enumerate() {
        if let Some(value) = one(position, item) {
            result.get_or_insert_with(|| items.to_vec())[position] = value;
        }
    }
    result.map(Value::List)
}
