//! An update in place.

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{Attributes, ErrorClass, Operation, PhysicalId, ResourceRecord, TypeSchema, Value};
use infra_provider::{Provider, UpdateRequest};

use super::intent::Effect;
use super::known::attributes_known;
use super::obstacles::Obstacles;
use super::{Finished, Keep, Message, StepError, StepRun};
use crate::cancel::not_again;
use crate::retry::Tries;

impl StepRun {
    pub(super) async fn update(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        request: UpdateRequest,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let wanted = request.spec.clone();
        let prior = request.prior.clone();
        let wait = provider.waits().update;
        let unchanged = unchanged(schema, &wanted, &prior);
        let known = attributes_known(schema, &wanted, &unchanged);
        let mut record = ResourceRecord {
            physical_id: id.clone(),
            location: self.shared.location(&self.address),
            observed: self.recorded(schema, &known, &wanted, &applied),
            applied,
            dependencies: keep.dependencies.clone(),
            lifecycle: keep.lifecycle.clone(),
            timeouts: keep.timeouts.clone(),
            status: if wait.is_some() {
                RecordStatus::Pending
            } else {
                RecordStatus::Ready
            },
            // Its tags were written before, if they had to be.
            retag: false,
        };
        self.change(provider, &id, request, &mut record, &keep).await?;
        if let Some(wait) = wait {
            if !self.waits {
                return Ok(self.on_its_way(schema, &id, &wanted, unchanged));
            }
            let wait = self.patience(wait, keep.timeouts.update);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            })
            .await;
            return self
                .confirm_ready(provider, &id, record, wait, &wanted, &wanted)
                .await;
        }
        let look = unchanged.len() < prior.len();
        self.settle_observed(provider, &id, record, &wanted, known, look)
            .await
    }

    /// Writes our tags to what is there, and nothing else.
    pub(super) async fn retag(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        request: UpdateRequest,
        mut record: ResourceRecord,
        keep: &Keep,
    ) -> Result<Finished, StepError> {
        record.retag = false;
        self.change(provider, &id, request, &mut record, keep).await?;
        Ok(Finished {
            changed: true,
            id: Some(id),
            ..Finished::default()
        })
    }

    /// Intent, update call, outcome.
    pub(super) async fn change(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        request: UpdateRequest,
        record: &mut ResourceRecord,
        keep: &Keep,
    ) -> Result<(), StepError> {
        let changed: Vec<String> = request.changed.iter().cloned().collect();
        let intent = self
            .intend(Operation::Update, Some(id), &record.applied, changed, keep, None)
            .await?;
        let call = self.call(&intent.token);
        let mut tries = Tries::new(self.shared.pace);
        // Where it is not known of every try what AWS took, the next run must not rely on what was there before.
        let mut is_certain = true;
        let mut obstacles = Obstacles::new(&self.shared.pace);
        loop {
            let update = call.scope(provider.update(&call, id, &request));
            let Err(mut error) = self.shared.cancellation.answer(update).await else {
                break;
            };
            is_certain &= error.class.has_no_effect();
            let mut again = match error.class {
                ErrorClass::DependencyNotReady => {
                    return Err(self.gave_up(&intent, error, Effect::Nothing).await?);
                }
                class => tries.next(class),
            };
            let thing = (id, &request.prior);
            if let Some(ended) = self
                .look_at_obstacles(provider, thing, &mut obstacles, &error, &tries, again)
                .await
            {
                (error, again) = (ended, None);
            }
            let Some(pause) = again else {
                if error.class == ErrorClass::AlreadyExists {
                    error = self.moved_onto(provider, (id, &request), error).await;
                }
                return Err(self.gave_up(&intent, error, Effect::of(is_certain)).await?);
            };
            self.retrying(&tries, pause, &error);
            if !self.shared.cancellation.pause(pause).await {
                return Err(self
                    .gave_up(&intent, not_again(&error), Effect::of(is_certain))
                    .await?);
            }
        }
        let entry = JournalEntry::Updated {
            token: intent.token,
            record: Box::new(record.clone()),
        };
        self.note(entry).await?;
        Ok(())
    }
}

/// What an update certainly leaves as it was: all but what changes with every update, and what it clears, for
/// which AWS may take something of its own.
fn unchanged(schema: &TypeSchema, wanted: &Attributes, prior: &Attributes) -> Attributes {
    let mut unchanged = prior.clone();
    unchanged.retain(|name, _| {
        let computed = schema.computed.get(name);
        let changes = computed.is_some_and(|computed| computed.changes_on_update);
        !changes && !wanted.get(name).is_some_and(Value::is_null)
    });
    unchanged
}
