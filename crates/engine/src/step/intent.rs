//! The intent before a call, and its end where the call came to nothing.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::state::JournalEntry;
use infra_core::{Attributes, ErrorClass, Intent, Operation, PhysicalId, ProviderError, Token};
use infra_provider::{Call, Learning, ProviderResult};
use infra_state::Journal;
use sha2::{Digest, Sha256};

use super::{Keep, StepError, StepRun};
use crate::cancel::cancelled;
use crate::retry::Tries;

/// What a call that came to nothing may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Certainly nothing.
    Nothing,
    /// Nothing that AWS shows, though it may show something later.
    Unseen,
    /// Anything: the next run finds out.
    Unknown,
}

impl Effect {
    /// Of a call of which it is certain, or not at all, that AWS did nothing.
    pub fn of(is_certain: bool) -> Self {
        if is_certain { Self::Nothing } else { Self::Unknown }
    }
}

/// Writes down what a call will be known by, beside its intent.
struct Noting {
    journal: Arc<Journal>,
    token: Token,
}

impl Learning for Noting {
    fn learn(&self, attributes: Attributes) -> Pin<Box<dyn Future<Output = ProviderResult<()>> + Send + '_>> {
        Box::pin(self.note(attributes))
    }
}

impl Noting {
    async fn note(&self, attributes: Attributes) -> ProviderResult<()> {
        let token = self.token.clone();
        let noted = self
            .journal
            .append(JournalEntry::Learned { token, attributes })
            .await;
        noted.map(|_| ()).map_err(|error| {
            let message = format!("it was not made, because the state cannot be written: {error}");
            ProviderError::new(ErrorClass::Blocked, message)
        })
    }
}

impl StepRun {
    pub(super) async fn intend(
        &self,
        operation: Operation,
        id: Option<&PhysicalId>,
        attributes: &Attributes,
        changed: Vec<String>,
        keep: &Keep,
        there_before: Option<BTreeSet<PhysicalId>>,
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
            there_before,
            learned: Attributes::new(),
            in_doubt_since_unix_ms: None,
        };
        self.note(JournalEntry::Intended(Box::new(intent.clone())))
            .await?;
        Ok(intent)
    }

    /// Closes the intent of a call that came to nothing. Where it may have done anything it stays open: the next
    /// run settles it.
    pub(super) async fn gave_up(
        &self,
        intent: &Intent,
        error: ProviderError,
        effect: Effect,
    ) -> Result<StepError, StepError> {
        let error = self.shared.reporter.redaction().error(error);
        self.close(intent, &error, effect).await?;
        Ok(match error.class {
            ErrorClass::DependencyNotReady => StepError::NotReady(error, None),
            _ => StepError::Failed(error),
        })
    }

    pub(super) async fn close(
        &self,
        intent: &Intent,
        error: &ProviderError,
        effect: Effect,
    ) -> Result<(), StepError> {
        if effect != Effect::Unknown {
            let in_doubt = effect == Effect::Unseen;
            let entry = JournalEntry::NoEffect {
                token: intent.token.clone(),
                error: Some(error.clone()),
                in_doubt_at_unix_ms: in_doubt.then(|| self.shared.ambient.now_unix_ms()),
            };
            self.note(entry).await?;
        }
        Ok(())
    }

    pub(super) fn call(&self, token: &Token) -> Call {
        Call {
            not_made: BTreeSet::new(),
            stack: self.shared.stack.clone(),
            commands: self.shared.commands.clone(),
            address: self.address.clone(),
            token: token.clone(),
            data_loss_allowed: false,
            progress: Arc::new(self.shared.reporter.clone()),
            learning: Some(Arc::new(Noting {
                journal: Arc::clone(&self.shared.journal),
                token: token.clone(),
            })),
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
