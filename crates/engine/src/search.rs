//! After a rebuild: what the files declare and the state does not know is looked for before it is planned.
//!
//! A state that came from a backup does not know what was made after it. Our tags are on everything that can
//! have tags, and the rest stands under a parent: so it is found, and goes on as if it had never been lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::try_join_all;
use infra_core::event::EventKind;
use infra_core::state::JournalEntry;
use infra_core::{
    Attributes, Health, Observation, PhysicalId, Resource, ResourceAddress, Scope, Stack, Token,
};
use infra_plan::resolve;
use infra_provider::{Call, Found, Provider, Recognition};

use crate::error::EngineError;
use crate::refresh::{RefreshError, Refreshed, refresh};
use crate::session::{Prepared, Session};

/// What a look for one resource found.
type FoundAgain = Option<(PhysicalId, Found<Attributes>)>;

impl Session {
    /// In a rebuilt state, settles what is open, looks at AWS for everything that `stack` declares and the state
    /// does not know, or knows as something that is gone, and takes what it finds into the state. Nothing is
    /// taken for applied, so that the next plan shows every difference. Returns how many it found; in any
    /// other state nothing is asked and nothing found.
    ///
    /// What has no tags is looked for only if it refers to something of the stack that exists: anything else
    /// could be somebody else's.
    ///
    /// # Errors
    /// AWS cannot be asked, or the state cannot be written. [`EngineError::Cancelled`] after the first request to
    /// stop.
    pub async fn find_again(&self, stack: &Stack) -> Result<usize, EngineError> {
        if !self.journal.with_state(|state| state.rebuilt) {
            return Ok(0);
        }
        let found = self.cancellation.until(1, self.search(stack)).await;
        found.unwrap_or(Err(EngineError::Cancelled))
    }

    async fn search(&self, stack: &Stack) -> Result<usize, EngineError> {
        self.settling().all().await.map_err(Box::new)?;
        let refreshed = refresh(&*self.providers, &self.journal.snapshot()).await?;
        let Prepared {
            made,
            lookups,
            unseen,
        } = self.prepare(stack).await?;
        if !unseen.is_empty() {
            return Err(EngineError::Unseen(unseen).masked(self.reporter.redaction()));
        }
        let mut scope = Scope::new(self.identity.clone());
        scope.extend(lookups.clone());
        let mut search = Search {
            session: self,
            stack,
            refreshed,
            prepared: made,
            scope,
            there: BTreeSet::new(),
        };
        let mut found = 0;
        for layer in stack.layers() {
            let looks = layer.into_iter().map(async |address| {
                let found = search.look_for(address).await?;
                Ok::<_, RefreshError>((address, found))
            });
            for (address, again) in try_join_all(looks).await? {
                found += usize::from(again.is_some());
                search.note(address, again).await?;
            }
        }
        Ok(found)
    }
}

struct Search<'a> {
    session: &'a Session,
    stack: &'a Stack,
    refreshed: Refreshed,
    prepared: BTreeMap<ResourceAddress, Attributes>,
    /// What is known by now.
    scope: Scope,
    /// Resources that exist.
    there: BTreeSet<ResourceAddress>,
}

impl Search<'_> {
    async fn look_for(&self, address: &ResourceAddress) -> Result<FoundAgain, RefreshError> {
        let resource = &self.stack.resources[address];
        let Some(provider) = self.session.providers.provider(address.type_name()) else {
            return Ok(None);
        };
        if self.observed(address).is_some() || !self.may_look(resource, provider) {
            return Ok(None);
        }
        let prepared = self.prepared.get(address);
        let key = self.session.journal.sealing_key();
        // What cannot be worked out yet needs something that is not there, and so is not there either.
        let Ok(resolved) = resolve(resource, provider.schema(), &self.scope, prepared, None, key) else {
            return Ok(None);
        };
        let mut attributes = resolved.applied(key);
        attributes.retain(|_, value| !value.has_unknown());
        let failed = |source| RefreshError::of(address.type_name().clone(), source);
        let call = Call {
            stack: self.stack.id.clone(),
            commands: self.session.commands.clone(),
            address: address.clone(),
            token: Token(String::new()),
            data_loss_allowed: false,
            learning: None,
            not_made: BTreeSet::new(),
            progress: Arc::new(self.session.reporter.clone()),
        };
        let Some(id) = call
            .scope(provider.recover(&call, &attributes.into()))
            .await
            .map_err(failed)?
        else {
            return Ok(None);
        };
        if self.is_taken(address, &id) {
            return Ok(None);
        }
        let read = call.scope(provider.read(std::slice::from_ref(&id))).await;
        let found = read.map_err(failed)?.remove(&id);
        Ok(found
            .filter(|found| !matches!(found.health, Health::Deleting(_)))
            .map(|found| (id, found)))
    }

    /// What has no tags is known by its place and its content alone.
    fn may_look(&self, resource: &Resource, provider: &dyn Provider) -> bool {
        provider.recognition() == Recognition::Tags
            || resource
                .dependencies
                .keys()
                .any(|needed| self.there.contains(needed))
    }

    /// Whether the state has it already, in another place or as something that was replaced.
    fn is_taken(&self, address: &ResourceAddress, id: &PhysicalId) -> bool {
        self.session.journal.with_state(|state| {
            let current = state.resources.iter();
            let deposed = state
                .deposed
                .iter()
                .flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
            current
                .chain(deposed)
                .any(|(other, record)| other.type_name() == address.type_name() && record.physical_id == *id)
        })
    }

    /// What AWS has of a resource that the state knows.
    fn observed(&self, address: &ResourceAddress) -> Option<&Attributes> {
        match self.refreshed.observations.get(address) {
            Some(Observation::Present { attributes, .. }) => Some(attributes),
            _ => None,
        }
    }

    /// Writes down what was found, and lets the next ones know.
    async fn note(&mut self, address: &ResourceAddress, again: FoundAgain) -> Result<(), EngineError> {
        let Some(provider) = self.session.providers.provider(address.type_name()) else {
            return Ok(());
        };
        let schema = provider.schema();
        let observed = match again {
            Some((id, found)) => {
                let resource = &self.stack.resources[address];
                self.session.connect().await?;
                let record = self.session.taken_over(provider, resource, &id, &found);
                let entry = JournalEntry::Confirmed {
                    address: address.clone(),
                    record: Box::new(record),
                };
                self.session.journal.append(entry).await?;
                self.session.reporter.send(EventKind::Settled {
                    address: address.clone(),
                    outcome: "found again".to_owned(),
                    physical_id: Some(id),
                });
                Some(found.observed)
            }
            None => self.observed(address).cloned(),
        };
        match observed {
            Some(observed) => {
                self.scope
                    .set(address.clone(), schema.completed(address, observed));
                self.there.insert(address.clone());
            }
            None => self.scope.set_unknown(address, schema),
        }
        Ok(())
    }
}
