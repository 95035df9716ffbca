//! From typed to untyped and back.

use std::collections::BTreeMap;

use infra_core::{
    AttributeKind, AttributeSchema, Attributes, ErrorClass, ProviderError, StackTag, TypeSchema, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::call::TAG_STACK;

/// Attributes as a type; nulls are the same as not set, secrets are passed on in clear.
///
/// # Errors
/// [`ErrorClass::Invalid`] naming the attribute that does not fit, without its value.
pub fn decode<S: DeserializeOwned>(attributes: &Attributes) -> ProviderResult<S> {
    let mut json = serde_json::Map::new();
    for (name, value) in attributes {
        if value.is_null() {
            continue;
        }
        let revealed = value.reveal().map_err(|error| {
            ProviderError::new(ErrorClass::Invalid, format!("attribute `{name}`: {error}"))
        })?;
        json.insert(name.clone(), revealed);
    }
    serde_path_to_error::deserialize(serde_json::Value::Object(json)).map_err(|error| {
        // serde's own message may quote the value, which may be secret.
        ProviderError::new(
            ErrorClass::Invalid,
            format!("attribute `{}` does not fit its type", error.path()),
        )
        .hint("`infra validate` says what the attribute takes")
    })
}

/// Takes the tag that says whose something is out of the user's tags.
pub(crate) fn take_stack_tag(observed: &mut Attributes) -> StackTag {
    let Some(Value::Map(tags)) = observed.get_mut("tags") else {
        return StackTag::Untold;
    };
    match tags.remove(TAG_STACK) {
        Some(Value::String(stack)) => StackTag::Names(stack),
        _ => StackTag::Missing,
    }
}

/// What was observed as attributes; what is `None` is left out, and what has no order comes in always the same one: AWS
/// tells it in any.
pub(crate) fn encode<O: Serialize>(observed: &O, schema: &TypeSchema) -> ProviderResult<Attributes> {
    let wrong = |message: String| ProviderError::new(ErrorClass::Other, message);
    match serde_json::to_value(observed).map_err(|error| wrong(error.to_string()))? {
        serde_json::Value::Object(entries) => Ok(entries
            .into_iter()
            .map(|(name, json)| {
                let value = without_nulls(Value::from(json));
                match schema.kind(&name) {
                    Some(kind) => (name, in_order(kind, value)),
                    None => (name, value),
                }
            })
            .filter(|(_, value)| !value.is_null())
            .collect()),
        _ => Err(wrong("what a provider observes must be a table".into())),
    }
}

/// The value with the elements of every set in order.
fn in_order(kind: &AttributeKind, value: Value) -> Value {
    match (kind, value) {
        (AttributeKind::Set(inner), Value::List(items)) => {
            let mut items: Vec<Value> = items.into_iter().map(|item| in_order(inner, item)).collect();
            items.sort_by(Value::order);
            Value::List(items)
        }
        (AttributeKind::List(inner), Value::List(items)) => {
            Value::List(items.into_iter().map(|item| in_order(inner, item)).collect())
        }
        (AttributeKind::Map(inner), Value::Map(entries)) => {
            let entries = entries.into_iter();
            Value::Map(
                entries
                    .map(|(name, value)| (name, in_order(inner, value)))
                    .collect(),
            )
        }
        (AttributeKind::KeyedList { element, .. }, Value::List(items)) => Value::List(
            items
                .into_iter()
                .map(|item| table_in_order(element, item))
                .collect(),
        ),
        (AttributeKind::Object(table), value) => table_in_order(table, value),
        (_, value) => value,
    }
}

fn table_in_order(table: &BTreeMap<String, AttributeSchema>, value: Value) -> Value {
    let Value::Map(entries) = value else { return value };
    let entries = entries.into_iter().map(|(name, value)| match table.get(&name) {
        Some(schema) => (name, in_order(&schema.kind, value)),
        None => (name, value),
    });
    Value::Map(entries.collect())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, without_nulls(value)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
        Value::List(items) => Value::List(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use infra_core::schema::ComputedSchema;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        name: String,
        size: Option<i64>,
    }

    #[test]
    fn nulls_are_not_set_and_secrets_are_passed_on() {
        let attributes = Attributes::from([
            ("name".into(), Value::secret(Value::from("hunter2"))),
            ("size".into(), Value::Null),
        ]);
        let spec: Spec = decode(&attributes).unwrap();
        assert_eq!(
            spec,
            Spec {
                name: "hunter2".into(),
                size: None
            }
        );
        let encoded = encode(&spec, &TypeSchema::new("test.thing".parse().unwrap())).unwrap();
        assert_eq!(encoded.keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn what_has_no_order_is_told_in_always_the_same_one() {
        let names = || AttributeKind::Set(Box::new(AttributeKind::String));
        let computed = |kind| ComputedSchema {
            kind,
            description: String::new(),
            changes_on_update: false,
        };
        let mut schema = TypeSchema::new("test.thing".parse().unwrap());
        schema.computed.insert("names".to_owned(), computed(names()));
        schema.computed.insert(
            "groups".to_owned(),
            computed(AttributeKind::List(Box::new(names()))),
        );
        let told = serde_json::json!({ "names": ["b", "a"], "groups": [["2", "1"], ["0"]] });
        let encoded = encode(&told, &schema).unwrap();
        assert_eq!(encoded["names"], Value::from(vec!["a", "b"]));
        assert_eq!(
            encoded["groups"],
            Value::List(vec![Value::from(vec!["1", "2"]), Value::from(vec!["0"])])
        );
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let attributes = Attributes::from([
            ("name".into(), Value::from("a")),
            ("size".into(), Value::secret(Value::from("hunter2"))),
        ]);
        let error = decode::<Spec>(&attributes).unwrap_err().to_string();
        assert!(error.contains("`size`") && !error.contains("hunter2"), "{error}");
        let unknown = Attributes::from([("name".into(), Value::unknown())]);
        assert!(
            decode::<Spec>(&unknown)
                .unwrap_err()
                .to_string()
                .contains("not known yet")
        );
    }
}
