//! The order of steps: nothing is made before what it needs, nothing is deleted under what uses it.

use std::collections::BTreeMap;

use infra_core::plan::{PlanMode, ReplaceOrder};
use infra_core::{
    Action, Graph, Observation, ResourceAddress, ResourceRecord, Step, StepOperation, Strength,
};

use super::{Checker, waits};
use crate::identity::uses;

impl<'c> Checker<'c, '_> {
    pub(super) fn order(&mut self) {
        let mut making: BTreeMap<&ResourceAddress, &'c Step> = BTreeMap::new();
        for step in &self.plan.steps {
            // A wait stands before its update, so the update takes its place.
            if matches!(
                step.operation,
                StepOperation::Create | StepOperation::Update | StepOperation::Wait
            ) {
                making.insert(&step.address, step);
            }
        }
        if self.input.options.mode == PlanMode::Destroy {
            let makes = making.values().any(|step| !self.is_end_of_what_goes_on(step));
            self.require(!makes, || "a destroy makes or waits for something".to_owned());
        }
        self.needs(&making, &making);
        let confirms = self.plan.steps.iter();
        let confirms = confirms.filter(|step| step.operation == StepOperation::Confirm);
        let confirms = confirms.map(|step| (&step.address, step)).collect();
        self.needs(&confirms, &making);
        self.removals(&making);
    }

    /// Whether a step only waits for the end of something that goes on at what stays.
    fn is_end_of_what_goes_on(&self, step: &Step) -> bool {
        let definition = self.input.catalogue.definition(step.address.type_name());
        let follows = definition.is_some_and(|definition| definition.schema().follows.is_some());
        let own = self.steps.get(&step.address).map(Vec::len);
        follows && step.operation == StepOperation::Wait && own == Some(1)
    }

    /// Creates, updates and notes wait for what they need.
    fn needs(
        &mut self,
        steps: &BTreeMap<&ResourceAddress, &'c Step>,
        making: &BTreeMap<&ResourceAddress, &'c Step>,
    ) {
        for (address, step) in steps {
            let Some(resource) = self.resource(address) else {
                continue;
            };
            if step.operation == StepOperation::Wait {
                continue;
            }
            for (needed, &strength) in &resource.dependencies {
                let Some(before) = making.get(needed).filter(|_| needed != *address) else {
                    continue;
                };
                let is_reversed = self.loses_to(needed, address) && waits(before, step, Strength::Ready);
                self.require(waits(step, before, strength) || is_reversed, || {
                    format!("{address} does not wait for {needed}, which it needs")
                });
            }
        }
    }

    /// Deletes wait for the deletes of what needed the thing, and for the updates of what let go of it.
    fn removals(&mut self, making: &BTreeMap<&ResourceAddress, &'c Step>) {
        let (plan, state) = (self.plan, self.input.state);
        let mut deletes: BTreeMap<&ResourceAddress, Vec<&'c Step>> = BTreeMap::new();
        for step in &plan.steps {
            if step.operation == StepOperation::Delete {
                deletes.entry(&step.address).or_default().push(step);
            }
        }
        let circles = self.stored_circles();
        let current = state.resources.iter();
        let deposed = state
            .deposed
            .iter()
            .flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
        for (user, record) in current.chain(deposed) {
            let own = deletes
                .get(user)
                .into_iter()
                .flatten()
                .find(|step| step.physical_id.as_ref() == Some(&record.physical_id));
            let update = making.get(user).filter(|step| {
                step.operation == StepOperation::Update
                    && step.physical_id.as_ref() == Some(&record.physical_id)
            });
            for used in record.dependencies.iter().filter(|used| *used != user) {
                let same_circle = circles
                    .get(user)
                    .is_some_and(|circle| circles.get(used) == Some(circle));
                for delete in deletes.get(used).into_iter().flatten() {
                    if !self.is_used(user, record, used, delete) {
                        continue;
                    }
                    if let Some(own) = own.filter(|_| !same_circle) {
                        self.require(waits(delete, own, Strength::Ready), || {
                            format!(
                                "{used} is deleted without waiting for the delete of {user}, which needs it"
                            )
                        });
                    }
                    if let Some(update) =
                        update.filter(|_| !same_circle && self.has_to_let_go(user, used, delete))
                    {
                        self.require(waits(delete, update, Strength::Ready), || {
                            format!(
                                "{used} is deleted without waiting for the update of {user}, which used it"
                            )
                        });
                    }
                }
            }
        }
    }

    /// Whether a record that needs `used` needs the thing there that `delete` removes.
    fn is_used(
        &self,
        address: &ResourceAddress,
        user: &ResourceRecord,
        used: &ResourceAddress,
        delete: &Step,
    ) -> bool {
        let state = self.input.state;
        let is_current = state.resources.get(address) == Some(user);
        let observation = self.input.observations.get(address).filter(|_| is_current);
        let observed = observation.and_then(Observation::attributes);
        let current = state.resources.get(used);
        let deposed = state.deposed.get(used).into_iter().flatten();
        let all: Vec<&ResourceRecord> = current.into_iter().chain(deposed).collect();
        let definition = self.input.catalogue.definition(used.type_name());
        all.iter()
            .filter(|record| Some(&record.physical_id) == delete.physical_id.as_ref())
            .any(|record| uses(user, observed, record, &all, definition))
    }

    /// Whether an update of `user` has to come before `delete` of the thing at `used`.
    fn has_to_let_go(&self, user: &ResourceAddress, used: &ResourceAddress, delete: &Step) -> bool {
        let resource = self.resource(user);
        // Deletes that cannot wait for a survivor drag it along, unless its lifecycle does not let them.
        if resource.is_some_and(|resource| !crate::existing::is_replaceable(resource)) {
            return false;
        }
        let is_current = self
            .record(used)
            .is_some_and(|record| delete.physical_id.as_ref() == Some(&record.physical_id));
        let stays_in_place = self.changes.get(used).is_some_and(|change| {
            is_current
                && change.action == Action::Replace
                && change.replace_order == Some(ReplaceOrder::DeleteThenCreate)
        });
        // What is deleted first and still needed is referred to by something that does not change.
        let still_needed = resource.is_some_and(|resource| resource.dependencies.contains_key(used));
        !(stays_in_place && still_needed)
    }

    /// Addresses whose records need each other in a circle, which no order of deletes can satisfy.
    pub(super) fn stored_circles(&self) -> BTreeMap<&'c ResourceAddress, usize> {
        let state = self.input.state;
        let mut addresses: Vec<&ResourceAddress> =
            state.resources.keys().chain(state.deposed.keys()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let number: BTreeMap<&ResourceAddress, usize> = addresses
            .iter()
            .enumerate()
            .map(|(number, address)| (*address, number))
            .collect();
        let needed = |record: &ResourceRecord| -> Vec<usize> {
            record
                .dependencies
                .iter()
                .filter_map(|address| number.get(address).copied())
                .collect()
        };
        let edges: Vec<Vec<usize>> = addresses
            .iter()
            .map(|address| {
                let current = state.resources.get(address);
                let deposed = state.deposed.get(address).into_iter().flatten();
                current.into_iter().chain(deposed).flat_map(needed).collect()
            })
            .collect();
        addresses
            .iter()
            .zip(Graph::of(&edges).circles())
            .filter_map(|(address, circle)| Some((*address, circle?)))
            .collect()
    }
}
