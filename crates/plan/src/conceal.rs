//! Hiding in what AWS tells what must not be shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use infra_core::{AttributeKind, AttributeSchema, Attributes, SealingKey, TypeSchema, Value};

use crate::canonical::{canonical, computed_kind};
use crate::equality::{by_key, key_of};

/// What AWS tells of a resource, with everything secret that the schema calls sensitive or that is secret in
/// one of `models` (what the file wants, what was last applied), at the same place. The secrets are in
/// clear; seal them before they are stored.
pub fn conceal<'a>(
    schema: &TypeSchema,
    observed: &'a Attributes,
    models: [&Attributes; 2],
    key: &SealingKey,
) -> Cow<'a, Attributes> {
    let secrets_wanted = models.iter().any(|model| model.values().any(Value::has_secret));
    if !secrets_wanted && !has_sensitive(&schema.attributes) {
        return Cow::Borrowed(observed);
    }
    Cow::Owned(
        observed
            .iter()
            .map(|(name, value)| {
                let models = models.map(|model| model.get(name));
                let value = match schema.attributes.get(name) {
                    Some(attribute) => concealed(&attribute.kind, attribute.sensitive, value, models, key),
                    None => concealed(
                        computed_kind(schema.computed.get(name)),
                        false,
                        value,
                        models,
                        key,
                    ),
                };
                (name.clone(), value)
            })
            .collect(),
    )
}

fn has_sensitive(table: &BTreeMap<String, AttributeSchema>) -> bool {
    fn inside(kind: &AttributeKind) -> bool {
        match kind {
            AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. } => {
                has_sensitive(table)
            }
            AttributeKind::List(inner) | AttributeKind::Set(inner) | AttributeKind::Map(inner) => {
                inside(inner)
            }
            _ => false,
        }
    }
    table
        .values()
        .any(|schema| schema.sensitive || inside(&schema.kind))
}

fn concealed(
    kind: &AttributeKind,
    sensitive: bool,
    observed: &Value,
    models: [Option<&Value>; 2],
    key: &SealingKey,
) -> Value {
    if sensitive || models.iter().any(|model| matches!(model, Some(Value::Secret(_)))) {
        return canonical(kind, true, observed.clone());
    }
    match (kind, observed) {
        (AttributeKind::Object(table), Value::Map(entries)) => concealed_table(table, entries, models, key),
        (AttributeKind::KeyedList { key: name, element }, Value::List(items)) => {
            if models.iter().any(|model| names_are_secret(name, *model)) {
                return canonical(kind, true, observed.clone());
            }
            let models = models.map(|model| by_key(name, model, key));
            let element_of = |item: &Value| {
                let Value::Map(entries) = item else {
                    return item.clone();
                };
                let name = key_of(name, item, key).unwrap_or_default();
                let [wanted, applied] = &models;
                let models = [wanted.get(&name).copied(), applied.get(&name).copied()];
                concealed_table(element, entries, models, key)
            };
            Value::List(items.iter().map(element_of).collect())
        }
        (AttributeKind::List(_) | AttributeKind::Any, Value::List(items)) => {
            let inner = match kind {
                AttributeKind::List(inner) => inner,
                other => other,
            };
            // AWS may have the elements at other places, so one secret hides them all.
            let hidden = part_is_sensitive(inner) || holds_secret(models);
            Value::List(
                items
                    .iter()
                    .map(|item| {
                        if hidden {
                            canonical(inner, true, item.clone())
                        } else {
                            item.clone()
                        }
                    })
                    .collect(),
            )
        }
        (AttributeKind::Map(_) | AttributeKind::Any, Value::Map(entries)) => {
            let inner = match kind {
                AttributeKind::Map(inner) => inner,
                other => other,
            };
            let of_entry = |(name, value): (&String, &Value)| {
                let models = models.map(|model| model.and_then(Value::as_map)?.get(name));
                (name.clone(), concealed(inner, false, value, models, key))
            };
            Value::Map(entries.iter().map(of_entry).collect())
        }
        // Sensitive parts of a set's elements: nothing says which element is which, so all is hidden.
        (AttributeKind::Set(inner), value) if part_is_sensitive(inner) => {
            canonical(kind, true, value.clone())
        }
        // What is secret in a value of another shape may be anywhere in it.
        (_, value) if holds_secret(models) => canonical(kind, true, value.clone()),
        (_, value) => value.clone(),
    }
}

fn holds_secret(models: [Option<&Value>; 2]) -> bool {
    models.into_iter().flatten().any(Value::has_secret)
}

/// Whether the keys that tell elements apart are themselves secret.
fn names_are_secret(key: &str, model: Option<&Value>) -> bool {
    let items = model.and_then(Value::as_list).unwrap_or_default();
    items.iter().any(|item| {
        item.as_map()
            .and_then(|entries| entries.get(key))
            .is_some_and(Value::has_secret)
    })
}

fn part_is_sensitive(kind: &AttributeKind) -> bool {
    match kind {
        AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. } => {
            has_sensitive(table)
        }
        _ => false,
    }
}

fn concealed_table(
    table: &BTreeMap<String, AttributeSchema>,
    entries: &Attributes,
    models: [Option<&Value>; 2],
    key: &SealingKey,
) -> Value {
    Value::Map(
        entries
            .iter()
            .map(|(name, value)| {
                let models = models.map(|model| model.and_then(Value::as_map)?.get(name));
                let schema = table.get(name);
                let kind = schema.map_or(&AttributeKind::Any, |schema| &schema.kind);
                let sensitive = schema.is_some_and(|schema| schema.sensitive);
                (name.clone(), concealed(kind, sensitive, value, models, key))
            })
            .collect(),
    )
}
