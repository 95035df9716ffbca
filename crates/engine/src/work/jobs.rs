//! The job of each kind of step.

use std::collections::BTreeSet;

use infra_core::plan::{Reason, ReplaceOrder, Step};
use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, Change, Diagnostic, ErrorClass, ProviderError, Resource, ResourceAddress, ResourceRecord,
    StepId,
};
use infra_plan::{Current, Resolved, attributes_seen};
use infra_provider::{Provider, Spec, UpdateRequest, retag};

use super::Work;
use crate::step::{Finished, Job, Keep, sealed_observed};

impl Work {
    pub(super) fn create(&self, step: &Step) -> Result<Job, ProviderError> {
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
        known(resolved.for_create())?;
        let applied = resolved.applied(key);
        let wanted = Spec::from(resolved.into_set());
        provider.decode(&wanted)?;
        Ok(Job::Create {
            applied,
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

    pub(super) fn update(&self, step: &Step) -> Result<Job, ProviderError> {
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
        let mut keep = keep(resource);
        if self.still_used.keeps(step.id) {
            let named = record.dependencies.iter();
            let more = named.filter(|used| !keep.dependencies.contains(used) && self.is_known(used));
            keep.dependencies.extend(more.cloned().collect::<Vec<_>>());
        }
        if changed.is_empty() && !step.forced && !self.goes_on_elsewhere(&step.address) {
            return Ok(self.note_unchanged(step, provider, &record, &resolved, &observed, keep));
        }
        let request = UpdateRequest {
            within: resolved.differences().cloned().collect(),
            spec: resolved.into_in_place().into(),
            prior: observed,
            changed,
            forced: step.forced,
        };
        if !request.is_of_tags() {
            provider.decode(&request.spec)?;
        }
        Ok(Job::Update {
            id: record.physical_id,
            request,
            applied,
            keep,
        })
    }

    /// Whether an update is not about what differs: something begins with the update of another resource, or failed.
    fn goes_on_elsewhere(&self, address: &ResourceAddress) -> bool {
        self.changes.get(address).is_some_and(|position| {
            let reason = &self.planned.plan.changes[*position].reason;
            matches!(reason, Reason::Follows { .. } | Reason::Broken { .. })
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
            location: before.location.clone(),
            observed: sealed_observed(schema, observed, [resolved.for_update(), &applied], key),
            applied,
            dependencies: keep.dependencies,
            lifecycle: keep.lifecycle,
            timeouts: keep.timeouts,
            status: RecordStatus::Ready,
            retag: before.retag,
        };
        let finished = Finished {
            changed: false,
            id: Some(before.physical_id.clone()),
            attributes: Some(attributes_seen(
                provider,
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

    pub(super) fn confirm(&self, step: &Step) -> Result<Job, ProviderError> {
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

    /// Our tags over those that are there, and all else as it is.
    pub(super) fn retag(&self, step: &Step) -> Result<Job, ProviderError> {
        let (resource, provider) = self.subject(step)?;
        let record = self.record(step)?;
        let observed = self.observed(&step.address).unwrap_or(&record.observed);
        Ok(Job::Retag {
            id: record.physical_id.clone(),
            request: retag(provider.schema(), &self.shared.stack, &step.address, observed),
            record: Box::new(record),
            keep: keep(resource),
        })
    }

    pub(super) fn wait(&self, step: &Step) -> Result<Job, ProviderError> {
        let record = self.record(step)?;
        let (mut wanted, mut timeouts) = (record.applied.clone(), record.timeouts.clone());
        let mut expected = Attributes::new();
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
            // What was not there when it was planned is there after the step that changes it.
            let key = self.shared.journal.sealing_key();
            if infra_plan::shows(provider.schema(), &wanted, observed, key) {
                expected.clone_from(&wanted);
            }
        }
        Ok(Job::Wait {
            id: record.physical_id.clone(),
            record: Box::new(record),
            wanted,
            expected,
            timeouts,
        })
    }

    /// Nothing to be done where what was made in a thing's place is that very thing at AWS: an image pushed again,
    /// or nothing had to be replaced.
    fn stays(&self, step: &Step) -> Option<Job> {
        let stays = self.stands.get(&step.address);
        if stays.is_none() || stays != step.physical_id.as_ref() {
            return None;
        }
        let finished = Finished {
            changed: false,
            id: step.physical_id.clone(),
            ..Finished::default()
        };
        Some(Job::Note {
            entries: Vec::new(),
            finished,
        })
    }

    pub(super) fn delete(&self, step: &Step, unready: &[StepId]) -> Result<Job, ProviderError> {
        if let Some(stays) = self.stays(step) {
            return Ok(stays);
        }
        let record = self.record(step)?;
        let changes = &self.planned.plan.changes;
        // In order of address.
        let first = changes.partition_point(|change| change.address < step.address);
        let allowed = |change: &Change| {
            change.physical_id == step.physical_id && change.data.as_ref().is_some_and(|data| data.allowed)
        };
        let mut own = changes[first..]
            .iter()
            .take_while(|change| change.address == step.address);
        Ok(Job::Delete {
            id: record.physical_id.clone(),
            data_loss_allowed: own.any(allowed),
            names: self.new_names(step, unready)?,
            record: Box::new(record),
        })
    }

    pub(super) fn forget(&self, step: &Step) -> Result<Job, ProviderError> {
        if let Some(stays) = self.stays(step) {
            return Ok(stays);
        }
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
