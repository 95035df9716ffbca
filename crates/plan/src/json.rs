//! JSON documents and IAM policies by their meaning.

use std::collections::BTreeMap;

use infra_core::Value;

/// The document that a text holds; anything else as it is. Only objects and arrays count as documents.
pub(crate) fn parsed(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let looks_like_one = text.trim_start().starts_with(['{', '[']);
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(json) if looks_like_one => plain_numbers(Value::from(json)),
                _ => Value::String(text),
            }
        }
        other => plain_numbers(other),
    }
}

/// The document in the one form that all documents of its meaning share.
pub(crate) fn meaning(value: Value, policy: bool) -> Value {
    let document = parsed(value);
    if policy {
        policy_document(document)
    } else {
        document
    }
}

/// Numbers without a fraction as whole numbers, at every depth.
pub(crate) fn plain_numbers(value: Value) -> Value {
    match value {
        Value::Float(_) => match value.as_integer() {
            Some(whole) => Value::Integer(whole),
            None => value,
        },
        Value::List(items) => Value::List(items.into_iter().map(plain_numbers).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, plain_numbers(value)))
                .collect(),
        ),
        other => other,
    }
}

/// IAM reads a single text as a list of one, gives lists of texts no order, takes a single statement for
/// a list of one (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>), and a document
/// without version for one of the older
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>).
fn policy_document(value: Value) -> Value {
    let Value::Map(mut document) = value else {
        return policy_part(value, false);
    };
    if let Some(statement) = document.remove("Statement") {
        let statements = match statement {
            Value::List(statements) => statements,
            one => vec![one],
        };
        let statements = statements.into_iter().map(statement_meaning).collect();
        document.insert("Statement".to_owned(), Value::List(statements));
        let version = || Value::from(OLDER_VERSION);
        document.entry("Version".to_owned()).or_insert_with(version);
    }
    policy_part(Value::Map(document), false)
}

/// The version of a document that says none.
const OLDER_VERSION: &str = "2008-10-17";

/// An empty `Sid` is none. Principals: an account by its number is the same as by the ARN of its root, which is how
/// AWS writes it, and everybody is the same as every account
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>).
fn statement_meaning(statement: Value) -> Value {
    let Value::Map(mut statement) = statement else {
        return statement;
    };
    statement.retain(|name, value| name != "Sid" || value.as_str() != Some(""));
    for name in ["Principal", "NotPrincipal"] {
        let Some(Value::Map(principals)) = statement.get_mut(name) else {
            continue;
        };
        if let Some(accounts) = principals.get_mut("AWS") {
            *accounts = texts_as_list(accounts.clone(), account_of_root);
        }
        let everybody = Value::from(vec!["*"]);
        if principals.len() == 1 && principals.get("AWS") == Some(&everybody) {
            statement.insert(name.to_owned(), Value::from("*"));
        }
    }
    Value::Map(statement)
}

/// The account of an ARN that ends in `:root`; another text as it is.
fn account_of_root(text: &str) -> &str {
    let account = text
        .strip_suffix(":root")
        .and_then(|rest| rest.strip_prefix("arn:"))
        .and_then(|rest| rest.split_once(":iam::"))
        .map(|(_, account)| account);
    account
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(text)
}

/// A text, or each one of a list, as a list of what it stands for.
fn texts_as_list(value: Value, meaning: impl Fn(&str) -> &str) -> Value {
    let items = match value {
        Value::List(items) => items,
        one => vec![one],
    };
    let items = items.into_iter().map(|item| match item {
        Value::String(text) => Value::from(meaning(&text)),
        other => other,
    });
    Value::List(items.collect())
}

/// `in_condition`: the grammar lets condition values be written as booleans and numbers, which are texts.
fn policy_part(value: Value, in_condition: bool) -> Value {
    match value {
        Value::List(items) => {
            let items: Vec<Value> = items
                .into_iter()
                .map(|item| policy_part(item, in_condition))
                .collect();
            texts_without_order(items)
        }
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| {
                    let inside = in_condition || name == "Condition";
                    (name, policy_part(value, inside))
                })
                .collect::<BTreeMap<_, _>>(),
        ),
        Value::Bool(truth) if in_condition => Value::String(truth.to_string()),
        Value::Integer(number) if in_condition => Value::String(number.to_string()),
        other => other,
    }
}

