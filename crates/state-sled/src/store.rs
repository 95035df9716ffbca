//! A stack's state in sled.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use infra_core::state::{JournalEntry, STATE_FORMAT_VERSION};
use infra_core::{Attributes, Intent, ResourceAddress, ResourceRecord, SealingKey, StackId, State, Token};
use infra_state::{
    Changeset, Holder, RunRecord, StateError, StateStore, StoredState, make_private, new_state,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::{Batch, IVec};

use crate::committed::{self, Committed, Note};
use crate::open::{self, BACKUPS, DATABASE, Mode, Opened, Request, guarded};
use crate::writer::Writer;
use crate::{keys, pieces};

/// So many of the newest journal entries stay for sure: older ones are removed, when a state is opened,
/// once there are a tenth more. Runs are kept for ever.
pub const JOURNAL_KEPT: u64 = 100_000;
/// Journal entries removed by one batch.
const REMOVED_AT_ONCE: usize = 1_000;

/// The state of one stack in a sled database, held by this process alone.
#[derive(Debug)]
pub struct SledStore {
    opened: Opened,
    database: PathBuf,
    stack: StackId,
    head: Mutex<Head>,
}

/// What every commit is checked against.
#[derive(Debug)]
struct Head {
    lineage: String,
    serial: u64,
    note: Note,
    /// The error after which it is not known what is stored.
    failed: Option<StateError>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    format: u32,
    stack: StackId,
    lineage: String,
    serial: u64,
}

impl SledStore {
    /// Takes the lease of `stack` in `state_dir` and opens its state, or makes one.
    ///
    /// # Errors
    /// [`StateError::Absent`] without a state in [`Mode::Existing`](crate::Mode::Existing);
    /// [`StateError::NewerFormat`], and nothing was touched; [`StateError::Held`];
    /// [`StateError::Damaged`]; otherwise what the file system says.
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
        let database = opened.folder.join(DATABASE);
        let found = read_key::<Meta>(&opened, &database, keys::META)?;
        let location = || opened.folder.display().to_string();
        let meta = match (found, &opened.committed) {
            (Some(meta), _) => meta,
            (None, Some(committed)) => {
                let what = format!("its database lost all of {} journal entries", committed.serial);
                return Err(StateError::damaged(location(), what));
            }
            (None, None) if request.mode == Mode::Existing => {
                return Err(StateError::Absent {
                    stack: stack.to_string(),
                    path: opened.folder,
                });
            }
            (None, None) => create(&opened, &database, stack)?,
        };
        committed::check_format(&opened.folder, Some(meta.format))?;
        if meta.stack != *stack {
            let what = format!("it is the state of the stack {}", meta.stack);
            return Err(StateError::damaged(location(), what));
        }
        if let Some(committed) = &opened.committed
            && committed.lineage == meta.lineage
            && committed.serial > meta.serial
        {
            let what = format!(
                "its database lost the journal entries {} to {}",
                meta.serial + 1,
                committed.serial
            );
            return Err(StateError::damaged(location(), what));
        }
        let note = Note::create(&opened.folder, &noted(&meta))?;
        let store = Self {
            opened,
            database,
            stack: stack.clone(),
            head: Mutex::new(Head {
                lineage: meta.lineage,
                serial: meta.serial,
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

    fn guarded<T>(&self, doing: &str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StateError> {
        guarded(&self.database, doing, call)
    }

    fn damaged(&self, what: impl Into<String>) -> StateError {
        StateError::damaged(self.location(), what)
    }

    /// The value of every key with this prefix, with the rest of the key.
    fn all<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<(String, T)>, StateError> {
        let pairs = self.guarded("reading", || {
            self.opened
                .db
                .scan_prefix(prefix)
                .collect::<sled::Result<Vec<_>>>()
        })?;
        pairs
            .into_iter()
            .map(|(key, first)| {
                let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
                Ok((name, read_value(&self.opened, &self.database, &key, &first)?))
            })
            .collect()
    }

    /// Applies a batch and makes it durable; `head` follows. After an error the store is at its end.
    fn write(&self, mut head: MutexGuard<'_, Head>, batch: Batch, meta: Meta) -> Result<(), StateError> {
        let written = self
            .opened
            .lease
            .still_held()
            .and_then(|()| write_durably(&self.opened, &self.database, batch))
            .and_then(|()| head.note.write(&noted(&meta)));
        match &written {
            Ok(()) => {
                head.lineage = meta.lineage;
                head.serial = meta.serial;
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

    fn meta(&self, lineage: &str, serial: u64) -> Meta {
        Meta {
            format: STATE_FORMAT_VERSION,
            stack: self.stack.clone(),
            lineage: lineage.to_owned(),
            serial,
        }
    }

    /// Removes the oldest journal entries when there are far more than `kept`. The folded state and the
    /// runs need none of them.
    fn remove_old_entries(&self, kept: u64) -> Result<(), StateError> {
        let newest = self.head()?.serial;
        let oldest = self.guarded("reading", || {
            self.opened
                .db
                .scan_prefix(keys::JOURNAL)
                .keys()
                .next()
                .transpose()
        })?;
        let Some(oldest) = oldest.and_then(|key| keys::serial(&key)) else {
            return Ok(());
        };
        if newest.saturating_sub(oldest) < kept + kept / 10 {
            return Ok(());
        }
        let serials: Vec<u64> = (oldest..=newest - kept).collect();
        for serials in serials.chunks(REMOVED_AT_ONCE) {
            let mut batch = Writer::new(&self.opened, &self.database);
            for serial in serials {
                batch.remove(&keys::entry(*serial))?;
            }
            let batch = batch.finish();
            write_durably(&self.opened, &self.database, batch)?;
        }
        Ok(())
    }
}

impl StateStore for SledStore {
    fn location(&self) -> String {
        self.opened.folder.display().to_string()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        let meta: Meta = read_key(&self.opened, &self.database, keys::META)?
            .ok_or_else(|| self.damaged("its database has no head"))?;
        let mut state = State::new(meta.stack, meta.lineage);
        state.serial = meta.serial;
        for (name, record) in self.all::<ResourceRecord>(keys::RECORDS)? {
            state.resources.insert(self.address(&name)?, record);
        }
        for (name, records) in self.all::<Vec<ResourceRecord>>(keys::DEPOSED)? {
            state.deposed.insert(self.address(&name)?, records);
        }
        for (name, intent) in self.all::<Intent>(keys::INTENTS)? {
            state.intents.insert(Token(name), intent);
        }
        if let Some(outputs) = read_key::<Attributes>(&self.opened, &self.database, keys::OUTPUTS)? {
            state.outputs = outputs;
        }
        let key = self.guarded("reading", || self.opened.db.get(keys::SEALING_KEY))?;
        let key: [u8; 32] = key
            .as_deref()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| self.damaged("its database has no sealing key"))?;
        Ok(StoredState {
            state,
            sealing_key: SealingKey::new(key),
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
        let meta = self.meta(&changes.lineage, changes.serial());
        let mut batch = Writer::new(&self.opened, &self.database);
        batch.apply(changes)?;
        batch.put(keys::META, &meta)?;
        self.write(head, batch.finish(), meta)
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        if serials.is_empty() {
            return Ok(Vec::new());
        }
        let range = keys::entry(*serials.start())..=keys::entry(*serials.end());
        let pairs = self.guarded("reading", || {
            self.opened.db.range(range).collect::<sled::Result<Vec<_>>>()
        })?;
        pairs
            .into_iter()
            .map(|(key, first)| {
                let serial =
                    keys::serial(&key).ok_or_else(|| self.damaged("a journal entry has no serial"))?;
                Ok((serial, read_value(&self.opened, &self.database, &key, &first)?))
            })
            .collect()
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        Ok(self.all(keys::RUNS)?.into_iter().map(|(_, run)| run).collect())
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        let head = self.head()?;
        if head.lineage == state.lineage && state.serial < head.serial {
            return Err(StateError::SerialMoved {
                expected: state.serial,
                found: head.serial,
            });
        }
        let meta = self.meta(&state.lineage, state.serial);
        let mut batch = Writer::new(&self.opened, &self.database);
        batch.replace(state)?;
        batch.put(keys::META, &meta)?;
        self.write(head, batch.finish(), meta)
    }
}

impl SledStore {
    fn address(&self, name: &str) -> Result<ResourceAddress, StateError> {
        name.parse()
            .map_err(|error| self.damaged(format!("the key of a record is wrong: {error}")))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // sled may have made files since; the folder above kept others out meanwhile.
        let _ = make_private(&self.database);
    }
}

/// A new state with a new sealing key, durable.
fn create(opened: &Opened, database: &Path, stack: &StackId) -> Result<Meta, StateError> {
    let mut sealing_key = [0; 32];
    getrandom::fill(&mut sealing_key)
        .map_err(|error| StateError::io("making a key for", database, std::io::Error::other(error)))?;
    let state = new_state(stack);
    let meta = Meta {
        format: STATE_FORMAT_VERSION,
        stack: state.stack,
        lineage: state.lineage,
        serial: state.serial,
    };
    let mut batch = Writer::new(opened, database);
    batch.put(keys::META, &meta)?;
    let mut batch = batch.finish();
    batch.insert(keys::SEALING_KEY, &sealing_key);
    write_durably(opened, database, batch)?;
    Ok(meta)
}

fn noted(meta: &Meta) -> Committed {
    Committed {
        format: meta.format,
        lineage: meta.lineage.clone(),
        serial: meta.serial,
    }
}

fn write_durably(opened: &Opened, database: &Path, batch: Batch) -> Result<(), StateError> {
    guarded(database, "writing", || {
        opened.db.apply_batch(batch)?;
        opened.db.flush()?;
        opened.data.sync_data()?;
        Ok(())
    })
}

fn read_key<T: DeserializeOwned>(
    opened: &Opened,
    database: &Path,
    key: &[u8],
) -> Result<Option<T>, StateError> {
    guarded(database, "reading", || opened.db.get(key))?
        .map(|first| read_value(opened, database, key, &first))
        .transpose()
}

fn read_value<T: DeserializeOwned>(
    opened: &Opened,
    database: &Path,
    key: &[u8],
    first: &IVec,
) -> Result<T, StateError> {
    let wrong = |why: String| {
        StateError::damaged(
            opened.folder.display().to_string(),
            format!("the value of `{}` is wrong: {why}", key.escape_ascii()),
        )
    };
    let value = guarded(database, "reading", || pieces::whole(&opened.db, key, first))?
        .ok_or_else(|| wrong("a part of it is missing".into()))?;
    serde_json::from_slice(&value).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use infra_core::state::RunId;
    use infra_state::Journal;
    use infra_state::testing::sample_stack;

    use super::*;

    #[test]
    fn old_entries_go_and_runs_stay() {
        let place = tempfile::tempdir().unwrap();
        let request = Request {
            mode: Mode::Create,
            holder: Holder::this_process("test", None),
            wait: Duration::ZERO,
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
