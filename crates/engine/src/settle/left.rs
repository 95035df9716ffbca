//! What a create left whose answer was lost.

use std::collections::BTreeSet;
use std::time::Duration;

use infra_core::{
    Attributes, ErrorClass, Health, Intent, PhysicalId, ProviderError, ResourceAddress, ResourceRecord,
    State, TypeName,
};
use infra_provider::{Call, Found, Provider, Recognition, Spec};
use infra_state::Journal;

use crate::cancel::Cancellation;
use crate::retry::Pace;

/// A create whose answer was lost.
pub(crate) struct Lost<'a> {
    pub journal: &'a Journal,
    pub provider: &'a dyn Provider,
    pub call: &'a Call,
    pub intent: &'a Intent,
    pub pace: Pace,
    pub cancellation: &'a Cancellation,
}

impl Lost<'_> {
    /// What it left, if AWS tells of it. What the state has already was not left by this call, even where it has
    /// the name that the call was to give; nor was what had the natural key before, or may have had it.
    async fn look(&self, meant: &Spec) -> Result<Option<(PhysicalId, Found<Attributes>)>, ProviderError> {
        let Some(not_made) = self.not_made() else {
            return Ok(None);
        };
        let call = Call {
            not_made,
            ..self.call.clone()
        };
        let recovered = self.provider.recover(&call, meant).await?;
        let Some(id) = recovered.filter(|id| !call.not_made.contains(id)) else {
            return Ok(None);
        };
        if let Some(holder) = holder(self.journal, self.call.address.type_name(), &id) {
            return Err(is_held(&holder));
        }
        let found = self.provider.read(std::slice::from_ref(&id)).await?.remove(&id);
        Ok(found
            .filter(|found| !matches!(found.health, Health::Deleting(_)))
            .map(|found| (id, found)))
    }

    /// The attributes, with what became known while the call was prepared.
    fn known_by(&self) -> Spec {
        let learned = self.journal.with_state(|state| {
            let intent = state.intents.get(&self.intent.token)?;
            Some(intent.learned.clone())
        });
        let mut attributes = self.intent.attributes.clone();
        attributes.extend(learned.into_iter().flatten());
        attributes.into()
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
        let meant = self.known_by();
        loop {
            match self.cancellation.until(2, self.look(&meant)).await.transpose()? {
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

    /// What the call certainly did not make. `None`: nothing can be told from what others made.
    fn not_made(&self) -> Option<BTreeSet<PhysicalId>> {
        match self.provider.recognition() {
            Recognition::Tags | Recognition::Shared => Some(BTreeSet::new()),
            Recognition::NaturalKey => self.intent.there_before.clone(),
            Recognition::Content => {
                let mut not_made = self.intent.there_before.clone()?;
                let type_name = self.call.address.type_name();
                self.journal.with_state(|state| {
                    let known = known(state).filter(|(address, _)| address.type_name() == type_name);
                    not_made.extend(known.map(|(_, record)| record.physical_id.clone()));
                });
                Some(not_made)
            }
        }
    }
}

/// All that a state has, current and deposed.
fn known(state: &State) -> impl Iterator<Item = (&ResourceAddress, &ResourceRecord)> {
    let deposed = state.deposed.iter();
    let deposed = deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
    state.resources.iter().chain(deposed)
}

/// The address under which the state has a thing of this type.
pub(crate) fn holder(journal: &Journal, type_name: &TypeName, id: &PhysicalId) -> Option<ResourceAddress> {
    journal.with_state(|state| {
        known(state)
            .find(|(address, record)| address.type_name() == type_name && record.physical_id == *id)
            .map(|(address, _)| address.clone())
    })
}

pub(crate) fn is_held(holder: &ResourceAddress) -> ProviderError {
    ProviderError::new(
        ErrorClass::AlreadyExists,
        format!("the name is that of {holder} of this stack"),
    )
    .hint(format!(
        "run without targets, or with {holder} among them, so that it gives the name up first"
    ))
}
