//! Looking from one resource of a stack to another, for rules that hold between them.

use std::collections::BTreeMap;

use infra_core::{Attributes, ResourceAddress, Value};

/// All resources of a stack.
pub type Stack = BTreeMap<ResourceAddress, Attributes>;

/// The resources of one type.
pub fn of_type<'s>(
    stack: &'s Stack,
    type_name: &'s str,
) -> impl Iterator<Item = (&'s ResourceAddress, &'s Attributes)> {
    stack
        .iter()
        .filter(move |(address, _)| address.type_name().to_string() == type_name)
}

/// The resource of the stack that a value will come from: the value is not known yet, and is one attribute
/// of a resource of this type.
pub fn meant<'s>(stack: &'s Stack, value: Option<&Value>, type_name: &str) -> Option<&'s Attributes> {
    let Some(Value::Unknown(unknown)) = value else {
        return None;
    };
    let address = &unknown.origin.as_ref()?.address;
    (address.type_name().to_string() == type_name)
        .then(|| stack.get(address))
        .flatten()
}

/// The elements of a list attribute; none when it is missing or not known at all.
pub fn elements<'a>(attributes: &'a Attributes, name: &str) -> &'a [Value] {
    attributes.get(name).and_then(Value::as_list).unwrap_or_default()
}

/// A key of a table.
pub fn member<'a>(table: &'a Value, name: &str) -> Option<&'a Value> {
    table.as_map()?.get(name).filter(|value| !value.is_null())
}

/// The known text of a key of a table.
pub fn member_str<'a>(table: &'a Value, name: &str) -> Option<&'a str> {
    member(table, name).and_then(Value::as_str)
}

/// The known whole number of a key of a table.
pub fn member_integer(table: &Value, name: &str) -> Option<i64> {
    member(table, name).and_then(Value::as_integer)
}
