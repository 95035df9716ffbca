//! Waiting until it works, and writing down what is there then.

use std::time::Duration;

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{Attributes, PhysicalId, ResourceRecord};
use infra_provider::{Provider, Wait};

use super::{Finished, StepError, StepRun};
use crate::wait::Waiter;

impl StepRun {
    /// Waits until it works, and writes down what is there then.
    pub(super) async fn confirm_ready(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        mut record: ResourceRecord,
        wait: Wait,
        wanted: &Attributes,
    ) -> Result<Finished, StepError> {
        let observed = self
            .waiter(provider, id, wait)
            .until_ready()
            .await
            .map_err(StepError::Failed)?;
        record.status = RecordStatus::Ready;
        record.observed = self.recorded(provider.schema(), &observed, wanted, &record.applied);
        self.confirm(record).await?;
        let finished = self.finished(provider, id, wanted, &observed);
        Ok(Finished {
            observed: Some(observed),
            ..finished
        })
    }

    pub(super) async fn confirm(&self, record: ResourceRecord) -> Result<(), StepError> {
        let entry = JournalEntry::Confirmed {
            address: self.address.clone(),
            record: Box::new(record),
        };
        self.shared.journal.append(entry).await?;
        Ok(())
    }

    pub(super) fn waiter<'a>(
        &'a self,
        provider: &'a dyn Provider,
        id: &'a PhysicalId,
        wait: Wait,
    ) -> Waiter<'a> {
        Waiter {
            provider,
            address: &self.address,
            id,
            wait,
            pace: self.shared.pace,
            reporter: &self.shared.reporter,
            cancellation: &self.shared.cancellation,
        }
    }

    pub(super) fn patience(&self, wait: Wait, asked: Option<Duration>) -> Wait {
        Wait {
            timeout: asked.unwrap_or(wait.timeout),
            ..wait
        }
    }
}