fn texts_without_order(items: Vec<Value>) -> Value {
    let mut texts = Vec::with_capacity(items.len());
    for item in &items {
        match item {
            Value::String(text) => texts.push(text.clone()),
            _ => return Value::List(items),
        }
    }
    texts.sort_unstable();
    texts.dedup();
    match <[String; 1]>::try_from(texts) {
        Ok([single]) => Value::String(single),
        Err(texts) => Value::from(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str, policy: bool) -> bool {
        meaning(Value::from(left), policy) == meaning(Value::from(right), policy)
    }

    #[test]
    fn documents_are_equal_by_meaning() {
        assert!(same(r#"{"a": 1, "b": [1.0]}"#, r#"{"b":[1],"a":1.0}"#, false));
        assert!(!same(r#"{"a": ["x", "y"]}"#, r#"{"a": ["y", "x"]}"#, false));
        assert!(!same(r#"{"a": "x"}"#, r#"{"a": ["x"]}"#, false));
        assert_eq!(parsed(Value::from("12")), Value::from("12"));
        assert_eq!(parsed(Value::from("{not json")), Value::from("{not json"));
    }

    #[test]
    fn policies_are_read_as_iam_reads_them() {
        let single =
            r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Condition": {"Bool": {"a": true}}}}"#;
        let listed = r#"{"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Condition": {"Bool": {"a": ["true"]}}}]}"#;
        assert!(same(single, listed, true));
        assert!(!same(single, listed, false));
        let order = |actions: &str| format!(r#"{{"Statement": [{{"Action": {actions}}}]}}"#);
        assert!(same(&order(r#"["a", "b"]"#), &order(r#"["b", "a", "b"]"#), true));
        assert!(!same(&order(r#"["a", "b"]"#), &order(r#"["a"]"#), true));
        let principal = |name: &str, principal: &str| {
            format!(r#"{{"Version": "2012-10-17", "Statement": [{{"{name}": {principal}}}]}}"#)
        };
        let root = r#"{"AWS": "arn:aws:iam::123456789012:root"}"#;
        for (one, other, expected) in [
            (root, r#"{"AWS": "123456789012"}"#, true),
            (root, r#"{"AWS": ["arn:aws-cn:iam::123456789012:root"]}"#, true),
            (root, r#"{"AWS": "123456789013"}"#, false),
            (root, r#"{"AWS": "arn:aws:iam::123456789012:role/root"}"#, false),
            (r#"{"AWS": ["*"]}"#, r#""*""#, true),
            (r#"{"AWS": "*", "Service": "a"}"#, r#""*""#, false),
            (r#"{"Service": "*"}"#, r#""*""#, false),
        ] {
            for name in ["Principal", "NotPrincipal"] {
                let found = same(&principal(name, one), &principal(name, other), true);
                assert_eq!(found, expected, "{one} {other}");
            }
            assert!(!same(
                &principal("Action", root),
                &principal("Action", r#"{"AWS": "123456789012"}"#),
                true
            ));
        }
        let statement = r#"{"Statement": [{"Action": "a", "Sid": ""}], "Version": "2008-10-17"}"#;
        assert!(same(statement, r#"{"Statement": {"Action": "a"}}"#, true));
        assert!(!same(
            r#"{"Statement": [], "Version": "2012-10-17"}"#,
            r#"{"Statement": []}"#,
            true
        ));
        // Statements have an order that people gave them; IAM keeps it.
        assert!(!same(
            r#"{"Statement": [{"Sid": "a"}, {"Sid": "b"}]}"#,
            r#"{"Statement": [{"Sid": "b"}, {"Sid": "a"}]}"#,
            true
        ));
    }
}
