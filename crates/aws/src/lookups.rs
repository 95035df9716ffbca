//! What lookups have in common.

use infra_core::{Health, PhysicalId};
use infra_provider::{ProviderResult, ResourceType};

use crate::tags::Tags;

/// What a lookup found, by id.
pub type FoundThings<O> = Vec<(PhysicalId, O)>;

/// Things as their resource type reads them; what is on its way out counts as gone.
///
/// # Errors
/// What the read answers.
pub async fn read_as<T: ResourceType>(
    resource_type: &T,
    ids: Vec<PhysicalId>,
) -> ProviderResult<FoundThings<T::Observed>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = resource_type.read(&ids).await?;
    Ok(found
        .into_iter()
        .filter(|(_, found)| !matches!(found.health, Health::Deleting(_)))
        .map(|(id, found)| (id, found.observed))
        .collect())
}

/// Whether a value is the wanted one, if one is wanted.
pub fn fits<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

/// Whether a thing has all wanted tags; it may have more.
pub fn has_tags(wanted: Option<&Tags>, tags: &Tags) -> bool {
    wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| tags.get(key) == Some(value))
}
