//! What is deleted first, and made anew under a name that the plan did not know.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::{Plan, ReplaceOrder, Step, StepOperation};
use infra_core::{
    Action, Attributes, Change, ErrorClass, ProviderError, Resource, ResourceAddress, StepId, Value,
};
use infra_provider::{Provider, Providers};

use super::Work;
use crate::step::NewName;
use crate::taken::name_in;

/// By delete: what is made anew after it under a name that the plan did not know, of itself or of what is deleted after
/// it.
pub(super) fn waited_for(plan: &Plan, providers: &dyn Providers) -> BTreeMap<StepId, Vec<ResourceAddress>> {
    let mut found: BTreeMap<StepId, Vec<ResourceAddress>> = BTreeMap::new();
    for change in &plan.changes {
        let provider = providers.provider(change.address.type_name());
        if !provider.is_some_and(|provider| is_late(change, provider)) {
            continue;
        }
        let own = plan.steps.iter().find(|step| {
            is_delete(step) && step.address == change.address && step.physical_id == change.physical_id
        });
        let mut open: Vec<StepId> = own.map(|step| step.id).into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let before = plan.steps[id.0 as usize].after.iter().map(|before| before.step);
                open.extend(before.filter(|before| is_delete(&plan.steps[before.0 as usize])));
                found.entry(id).or_default().push(change.address.clone());
            }
        }
    }
    found
}

/// Whether it is made anew after it was deleted, and part of its name was not known.
fn is_late(change: &Change, provider: &dyn Provider) -> bool {
    let unknown = |name: &String| change.wanted.get(name).is_some_and(|value| value.has_unknown());
    change.action == Action::Replace
        && change.replace_order == Some(ReplaceOrder::DeleteThenCreate)
        && provider.schema().natural_key.iter().any(unknown)
}

fn is_delete(step: &Step) -> bool {
    step.operation == StepOperation::Delete
}

impl Work {
    /// The names that have to be free for a delete, as far as they are known; what one of the `unready` steps will make
    /// known is awaited. What keeps the name that it has is not among them.
    pub(super) fn new_names(&self, step: &Step, unready: &[StepId]) -> Result<Vec<NewName>, ProviderError> {
        let mut names = Vec::new();
        for address in self.new_names.get(&step.id).into_iter().flatten() {
            let stack = self.planned.stack.as_ref();
            let resource = stack.and_then(|stack| stack.resources.get(address));
            let provider = self.shared.providers.provider(address.type_name());
            let Some((resource, provider)) = resource.zip(provider) else {
                continue;
            };
            // What cannot be worked out is the business of the step that makes it.
            let Ok(resolved) = self.resolve(resource, provider, None) else {
                continue;
            };
            let wanted = resolved.for_create();
            if self.is_told_later(resource, provider, wanted, unready) {
                return Err(ProviderError::new(
                    ErrorClass::DependencyNotReady,
                    format!("what {address} is to be called is not known yet"),
                ));
            }
            names.extend(self.new_name(address, provider, wanted));
        }
        Ok(names)
    }

    /// Whether part of a name is unknown that the end of one of these steps tells.
    fn is_told_later(
        &self,
        resource: &Resource,
        provider: &dyn Provider,
        wanted: &Attributes,
        unready: &[StepId],
    ) -> bool {
        let steps = &self.planned.plan.steps;
        let mut is_told = false;
        for name in &provider.schema().natural_key {
            let template = resource.attributes.get(name);
            let is_unknown = wanted.get(name).is_some_and(Value::has_unknown);
            if let Some(template) = template.filter(|_| is_unknown) {
                template.for_each_reference(&mut |reference| {
                    let mut unready = unready.iter();
                    is_told |= unready.any(|id| steps[id.0 as usize].address == reference.address);
                });
            }
        }
        is_told
    }

    fn new_name(
        &self,
        address: &ResourceAddress,
        provider: &dyn Provider,
        wanted: &Attributes,
    ) -> Option<NewName> {
        let key = name_in(wanted, provider)?;
        let schema = provider.schema();
        let before = self
            .observed(address)
            .and_then(|observed| schema.natural_name(observed));
        if before == schema.natural_name(&key) {
            return None;
        }
        let steps = self.planned.plan.steps.iter();
        let leaving = steps
            .filter(|step| is_delete(step) && step.address.type_name() == address.type_name())
            .filter_map(|step| step.physical_id.clone());
        Some(NewName {
            address: address.clone(),
            key,
            leaving: leaving.collect(),
        })
    }
}
