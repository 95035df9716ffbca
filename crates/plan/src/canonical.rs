//! The one form of a value that all ways of writing it share.
//!
//! After this, an object, a keyed list, a list, a map or a table of any shape may hold secrets in its leaves, and
//! everything else (a set, a JSON document, a single value) is either wholly clear or wholly one secret. So a
//! secret's hash never covers another hash.

use std::collections::BTreeMap;

use infra_core::schema::ComputedSchema;
use infra_core::{AttributeKind, AttributeSchema, Attributes, Secret, TypeSchema, Value};

use crate::json;

/// The kind of a computed attribute, or of one that the schema does not know.
pub(crate) fn computed_kind(computed: Option<&ComputedSchema>) -> &AttributeKind {
    computed.map_or(&AttributeKind::Any, |schema| &schema.kind)
}

/// Whether a value means the same as none.
pub(crate) fn is_nothing(schema: Option<&AttributeSchema>, value: &Value) -> bool {
    schema.map_or(value.is_null(), |schema| schema.is_nothing(value))
}

/// A resource's attributes, without those that are null or mean the same.
pub(crate) fn attributes(schema: &TypeSchema, values: Attributes) -> Attributes {
    values
        .into_iter()
        .filter(|(name, value)| !is_nothing(schema.attributes.get(name), value))
        .map(|(name, value)| {
            let value = match schema.attributes.get(&name) {
                Some(attribute) => canonical(&attribute.kind, attribute.sensitive, value),
                None => canonical(computed_kind(schema.computed.get(&name)), false, value),
            };
            (name, value)
        })
        .collect()
}

/// A value in its canonical form; `hidden` when it is sensitive as a whole.
pub(crate) fn canonical(kind: &AttributeKind, hidden: bool, value: Value) -> Value {
    match (kind, value) {
        (_, value @ (Value::Null | Value::Unknown(_) | Value::Secret(Secret::Sealed(_)))) => value,
        (kind, Value::Secret(Secret::Clear(inner))) => canonical(kind, true, *inner),
        (AttributeKind::Object(table), Value::Map(entries)) => canonical_table(table, hidden, entries),
        (AttributeKind::KeyedList { element, .. }, Value::List(items)) => Value::List(
            items
                .into_iter()
                .map(|item| match item {
                    Value::Map(entries) => canonical_table(element, hidden, entries),
                    Value::Secret(Secret::Clear(inner)) => match *inner {
                        Value::Map(entries) => canonical_table(element, true, entries),
                        other => Value::secret(other),
                    },
                    other => canonical(&AttributeKind::Any, hidden, other),
                })
                .collect(),
        ),
        (AttributeKind::List(inner), Value::List(items)) if !hidden || has_tables(inner) => Value::List(
            items
                .into_iter()
                .map(|item| canonical(inner, hidden, item))
                .collect(),
        ),
        (AttributeKind::Map(inner), Value::Map(entries)) if !hidden => Value::Map(
            entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, canonical(inner, false, value)))
                .collect(),
        ),
        (AttributeKind::Any, Value::List(items)) if !hidden => Value::List(
            items
                .into_iter()
                .map(|item| canonical(kind, false, item))
                .collect(),
        ),
        (AttributeKind::Any, Value::Map(entries)) if !hidden => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, canonical(kind, false, value)))
                .collect(),
        ),
        (kind, value) => leaf(kind, hidden, value),
    }
}

fn canonical_table(table: &BTreeMap<String, AttributeSchema>, hidden: bool, entries: Attributes) -> Value {
    Value::Map(
        entries
            .into_iter()
            .filter(|(name, value)| !is_nothing(table.get(name), value))
            .map(|(name, value)| {
                let value = match table.get(&name) {
                    Some(schema) => canonical(&schema.kind, hidden || schema.sensitive, value),
                    None => canonical(&AttributeKind::Any, hidden, value),
                };
                (name, value)
            })
            .collect(),
    )
}

fn has_tables(kind: &AttributeKind) -> bool {
    match kind {
        AttributeKind::Object(_) | AttributeKind::KeyedList { .. } => true,
        AttributeKind::List(inner) => has_tables(inner),
        _ => false,
    }
}

/// A value that is shown, compared and hidden as one.
fn leaf(kind: &AttributeKind, hidden: bool, value: Value) -> Value {
    let value = normal(kind, value);
    if !hidden && !value.has_secret() {
        return value;
    }
    if value.has_unknown() {
        return Value::unknown();
    }
    Value::secret(meaning(kind, value))
}

