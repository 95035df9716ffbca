//! A create: the call, what it could not set, and the wait.

use std::collections::BTreeSet;

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, ErrorClass, Health, Intent, Operation, PhysicalId, ProviderError, ResourceRecord, TypeSchema,
};
use infra_provider::{Call, Found, Provider, Spec, UpdateRequest};

use super::intent::Effect;
use super::known::attributes_known;
use super::{Finished, Job, Keep, Message, ON_ITS_WAY, StepError, StepRun};
use crate::cancel::not_again;
use crate::retry::Tries;
use crate::settle::{Lost, adopted};

impl StepRun {
    pub(super) async fn create(
        &self,
        provider: &dyn Provider,
        wanted: Spec,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let there_before = self.there_before(provider, &wanted, &BTreeSet::new()).await?;
        let intent = self
            .intend(Operation::Create, None, &applied, Vec::new(), &keep, there_before)
            .await?;
        let call = self.call(&intent.token);
        let (id, found) = match self.make(provider, &call, &wanted, &intent).await {
            Ok(made) => made,
            Err((error, effect)) => return Err(self.gave_up(&intent, error, effect).await?),
        };
        let entry = self.created(provider, &intent, &wanted, &id, found.clone());
        self.note(entry).await?;
        self.go_on(provider, id, found, wanted, applied, keep).await
    }

    /// The outcome of a create call.
    pub(super) fn created(
        &self,
        provider: &dyn Provider,
        intent: &Intent,
        wanted: &Attributes,
        id: &PhysicalId,
        found: Found<Attributes>,
    ) -> JournalEntry {
        self.shared.touched.note_made(self.address.type_name(), id);
        let mut record = adopted(provider, intent, id, found, self.shared.journal.sealing_key());
        if !set_after_create(provider.schema(), wanted).is_empty() {
            record.status = RecordStatus::Pending;
        }
        JournalEntry::Created {
            token: intent.token.clone(),
            record: Box::new(record),
        }
    }

    /// It is made, and that is durable: whoever waits is told, and the rest is done.
    pub(super) async fn go_on(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        found: Found<Attributes>,
        wanted: Spec,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let Found { observed, health } = found;
        if let Health::Failed(status) = health {
            let error = self.waiter(provider, &id, ON_ITS_WAY).failed(&status).await;
            return Err(StepError::Failed(error));
        }
        let schema = provider.schema();
        let mut known = Attributes::clone(&wanted);
        known.extend(self.concealed(schema, &observed, &wanted).into_owned());
        let attributes = schema.completed(&self.address, known);
        self.tell(Message::Exists {
            step: self.step,
            id: id.clone(),
            attributes,
        })
        .await;
        self.complete(provider, id, observed, wanted, applied, keep).await
    }

