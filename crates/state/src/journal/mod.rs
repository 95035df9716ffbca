//! The journal: entries from many tasks, folded in order, durable when `append` returns.

mod run;
mod writer;

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use infra_core::state::JournalEntry;
use infra_core::{SealingKey, Severity, State};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::run::run_after;
use self::writer::{Shared, lock};
use crate::clear::{Owner, clear_secret, take_passing_seals};
use crate::error::{AppendError, StateError};
use crate::integrity::{check, check_entry};
use crate::store::{RunRecord, StateStore};

pub use self::writer::FlushStatistics;

/// Entries that may wait for the writer; who comes then waits before its entry is folded.
const QUEUE_BOUND: usize = 1024;

/// The state of one stack in memory, and its store behind it.
///
/// An append folds its entry into the state in memory at once, in the order of the calls, and returns when
/// the entry is durable. So [`Journal::with_state`] and [`Journal::snapshot`] may be ahead of the store by
/// the entries whose appends have not returned; whoever must not act before something is durable awaits
/// its append. All entries that arrive while a flush is under way share the next one, which waits a little for more
/// of them while many calls are under way.
///
/// An error of the store is final: this append and all later ones fail with it, and what is in memory is
/// no longer what is stored.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    lineage: String,
    sealing_key: SealingKey,
    /// Set when nobody has the key after this process: then nothing that it sealed is kept.
    passing: Option<Passing>,
    /// `None` when somebody else flushes, or after [`Journal::close`].
    writer: Mutex<Option<JoinHandle<()>>>,
    flushing: Flushing,
}

/// What becomes of an entry with values that are sealed with a key of this process alone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Passing {
    /// It is refused, for this reason.
    Refused(String),
    /// It is written without them.
    LeftOut,
}

/// Who makes durable what is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushing {
    /// The writer's thread.
    Thread,
    /// Every append by itself.
    Append,
    /// Whoever opened it, when they like.
    Opener,
}

/// Whether an entry waits a little for others to share its flush with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hurry {
    WithOthers,
    AtOnce,
}

impl Journal {
    /// Loads the state and starts the writer's thread.
    ///
    /// # Errors
    /// What [`StateStore::load`] says, and [`StateError::Damaged`] when the state breaks a rule of
    /// [`check`].
    pub fn open(store: Arc<dyn StateStore>) -> Result<Self, StateError> {
        let journal = Self::load(store, Flushing::Thread)?;
        let shared = Arc::clone(&journal.shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || shared.write_until_closed())
            .map_err(|error| {
                StateError::io(
                    "starting the writer of",
                    Path::new(&journal.shared.store.location()),
                    error,
                )
            })?;
        *lock(&journal.writer) = Some(thread);
        Ok(journal)
    }

