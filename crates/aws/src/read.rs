//! Reading many things in few calls.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use infra_core::PhysicalId;
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
