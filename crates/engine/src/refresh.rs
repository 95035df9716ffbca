//! Looking at AWS: everything that the state knows, in as few calls as the providers can.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use infra_core::{Observation, PhysicalId, ProviderError, ResourceAddress, State, TypeName};
use infra_provider::Providers;

/// What AWS has of what the state knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refreshed {
    /// By address.
    pub observations: BTreeMap<ResourceAddress, Observation>,
    /// Of replaced things that are still to be deleted.
    pub deposed: BTreeMap<(ResourceAddress, PhysicalId), Observation>,
}

/// A type's read failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read the resources of type {type_name}")]
pub struct RefreshError {
    /// The type.
    pub type_name: TypeName,
    /// Why.
    #[source]
    pub source: ProviderError,
}

/// Reads all resources of the state, one call of `read` for each type, all types at the same time.
///
/// # Errors
/// The first type that cannot be read.
pub async fn refresh(providers: &dyn Providers, state: &State) -> Result<Refreshed, RefreshError> {
    let mut things: BTreeMap<&TypeName, Vec<(&ResourceAddress, &PhysicalId, bool)>> = BTreeMap::new();
    for (address, record) in &state.resources {
        things
            .entry(address.type_name())
            .or_default()
            .push((address, &record.physical_id, false));
    }
    for (address, records) in &state.deposed {
        for record in records {
            things
                .entry(address.type_name())
                .or_default()
                .push((address, &record.physical_id, true));
        }
    }
    let reads = things.iter().map(async |(type_name, things)| {
        let Some(provider) = providers.provider(type_name) else {
            // The planner says what it thinks of a type that is not known any more.
            return Ok((things, BTreeMap::new()));
        };
        let ids: Vec<PhysicalId> = things.iter().map(|(_, id, _)| (*id).clone()).collect();
        let found = provider.read(&ids).await;
        found.map(|found| (things, found)).map_err(|source| RefreshError {
            type_name: (*type_name).clone(),
            source,
        })
    });
    let mut refreshed = Refreshed::default();
    for (things, mut found) in try_join_all(reads).await? {
        for (address, id, deposed) in things {
            let observation = match found.remove(*id) {
                Some(found) => Observation::Present {
                    attributes: found.observed,
                    health: found.health,
                },
                None => Observation::Absent,
            };
            if *deposed {
                refreshed
                    .deposed
                    .insert(((*address).clone(), (*id).clone()), observation);
            } else {
                refreshed.observations.insert((*address).clone(), observation);
            }
        }
    }
    Ok(refreshed)
}

impl Refreshed {
    /// Everything as the state has it: for a plan that does not ask AWS.
    pub fn of_state(state: &State) -> Self {
        let observations = state
            .resources
            .iter()
            .map(|(address, record)| (address.clone(), infra_plan::observation_of_record(record)))
            .collect();
        let deposed = state
            .deposed
            .iter()
            .flat_map(|(address, records)| records.iter().map(move |record| (address, record)))
            .map(|(address, record)| {
                (
                    (address.clone(), record.physical_id.clone()),
                    infra_plan::observation_of_record(record),
                )
            })
            .collect();
        Self {
            observations,
            deposed,
        }
    }
}
