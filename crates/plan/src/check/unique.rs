//! What AWS keeps unique, holds on to or protects.

use std::collections::BTreeSet;

use infra_core::unique::{Holders, Keys};
use infra_core::{
    Attributes, Observation, ResourceAddress, ResourceRecord, Step, StepOperation, Strength, TypeDefinition,
    Value,
};

use super::{Checker, waits};
use crate::in_use::used;

impl<'c> Checker<'c, '_> {
    /// Nothing is made or changed to what something else still has: it comes after the step that lets go.
    pub(super) fn unique(&mut self) {
        let plan = self.plan;
        let mut freed = Holders::new();
        for step in &plan.steps {
            let frees = matches!(
                step.operation,
                StepOperation::Delete | StepOperation::Forget | StepOperation::Update
            );
            let Some(before) = self.before(step).filter(|_| frees) else {
                continue;
            };
            let is_absent = self.observation(step).is_some_and(Observation::is_absent);
            if step.operation == StepOperation::Forget && !is_absent {
                continue;
            }
            let Some(keys) = self.keys(&step.address, |name| before.get(name)) else {
                continue;
            };
            let after = self.keys_after(step);
            if step.operation != StepOperation::Update || after.as_ref() != Some(&keys) {
                freed.add(keys, step);
            }
        }
        let makes = |step: &&Step| matches!(step.operation, StepOperation::Create | StepOperation::Update);
        for step in plan.steps.iter().filter(makes) {
            let Some(keys) = self.keys_after(step) else {
                continue;
            };
            for (_, other) in freed.clashing(&keys) {
                // Of one address, the order of a replacement's halves says it.
                let in_order = other.address == step.address || waits(step, other, Strength::Ready);
                self.require(in_order, || {
                    format!(
                        "{} takes what {} has before it has let go",
                        step.address, other.address
                    )
                });
            }
        }
    }

    pub(super) fn is_protected(&self, address: &ResourceAddress) -> bool {
        let Some(definition) = self.definition(address) else {
            return false;
        };
        let Some(name) = &definition.schema().protected_by else {
            return false;
        };
        self.observed(address)
            .is_some_and(|observed| observed.get(name).and_then(Value::as_bool) == Some(true))
    }

    /// Whether `owner` loses an element that `user` has now: then the user goes first, although it needs the owner.
    pub(super) fn loses_to(&self, owner: &ResourceAddress, user: &ResourceAddress) -> bool {
        let find = || -> Option<bool> {
            let definition = self.definition(owner)?;
            let (record, observed) = (self.record(owner)?, self.observed(owner)?);
            let (user_observed, wanted) = (self.observed(user)?, &self.changes.get(owner)?.wanted);
            let rules = definition.schema().in_use.iter();
            let mut rules = rules.filter(|rule| rule.by == *user.type_name());
            Some(rules.any(|rule| {
                let Some(after) = wanted.get(&rule.attribute).filter(|after| !after.has_unknown()) else {
                    return false;
                };
                let texts = |value: Option<&Value>| -> BTreeSet<String> {
                    let items = value.and_then(Value::as_list).into_iter().flatten();
                    items.filter_map(Value::as_str).map(str::to_owned).collect()
                };
                let lost = &texts(observed.get(&rule.attribute)) - &texts(Some(after));
                let owner = (&record.physical_id, Some(definition), observed);
                !used(rule, owner, &lost, user_observed).is_empty()
            }))
        };
        find().unwrap_or(false)
    }

    pub(super) fn definition(&self, address: &ResourceAddress) -> Option<&'c dyn TypeDefinition> {
        self.input.catalogue.definition(address.type_name())
    }

    fn keys<'v>(
        &self,
        address: &ResourceAddress,
        value: impl Fn(&str) -> Option<&'v Value>,
    ) -> Option<Keys<'c>> {
        Keys::new(self.definition(address), value)
    }

    /// The record of the thing that a step is about.
    fn record_of(&self, step: &Step) -> Option<&'c ResourceRecord> {
        let state = self.input.state;
        let current = state.resources.get(&step.address);
        let deposed = state.deposed.get(&step.address).into_iter().flatten();
        current
            .into_iter()
            .chain(deposed)
            .find(|record| Some(&record.physical_id) == step.physical_id.as_ref())
    }

    fn observation(&self, step: &Step) -> Option<&'c Observation> {
        let input = self.input;
        let id = step.physical_id.as_ref()?;
        let is_current = self
            .record(&step.address)
            .is_some_and(|record| record.physical_id == *id);
        if is_current {
            input.observations.get(&step.address)
        } else {
            input
                .deposed_observations
                .get(&(step.address.clone(), id.clone()))
        }
    }

    /// What the thing that a step is about has now, as far as it is known.
    pub(super) fn before(&self, step: &Step) -> Option<&'c Attributes> {
        let record = self.record_of(step)?;
        let is_current = self.record(&step.address) == Some(record);
        let observed = self.observation(step).filter(|_| is_current);
        Some(
            observed
                .and_then(Observation::attributes)
                .unwrap_or(&record.observed),
        )
    }

    pub(super) fn observed(&self, address: &ResourceAddress) -> Option<&'c Attributes> {
        match self.input.observations.get(address) {
            Some(observation) => observation.attributes(),
            None => self.record(address).map(|record| &record.observed),
        }
    }

    /// What a resource will have once a step that makes or changes it is done.
    fn keys_after(&self, step: &Step) -> Option<Keys<'c>> {
        let wanted = &self.changes.get(&step.address)?.wanted;
        let before = match step.operation {
            StepOperation::Update => self.before(step),
            StepOperation::Create => None,
            _ => return None,
        };
        self.keys(&step.address, |name| {
            wanted.get(name).or_else(|| before?.get(name))
        })
    }
}
