//! Waiting until it works, and writing down what is there then.

use std::time::Duration;

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{Attributes, PhysicalId, ResourceRecord, Token, TypeSchema};
use infra_provider::{Provider, Wait};
use tokio::time::Instant;

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
            .until_ready(|observed| self.shows(provider.schema(), wanted, observed))
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

    /// Looks at it until the look is from after its change, for as long as AWS may be late; what was observed
    /// then, or last. `None`: AWS did not show it, or could not be asked.
    pub(super) async fn look(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        wanted: &Attributes,
    ) -> Option<Attributes> {
        let pace = self.shared.pace;
        let call = self.call(&Token(String::new()));
        let started = Instant::now();
        let mut pause = pace.first_poll;
        let mut last = None;
        loop {
            let read = call.scope(provider.read(std::slice::from_ref(id)));
            // A second request to stop ends the look too: what is known by the call itself stands.
            let answer = self.shared.cancellation.until(2, read).await?;
            if let Ok(mut found) = answer
                && let Some(found) = found.remove(id)
            {
                if self.shows(provider.schema(), wanted, &found.observed) {
                    return Some(found.observed);
                }
                last = Some(found.observed);
            }
            if started.elapsed() >= pace.consistency_window || !self.shared.cancellation.sleep(pause).await {
                return last;
            }
            pause = pause.mul_f64(1.5).min(pace.slowest_poll);
        }
    }

    fn shows(&self, schema: &TypeSchema, wanted: &Attributes, observed: &Attributes) -> bool {
        infra_plan::shows(schema, wanted, observed, self.shared.journal.sealing_key())
    }

    pub(super) async fn confirm(&self, record: ResourceRecord) -> Result<(), StepError> {
        let entry = JournalEntry::Confirmed {
            address: self.address.clone(),
            record: Box::new(record),
        };
        self.note(entry).await?;
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

    /// A wait as long as the file asks for, and as it is expected to be here.
    pub(super) fn patience(&self, wait: Wait, asked: Option<Duration>) -> Wait {
        Wait {
            typical: self
                .readiness
                .unwrap_or_else(|| self.shared.pace.scaled(wait.typical)),
            timeout: asked.unwrap_or(wait.timeout),
            ..wait
        }
    }
}
