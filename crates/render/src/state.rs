//! What the state knows: all resources, one resource.

use std::io;

use infra_core::state::{RecordStatus, ResourceRecord};
use infra_core::{
    AttributeChange, AttributePath, PathSegment, PhysicalId, ResourceAddress, StackId, State, Value,
};
use serde::Serialize;

use crate::json;
use crate::line::{Line, write_lines};
use crate::style::{Format, Role, Style};
use crate::table::Table;
use crate::units::count;
use crate::value::{Shown, leaves, shown_attributes};
use crate::value_diff::{self, Marks};

/// Writes the stacks that have a state, one identity in a line; as JSON one `stack` line for each.
///
/// # Errors
/// When `out` fails.
pub fn write_stacks(
    out: &mut dyn io::Write,
    stacks: &[StackId],
    format: Format,
    style: &Style,
) -> io::Result<()> {
    for id in stacks {
        match format {
            Format::Json => json::write(out, "stack", StackLine { id })?,
            Format::Human | Format::Plain => {
                Line::new()
                    .normal(id.as_str())
                    .write(out, &style.for_format(format))?;
            }
        }
    }
    Ok(())
}

/// Writes a table of all resources; as JSON one `resource` line for each.
///
/// # Errors
/// When `out` fails.
pub fn write_state_list(
    out: &mut dyn io::Write,
    state: &State,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    let current = state
        .resources
        .iter()
        .map(|(address, record)| (address, record, false));
    let deposed = state
        .deposed
        .iter()
        .flat_map(|(address, records)| records.iter().map(move |record| (address, record, true)));
    let mut resources: Vec<_> = current.chain(deposed).collect();
    resources.sort_by_key(|(address, _, deposed)| (*address, *deposed));
    if format == Format::Json {
        return resources.into_iter().try_for_each(|(address, record, deposed)| {
            let line = ListLine {
                address,
                physical_id: &record.physical_id,
                status: record.status,
                deposed,
            };
            json::write(out, "resource", line)
        });
    }
    let style = style.for_format(format);
    if !resources.is_empty() {
        let mut table = Table::with_headings(&["ADDRESS", "ID", "STATUS"]);
        for (address, record, deposed) in resources {
            table.row([
                Line::new().normal(address.to_string()),
                Line::new().normal(record.physical_id.as_str()),
                status(record.status, deposed),
            ]);
        }
        write_lines(out, &style, &table.lines(0))?;
    }
    let mut notes = vec![count(state.resources.len(), "resource")];
    let open = state.open_intents().count();
    if open > 0 {
        let open = count(open, "call");
        notes.push(format!("{open} of unknown outcome, which the next run settles"));
    }
    Line::new().add(Role::Muted, notes.join("; ")).write(out, &style)
}

fn status(status: RecordStatus, deposed: bool) -> Line {
    match (deposed, status) {
        (true, _) => Line::new().add(Role::Notice, "replaced, to be deleted"),
        (false, RecordStatus::Ready) => Line::new().add(Role::Good, "ready"),
        (false, RecordStatus::Pending) => Line::new().add(Role::Notice, "pending"),
    }
}

/// Writes all about one resource: what the file manages, and apart from it what is AWS's own.
///
/// # Errors
/// When `out` fails.
pub fn write_state_show(
    out: &mut dyn io::Write,
    address: &ResourceAddress,
    record: &ResourceRecord,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    if format == Format::Json {
        let line = ShowLine {
            address,
            physical_id: &record.physical_id,
            status: record.status,
            managed: shown_attributes(&record.applied),
            observed: shown_attributes(&record.observed),
            dependencies: &record.dependencies,
        };
        return json::write(out, "resource", line);
    }
    let style = style.for_format(format);
    let mut head = Table::default();
    let mut fact = |name: &str, value: Line| head.row([Line::new().add(Role::Muted, name), value]);
    fact("address", Line::new().add(Role::Strong, address.to_string()));
    fact("id", Line::new().normal(record.physical_id.as_str()));
    fact("status", status(record.status, false));
    for (position, dependency) in record.dependencies.iter().enumerate() {
        let name = if position == 0 { "needs" } else { "" };
        fact(name, Line::new().normal(dependency.to_string()));
    }
    write_lines(out, &style, &head.lines(0))?;
    let managed = leaves_of(&record.applied);
    let own: Vec<AttributeChange> = leaves_of(&record.observed)
        .into_iter()
        .filter(|observed| {
            !managed
                .iter()
                .any(|managed| covers(&managed.path, &observed.path))
        })
        .collect();
    for (heading, attributes) in [("Set by the file", managed), ("AWS's own", own)] {
        if !attributes.is_empty() {
            writeln!(out)?;
            Line::new().add(Role::Strong, heading).write(out, &style)?;
            let lines = value_diff::lines(&attributes, Marks::Heading, 2, style.symbols());
            write_lines(out, &style, &lines)?;
        }
    }
    Ok(())
}

