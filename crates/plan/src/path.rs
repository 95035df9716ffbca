//! How long a plan is expected to take: the longest chain of its steps, by what each needs of those before it.
//!
//! Nobody is kept waiting for a free place here: it is the time that is left when there are enough of them.
//! Each function looks at every step and every dependency once.

use std::time::Duration;

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

/// For each step, by its position, the time from its start to the end of the longest chain that begins with
/// it: what a scheduler starts first, and at the first steps the length of the whole critical path.
pub fn remaining_path(plan: &Plan, expectations: &impl Expectations) -> Vec<Duration> {
    let estimates: Vec<StepEstimate> = plan
        .steps
        .iter()
        .map(|step| expectations.estimate(step))
        .collect();
    let mut remaining: Vec<Duration> = estimates.iter().map(|estimate| estimate.total()).collect();
    // A step stands after all that it waits for, so from the end all its dependents are done before it.
    for (position, step) in plan.steps.iter().enumerate().rev() {
        let path = remaining[position];
        for dependency in &step.after {
            let before = dependency.step.0 as usize;
            if let (Some(needed), Some(longest)) = (plan.steps.get(before), remaining.get_mut(before)) {
                let strength = expectations.strength(plan, step, dependency);
                let first = estimates[before].until(needed.operation, strength);
                *longest = first.saturating_add(path).max(*longest);
            }
        }
    }
    remaining
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
    /// When a step can start, what it waits for last, and how long it takes.
    struct Start {
        at: Duration,
        held_by: Option<(StepId, Strength)>,
        estimate: StepEstimate,
    }
    let mut starts: Vec<Start> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let mut start = Start {
            at: Duration::ZERO,
            held_by: None,
            estimate: expectations.estimate(step),
        };
        for dependency in &step.after {
            let before = dependency.step.0 as usize;
            let (Some(needed), Some(earlier)) = (plan.steps.get(before), starts.get(before)) else {
                continue;
            };
            let strength = expectations.strength(plan, step, dependency);
            let free = earlier.estimate.until(needed.operation, strength);
            let free = earlier.at.saturating_add(free);
            if free > start.at || start.held_by.is_none() {
                start.at = free;
                start.held_by = Some((dependency.step, strength));
            }
        }
        starts.push(start);
    }
    let end = |start: &Start| start.at.saturating_add(start.estimate.total());
    let last =
        (0..starts.len()).max_by_key(|&position| (end(&starts[position]), std::cmp::Reverse(position)));
    let mut path = CriticalPath {
        length: last.map_or(Duration::ZERO, |position| end(&starts[position])),
        steps: Vec::new(),
    };
    let mut next = last.map(|position| (position, path.length, Strength::Ready));
    while let Some((position, end, until)) = next {
        let start = &starts[position];
        path.steps.push(CriticalStep {
            step: plan.steps[position].id,
            start: start.at,
            end,
            until,
        });
        next = start
            .held_by
            .map(|(step, strength)| (step.0 as usize, start.at, strength));
    }
    path.steps.reverse();
    path
}
