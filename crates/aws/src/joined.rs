//! Reads that several types ask for at the same moment, made as one call.
//!
//! Route tables are asked for by tables, their routes and their associations, a service by `ecs.service` and
//! `ecs.deployment`: each for itself would be a request more of the few that an account has per second.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, Shared, WeakShared};
use infra_core::ProviderError;
use infra_provider::ProviderResult;

/// How long a read waits for others to join it: all reads of a refresh start within less.
const GATHER: Duration = Duration::from_millis(1);

/// What a joined call found, by id. Everything that was asked for by anybody is in it.
pub type Everything<T> = Arc<BTreeMap<String, T>>;

type Answer<T> = Result<Everything<T>, ProviderError>;

/// Joins reads of one kind of thing. Clones join each other.
pub struct Joined<T> {
    open: Arc<Mutex<Option<Batch<T>>>>,
}

/// A call that is about to be made.
struct Batch<T> {
    ids: BTreeSet<String>,
    /// It belongs to those who wait for it. When all of them give up, nothing is left of it: it holds the client, and
    /// a run is over only when nobody can report a call any more.
    answer: WeakShared<BoxFuture<'static, Answer<T>>>,
}

impl<T> Clone for Joined<T> {
    fn clone(&self) -> Self {
        Self {
            open: Arc::clone(&self.open),
        }
    }
}

impl<T> Default for Joined<T> {
    fn default() -> Self {
        Self { open: Arc::default() }
    }
}

impl<T> fmt::Debug for Joined<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joined")
    }
}

impl<T: Send + Sync + 'static> Joined<T> {
    /// Reads `ids` together with whatever else is asked for now; `fetch`, the same for all, makes the calls. With
    /// no ids it only sees what others read.
    ///
    /// # Errors
    /// What `fetch` answers, to everybody who joined.
    pub async fn read<F>(
        &self,
        ids: impl IntoIterator<Item = String>,
        fetch: impl FnOnce(Vec<String>) -> F + Send + 'static,
    ) -> ProviderResult<Everything<T>>
    where
        F: Future<Output = ProviderResult<BTreeMap<String, T>>> + Send + 'static,
    {
        let answer = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let under_way = open
                .as_mut()
                .and_then(|batch| Some((batch.answer.upgrade()?, batch)));
            match under_way {
                Some((answer, batch)) => {
                    batch.ids.extend(ids);
                    answer
                }
                None => {
                    let answer = self.answer(fetch);
                    let ids = ids.into_iter().collect();
                    *open = answer.downgrade().map(|answer| Batch { ids, answer });
                    answer
                }
            }
        };
        answer.await
    }

    fn answer<F>(
        &self,
        fetch: impl FnOnce(Vec<String>) -> F + Send + 'static,
    ) -> Shared<BoxFuture<'static, Answer<T>>>
    where
        F: Future<Output = ProviderResult<BTreeMap<String, T>>> + Send + 'static,
    {
        let open = Arc::clone(&self.open);
        async move {
            tokio::time::sleep(GATHER).await;
            let batch = open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let ids: Vec<String> = batch.map_or_else(Vec::new, |batch| batch.ids.into_iter().collect());
            if ids.is_empty() {
                return Ok(Arc::default());
            }
            fetch(ids).await.map(Arc::new)
        }
        .boxed()
        .shared()
    }
}

#[cfg(test)]
mod tests {
    use infra_core::ErrorClass;

    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_at_once_is_one_call() {
        let joined = Joined::<usize>::default();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let fetch = || {
            let calls = Arc::clone(&calls);
            move |ids: Vec<String>| async move {
                calls.lock().unwrap().push(ids.join(" "));
                Ok(ids.into_iter().map(|id| (id.clone(), id.len())).collect())
            }
        };
        let (one, other, looking) = futures::join!(
            joined.read(ids(&["a", "bb"]), fetch()),
            joined.read(ids(&["bb", "ccc"]), fetch()),
            joined.read(ids(&[]), fetch()),
        );
        assert_eq!(one.unwrap()["ccc"], 3);
        assert_eq!(other.unwrap()["a"], 1);
        assert_eq!(looking.unwrap().len(), 3);
        joined.read(ids(&["d"]), fetch()).await.unwrap();
        // Nobody asks for anything: nothing is called.
        assert!(joined.read(ids(&[]), fetch()).await.unwrap().is_empty());
        assert_eq!(*calls.lock().unwrap(), ["a bb ccc", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_reaches_everybody_and_the_next_read_is_a_new_one() {
        let joined = Joined::<()>::default();
        let failing = |_: Vec<String>| async { Err(ProviderError::new(ErrorClass::Denied, "no")) };
        let (one, other) = futures::join!(
            joined.read(ids(&["a"]), failing),
            joined.read(ids(&["b"]), failing)
        );
        assert!(one.is_err() && other.is_err());
        let fine = |_: Vec<String>| async { Ok(BTreeMap::from([("a".to_owned(), ())])) };
        assert!(joined.read(ids(&["a"]), fine).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_nobody_along() {
        let joined = Joined::<()>::default();
        let fine = |_: Vec<String>| async { Ok(BTreeMap::from([("a".to_owned(), ())])) };
        let mut first = Box::pin(joined.read(ids(&["a"]), fine));
        assert!(first.as_mut().now_or_never().is_none());
        let second = joined.read(ids(&["b"]), fine);
        drop(first);
        assert_eq!(second.await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn of_what_everybody_gives_up_nothing_is_left() {
        let joined = Joined::<()>::default();
        let client = Arc::new(());
        let fetch = |client: &Arc<()>| {
            let client = Arc::clone(client);
            move |ids: Vec<String>| async move {
                drop(client);
                Ok(ids.into_iter().map(|id| (id, ())).collect())
            }
        };
        let mut given_up = Box::pin(joined.read(ids(&["a"]), fetch(&client)));
        assert!(given_up.as_mut().now_or_never().is_none());
        assert_eq!(Arc::strong_count(&client), 2);
        drop(given_up);
        assert_eq!(Arc::strong_count(&client), 1);
        let found = joined.read(ids(&["b"]), fetch(&client)).await.unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(Arc::strong_count(&client), 1);
    }
}