fn leaves_of(attributes: &infra_core::Attributes) -> Vec<AttributeChange> {
    attributes
        .iter()
        .flat_map(|(name, value)| leaves(&AttributePath::attribute(name), value))
        .filter(|(_, value)| !value.is_null())
        .map(|(path, value)| AttributeChange {
            path,
            before: Value::Null,
            after: value.clone(),
            forces_replacement: false,
        })
        .collect()
}

/// Whether `inner` is the place `outer` or inside it.
fn covers(outer: &AttributePath, inner: &AttributePath) -> bool {
    let (outer, inner): (&[PathSegment], _) = (outer.segments(), inner.segments());
    inner.starts_with(outer)
}

#[derive(Serialize)]
struct StackLine<'a> {
    id: &'a StackId,
}

#[derive(Serialize)]
struct ListLine<'a> {
    address: &'a ResourceAddress,
    physical_id: &'a PhysicalId,
    status: RecordStatus,
    deposed: bool,
}

#[derive(Serialize)]
struct ShowLine<'a> {
    address: &'a ResourceAddress,
    physical_id: &'a PhysicalId,
    status: RecordStatus,
    managed: std::collections::BTreeMap<&'a str, Shown<'a>>,
    observed: std::collections::BTreeMap<&'a str, Shown<'a>>,
    dependencies: &'a [ResourceAddress],
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_core::state::{Intent, Token};
    use infra_core::{Attributes, Lifecycle, Operation, Secret};
    use serde_json::json;

    fn attributes(json: serde_json::Value) -> Attributes {
        Value::from(json).as_map().unwrap().clone()
    }

    fn record(id: &str, status: RecordStatus) -> ResourceRecord {
        let mut applied = attributes(
            json!({"cidr_block": "10.0.0.0/16", "tags": {"Name": "main"}, "rule": [{"port": 80}]}),
        );
        applied.insert(
            "password".into(),
            Value::Secret(Secret::Sealed("hmac-sha256:00".into())),
        );
        let mut observed = attributes(json!({
                "id": id, "cidr_block": "10.0.0.0/16", "owner_id": "123456789012", "nothing": null,
                "tags": {"Name": "main", "aws:seen": "yes"}, "rule": [{"port": 80, "id": "sgr-1"}]
        }));
        observed.insert(
            "password".into(),
            Value::Secret(Secret::Sealed("hmac-sha256:00".into())),
        );
        ResourceRecord {
            physical_id: PhysicalId::new(id),
            location: None,
            applied,
            observed,
            dependencies: vec![
                "iam.role.task".parse().unwrap(),
                "ec2.eip.nat[\"a\"]".parse().unwrap(),
            ],
            lifecycle: Lifecycle::default(),
            timeouts: infra_core::Timeouts::default(),
            status,
            retag: false,
        }
    }

    fn state() -> State {
        let mut state = State::new(
            StackId::new("app", "test", "dev", "us-east-1").unwrap(),
            "lineage",
        );
        let address: ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let other: ResourceAddress = "ec2.nat_gateway.main[\"us-east-1a\"]".parse().unwrap();
        state
            .resources
            .insert(address.clone(), record("vpc-2", RecordStatus::Ready));
        state
            .resources
            .insert(other, record("nat-0123456789", RecordStatus::Pending));
        state
            .deposed
            .insert(address.clone(), vec![record("vpc-1", RecordStatus::Ready)]);
        let token = Token("t".into());
        state.intents.insert(
            token.clone(),
            Intent {
                token,
                address,
                operation: Operation::Delete,
                location: None,
                physical_id: None,
                attributes: Attributes::new(),
                changed: Vec::new(),
                spec_hash: String::new(),
                dependencies: Vec::new(),
                lifecycle: Lifecycle::default(),
                timeouts: infra_core::Timeouts::default(),
                run: infra_core::RunId("r".into()),
                at_unix_ms: 0,
                there_before: None,
                learned: Attributes::new(),
                in_doubt_since_unix_ms: None,
            },
        );
        state
    }

    fn text(write: impl Fn(&mut Vec<u8>, Format)) -> String {
        [Format::Plain, Format::Json]
            .into_iter()
            .map(|format| {
                let mut out = Vec::new();
                write(&mut out, format);
                String::from_utf8(out).unwrap()
            })
            .collect()
    }

    #[test]
    fn a_list_of_resources() {
        insta::assert_snapshot!(text(|out, format| {
            write_state_list(out, &state(), format, &Style::plain()).unwrap();
        }));
    }

    #[test]
    fn one_resource() {
        insta::assert_snapshot!(text(|out, format| {
            let record = record("vpc-2", RecordStatus::Ready);
            write_state_show(
                out,
                &"ec2.vpc.main".parse().unwrap(),
                &record,
                format,
                &Style::plain(),
            )
            .unwrap();
        }));
    }
}
