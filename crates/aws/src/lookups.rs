//! What lookups have in common.

use infra_core::{Health, PhysicalId};
use infra_provider::{ProviderResult, Resource, Service, Things};

use crate::clients::Clients;
use crate::tags::Tags;

/// Things as their resource type reads them; what is on its way out counts as gone.
///
/// # Errors
/// What the read answers.
pub async fn things<T>(aws: &Clients, ids: impl Iterator<Item = String>) -> ProviderResult<Things<T>>
where
    T: Resource<Service: Service<Clients = Clients>>,
{
    let ids: Vec<PhysicalId> = ids.map(PhysicalId::new).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = T::read(aws, &ids).await?.into_iter();
    Ok(found
        .filter(|(_, found)| !matches!(found.health, Health::Deleting(_)))
        .map(|(id, found)| (id, found.observed))
        .collect())
}

/// Whether a thing has all wanted tags; it may have more.
pub fn has_tags<'a>(wanted: Option<&Tags>, tag: impl Fn(&str) -> Option<&'a String>) -> bool {
    let mut wanted = wanted.into_iter().flatten();
    wanted.all(|(key, value)| tag(key) == Some(value))
}
