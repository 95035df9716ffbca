//! `docs/resources/`: what the types say of themselves, one page for each service.
//!
//! `UPDATE_DOCUMENTS=1 cargo test --test documents` (or `cargo xtask docs`) writes the pages; without it the
//! test compares them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use infra_aws::{AwsCatalogue, DOCUMENTS};
use infra_core::schema::{AttributeKind, AttributeSchema, TypeSchema};
use infra_core::{Catalogue, Value};

const GENERATED: &str =
    "<!-- Made from the types by `cargo xtask docs`: change the types, not this page. -->\n";

/// The services by the first part of their types' names, as AWS calls them.
const SERVICES: &[(&str, &str)] = &[
    ("apigatewayv2", "API Gateway"),
    ("autoscaling", "Application Auto Scaling"),
    ("ec2", "VPC and EC2"),
    ("ecr", "Elastic Container Registry"),
    ("ecs", "Elastic Container Service"),
    ("elbv2", "Elastic Load Balancing"),
    ("iam", "Identity and Access Management"),
    ("infra", "Without AWS"),
    ("logs", "CloudWatch Logs"),
    ("route53", "Route 53"),
];

#[test]
fn the_pages_say_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/resources");
    let pages = pages();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        // A page of a service that is gone goes too.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let mut found: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(
        found,
        pages.keys().cloned().collect::<Vec<_>>(),
        "run `cargo xtask docs`"
    );
    let stale: Vec<&String> = pages
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(folder.join(name)).unwrap() != **text)
        .map(|(name, _)| name)
        .collect();
    assert!(
        stale.is_empty(),
        "{stale:?} are not what the types say: run `cargo xtask docs`"
    );
}

/// All pages by file name.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut index = format!(
        "{GENERATED}\n# Resource types\n\nServices, types and attributes have AWS's own names, attributes in \
         snake_case: AWS's reference explains what\nstands here in short. Every type also takes `for_each`, \
         `when`, `depends_on`, `lifecycle` and `timeouts`. An\nattribute that a file no longer sets goes back to \
         AWS's default.\n"
    );
    for (service, title) in SERVICES {
        let mut page = format!("{GENERATED}\n# {title}\n");
        let _ = write!(index, "\n## [{title}]({service}.md)\n\n");
        for (name, actions, example) in DOCUMENTS {
            if name.split('.').next() != Some(*service) {
                continue;
            }
            let definition = AwsCatalogue.definition(&name.parse().unwrap()).unwrap();
            let schema = definition.schema();
            let anchor = name.replace('.', "");
            let summary = schema.description.lines().next().unwrap_or("");
            let _ = writeln!(index, "- [`{name}`]({service}.md#{anchor}): {summary}");
            page.push_str(&type_text(schema, actions, example));
        }
        pages.insert(format!("{service}.md"), page);
    }
    for (name, _, _) in DOCUMENTS {
        let service = name.split('.').next().unwrap();
        assert!(
            SERVICES.iter().any(|(known, _)| *known == service),
            "the service {service} has no title here"
        );
    }
    pages.insert("README.md".into(), index);
    pages
}

fn type_text(schema: &TypeSchema, actions: &[&str], example: &str) -> String {
    let mut text = format!(
        "\n## {}\n\n{}\n\n```toml\n{}\n```\n",
        schema.name,
        schema.description.trim(),
        example.trim()
    );
    text.push_str("\n| attribute | takes | |\n|---|---|---|\n");
    rows(&mut text, "", &schema.attributes);
    if !schema.computed.is_empty() {
        text.push_str("\n| set by AWS | is | |\n|---|---|---|\n");
        for (name, computed) in &schema.computed {
            let _ = writeln!(
                text,
                "| `{name}` | {} | {} |",
                kind_text(&computed.kind),
                cell(&computed.description)
            );
        }
    }
    let mut notes = Vec::new();
    if !schema.natural_key.is_empty() {
        let key: Vec<String> = schema
            .natural_key
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        notes.push(format!("Known to AWS by {}.", key.join(", ")));
    }
    let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
    notes.push(match actions.as_slice() {
        [] => "Calls nobody.".to_owned(),
        actions => format!("Needs the IAM actions {}.", actions.join(", ")),
    });
    let _ = write!(text, "\n{}\n", notes.join(" "));
    text
}

fn rows(text: &mut String, path: &str, table: &BTreeMap<String, AttributeSchema>) {
    // What must be set comes first.
    for required in [true, false] {
        for (name, attribute) in table.iter().filter(|(_, one)| one.required == required) {
            let path = format!("{path}{name}");
            let _ = writeln!(
                text,
                "| `{path}` | {} | {} |",
                kind_text(&attribute.kind),
                cell(&described(attribute))
            );
            if let Some((nested, inside)) = nested(&attribute.kind) {
                rows(text, &format!("{path}{nested}."), inside);
            }
        }
    }
}

/// The table inside a kind, and how its keys are reached.
fn nested(kind: &AttributeKind) -> Option<(&'static str, &BTreeMap<String, AttributeSchema>)> {
    match kind {
        AttributeKind::Object(table) => Some(("", table)),
        AttributeKind::KeyedList { element, .. } => Some(("[]", element)),
        AttributeKind::List(inner) | AttributeKind::Set(inner) => {
            nested(inner).map(|(_, table)| ("[]", table))
        }
        _ => None,
    }
}

fn described(attribute: &AttributeSchema) -> String {
    let mut text = String::new();
    if attribute.required {
        text.push_str("**Required.** ");
    }
    text.push_str(attribute.description.trim());
    for (holds, note) in [
        (attribute.immutable, "A change makes a new resource."),
        (attribute.sensitive, "Never shown."),
        (
            attribute.write_only,
            "AWS does not tell it back: drift is not seen.",
        ),
    ] {
        if holds {
            let _ = write!(text, " {note}");
        }
    }
    match &attribute.default {
        Some(default) if !default.is_null() && !text.contains("default") => {
            let _ = write!(text, " AWS's default is `{}`.", plain(default));
        }
        _ => {}
    }
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.reveal().unwrap().to_string(),
    }
}

fn kind_text(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Any => "anything".into(),
        AttributeKind::Bool => "true or false".into(),
        AttributeKind::Integer => "whole number".into(),
        AttributeKind::Number => "number".into(),
        AttributeKind::String => "text".into(),
        AttributeKind::Enum(choices) => {
            let choices: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            choices.join(", ")
        }
        AttributeKind::Json { .. } => "table or JSON text".into(),
        AttributeKind::List(inner) => match inner.as_ref() {
            AttributeKind::Object(_) => "list of tables".into(),
            inner => format!("list of: {}", kind_text(inner)),
        },
        AttributeKind::Set(inner) => match inner.as_ref() {
            AttributeKind::Object(_) => "tables in any order".into(),
            inner => format!("list in any order of: {}", kind_text(inner)),
        },
        AttributeKind::Map(inner) => format!("table of free keys with: {}", kind_text(inner)),
        AttributeKind::Object(_) => "table".into(),
        AttributeKind::KeyedList { key, .. } => format!("tables, told apart by `{key}`"),
    }
}

/// A text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
