//! Gathers the changes of one atomic write.

use infra_core::State;
use infra_state::{Changeset, StateError};
use serde::Serialize;
use sled::Batch;

use crate::database::Database;
use crate::sum::Sum;
use crate::{keys, pieces};

/// A batch in the making, which looks up in the database what it replaces.
pub(crate) struct Writer<'a> {
    database: &'a Database,
    batch: Batch,
    sum: Sum,
}

impl<'a> Writer<'a> {
    /// On top of what has this sum.
    pub(crate) fn new(database: &'a Database, sum: Sum) -> Self {
        Self {
            database,
            batch: Batch::default(),
            sum,
        }
    }

    /// The sum of the state afterwards.
    pub(crate) fn sum(&self) -> Sum {
        self.sum
    }

    /// The batch.
    pub(crate) fn finish(self) -> Batch {
        self.batch
    }

    /// Puts something that is no part of the state itself.
    pub(crate) fn put<T: Serialize>(&mut self, key: &[u8], value: &T) -> Result<(), StateError> {
        let value = to_json(key, value)?;
        self.put_bytes(key, &value)
    }

    fn put_bytes(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        self.database.guarded("reading", || {
            pieces::put(&self.database.tree, &mut self.batch, key, value)
        })
    }

    /// Puts or removes a part of the state.
    fn change<T: Serialize>(&mut self, key: &[u8], value: Option<&T>) -> Result<(), StateError> {
        if let Some(before) = self.database.read_bytes(key)? {
            self.sum.toggle(key, &before);
        }
        match value {
            Some(value) => self.add(key, value),
            None => self.remove(key),
        }
    }

    /// Puts a part of the state where there is none.
    fn add<T: Serialize>(&mut self, key: &[u8], value: &T) -> Result<(), StateError> {
        let value = to_json(key, value)?;
        self.sum.toggle(key, &value);
        self.put_bytes(key, &value)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<(), StateError> {
        self.database.guarded("reading", || {
            pieces::remove(&self.database.tree, &mut self.batch, key)
        })
    }

    fn remove_all(&mut self, prefix: &[u8]) -> Result<(), StateError> {
        self.database.guarded("reading", || {
            for key in self.database.tree.scan_prefix(prefix).keys() {
                pieces::remove(&self.database.tree, &mut self.batch, &key?)?;
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
            self.change(&keys::record(address), record.as_ref())?;
        }
        for (address, records) in &changes.deposed {
            self.change(&keys::deposed(address), records.as_ref())?;
        }
        for (token, intent) in &changes.intents {
            self.change(&keys::intent(token), intent.as_ref())?;
        }
        if let Some(outputs) = &changes.outputs {
            self.change(keys::OUTPUTS, Some(outputs))?;
        }
        if let Some(connection) = &changes.connection {
            self.change(keys::CONNECTION, Some(connection))?;
        }
        if let Some(key) = &changes.sealed_with {
            self.change(keys::SEALED_WITH, Some(key))?;
            self.change(keys::KEPT_KEY, changes.kept_key.as_ref())?;
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
        self.sum = Sum::default();
        for (address, record) in &state.resources {
            self.add(&keys::record(address), record)?;
        }
        for (address, records) in &state.deposed {
            self.add(&keys::deposed(address), records)?;
        }
        for (token, intent) in &state.intents {
            self.add(&keys::intent(token), intent)?;
        }
        self.remove(keys::CONNECTION)?;
        if let Some(connection) = &state.connection {
            self.add(keys::CONNECTION, connection)?;
        }
        self.remove(keys::SEALED_WITH)?;
        if let Some(key) = &state.sealed_with {
            self.add(keys::SEALED_WITH, key)?;
        }
        self.remove(keys::KEPT_KEY)?;
        if let Some(kept) = &state.kept_key {
            self.add(keys::KEPT_KEY, kept)?;
        }
        self.add(keys::OUTPUTS, &state.outputs)
    }
}

fn to_json<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::Unwritable {
        what: format!("the value of `{}`", String::from_utf8_lossy(key)),
        why: error.to_string(),
    })
}
