//! Whether two values are the same in the eyes of AWS.

use std::collections::BTreeMap;

use infra_core::{AttributeKind, AttributeSchema, Attributes, SealingKey, Secret, Value};

use crate::canonical::{is_nothing as is_nothing_for, meaning, set_meaning};

/// What tells an element of a keyed list from the others, in a form that can be looked up.
pub(crate) fn key_of(key: &str, element: &Value, sealing_key: &SealingKey) -> Option<String> {
    match element.as_map()?.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Secret(secret) => Some(sealing_key.seal(secret)),
        _ => None,
    }
}

/// The elements of a keyed list by their keys; of several with one key the first.
pub(crate) fn by_key<'v>(
    key: &str,
    list: Option<&'v Value>,
    sealing_key: &SealingKey,
) -> BTreeMap<String, &'v Value> {
    let mut found = BTreeMap::new();
    for (position, element) in list
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let name = key_of(key, element, sealing_key).unwrap_or_else(|| format!("\u{10ffff}{position:08}"));
        found.entry(name).or_insert(element);
    }
    found
}

/// Whether AWS has what is wanted of one value. Of a table only the keys that are wanted count.
pub(crate) fn equal(
    kind: &AttributeKind,
    wanted: &Value,
    observed: Option<&Value>,
    key: &SealingKey,
) -> bool {
    let observed = observed.unwrap_or(&Value::Null);
    if is_nothing(wanted) && (is_nothing(observed) || (wanted.is_null() && observed.as_str() == Some(""))) {
        return true;
    }
    match (kind, wanted, observed) {
        (_, wanted, observed) if wanted.has_unknown() || observed.has_unknown() => false,
        (_, Value::Secret(_), _) | (_, _, Value::Secret(_)) => {
            seal(kind, wanted, key) == seal(kind, observed, key)
        }
        (AttributeKind::Any, wanted, observed) => equal_anything(wanted, observed, key),
        (_, wanted, observed) if wanted.same(observed) => true,
        (AttributeKind::Object(table), Value::Map(wanted), Value::Map(observed)) => {
            equal_tables(table, wanted, observed, key)
        }
        (AttributeKind::List(inner), Value::List(wanted), Value::List(observed)) => {
            wanted.len() == observed.len()
                && wanted
                    .iter()
                    .zip(observed)
                    .all(|(wanted, observed)| equal(inner, wanted, Some(observed), key))
        }
        (AttributeKind::Map(inner), Value::Map(wanted), Value::Map(observed)) => {
            wanted.len() == observed.len()
                && wanted.iter().all(|(name, wanted)| {
                    observed
                        .get(name)
                        .is_some_and(|observed| equal(inner, wanted, Some(observed), key))
                })
        }
        (AttributeKind::Set(inner), Value::List(wanted), Value::List(observed)) => {
            equal_sets(inner, wanted, observed, key)
        }
        (AttributeKind::KeyedList { key: name, element }, Value::List(wanted), Value::List(items)) => {
            let there = by_key(name, Some(observed), key);
            wanted.len() == items.len()
                && wanted.iter().all(|item| {
                    let other = key_of(name, item, key).and_then(|name| there.get(&name)?.as_map());
                    match (item, other) {
                        (Value::Map(wanted), Some(observed)) => equal_tables(element, wanted, observed, key),
                        _ => false,
                    }
                })
        }
        (AttributeKind::Json { .. } | AttributeKind::Spelled(_), wanted, observed) => {
            meaning(kind, wanted.clone()) == meaning(kind, observed.clone())
        }
        _ => false,
    }
}

/// Values of any shape are the same when all their parts are, whichever of these are secret.
fn equal_anything(wanted: &Value, observed: &Value, key: &SealingKey) -> bool {
    match (wanted, observed) {
        (Value::Secret(_), _) | (_, Value::Secret(_)) => {
            seal(&AttributeKind::Any, wanted, key) == seal(&AttributeKind::Any, observed, key)
        }
        (Value::List(wanted), Value::List(observed)) => {
            wanted.len() == observed.len()
                && wanted
                    .iter()
                    .zip(observed)
                    .all(|(wanted, observed)| equal_anything(wanted, observed, key))
        }
        (Value::Map(wanted), Value::Map(observed)) => {
            wanted.len() == observed.len()
                && wanted.iter().all(|(name, wanted)| {
                    observed
                        .get(name)
                        .is_some_and(|observed| equal_anything(wanted, observed, key))
                })
        }
        _ => wanted.same(observed),
    }
}

fn equal_tables(
    table: &BTreeMap<String, AttributeSchema>,
    wanted: &Attributes,
    observed: &Attributes,
    key: &SealingKey,
) -> bool {
    wanted.iter().all(|(name, wanted)| {
        let schema = table.get(name);
        let kind = schema.map_or(&AttributeKind::Any, |schema| &schema.kind);
        schema.is_some_and(|schema| schema.write_only)
            || equal(
                kind,
                meant(schema, wanted),
                observed.get(name).map(|value| meant(schema, value)),
                key,
            )
    })
}

