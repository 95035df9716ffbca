//! Differences of values, case by case.

use super::*;
use crate::style::Style;
use serde_json::json;

fn change(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange {
        path: path.into(),
        before: before.into(),
        after: after.into(),
        forces_replacement: path.starts_with("forced"),
    }
}

fn shown(changes: &[AttributeChange]) -> String {
    let style = Style::plain();
    lines(changes, Marks::EachRow, 0, style.symbols())
        .iter()
        .map(|line| line.text(&style) + "\n")
        .collect()
}

#[test]
fn differences_case_by_case() {
    let numbers = |range: std::ops::Range<i64>| {
        Value::List(
            range
                .map(|number| Value::from(format!("sg-{number:04}")))
                .collect(),
        )
    };
    let cases = [
        ("changed", vec![change("a", 1, 2)]),
        (
            "sorted by path, numbers as numbers",
            vec![
                change("rule[10].port", 1, 2),
                change("rule[9].port", 1, 2),
                change("a", json!(null), true),
            ],
        ),
        ("forced", vec![change("forced", "old", "new")]),
        (
            "nested tables down to what differs",
            vec![change(
                "forced",
                json!({"same": 1, "tags": {"a": "x", "cost centre": "1"}, "gone": [1]}),
                json!({"same": 1.0, "tags": {"a": "y", "cost centre": "1", "new": {}}}),
            )],
        ),
        (
            "list of tables by position",
            vec![change(
                "rule",
                json!([{"port": 80}, {"port": 81}]),
                json!([{"port": 80}, {"port": 82}, {"port": 90}]),
            )],
        ),
        (
            "short lists side by side",
            vec![change("zones", json!(["a", "b"]), json!(["a"]))],
        ),
        (
            "long lists line by line",
            vec![change("groups", numbers(0..20), {
                let Value::List(mut items) = numbers(0..20) else {
                    unreachable!()
                };
                items.remove(7);
                items.push("sg-new".into());
                Value::List(items)
            })],
        ),
        (
            "a new long list",
            vec![change("groups", json!(null), numbers(0..50))],
        ),
        (
            "texts line by line",
            vec![change(
                "user_data",
                "#!/bin/sh\nset -e\none\ntwo\n",
                "#!/bin/sh\nset -e\none\n2\n",
            )],
        ),
        (
            "documents by their content",
            vec![change(
                "policy",
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}"#,
                r#"{"Statement":[{"Action":"s3:PutObject","Effect":"Allow"}],"Version":"2012-10-17"}"#,
            )],
        ),
        (
            "the same document spelled otherwise",
            vec![change(
                "policy",
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#,
                "{\"Statement\":[{\"Effect\":\"Allow\"}],\n\"Version\":\"2012-10-17\"}",
            )],
        ),
        (
            "a text becomes unknown",
            vec![change("text", "a\nb", Value::unknown())],
        ),
        (
            "long texts one under the other",
            vec![change("arn", "x".repeat(60), "y".repeat(60))],
        ),
        (
            "secrets",
            vec![
                change("created", Value::Null, Value::secret("hunter2".into())),
                change(
                    "same",
                    Value::Secret(Secret::Sealed("h1".into())),
                    Value::Secret(Secret::Sealed("h1".into())),
                ),
                change(
                    "other",
                    Value::Secret(Secret::Sealed("h1".into())),
                    Value::Secret(Secret::Sealed("h2".into())),
                ),
                change("shown", "clear", Value::secret("hunter2".into())),
            ],
        ),
        (
            "another kind of value",
            vec![change("kind", json!({"a": 1}), json!([1]))],
        ),
        (
            "wild characters",
            vec![change("text", "a", "\u{1b}[2J\nnext\u{7}")],
        ),
    ];
    let all: String = cases
        .iter()
        .map(|(name, changes)| format!("== {name}\n{}", shown(changes)))
        .collect();
    assert!(!all.contains("hunter2"));
    insta::assert_snapshot!(all);
}
