//! How a run went.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_core::plan::ActionCounts;
use infra_core::{Action, Change, Ownership, ResourceAddress, RunOutcome, StepId, StepOperation};

use super::Dispatch;
use super::progress::Stage;
use crate::session::RunReport;

impl Dispatch {
    pub(super) fn report(&self, duration: Duration) -> RunReport {
        let outcome = if self.cancelling > 0 && self.skipped + self.stopped > 0 {
            RunOutcome::Cancelled
        } else if self.failed > 0 {
            RunOutcome::Failed
        } else {
            RunOutcome::Completed
        };
        let last = (0..self.steps.len())
            .filter(|position| self.steps[*position].stage == Stage::Done)
            .max_by_key(|position| (self.steps[*position].path_end, std::cmp::Reverse(*position)));
        let mut critical_path = Vec::new();
        let mut next = last.map(|position| StepId(position as u32));
        while let Some(id) = next {
            critical_path.push(self.address(id));
            next = self.steps[id.0 as usize].path_before.1;
        }
        critical_path.reverse();
        RunReport {
            outcome,
            done: self.done(),
            failed: self.failed,
            stopped: self.stopped,
            skipped: self.skipped,
            left: self.left.len(),
            duration,
            critical_path_length: last.map_or(Duration::ZERO, |position| self.steps[position].path_end),
            critical_path,
        }
    }

    /// Resources by action: one counts when all its steps are done; of a replacement that did not come to its end, the half
    /// that is.
    pub(super) fn done(&self) -> ActionCounts {
        let half = |change: &Change, operation: StepOperation| {
            let mut steps = self.plan.steps.iter().zip(&self.steps);
            let is_done = steps.any(|(step, progress)| {
                step.address == change.address
                    && step.operation == operation
                    && (step.physical_id.is_none() || step.physical_id == change.physical_id)
                    && progress.stage == Stage::Done
            });
            usize::from(is_done)
        };
        let mut over: BTreeMap<&ResourceAddress, bool> = BTreeMap::new();
        for (step, progress) in self.plan.steps.iter().zip(&self.steps) {
            let done = progress.stage == Stage::Done;
            over.entry(&step.address)
                .and_modify(|all| *all &= done)
                .or_insert(done);
        }
        let mut counts = ActionCounts::default();
        for change in &self.plan.changes {
            let done = over.get(&change.address).copied();
            match change.action {
                Action::NoOp | Action::Read => {
                    counts.no_op += 1;
                    let retagged = change.ownership == Ownership::Retag && done == Some(true);
                    counts.retag += usize::from(retagged);
                }
                Action::Replace if done != Some(true) => {
                    counts.create += half(change, StepOperation::Create);
                    counts.delete += half(change, StepOperation::Delete);
                    counts.forget += half(change, StepOperation::Forget);
                }
                _ if done != Some(true) => {}
                Action::Create => counts.create += 1,
                Action::Update => counts.update += 1,
                Action::Replace => counts.replace += 1,
                Action::Delete => counts.delete += 1,
                Action::Forget => counts.forget += 1,
            }
        }
        counts
    }
}
