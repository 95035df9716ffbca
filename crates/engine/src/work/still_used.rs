//! What was in use before a rollout began stays noted as used until that has ended well: a run that is cut off meanwhile,
//! or does not wait, leaves it to the next one to delete it, and not too early.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::{Step, StepOperation};
use infra_core::{Catalogue, Plan, ResourceAddress, StepId};

/// What the records of a run's resources name for longer than the file does.
#[derive(Debug, Default)]
pub(super) struct StillUsed {
    /// By update: what goes when the end has come.
    going: BTreeMap<StepId, BTreeSet<ResourceAddress>>,
    /// By what ends: the resources with such updates.
    until: BTreeMap<StepId, BTreeSet<ResourceAddress>>,
    /// The resources of which the end has come.
    over: BTreeSet<ResourceAddress>,
}

impl StillUsed {
    /// By a plan, of which some is `left` to the next run.
    pub fn new(plan: &Plan, catalogue: &dyn Catalogue, left: &BTreeMap<StepId, ResourceAddress>) -> Self {
        let mut deletes: BTreeMap<StepId, Vec<&Step>> = BTreeMap::new();
        for step in &plan.steps {
            if step.operation == StepOperation::Delete {
                for before in &step.after {
                    deletes.entry(before.step).or_default().push(step);
                }
            }
        }
        let mut all = Self::default();
        for end in &plan.steps {
            let definition = catalogue.definition(end.address.type_name());
            let rule = definition.and_then(|definition| definition.schema().follows.as_ref());
            let (Some(rule), Some(deletes)) = (rule, deletes.get(&end.id)) else {
                continue;
            };
            let before = end
                .after
                .iter()
                .filter_map(|before| plan.steps.get(before.step.0 as usize));
            let followed = before.filter(|step| *step.address.type_name() == rule.of);
            let users = followed
                .chain([end])
                .filter(|step| step.operation == StepOperation::Update);
            let is_left = deletes.iter().any(|delete| left.contains_key(&delete.id));
            for user in users {
                let going = deletes.iter().map(|delete| delete.address.clone());
                all.going.entry(user.id).or_default().extend(going);
                if !is_left {
                    let until = all.until.entry(end.id).or_default();
                    until.insert(user.address.clone());
                }
            }
        }
        all
    }

    /// Of what a record names, that which an update does not take out of it yet.
    pub fn kept<'a>(
        &'a self,
        update: StepId,
        named: &'a [ResourceAddress],
    ) -> impl Iterator<Item = &'a ResourceAddress> {
        let going = self.going.get(&update);
        let is_going = move |address: &&ResourceAddress| going.is_some_and(|going| going.contains(*address));
        named.iter().filter(is_going)
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
