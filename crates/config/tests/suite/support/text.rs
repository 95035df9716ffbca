//! Diagnostics and stacks as plain text, for comparison with what a case expects.

use std::fmt::Write as _;

use infra_core::value::Unknown;
use infra_core::{Diagnostic, Scope, Secret, Severity, SourceMap, Stack, Value};

/// One diagnostic: place, message, the line with carets, further places, help.
pub fn diagnostic(found: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = String::new();
    match &found.primary {
        Some(label) => {
            let _ = writeln!(
                text,
                "{}: {severity}[{}]: {}",
                sources.place(&label.span),
                found.code,
                found.message
            );
            if let Some((number, line)) = sources.line(&label.span) {
                let source = &sources.files[label.span.file].text;
                let start = source[..label.span.range.start]
                    .rfind('\n')
                    .map_or(0, |at| at + 1);
                let before = source[start..label.span.range.start].chars().count();
                let marked = source[label.span.range.clone()]
                    .lines()
                    .next()
                    .unwrap_or("")
                    .chars()
                    .count()
                    .max(1);
                let margin = number.to_string().len();
                let _ = writeln!(text, "  {number} | {line}");
                let carets = format!(
                    "  {:margin$} | {:before$}{} {}",
                    "",
                    "",
                    "^".repeat(marked),
                    label.text
                );
                let _ = writeln!(text, "{}", carets.trim_end());
            }
        }
        None => {
            let _ = writeln!(text, "{severity}[{}]: {}", found.code, found.message);
        }
    }
    for label in &found.related {
        let _ = writeln!(text, "  see {}: {}", sources.place(&label.span), label.text);
    }
    for help in &found.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// A value; secrets are not shown, unknowns tell their origin.
pub fn value(value: &Value) -> String {
    match value {
        Value::Unknown(Unknown { origin: Some(origin) }) => format!("<{origin}>"),
        Value::Unknown(_) => "<unknown>".into(),
        Value::Secret(Secret::Clear(inner)) if inner.has_unknown() => "<secret, unknown>".into(),
        Value::Secret(_) => "<secret>".into(),
        Value::List(items) => format!(
            "[{}]",
            items.iter().map(self::value).collect::<Vec<_>>().join(", ")
        ),
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, entry)| format!("{name} = {}", self::value(entry)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        plain => plain.reveal().unwrap().to_string(),
    }
}

/// The stack, every template evaluated in `scope`.
pub fn stack(stack: &Stack, scope: &Scope) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "stack {} (name {}, environment {}, stage {}, region {})",
        stack.id, stack.name, stack.environment, stack.stage, stack.region
    );
    let _ = writeln!(
        text,
        "  assume_role {:?}, accounts {:?}",
        stack.assume_role, stack.allowed_account_ids
    );
    if stack.allow_data_loss == Some(true) {
        let _ = writeln!(text, "  allows data loss");
    }
    for (name, variable) in &stack.variables {
        let _ = writeln!(text, "var.{name} = {}", value(variable));
    }
    for (address, lookup) in &stack.lookups {
        let _ = writeln!(text, "lookup.{address}");
        for (name, template) in &lookup.attributes {
            let _ = writeln!(text, "  {name} = {}", value(&template.evaluate(scope).unwrap()));
        }
    }
    for (address, resource) in &stack.resources {
        let _ = writeln!(text, "{address} at {}", stack.sources.place(&resource.span));
        for (name, template) in &resource.attributes {
            let evaluated = template
                .evaluate(scope)
                .map_or_else(|error| format!("! {error}"), |found| value(&found));
            let _ = writeln!(text, "  {name} = {evaluated}");
        }
        for (needed, strength) in &resource.dependencies {
            let _ = writeln!(text, "  needs {needed} ({strength:?})");
        }
        if resource.lifecycle != infra_core::Lifecycle::default() {
            let _ = writeln!(text, "  {:?}", resource.lifecycle);
        }
        if resource.timeouts != infra_core::Timeouts::default() {
            let _ = writeln!(text, "  {:?}", resource.timeouts);
        }
    }
    for address in &stack.absent {
        let _ = writeln!(text, "absent {address}");
    }
    for (name, output) in &stack.outputs {
        let evaluated = output
            .value
            .evaluate(scope)
            .map_or_else(|error| format!("! {error}"), |found| value(&found));
        let sensitive = if output.sensitive { " (sensitive)" } else { "" };
        let _ = writeln!(text, "output.{name} = {evaluated}{sensitive}");
    }
    text
}
