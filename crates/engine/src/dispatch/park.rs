//! Steps that started too early, and wait for what they need to work.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use infra_core::event::EventKind;
use infra_core::{ErrorClass, PhysicalId, ProviderError, ResourceAddress, StepId};
use tokio::time::Instant;

use super::Dispatch;
use super::progress::Stage;
use crate::retry::Tries;
use crate::step::Message;

impl Dispatch {
    /// Puts a step aside until the dependencies that only exist so far work. When all of them do, AWS itself
    /// is late: the step is tried again after a pause, for a bounded time.
    ///
    /// A dependency that failed meanwhile will never work, and the step ends with it.
    pub(super) fn park(&mut self, id: StepId, error: ProviderError) {
        if let Some(failed) = self.failed_before(id) {
            return self.skip_after(id, failed);
        }
        let waits_for = self.unready(id);
        let address = self.address(id);
        self.shared.reporter.send(EventKind::StepParked {
            step: id,
            address: address.clone(),
            waits_for: waits_for.clone(),
            error: error.clone(),
        });
        if !waits_for.is_empty() || self.cancelling > 0 {
            return;
        }
        let pace = self.shared.pace;
        let tries = self.steps[id.0 as usize]
            .tries
            .get_or_insert_with(|| Tries::new(pace));
        match tries.next(ErrorClass::DependencyNotReady) {
            Some(pause) => {
                let sender = self.sender.clone();
                let cancellation = self.shared.cancellation.clone();
                self.tasks.spawn(async move {
                    cancellation.pause(pause).await;
                    let _ = sender.send(Message::Again { step: id }).await;
                });
            }
            None => {
                let seconds = tries.elapsed().as_secs();
                let error = self.out_of_patience(id, error, seconds);
                self.fail(id, error);
            }
        }
    }

    /// Whether AWS denies the step something that this run has just made for it: what may be done with a new
    /// role, every service learns in its own time.
    pub(super) fn denies_what_is_new(&self, id: StepId, error: &ProviderError) -> bool {
        error.class == ErrorClass::Denied
            && !self.steps[id.0 as usize].exists
            && self.plan.steps[id.0 as usize].together.is_none()
            && self
                .made_for(id)
                .any(|(_, made)| error.message.contains(made.as_str()))
    }

    /// What the step directly depends on and this run has made.
    fn made_for(&self, id: StepId) -> impl Iterator<Item = (&ResourceAddress, &PhysicalId)> {
        self.plan.steps[id.0 as usize].after.iter().filter_map(|before| {
            let position = before.step.0 as usize;
            let made = self.steps[position].made.as_ref()?;
            Some((&self.plan.steps[position].address, made))
        })
    }

    /// The error that AWS kept answering with, with what was done about it.
    fn out_of_patience(&self, id: StepId, error: ProviderError, seconds: u64) -> ProviderError {
        let made: BTreeSet<String> = self
            .made_for(id)
            .map(|(address, _)| address.to_string())
            .collect();
        let made: Vec<String> = made.into_iter().collect();
        let mut hint = format!("AWS kept refusing it for {seconds} s");
        if !made.is_empty() {
            let _ = write!(hint, ", although what it needs is there: {}", made.join(", "));
        }
        hint.push_str("; run the same command again to go on trying");
        if let Some(known) = &error.hint {
            let _ = write!(hint, "; {known}");
        }
        error.hint(hint)
    }

    /// One of the step's dependencies that did not come to a good end.
    fn failed_before(&self, id: StepId) -> Option<StepId> {
        let mut before = self.plan.steps[id.0 as usize]
            .after
            .iter()
            .map(|before| before.step);
        before.find(|before| {
            matches!(
                self.steps[before.0 as usize].stage,
                Stage::Failed | Stage::Skipped
            )
        })
    }

    /// The step's dependencies that exist and do not work yet.
    pub(super) fn unready(&self, id: StepId) -> Vec<StepId> {
        let mut unready: Vec<StepId> = self.plan.steps[id.0 as usize]
            .after
            .iter()
            .map(|dependency| dependency.step)
            .filter(|before| !self.steps[before.0 as usize].stage.is_over())
            .collect();
        unready.dedup();
        unready
    }

    /// Tries parked steps again that waited for this one, and maybe for others: which of them it is that AWS
    /// minds, nobody tells.
    pub(super) fn wake_parked(&mut self, id: StepId) {
        let parked: BTreeSet<StepId> = self.steps[id.0 as usize]
            .dependents
            .iter()
            .map(|(dependent, _)| *dependent)
            .filter(|dependent| self.steps[dependent.0 as usize].stage == Stage::Parked)
            .collect();
        for dependent in parked {
            // It was this one's readiness, not only its existence, that the step had to wait for.
            let path = self.steps[id.0 as usize].path_end;
            let waiting = &mut self.steps[dependent.0 as usize];
            if path > waiting.path_before.0 {
                waiting.path_before = (path, Some(id));
                waiting.started = Some(Instant::now());
            }
            self.enqueue(dependent);
        }
    }
}