/// A value, or null where it means the same.
pub(crate) fn meant<'v>(schema: Option<&AttributeSchema>, value: &'v Value) -> &'v Value {
    if is_nothing_for(schema, value) {
        &Value::Null
    } else {
        value
    }
}

/// Pairs every wanted element with another observed one.
fn equal_sets(inner: &AttributeKind, wanted: &[Value], observed: &[Value], key: &SealingKey) -> bool {
    let wanted = set_meaning(inner, wanted.to_vec());
    let observed = set_meaning(inner, observed.to_vec());
    if wanted.len() != observed.len() {
        return false;
    }
    if wanted
        .iter()
        .zip(&observed)
        .all(|(wanted, observed)| wanted.same(observed))
    {
        return true;
    }
    if !matches!(inner, AttributeKind::Object(_) | AttributeKind::KeyedList { .. }) {
        return false;
    }
    // Elements that set more keys have fewer partners, so they choose first.
    let mut by_size: Vec<&Value> = wanted.iter().collect();
    by_size.sort_by_key(|item| std::cmp::Reverse(item.as_map().map_or(0, BTreeMap::len)));
    let mut free: Vec<&Value> = observed.iter().collect();
    by_size.into_iter().all(|wanted| {
        let partner = free
            .iter()
            .position(|observed| equal(inner, wanted, Some(observed), key));
        partner.map(|partner| free.swap_remove(partner)).is_some()
    })
}

/// Null and empty collections: AWS leaves out what has nothing in it.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Secret(Secret::Clear(inner)) => is_nothing(inner),
        _ => false,
    }
}

fn seal(kind: &AttributeKind, value: &Value, key: &SealingKey) -> String {
    match value {
        Value::Secret(Secret::Sealed(hash)) => hash.clone(),
        clear => key.hash(&meaning(kind, clear.clone())),
    }
}

/// Whether two stored values are the same, whichever of their secrets are sealed.
pub(crate) fn same_stored(left: &Value, right: &Value, key: &SealingKey) -> bool {
    match (left, right) {
        (Value::Secret(left), Value::Secret(right)) => key.same(left, right),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same_stored(left, right, key))
        }
        (Value::Map(left), Value::Map(right)) => same_attributes(left, right, key),
        _ => left.same(right),
    }
}

/// The same for all attributes; null is the same as missing.
pub(crate) fn same_attributes(left: &Attributes, right: &Attributes, key: &SealingKey) -> bool {
    let set = |attributes: &'_ Attributes| attributes.values().filter(|value| !value.is_null()).count();
    set(left) == set(right)
        && left
            .iter()
            .filter(|(_, value)| !value.is_null())
            .all(|(name, left)| right.get(name).is_some_and(|right| same_stored(left, right, key)))
}

#[cfg(test)]
mod tests {
    use infra_core::Spelling;

    use super::*;

    fn value(json: &str) -> Value {
        Value::from(serde_json::from_str::<serde_json::Value>(json).unwrap())
    }

    fn kind(name: &str) -> AttributeKind {
        let boxed = |kind: AttributeKind| Box::new(kind);
        let table = || {
            BTreeMap::from([
                ("name".to_owned(), AttributeSchema::new(AttributeKind::String)),
                ("ports".to_owned(), AttributeSchema::new(kind("set"))),
            ])
        };
        match name {
            "any" => AttributeKind::Any,
            "number" => AttributeKind::Number,
            "string" => AttributeKind::String,
            "list" => AttributeKind::List(boxed(AttributeKind::Integer)),
            "set" => AttributeKind::Set(boxed(AttributeKind::Integer)),
            "map" => AttributeKind::Map(boxed(kind("set"))),
            "group" => AttributeKind::Spelled(Spelling::OptionalSuffix(":*".into())),
            "groups" => AttributeKind::Set(boxed(kind("group"))),
            "json" => AttributeKind::Json { policy: false },
            "policy" => AttributeKind::Json { policy: true },
            "object" => AttributeKind::Object(table()),
            "objects" => AttributeKind::Set(boxed(AttributeKind::Object(table()))),
            "keyed" => AttributeKind::KeyedList {
                key: "name".to_owned(),
                element: table(),
            },
            other => panic!("no kind {other}"),
        }
    }

