//! Taking something that exists over.

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, Health, PhysicalId, Resource, ResourceAddress, ResourceRecord, Stack, StackTag, Tagging,
};
use infra_provider::{Found, Provider};

use crate::error::ImportError;
use crate::session::Session;
use crate::step::{at_aws, sealed_observed};

impl Session {
    /// Takes something that exists at AWS into the state, under an address that the stack declares. Nothing
    /// is taken for applied, so that the next plan shows every difference, and our tags are written by the next apply.
    /// Returns the other stack that it is of by its tags, if it is of one.
    ///
    /// # Errors
    /// The state has something there already, or has this very thing elsewhere, AWS has no such thing, or the state cannot be written.
    pub async fn import(
        &self,
        stack: &Stack,
        address: &ResourceAddress,
        id: &PhysicalId,
    ) -> Result<Option<String>, ImportError> {
        let resource = stack
            .resources
            .get(address)
            .ok_or_else(|| ImportError::Undeclared(address.clone()))?;
        let known = self.journal.with_state(|state| {
            let record = state.resources.get(address);
            record.map(|record| record.physical_id.clone())
        });
        // The same once more: what somebody may have made anew is taken over, or our tags are to be written again.
        if let Some(taken) = known.filter(|known| known != id) {
            return Err(ImportError::Taken(address.clone(), taken));
        }
        let location = self.connection.as_ref().map(|connection| &connection.location);
        let location = at_aws(address, location);
        let elsewhere = self.journal.with_state(|state| {
            let mut held = state.addresses_of(address.type_name(), location.as_ref(), id);
            let other = held.find(|(holder, is_deposed)| *is_deposed || *holder != address);
            other.map(|(holder, is_deposed)| (holder.clone(), is_deposed))
        });
        if let Some((holder, is_deposed)) = elsewhere {
            let id = id.clone();
            return Err(ImportError::Known {
                id,
                holder,
                is_deposed,
            });
        }
        let provider = self
            .providers
            .provider(address.type_name())
            .ok_or_else(|| ImportError::Undeclared(address.clone()))?;
        let look = provider.read(std::slice::from_ref(id));
        let answer = self.cancellation.until(1, look).await;
        let found = answer
            .ok_or(ImportError::Cancelled)?
            .map_err(|error| self.reporter.redaction().error(error))?
            .remove(id);
        let found = found.ok_or_else(|| ImportError::NotFound(address.clone(), id.clone()))?;
        self.connect().await?;
        let record = ResourceRecord {
            retag: provider.schema().tagging != Tagging::None,
            ..self.taken_over(provider, resource, id, &found)
        };
        let entry = JournalEntry::Confirmed {
            address: address.clone(),
            record: Box::new(record),
        };
        self.journal.append(entry).await?;
        let told = self
            .cancellation
            .until(1, provider.stack_tags(std::slice::from_ref(id)))
            .await;
        let told = told.and_then(Result::ok).and_then(|mut told| told.remove(id));
        Ok(match told {
            Some(StackTag::Names(other)) if other != stack.id.as_str() => Some(other),
            _ => None,
        })
    }

    /// The record of something that exists and that no intent of ours tells of. Nothing is taken for applied, so that
    /// the next plan shows every difference.
    pub(crate) fn taken_over(
        &self,
        provider: &dyn Provider,
        resource: &Resource,
        id: &PhysicalId,
        found: &Found<Attributes>,
    ) -> ResourceRecord {
        let none = Attributes::new();
        let key = self.journal.sealing_key();
        let location = self.connection.as_ref().map(|connection| &connection.location);
        ResourceRecord {
            physical_id: id.clone(),
            location: at_aws(&resource.address, location),
            applied: Attributes::new(),
            observed: sealed_observed(provider.schema(), &found.observed, [&none, &none], key),
            dependencies: resource.dependencies.keys().cloned().collect(),
            lifecycle: resource.lifecycle.clone(),
            timeouts: resource.timeouts.clone(),
            status: if found.health == Health::Ready {
                RecordStatus::Ready
            } else {
                RecordStatus::Pending
            },
            retag: false,
        }
    }
}