/// A clear value in the form in which it is sent and shown.
fn normal(kind: &AttributeKind, value: Value) -> Value {
    match (kind, value) {
        (AttributeKind::Set(inner), Value::List(items)) => Value::List(sorted(
            items
                .into_iter()
                .map(|item| canonical(inner, false, item))
                .collect(),
        )),
        (AttributeKind::Json { .. }, value) => json::parsed(value),
        (AttributeKind::Spelled(spelling), Value::String(text)) => {
            Value::String(spelling.as_told(&text).into_owned())
        }
        (_, value) => json::plain_numbers(value),
    }
}

/// A value with all secrets in clear, equal for all values that mean the same: what is hashed.
pub(crate) fn meaning(kind: &AttributeKind, value: Value) -> Value {
    match (kind, strip(value)) {
        (AttributeKind::Json { policy }, value) => json::meaning(value, *policy),
        (AttributeKind::Spelled(spelling), Value::String(text)) => {
            Value::String(spelling.meaning(&text).into_owned())
        }
        (AttributeKind::List(inner), Value::List(items)) => {
            Value::List(items.into_iter().map(|item| meaning(inner, item)).collect())
        }
        (AttributeKind::Set(inner), Value::List(items)) => Value::List(set_meaning(inner, items)),
        (AttributeKind::Map(inner), Value::Map(entries)) => Value::Map(
            entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, meaning(inner, value)))
                .collect(),
        ),
        (kind, value) => normal(kind, value),
    }
}

/// The same for the elements of a set.
pub(crate) fn set_meaning(inner: &AttributeKind, items: Vec<Value>) -> Vec<Value> {
    sorted(items.into_iter().map(|item| meaning(inner, item)).collect())
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by(Value::order);
    items.dedup_by(|left, right| !left.has_unknown() && left.same(right));
    items
}

/// The value with every secret in clear, as far as it is known.
fn strip(value: Value) -> Value {
    match value {
        Value::Secret(Secret::Clear(inner)) => strip(*inner),
        Value::List(items) => Value::List(items.into_iter().map(strip).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, strip(value)))
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: Vec<Value>) -> Value {
        canonical(
            &AttributeKind::Set(Box::new(AttributeKind::String)),
            false,
            Value::List(items),
        )
    }

    #[test]
    fn sets_are_sorted_and_hold_each_value_once() {
        assert_eq!(
            set(vec!["b".into(), "a".into(), "b".into()]),
            Value::from(vec!["a", "b"])
        );
    }

    #[test]
    fn two_unknown_elements_of_a_set_stay_two() {
        let unknown = set(vec![Value::unknown(), "a".into(), Value::unknown()]);
        assert_eq!(unknown.as_list().map(<[Value]>::len), Some(3));
    }

    #[test]
    fn a_set_with_a_secret_in_it_is_one_secret() {
        let hidden = set(vec![Value::secret("b".into()), "a".into()]);
        assert_eq!(hidden, Value::secret(Value::from(vec!["a", "b"])));
    }

    #[test]
    fn a_secret_in_a_table_of_any_shape_hides_nothing_beside_it() {
        let shaped = |token: Value| {
            Value::from(BTreeMap::from([
                ("who".to_owned(), Value::from("somebody")),
                ("later".to_owned(), Value::unknown()),
                ("tokens".to_owned(), Value::List(vec![token, Value::Float(2.0)])),
            ]))
        };
        let found = canonical(
            &AttributeKind::Any,
            false,
            shaped(Value::secret(Value::Float(1.0))),
        );
        let Some(tokens) = found.as_map().and_then(|entries| entries["tokens"].as_list()) else {
            panic!("{found:?}")
        };
        assert_eq!(tokens, [Value::secret(Value::Integer(1)), Value::Integer(2)]);
        assert_eq!(found.as_map().unwrap()["who"], Value::from("somebody"));
        assert!(matches!(found.as_map().unwrap()["later"], Value::Unknown(_)));
    }

    #[test]
    fn a_secret_table_is_a_table_of_secrets() {
        let kind = AttributeKind::Object(BTreeMap::from([(
            "name".to_owned(),
            AttributeSchema::new(AttributeKind::String),
        )]));
        let table = Value::from(BTreeMap::from([("name".to_owned(), Value::from("x"))]));
        let expected = Value::from(BTreeMap::from([(
            "name".to_owned(),
            Value::secret(Value::from("x")),
        )]));
        assert_eq!(canonical(&kind, false, Value::secret(table)), expected);
    }
}
