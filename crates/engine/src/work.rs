//! From a step of the plan to a job with everything resolved, by what is known at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use infra_core::plan::{Reason, ReplaceOrder, Step, StepOperation};
use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Action, Attributes, Diagnostic, ErrorClass, Observation, PhysicalId, ProviderError, Resource,
    ResourceAddress, ResourceRecord, Stack,
};
use infra_plan::{Current, Resolved, attributes_after, conceal, resolve};
use infra_provider::{Provider, UpdateRequest};

use crate::outputs;
use crate::scope::RunScope;
use crate::session::Planned;
use crate::step::{Finished, Job, Keep, Shared, sealed_observed};

/// How long a call without a waiter usually takes.
const TYPICAL_CALL: Duration = Duration::from_millis(500);

/// What a run knows of its resources.
pub(crate) struct Work {
    shared: Arc<Shared>,
    planned: Planned,
    scope: RunScope,
    /// By address: its change's place in the plan.
    changes: BTreeMap<ResourceAddress, usize>,
    /// Replacements that turned out to change nothing, and the old ones, which so stay.
    unchanged: BTreeMap<ResourceAddress, PhysicalId>,
}

impl Work {
    /// Before the first step: what is there is known, what is to be made is not.
    pub fn new(shared: &Arc<Shared>, planned: Planned) -> Self {
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
            scope: RunScope::new(planned.identity.clone()),
            planned,
            changes,
            unchanged: BTreeMap::new(),
        };
        work.know_what_is_there();
        work
    }

    fn know_what_is_there(&mut self) {
        let Some(stack) = self.planned.stack.clone() else {
            return;
        };
        for address in in_order(&stack) {
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
                    let attributes = match self.resolve(resource, provider, Some(current)) {
                        Ok(resolved) => {
                            let mut wanted = resolved.for_update().clone();
                            if action == Some(Action::NoOp) {
                                // The plan says that it stays, though what it is made of is still to come.
                                wanted.retain(|_, value| !value.has_unknown());
                            }
                            attributes_after(schema, &wanted, resolved.observed().unwrap_or(&observed))
                        }
                        // What cannot be worked out yet is so because of something still to be made.
                        Err(_) => {
                            let key = self.shared.journal.sealing_key();
                            conceal(schema, &observed, [&applied, &applied], key).into_owned()
                        }
                    };
                    self.scope.set(address.clone(), attributes);
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

    /// How long a step usually takes, for the order of starting.
    pub fn typical(&self, step: &Step) -> Duration {
        let Some(provider) = self.shared.providers.provider(step.address.type_name()) else {
            return TYPICAL_CALL;
        };
        let waits = provider.waits();
        let wait = match step.operation {
            StepOperation::Create | StepOperation::Wait => waits.create,
            StepOperation::Update => waits.update,
            StepOperation::Delete => waits.delete,
            StepOperation::Forget | StepOperation::Confirm => return Duration::ZERO,
        };
        wait.map_or(TYPICAL_CALL, |wait| TYPICAL_CALL + wait.typical)
    }

    /// The place of a resource in the stack's files.
    pub fn place(&self, address: &ResourceAddress) -> Option<String> {
        let stack = self.planned.stack.as_ref()?;
        Some(stack.sources.place(&stack.resources.get(address)?.span))
    }

    /// Something exists: this much is known of it.
    pub fn known(&mut self, address: ResourceAddress, attributes: Attributes) {
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
            self.scope.set(step.address.clone(), attributes.clone());
        }
        if let (StepOperation::Create, false, Some(id)) = (step.operation, finished.changed, &finished.id) {
            self.unchanged.insert(step.address.clone(), id.clone());
        }
    }

    /// The outputs by what is known now.
    pub fn outputs(&self) -> Option<Attributes> {
        self.planned
            .stack
            .as_ref()
            .map(|stack| outputs::evaluate(stack, &self.scope))
    }

    /// The job of a step.
    ///
    /// # Errors
    /// [`ErrorClass::DependencyNotReady`] when an attribute that it needs is not known yet; otherwise what
    /// cannot be worked out.
    pub fn job(&self, step: &Step) -> Result<Job, ProviderError> {
        match step.operation {
            StepOperation::Create => self.create(step),
            StepOperation::Update => self.update(step),
            StepOperation::Delete => self.delete(step),
            StepOperation::Forget => self.forget(step),
            StepOperation::Wait => self.wait(step),
            StepOperation::Confirm => self.confirm(step),
        }
    }

    fn create(&self, step: &Step) -> Result<Job, ProviderError> {
        let (resource, provider) = self.subject(step)?;
        let key = self.shared.journal.sealing_key();
        // A replacement may have been planned only because something was not known: now it is.
        if let (true, Some(observed)) = (
            self.may_turn_out_unchanged(&step.address),
            self.observed(&step.address),
        ) {
            let applied = self.applied(&step.address);
            let current = Current {
                applied: &applied,
                observed,
            };
            let resolved = self
                .resolve(resource, provider, Some(current))
                .map_err(not_resolved)?;
            known(resolved.for_create())?;
            if resolved.changed().is_empty() {
                let record = self.record(step)?;
                let keep = keep(resource);
                return Ok(self.note_unchanged(step, provider, &record, &resolved, observed, keep));
            }
        }
        let resolved = self.resolve(resource, provider, None).map_err(not_resolved)?;
        let wanted = resolved.for_create().clone();
        known(&wanted)?;
        Ok(Job::Create {
            applied: resolved.applied(key),
            wanted,
            keep: keep(resource),
        })
    }

    fn may_turn_out_unchanged(&self, address: &ResourceAddress) -> bool {
        self.changes.get(address).is_some_and(|position| {
            let change = &self.planned.plan.changes[*position];
            change.replace_order == Some(ReplaceOrder::CreateThenDelete)
                && matches!(change.reason, Reason::Immutable { .. })
        })
    }

    fn update(&self, step: &Step) -> Result<Job, ProviderError> {
        let (resource, provider) = self.subject(step)?;
        let key = self.shared.journal.sealing_key();
        let record = self.record(step)?;
        let observed = self.observed(&step.address).unwrap_or(&record.observed).clone();
        let current = Current {
            applied: &record.applied,
            observed: &observed,
        };
        let resolved = self
            .resolve(resource, provider, Some(current))
            .map_err(not_resolved)?;
        known(resolved.for_update())?;
        let changed: BTreeSet<String> = resolved.changed().into_iter().collect();
        let applied = resolved.applied(key);
        let keep = keep(resource);
        if changed.is_empty() && !step.forced {
            return Ok(self.note_unchanged(step, provider, &record, &resolved, &observed, keep));
        }
        let request = UpdateRequest {
            spec: resolved.for_update().clone(),
            prior: observed.clone(),
            changed,
            forced: step.forced,
        };
        Ok(Job::Update {
            id: record.physical_id,
            request,
            applied,
            keep,
        })
    }

    /// AWS has what the file wants: the state notes it, and nothing is called.
    fn note_unchanged(
        &self,
        step: &Step,
        provider: &dyn Provider,
        before: &ResourceRecord,
        resolved: &Resolved<'_>,
        observed: &Attributes,
        keep: Keep,
    ) -> Job {
        let key = self.shared.journal.sealing_key();
        let schema = provider.schema();
        let applied = resolved.applied(key);
        let record = ResourceRecord {
            physical_id: before.physical_id.clone(),
            observed: sealed_observed(schema, observed, [resolved.for_update(), &applied], key),
            applied,
            dependencies: keep.dependencies,
            lifecycle: keep.lifecycle,
            timeouts: keep.timeouts,
            status: RecordStatus::Ready,
        };
        let finished = Finished {
            changed: false,
            id: Some(before.physical_id.clone()),
            attributes: Some(attributes_after(
                schema,
                resolved.for_update(),
                resolved.observed().unwrap_or(observed),
            )),
            ..Finished::default()
        };
        let entries = if record == *before {
            Vec::new()
        } else {
            vec![JournalEntry::Confirmed {
                address: step.address.clone(),
                record: Box::new(record),
            }]
        };
        Job::Note { entries, finished }
    }

    fn confirm(&self, step: &Step) -> Result<Job, ProviderError> {
        let (resource, provider) = self.subject(step)?;
        let record = self.record(step)?;
        let observed = self.observed(&step.address).unwrap_or(&record.observed).clone();
        let current = Current {
            applied: &record.applied,
            observed: &observed,
        };
        let resolved = self
            .resolve(resource, provider, Some(current))
            .map_err(not_resolved)?;
        Ok(self.note_unchanged(step, provider, &record, &resolved, &observed, keep(resource)))
    }

    fn wait(&self, step: &Step) -> Result<Job, ProviderError> {
        let record = self.record(step)?;
        let (mut wanted, mut timeouts) = (record.applied.clone(), record.timeouts.clone());
        if let Ok((resource, provider)) = self.subject(step) {
            timeouts = resource.timeouts.clone();
            let observed = self.observed(&step.address).unwrap_or(&record.observed);
            let current = Current {
                applied: &record.applied,
                observed,
            };
            // What cannot be worked out yet is the business of the step that changes it.
            if let Ok(resolved) = self.resolve(resource, provider, Some(current)) {
                wanted = resolved.for_update().clone();
                wanted.retain(|_, value| !value.has_unknown());
            }
        }
        Ok(Job::Wait {
            id: record.physical_id.clone(),
            record: Box::new(record),
            wanted,
            timeouts,
        })
    }

    fn delete(&self, step: &Step) -> Result<Job, ProviderError> {
        let stays = self.unchanged.get(&step.address);
        if stays.is_some() && stays == step.physical_id.as_ref() {
            let finished = Finished {
                changed: false,
                id: step.physical_id.clone(),
                ..Finished::default()
            };
            return Ok(Job::Note {
                entries: Vec::new(),
                finished,
            });
        }
        let record = self.record(step)?;
        Ok(Job::Delete {
            id: record.physical_id.clone(),
            record: Box::new(record),
        })
    }

    fn forget(&self, step: &Step) -> Result<Job, ProviderError> {
        let record = self.record(step)?;
        let entry = JournalEntry::Forgotten {
            address: step.address.clone(),
            physical_id: record.physical_id.clone(),
        };
        let finished = Finished {
            changed: true,
            id: Some(record.physical_id),
            ..Finished::default()
        };
        Ok(Job::Note {
            entries: vec![entry],
            finished,
        })
    }

    /// The record of the thing that the step is about: the address's own or a deposed one.
    fn record(&self, step: &Step) -> Result<ResourceRecord, ProviderError> {
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

    fn subject(&self, step: &Step) -> Result<(&Resource, &dyn Provider), ProviderError> {
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

    /// What the file last set, by the record.
    fn applied(&self, address: &ResourceAddress) -> Attributes {
        self.shared.journal.with_state(|state| {
            state
                .resources
                .get(address)
                .map_or_else(Attributes::new, |record| record.applied.clone())
        })
    }

    fn resolve<'a>(
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

/// Every attribute must be known by now.
fn known(attributes: &Attributes) -> Result<(), ProviderError> {
    match attributes.iter().find(|(_, value)| value.has_unknown()) {
        None => Ok(()),
        Some((name, _)) => Err(ProviderError::new(
            ErrorClass::DependencyNotReady,
            format!("`{name}` depends on something that is not known yet"),
        )),
    }
}

fn not_resolved(diagnostics: Vec<Diagnostic>) -> ProviderError {
    let messages: Vec<&str> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.as_str())
        .collect();
    ProviderError::new(ErrorClass::Invalid, messages.join("; "))
}

fn keep(resource: &Resource) -> Keep {
    Keep {
        dependencies: resource.dependencies.keys().cloned().collect(),
        lifecycle: resource.lifecycle.clone(),
        timeouts: resource.timeouts.clone(),
    }
}

/// The stack's resources, each after those that it depends on. A loop (which the reader of the file refuses)
/// would leave its members at the end.
pub(crate) fn in_order(stack: &Stack) -> Vec<&ResourceAddress> {
    let mut missing: BTreeMap<&ResourceAddress, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&ResourceAddress, Vec<&ResourceAddress>> = BTreeMap::new();
    for (address, resource) in &stack.resources {
        let present = resource
            .dependencies
            .keys()
            .filter(|needed| stack.resources.contains_key(*needed));
        let mut count = 0;
        for needed in present {
            count += 1;
            dependents.entry(needed).or_default().push(address);
        }
        missing.insert(address, count);
    }
    let mut order: Vec<&ResourceAddress> = missing
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(address, _)| *address)
        .collect();
    let mut next = 0;
    while let Some(address) = order.get(next) {
        next += 1;
        for dependent in dependents.remove(address).unwrap_or_default() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    order.push(dependent);
                }
            }
        }
    }
    order
}
