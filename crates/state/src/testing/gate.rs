//! A store whose commits wait until they are let through.

use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use infra_core::State;
use infra_core::state::JournalEntry;

use crate::error::StateError;
use crate::store::{Changeset, RunRecord, StateStore, StoredState};

/// Another store behind a gate: commits wait while it is shut, everything else goes through. A test can so
/// have appends arrive while a flush is under way, without a sleep.
#[derive(Debug)]
pub struct Gate {
    store: Arc<dyn StateStore>,
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// `store` behind a shut gate.
    pub fn shut(store: Arc<dyn StateStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            open: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl StateStore for Gate {
    fn location(&self) -> String {
        self.store.location()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        self.store.load()
    }

    fn commit(&self, changes: &Changeset) -> Result<(), StateError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        drop(open);
        self.store.commit(changes)
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        self.store.journal(serials)
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        self.store.history()
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        self.store.replace_all(state)
    }
}
