//! How long a plan is expected to take: the longest chain of its steps, by what each needs of those before it.
//!
//! Nobody is kept waiting for a free place here: it is the time that is left when there are enough of them.
//! Each function looks at every step and every dependency once.

use std::cmp::Reverse;
use std::time::Duration;

use infra_core::graph::{self, Graph};
use infra_core::plan::StepDependency;
use infra_core::{Plan, Step, StepId, StepOperation, Strength};

/// How long one step is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepEstimate {
    /// Its call, until the id is known.
    pub call: Duration,
    /// From then until it works. For a delete: until it is gone.
    pub readiness: Duration,
}

impl StepEstimate {
    /// From its start to its end.
    pub fn total(self) -> Duration {
        self.call.saturating_add(self.readiness)
    }

    /// From its start until what needs this much of it may go on. Only a create has an id before its end.
    pub fn until(self, operation: StepOperation, strength: Strength) -> Duration {
        match (operation, strength) {
            (StepOperation::Create, Strength::Exists) => self.call,
            _ => self.total(),
        }
    }
}

/// What is expected of a plan's steps.
pub trait Expectations {
    /// How long a step takes.
    fn estimate(&self, step: &Step) -> StepEstimate;

    /// How much a step needs of one before it. More than the plan says, where it is known that the id alone
    /// will not do.
    fn strength(&self, plan: &Plan, step: &Step, dependency: &StepDependency) -> Strength {
        let _ = (plan, step);
        dependency.strength
    }
}

impl<F: Fn(&Step) -> StepEstimate> Expectations for F {
    fn estimate(&self, step: &Step) -> StepEstimate {
        self(step)
    }
}

/// What each step waits for, and how long that is away from the start of what is waited for.
fn waits(plan: &Plan, expectations: &impl Expectations, estimates: &[StepEstimate]) -> Graph<Wait> {
    let edges = plan.steps.iter().enumerate().flat_map(|(from, step)| {
        step.after.iter().filter_map(move |dependency| {
            let to = dependency.step.0 as usize;
            let until = expectations.strength(plan, step, dependency);
            let time = estimates.get(to)?.until(plan.steps[to].operation, until);
            Some((from, to, Wait { until, time }))
        })
    });
    Graph::new(plan.steps.len(), edges)
}

/// One step waits for another.
struct Wait {
    /// How much of it it needs.
    until: Strength,
    /// How long that takes.
    time: Duration,
}

fn estimates(plan: &Plan, expectations: &impl Expectations) -> Vec<StepEstimate> {
    let steps = plan.steps.iter();
    steps.map(|step| expectations.estimate(step)).collect()
}

/// For each step, by its position, the time from its start to the end of the longest chain that begins with
/// it: what a scheduler starts first, and at the first steps the length of the whole critical path.
pub fn remaining_path(plan: &Plan, expectations: &impl Expectations) -> Vec<Duration> {
    let estimates = estimates(plan, expectations);
    let waiters = waits(plan, expectations, &estimates).reversed();
    let chains = waiters.longest(
        |step| estimates[step].total(),
        |rest, wait| rest.saturating_add(wait.weight.time),
    );
    chains.into_iter().map(|chain| chain.length).collect()
}

/// The longest chain of a plan's steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CriticalPath {
    /// How long it takes.
    pub length: Duration,
    /// Its steps, first to last.
    pub steps: Vec<CriticalStep>,
}

/// One step of the longest chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CriticalStep {
    /// The step.
    pub step: StepId,
    /// When it can start.
    pub start: Duration,
    /// When the next one goes on; the last one's end.
    pub end: Duration,
    /// How much of it the next one needs; [`Strength::Ready`] for the last.
    pub until: Strength,
}

/// The longest chain of a plan's steps; of several the one that ends with the first step.
pub fn critical_path(plan: &Plan, expectations: &impl Expectations) -> CriticalPath {
    let estimates = estimates(plan, expectations);
    let waits = waits(plan, expectations, &estimates);
    let starts = waits.longest(
        |_| Duration::ZERO,
        |start, wait| start.saturating_add(wait.weight.time),
    );
    let end = |step: usize| starts[step].length.saturating_add(estimates[step].total());
    let Some(last) = (0..starts.len()).max_by_key(|&step| (end(step), Reverse(step))) else {
        return CriticalPath::default();
    };
    let steps = graph::nodes_of(&starts, last);
    let nexts = steps.iter().skip(1).map(Some).chain([None]);
    let steps = steps.iter().zip(nexts).map(|(&step, next)| CriticalStep {
        step: plan.steps[step].id,
        start: starts[step].length,
        end: next.map_or_else(|| end(step), |&next| starts[next].length),
        until: next
            .and_then(|&next| waits.weight(next, step))
            .map_or(Strength::Ready, |wait| wait.until),
    });
    CriticalPath {
        length: end(last),
        steps: steps.collect(),
    }
}
