//! Looking from one resource of a stack to another, for rules that hold between them.

use std::collections::BTreeMap;

use infra_core::{Attributes, ResourceAddress, Value};
use infra_provider::FieldName;

use crate::fields::value_of;

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
pub fn elements(attributes: &Attributes, field: impl FieldName) -> &[Value] {
    value_of(attributes, field)
        .and_then(Value::as_list)
        .unwrap_or_default()
}

/// A key of a table.
pub fn member(table: &Value, key: impl FieldName) -> Option<&Value> {
    value_of(table.as_map()?, key).filter(|value| !value.is_null())
}

/// The known text of a key of a table.
pub fn member_str(table: &Value, key: impl FieldName) -> Option<&str> {
    member(table, key).and_then(Value::as_str)
}

/// The known whole number of a key of a table.
pub fn member_integer(table: &Value, key: impl FieldName) -> Option<i64> {
    member(table, key).and_then(Value::as_integer)
}
