//! Waiting until it works, and writing down what is there then.

use std::time::Duration;

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, ResourceRecord, Token, TypeSchema};
use infra_provider::{Provider, Wait};
use tokio::time::Instant;

use super::{Finished, StepError, StepRun};
use crate::wait::Waiter;

impl StepRun {
    /// Waits until it works and has what is `expected`, and writes down what is there then.
    pub(super) async fn confirm_ready(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        mut record: ResourceRecord,
        wait: Wait,
        wanted: &Attributes,
        expected: &Attributes,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let mut expected = expected.clone();
        // What may be another without being mended may become another meanwhile, too.
        let ignored = &record.lifecycle.ignore_changes;
        expected.retain(|name, _| !ignored.iter().any(|path| is_under(path, name)));
        let key = self.shared.journal.sealing_key();
        let observed = self
            .waiter(provider, id, wait)
            .until_ready(|observed| infra_plan::not_shown(schema, &expected, observed, key))
            .await
            .map_err(StepError::Failed)?;
        record.status = RecordStatus::Ready;
        record.observed = self.recorded(schema, &observed, wanted, &record.applied);
        self.confirm(record).await?;
        let finished = self.finished(provider, id, wanted, &observed);
        Ok(Finished {
            observed: Some(observed),
            ..finished
        })
    }

    /// Looks at it until the look is from after its change, for as long as AWS may be late; what was observed
    /// then, or last. `None`: AWS did not show it, and nothing else waits for what it would tell.
    ///
    /// # Errors
    /// AWS does not let us look at it, or does not show it although something needs what it would tell.
    pub(super) async fn look(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        wanted: &Attributes,
    ) -> Result<Option<Attributes>, StepError> {
        let pace = self.shared.pace;
        let cancellation = &self.shared.cancellation;
        let call = self.call(&Token(String::new()));
        let started = Instant::now();
        let mut pause = pace.first_poll;
        let mut last = None;
        loop {
            let mut trouble = None;
            cancellation.until(1, self.shared.reporter.room()).await;
            let read = call.scope(provider.read(std::slice::from_ref(id)));
            // A second request to stop ends the look too: what is known by the call itself stands.
            let Some(answer) = cancellation.until(2, read).await else {
                return Ok(None);
            };
            match answer {
                Ok(mut found) => {
                    if let Some(found) = found.remove(id) {
                        if self.shows(provider.schema(), wanted, &found.observed) {
                            return Ok(Some(found.observed));
                        }
                        last = Some(found.observed);
                    }
                }
                Err(error) if matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient) => {
                    trouble = Some(error);
                }
                Err(error) => return Err(StepError::Failed(not_read(error))),
            }
            let patience = if last.is_none() && self.is_needed {
                pace.not_ready_for
            } else {
                pace.consistency_window
            };
            let is_enough = started.elapsed() >= patience;
            if is_enough && last.is_none() && self.is_needed {
                return Err(StepError::Failed(match trouble {
                    Some(error) => not_read(error),
                    None => not_listed(started.elapsed()),
                }));
            }
            if is_enough || !cancellation.sleep(pause).await {
                return Ok(last);
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

/// A change went well, only what came of it could not be read.
fn not_read(error: ProviderError) -> ProviderError {
    let message = format!(
        "it was made or changed, but what came of it could not be read: {}",
        error.message
    );
    ProviderError { message, ..error }
}

/// AWS's lists do not have what was made.
fn not_listed(looked_for: Duration) -> ProviderError {
    ProviderError::new(
        ErrorClass::TimedOut,
        format!(
            "it was made, but AWS's lists do not show it after {} s, and something needs what they would tell",
            looked_for.as_secs()
        ),
    )
    .hint("run the same command again: it goes on from here")
}

/// Whether a path such as `tags.Name` or `tags["Name"]` begins with this attribute.
fn is_under(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
