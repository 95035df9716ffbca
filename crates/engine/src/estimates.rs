//! How long each step will probably take: as it did in this stack's past runs, else as is usual on AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use infra_core::plan::{Forecast, ForecastStep, StepDependency};
use infra_core::{Plan, Step, StepOperation, Strength};
use infra_plan::{Expectations, StepEstimate, critical_path};
use infra_provider::{Providers, Waits};
use infra_record::Durations;

/// What is known of past runs, once it is asked for.
type Past = LazyLock<Durations, Box<dyn FnOnce() -> Durations + Send>>;

/// What is expected of steps.
pub struct Estimates {
    providers: Arc<dyn Providers>,
    past: Past,
}

impl Estimates {
    /// Expects what past runs took, and for what they do not tell what each type says of itself. `past` is
    /// asked when the first estimate is needed: what only looks needs none.
    pub fn new(providers: Arc<dyn Providers>, past: impl FnOnce() -> Durations + Send + 'static) -> Self {
        Self {
            providers,
            past: LazyLock::new(Box::new(past)),
        }
    }

    /// How long past runs had to wait until what a step made worked, or what it deleted was gone.
    pub(crate) fn measured_readiness(&self, step: &Step) -> Option<Duration> {
        self.past.of(&step.address, readied_by(step))?.readiness
    }

    /// How long a step will probably take, and whether that was measured.
    fn look_up(&self, step: &Step) -> (StepEstimate, bool) {
        let operation = match step.operation {
            StepOperation::Forget | StepOperation::Confirm => return (StepEstimate::default(), true),
            _ => readied_by(step),
        };
        let provider = self.providers.provider(step.address.type_name());
        let waits = provider.map_or(Waits::NONE, |provider| provider.waits());
        let wait = match operation {
            StepOperation::Create => waits.create,
            StepOperation::Update => waits.update,
            StepOperation::Delete => waits.delete,
            _ => None,
        };
        let typical = wait.map(|wait| wait.typical);
        let measured = self.past.of(&step.address, operation);
        let (call, readiness) = match measured {
            // In a run that did not wait for it the readiness was not measured.
            Some(measured) => (
                measured.call,
                match typical {
                    Some(typical) => measured.readiness.unwrap_or(typical),
                    None => measured.rest,
                },
            ),
            None => (waits.typical_call, typical.unwrap_or_default()),
        };
        let call = if step.operation == StepOperation::Wait {
            Duration::ZERO
        } else {
            call
        };
        (StepEstimate { call, readiness }, measured.is_some())
    }

    /// How long carrying out a plan will probably take. `wait` is whether the run waits for what nothing else
    /// waits for.
    pub fn forecast(&self, plan: &Plan, wait: bool) -> Forecast {
        let left = match wait {
            true => BTreeMap::new(),
            false => infra_plan::left_out(plan, &*self.providers),
        };
        let mut needed = vec![wait; plan.steps.len()];
        let done = plan.steps.iter().filter(|step| !left.contains_key(&step.id));
        for dependency in done.flat_map(|step| &step.after) {
            if let Some(needed) = needed.get_mut(dependency.step.0 as usize) {
                *needed = true;
            }
        }
        let mut forecast = Forecast::default();
        let mut expected = Vec::with_capacity(plan.steps.len());
        for (step, is_needed) in plan.steps.iter().zip(needed) {
            if left.contains_key(&step.id) {
                expected.push(StepEstimate::default());
                continue;
            }
            let (mut estimate, is_measured) = self.look_up(step);
            match step.operation {
                StepOperation::Forget | StepOperation::Confirm => {}
                _ if is_measured => forecast.measured_steps += 1,
                _ => forecast.typical_steps += 1,
            }
            if !is_needed && matches!(step.operation, StepOperation::Create | StepOperation::Update) {
                estimate.readiness = Duration::ZERO;
            }
            expected.push(estimate);
        }
        let run = OfRun {
            estimates: self,
            expected: &expected,
        };
        let path = critical_path(plan, &run);
        forecast.duration_ms = millis(path.length);
        forecast.critical_path = path
            .steps
            .iter()
            .filter_map(|part| {
                let step = plan.steps.get(part.step.0 as usize)?;
                Some(ForecastStep {
                    address: step.address.clone(),
                    operation: step.operation,
                    start_ms: millis(part.start),
                    end_ms: millis(part.end),
                    until: part.until,
                })
            })
            .collect();
        forecast
    }
}

impl Expectations for Estimates {
    fn estimate(&self, step: &Step) -> StepEstimate {
        self.look_up(step).0
    }

    fn strength(&self, plan: &Plan, step: &Step, dependency: &StepDependency) -> Strength {
        let is_held = || {
            plan.steps.get(dependency.step.0 as usize).is_some_and(|needed| {
                self.past
                    .is_held(step.address.type_name(), needed.address.type_name())
            })
        };
        if dependency.strength == Strength::Exists && is_held() {
            return Strength::Ready;
        }
        dependency.strength
    }
}

/// The same in one run, which may not wait for what nobody needs.
struct OfRun<'a> {
    estimates: &'a Estimates,
    /// By position.
    expected: &'a [StepEstimate],
}

impl Expectations for OfRun<'_> {
    fn estimate(&self, step: &Step) -> StepEstimate {
        self.expected.get(step.id.0 as usize).copied().unwrap_or_default()
    }

    fn strength(&self, plan: &Plan, step: &Step, dependency: &StepDependency) -> Strength {
        self.estimates.strength(plan, step, dependency)
    }
}

/// The operation whose wait a step's is: for what an earlier run made it takes as long as after the create.
fn readied_by(step: &Step) -> StepOperation {
    match step.operation {
        StepOperation::Wait => StepOperation::Create,
        other => other,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
