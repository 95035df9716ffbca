//! One value as text, and as JSON that may be shown.

use infra_core::{AttributePath, Secret, Value};
use serde::{Serialize, Serializer};

use crate::line::is_wild;

/// A value as JSON for programs: like its stored form (`{"$unknown": …}`, `{"$secret": …}`), except that a
/// secret in clear is `{"$secret": "(sensitive)"}` instead of an error.
pub(crate) struct Shown<'a>(pub &'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self.0 {
            Value::Secret(Secret::Clear(_)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$secret", "(sensitive)")?;
                map.end()
            }
            Value::List(items) => serializer.collect_seq(items.iter().map(Shown)),
            Value::Map(entries) => serializer.collect_map(entries.iter().map(|(name, value)| {
                let escape = if name.starts_with('$') { "$" } else { "" };
                (format!("{escape}{name}"), Shown(value))
            })),
            other => other.serialize(serializer),
        }
    }
}

/// Attributes by name, as JSON for programs.
pub(crate) fn shown_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> std::collections::BTreeMap<&'a str, Shown<'a>> {
    attributes
        .into_iter()
        .map(|(name, value)| (name.as_str(), Shown(value)))
        .collect()
}

/// A value on one line, as the stack file would spell it.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Unknown(unknown) => match &unknown.origin {
            Some(origin) => format!("(known after apply: {origin})"),
            None => "(known after apply)".to_owned(),
        },
        Value::Secret(_) => "(sensitive)".to_owned(),
    }
}

fn key(name: &str) -> String {
    if infra_core::address::is_name(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A text in quotes, on one line, everything in it visible.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            wild if is_wild(wild) => quoted.extend(wild.escape_unicode()),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The lines of a text that reads better as several: one with line ends in it, or a JSON document, which is
/// spelled out with its keys in order. `None` for what fits on a line.
pub(crate) fn document(value: &Value) -> Option<Vec<String>> {
    /// A JSON document up to this many characters stays on its line.
    const SHORT: usize = 48;
    let text = value.as_str()?;
    if let Some(json) = as_json(text) {
        if text.len() <= SHORT && !text.contains('\n') {
            return None;
        }
        let pretty = serde_json::to_string_pretty(&Plainly(&json)).ok()?;
        return Some(pretty.lines().map(str::to_owned).collect());
    }
    text.trim_end_matches('\n')
        .contains('\n')
        .then(|| text.lines().map(str::to_owned).collect())
}

/// The object or list that a text spells in JSON.
fn as_json(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .map(Value::from)
}

/// JSON with nothing but JSON in it, keys in order.
struct Plainly<'a>(&'a Value);

impl Serialize for Plainly<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(items) => serializer.collect_seq(items.iter().map(Plainly)),
            Value::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(name, value)| (name, Plainly(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

/// Whether a value has no parts that deserve a line of their own: everything but tables, and lists with
/// tables or lists in them.
pub(crate) fn is_flat(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => !items
            .iter()
            .any(|item| matches!(item, Value::Map(_) | Value::List(_))),
        _ => true,
    }
}

/// The flat parts of a value, each with its path, in order.
pub(crate) fn leaves<'a>(path: &AttributePath, value: &'a Value) -> Vec<(AttributePath, &'a Value)> {
    let mut found = Vec::new();
    collect_leaves(path, value, &mut found);
    found
}

fn collect_leaves<'a>(path: &AttributePath, value: &'a Value, found: &mut Vec<(AttributePath, &'a Value)>) {
    match value {
        flat if is_flat(flat) => found.push((path.clone(), flat)),
        Value::Map(entries) => {
            for (name, entry) in entries {
                collect_leaves(&path.name(name), entry, found);
            }
        }
        Value::List(items) => {
            for (position, item) in items.iter().enumerate() {
                collect_leaves(&path.index(position), item, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_on_one_line() {
        let origin: infra_core::Reference = "ec2.vpc.main.id".parse().unwrap();
        for (value, expected) in [
            (Value::Null, "(not set)"),
            (Value::from(true), "true"),
            (Value::Float(0.5), "0.5"),
            (Value::from("a \"b\"\n\u{1b}[1m"), r#""a \"b\"\n\u{1b}[1m""#),
            (Value::from(json!([1, "two", [3]])), r#"[1, "two", [3]]"#),
            (Value::from(json!({})), "{}"),
            (
                Value::from(json!({"Name": "x", "cost centre": null})),
                r#"{ Name = "x", "cost centre" = (not set) }"#,
            ),
            (Value::unknown(), "(known after apply)"),
            (
                Value::Unknown(infra_core::Unknown {
                    origin: Some(Box::new(origin)),
                }),
                "(known after apply: ec2.vpc.main.id)",
            ),
            (Value::secret("hunter2".into()), "(sensitive)"),
        ] {
            assert_eq!(inline(&value), expected);
        }
    }

    #[test]
    fn documents_are_spelled_out_and_short_texts_are_not() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","$x":1}]}"#;
        assert_eq!(
            document(&policy.into()).unwrap().join("\n"),
            "{\n  \"Statement\": [\n    {\n      \"$x\": 1,\n      \"Effect\": \"Allow\"\n    }\n  ],\n  \"Version\": \"2012-10-17\"\n}"
        );
        assert_eq!(document(&"a\nb".into()).unwrap(), ["a", "b"]);
        for short in ["", "a", "a\n", "{\"a\":1}", "[x", "${env}"] {
            assert_eq!(document(&short.into()), None, "{short}");
        }
    }

    #[test]
    fn json_for_programs_hides_secrets_and_keeps_users_keys_apart() {
        let value = Value::Map(std::collections::BTreeMap::from([
            ("$secret".to_owned(), Value::from("a user's key")),
            (
                "list".to_owned(),
                Value::List(vec![Value::secret("hunter2".into())]),
            ),
            ("new".to_owned(), Value::unknown()),
        ]));
        assert_eq!(
            serde_json::to_value(Shown(&value)).unwrap(),
            json!({
                "$$secret": "a user's key",
                "list": [{"$secret": "(sensitive)"}],
                "new": {"$unknown": null}
            })
        );
    }
}
