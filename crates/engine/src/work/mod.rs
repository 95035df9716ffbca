//! From a step of the plan to a job with everything resolved, by what is known at that moment.

mod jobs;
mod new_names;
mod still_used;

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::plan::{Reason, Step, StepOperation};
use infra_core::state::JournalEntry;
use infra_core::{
    Action, Attributes, Diagnostic, ErrorClass, Health, Observation, PhysicalId, ProviderError, Resource,
    ResourceAddress, ResourceRecord, Scope, StepId,
};
use infra_plan::{Current, Resolved, attributes_seen, conceal, resolve};
use infra_provider::Provider;

use self::still_used::StillUsed;
use crate::outputs;
use crate::session::Planned;
use crate::step::{Finished, Job, Shared};

/// What a run knows of its resources.
pub(crate) struct Work {
    shared: Arc<Shared>,
    planned: Planned,
    scope: Scope,
    /// By address: its change's place in the plan.
    changes: BTreeMap<ResourceAddress, usize>,
    /// What creates came to. Where that is what they were to replace, it stays.
    stands: BTreeMap<ResourceAddress, PhysicalId>,
    /// By delete: what is made anew after it, under a name that the plan did not know.
    new_names: BTreeMap<StepId, Vec<ResourceAddress>>,
    still_used: StillUsed,
}

