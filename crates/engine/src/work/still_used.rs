//! What was in use before a rollout began stays noted as used until that has ended well: a run that is cut off meanwhile,
//! or does not wait, leaves it to the next one to delete it, and not too early.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::{Step, StepOperation};
use infra_core::{Catalogue, Plan, ResourceAddress, StepId};

/// What the records of a run's resources name for longer than the file does.
#[derive(Debug, Default)]
pub(super) struct StillUsed {
    /// The updates after which what was in use before still is.
    updates: BTreeSet<StepId>,
    /// By what ends: the resources with such updates.
    until: BTreeMap<StepId, BTreeSet<ResourceAddress>>,
    /// The resources of which the end has come.
    over: BTreeSet<ResourceAddress>,
}

impl StillUsed {
    /// By a plan, of which some is `left` to the next run. Where nothing else asks for it, an end is only waited for if
    /// the run `waits`.
    pub fn new(
        plan: &Plan,
        catalogue: &dyn Catalogue,
        left: &BTreeMap<StepId, ResourceAddress>,
        waits: bool,
    ) -> Self {
        let not_left = plan.steps.iter().filter(|step| !left.contains_key(&step.id));
        let before = not_left.flat_map(|step| step.after.iter().map(|before| before.step));
        let needed: BTreeSet<StepId> = before.collect();
        let mut all = Self::default();
        for end in &plan.steps {
            let definition = catalogue.definition(end.address.type_name());
            let rule = definition.and_then(|definition| definition.schema().follows.as_ref());
            let is_end = matches!(
                end.operation,
                StepOperation::Create | StepOperation::Update | StepOperation::Wait
            );
            let Some(rule) = rule.filter(|_| is_end) else {
                continue;
            };
            let before = end
                .after
                .iter()
                .filter_map(|before| plan.steps.get(before.step.0 as usize));
            let followed = before.filter(|step| *step.address.type_name() == rule.of);
            let users: Vec<&Step> = followed
                .chain([end])
                .filter(|step| step.operation == StepOperation::Update)
                .collect();
            all.updates.extend(users.iter().map(|user| user.id));
            let is_waited_for = waits || needed.contains(&end.id);
            if is_waited_for && !left.contains_key(&end.id) {
                let until = users.into_iter().map(|user| user.address.clone());
                all.until.entry(end.id).or_default().extend(until);
            }
        }
        all
    }

    /// Whether an update takes nothing yet out of what a record names.
    pub fn keeps(&self, update: StepId) -> bool {
        self.updates.contains(&update)
    }

    /// A step has come to its end.
    pub fn finished(&mut self, step: StepId) {
        self.over.extend(self.until.remove(&step).into_iter().flatten());
    }

    /// The resources whose records are to name what the file does.
    pub fn over(&self) -> impl Iterator<Item = &ResourceAddress> {
        self.over.iter()
    }
}
