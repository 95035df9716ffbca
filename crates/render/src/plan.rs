//! Plans and diffs. Drift and change are never mixed up: each has its own section.

mod closing;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use infra_core::plan::{Forecast, OutputChange, Reason, ReplaceOrder};
use infra_core::{
    Action, AttributeChange, AttributePath, Change, DataAtStake, HeldData, Ownership, Plan, ResourceAddress,
    StackId, StepId, Value,
};

pub(crate) use self::closing::drifted;
use self::closing::{closing, losses};
use crate::forecast;
use crate::line::{Line, write_lines};
use crate::reason;
use crate::style::{Format, Role, Style};
use crate::units::listed;
use crate::value_diff::{self, Marks};

/// What the plan is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanView<'a> {
    /// To be carried out, which will probably take so long.
    Plan(&'a Forecast),
    /// To be looked at: what drifted is said first, even when nothing did.
    Diff,
}

/// Writes a plan. No-ops without drift are left out.
///
/// # Errors
/// When `out` fails.
pub fn write_plan(
    out: &mut dyn io::Write,
    plan: &Plan,
    view: PlanView<'_>,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => crate::plan_json::write(out, plan, view),
        Format::Human | Format::Plain => {
            write_lines(out, &style.for_format(format), &plan_lines(plan, view, style))
        }
    }
}

/// Writes whose plan it is that comes next, for people; every line of JSON has its stack. With `apart` an empty line
/// sets it apart from what stands above it.
///
/// # Errors
/// When `out` fails.
pub fn write_stack_heading(
    out: &mut dyn io::Write,
    stack: &StackId,
    apart: bool,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    if format == Format::Json {
        return Ok(());
    }
    let mut lines = vec![
        Line::new().add(Role::Strong, format!("Stack {stack}")),
        Line::new(),
    ];
    if apart {
        lines.insert(0, Line::new());
    }
    write_lines(out, &style.for_format(format), &lines)
}

/// Where the lines of one resource start, and its attributes.
const HEADER: usize = 2;
const ATTRIBUTES: usize = 6;
/// Addresses named in a row before the rest is only counted.
const NAMED: usize = 5;

fn plan_lines(plan: &Plan, view: PlanView<'_>, style: &Style) -> Vec<Line> {
    let drift: Vec<Vec<Line>> = plan
        .changes
        .iter()
        .filter_map(|change| drift_lines(change, style))
        .collect();
    let calls = shared_calls(plan);
    let changes: Vec<Vec<Line>> = plan
        .changes
        .iter()
        .filter_map(|change| change_lines(change, calls.get(&change.address), style))
        .collect();
    let mut lines = Vec::new();
    let pending: Vec<Line> = plan.pending().map(|change| pending_line(change, style)).collect();
    let nothing = drift.is_empty() && changes.is_empty() && plan.outputs.is_empty() && pending.is_empty();
    let even_if_empty = view == PlanView::Diff && !nothing;
    section(
        &mut lines,
        "Drift: what AWS has against what was last left there",
        drift,
        even_if_empty,
    );
    section(
        &mut lines,
        "Changes: what the file wants against what AWS has",
        changes,
        even_if_empty,
    );
    section(
        &mut lines,
        "Retag: infra's own tags that the next apply writes",
        retag_lines(plan),
        false,
    );
    section(
        &mut lines,
        "Pending: what exists and does not work yet",
        if pending.is_empty() {
            Vec::new()
        } else {
            vec![pending]
        },
        false,
    );
    section(
        &mut lines,
        "Outputs that change",
        output_lines(plan, style),
        false,
    );
    lines.push(closing(plan, view));
    lines.extend(losses(plan));
    if let PlanView::Plan(forecast) = view
        && is_carried_out(plan)
    {
        lines.extend(forecast::lines(forecast, style));
    }
    lines
}

/// Whether an apply does anything.
pub(crate) fn is_carried_out(plan: &Plan) -> bool {
    plan.has_changes() && plan.counts().refused == 0
}

/// A heading and what stands under it, with empty lines between.
fn section(lines: &mut Vec<Line>, heading: &str, blocks: Vec<Vec<Line>>, even_if_empty: bool) {
    if blocks.is_empty() && !even_if_empty {
        return;
    }
    lines.push(Line::new().add(Role::Strong, heading));
    lines.push(Line::new());
    if blocks.is_empty() {
        lines.push(Line::indented(HEADER).add(Role::Muted, "none"));
        lines.push(Line::new());
    }
    for block in blocks {
        lines.extend(block);
        lines.push(Line::new());
    }
}

/// What changed at AWS behind our back; `None` when nothing did.
fn drift_lines(change: &Change, style: &Style) -> Option<Vec<Line>> {
    let symbols = style.symbols();
    if change.reason == Reason::Vanished {
        let header = header(change, "-", "", Role::Delete);
        return Some(vec![
            header.add(Role::Muted, format!(" {} gone from AWS", symbols.dash)),
        ]);
    }
    let doubt = reason::doubt(&change.ownership);
    if change.drift.is_empty() && doubt.is_none() {
        return None;
    }
    let header = header(change, "~", "", Role::Update);
    let why = match doubt {
        Some(doubt) => (Role::Delete, doubt),
        None => (Role::Muted, "changed at AWS by others".to_owned()),
    };
    let mut lines = vec![
        header
            .add(Role::Muted, format!(" {} ", symbols.dash))
            .add(why.0, why.1),
    ];
    lines.extend(value_diff::lines(
        &change.drift,
        Marks::EachRow,
        ATTRIBUTES,
        symbols,
    ));
    Some(lines)
}

