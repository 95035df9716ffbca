//! Whether something without tags is what a lost create call asked for.
//!
//! What AWS knows only under a parent carries no tags. It is ours when it has the natural key of the intent
//! and everything else that the intent asked for; something that only shares the key was there before.

use std::collections::BTreeMap;

use infra_core::{AttributeKind, AttributeSchema, Attributes, TypeSchema, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// Whether `observed` has every attribute that is set and known in `wanted`, written the same or otherwise:
/// a document as text or table, lists in any order, one text or a list of it, a text in any of the spellings that
/// the schema says to mean the same. Sensitive attributes are known by their hash only and are taken as alike.
pub fn alike(schema: &TypeSchema, wanted: &Attributes, observed: &impl Serialize) -> bool {
    let Ok(Json::Object(observed)) = serde_json::to_value(observed) else {
        return false;
    };
    wanted
        .iter()
        .filter(|(_, value)| !value.is_null() && !has_hidden(value))
        .all(|(name, value)| match value.reveal() {
            Ok(value) => {
                let kind = schema.attributes.get(name).map(|attribute| &attribute.kind);
                let seen = observed.get(name).cloned().unwrap_or_default();
                same(&meant(kind, value), &meant(kind, seen))
            }
            Err(_) => true,
        })
}

/// The value with its texts in the spelling that is the same for all that mean the same.
fn meant(kind: Option<&AttributeKind>, value: Json) -> Json {
    let table = |inner: &BTreeMap<String, AttributeSchema>, value: Json| match value {
        Json::Object(entries) => entries
            .into_iter()
            .map(|(name, value)| {
                let kind = inner.get(&name).map(|attribute| &attribute.kind);
                (name, meant(kind, value))
            })
            .collect(),
        other => other,
    };
    match (kind, value) {
        (Some(AttributeKind::Spelled(spelling)), Json::String(text)) => {
            Json::String(spelling.meaning(&text).into_owned())
        }
        (Some(AttributeKind::List(inner) | AttributeKind::Set(inner)), Json::Array(items)) => items
            .into_iter()
            .map(|item| meant(Some(&**inner), item))
            .collect(),
        (Some(AttributeKind::KeyedList { element, .. }), Json::Array(items)) => {
            items.into_iter().map(|item| table(element, item)).collect()
        }
        (Some(AttributeKind::Object(inner)), value) => table(inner, value),
        (_, value) => value,
    }
}

fn has_hidden(value: &Value) -> bool {
    value.has_secret() || value.has_unknown()
}

/// Whether two documents mean the same, whichever of them is written as text.
pub fn same(wanted: &Json, seen: &Json) -> bool {
    match (wanted, seen) {
        (Json::Object(wanted), Json::Object(seen)) => wanted
            .iter()
            .filter(|(_, value)| !value.is_null())
            .all(|(name, value)| same(value, seen.get(name).unwrap_or(&Json::Null))),
        (Json::Array(wanted), Json::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().all(|item| seen.iter().any(|seen| same(item, seen)))
        }
        (Json::Array(list), one) | (one, Json::Array(list)) if list.len() == 1 => same(&list[0], one),
        // An empty list, table or text, or `false`, is what AWS leaves out.
        (wanted, Json::Null) => is_nothing(wanted),
        (Json::Number(wanted), Json::Number(seen)) => wanted.as_f64() == seen.as_f64(),
        (Json::String(text), table @ Json::Object(_)) | (table @ Json::Object(_), Json::String(text)) => {
            serde_json::from_str(text).is_ok_and(|parsed: Json| parsed.is_object() && same(&parsed, table))
        }
        _ => wanted == seen,
    }
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use infra_core::{Spelling, TypeName};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_the_same_in_another_spelling_is_found() {
        let mut schema = TypeSchema::new(TypeName::new("route53", "record"));
        let spelled = |spelling| AttributeKind::Spelled(spelling);
        let inner = BTreeMap::from([(
            "dns_name".to_owned(),
            AttributeSchema::new(spelled(Spelling::DnsName)),
        )]);
        for (name, kind) in [
            ("name", spelled(Spelling::DnsName)),
            (
                "values",
                AttributeKind::Set(Box::new(spelled(Spelling::RecordValue))),
            ),
            ("alias", AttributeKind::Object(inner)),
            ("text", AttributeKind::String),
        ] {
            schema.attributes.insert(name.into(), AttributeSchema::new(kind));
        }
        for (wanted, observed, expected) in [
            (
                json!({"name": "A.example.com."}),
                json!({"name": "a.example.com"}),
                true,
            ),
            (
                json!({"values": ["2001:DB8::1"]}),
                json!({"values": ["2001:db8:0::1"]}),
                true,
            ),
            (
                json!({"alias": {"dns_name": "B."}}),
                json!({"alias": {"dns_name": "b"}}),
                true,
            ),
            (json!({"text": "A"}), json!({"text": "a"}), false),
        ] {
            let Value::Map(attributes) = Value::from(wanted.clone()) else {
                panic!("{wanted} is no table")
            };
            assert_eq!(
                alike(&schema, &attributes, &observed),
                expected,
                "{wanted} {observed}"
            );
        }
    }

    #[test]
    fn what_was_asked_for_is_found_however_it_is_written() {
        let cases = [
            (
                json!({"key": "GET /a"}),
                json!({"key": "GET /a", "id": "x"}),
                true,
            ),
            (json!({"key": "GET /a"}), json!({"key": "GET /b"}), false),
            (
                json!({"document": "{\"Action\": [\"a\"]}"}),
                json!({"document": {"Action": "a"}}),
                true,
            ),
            (
                json!({"document": {"Action": "a"}}),
                json!({"document": {"Action": "b"}}),
                false,
            ),
            (json!({"list": ["a", "b"]}), json!({"list": ["b", "a"]}), true),
            (json!({"list": ["a"]}), json!({"list": ["b", "a"]}), false),
            (json!({"list": [], "on": false}), json!({}), true),
            (json!({"ttl": 60}), json!({"ttl": 60.0}), true),
            (json!({"ttl": 60}), json!({}), false),
        ];
        for (wanted, observed, expected) in cases {
            let Value::Map(attributes) = Value::from(wanted.clone()) else {
                panic!("{wanted} is no table")
            };
            let schema = TypeSchema::new(TypeName::new("made", "up"));
            assert_eq!(
                alike(&schema, &attributes, &observed),
                expected,
                "{wanted} {observed}"
            );
        }
    }
}
