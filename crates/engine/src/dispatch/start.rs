//! The start of a step: its job, and the task that carries it out.

use std::sync::Arc;

use infra_core::event::EventKind;
use infra_core::plan::{StepDependency, StepOperation};
use infra_core::{ErrorClass, ProviderError, StepId};
use tokio::time::Instant;

use super::progress::Stage;
use super::{Dispatch, LONG_CHAIN, MOST_PRESSING};
use crate::step::{Job, StepRun, run_together};

impl Dispatch {
    /// Starts a step, and the others that the same call makes: all that comes before one comes before each, so that they
    /// are free at the same moment.
    pub(super) fn start(&mut self, id: StepId) {
        let steps = self.of_one_call(id);
        let mut jobs = Vec::with_capacity(steps.len());
        for &step in &steps {
            match self.job(step) {
                Ok(job) => jobs.push(job),
                Err(error) => {
                    self.begin(step);
                    self.not_started(step, error);
                    for &other in steps.iter().filter(|other| **other != step) {
                        self.skip_after(other, step);
                    }
                    return;
                }
            }
        }
        for &step in &steps {
            self.begin(step);
        }
        let mut runs: Vec<(StepRun, Job)> = steps.iter().map(|&step| self.call(step)).zip(jobs).collect();
        self.steps[id.0 as usize].calling = true;
        self.calling += 1;
        let task = match (runs.pop(), runs.is_empty()) {
            (Some((run, job)), true) => self.tasks.spawn(run.run(job)),
            (last, _) => {
                runs.extend(last);
                self.tasks.spawn(run_together(runs))
            }
        };
        for &step in &steps {
            self.steps[step.0 as usize].task = Some(task.id());
        }
    }

    /// The steps that one call makes, this one among them. What is left of a step after its call is its own.
    fn of_one_call(&self, id: StepId) -> Vec<StepId> {
        let together = self.plan.steps[id.0 as usize].together;
        if together.is_none() || self.steps[id.0 as usize].rest.is_some() {
            return vec![id];
        }
        let same = self.plan.steps.iter().filter(|step| step.together == together);
        same.map(|step| step.id).collect()
    }

    /// Tells that a step begins, or goes on.
    fn begin(&mut self, id: StepId) {
        let position = id.0 as usize;
        let step = &self.plan.steps[position];
        let progress = &mut self.steps[position];
        let is_first = progress.started.is_none();
        if is_first {
            progress.started = Some(Instant::now());
        }
        // Nothing waits for what its own call makes.
        let plan = &self.plan;
        let has_own_call = |before: &StepDependency| {
            let together = plan.steps[before.step.0 as usize].together;
            together.is_none() || together != step.together
        };
        self.shared.reporter.send(if is_first {
            EventKind::StepStarted {
                step: id,
                address: step.address.clone(),
                operation: step.operation,
                queued_ms: progress.queued_ms,
                after: step.after.iter().copied().filter(has_own_call).collect(),
            }
        } else {
            EventKind::StepResumed {
                step: id,
                address: step.address.clone(),
                queued_ms: progress.queued_ms,
            }
        });
    }

    fn job(&mut self, id: StepId) -> Result<Job, ProviderError> {
        let position = id.0 as usize;
        match self.steps[position].rest.take() {
            Some(rest) => Ok(*rest),
            None => {
                let unready = self.unready(id);
                self.work.job(&self.plan.steps[position], &unready)
            }
        }
    }

    fn not_started(&mut self, id: StepId, error: ProviderError) {
        // When all that it needs works, nothing will be known that is not known now.
        if error.class == ErrorClass::DependencyNotReady && !self.unready(id).is_empty() {
            self.steps[id.0 as usize].stage = Stage::Parked;
            return self.park(id, error);
        }
        self.fail(id, error);
    }

    /// A step whose job begins.
    fn call(&mut self, id: StepId) -> StepRun {
        let position = id.0 as usize;
        let is_pressing = self.presses(position);
        self.pressing += usize::from(is_pressing);
        let progress = &mut self.steps[position];
        progress.is_pressing = is_pressing;
        progress.stage = Stage::Calling;
        let step = &self.plan.steps[position];
        StepRun {
            shared: Arc::clone(&self.shared),
            step: id,
            address: step.address.clone(),
            messages: self.sender.clone(),
            waits: self.shared.wait || self.is_needed(id),
            is_needed: self.is_needed(id),
            follows_deletes: step.after.iter().any(|before| {
                let before = &self.plan.steps[before.step.0 as usize];
                before.operation == StepOperation::Delete
            }),
            readiness: self.steps[position].readiness,
            is_pressing,
        }
    }

    /// Whether a step that starts is on the run's longest chain, by what was expected of it, and not one of many.
    fn presses(&self, position: usize) -> bool {
        let chain = self.steps[position].path_before.0 + self.remaining[position];
        self.pressing < MOST_PRESSING && chain >= self.longest.mul_f64(LONG_CHAIN)
    }
}
