//! What is folded and not durable yet, and the thread that makes it so.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use infra_core::{RunId, State};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Hurry;
use crate::error::StateError;
use crate::store::{Changeset, RunRecord, StateStore};

/// How much later than the last flush the next one begins, for each call that is under way: their outcomes come soon
/// and share it, and with many of them one alone holds little up.
const COMPANY_PER_CALL: Duration = Duration::from_millis(1);
/// The same for however many calls.
const LONGEST_COMPANY: Duration = Duration::from_millis(10);

/// How often and how long a journal flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlushStatistics {
    /// Flushes that succeeded.
    pub flushes: u64,
    /// Entries that they made durable.
    pub entries: u64,
    /// The time that they took together.
    pub total: Duration,
    /// The time that the slowest took.
    pub longest: Duration,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn StateStore>,
    pub(super) inner: Mutex<Inner>,
    /// Told when there is something to write, or nothing any more.
    pub(super) work: Condvar,
    /// The same for an opener who flushes.
    pub(super) queued: tokio::sync::Notify,
    /// Held while the store is called, so that changesets reach it in order.
    committing: Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: Arc<State>,
    pub(super) pending: Changeset,
    waiters: Vec<Waiter>,
    /// One of them is not to wait for company.
    at_once: bool,
    pub(super) open_runs: BTreeMap<RunId, RunRecord>,
    pub(super) failed: Option<StateError>,
    pub(super) closed: bool,
    pub(super) statistics: FlushStatistics,
}

impl Inner {
    /// Another one waits for the next flush; where its answer comes.
    pub(super) fn wait(
        &mut self,
        room: Option<OwnedSemaphorePermit>,
        hurry: Hurry,
    ) -> oneshot::Receiver<Result<(), StateError>> {
        let (answer, receiver) = oneshot::channel();
        self.waiters.push(Waiter { answer, _room: room });
        self.at_once |= hurry == Hurry::AtOnce;
        receiver
    }

    /// Whether the writer has something to hear of: the first that waits, or that nobody else is to be waited for.
    pub(super) fn wakes_the_writer(&self) -> bool {
        self.waiters.len() == 1 || self.is_due()
    }

    /// Whether the next flush is not to wait for more: somebody is in a hurry, or all that is under way waits for
    /// it, so that nothing can come.
    fn is_due(&self) -> bool {
        self.closed || self.at_once || self.waiters.len() >= self.state.open_intents().count()
    }
}

#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<Result<(), StateError>>,
    /// Gives its place in the queue back when it is answered.
    _room: Option<OwnedSemaphorePermit>,
}

impl Shared {
    pub(super) fn new(store: Arc<dyn StateStore>, state: State) -> Self {
        Self {
            store,
            inner: Mutex::new(Inner {
                pending: Changeset::after(&state),
                state: Arc::new(state),
                waiters: Vec::new(),
                at_once: false,
                open_runs: BTreeMap::new(),
                failed: None,
                closed: false,
                statistics: FlushStatistics::default(),
            }),
            work: Condvar::new(),
            queued: tokio::sync::Notify::new(),
            committing: Mutex::new(()),
        }
    }

    pub(super) fn write_until_closed(&self) {
        let mut last: Option<Instant> = None;
        loop {
            let mut inner = lock(&self.inner);
            while inner.waiters.is_empty() && !inner.closed {
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            if inner.waiters.is_empty() {
                return;
            }
            if let Some(last) = last {
                let left = company(inner.state.open_intents().count()).saturating_sub(last.elapsed());
                let waited = self.work.wait_timeout_while(inner, left, |inner| !inner.is_due());
                inner = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            drop(inner);
            last = Some(Instant::now());
            self.flush();
        }
    }

    /// Makes everything durable that is queued now, and answers those who wait for it.
    pub(super) fn flush(&self) {
        let _order = lock(&self.committing);
        let (changes, waiters) = {
            let mut guard = lock(&self.inner);
            let inner = &mut *guard;
            let next = Changeset::after(&inner.state);
            inner.at_once = false;
            (
                std::mem::replace(&mut inner.pending, next),
                std::mem::take(&mut inner.waiters),
            )
        };
        if waiters.is_empty() {
            return;
        }
        let _watch = FailOnPanic(self);
        let started = Instant::now();
        let result = self.store.commit(&changes);
        let took = started.elapsed();
        {
            let mut inner = lock(&self.inner);
            match &result {
                Ok(()) => {
                    inner.statistics.flushes += 1;
                    inner.statistics.entries += changes.entries.len() as u64;
                    inner.statistics.total += took;
                    inner.statistics.longest = inner.statistics.longest.max(took);
                }
                Err(error) => fail(&mut inner, error),
            }
        }
        for waiter in waiters {
            // Whoever stopped waiting wants no answer.
            let _ = waiter.answer.send(result.clone());
        }
    }
}

/// How far apart flushes begin while so many calls are under way.
fn company(calls: usize) -> Duration {
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    COMPANY_PER_CALL.saturating_mul(calls).min(LONGEST_COMPANY)
}

/// Ends the journal: what is queued is answered with the error, and so is whatever comes.
fn fail(inner: &mut Inner, error: &StateError) {
    let error = inner.failed.get_or_insert_with(|| error.clone()).clone();
    for waiter in inner.waiters.drain(..) {
        let _ = waiter.answer.send(Err(error.clone()));
    }
}

/// Keeps callers from waiting for ever when a store panics.
struct FailOnPanic<'a>(&'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail(&mut lock(&self.0.inner), &StateError::WriterEnded);
        }
    }
}

/// What is behind our locks is changed in single steps, so a panic elsewhere leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use infra_core::{Operation, ResourceAddress};

    use super::*;
    use crate::testing::{MemoryStore, intent, sample_stack};

    /// A journal with so many calls under way.
    fn with_calls(calls: usize) -> Shared {
        let address: ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let mut state = State::new(sample_stack(), "lineage");
        for number in 0..calls {
            let intent = intent(&number.to_string(), &address, Operation::Create, None);
            state.intents.insert(intent.token.clone(), intent);
        }
        Shared::new(Arc::new(MemoryStore::new(&sample_stack())), state)
    }

    #[test]
    fn a_flush_waits_for_more_while_more_can_come_and_nobody_is_in_a_hurry() {
        use Hurry::{AtOnce, WithOthers};
        for (calls, waiting, is_due) in [
            (3, &[WithOthers][..], false),
            (3, &[WithOthers, WithOthers], false),
            (3, &[WithOthers, WithOthers, WithOthers], true),
            (3, &[WithOthers, AtOnce], true),
            (0, &[WithOthers], true),
        ] {
            let shared = with_calls(calls);
            for hurry in waiting {
                // Nobody waits for the answer.
                drop(lock(&shared.inner).wait(None, *hurry));
            }
            assert_eq!(lock(&shared.inner).is_due(), is_due, "{waiting:?} of {calls}");
            // One hurry is over with its flush.
            shared.flush();
            drop(lock(&shared.inner).wait(None, WithOthers));
            assert_eq!(lock(&shared.inner).is_due(), calls <= 1, "{calls}");
            lock(&shared.inner).closed = true;
            assert!(lock(&shared.inner).is_due());
        }
    }

    #[test]
    fn the_more_calls_are_under_way_the_longer_a_flush_waits_for_company_up_to_a_bound() {
        for (calls, micros) in [(0, 0), (1, 1_000), (9, 9_000), (20, 10_000), (usize::MAX, 10_000)] {
            assert_eq!(company(calls), Duration::from_micros(micros), "{calls} calls");
        }
    }
}
