//! What an earlier run left open: every intent without an outcome is looked up at AWS, and closed.
//!
//! No person is asked, nothing is made twice, nothing is left behind.

mod left;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use infra_core::event::EventKind;
use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, Commands, ErrorClass, Health, Intent, Operation, PhysicalId, ProviderError, ResourceAddress,
    ResourceRecord, SealingKey,
};
use infra_plan::conceal;
use infra_provider::{Call, Found, Provider, Providers};
use infra_state::{AppendError, Journal};

pub(crate) use self::left::{Lost, holder, is_held};
use crate::cancel::{Cancellation, cancelled};
use crate::events::Reporter;
use crate::retry::Pace;

/// An intent could not be settled: AWS could not be asked, or the journal not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleError {
    /// AWS could not be asked.
    #[error("cannot find out what became of {address}, whose {operation:?} an earlier run did not finish")]
    Provider {
        /// The resource.
        address: ResourceAddress,
        /// What was meant.
        operation: Operation,
        /// Why.
        #[source]
        source: Box<ProviderError>,
    },
    /// The state holds an intent for a type that this build does not know.
    #[error("an earlier run did not finish with {0}, whose type this build does not know")]
    UnknownType(ResourceAddress),
    /// The outcome could not be written.
    #[error(transparent)]
    Journal(#[from] AppendError),
}

/// What settling needs.
pub(crate) struct Settling<'a> {
    pub journal: &'a Journal,
    pub commands: &'a Commands,
    pub providers: &'a dyn Providers,
    pub reporter: &'a Reporter,
    pub pace: Pace,
    pub cancellation: &'a Cancellation,
    pub now_unix_ms: u64,
}

/// How long a create is in doubt. What AWS shows later than that is an orphan, which `infra diff --unmanaged` tells.
const IN_DOUBT_FOR: Duration = Duration::from_secs(3600);

