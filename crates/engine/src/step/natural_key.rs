//! Before the create of a type whose API takes no tags: what has its natural key.
//!
//! Nothing of such a thing tells afterwards who made it. So a create is begun only where the key is free, and its
//! intent says so; then what has the key after a lost answer is what the call made.

use std::collections::BTreeSet;

use infra_core::{ErrorClass, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{Provider, Recognition, Spec, UpdateRequest, serving};
use tokio::time::Instant;

use super::{StepError, StepRun};
use crate::cancel::cancelled;
use crate::settle::{holder, is_held};
use crate::taken::{Whose, help, new_name};

impl StepRun {
    /// What has the natural key of something that is to be made: nothing, or the create is refused. Of a type that
    /// is recognised by its content, what is equal. `None` where tags tell.
    ///
    /// What is under something that this very run made needs no look. What this run removed AWS may still show for
    /// a while; what is `gone_with_it` the same call deletes.
    pub(super) async fn there_before(
        &self,
        provider: &dyn Provider,
        wanted: &Spec,
        gone_with_it: &BTreeSet<PhysicalId>,
    ) -> Result<Option<BTreeSet<PhysicalId>>, StepError> {
        let recognition = provider.recognition();
        if !matches!(recognition, Recognition::NaturalKey | Recognition::Content) {
            return Ok(None);
        }
        let parent = provider.parent(wanted);
        if parent.is_some_and(|parent| self.shared.touched.has_made(&parent)) {
            return Ok(Some(BTreeSet::new()));
        }
        let started = Instant::now();
        let mut late = None;
        let mut pause = self.shared.pace.first_poll;
        loop {
            let mut holders = self.holders(provider, wanted).await?;
            holders.retain(|holder| !gone_with_it.contains(holder));
            let holder = match (recognition, holders.first()) {
                (Recognition::NaturalKey, Some(holder)) => holder,
                _ => return Ok(Some(holders.into_iter().collect())),
            };
            let thing = (self.address.type_name().clone(), holder.clone());
            let shows_for = *late.get_or_insert_with(|| self.shared.touched.shows_for(&thing));
            if started.elapsed() >= shows_for {
                return Err(self.refused(holder));
            }
            if !self.shared.cancellation.sleep(pause).await {
                let error = cancelled("before AWS was asked to make it");
                return Err(StepError::Failed(error));
            }
            pause = pause.mul_f64(1.5).min(self.shared.pace.slowest_poll);
        }
    }

    async fn holders(&self, provider: &dyn Provider, wanted: &Spec) -> Result<Vec<PhysicalId>, StepError> {
        self.holders_of(&self.address, provider, wanted).await
    }

    /// What has the natural key of what is to be made for an address.
    pub(super) async fn holders_of(
        &self,
        address: &ResourceAddress,
        provider: &dyn Provider,
        wanted: &Spec,
    ) -> Result<Vec<PhysicalId>, StepError> {
        let look = serving(address.clone(), provider.holders(wanted));
        let holders = self.shared.cancellation.answer(look).await;
        holders.map_err(|error| {
            let error = self.shared.reporter.redaction().error(error);
            match error.class {
                ErrorClass::DependencyNotReady => StepError::NotReady(error, None),
                _ => StepError::Failed(error),
            }
        })
    }

    fn refused(&self, id: &PhysicalId) -> StepError {
        let type_name = self.address.type_name();
        let error = match holder(&self.shared.journal, type_name, id) {
            Some(address) => is_held(&address),
            None => {
                // Of a type without tags.
                let whose = Whose::Others;
                let message = whose.exists(type_name, id, "it is left as it is");
                self.with_way_out(ProviderError::new(ErrorClass::AlreadyExists, message), id, whose)
            }
        };
        StepError::Failed(error)
    }

    /// AWS says that the name is taken: the error with what would take over what has it.
    pub(super) async fn taken(
        &self,
        provider: &dyn Provider,
        wanted: &Spec,
        error: ProviderError,
    ) -> ProviderError {
        match self.holders(provider, wanted).await.as_deref() {
            Ok([id, ..]) => {
                let whose = Whose::of(provider, id, &self.shared.stack).await;
                self.with_way_out(error, id, whose)
            }
            _ => error,
        }
    }

    /// AWS says that what an update would make of this is there already: the error with what to do about it.
    pub(super) async fn moved_onto(
        &self,
        provider: &dyn Provider,
        (id, request): (&PhysicalId, &UpdateRequest),
        error: ProviderError,
    ) -> ProviderError {
        let Some(key) = new_name(&request.spec, &request.prior, provider) else {
            return error;
        };
        let holders = self.holders(provider, &key).await.unwrap_or_default();
        let Some(other) = holders.iter().find(|holder| *holder != id) else {
            return error;
        };
        if let Some(held_by) = holder(&self.shared.journal, self.address.type_name(), other) {
            let hint = is_held(&held_by).hint;
            return ProviderError { hint, ..error };
        }
        let names = provider.schema().natural_key.join(", ");
        error.hint(help(&self.shared.commands, &self.address, &names, other))
    }

    fn with_way_out(&self, error: ProviderError, id: &PhysicalId, whose: Whose) -> ProviderError {
        let address = &self.address;
        let in_doubt = self.shared.journal.with_state(|state| {
            let mut intents = state.intents_in_doubt();
            intents.any(|intent| intent.address == *address)
        });
        error.hint(if in_doubt {
            "an earlier call of this stack, whose answer was lost, may have made it: run again, which finds that out"
                .to_owned()
        } else {
            whose.take_over(&self.shared.commands, address, id)
        })
    }
}
