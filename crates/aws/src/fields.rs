//! Looking into attributes by the fields of their types: a name that no type has does not compile.

use infra_core::{Attributes, Value, types};
use infra_provider::FieldName;

/// The attribute as it is, known or not.
pub fn value_of(attributes: &Attributes, field: impl FieldName) -> Option<&Value> {
    attributes.get(field.name())
}

/// The known value of an attribute.
pub fn known(attributes: &Attributes, field: impl FieldName) -> Option<&Value> {
    types::known(attributes, field.name())
}

/// The known text of an attribute.
pub fn known_str(attributes: &Attributes, field: impl FieldName) -> Option<&str> {
    types::known_str(attributes, field.name())
}
