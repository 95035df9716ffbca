//! A plan as text, for people who review snapshots.

use std::fmt::Write;

use infra_core::plan::{Reason, ReplaceOrder};
use infra_core::{AttributeChange, Attributes, Diagnostic, Plan, Secret, Strength, Value};

pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let id = change
            .physical_id
            .as_ref()
            .map_or(String::new(), |id| format!(" [{id}]"));
        let order = match change.replace_order {
            Some(ReplaceOrder::DeleteThenCreate) => ", delete then create",
            Some(ReplaceOrder::CreateThenDelete) => ", create then delete",
            None => "",
        };
        let (address, reason) = (&change.address, reason(&change.reason));
        let data = change.data.as_ref().map_or(String::new(), |data| {
            let allowed = if data.allowed { "allowed" } else { "not allowed" };
            format!(", {}: {:?}, {allowed}", data.what, data.held)
        });
        writeln!(text, "{address}{id}: {:?} ({reason}{order}{data})", change.action).unwrap();
        for change in &change.drift {
            writeln!(text, "    drift  {}", difference(change)).unwrap();
        }
        for change in &change.attributes {
            writeln!(text, "    change {}", difference(change)).unwrap();
        }
        if !change.wanted.is_empty() {
            writeln!(text, "    wanted {}", table(&change.wanted)).unwrap();
        }
    }
    writeln!(text, "steps:").unwrap();
    for step in &plan.steps {
        let id = step
            .physical_id
            .as_ref()
            .map_or(String::new(), |id| format!(" [{id}]"));
        let forced = if step.forced { " (forced)" } else { "" };
        let after: Vec<String> = step
            .after
            .iter()
            .map(|after| {
                let how = match after.strength {
                    Strength::Exists => "exists",
                    Strength::Ready => "ready",
                };
                format!("{} {how}", after.step.0)
            })
            .collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(" after {}", after.join(", "))
        };
        let together = step
            .together
            .map_or(String::new(), |first| format!(", in the call of {}", first.0));
        writeln!(
            text,
            "  {} {:?} {}{id}{forced}{after}{together}",
            step.id.0, step.operation, step.address
        )
        .unwrap();
    }
    for (name, output) in &plan.outputs {
        writeln!(
            text,
            "output {name}: {} -> {}",
            value(&output.before),
            value(&output.after)
        )
        .unwrap();
    }
    text
}

pub fn errors_text(errors: &[Diagnostic]) -> String {
    let mut text = String::new();
    for error in errors {
        writeln!(text, "error[{}]: {}", error.code, error.message).unwrap();
        for help in &error.help {
            writeln!(text, "    help: {help}").unwrap();
        }
    }
    text
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Immutable { attributes } => {
            let names: Vec<String> = attributes.iter().map(ToString::to_string).collect();
            format!("cannot be changed in place: {}", names.join(", "))
        }
        Reason::Broken { status } => format!("broken: {status}"),
        Reason::DependencyReplaced { address } => format!("because of {address}"),
        Reason::Follows { address } => format!("follows {address}"),
        Reason::PlaceWanted { address } => format!("{address} takes what it has"),
        Reason::PlaceTaken { address } => format!("takes what {address} has"),
        other => format!("{other:?}"),
    }
}

fn difference(change: &AttributeChange) -> String {
    let forces = if change.forces_replacement {
        " (forces replacement)"
    } else {
        ""
    };
    format!(
        "{}: {} -> {}{forces}",
        change.path,
        value(&change.before),
        value(&change.after)
    )
}

fn table(entries: &Attributes) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, content)| format!("{name} = {}", value(content)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

fn value(content: &Value) -> String {
    match content {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => table(entries),
        Value::Unknown(unknown) => match &unknown.origin {
            Some(origin) => format!("(later: {origin})"),
            None => "(later)".to_owned(),
        },
        Value::Secret(Secret::Clear(_)) => "(SECRET IN CLEAR)".to_owned(),
        Value::Secret(Secret::Sealed(hash)) => format!("(sensitive {})", &hash[12..18]),
    }
}
