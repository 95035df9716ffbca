//! The end of a plan: what it comes to.

use infra_core::Change;
use infra_core::Plan;
use infra_core::plan::{ActionCounts, PlanMode, Reason};

use super::{NAMED, PlanView};
use crate::line::Line;
use crate::style::Role;
use crate::units::{count, listed};

/// The last line: what it comes to.
pub(super) fn closing(plan: &Plan, view: PlanView<'_>) -> Line {
    let counts = plan.counts();
    let drifted = drifted(plan);
    let pending = plan.pending().count();
    let mut text = match (view, counts.any()) {
        (PlanView::Plan(_), true) => format!("Plan: {}.", counts_in_words(&counts)),
        (PlanView::Diff, true) => format!(
            "{} drifted. To bring AWS to what the file says: {}.",
            count(drifted, "resource"),
            counts_in_words(&counts)
        ),
        (PlanView::Plan(_), false) if pending > 0 => {
            format!("Nothing to change: {} waited for.", are(pending))
        }
        (PlanView::Plan(_), false) if !plan.outputs.is_empty() => {
            "Nothing to do at AWS: only outputs change.".to_owned()
        }
        (PlanView::Plan(_), false) if counts.retag > 0 => format!(
            "Nothing to do but to write the tags of {}: AWS has what the file says.",
            count(counts.retag, "resource")
        ),
        (PlanView::Plan(_), false) if plan.mode == PlanMode::Destroy => {
            "Nothing to do: nothing is left of the stack.".to_owned()
        }
        (PlanView::Plan(_), false) => "Nothing to do: AWS has what the file says.".to_owned(),
        (PlanView::Diff, false) if pending > 0 => format!(
            "{} drifted, and {} not ready yet; an apply waits until AWS has what the file says.",
            count(drifted, "resource"),
            are(pending)
        ),
        (PlanView::Diff, false) if drifted > 0 => format!(
            "{} drifted, but AWS has what the file says.",
            count(drifted, "resource")
        ),
        (PlanView::Diff, false) if !plan.outputs.is_empty() => {
            "No drift, and nothing to change at AWS: only outputs differ.".to_owned()
        }
        (PlanView::Diff, false) => {
            "No differences: AWS has what the file says, and nothing drifted.".to_owned()
        }
    };
    if view == PlanView::Diff && counts.retag > 0 {
        let retagged = count(counts.retag, "resource");
        text.push_str(&format!(" The next apply writes the tags of {retagged}."));
    }
    if counts.refused > 0 {
        text.push_str(" An apply is refused, and nothing of this is done.");
    }
    Line::new().add(Role::Strong, text)
}

/// `2 resources are`
fn are(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number, "resource"))
}

/// How many resources AWS has otherwise than we left them.
pub(crate) fn drifted(plan: &Plan) -> usize {
    let has_drift = |change: &&Change| {
        !change.drift.is_empty() || change.reason == Reason::Vanished || change.ownership.is_refused()
    };
    plan.changes.iter().filter(has_drift).count()
}

/// `3 to create, 1 to change, 1 to replace, 0 to delete`, and `, 1 to forget` if there is one.
fn counts_in_words(counts: &ActionCounts) -> String {
    let ActionCounts {
        create,
        update,
        replace,
        delete,
        forget,
        no_op: _,
        retag,
        refused,
    } = counts;
    let mut words =
        format!("{create} to create, {update} to change, {replace} to replace, {delete} to delete");
    if *forget > 0 {
        words.push_str(&format!(", {forget} to forget"));
    }
    if *retag > 0 {
        words.push_str(&format!(", {retag} to retag"));
    }
    if *refused > 0 {
        words.push_str(&format!(", {refused} not surely this stack's"));
    }
    words
}

/// What loses data, for the end of a plan that may be long.
pub(super) fn losses(plan: &Plan) -> Option<Line> {
    let losing = plan.changes.iter().filter(|change| change.loses_data());
    let addresses: Vec<String> = losing.map(|change| change.address.to_string()).collect();
    (!addresses.is_empty()).then(|| {
        let text = format!("Data is lost with {}.", listed(&addresses, NAMED));
        Line::new().add(Role::Delete, text)
    })
}
