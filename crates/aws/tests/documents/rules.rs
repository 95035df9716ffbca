//! `docs/rules.md`: the rules of AWS that the types know, each with its source.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use infra_aws::{AwsCatalogue, DOCUMENTS, TAG_RULES};
use infra_core::constraint::{Constraint, PlacedRule};
use infra_core::schema::{AttributeKind, AttributeSchema, Clash, ClashWhen, Tagging, TypeSchema};
use infra_core::{Catalogue, Spelling, Value};

use super::checked::Checked;
use super::{GENERATED, cell, nested, nothing};

const GRAMMAR: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html";

/// The page.
pub fn page() -> String {
    let mut page = format!(
        "{GENERATED}\n# Rules of AWS\n\nWhat is known of AWS's rules without asking AWS, and where each is from: what a \
         value has to be, what goes with what,\nwhat means the same, and what cannot be side by side. What a file breaks of \
         them is told before AWS is called. What means\nthe same is no difference.\n\nAn \
         empty text of an attribute that need not be set, and of which AWS makes no other default, means the same as none.\n"
    );
    for (name, _, _) in DOCUMENTS {
        let Some(definition) = AwsCatalogue.definition(&name.parse().unwrap()) else {
            continue;
        };
        let mut rows = Vec::new();
        let schema = definition.schema();
        attributes(&mut rows, "", &schema.attributes);
        between(&mut rows, schema);
        clashes(&mut rows, schema);
        checked(&mut rows, name);
        if schema.tagging != Tagging::None {
            tags(&mut rows, name);
        }
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            page,
            "\n## {name}\n\n| attribute | rule | source |\n|---|---|---|\n"
        );
        for Row { place, rule, source } in rows {
            let _ = writeln!(page, "| {place} | {} | {} |", cell(&rule), link(&source));
        }
    }
    page
}

struct Row {
    place: String,
    rule: String,
    source: String,
}

/// A page by its last part.
fn link(source: &str) -> String {
    let last = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
    let name = last.split(['#', '?']).next().unwrap_or(last);
    let name = name.trim_end_matches(".html").trim_start_matches("API_");
    match source {
        "" => String::new(),
        _ => format!("[{name}]({source})"),
    }
}

/// What holds of single attributes, at every depth.
fn attributes(rows: &mut Vec<Row>, path: &str, table: &BTreeMap<String, AttributeSchema>) {
    for (name, attribute) in table {
        let path = format!("{path}{name}");
        let mut row = |inner: &str, rule: String, source: &str| {
            rows.push(Row {
                place: format!("`{path}{inner}`"),
                rule,
                source: source.to_owned(),
            });
        };
        // What is said of a text holds for each one of several.
        let of_several = matches!(
            attribute.kind,
            AttributeKind::List(_) | AttributeKind::Set(_) | AttributeKind::Map(_)
        );
        for rule in &attribute.rules {
            let of_each = of_several && !matches!(rule.constraint, Constraint::Count { .. });
            let inner = if of_each { "[]" } else { "" };
            row(inner, rule.constraint.to_string(), &rule.source);
        }
        if let Some(nothing) = nothing(attribute) {
            let rule = format!("`{}` means the same as none", nothing.reveal().unwrap());
            row("", rule, &attribute.source);
        }
        if let Some(spelling) = spelling(&attribute.kind) {
            row("", format!("means the same {spelling}"), &attribute.source);
        }
        if matches!(attribute.kind, AttributeKind::Json { policy: true }) {
            row("", "compared as IAM reads policies".to_owned(), GRAMMAR);
        }
        if let Some((inner, table)) = nested(&attribute.kind) {
            attributes(rows, &format!("{path}{inner}."), table);
        }
    }
}

fn spelling(kind: &AttributeKind) -> Option<&Spelling> {
    match kind {
        AttributeKind::Spelled(spelling) => Some(spelling),
        AttributeKind::List(inner) | AttributeKind::Set(inner) => spelling(inner),
        _ => None,
    }
}

/// What holds between attributes of one resource, and between resources.
fn between(rows: &mut Vec<Row>, schema: &TypeSchema) {
    for PlacedRule { place, rule, source } in &schema.rules {
        let place = match place.segments() {
            [] => String::new(),
            _ => format!("`{place}`"),
        };
        rows.push(Row {
            place,
            rule: rule.to_string(),
            source: source.to_string(),
        });
    }
    if !schema.natural_key.is_empty() {
        let key: Vec<String> = schema
            .natural_key
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        rows.push(Row {
            place: key.join(", "),
            rule: "no two with the same side by side".to_owned(),
            source: schema.page.clone(),
        });
    }
}

/// What else two of the type cannot have side by side.
fn clashes(rows: &mut Vec<Row>, schema: &TypeSchema) {
    let in_code = |name: &String| format!("`{name}`");
    for Clash { same, when } in &schema.clashes {
        let same: Vec<String> = same.iter().map(in_code).collect();
        let rule = match when {
            ClashWhen::OnlyOneHas {
                attribute,
                value: Value::Null,
            } => format!("no two with the same of which only one has a `{attribute}`"),
            ClashWhen::OnlyOneHas { attribute, value } => format!(
                "no two with the same of which only one has the `{attribute}` `{}`",
                value.as_str().unwrap_or_default()
            ),
            ClashWhen::BothHave { attribute, .. } => {
                format!("no two with the same that both have `{attribute}` true")
            }
            ClashWhen::Shared { at, owner } => {
                let at: Vec<String> = at.iter().map(|path| format!("`{path}`")).collect();
                let owner = owner.as_ref();
                let owner =
                    owner.map_or_else(String::new, |owner| format!(", unless they are of one `{owner}`"));
                format!("no two with the same that share a {}{owner}", at.join(" or "))
            }
            ClashWhen::Overlap { attribute } => {
                format!("no two with the same whose networks in `{attribute}` overlap")
            }
        };
        rows.push(Row {
            place: same.join(", "),
            rule,
            source: schema.page.clone(),
        });
    }
}

/// What the code of the type checks.
fn checked(rows: &mut Vec<Row>, name: &str) {
    let of_type = Checked::all().into_iter().filter(|checked| checked.of == name);
    rows.extend(of_type.map(|checked| Row {
        place: format!("`{}`", checked.at),
        rule: checked.rule,
        source: checked.source,
    }));
}

fn tags(rows: &mut Vec<Row>, name: &str) {
    let Some((_, rules)) = TAG_RULES.iter().find(|(known, _)| *known == name) else {
        return;
    };
    let mut rule = "at most 50, three of them infra's own; keys of 1 to 128 characters, not beginning with `aws:`, values of \
                    at most 256"
        .to_owned();
    if rules.plain {
        rule.push_str("; only letters, digits, spaces and `_.:/=+-@`");
    }
    if rules.caseless {
        rule.push_str("; keys in any case are the same key");
    }
    rows.push(Row {
        place: "`tags`".to_owned(),
        rule,
        source: rules.source.to_owned(),
    });
}
