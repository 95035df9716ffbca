//! What a run leaves to the next one that does not wait for what nothing else waits for.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::{Step, StepOperation};
use infra_core::{Catalogue, Plan, ResourceAddress, StepId};

/// The steps that a run leaves out which does not wait, each with the resource that would have to come to its end
/// before: the deletes of what is in use until a rollout has ended, where nothing else waits for that end, and the waits
/// for what an earlier run began. The next plan has them again.
pub fn left_out(plan: &Plan, catalogue: &dyn Catalogue) -> BTreeMap<StepId, ResourceAddress> {
    let mut dependents: BTreeMap<StepId, Vec<&Step>> = BTreeMap::new();
    for step in &plan.steps {
        for before in &step.after {
            dependents.entry(before.step).or_default().push(step);
        }
    }
    let mut left = BTreeMap::new();
    for end in plan.steps.iter().filter(|step| is_end(step, catalogue)) {
        let Some(later) = can_be_left(end, &dependents) else {
            continue;
        };
        let own = (end.operation == StepOperation::Wait).then_some(end.id);
        for step in later.into_iter().chain(own) {
            left.entry(step).or_insert_with(|| end.address.clone());
        }
    }
    left
}

/// Whether a step ends with something that may be left to go on by itself.
fn is_end(step: &Step, catalogue: &dyn Catalogue) -> bool {
    match step.operation {
        StepOperation::Wait => true,
        StepOperation::Create | StepOperation::Update => {
            let definition = catalogue.definition(step.address.type_name());
            definition.is_some_and(|definition| definition.schema().follows.is_some())
        }
        _ => false,
    }
}

/// All that waits for a step, and for what waits for it, if that only tidies up: nothing of the stack lacks it meanwhile.
fn can_be_left(end: &Step, dependents: &BTreeMap<StepId, Vec<&Step>>) -> Option<BTreeSet<StepId>> {
    let mut later = BTreeSet::new();
    let mut next = vec![end.id];
    while let Some(id) = next.pop() {
        for step in dependents.get(&id).into_iter().flatten() {
            let tidies = matches!(
                step.operation,
                StepOperation::Delete | StepOperation::Forget | StepOperation::Confirm
            );
            if !tidies {
                return None;
            }
            if later.insert(step.id) {
                next.push(step.id);
            }
        }
    }
    Some(later)
}
