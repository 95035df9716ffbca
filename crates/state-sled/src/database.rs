//! One sled database: opened, read and written with sled's errors as ours.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use infra_state::StateError;
use serde::de::DeserializeOwned;
use sled::{Batch, IVec};

use crate::{pieces, quiet};

/// sled's own data file in the database's folder.
pub(crate) const DATA_FILE: &str = "db";
/// The page cache in bytes: a state is small.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// A database that was just closed may still be held for a moment by a thread of sled's.
const CLOSING_TAKES_AT_MOST: Duration = Duration::from_secs(5);

/// A database that is open.
#[derive(Debug)]
pub(crate) struct Database {
    pub tree: sled::Db,
    /// sled's data file once more, to sync it.
    data: File,
    path: PathBuf,
    /// The stack's folder, which is what messages name.
    folder: PathBuf,
}

impl Database {
    /// Opens the database at `path`, or makes one. `folder` is the stack's, for messages.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for what sled cannot read; otherwise what the file system says.
    pub fn open(path: &Path, folder: &Path) -> Result<Self, StateError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            // Durable when a commit says so, and at no other time.
            .flush_every_ms(None);
        let until = Instant::now() + CLOSING_TAKES_AT_MOST;
        let tree = loop {
            match guarded(folder, path, "opening", || config.open()) {
                Err(StateError::Io { source, .. })
                    if source.to_string().contains("could not acquire lock") && Instant::now() < until =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => break other?,
            }
        };
        let data_path = path.join(DATA_FILE);
        let data = File::open(&data_path).map_err(|error| StateError::io("opening", &data_path, error))?;
        Ok(Self {
            tree,
            data,
            path: path.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// Calls sled, whose errors become ours, and whose panics on damaged files become errors.
    ///
    /// # Errors
    /// As for [`Database::open`].
    pub fn guarded<T>(&self, doing: &str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StateError> {
        guarded(&self.folder, &self.path, doing, call)
    }

    /// Applies a batch as a whole, and returns when it is durable.
    ///
    /// # Errors
    /// What the file system says; it is then not known whether the batch is there.
    pub fn write_durably(&self, batch: Batch) -> Result<(), StateError> {
        self.guarded("writing", || {
            self.tree.apply_batch(batch)?;
            self.tree.flush()?;
            self.data.sync_data()?;
            Ok(())
        })
    }

    /// The value of a key, if it is there.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for what is no such value.
    pub fn read_key<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StateError> {
        self.guarded("reading", || self.tree.get(key))?
            .map(|first| self.read_value(key, &first))
            .transpose()
    }

    /// The bytes of a key's value, if it is there.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when a part of it is missing.
    pub fn read_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.guarded("reading", || self.tree.get(key))? {
            Some(first) => self.whole(key, &first).map(Some),
            None => Ok(None),
        }
    }

    /// The value of which `first` was found under `key`.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for what is no such value.
    pub fn read_value<T: DeserializeOwned>(&self, key: &[u8], first: &IVec) -> Result<T, StateError> {
        self.parsed(key, &self.whole(key, first)?)
    }

    /// The bytes of every key with this prefix, with the whole key.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for what is no such value.
    pub fn read_all(&self, prefix: &[u8]) -> Result<Vec<(IVec, Vec<u8>)>, StateError> {
        let pairs = self.guarded("reading", || {
            self.tree.scan_prefix(prefix).collect::<sled::Result<Vec<_>>>()
        })?;
        pairs
            .into_iter()
            .map(|(key, first)| {
                let value = self.whole(&key, &first)?;
                Ok((key, value))
            })
            .collect()
    }

    /// What the bytes of a value stand for.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for what is no such value.
    pub fn parsed<T: DeserializeOwned>(&self, key: &[u8], value: &[u8]) -> Result<T, StateError> {
        serde_json::from_slice(value).map_err(|error| self.wrong(key, &error.to_string()))
    }

    fn whole(&self, key: &[u8], first: &IVec) -> Result<Vec<u8>, StateError> {
        self.guarded("reading", || pieces::whole(&self.tree, key, first))?
            .ok_or_else(|| self.wrong(key, "a part of it is missing"))
    }

    fn wrong(&self, key: &[u8], why: &str) -> StateError {
        self.damaged(format!("the value of `{}` is wrong: {why}", key.escape_ascii()))
    }

    /// A damage of this database.
    pub fn damaged(&self, what: impl Into<String>) -> StateError {
        StateError::damaged(self.folder.display().to_string(), what)
    }
}

fn guarded<T>(
    folder: &Path,
    database: &Path,
    doing: &str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StateError> {
    let damaged = |what: String| StateError::damaged(folder.display().to_string(), what);
    match quiet::while_calling(|| catch_unwind(AssertUnwindSafe(call))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(StateError::io(doing, database, error)),
        Ok(Err(sled::Error::Corruption { .. })) => {
            Err(damaged("the database's content fails its checksums".into()))
        }
        Ok(Err(error)) => Err(damaged(format!("the database says: {error}"))),
        Err(_) => Err(damaged("the database cannot be read".into())),
    }
}