impl Work {
    /// Before the first step: what is there is known, what is to be made is not. What is `left` to the next run is not
    /// done by this one.
    pub fn new(shared: &Arc<Shared>, planned: Planned, left: &BTreeMap<StepId, ResourceAddress>) -> Self {
        let changes = planned
            .plan
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.reason != Reason::Deposed)
            .map(|(position, change)| (change.address.clone(), position))
            .collect();
        let mut work = Self {
            shared: Arc::clone(shared),
            scope: Scope::new(planned.identity.clone()),
            new_names: new_names::waited_for(&planned.plan, &*shared.providers),
            still_used: StillUsed::new(&planned.plan, &*shared.providers, left, shared.wait),
            planned,
            changes,
            stands: BTreeMap::new(),
        };
        work.scope.extend(work.planned.lookups.clone());
        work.know_what_is_there();
        work
    }

    fn know_what_is_there(&mut self) {
        let Some(stack) = self.planned.stack.clone() else {
            return;
        };
        for address in stack.layers().into_iter().flatten() {
            let resource = &stack.resources[address];
            let Some(provider) = self.shared.providers.provider(address.type_name()) else {
                continue;
            };
            let schema = provider.schema();
            let action = self
                .changes
                .get(address)
                .map(|position| self.planned.plan.changes[*position].action);
            match (action, self.observed(address)) {
                (Some(Action::NoOp | Action::Update), Some(observed)) => {
                    let observed = observed.clone();
                    let applied = self.applied(address);
                    let current = Current {
                        applied: &applied,
                        observed: &observed,
                    };
                    let mut attributes = match self.resolve(resource, provider, Some(current)) {
                        Ok(resolved) => {
                            let mut wanted = resolved.for_update().clone();
                            if action == Some(Action::NoOp) {
                                // The plan says that it stays, though what it is made of is still to come.
                                wanted.retain(|_, value| !value.has_unknown());
                            }
                            attributes_seen(provider, &wanted, resolved.observed().unwrap_or(&observed))
                        }
                        // What cannot be worked out yet is so because of something still to be made.
                        Err(_) => {
                            let key = self.shared.journal.sealing_key();
                            conceal(schema, &observed, [&applied, &applied], key).into_owned()
                        }
                    };
                    if self.is_on_its_way(address) {
                        // What AWS tells only once it works is not known yet.
                        attributes
                            .retain(|name, value| !(value.is_null() && schema.computed.contains_key(name)));
                        attributes = schema.completed(address, attributes);
                    }
                    self.known(address.clone(), attributes);
                }
                _ => self.scope.set_unknown(address, schema),
            }
        }
    }

    /// What AWS has of a resource, as it was seen before the run; without a look, as the state has it.
    fn observed(&self, address: &ResourceAddress) -> Option<&Attributes> {
        match self.planned.refreshed.observations.get(address) {
            Some(Observation::Present { attributes, .. }) => Some(attributes),
            _ => None,
        }
    }

    fn is_on_its_way(&self, address: &ResourceAddress) -> bool {
        let observation = self.planned.refreshed.observations.get(address);
        matches!(
            observation,
            Some(Observation::Present {
                health: Health::Pending(_),
                ..
            })
        )
    }

    /// The place of a resource in the stack's files.
    pub fn place(&self, address: &ResourceAddress) -> Option<String> {
        let stack = self.planned.stack.as_ref()?;
        Some(stack.sources.place(&stack.resources.get(address)?.span))
    }

    /// Something exists: this much is known of it.
    pub fn known(&mut self, address: ResourceAddress, attributes: Attributes) {
        self.shared.reporter.redaction().hide(attributes.values());
        self.scope.set(address, attributes);
    }

    /// A step is over.
    pub fn finished(&mut self, step: &Step, finished: &Finished) {
        if let Some(observed) = &finished.observed {
            let observation = Observation::ready(observed.clone());
            let observations = &mut self.planned.refreshed.observations;
            observations.insert(step.address.clone(), observation);
        }
        if let Some(attributes) = &finished.attributes {
            self.known(step.address.clone(), attributes.clone());
        }
        if let (StepOperation::Create, Some(id)) = (step.operation, &finished.id) {
            self.stands.insert(step.address.clone(), id.clone());
        }
        self.still_used.finished(step.id);
    }

    /// The notes that what was in use until a rollout ended is no longer.
    pub fn let_go(&self) -> Vec<JournalEntry> {
        let note = |address: &ResourceAddress| {
            let resource = self.planned.stack.as_ref()?.resources.get(address)?;
            let mut record = self
                .shared
                .journal
                .with_state(|state| state.resources.get(address).cloned())?;
            let dependencies: Vec<ResourceAddress> = resource.dependencies.keys().cloned().collect();
            let names_more = record.dependencies != dependencies;
            record.dependencies = dependencies;
            names_more.then(|| JournalEntry::Confirmed {
                address: address.clone(),
                record: Box::new(record),
            })
        };
        self.still_used.over().filter_map(note).collect()
    }

    /// The outputs by what is known now.
    pub fn outputs(&self) -> Option<Attributes> {
        self.planned
            .stack
            .as_ref()
            .map(|stack| outputs::evaluate(stack, &self.scope))
    }

    /// The job of a step. `unready`: those of the steps before it after whose end more may be known.
    ///
    /// # Errors
    /// [`ErrorClass::DependencyNotReady`] when an attribute that it needs is not known yet; otherwise what
    /// cannot be worked out.
    pub fn job(&self, step: &Step, unready: &[StepId]) -> Result<Job, ProviderError> {
        let job = match step.operation {
            StepOperation::Create => self.create(step),
            StepOperation::Update => self.update(step),
            StepOperation::Delete => self.delete(step, unready),
            StepOperation::Forget => self.forget(step),
            StepOperation::Wait => self.wait(step),
            StepOperation::Confirm => self.confirm(step),
            StepOperation::Retag => self.retag(step),
        }?;
        // Before AWS is sent it, and can send it back.
        self.shared.reporter.redaction().hide(job.sent().values());
        Ok(job)
    }

    /// The record of the thing that the step is about: the address's own or a deposed one.
    pub(super) fn record(&self, step: &Step) -> Result<ResourceRecord, ProviderError> {
        let found = self.shared.journal.with_state(|state| {
            let current = state.resources.get(&step.address);
            let deposed = state.deposed.get(&step.address).into_iter().flatten();
            current
                .into_iter()
                .chain(deposed)
                .find(|record| {
                    step.physical_id
                        .as_ref()
                        .is_none_or(|id| record.physical_id == *id)
                })
                .cloned()
        });
        found.ok_or_else(|| {
            ProviderError::new(
                ErrorClass::Other,
                format!("the state no longer has {}", step.address),
            )
        })
    }

    pub(super) fn subject(&self, step: &Step) -> Result<(&Resource, &dyn Provider), ProviderError> {
        let resource = self
            .planned
            .stack
            .as_ref()
            .and_then(|stack| stack.resources.get(&step.address));
        let provider = self.shared.providers.provider(step.address.type_name());
        resource.zip(provider).ok_or_else(|| {
            ProviderError::new(
                ErrorClass::Other,
                format!("the stack no longer declares {}", step.address),
            )
        })
    }

    /// Whether the state has anything at an address.
    pub(super) fn is_known(&self, address: &ResourceAddress) -> bool {
        self.shared
            .journal
            .with_state(|state| state.resources.contains_key(address) || state.deposed.contains_key(address))
    }

    /// What the file last set, by the record.
    pub(super) fn applied(&self, address: &ResourceAddress) -> Attributes {
        self.shared.journal.with_state(|state| {
            state
                .resources
                .get(address)
                .map_or_else(Attributes::new, |record| record.applied.clone())
        })
    }

    pub(super) fn resolve<'a>(
        &self,
        resource: &Resource,
        provider: &dyn Provider,
        current: Option<Current<'a>>,
    ) -> Result<Resolved<'a>, Vec<Diagnostic>> {
        let prepared = self.planned.prepared.get(&resource.address);
        let key = self.shared.journal.sealing_key();
        resolve(resource, provider.schema(), &self.scope, prepared, current, key)
    }
}
