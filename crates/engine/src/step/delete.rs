//! A delete.

use infra_core::state::JournalEntry;
use infra_core::{Attributes, ErrorClass, Intent, Operation, PhysicalId, ResourceRecord};
use infra_provider::{Call, Provider};

use super::intent::Effect;
use super::obstacles::Obstacles;
use super::{Finished, Keep, Message, StepError, StepRun};
use crate::cancel::not_again;
use crate::retry::Tries;

impl StepRun {
    pub(super) async fn delete(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        record: ResourceRecord,
        data_loss_allowed: bool,
    ) -> Result<Finished, StepError> {
        let (keep, last) = last_seen(record);
        let intent = self
            .intend(Operation::Delete, Some(&id), &last, Vec::new(), &keep, None)
            .await?;
        let call = Call {
            data_loss_allowed,
            ..self.call(&intent.token)
        };
        let mut tries = Tries::new(self.shared.pace);
        if self.follows_deletes {
            tries = tries.after_deletes();
        }
        let mut obstacles = Obstacles::new(&self.shared.pace);
        loop {
            let deletion = call.scope(provider.delete(&call, &id, &last));
            let Err(mut error) = self.shared.cancellation.answer(deletion).await else {
                break;
            };
            if error.class == ErrorClass::NotFound {
                break;
            }
            let mut again = tries.next(error.class);
            if let Some(ended) = self
                .look_at_obstacles(provider, (&id, &last), &mut obstacles, &error, &tries, again)
                .await
            {
                (error, again) = (ended, None);
            }
            let Some(pause) = again else {
                let certain = error.class != ErrorClass::Cancelled;
                return Err(self.gave_up(&intent, error, Effect::of(certain)).await?);
            };
            self.retrying(&tries, pause, &error);
            if !self.shared.cancellation.pause(pause).await {
                let error = not_again(&obstacles.named_in(error));
                return Err(self.gave_up(&intent, error, Effect::Unknown).await?);
            }
        }
        if let Some(wait) = provider.waits().delete {
            let wait = self.patience(wait, keep.timeouts.delete);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            })
            .await;
            if let Err(error) = self.waiter(provider, &id, wait).until_gone().await {
                let certain = error.class != ErrorClass::Cancelled;
                return Err(self.gave_up(&intent, error, Effect::of(certain)).await?);
            }
        }
        let entry = self.deleted(provider, intent, &id, &last);
        self.note(entry).await?;
        Ok(is_gone(id))
    }

    /// The outcome of a delete.
    pub(super) fn deleted(
        &self,
        provider: &dyn Provider,
        intent: Intent,
        id: &PhysicalId,
        last: &Attributes,
    ) -> JournalEntry {
        let name = provider.schema().natural_name(last);
        let touched = &self.shared.touched;
        touched.note_removed(self.address.type_name(), id, name);
        JournalEntry::Deleted { token: intent.token }
    }
}

/// What a record keeps beside its attributes, and what the thing was last seen to have. What AWS never tells back
/// (`force_delete`) stands only among the applied.
pub(super) fn last_seen(record: ResourceRecord) -> (Keep, Attributes) {
    let keep = Keep {
        dependencies: record.dependencies,
        lifecycle: record.lifecycle,
        timeouts: record.timeouts,
    };
    let mut last = record.observed;
    last.extend(record.applied);
    (keep, last)
}

/// The end of the step of what is gone.
pub(super) fn is_gone(id: PhysicalId) -> Finished {
    Finished {
        changed: true,
        id: Some(id),
        ..Finished::default()
    }
}
