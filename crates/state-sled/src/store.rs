//! A stack's state in sled.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use infra_core::state::{JournalEntry, STATE_FORMAT_VERSION};
use infra_core::{SealingKey, StackId, State};
use infra_state::{Changeset, Holder, RunRecord, StateError, StateStore, StoredState, make_private};
use sled::Batch;

use crate::committed::{Committed, Note};
use crate::content::{Meta, check_new, check_whole, create, load};
use crate::keys;
use crate::open::{self, BACKUPS, DATABASE, Opened, Request};
use crate::sum::Sum;
use crate::writer::Writer;

/// So many of the newest journal entries stay for sure: older ones are removed, when a state is opened,
/// once there are a tenth more. Runs are kept for ever.
pub const JOURNAL_KEPT: u64 = 100_000;
/// Journal entries removed by one batch.
const REMOVED_AT_ONCE: usize = 1_000;

/// The state of one stack in a sled database, held by this process alone.
#[derive(Debug)]
pub struct SledStore {
    opened: Opened,
    stack: StackId,
    sealing_key: SealingKey,
    head: Mutex<Head>,
}

/// What every commit is checked against.
#[derive(Debug)]
struct Head {
    lineage: String,
    serial: u64,
    rebuilt: bool,
    sum: Sum,
    note: Note,
    /// The error after which it is not known what is stored.
    failed: Option<StateError>,
}

impl SledStore {
    /// Takes the lease of `stack` in `state_dir` and opens its state, or makes one.
    ///
    /// # Errors
    /// [`StateError::Absent`] without a state in [`Mode::Existing`](crate::Mode::Existing);
    /// [`StateError::OtherFormat`], and nothing was touched; [`StateError::Held`];
    /// [`StateError::Damaged`]; [`StateError::OtherStack`]; otherwise what the file system says.
    pub fn open(state_dir: &Path, stack: &StackId, request: &Request) -> Result<Self, StateError> {
        Self::open_keeping(state_dir, stack, request, JOURNAL_KEPT)
    }

    fn open_keeping(
        state_dir: &Path,
        stack: &StackId,
        request: &Request,
        kept: u64,
    ) -> Result<Self, StateError> {
        let opened = open::open(state_dir, stack, request)?;
        let meta = match opened.database.read_key::<Meta>(keys::META)? {
            Some(meta) => {
                check_whole(&opened, stack, &meta)?;
                meta
            }
            None => {
                check_new(&opened, stack, request.mode)?;
                create(&opened.database, stack)?
            }
        };
        let noted = meta.noted();
        let note = if opened.committed.as_ref() == Some(&noted) {
            Note::open(&opened.folder)?
        } else {
            Note::create(&opened.folder, &noted)?
        };
        let store = Self {
            opened,
            stack: stack.clone(),
            sealing_key: request.sealing_key.clone(),
            head: Mutex::new(Head {
                lineage: meta.lineage,
                serial: meta.serial,
                rebuilt: meta.rebuilt,
                sum: meta.sum,
                note,
                failed: None,
            }),
        };
        store.remove_old_entries(kept)?;
        Ok(store)
    }

    /// The stack's folder.
    pub fn folder(&self) -> &Path {
        &self.opened.folder
    }

    /// Where the backups of the stack's runs belong.
    pub fn backups_folder(&self) -> PathBuf {
        self.opened.folder.join(BACKUPS)
    }

    /// The dead process whose hold was taken over, if there was one.
    pub fn took_over(&self) -> Option<&Holder> {
        self.opened.lease.took_over()
    }

    fn damaged(&self, what: impl Into<String>) -> StateError {
        self.opened.database.damaged(what)
    }

    /// Applies a batch and makes it durable; `head` follows. After an error the store is at its end.
    fn write(&self, mut head: MutexGuard<'_, Head>, batch: Batch, meta: Meta) -> Result<(), StateError> {
        let written = self
            .opened
            .lease
            .still_held()
            .and_then(|()| {
                if head.lineage == meta.lineage {
                    return Ok(());
                }
                let before = Committed {
                    next_lineage: Some(meta.lineage.clone()),
                    lineage: head.lineage.clone(),
                    serial: head.serial,
                    ..meta.noted()
                };
                head.note.write_durably(&before)
            })
            .and_then(|()| self.opened.database.write_durably(batch))
            .and_then(|()| head.note.write(&meta.noted()));
        match &written {
            Ok(()) => {
                head.lineage = meta.lineage;
                head.serial = meta.serial;
                head.rebuilt = meta.rebuilt;
                head.sum = meta.sum;
            }
            Err(error) => head.failed = Some(error.clone()),
        }
        written
    }

