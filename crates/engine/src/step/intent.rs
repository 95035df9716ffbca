//! The intent before a call, and its end where the call came to nothing.

use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::state::JournalEntry;
use infra_core::{Attributes, ErrorClass, Intent, Operation, PhysicalId, ProviderError, Token};
use infra_provider::Call;
use sha2::{Digest, Sha256};

use super::{Keep, StepError, StepRun};
use crate::cancel::cancelled;
use crate::retry::Tries;

impl StepRun {
    pub(super) async fn intend(
        &self,
        operation: Operation,
        id: Option<&PhysicalId>,
        attributes: &Attributes,
        changed: Vec<String>,
        keep: &Keep,
    ) -> Result<Intent, StepError> {
        if self.shared.cancellation.level() >= 2 {
            return Err(StepError::Failed(cancelled(match operation {
                Operation::Update => "before AWS was asked to change it",
                Operation::Create | Operation::Delete => "before AWS was called",
            })));
        }
        let text = serde_json::to_vec(attributes).unwrap_or_default();
        let intent = Intent {
            token: Token(self.shared.ambient.unique()),
            address: self.address.clone(),
            operation,
            location: self.shared.location(&self.address),
            physical_id: id.cloned(),
            attributes: attributes.clone(),
            changed,
            spec_hash: hex::encode(Sha256::digest(&text)),
            dependencies: keep.dependencies.clone(),
            lifecycle: keep.lifecycle.clone(),
            timeouts: keep.timeouts.clone(),
            run: self.shared.run.clone(),
            at_unix_ms: self.shared.ambient.now_unix_ms(),
        };
        self.note(JournalEntry::Intended(Box::new(intent.clone())))
            .await?;
        Ok(intent)
    }

    /// Closes the intent of a call that came to nothing. Where that is not certain it stays open: the next
    /// run settles it.
    pub(super) async fn gave_up(
        &self,
        intent: &Intent,
        error: ProviderError,
        certain: bool,
    ) -> Result<StepError, StepError> {
        let error = self.shared.reporter.redaction().error(error);
        if certain {
            let entry = JournalEntry::NoEffect {
                token: intent.token.clone(),
                error: Some(error.clone()),
            };
            self.note(entry).await?;
        }
        Ok(match error.class {
            ErrorClass::DependencyNotReady => StepError::NotReady(error, None),
            _ => StepError::Failed(error),
        })
    }

    pub(super) fn call(&self, token: &Token) -> Call {
        Call {
            stack: self.shared.stack.clone(),
            address: self.address.clone(),
            token: token.clone(),
            data_loss_allowed: false,
            progress: Arc::new(self.shared.reporter.clone()),
        }
    }

    pub(super) fn retrying(&self, tries: &Tries, pause: Duration, error: &ProviderError) {
        self.shared.reporter.send(EventKind::StepRetried {
            step: self.step,
            address: self.address.clone(),
            attempt: tries.count(),
            delay_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            error: error.clone(),
        });
    }
}