    /// Loads the state; every append flushes by itself before it returns, without a thread. For commands
    /// that append a handful of entries, and for tests with a paused clock, which would jump while a task
    /// waits for another thread.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn open_inline(store: Arc<dyn StateStore>) -> Result<Self, StateError> {
        Self::load(store, Flushing::Append)
    }

    /// Loads the state; nothing is durable before [`Journal::flush`]: for tests that decide when a flush ends,
    /// and how much of what was appended a crash takes away. What is not flushed when it is closed or dropped
    /// is lost.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn open_unflushed(store: Arc<dyn StateStore>) -> Result<Self, StateError> {
        Self::load(store, Flushing::Opener)
    }

    /// Returns when something was appended since the last time that it did.
    pub async fn queued(&self) {
        self.shared.queued.notified().await;
    }

    /// Makes durable what was appended.
    pub fn flush(&self) {
        self.shared.flush();
    }

    fn load(store: Arc<dyn StateStore>, flushing: Flushing) -> Result<Self, StateError> {
        let stored = store.load()?;
        let broken: Vec<String> = check(&stored.state, None)
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| problem.message)
            .collect();
        if !broken.is_empty() {
            return Err(StateError::damaged(store.location(), broken.join("; ")));
        }
        Ok(Self {
            lineage: stored.state.lineage.clone(),
            sealing_key: stored.sealing_key,
            passing: None,
            shared: Arc::new(Shared::new(store, stored.state)),
            room: Arc::new(Semaphore::new(QUEUE_BOUND)),
            writer: Mutex::new(None),
            flushing,
        })
    }

    /// Adds an entry and returns its serial once it is durable. If the future is dropped after its first
    /// poll the entry may still be written.
    ///
    /// # Errors
    /// [`AppendError::Illegal`], [`AppendError::Unsound`] and [`AppendError::ClearSecret`] concern this entry
    /// alone, and nothing of it was kept; any other error is final for the journal.
    pub async fn append(&self, entry: JournalEntry) -> Result<u64, AppendError> {
        self.append_in(entry, Hurry::WithOthers).await
    }

    /// As [`Journal::append`], but its flush waits for no other entries: for those few that a whole run waits for.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub async fn append_at_once(&self, entry: JournalEntry) -> Result<u64, AppendError> {
        self.append_in(entry, Hurry::AtOnce).await
    }

    async fn append_in(&self, entry: JournalEntry, hurry: Hurry) -> Result<u64, AppendError> {
        if self.flushing == Flushing::Append {
            return self.append_blocking(entry);
        }
        let entry = self.keepable(entry)?;
        let room = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| self.failure().map_or(AppendError::Closed, AppendError::from))?;
        let (serial, answer) = self.enqueue(entry, Some(room), hurry)?;
        self.shared.queued.notify_one();
        match answer.await {
            Ok(result) => result.map(|()| serial).map_err(AppendError::from),
            Err(_) => Err(StateError::WriterEnded.into()),
        }
    }

    /// Adds an entry and returns its serial once it is durable, for callers outside of a runtime.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_blocking(&self, entry: JournalEntry) -> Result<u64, AppendError> {
        let entry = self.keepable(entry)?;
        let (serial, mut answer) = self.enqueue(entry, None, Hurry::AtOnce)?;
        // The writer's thread may have taken it already: then the lock is free only when it is durable.
        self.shared.flush();
        match answer.try_recv() {
            Ok(result) => result.map(|()| serial).map_err(AppendError::from),
            Err(_) => Err(StateError::WriterEnded.into()),
        }
    }

    /// The entry as it may be kept: no store may ever see a sensitive value in clear, or what could not be read again.
    fn keepable(&self, mut entry: JournalEntry) -> Result<JournalEntry, AppendError> {
        if let Some(problem) = check_entry(&entry) {
            return Err(AppendError::Unsound(problem.message));
        }
        if let Some(passing) = &self.passing
            && take_passing_seals(&mut entry)
            && let Passing::Refused(why) = passing
        {
            return Err(AppendError::KeyLost(why.clone()));
        }
        let Some(clear) = clear_secret(&entry) else {
            return Ok(entry);
        };
        let address = match clear.owner {
            Owner::Resource(address) => Some(address.clone()),
            Owner::ResourceOf(token) => {
                self.with_state(|state| state.intents.get(token).map(|intent| intent.address.clone()))
            }
            Owner::Outputs => None,
        };
        Err(AppendError::ClearSecret {
            owner: address.map_or_else(|| "the outputs".to_owned(), |address| address.to_string()),
            attribute: clear.attribute.to_owned(),
        })
    }

    fn enqueue(
        &self,
        entry: JournalEntry,
        room: Option<OwnedSemaphorePermit>,
        hurry: Hurry,
    ) -> Result<(u64, oneshot::Receiver<Result<(), StateError>>), AppendError> {
        let mut guard = lock(&self.shared.inner);
        let inner = &mut *guard;
        if let Some(error) = &inner.failed {
            return Err(error.clone().into());
        }
        if inner.closed {
            return Err(AppendError::Closed);
        }
        let run = run_after(&inner.open_runs, &entry, inner.state.serial + 1);
        // Copies the state only while somebody still has a snapshot of it.
        let serial = inner.pending.fold(Arc::make_mut(&mut inner.state), entry)?;
        if let Some(run) = run {
            if run.end.is_some() {
                inner.open_runs.remove(&run.run);
            } else {
                inner.open_runs.insert(run.run.clone(), run.clone());
            }
            inner
                .pending
                .runs
                .insert((run.started_unix_ms, run.run.clone()), run);
        }
        let receiver = inner.wait(room, hurry);
        if inner.wakes_the_writer() {
            self.shared.work.notify_one();
        }
        Ok((serial, receiver))
    }

    /// Reads the state in place. Nothing can be appended meanwhile, so be brief, and append nothing inside.
    pub fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&lock(&self.shared.inner).state)
    }

    /// The state as it is now. Costs nothing by itself; the next append copies the state if the snapshot is
    /// still held then.
    pub fn snapshot(&self) -> Arc<State> {
        Arc::clone(&lock(&self.shared.inner).state)
    }

    /// The number of the last entry.
    pub fn serial(&self) -> u64 {
        self.with_state(|state| state.serial)
    }

    /// What tells this state from others of the same name.
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// From now on entries with values that are sealed with this key are refused: nobody has it after this process.
    #[must_use]
    pub fn with_lost_key(self, why: String) -> Self {
        self.with_passing_key(Passing::Refused(why))
    }

    /// From now on nothing is sealed: of what would be, entries are written without. For runs that compare no
    /// sensitive value, in a state whose key is not here.
    #[must_use]
    pub fn without_key(self) -> Self {
        self.with_passing_key(Passing::LeftOut)
    }

    fn with_passing_key(mut self, passing: Passing) -> Self {
        self.sealing_key = self.sealing_key.clone().passing();
        self.passing = Some(passing);
        self
    }

    /// The same with another key for its secrets, which has become known only after the state was.
    #[must_use]
    pub fn with_key(mut self, key: SealingKey) -> Self {
        self.sealing_key = key;
        self
    }

    /// Why nobody has the key after this process, if that is so and something is to be sealed with it.
    pub fn lost_key(&self) -> Option<&str> {
        match &self.passing {
            Some(Passing::Refused(why)) => Some(why),
            Some(Passing::LeftOut) | None => None,
        }
    }

    /// The key under which this state's secrets are hashed.
    pub fn sealing_key(&self) -> &SealingKey {
        &self.sealing_key
    }

    /// Counts of flushes so far.
    pub fn statistics(&self) -> FlushStatistics {
        lock(&self.shared.inner).statistics
    }

    /// The error that ended the journal, if one did.
    pub fn failure(&self) -> Option<StateError> {
        lock(&self.shared.inner).failed.clone()
    }

    /// The durable entries of these serials.
    ///
    /// # Errors
    /// When the store cannot read them.
    pub fn entries(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        self.shared.store.journal(serials)
    }

    /// All durable runs in the order of their start.
    ///
    /// # Errors
    /// When the store cannot read them.
    pub fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        self.shared.store.history()
    }

    /// Writes what is queued, ends the writer's thread, and takes no entry any more. May be called again.
    ///
    /// # Errors
    /// The error that ended the journal, if one did.
    pub fn close(&self) -> Result<(), StateError> {
        lock(&self.shared.inner).closed = true;
        self.room.close();
        self.shared.work.notify_all();
        if let Some(writer) = lock(&self.writer).take() {
            // A panic in it has failed the journal already, which is told below.
            let _ = writer.join();
        }
        self.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Who did not close it waits for nothing that is queued.
        let _ = self.close();
    }
}
