//! Attributes without what means the same as none: a type's rules hold for what is left.

use std::borrow::Cow;
use std::collections::BTreeMap;

use infra_core::{AttributeKind, AttributeSchema, Attributes, Value};

/// The attributes without those that mean the same as none, at every depth of tables.
pub(crate) fn left_out<'a>(
    table: &BTreeMap<String, AttributeSchema>,
    attributes: &'a Attributes,
) -> Cow<'a, Attributes> {
    let mut left: Cow<'a, Attributes> = Cow::Borrowed(attributes);
    for (name, value) in attributes {
        let Some(schema) = table.get(name) else { continue };
        if schema.nothing.is_some() && schema.is_nothing(value) {
            left.to_mut().remove(name);
        } else if let Some(inner) = inside(&schema.kind, value) {
            left.to_mut().insert(name.clone(), inner);
        }
    }
    left
}

/// The value without what means the same as none in it; `None` where there is no such thing.
fn inside(kind: &AttributeKind, value: &Value) -> Option<Value> {
    let of_table = |table, value: &Value| match left_out(table, value.as_map()?) {
        Cow::Borrowed(_) => None,
        Cow::Owned(left) => Some(Value::Map(left)),
    };
    let of_items = |one: &dyn Fn(&Value) -> Option<Value>| {
        let items = value.as_list()?;
        let mut left: Cow<'_, [Value]> = Cow::Borrowed(items);
        for (position, item) in items.iter().enumerate() {
            if let Some(inner) = one(item) {
                left.to_mut()[position] = inner;
            }
        }
        match left {
            Cow::Borrowed(_) => None,
            Cow::Owned(left) => Some(Value::List(left)),
        }
    };
    match kind {
        AttributeKind::Object(table) => of_table(table, value),
        AttributeKind::KeyedList { element, .. } => of_items(&|item| of_table(element, item)),
        AttributeKind::List(kind) | AttributeKind::Set(kind) => of_items(&|item| inside(kind, item)),
        _ => None,
    }
}
