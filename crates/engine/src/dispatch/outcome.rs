//! What the end of a step means for those that wait for it.

use infra_core::event::EventKind;
use infra_core::{ErrorClass, PhysicalId, ProviderError, ResourceAddress, StepId, Strength};

use super::Dispatch;
use super::progress::{Stage, elapsed, millis};
use crate::cancel::cancelled;
use crate::step::Finished;

impl Dispatch {
    pub(super) fn exists(&mut self, id: StepId, physical_id: PhysicalId, attributes: infra_core::Attributes) {
        let address = self.address(id);
        self.work.known(address.clone(), attributes);
        self.steps[id.0 as usize].made = Some(physical_id.clone());
        self.shared.reporter.send(EventKind::StepExists {
            step: id,
            address,
            physical_id,
        });
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Exists;
        progress.exists = true;
        progress.path_exists = progress.path_before.0 + elapsed(progress.started);
        self.unlock(id, Strength::Exists);
    }

    pub(super) fn finish(&mut self, id: StepId, finished: Finished) {
        let step = self.plan.steps[id.0 as usize].clone();
        self.work.finished(&step, &finished);
        let progress = &mut self.steps[id.0 as usize];
        let existed = progress.exists;
        let duration = elapsed(progress.started);
        progress.stage = Stage::Done;
        progress.path_end = progress.path_before.0 + duration;
        if !existed {
            progress.path_exists = progress.path_end;
        }
        self.shared.reporter.send(EventKind::StepFinished {
            step: id,
            address: step.address,
            operation: step.operation,
            changed: finished.changed,
            physical_id: finished.id,
            duration_ms: millis(duration),
        });
        if !existed {
            self.unlock(id, Strength::Exists);
        }
        self.unlock(id, Strength::Ready);
        self.wake_parked(id);
    }

    /// Counts down for all that waited for this much of the step.
    pub(super) fn unlock(&mut self, id: StepId, strength: Strength) {
        let position = id.0 as usize;
        let path = match strength {
            Strength::Exists => self.steps[position].path_exists,
            Strength::Ready => self.steps[position].path_end,
        };
        for index in 0..self.steps[position].dependents.len() {
            let (dependent, needs) = self.steps[position].dependents[index];
            if needs != strength {
                continue;
            }
            let waiting = &mut self.steps[dependent.0 as usize];
            waiting.missing -= 1;
            if path > waiting.path_before.0 || waiting.path_before.1.is_none() {
                waiting.path_before = (path, Some(id));
            }
            if waiting.missing == 0 && waiting.stage == Stage::Waiting {
                self.enqueue(dependent);
            }
        }
    }

    pub(super) fn enqueue(&mut self, id: StepId) {
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Queued;
        progress.queued_ms = self.shared.reporter.elapsed_ms();
        self.queue
            .push((self.remaining[id.0 as usize], std::cmp::Reverse(id)));
    }

    /// Its task has ended.
    pub(super) fn leave(&mut self, id: StepId) {
        self.release(id);
        let progress = &mut self.steps[id.0 as usize];
        self.pressing -= usize::from(std::mem::take(&mut progress.is_pressing));
    }

    /// Gives its place among the calls under way to another step.
    pub(super) fn release(&mut self, id: StepId) {
        let progress = &mut self.steps[id.0 as usize];
        if std::mem::take(&mut progress.calling) {
            self.calling -= 1;
        }
    }

    pub(super) fn fail(&mut self, id: StepId, error: ProviderError) {
        let step = &self.plan.steps[id.0 as usize];
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Failed;
        // What the user wants to stop has not failed, and nor is it to blame for what comes after it.
        let cause = (error.class != ErrorClass::Cancelled).then(|| step.address.clone());
        progress.failed_by.clone_from(&cause);
        match cause {
            Some(_) => self.failed += 1,
            None => self.stopped += 1,
        }
        if error.class == ErrorClass::Credentials {
            self.signed_out.get_or_insert_with(|| step.address.clone());
        }
        self.shared.reporter.send(EventKind::StepFailed {
            step: id,
            address: step.address.clone(),
            operation: step.operation,
            error,
            place: self.work.place(&step.address),
            duration_ms: millis(elapsed(progress.started)),
        });
        self.skip_dependents(id, cause);
    }

    /// Ends a step that could not do its work because what it depends on did not.
    pub(super) fn skip_after(&mut self, id: StepId, failed: StepId) {
        let cause = self.steps[failed.0 as usize].failed_by.clone();
        self.skip(id, cause.clone());
        self.skip_dependents(id, cause);
    }

    fn skip_dependents(&mut self, id: StepId, cause: Option<ResourceAddress>) {
        let mut doomed: Vec<StepId> = self.dependents(id);
        while let Some(next) = doomed.pop() {
            if matches!(
                self.steps[next.0 as usize].stage,
                Stage::Waiting | Stage::Queued | Stage::Parked
            ) {
                self.skip(next, cause.clone());
                doomed.extend(self.dependents(next));
            }
        }
    }

    pub(super) fn skip(&mut self, id: StepId, because_of: Option<ResourceAddress>) {
        let step = &self.plan.steps[id.0 as usize];
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Skipped;
        progress.failed_by.clone_from(&because_of);
        self.skipped += 1;
        self.shared.reporter.send(EventKind::StepSkipped {
            step: id,
            address: step.address.clone(),
            operation: step.operation,
            because_of,
        });
    }

    /// What the cancellation, or the end of our credentials, left unstarted or parked in the middle.
    pub(super) fn skip_the_rest(&mut self) {
        for position in 0..self.steps.len() {
            let id = StepId(position as u32);
            let progress = &self.steps[position];
            if progress.stage.is_over() {
                continue;
            }
            if progress.exists {
                self.fail(id, cancelled("before it had all that its create could not set"));
            } else {
                self.skip(id, self.signed_out.clone());
            }
        }
    }

    /// Tells what a run that does not wait leaves to the next one.
    pub(super) fn tell_what_is_left(&self) {
        for (&id, until) in &self.left {
            let step = &self.plan.steps[id.0 as usize];
            self.shared.reporter.send(EventKind::StepLeft {
                step: id,
                address: step.address.clone(),
                operation: step.operation,
                until: until.clone(),
            });
        }
    }

    pub(super) fn dependents(&self, id: StepId) -> Vec<StepId> {
        self.steps[id.0 as usize]
            .dependents
            .iter()
            .map(|(dependent, _)| *dependent)
            .collect()
    }

    /// Whether anything waits for the step. What needs only the id may still be refused until it works, and may
    /// use what is known only then.
    pub(super) fn is_needed(&self, id: StepId) -> bool {
        !self.steps[id.0 as usize].dependents.is_empty()
    }

    pub(super) fn address(&self, id: StepId) -> ResourceAddress {
        self.plan.steps[id.0 as usize].address.clone()
    }
}
