//! Reading many things in few calls.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use infra_core::{ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Found, ProviderResult};

/// What was found, by id.
pub type Observations<O> = BTreeMap<PhysicalId, Found<O>>;

/// Reads `ids` in batches of `size` at the same time, `fetch` making one call (and its pages) for each.
///
/// # Errors
/// The first batch's error.
pub async fn in_batches<O, F>(
    ids: &[PhysicalId],
    size: usize,
    fetch: impl Fn(Vec<String>) -> F,
) -> ProviderResult<Observations<O>>
where
    F: Future<Output = ProviderResult<Vec<(PhysicalId, Found<O>)>>>,
{
    let batches = ids
        .chunks(size.max(1))
        .map(|batch| fetch(batch.iter().map(ToString::to_string).collect()));
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

/// The parts of a composite id.
///
/// # Errors
/// [`ErrorClass::Invalid`] when there are fewer.
pub fn id_parts<const N: usize>(id: &PhysicalId) -> ProviderResult<[&str; N]> {
    id.parts::<N>()
        .filter(|parts| parts.iter().all(|part| !part.is_empty()))
        .ok_or_else(|| {
            ProviderError::new(
                ErrorClass::Invalid,
                format!("`{id}` is no id of this type: it needs {N} parts with `/` between them"),
            )
        })
}

/// What a parent has of the wanted things: the whole id and its last part.
pub type Children<'a> = Vec<(&'a PhysicalId, &'a str)>;

/// Composite ids of two parts by their parent, for APIs that list all that is under one.
///
/// # Errors
/// [`ErrorClass::Invalid`] when an id is not of two parts.
pub fn by_parent(ids: &[PhysicalId]) -> ProviderResult<BTreeMap<&str, Children<'_>>> {
    let mut parents: BTreeMap<&str, Children<'_>> = BTreeMap::new();
    for id in ids {
        let [parent, child] = id_parts(id)?;
        parents.entry(parent).or_default().push((id, child));
    }
    Ok(parents)
}

/// What was found under a parent and is wanted, as ready.
pub fn wanted_among<O>(
    wanted: &[(&PhysicalId, &str)],
    found: Vec<O>,
    id_of: fn(&O) -> &str,
) -> Vec<(PhysicalId, Found<O>)> {
    let wanted: BTreeMap<&str, &PhysicalId> = wanted.iter().map(|(id, child)| (*child, *id)).collect();
    found
        .into_iter()
        .filter_map(|observed| {
            let id = (*wanted.get(id_of(&observed))?).clone();
            Some((id, Found::ready(observed)))
        })
        .collect()
}
