//! Before the old one of a replacement is deleted, and what goes before it: whether somebody else has what the new one is
//! to be called, where that was not known yet when everything else was looked at.

use std::collections::BTreeSet;

use infra_core::{ErrorClass, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{Provider, Spec};
use tokio::time::Instant;

use super::{StepError, StepRun};
use crate::cancel::cancelled;
use crate::settle::{holder, is_held};
use crate::taken::{help, message};

/// A name that became known while the run went on.
#[derive(Debug)]
pub(crate) struct NewName {
    /// Whose it is to be.
    pub address: ResourceAddress,
    /// What is known of that, the whole natural key among it.
    pub key: Spec,
    /// What the run deletes of the type.
    pub leaving: BTreeSet<PhysicalId>,
}

impl StepRun {
    /// Refuses a delete where others have what is to come in the place of what goes.
    pub(super) async fn are_free(&self, names: &[NewName]) -> Result<(), StepError> {
        for name in names {
            let touched = &self.shared.touched;
            let provider = self.shared.providers.provider(name.address.type_name());
            let Some(provider) = provider.filter(|_| !touched.is_found_free(&name.address)) else {
                continue;
            };
            self.is_free(provider, name).await?;
            touched.note_free(&name.address);
        }
        Ok(())
    }

    async fn is_free(&self, provider: &dyn Provider, name: &NewName) -> Result<(), StepError> {
        let parent = provider.parent(&name.key);
        if parent.is_some_and(|parent| self.shared.touched.has_made(&parent)) {
            return Ok(());
        }
        let started = Instant::now();
        let mut pause = self.shared.pace.first_poll;
        loop {
            let holders = match self.holders_of(&name.address, provider, &name.key).await {
                // What it is to be under is not there yet.
                Err(StepError::NotReady(..)) => return Ok(()),
                Err(StepError::Failed(error)) if error.class == ErrorClass::NotFound => return Ok(()),
                holders => holders?,
            };
            let Some(id) = holders.into_iter().find(|id| !name.leaving.contains(id)) else {
                return Ok(());
            };
            let thing = (name.address.type_name().clone(), id.clone());
            if started.elapsed() >= self.shared.touched.shows_for(&thing) {
                return Err(StepError::Failed(self.name_taken(provider, name, &id)));
            }
            if !self.shared.cancellation.sleep(pause).await {
                let error = cancelled("before AWS was asked to delete it");
                return Err(StepError::Failed(error));
            }
            pause = pause.mul_f64(1.5).min(self.shared.pace.slowest_poll);
        }
    }

    fn name_taken(&self, provider: &dyn Provider, name: &NewName, id: &PhysicalId) -> ProviderError {
        let address = &name.address;
        if let Some(held_by) = holder(&self.shared.journal, address.type_name(), id) {
            return is_held(&held_by);
        }
        let names = provider.schema().natural_key.join(", ");
        ProviderError::new(ErrorClass::AlreadyExists, message(address, &names, id)).hint(help(
            &self.shared.commands,
            address,
            &names,
            id,
        ))
    }
}
