//! `infra schema`: what a resource type takes.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use infra_aws::AwsCatalogue;
use infra_core::schema::{AttributeKind, AttributeSchema};
use infra_core::{Catalogue, TypeName, Value};

use crate::exit::Exit;
use crate::terminal::{Terminal, data};

/// Show the resource types and what can be looked up, or the attributes of one
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra schema\n  infra schema ec2.vpc\n  infra schema lookup.route53.hosted_zone"
)]
pub struct Schema {
    /// The type, such as ec2.vpc, or lookup.ec2.vpc; all types when it is not given
    type_name: Option<String>,
}

/// Writes it as Markdown, which reads well as it is.
///
/// # Errors
/// When stdout is closed.
pub fn run(command: &Schema, terminal: &Terminal) -> Result<Exit> {
    let mut out = data();
    let Some(text) = &command.type_name else {
        for name in AwsCatalogue.names() {
            let definition = AwsCatalogue.definition(&name);
            let summary = definition.and_then(|definition| definition.schema().description.lines().next());
            writeln!(out, "{:<32} {}", name.to_string(), summary.unwrap_or(""))?;
        }
        for name in AwsCatalogue.lookup_names() {
            let definition = AwsCatalogue.lookup(&name);
            let summary = definition.and_then(|definition| definition.schema().description.lines().next());
            writeln!(out, "{:<32} {}", format!("lookup.{name}"), summary.unwrap_or(""))?;
        }
        return Ok(Exit::Done);
    };
    let looked_up = text.strip_prefix("lookup.");
    let name = looked_up.unwrap_or(text).parse::<TypeName>().ok();
    let definition = name.and_then(|name| match looked_up {
        Some(_) => AwsCatalogue.lookup(&name),
        None => AwsCatalogue.definition(&name),
    });
    let Some(definition) = definition else {
        terminal.note(&format!(
            "error: there is no resource type {text}; `infra schema` lists them"
        ));
        return Ok(Exit::Usage);
    };
    let schema = definition.schema();
    writeln!(
        out,
        "# {text}\n\n{}\n\n## {}\n",
        schema.description,
        if looked_up.is_some() {
            "Looked up by"
        } else {
            "Attributes"
        }
    )?;
    for (name, attribute) in &schema.attributes {
        write_attribute(&mut out, name, attribute, 0)?;
    }
    let told = if looked_up.is_some() {
        "Tells besides"
    } else {
        "Set by AWS"
    };
    writeln!(out, "\n## {told}\n")?;
    for (name, computed) in &schema.computed {
        writeln!(
            out,
            "- `{name}` ({}): {}",
            in_words(&computed.kind),
            computed.description
        )?;
    }
    Ok(Exit::Done)
}

fn write_attribute(
    out: &mut impl Write,
    name: &str,
    attribute: &AttributeSchema,
    depth: usize,
) -> io::Result<()> {
    let mut notes = vec![in_words(&attribute.kind)];
    if attribute.required {
        notes.push("required".into());
    }
    if let Some(default) = &attribute.default {
        notes.push(format!("default {}", shown(default)));
    }
    if attribute.immutable {
        notes.push("a change replaces the resource".into());
    }
    let indent = "  ".repeat(depth);
    writeln!(
        out,
        "{indent}- `{name}` ({}): {}",
        notes.join(", "),
        attribute.description.replace('\n', " ")
    )?;
    let mut kind = &attribute.kind;
    while let AttributeKind::List(inner) | AttributeKind::Set(inner) = kind {
        kind = inner;
    }
    if let AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. } = kind {
        for (name, attribute) in table {
            write_attribute(out, name, attribute, depth + 1)?;
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    value
        .reveal()
        .map_or_else(|_| String::new(), |json| json.to_string())
}

fn in_words(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Any => "any value".into(),
        AttributeKind::Bool => "boolean".into(),
        AttributeKind::Integer => "integer".into(),
        AttributeKind::Number => "number".into(),
        AttributeKind::String => "string".into(),
        AttributeKind::Spelled(spelling) => format!("string, {spelling}").replace('`', ""),
        AttributeKind::Enum(texts) => format!("one of {}", texts.join(", ")),
        AttributeKind::Json { policy: true } => "policy document, as a table or JSON text".into(),
        AttributeKind::Json { policy: false } => "JSON document, as a table or text".into(),
        AttributeKind::List(inner) => format!("list of {}", in_words(inner)),
        AttributeKind::Set(inner) => format!("set of {}", in_words(inner)),
        AttributeKind::Map(inner) => format!("map of {}", in_words(inner)),
        AttributeKind::Object(_) => "table".into(),
        AttributeKind::KeyedList { key, .. } => format!("list of tables, told apart by `{key}`"),
    }
}
