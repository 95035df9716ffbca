//! Reading many things in few calls.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use infra_core::{ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Found, ProviderResult};

use crate::errors::Tolerate;

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

/// Like [`in_batches`], for APIs that refuse a whole call when one of its ids is not there: such a batch is
/// halved until what is missing is alone.
///
/// # Errors
/// The first error that is not of class `NotFound`.
pub async fn in_batches_that_exist<O, F>(
    ids: &[PhysicalId],
    size: usize,
    fetch: impl Fn(Vec<String>) -> F,
) -> ProviderResult<Observations<O>>
where
    F: Future<Output = ProviderResult<Vec<(PhysicalId, Found<O>)>>>,
{
    let fetch = &fetch;
    in_batches(ids, size, async |batch| {
        let mut found = Vec::new();
        let mut open = vec![batch];
        while let Some(mut batch) = open.pop() {
            match fetch(batch.clone()).await.absent_is_none()? {
                Some(items) => found.extend(items),
                None if batch.len() > 1 => {
                    open.push(batch.split_off(batch.len() / 2));
                    open.push(batch);
                }
                None => {}
            }
        }
        Ok(found)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use infra_core::{ErrorClass, ProviderError};

    use super::*;

    #[tokio::test]
    async fn a_batch_is_halved_until_what_is_missing_is_alone() {
        let calls = Mutex::new(Vec::new());
        let ids: Vec<PhysicalId> = ["a", "b", "gone", "c", "d"].map(PhysicalId::new).into();
        let found = in_batches_that_exist(&ids, 4, async |batch: Vec<String>| {
            calls.lock().unwrap().push(batch.join(" "));
            if batch.contains(&"gone".to_owned()) {
                return Err(ProviderError::new(
                    ErrorClass::NotFound,
                    "one of them is not there",
                ));
            }
            Ok(batch
                .into_iter()
                .map(|id| (PhysicalId::new(&id), Found::ready(id)))
                .collect())
        })
        .await
        .unwrap();
        let found: Vec<_> = found.keys().map(PhysicalId::as_str).collect();
        assert_eq!(found, ["a", "b", "c", "d"]);
        let mut calls = calls.into_inner().unwrap();
        calls.sort();
        assert_eq!(calls, ["a b", "a b gone c", "c", "d", "gone", "gone c"]);
    }
}
