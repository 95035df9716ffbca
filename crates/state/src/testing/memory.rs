//! A store in memory that can fail and crash.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use infra_core::state::{JournalEntry, STATE_FORMAT_VERSION};
use infra_core::{RunId, SealingKey, StackId, State};

use crate::error::StateError;
use crate::store::{Changeset, RunRecord, StateStore, StoredState};

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk is full: nothing is written.
    NoSpace,
    /// The process dies before anything is written: later commits fail as well, until
    /// [`MemoryStore::reopen`].
    CrashBefore,
    /// The process dies when all is written and nobody told: later commits fail as well, until
    /// [`MemoryStore::reopen`].
    CrashAfter,
}

/// A store in memory. Clones share what is stored and the failures that are set.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    process: Arc<Mutex<Process>>,
}

/// What survives a crash.
#[derive(Debug, Clone)]
struct Disk {
    format: u32,
    damaged: bool,
    state: State,
    sealing_key: SealingKey,
    journal: BTreeMap<u64, JournalEntry>,
    runs: BTreeMap<(u64, RunId), RunRecord>,
}

/// What does not.
#[derive(Debug, Default)]
struct Process {
    commits: u64,
    failures: BTreeMap<u64, Failure>,
    dead: bool,
}

impl MemoryStore {
    /// An empty state of `stack`, with a lineage and a sealing key that are always the same.
    pub fn new(stack: &StackId) -> Self {
        Self::with_state(State::new(stack.clone(), format!("lineage-of-{stack}")))
    }

    /// A store that holds `state` and no journal.
    pub fn with_state(state: State) -> Self {
        Self {
            disk: Arc::new(Mutex::new(Disk {
                format: STATE_FORMAT_VERSION,
                damaged: false,
                state,
                sealing_key: SealingKey::new([7; 32]),
                journal: BTreeMap::new(),
                runs: BTreeMap::new(),
            })),
            process: Arc::default(),
        }
    }

    /// Lets the `nth` commit from now on fail, the next one being 1.
    pub fn fail_at(&self, nth: u64, failure: Failure) {
        let mut process = lock(&self.process);
        let at = process.commits + nth;
        process.failures.insert(at, failure);
    }

    /// Commits so far, those that failed included.
    pub fn commits(&self) -> u64 {
        lock(&self.process).commits
    }

    /// The same stored state, as a new process finds it: no failure is set any more.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            process: Arc::default(),
        }
    }

    /// A copy of what is stored, which goes its own way: what a crash at this moment would leave.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            disk: Arc::new(Mutex::new(lock(&self.disk).clone())),
            process: Arc::default(),
        }
    }

    /// Claims to be written in a format that nobody knows yet.
    pub fn claim_format(&self, format: u32) {
        lock(&self.disk).format = format;
    }

    /// Makes what is stored unreadable.
    pub fn damage(&self) {
        lock(&self.disk).damaged = true;
    }

    fn failed(&self, kind: io::ErrorKind) -> StateError {
        StateError::io("writing", Path::new(&self.location()), io::Error::from(kind))
    }

    /// Counts a write and says what is to become of it.
    fn next_write(&self) -> Result<Option<Failure>, StateError> {
        let mut process = lock(&self.process);
        process.commits += 1;
        if process.dead {
            return Err(self.failed(io::ErrorKind::BrokenPipe));
        }
        let at = process.commits;
        let failure = process.failures.remove(&at);
        process.dead = matches!(failure, Some(Failure::CrashBefore | Failure::CrashAfter));
        match failure {
            Some(Failure::NoSpace) => Err(self.failed(io::ErrorKind::StorageFull)),
            Some(Failure::CrashBefore) => Err(self.failed(io::ErrorKind::BrokenPipe)),
            other => Ok(other),
        }
    }

    fn answer(&self, failure: Option<Failure>) -> Result<(), StateError> {
        match failure {
            Some(Failure::CrashAfter) => Err(self.failed(io::ErrorKind::BrokenPipe)),
            _ => Ok(()),
        }
    }

    fn readable(&self) -> Result<MutexGuard<'_, Disk>, StateError> {
        let disk = lock(&self.disk);
        if disk.format != STATE_FORMAT_VERSION {
            return Err(StateError::OtherFormat {
                location: self.location(),
                found: disk.format,
                supported: STATE_FORMAT_VERSION,
            });
        }
        if disk.damaged {
            return Err(StateError::damaged(self.location(), "it was damaged by a test"));
        }
        Ok(disk)
    }
}

impl StateStore for MemoryStore {
    fn location(&self) -> String {
        "memory".into()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        let disk = self.readable()?;
        Ok(StoredState {
            state: disk.state.clone(),
            sealing_key: disk.sealing_key.clone(),
        })
    }

    fn commit(&self, changes: &Changeset) -> Result<(), StateError> {
        let failure = self.next_write()?;
        let mut guard = self.readable()?;
        let disk = &mut *guard;
        if disk.state.lineage != changes.lineage {
            return Err(StateError::LineageMismatch {
                expected: changes.lineage.clone(),
                found: disk.state.lineage.clone(),
            });
        }
        if disk.state.serial != changes.previous_serial {
            return Err(StateError::SerialMoved {
                expected: changes.previous_serial,
                found: disk.state.serial,
            });
        }
        // By the keys that were touched and not by folding: so the suite sees a key that was forgotten.
        put_all(&mut disk.state.resources, &changes.records);
        put_all(&mut disk.state.deposed, &changes.deposed);
        put_all(&mut disk.state.intents, &changes.intents);
        if let Some(outputs) = &changes.outputs {
            disk.state.outputs.clone_from(outputs);
        }
        if changes.connection.is_some() {
            disk.state.connection.clone_from(&changes.connection);
        }
        if changes.sealed_with.is_some() {
            disk.state.sealed_with.clone_from(&changes.sealed_with);
            disk.state.kept_key.clone_from(&changes.kept_key);
        }
        disk.state.serial = changes.serial();
        disk.journal.extend(changes.entries.iter().cloned());
        disk.runs
            .extend(changes.runs.iter().map(|(key, run)| (key.clone(), run.clone())));
        self.answer(failure)
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        if serials.is_empty() {
            return Ok(Vec::new());
        }
        let disk = self.readable()?;
        let entries = disk.journal.range(serials);
        Ok(entries.map(|(serial, entry)| (*serial, entry.clone())).collect())
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        Ok(self.readable()?.runs.values().cloned().collect())
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        let failure = self.next_write()?;
        let mut disk = self.readable()?;
        if disk.state.lineage == state.lineage && state.serial < disk.state.serial {
            return Err(StateError::SerialMoved {
                expected: state.serial,
                found: disk.state.serial,
            });
        }
        disk.state = state.clone();
        disk.journal.clear();
        self.answer(failure)
    }
}

fn put_all<K: Ord + Clone, V: Clone>(map: &mut BTreeMap<K, V>, changes: &BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
