//! What the IAM types share: policy documents.

use std::collections::BTreeSet;

use infra_core::types::Problems;
use infra_provider::Partial;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use crate::documents;

/// What a policy document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Who may assume a role.
    Trust,
    /// What a role may do.
    Permissions,
}

/// The versions of the language of policies.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// What can stand in a document.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
const OF_DOCUMENTS: [&str; 3] = ["Version", "Id", "Statement"];

/// What a statement has one of at most, and one or the other where it is needed.
const OR_NOT: [[&str; 2]; 3] = [
    ["Action", "NotAction"],
    ["Resource", "NotResource"],
    ["Principal", "NotPrincipal"],
];

/// What else can stand in a statement.
const OF_STATEMENTS: [&str; 3] = ["Sid", "Effect", "Condition"];

/// Whether a character can be in a policy document.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>
fn is_of_policies(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// A document as IAM tells it, which is URL-encoded.
pub fn decoded(document: &str) -> Json {
    let text = percent_decode_str(document).decode_utf8_lossy();
    documents::parse(&text)
}

/// Checks what can be told of a policy document without IAM.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
pub fn check_policy(document: &Partial<Json>, name: &str, policy: Policy, problems: &mut Problems) {
    let Some(document) = documents::known_object(document, name, problems) else {
        return;
    };
    let statements = match document.get("Statement") {
        None => {
            return problems.at_with_help(
                name,
                "a policy document has a `Statement`",
                "keys are spelled as IAM does: Version, Statement, Effect, Action, Resource, Principal",
            );
        }
        Some(Json::Array(statements)) => statements.iter().collect::<Vec<_>>(),
        Some(statement) => vec![statement],
    };
    if statements.is_empty() {
        problems.at(name, "has no statement: its `Statement` is empty");
    }
    if let Some(strange) = document.keys().find(|key| !OF_DOCUMENTS.contains(&key.as_str())) {
        let known = OF_DOCUMENTS.join(", ");
        problems.at(
            name,
            format!("has the element `{strange}`: a policy document has {known}"),
        );
    }
    let text = Json::Object(document.clone()).to_string();
    if let Some(strange) = text.chars().find(|character| !is_of_policies(*character)) {
        let message = format!("has `{strange}` in it: AWS takes printable characters of Latin-1 in a policy");
        problems.at(name, message);
    }
    if let Some(version) = document.get("Version")
        && !VERSIONS.map(Json::from).contains(version)
    {
        let message = format!(
            "has the `Version` {version}: IAM knows {}",
            VERSIONS.join(" and ")
        );
        problems.at(name, message);
    }
    let mut ids = BTreeSet::new();
    let mut given = statements
        .iter()
        .filter_map(|statement| statement.get("Sid")?.as_str());
    if let Some(twice) = given.find(|id| !ids.insert(*id)) {
        problems.at(name, format!("two statements have the `Sid` `{twice}`"));
    }
    for (index, statement) in statements.into_iter().enumerate() {
        let place = format!("statement {}", index + 1);
        match statement.as_object() {
            Some(statement) => check_statement(statement, &place, name, policy, problems),
            None => problems.at(name, format!("{place} is no JSON object")),
        }
    }
}

fn check_statement(
    statement: &Map<String, Json>,
    place: &str,
    name: &str,
    policy: Policy,
    problems: &mut Problems,
) {
    let has = |keys: [&str; 2]| keys.iter().any(|key| statement.contains_key(*key));
    let known: Vec<&str> = OF_STATEMENTS
        .into_iter()
        .chain(OR_NOT.into_iter().flatten())
        .collect();
    for strange in statement.keys().filter(|key| !known.contains(&key.as_str())) {
        let message = format!("{place} has the element `{strange}`, which no statement has");
        problems.at_with_help(name, message, format!("a statement has {}", known.join(", ")));
    }
    for [one, other] in OR_NOT {
        if statement.contains_key(one) && statement.contains_key(other) {
            problems.at(
                name,
                format!("{place} has `{one}` and `{other}`: it takes one of them"),
            );
        }
    }
    if !matches!(
        statement.get("Effect").and_then(Json::as_str),
        Some("Allow" | "Deny")
    ) {
        problems.at(name, format!("{place} needs `Effect`, which is Allow or Deny"));
    }
    if !has(["Action", "NotAction"]) {
        problems.at(name, format!("{place} has no `Action`"));
    }
    match policy {
        Policy::Trust => {
            if !has(["Principal", "NotPrincipal"]) {
                problems.at(
                    name,
                    format!("{place} of a trust policy says in `Principal` who may assume the role"),
                );
            }
            if has(["Resource", "NotResource"]) {
                problems.at(
                    name,
                    format!("{place} of a trust policy takes no `Resource`: it is the role itself"),
                );
            }
        }
        Policy::Permissions => {
            if !has(["Resource", "NotResource"]) {
                problems.at(name, format!("{place} has no `Resource`"));
            }
            if has(["Principal", "NotPrincipal"]) {
                problems.at(
                    name,
                    format!("{place} of a role's policy takes no `Principal`: it is the role itself"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded() {
        let text = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        assert_eq!(decoded(text)["Version"], "2012-10-17");
        assert_eq!(decoded("no%20json"), Json::from("no json"));
    }

    #[test]
    fn policies_are_checked_for_what_they_are_for() {
        let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}}"#;
        let permissions = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let cases: &[(&str, Policy, &[&str])] = &[
            (trust, Policy::Trust, &[]),
            (permissions, Policy::Permissions, &[]),
            (
                permissions,
                Policy::Trust,
                &[
                    "statement 1 of a trust policy says in `Principal` who may assume the role",
                    "statement 1 of a trust policy takes no `Resource`: it is the role itself",
                ],
            ),
            (
                trust,
                Policy::Permissions,
                &[
                    "statement 1 has no `Resource`",
                    "statement 1 of a role's policy takes no `Principal`: it is the role itself",
                ],
            ),
            (
                r#"{"Statement":[]}"#,
                Policy::Permissions,
                &["has no statement: its `Statement` is empty"],
            ),
            (
                r#"{"Comment":"a","Statement":{"Effect":"Allow","Action":"a:b","NotAction":"a:c","Resource":"*","Conditions":{}}}"#,
                Policy::Permissions,
                &[
                    "has the element `Comment`: a policy document has Version, Id, Statement",
                    "statement 1 has the element `Conditions`, which no statement has",
                    "statement 1 has `Action` and `NotAction`: it takes one of them",
                ],
            ),
            (
                r#"{"statement":[]}"#,
                Policy::Trust,
                &["a policy document has a `Statement`"],
            ),
            (
                r#"{"Statement":[{"Effect":"allow"},"x"]}"#,
                Policy::Permissions,
                &[
                    "statement 1 needs `Effect`, which is Allow or Deny",
                    "statement 1 has no `Action`",
                    "statement 1 has no `Resource`",
                    "statement 2 is no JSON object",
                ],
            ),
        ];
        for (text, policy, said) in cases {
            let document = Partial::Known(Json::from(*text));
            let mut problems = Problems::default();
            check_policy(&document, "policy", *policy, &mut problems);
            let messages: Vec<String> = problems
                .into_vec()
                .into_iter()
                .map(|problem| problem.message)
                .collect();
            assert_eq!(messages, *said, "{text}");
        }
    }
}