impl Settling<'_> {
    /// Settles all open intents at the same time, and looks once more for what creates may have left that are in
    /// doubt.
    ///
    /// # Errors
    /// The first that cannot be settled; those that could be are.
    pub async fn all(&self) -> Result<(), SettleError> {
        let (open, in_doubt): (Vec<Intent>, Vec<Intent>) = self.journal.with_state(|state| {
            let open = state.open_intents().cloned().collect();
            (open, state.intents_in_doubt().cloned().collect())
        });
        if !open.is_empty() {
            let intents = open.len();
            self.reporter.send(EventKind::Settling { intents });
        }
        for result in join_all(open.iter().map(|intent| self.one(intent))).await {
            result?;
        }
        // One after the other: two that were to have the same name may both find what one of them made.
        for intent in &in_doubt {
            self.look_again(intent).await?;
        }
        Ok(())
    }

    /// Looks once for what a create in doubt may have left. It is no longer in doubt when that is found, when the
    /// state has it under another intent, or when AWS has had time enough.
    async fn look_again(&self, intent: &Intent) -> Result<(), SettleError> {
        let provider = self.provider(intent)?;
        let call = self.call(intent);
        let found = self.lost(provider, &call, intent).find(Duration::ZERO).await;
        let since = intent.in_doubt_since_unix_ms.unwrap_or_default();
        let is_over = self.now_unix_ms.saturating_sub(since) >= millis(IN_DOUBT_FOR);
        let entry = match found {
            Ok(Some((id, found))) => {
                self.reporter.send(EventKind::Settled {
                    address: intent.address.clone(),
                    outcome: "adopted".to_owned(),
                    physical_id: Some(id.clone()),
                });
                self.created(provider, intent, &id, found)
            }
            Err(held) if held.class == ErrorClass::AlreadyExists => nothing(intent),
            Ok(None) | Err(_) if is_over => nothing(intent),
            // Nothing rests on it: what cannot be looked for now is looked for by the next run.
            Ok(None) | Err(_) => return Ok(()),
        };
        self.journal.append(entry).await?;
        Ok(())
    }

    fn provider(&self, intent: &Intent) -> Result<&dyn Provider, SettleError> {
        let provider = self.providers.provider(intent.address.type_name());
        provider.ok_or_else(|| SettleError::UnknownType(intent.address.clone()))
    }

    fn lost<'b>(&'b self, provider: &'b dyn Provider, call: &'b Call, intent: &'b Intent) -> Lost<'b> {
        Lost {
            journal: self.journal,
            provider,
            call,
            intent,
            pace: self.pace,
            cancellation: self.cancellation,
        }
    }

    fn created(
        &self,
        provider: &dyn Provider,
        intent: &Intent,
        id: &PhysicalId,
        found: Found<Attributes>,
    ) -> JournalEntry {
        let record = adopted(provider, intent, id, found, self.journal.sealing_key());
        JournalEntry::Created {
            token: intent.token.clone(),
            record: Box::new(record),
        }
    }

    async fn one(&self, intent: &Intent) -> Result<(), SettleError> {
        let provider = self.provider(intent)?;
        let (entry, outcome, physical_id) = match intent.operation {
            Operation::Create => self.create(provider, intent).await?,
            Operation::Update => (
                self.update(intent),
                "what the update left is compared anew",
                intent.physical_id.clone(),
            ),
            Operation::Delete => self.delete(provider, intent).await?,
        };
        for entry in entry {
            self.journal.append(entry).await?;
        }
        self.reporter.send(EventKind::Settled {
            address: intent.address.clone(),
            outcome: outcome.to_owned(),
            physical_id,
        });
        Ok(())
    }

    async fn create(
        &self,
        provider: &dyn Provider,
        intent: &Intent,
    ) -> Result<(Vec<JournalEntry>, &'static str, Option<PhysicalId>), SettleError> {
        let failed = |source| failed(intent, source);
        let call = self.call(intent);
        // Nobody knows when the last try of the call was: the intent is from before the first.
        let found = match self
            .lost(provider, &call, intent)
            .find(self.pace.consistency_window)
            .await
        {
            Err(error) if error.class == ErrorClass::AlreadyExists => None,
            found => found.map_err(failed)?,
        };
        match found {
            Some((id, found)) => {
                let entry = self.created(provider, intent, &id, found);
                Ok((vec![entry], "adopted", Some(id)))
            }
            // It was not looked for long enough to know.
            None if self.cancellation.level() >= 2 => {
                Err(failed(cancelled("stopped looking for what it may have left")))
            }
            None => {
                let entry = JournalEntry::NoEffect {
                    token: intent.token.clone(),
                    error: None,
                    in_doubt_at_unix_ms: Some(self.now_unix_ms),
                };
                Ok((vec![entry], "nothing had happened", None))
            }
        }
    }

    /// Whether an update took effect shows when its attributes are compared with what AWS has. Until then those
    /// that AWS never tells back are no longer taken for applied, so that they are sent again, and the thing
    /// counts as using what it used before and what the update was to make it use.
    fn update(&self, intent: &Intent) -> Vec<JournalEntry> {
        let record = self
            .journal
            .with_state(|state| state.resources.get(&intent.address).cloned());
        let definition = self.providers.definition(intent.address.type_name());
        let mut entries = Vec::new();
        if let (Some(before), Some(definition)) = (record, definition) {
            let schema = definition.schema();
            let mut record = before.clone();
            record.applied.retain(|name, _| {
                let attribute = schema.attributes.get(name);
                !(intent.changed.contains(name) && attribute.is_some_and(|attribute| attribute.write_only))
            });
            for needed in &intent.dependencies {
                if !record.dependencies.contains(needed) {
                    record.dependencies.push(needed.clone());
                }
            }
            if record != before {
                entries.push(JournalEntry::Confirmed {
                    address: intent.address.clone(),
                    record: Box::new(record),
                });
            }
        }
        // Last: should this process die in between, the next one does all of it again.
        entries.push(nothing(intent));
        entries
    }

    async fn delete(
        &self,
        provider: &dyn Provider,
        intent: &Intent,
    ) -> Result<(Vec<JournalEntry>, &'static str, Option<PhysicalId>), SettleError> {
        let Some(id) = &intent.physical_id else {
            return Ok((vec![nothing(intent)], "there was nothing to delete", None));
        };
        let failed = |source| failed(intent, source);
        // Nobody knows when the last try of the call was: the intent is from before the first.
        let patience = self.pace.consistency_window;
        let started = tokio::time::Instant::now();
        let mut pause = self.pace.first_poll;
        let found = loop {
            let found = provider
                .read(std::slice::from_ref(id))
                .await
                .map_err(failed)?
                .remove(id);
            // What was made shortly before may be missing from lists although it is there.
            if found.is_some() || started.elapsed() >= patience {
                break found;
            }
            if !self.cancellation.sleep(pause).await {
                return Err(failed(cancelled("stopped looking whether it is still there")));
            }
            pause = pause.mul_f64(1.5).min(self.pace.slowest_poll);
        };
        Ok(match found {
            None => (
                vec![JournalEntry::Deleted {
                    token: intent.token.clone(),
                }],
                "is gone",
                Some(id.clone()),
            ),
            // It will be deleted again if it is still to go; a delete can be repeated.
            Some(Found {
                health: Health::Deleting(_),
                ..
            }) => (vec![nothing(intent)], "is going", Some(id.clone())),
            Some(_) => (vec![nothing(intent)], "is still there", Some(id.clone())),
        })
    }

    fn call(&self, intent: &Intent) -> Call {
        let stack = self.journal.with_state(|state| state.stack.clone());
        Call {
            commands: self.commands.clone(),
            stack,
            address: intent.address.clone(),
            token: intent.token.clone(),
            data_loss_allowed: false,
            learning: None,
            not_made: BTreeSet::new(),
            progress: Arc::new(self.reporter.clone()),
        }
    }
}

fn failed(intent: &Intent, source: ProviderError) -> SettleError {
    SettleError::Provider {
        address: intent.address.clone(),
        operation: intent.operation,
        source: Box::new(source),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn nothing(intent: &Intent) -> JournalEntry {
    JournalEntry::NoEffect {
        token: intent.token.clone(),
        error: None,
        in_doubt_at_unix_ms: None,
    }
}

/// The record of something that a lost create left. Nothing is taken for applied but what AWS tells, so
/// that whatever the create could not finish is planned as a change.
pub(crate) fn adopted(
    provider: &dyn Provider,
    intent: &Intent,
    id: &PhysicalId,
    found: Found<Attributes>,
    key: &SealingKey,
) -> ResourceRecord {
    let schema = provider.schema();
    let observed = conceal(
        schema,
        &found.observed,
        [&intent.attributes, &intent.attributes],
        key,
    )
    .iter()
    .map(|(name, value)| (name.clone(), value.sealed(key)))
    .collect();
    let applied = intent
        .attributes
        .iter()
        .filter(|(name, _)| {
            schema
                .attributes
                .get(*name)
                .is_none_or(|attribute| !attribute.set_after_create)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    ResourceRecord {
        physical_id: id.clone(),
        location: intent.location.clone(),
        applied,
        observed,
        dependencies: intent.dependencies.clone(),
        lifecycle: intent.lifecycle.clone(),
        timeouts: intent.timeouts.clone(),
        status: if found.health == Health::Ready && provider.waits().create.is_none() {
            RecordStatus::Ready
        } else {
            RecordStatus::Pending
        },
        retag: false,
    }
}