    /// Sets what the create call could not, and waits. When that is too early, the step goes on from here
    /// later: the create is not called again.
    pub(super) async fn complete(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        mut observed: Attributes,
        wanted: Spec,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let record = self
            .shared
            .journal
            .with_state(|state| state.resources.get(&self.address).cloned());
        let Some(mut record) = record else {
            let message = format!("the state no longer has {}", self.address);
            return Err(StepError::Failed(ProviderError::new(ErrorClass::Other, message)));
        };
        record.applied = applied;
        let later = set_after_create(schema, &wanted);
        if !later.is_empty() {
            let mut added = Attributes::clone(&wanted);
            added.retain(|name, _| later.contains(name));
            let request = UpdateRequest {
                spec: wanted.clone(),
                prior: observed.clone(),
                changed: later,
                within: BTreeSet::new(),
                forced: false,
            };
            let after = attributes_known(schema, &added, &observed);
            record.observed = self.recorded(schema, &after, &wanted, &record.applied);
            if let Err(error) = self.change(provider, &id, request, &mut record, &keep).await {
                let StepError::NotReady(error, _) = error else {
                    return Err(error);
                };
                let rest = Job::Complete {
                    id,
                    observed,
                    wanted,
                    applied: record.applied,
                    keep,
                };
                return Err(StepError::NotReady(error, Some(Box::new(rest))));
            }
            observed = after;
        }
        if let Some(wait) = provider.waits().create {
            if !self.waits {
                return Ok(self.on_its_way(schema, &id, &wanted, observed));
            }
            let wait = self.patience(wait, keep.timeouts.create);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            })
            .await;
            return self
                .confirm_ready(provider, &id, record, wait, &wanted, &wanted)
                .await;
        }
        let is_complete = schema.computed.keys().all(|name| observed.contains_key(name));
        self.settle_observed(provider, &id, record, &wanted, observed, !is_complete)
            .await
    }

    /// A create or an update without a waiter is over. If its answer did not tell everything, a `look` does, as
    /// soon as AWS's lists have the thing.
    pub(super) async fn settle_observed(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        mut record: ResourceRecord,
        wanted: &Attributes,
        mut observed: Attributes,
        look: bool,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let seen = if look {
            self.look(provider, id, wanted).await?
        } else {
            None
        };
        let finished = match (look, seen) {
            // Not found so soon is no failure: what was answered stands, and the rest is not known.
            (true, None) => self.on_its_way(schema, id, wanted, observed.clone()),
            (_, seen) => {
                observed = seen.unwrap_or(observed);
                self.finished(provider, id, wanted, &observed)
            }
        };
        record.status = RecordStatus::Ready;
        record.observed = self.recorded(schema, &observed, wanted, &record.applied);
        let is_noted = self
            .shared
            .journal
            .with_state(|state| state.resources.get(&self.address) == Some(&record));
        if !is_noted {
            self.confirm(record).await?;
        }
        Ok(finished)
    }

    pub(super) fn tries_of_create(&self, provider: &dyn Provider, wanted: &Attributes) -> Tries {
        let tries = Tries::new(self.shared.pace);
        let touched = &self.shared.touched;
        match provider.schema().natural_name(wanted) {
            Some(name) => tries.of_a_name_that_shows(touched.name_shows_for(self.address.type_name(), name)),
            None => tries,
        }
    }

    /// Makes the create call until it is certain what became of it. The error comes with what AWS may have done.
    ///
    /// What exists already is looked at only where an answer was lost before: then it may be what that try made.
    async fn make(
        &self,
        provider: &dyn Provider,
        call: &Call,
        wanted: &Spec,
        intent: &Intent,
    ) -> Result<(PhysicalId, Found<Attributes>), (ProviderError, Effect)> {
        let mut tries = self.tries_of_create(provider, wanted);
        let cancellation = &self.shared.cancellation;
        let lost = Lost {
            journal: &self.shared.journal,
            provider,
            call,
            intent,
            pace: self.shared.pace,
            cancellation,
        };
        let mut effect = Effect::Nothing;
        loop {
            let answer = cancellation
                .answer(call.scope(provider.create(call, wanted)))
                .await;
            let error = match answer {
                Ok(created) => return Ok((created.id, created.found)),
                Err(error) if error.class == ErrorClass::Cancelled => return Err((error, Effect::Unknown)),
                Err(error) => error,
            };
            let is_uncertain = !error.class.has_no_effect();
            if is_uncertain {
                effect = Effect::Unseen;
            }
            let exists = error.class == ErrorClass::AlreadyExists;
            if is_uncertain || (exists && effect == Effect::Unseen) {
                match call.scope(lost.find(self.shared.pace.consistency_window)).await {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) if cancellation.level() >= 2 => {
                        return Err((not_again(&error), Effect::Unknown));
                    }
                    Ok(None) => {}
                    Err(held) if held.class == ErrorClass::AlreadyExists => return Err((held, effect)),
                    Err(_) => return Err((error, Effect::Unknown)),
                }
            }
            if error.class == ErrorClass::DependencyNotReady {
                return Err((error, effect));
            }
            let Some(pause) = tries.next(error.class) else {
                return Err(match exists {
                    true => (self.taken(provider, wanted, error).await, effect),
                    false => (error, effect),
                });
            };
            let error = match exists {
                true => may_be_late(error),
                false => error,
            };
            self.retrying(&tries, pause, &error);
            if !cancellation.pause(pause).await {
                return Err((not_again(&error), effect));
            }
        }
    }
}

/// The refusal of a name that something had which was just removed.
fn may_be_late(error: ProviderError) -> ProviderError {
    ProviderError {
        message: "AWS may still show what had this name and was removed".to_owned(),
        hint: None,
        ..error
    }
}

/// The attributes that the create call could not set.
fn set_after_create(schema: &TypeSchema, wanted: &Attributes) -> BTreeSet<String> {
    wanted
        .iter()
        .filter(|(name, value)| {
            let attribute = schema.attributes.get(*name);
            !value.is_null() && attribute.is_some_and(|attribute| attribute.set_after_create)
        })
        .map(|(name, _)| name.clone())
        .collect()
}
