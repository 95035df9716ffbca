//! What an earlier run left open: every intent without an outcome is looked up at AWS, and closed.
//!
//! No person is asked, nothing is made twice, nothing is left behind.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use infra_core::event::EventKind;
use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, ErrorClass, Health, Intent, Operation, PhysicalId, ProviderError, ResourceAddress,
    ResourceRecord, SealingKey,
};
use infra_plan::conceal;
use infra_provider::{Call, Found, Provider, Providers};
use infra_state::{AppendError, Journal};

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
    pub providers: &'a dyn Providers,
    pub reporter: &'a Reporter,
    pub pace: Pace,
    pub cancellation: &'a Cancellation,
}

impl Settling<'_> {
    /// Settles all open intents at the same time.
    ///
    /// # Errors
    /// The first that cannot be settled; those that could be are.
    pub async fn all(&self) -> Result<(), SettleError> {
        let intents: Vec<Intent> = self
            .journal
            .with_state(|state| state.intents.values().cloned().collect());
        if intents.is_empty() {
            return Ok(());
        }
        self.reporter.send(EventKind::Settling {
            intents: intents.len(),
        });
        for result in join_all(intents.iter().map(|intent| self.one(intent))).await {
            result?;
        }
        Ok(())
    }

    async fn one(&self, intent: &Intent) -> Result<(), SettleError> {
        let provider = self
            .providers
            .provider(intent.address.type_name())
            .ok_or_else(|| SettleError::UnknownType(intent.address.clone()))?;
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
        let failed = |source| SettleError::Provider {
            address: intent.address.clone(),
            operation: intent.operation,
            source: Box::new(source),
        };
        let call = self.call(intent);
        let lost = Lost {
            journal: self.journal,
            provider,
            call: &call,
            attributes: &intent.attributes,
            pace: self.pace,
            cancellation: self.cancellation,
        };
        // Nobody knows when the last try of the call was: the intent is from before the first.
        let found = match lost.find(self.pace.consistency_window).await {
            Err(error) if error.class == ErrorClass::AlreadyExists => None,
            found => found.map_err(failed)?,
        };
        match found {
            Some((id, found)) => {
                let record = adopted(provider, intent, &id, found, self.journal.sealing_key());
                let entry = JournalEntry::Created {
                    token: intent.token.clone(),
                    record: Box::new(record),
                };
                Ok((vec![entry], "adopted", Some(id)))
            }
            // It was not looked for long enough to know.
            None if self.cancellation.level() >= 2 => {
                Err(failed(cancelled("stopped looking for what it may have left")))
            }
            None => Ok((vec![nothing(intent)], "nothing had happened", None)),
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
        let failed = |source| SettleError::Provider {
            address: intent.address.clone(),
            operation: intent.operation,
            source: Box::new(source),
        };
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
        Call {
            stack: self.journal.with_state(|state| state.stack.clone()),
            address: intent.address.clone(),
            token: intent.token.clone(),
            data_loss_allowed: false,
            progress: Arc::new(self.reporter.clone()),
        }
    }
}

fn nothing(intent: &Intent) -> JournalEntry {
    JournalEntry::NoEffect {
        token: intent.token.clone(),
        error: None,
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
    }
}

/// A create whose answer was lost.
pub(crate) struct Lost<'a> {
    pub journal: &'a Journal,
    pub provider: &'a dyn Provider,
    pub call: &'a Call,
    pub attributes: &'a Attributes,
    pub pace: Pace,
    pub cancellation: &'a Cancellation,
}

impl Lost<'_> {
    /// What it left, if AWS tells of it. What the state has already was not left by this call, even where it has
    /// the name that the call was to give.
    async fn look(&self) -> Result<Option<(PhysicalId, Found<Attributes>)>, ProviderError> {
        let Some(id) = self.provider.recover(self.call, self.attributes).await? else {
            return Ok(None);
        };
        if let Some(holder) = self.holder(&id) {
            return Err(is_held(&holder));
        }
        let found = self.provider.read(std::slice::from_ref(&id)).await?.remove(&id);
        Ok(found
            .filter(|found| !matches!(found.health, Health::Deleting(_)))
            .map(|found| (id, found)))
    }

    /// Looks for what it left, again and again for as long as `patience` says that AWS's lists may be late.
    ///
    /// # Errors
    /// AWS could not be asked; or there is something that the state has, which is
    /// [`ErrorClass::AlreadyExists`].
    pub async fn find(
        &self,
        patience: Duration,
    ) -> Result<Option<(PhysicalId, Found<Attributes>)>, ProviderError> {
        let started = tokio::time::Instant::now();
        let mut pause = self.pace.first_poll;
        loop {
            match self.cancellation.until(2, self.look()).await.transpose()? {
                Some(Some(found)) => return Ok(Some(found)),
                Some(None) => {}
                None => return Ok(None),
            }
            if started.elapsed() >= patience || !self.cancellation.sleep(pause).await {
                return Ok(None);
            }
            pause = pause.mul_f64(1.5).min(self.pace.slowest_poll);
        }
    }

    /// The address under which the state has a thing of this type.
    fn holder(&self, id: &PhysicalId) -> Option<ResourceAddress> {
        self.journal.with_state(|state| {
            let current = state.resources.iter();
            let deposed = state.deposed.iter();
            let deposed =
                deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
            let mut all = current.chain(deposed);
            let type_name = self.call.address.type_name();
            all.find(|(address, record)| address.type_name() == type_name && record.physical_id == *id)
                .map(|(address, _)| address.clone())
        })
    }
}

fn is_held(holder: &ResourceAddress) -> ProviderError {
    ProviderError::new(
        ErrorClass::AlreadyExists,
        format!("the name is that of {holder} of this stack"),
    )
    .hint(format!(
        "run without targets, or with {holder} among them, so that it gives the name up first"
    ))
}