/// What is only waited for.
fn pending_line(change: &Change, style: &Style) -> Line {
    let words = format!(" {} the next apply waits for it", style.symbols().dash);
    header(change, ".", "", Role::Notice).add(Role::Muted, words)
}

/// What the plan does to one resource; `None` when nothing.
fn change_lines(
    change: &Change,
    one_call_with: Option<&BTreeSet<&ResourceAddress>>,
    style: &Style,
) -> Option<Vec<Line>> {
    let symbols = style.symbols();
    let doubt = reason::doubt(&change.ownership);
    let (mark, verb, role) = match (change.action, change.replace_order) {
        _ if doubt.is_some() => ("!", "leave", Role::Delete),
        (Action::NoOp | Action::Read, _) => return None,
        (Action::Create, _) => ("+", "create", Role::Create),
        (Action::Update, _) => ("~", "update", Role::Update),
        (Action::Replace, Some(ReplaceOrder::CreateThenDelete)) => {
            ("+/-", "replace (create first)", Role::Replace)
        }
        (Action::Replace, _) if one_call_with.is_some() => ("-/+", "replace (in one call)", Role::Replace),
        (Action::Replace, _) => ("-/+", "replace (delete first)", Role::Replace),
        (Action::Delete, _) => ("-", "delete", Role::Delete),
        (Action::Forget, _) => (".", "forget", Role::Muted),
    };
    let why = doubt.unwrap_or_else(|| reason::words(change));
    let why = format!(" {} {why}", symbols.dash);
    let mut header = header(change, mark, verb, role).add(Role::Muted, why);
    if let Some(data) = change.data.as_ref().filter(|_| change.loses_data()) {
        header = header
            .add(Role::Muted, format!(" {} ", symbols.dash))
            .add(Role::Delete, loses(data));
    }
    if let Some(others) = one_call_with.filter(|others| !others.is_empty()) {
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let words = format!(" {} in one call with {}", symbols.dash, listed(&others, NAMED));
        header = header.add(Role::Muted, words);
    }
    let mut lines = vec![header];
    let marks = match change.action {
        Action::Create | Action::Delete | Action::Forget => Marks::Heading,
        _ => Marks::EachRow,
    };
    let attributes = attributes_of(change);
    lines.extend(value_diff::lines(&attributes, marks, ATTRIBUTES, symbols));
    Some(lines)
}

/// Of each resource that a call changes together with others, or deletes and makes: those others.
pub(crate) fn shared_calls(plan: &Plan) -> BTreeMap<&ResourceAddress, BTreeSet<&ResourceAddress>> {
    let mut calls: BTreeMap<StepId, BTreeSet<&ResourceAddress>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(first) = step.together {
            calls.entry(first).or_default().insert(&step.address);
        }
    }
    let mut shared: BTreeMap<&ResourceAddress, BTreeSet<&ResourceAddress>> = BTreeMap::new();
    for call in calls.values() {
        for address in call {
            let others = call.iter().filter(|other| *other != address);
            shared.entry(address).or_default().extend(others);
        }
    }
    shared
}

/// What nothing is done to but that our tags are written, a line for each.
fn retag_lines(plan: &Plan) -> Vec<Vec<Line>> {
    let retags = |change: &&Change| change.action == Action::NoOp && change.ownership == Ownership::Retag;
    let changes = plan.changes.iter().filter(retags);
    let lines: Vec<Line> = changes
        .map(|change| header(change, "~", "retag", Role::Update))
        .collect();
    if lines.is_empty() { Vec::new() } else { vec![lines] }
}

/// `loses data: images`
fn loses(data: &DataAtStake) -> String {
    match data.held {
        HeldData::Unclear(_) => format!(
            "loses data: {} if it holds any, which could not be told",
            data.what
        ),
        _ => format!("loses data: {}", data.what),
    }
}

/// The attributes that a change sets or changes; for a create that names none, all that are wanted.
pub(crate) fn attributes_of(change: &Change) -> Cow<'_, [AttributeChange]> {
    if change.action != Action::Create || !change.attributes.is_empty() {
        return Cow::Borrowed(&change.attributes);
    }
    let set = |(name, value): (&String, &Value)| AttributeChange {
        path: AttributePath::attribute(name),
        before: Value::Null,
        after: value.clone(),
        forces_replacement: false,
    };
    Cow::Owned(change.wanted.iter().map(set).collect())
}

/// `~ update ec2.vpc.main [vpc-0abc]`
fn header(change: &Change, mark: &str, verb: &str, role: Role) -> Line {
    let mut line = Line::indented(HEADER).add(role, mark).normal(" ");
    if !verb.is_empty() {
        line = line.add(role, verb).normal(" ");
    }
    line = line.add(Role::Strong, change.address.to_string());
    match &change.physical_id {
        Some(id) => line.add(Role::Muted, format!(" [{id}]")),
        None => line,
    }
}

fn output_lines(plan: &Plan, style: &Style) -> Vec<Vec<Line>> {
    let changes: Vec<AttributeChange> = plan
        .outputs
        .iter()
        .map(|(name, OutputChange { before, after })| AttributeChange {
            path: AttributePath::attribute(name),
            before: before.clone(),
            after: after.clone(),
            forces_replacement: false,
        })
        .collect();
    let lines = value_diff::lines(&changes, Marks::EachRow, HEADER, style.symbols());
    if lines.is_empty() { Vec::new() } else { vec![lines] }
}

#[cfg(test)]
mod tests;
