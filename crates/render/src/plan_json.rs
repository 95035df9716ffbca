//! Plans as JSON lines: a `change` line for each resource that changes or drifted, an `output_change` line for
//! each output that changes, and a `plan` line last.

use std::collections::BTreeSet;
use std::io;

use infra_core::plan::{ActionCounts, Forecast, PlanMode, Reason, ReplaceOrder};
use infra_core::{
    Action, AttributeChange, AttributePath, DataAtStake, Ownership, PhysicalId, Plan, ResourceAddress,
};
use serde::Serialize;

use crate::json;
use crate::plan::{PlanView, attributes_of, drifted, is_carried_out, shared_calls};
use crate::reason;
use crate::value::Shown;

#[derive(Serialize)]
struct ChangeLine<'a> {
    stack: &'a str,
    address: &'a ResourceAddress,
    action: Action,
    why: &'a Reason,
    explanation: String,
    physical_id: &'a Option<PhysicalId>,
    replace_order: Option<ReplaceOrder>,
    /// The others that the same call changes; null where each step has its own call.
    one_call_with: Option<&'a BTreeSet<&'a ResourceAddress>>,
    loses_data: bool,
    data: Option<&'a DataAtStake>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<&'a Ownership>,
    attributes: Vec<AttributeLine<'a>>,
    drift: Vec<AttributeLine<'a>>,
}

#[derive(Serialize)]
struct AttributeLine<'a> {
    path: &'a AttributePath,
    before: Shown<'a>,
    after: Shown<'a>,
    forces_replacement: bool,
}

#[derive(Serialize)]
struct OutputLine<'a> {
    stack: &'a str,
    name: &'a str,
    before: Shown<'a>,
    after: Shown<'a>,
}

#[derive(Serialize)]
struct PlanLine<'a> {
    stack: &'a str,
    mode: PlanMode,
    view: &'static str,
    lineage: &'a str,
    serial: u64,
    steps: usize,
    counts: ActionCounts,
    drifted: usize,
    /// What exists and does not work yet.
    pending: Vec<&'a ResourceAddress>,
    loses_data: usize,
    has_changes: bool,
    has_drift: bool,
    forecast: Option<&'a Forecast>,
}

pub(crate) fn write(out: &mut dyn io::Write, plan: &Plan, view: PlanView<'_>) -> io::Result<()> {
    let calls = shared_calls(plan);
    for change in &plan.changes {
        let nothing = matches!(change.action, Action::NoOp | Action::Read) && change.drift.is_empty();
        if nothing && change.reason != Reason::Vanished && change.ownership.is_ours() {
            continue;
        }
        let set = attributes_of(change);
        let line = ChangeLine {
            stack: plan.stack.as_str(),
            address: &change.address,
            action: change.action,
            why: &change.reason,
            explanation: reason::doubt(&change.ownership).unwrap_or_else(|| reason::words(change)),
            physical_id: &change.physical_id,
            replace_order: change.replace_order,
            one_call_with: calls.get(&change.address),
            loses_data: change.loses_data(),
            data: change.data.as_ref(),
            ownership: Some(&change.ownership).filter(|ownership| !ownership.is_ours()),
            attributes: attributes(&set),
            drift: attributes(&change.drift),
        };
        json::write(out, "change", line)?;
    }
    for (name, change) in &plan.outputs {
        let line = OutputLine {
            stack: plan.stack.as_str(),
            name,
            before: Shown(&change.before),
            after: Shown(&change.after),
        };
        json::write(out, "output_change", line)?;
    }
    let line = PlanLine {
        stack: plan.stack.as_str(),
        mode: plan.mode,
        view: match view {
            PlanView::Plan(_) => "plan",
            PlanView::Diff => "diff",
        },
        lineage: &plan.lineage,
        serial: plan.serial,
        steps: plan.steps.len(),
        counts: plan.counts(),
        drifted: drifted(plan),
        pending: plan.pending().map(|change| &change.address).collect(),
        loses_data: plan.changes.iter().filter(|change| change.loses_data()).count(),
        has_changes: plan.has_changes(),
        has_drift: plan.has_drift(),
        forecast: match view {
            PlanView::Plan(forecast) => Some(forecast).filter(|_| is_carried_out(plan)),
            PlanView::Diff => None,
        },
    };
    json::write(out, "plan", line)
}

fn attributes(changes: &[AttributeChange]) -> Vec<AttributeLine<'_>> {
    changes
        .iter()
        .map(|change| AttributeLine {
            path: &change.path,
            before: Shown(&change.before),
            after: Shown(&change.after),
            forces_replacement: change.forces_replacement,
        })
        .collect()
}