    /// The lock on what commits are checked against, unless the store is at its end.
    fn head(&self) -> Result<MutexGuard<'_, Head>, StateError> {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        match &head.failed {
            Some(error) => Err(error.clone()),
            None => Ok(head),
        }
    }

    /// Removes the oldest journal entries when there are far more than `kept`. The folded state and the
    /// runs need none of them.
    fn remove_old_entries(&self, kept: u64) -> Result<(), StateError> {
        let newest = self.head()?.serial;
        let database = &self.opened.database;
        let oldest = database.guarded("reading", || {
            database.tree.scan_prefix(keys::JOURNAL).keys().next().transpose()
        })?;
        let Some(oldest) = oldest.and_then(|key| keys::serial(&key)) else {
            return Ok(());
        };
        if newest.saturating_sub(oldest) < kept + kept / 10 {
            return Ok(());
        }
        let serials: Vec<u64> = (oldest..=newest - kept).collect();
        for serials in serials.chunks(REMOVED_AT_ONCE) {
            let mut batch = Writer::new(database, Sum::default());
            for serial in serials {
                batch.remove(&keys::entry(*serial))?;
            }
            database.write_durably(batch.finish())?;
        }
        Ok(())
    }
}

impl StateStore for SledStore {
    fn location(&self) -> String {
        self.opened.folder.display().to_string()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        let database = &self.opened.database;
        let state = load(database)?;
        Ok(StoredState {
            state,
            sealing_key: self.sealing_key.clone(),
        })
    }

    fn commit(&self, changes: &Changeset) -> Result<(), StateError> {
        let head = self.head()?;
        if head.lineage != changes.lineage {
            return Err(StateError::LineageMismatch {
                expected: changes.lineage.clone(),
                found: head.lineage.clone(),
            });
        }
        if head.serial != changes.previous_serial {
            return Err(StateError::SerialMoved {
                expected: changes.previous_serial,
                found: head.serial,
            });
        }
        let mut batch = Writer::new(&self.opened.database, head.sum);
        batch.apply(changes)?;
        let meta = Meta {
            format: STATE_FORMAT_VERSION,
            stack: self.stack.clone(),
            lineage: changes.lineage.clone(),
            serial: changes.serial(),
            rebuilt: head.rebuilt,
            sum: batch.sum(),
        };
        batch.put(keys::META, &meta)?;
        self.write(head, batch.finish(), meta)
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        if serials.is_empty() {
            return Ok(Vec::new());
        }
        let head = self.head()?.serial;
        let range = keys::entry(*serials.start())..=keys::entry(*serials.end());
        let database = &self.opened.database;
        let pairs = database.guarded("reading", || {
            database.tree.range(range).collect::<sled::Result<Vec<_>>>()
        })?;
        let mut entries: Vec<(u64, JournalEntry)> = Vec::with_capacity(pairs.len());
        for (key, first) in pairs {
            let serial = keys::serial(&key).ok_or_else(|| self.damaged("a journal entry has no serial"))?;
            if entries.last().is_some_and(|(before, _)| before + 1 != serial) {
                return Err(self.damaged(format!("its database lost the journal entry {}", serial - 1)));
            }
            entries.push((serial, database.read_value(&key, &first)?));
        }
        // Old entries are removed, and an import removes all of them; but never the newest alone.
        let last = head.min(*serials.end());
        match entries.last() {
            Some((serial, _)) if *serial != last => {
                Err(self.damaged(format!("its database lost the journal entry {last}")))
            }
            _ => Ok(entries),
        }
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        let database = &self.opened.database;
        let runs = database.read_all(keys::RUNS)?;
        runs.iter()
            .map(|(key, value)| database.parsed(key, value))
            .collect()
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        let head = self.head()?;
        if head.lineage == state.lineage && state.serial < head.serial {
            return Err(StateError::SerialMoved {
                expected: state.serial,
                found: head.serial,
            });
        }
        let mut batch = Writer::new(&self.opened.database, head.sum);
        batch.replace(state)?;
        let meta = Meta {
            stack: self.stack.clone(),
            ..Meta::of(state, batch.sum())
        };
        batch.put(keys::META, &meta)?;
        self.write(head, batch.finish(), meta)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // sled may have made files since; the folder above kept others out meanwhile.
        let _ = make_private(&self.opened.folder.join(DATABASE));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use infra_core::RunId;
    use infra_state::Journal;
    use infra_state::testing::sample_stack;

    use super::*;
    use crate::open::Mode;

    #[test]
    fn old_entries_go_and_runs_stay() {
        let place = tempfile::tempdir().unwrap();
        let request = Request {
            mode: Mode::Create,
            holder: Holder::this_process("test", None),
            wait: Duration::ZERO,
            sealing_key: SealingKey::new([7; 32]),
        };
        let open = || SledStore::open_keeping(place.path(), &sample_stack(), &request, 100).unwrap();
        let mut kept = Vec::new();
        for batch in 0..3_u64 {
            let journal = Journal::open(Arc::new(open())).unwrap();
            for number in 0..54 {
                let started = JournalEntry::RunStarted {
                    run: RunId(format!("run-{number}-{batch}")),
                    command: "x".repeat(10_000),
                    at_unix_ms: batch,
                };
                journal.append_blocking(started).unwrap();
            }
            drop(journal);
            let store = open();
            let entries = store.journal(0..=u64::MAX).unwrap();
            kept.push((entries.first().unwrap().0, entries.last().unwrap().0));
            assert_eq!(store.history().unwrap().len() as u64, (batch + 1) * 54);
        }
        assert_eq!(kept, [(1, 54), (1, 108), (63, 162)]);
    }
}