    /// Kind, what is wanted, what AWS has, whether that is the same.
    const CASES: &[(&str, &str, &str, bool)] = &[
        ("number", "60", "60.0", true),
        ("number", "60", "61", false),
        ("string", "\"60\"", "60", false),
        ("string", "null", "\"\"", true),
        ("string", "\"\"", "null", false),
        ("group", "\"arn:g:*\"", "\"arn:g\"", true),
        ("group", "\"arn:g\"", "\"arn:g:*\"", true),
        ("group", "\"arn:g:*\"", "\"arn:g:*\"", true),
        ("group", "\"arn:g:*\"", "\"arn:h\"", false),
        ("group", "\"arn:g:*\"", "null", false),
        (
            "groups",
            "[\"arn:g:*\", \"arn:h\"]",
            "[\"arn:h:*\", \"arn:g\"]",
            true,
        ),
        ("list", "[]", "null", true),
        ("list", "null", "[]", true),
        ("list", "[1, 2]", "[2, 1]", false),
        ("list", "[1]", "[1, 1]", false),
        ("set", "[1, 2, 2]", "[2, 1.0]", true),
        ("set", "[1, 2]", "[1, 3]", false),
        ("map", "{\"a\": [1, 2]}", "{\"a\": [2, 1]}", true),
        ("map", "{\"a\": [1]}", "{\"a\": [1], \"b\": [1]}", false),
        ("map", "{}", "null", true),
        ("any", "[1, {\"a\": 1}]", "[1.0, {\"a\": 1.0}]", true),
        ("json", "{\"a\": [1]}", "\"{\\\"a\\\":[1.0]}\"", true),
        ("json", "{\"a\": \"b\"}", "{\"a\": [\"b\"]}", false),
        ("policy", "{\"a\": \"b\"}", "{\"a\": [\"b\"]}", true),
        (
            "object",
            "{\"name\": \"x\"}",
            "{\"name\": \"x\", \"ports\": [1]}",
            true,
        ),
        (
            "object",
            "{\"name\": \"x\", \"ports\": []}",
            "{\"name\": \"x\"}",
            true,
        ),
        (
            "object",
            "{\"name\": \"x\", \"ports\": null}",
            "{\"name\": \"x\", \"ports\": [1]}",
            false,
        ),
        (
            "objects",
            "[{\"name\": \"x\"}, {\"name\": \"x\", \"ports\": [1, 2]}]",
            "[{\"name\": \"x\", \"ports\": [2, 1]}, {\"name\": \"x\", \"ports\": [3]}]",
            true,
        ),
        ("objects", "[{\"name\": \"x\"}]", "[{\"name\": \"y\"}]", false),
        (
            "keyed",
            "[{\"name\": \"a\"}, {\"name\": \"b\"}]",
            "[{\"name\": \"b\", \"ports\": [1]}, {\"name\": \"a\"}]",
            true,
        ),
        (
            "keyed",
            "[{\"name\": \"a\"}]",
            "[{\"name\": \"a\"}, {\"name\": \"b\"}]",
            false,
        ),
    ];

    #[test]
    fn values_are_equal_as_their_kinds_say() {
        let key = SealingKey::new([1; 32]);
        for (name, wanted, observed, same) in CASES {
            let (kind, wanted, observed) = (kind(name), value(wanted), value(observed));
            let found = equal(&kind, &wanted, Some(&observed), &key);
            assert_eq!(found, *same, "{name}: {wanted:?} and {observed:?}");
            // The same when one side is secret, or only its hash is left. A hash covers the whole value, so
            // of a table it says nothing about keys that only AWS has.
            let whole = ["object", "objects", "keyed", "string"].contains(name) || is_nothing(&wanted);
            if !whole {
                let hidden = crate::canonical::canonical(&kind, true, wanted.clone());
                assert_eq!(
                    equal(&kind, &hidden, Some(&observed), &key),
                    *same,
                    "hidden {name}"
                );
                let sealed = hidden.sealed(&key);
                assert_eq!(
                    equal(&kind, &sealed, Some(&observed), &key),
                    *same,
                    "sealed {name}"
                );
                let seen = crate::canonical::canonical(&kind, true, observed.clone());
                assert_eq!(equal(&kind, &wanted, Some(&seen), &key), *same, "seen {name}");
            }
        }
    }

    #[test]
    fn of_a_value_of_any_shape_a_part_may_be_secret_on_either_side() {
        let key = SealingKey::new([1; 32]);
        let with = |token: Value, who: &str| {
            Value::from(BTreeMap::from([
                ("tokens".to_owned(), Value::List(vec![token])),
                ("who".to_owned(), Value::from(who)),
            ]))
        };
        let secret = Value::secret(Value::from("fake-1"));
        let wanted = with(secret.clone(), "a");
        let whole = crate::canonical::canonical(&AttributeKind::Any, true, wanted.clone());
        for (observed, same) in [
            (with(secret.clone(), "a"), true),
            (with(secret.sealed(&key), "a"), true),
            (with(Value::from("fake-1"), "a"), true),
            (with(Value::secret(Value::from("fake-2")), "a"), false),
            (with(secret.sealed(&key), "b"), false),
            // As it was kept before secrets were told from what is beside them.
            (whole.sealed(&key), true),
        ] {
            let found = equal(&AttributeKind::Any, &wanted, Some(&observed), &key);
            assert_eq!(found, same, "{observed:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_equal_to_nothing_else() {
        let key = SealingKey::new([1; 32]);
        let unknown = Value::List(vec![Value::unknown()]);
        assert!(!equal(&kind("set"), &unknown, Some(&unknown), &key));
        assert!(!equal(&AttributeKind::Any, &Value::unknown(), None, &key));
    }
}
