//! The attributes that expressions see: of what stays, of what changes, of what is yet to be made.

use std::collections::BTreeMap;

use infra_core::{
    AttributeKind, AttributeSchema, Attributes, ResourceAddress, TypeDefinition, TypeSchema, Value,
};

use crate::equality::is_nothing;

/// What expressions see of a resource that AWS has: everything observed, with what is `wanted` over it, what
/// follows from that, and `Null` for every other attribute of the type.
pub fn attributes_seen(
    definition: &dyn TypeDefinition,
    wanted: &Attributes,
    observed: &Attributes,
) -> Attributes {
    let mut attributes = attributes_after(definition.schema(), wanted, observed);
    for (name, value) in definition.derive(&attributes) {
        // What AWS tells is so, whatever would follow.
        let is_computed = definition.schema().computed.contains_key(&name);
        if is_computed && attributes.get(&name).is_none_or(Value::is_null) {
            attributes.insert(name, value);
        }
    }
    attributes
}

/// Everything observed, with what is `wanted` over it, and `Null` for every other attribute of the type.
pub fn attributes_after(schema: &TypeSchema, wanted: &Attributes, observed: &Attributes) -> Attributes {
    let mut attributes = observed.clone();
    for (name, value) in wanted {
        let kind = schema.attributes.get(name).map(|attribute| &attribute.kind);
        overlay(kind, attributes.entry(name.clone()).or_default(), value);
    }
    for name in schema.names() {
        if !attributes.contains_key(name) {
            attributes.insert(name.to_owned(), Value::Null);
        }
    }
    attributes
}

/// Puts what is wanted over what is observed; of a table, key by key.
fn overlay(kind: Option<&AttributeKind>, below: &mut Value, above: &Value) {
    match (kind, below, above) {
        (Some(AttributeKind::Object(table)), Value::Map(below), Value::Map(above)) => {
            overlay_table(table, below, above);
        }
        (_, below, above) if is_nothing(above) && is_nothing(below) && !above.is_null() => {
            *below = above.clone()
        }
        (_, _, Value::Null) => {}
        (_, below, above) => *below = above.clone(),
    }
}

fn overlay_table(table: &BTreeMap<String, AttributeSchema>, below: &mut Attributes, above: &Attributes) {
    for (name, value) in above {
        let kind = table.get(name).map(|schema| &schema.kind);
        overlay(kind, below.entry(name.clone()).or_default(), value);
    }
}

/// What expressions see of a resource that is going to be made: what the file sets, what follows from it,
/// and for the rest that it is not known yet.
pub(crate) fn of_new(
    address: &ResourceAddress,
    definition: &dyn TypeDefinition,
    set: &Attributes,
) -> Attributes {
    let schema = definition.schema();
    let mut attributes = set.clone();
    derive(definition, &mut attributes);
    for (name, attribute) in &schema.attributes {
        if !attributes.contains_key(name) {
            let value = match &attribute.default {
                Some(default) => default.clone(),
                None if attribute.write_only => Value::Null,
                None => Value::known_later(address, name),
            };
            attributes.insert(name.clone(), value);
        }
    }
    for name in schema.computed.keys() {
        attributes
            .entry(name.clone())
            .or_insert_with(|| Value::known_later(address, name));
    }
    attributes
}

/// What expressions see of a resource that is going to be updated. `pending`: AWS may not tell everything yet.
pub(crate) fn of_updated(
    address: &ResourceAddress,
    definition: &dyn TypeDefinition,
    wanted: &Attributes,
    observed: &Attributes,
    pending: bool,
) -> Attributes {
    let schema = definition.schema();
    let mut attributes = attributes_after(schema, wanted, observed);
    for (name, computed) in &schema.computed {
        if computed.changes_on_update && !wanted.contains_key(name) {
            attributes.remove(name);
        }
    }
    for (name, _) in wanted.iter().filter(|(_, value)| value.is_null()) {
        // Cleared, or whatever AWS takes instead.
        attributes.insert(name.clone(), Value::known_later(address, name));
    }
    derive(definition, &mut attributes);
    finish(address, schema, attributes, pending)
}

/// What expressions see of a resource that stays as it is.
pub(crate) fn of_kept(
    address: &ResourceAddress,
    definition: &dyn TypeDefinition,
    wanted: &Attributes,
    observed: &Attributes,
    pending: bool,
) -> Attributes {
    let schema = definition.schema();
    let attributes = attributes_seen(definition, wanted, observed);
    finish(address, schema, attributes, pending)
}

fn finish(
    address: &ResourceAddress,
    schema: &TypeSchema,
    mut attributes: Attributes,
    pending: bool,
) -> Attributes {
    for name in schema.computed.keys() {
        let value = attributes
            .entry(name.clone())
            .or_insert_with(|| Value::known_later(address, name));
        if pending && value.is_null() {
            *value = Value::known_later(address, name);
        }
    }
    attributes
}

/// Adds computed attributes that follow from the others.
fn derive(definition: &dyn TypeDefinition, attributes: &mut Attributes) {
    for (name, value) in definition.derive(attributes) {
        let file_may_set = definition.schema().attributes.contains_key(&name);
        if !file_may_set || attributes.get(&name).is_none_or(Value::is_null) {
            attributes.insert(name, value);
        }
    }
}
