//! Gathers the changes of one atomic write.

use std::path::Path;

use infra_core::State;
use infra_state::{Changeset, StateError};
use serde::Serialize;
use sled::Batch;

use crate::open::{Opened, guarded};
use crate::{keys, pieces};

/// A batch in the making, which looks up in the database what it replaces.
pub(crate) struct Writer<'a> {
    opened: &'a Opened,
    database: &'a Path,
    batch: Batch,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(opened: &'a Opened, database: &'a Path) -> Self {
        Self {
            opened,
            database,
            batch: Batch::default(),
        }
    }

    /// The batch.
    pub(crate) fn finish(self) -> Batch {
        self.batch
    }

    pub(crate) fn put<T: Serialize>(&mut self, key: &[u8], value: &T) -> Result<(), StateError> {
        let value = to_json(key, value)?;
        guarded(self.database, "reading", || {
            pieces::put(&self.opened.db, &mut self.batch, key, &value)
        })
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<(), StateError> {
        guarded(self.database, "reading", || {
            pieces::remove(&self.opened.db, &mut self.batch, key)
        })
    }

    fn put_or_remove<T: Serialize>(&mut self, key: &[u8], value: Option<&T>) -> Result<(), StateError> {
        match value {
            Some(value) => self.put(key, value),
            None => self.remove(key),
        }
    }

    fn remove_all(&mut self, prefix: &[u8]) -> Result<(), StateError> {
        guarded(self.database, "reading", || {
            for key in self.opened.db.scan_prefix(prefix).keys() {
                pieces::remove(&self.opened.db, &mut self.batch, &key?)?;
            }
            Ok(())
        })
    }

    /// Makes every key as the changeset has it.
    pub(crate) fn apply(&mut self, changes: &Changeset) -> Result<(), StateError> {
        for (serial, entry) in &changes.entries {
            self.put(&keys::entry(*serial), entry)?;
        }
        for (address, record) in &changes.records {
            self.put_or_remove(&keys::record(address), record.as_ref())?;
        }
        for (address, records) in &changes.deposed {
            self.put_or_remove(&keys::deposed(address), records.as_ref())?;
        }
        for (token, intent) in &changes.intents {
            self.put_or_remove(&keys::intent(token), intent.as_ref())?;
        }
        if let Some(outputs) = &changes.outputs {
            self.put(keys::OUTPUTS, outputs)?;
        }
        for ((started_unix_ms, run), record) in &changes.runs {
            self.put(&keys::run(*started_unix_ms, run), record)?;
        }
        Ok(())
    }

    /// Puts a whole state in the place of what there is; the journal goes with it.
    pub(crate) fn replace(&mut self, state: &State) -> Result<(), StateError> {
        for prefix in [keys::RECORDS, keys::DEPOSED, keys::INTENTS, keys::JOURNAL] {
            self.remove_all(prefix)?;
        }
        for (address, record) in &state.resources {
            self.put(&keys::record(address), record)?;
        }
        for (address, records) in &state.deposed {
            self.put(&keys::deposed(address), records)?;
        }
        for (token, intent) in &state.intents {
            self.put(&keys::intent(token), intent)?;
        }
        self.put(keys::OUTPUTS, &state.outputs)
    }
}

fn to_json<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::Unwritable {
        what: format!("the value of `{}`", String::from_utf8_lossy(key)),
        why: error.to_string(),
    })
}
