//! `docs/resources/`: what the types say of themselves, one page for each service; and `docs/rules.md`.
//!
//! `UPDATE_DOCUMENTS=1 cargo test --test documents` (or `cargo xtask docs`) writes the pages; without it the
//! test compares them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use infra_aws::{AwsCatalogue, DOCUMENTS, LOOKUP_DOCUMENTS};
use infra_core::constraint::PlacedRule;
use infra_core::schema::{AttributeKind, AttributeSchema, TypeSchema};
use infra_core::{Catalogue, Value};

#[path = "documents/checked.rs"]
mod checked;
#[path = "documents/rules.rs"]
mod rules;

const GENERATED: &str =
    "<!-- Made from the types by `cargo xtask docs`: change the types, not this page. -->\n";

/// The services by the first part of their types' names, as AWS calls them.
const SERVICES: &[(&str, &str)] = &[
    ("acm", "Certificate Manager"),
    ("apigatewayv2", "API Gateway"),
    ("applicationautoscaling", "Application Auto Scaling"),
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

#[test]
fn the_page_of_rules_says_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let page = rules::page();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/rules.md is not what the types say: run `cargo xtask docs`"
    );
    for row in page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| attribute"))
    {
        assert!(row.contains("](https://"), "no source: {row}");
    }
}

/// All pages by file name.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut index = format!(
        "{GENERATED}\n# Resource types\n\nServices, types and attributes have AWS's own names, attributes in \
         snake_case: AWS's reference explains what\nstands here in short. Every type also takes `for_each`, \
         `when`, `depends_on`, `lifecycle` and `timeouts`. An\nattribute that a file no longer sets goes back to \
         AWS's default.\n\nA lookup reads something that exists and is not the stack's: \
         `[lookup.ec2.vpc.shared]` finds a VPC by its\narguments, and `${{lookup.ec2.vpc.shared.id}}` is its id. It \
         has to find exactly one thing, is read before anything is\nplanned, and is never changed. Arguments \
         cannot depend on resources or on other lookups.\n"
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
            page.push_str(&type_text(schema, &actions.concat(), example));
        }
        for (name, actions, example) in LOOKUP_DOCUMENTS {
            if name.split('.').next() != Some(*service) {
                continue;
            }
            let type_name = name.parse().unwrap();
            let schema = AwsCatalogue.lookup(&type_name).unwrap().schema();
            let anchor = name.replace('.', "");
            let summary = schema.description.lines().next().unwrap_or("");
            let _ = writeln!(
                index,
                "- [`lookup.{name}`]({service}.md#lookup{anchor}): {summary}"
            );
            let resource = AwsCatalogue.definition(&type_name);
            page.push_str(&lookup_text(
                schema,
                resource.map(|definition| definition.schema()),
                actions,
                example,
            ));
        }
        pages.insert(format!("{service}.md"), page);
    }
    let types = DOCUMENTS.iter().map(|(name, _, _)| name);
    for name in types.chain(LOOKUP_DOCUMENTS.iter().map(|(name, _, _)| name)) {
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
    for PlacedRule { place, rule, .. } in &schema.rules {
        let place = match place.segments() {
            [] => String::new(),
            _ => format!(" in `{place}`"),
        };
        notes.push(format!("Takes {rule}{place}."));
    }
    if !schema.natural_key.is_empty() {
        let key: Vec<String> = schema
            .natural_key
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let caseless: Vec<String> = schema.caseless.iter().map(|name| format!("`{name}`")).collect();
        let whatever = match caseless.is_empty() {
            true => String::new(),
            false => format!(", whatever the case of {}", caseless.join(", ")),
        };
        notes.push(format!("Known to AWS by {}{whatever}.", key.join(", ")));
    }
    if let Some(data) = &schema.holds_data {
        notes.push(format!(
            "Holds data ({}): a plan that would lose it is refused unless that is allowed, such as by `lifecycle.allow_data_loss = true`.",
            data.what
        ));
    }
    let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
    notes.push(match actions.as_slice() {
        [] => "Calls nobody.".to_owned(),
        actions => format!("Needs the IAM actions {}.", actions.join(", ")),
    });
    let _ = write!(text, "\n{}\n", notes.join(" "));
    text
}

/// A lookup: what it is looked for by, and what it tells. `resource` is the resource type of the same name, whose
/// attributes are described there.
fn lookup_text(
    schema: &TypeSchema,
    resource: Option<&TypeSchema>,
    actions: &[&str],
    example: &str,
) -> String {
    let name = &schema.name;
    let mut text = format!(
        "\n## lookup.{name}\n\n{}\n\n```toml\n{}\n```\n",
        schema.description.trim(),
        example.trim()
    );
    text.push_str("\n| looked up by | takes | |\n|---|---|---|\n");
    rows(&mut text, "", &schema.attributes);
    let told: Vec<&String> = schema
        .computed
        .keys()
        .filter(|name| resource.is_none_or(|resource| !resource.has(name)))
        .collect();
    if !told.is_empty() {
        text.push_str("\n| tells | is | |\n|---|---|---|\n");
        for name in told {
            let computed = &schema.computed[name];
            let (kind, description) = (kind_text(&computed.kind), cell(&computed.description));
            let _ = writeln!(text, "| `{name}` | {kind} | {description} |");
        }
    }
    let besides: Vec<String> = schema
        .computed
        .keys()
        .filter(|name| resource.is_some_and(|resource| resource.has(name)))
        .map(|name| format!("`{name}`"))
        .collect();
    if !besides.is_empty() {
        let anchor = name.to_string().replace('.', "");
        let _ = write!(
            text,
            "\nTells besides, as [`{name}`](#{anchor}) does: {}.\n",
            besides.join(", ")
        );
    }
    let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
    let _ = write!(text, "\nNeeds the IAM actions {}.\n", actions.join(", "));
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
    if !attribute.rules.is_empty() {
        let rules = attribute.rules.iter().map(|rule| rule.constraint.to_string());
        let _ = write!(text, " Takes {}.", rules.collect::<Vec<_>>().join("; "));
    }
    if let Some(nothing) = nothing(attribute) {
        let _ = write!(text, " `{}` is the same as none.", nothing.reveal().unwrap());
    }
    match &attribute.default {
        Some(default) if !default.is_null() && !text.contains("default") => {
            let _ = write!(text, " AWS's default is `{}`.", plain(default));
        }
        _ => {}
    }
    text
}

/// What means the same as none of it, other than an empty text, of which that holds everywhere.
fn nothing(attribute: &AttributeSchema) -> Option<&Value> {
    attribute
        .nothing
        .as_ref()
        .filter(|nothing| nothing.as_str() != Some(""))
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
        AttributeKind::Spelled(spelling) => format!("text, {spelling}"),
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
