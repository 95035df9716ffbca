//! Finding, making and opening a stack's database, with every reason not to found before it is touched.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use infra_core::StackId;
use infra_state::{Holder, Lease, StateError, create_private_folder, make_private, sync_folder};

use crate::committed;

/// The folder of sled's own files in a stack's folder.
pub(crate) const DATABASE: &str = "db";
/// The backups' folder in a stack's folder.
pub(crate) const BACKUPS: &str = "backups";
/// The folder of the runs' records in a stack's folder.
const RUNS: &str = "runs";
/// sled's own data file.
pub(crate) const DATA_FILE: &str = "db";
/// The page cache in bytes: a state is small.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// A database that was just closed may still be held for a moment by a thread of sled's.
const CLOSING_TAKES_AT_MOST: Duration = Duration::from_secs(5);

/// Whether a state may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A stack without a state gets a new one.
    Create,
    /// A stack without a state is [`StateError::Absent`], and nothing is made.
    Existing,
}

/// Who opens a state, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whether a state may be made.
    pub mode: Mode,
    /// Who will hold the stack.
    pub holder: Holder,
    /// How long to wait for somebody else who holds it.
    pub wait: Duration,
}

/// The folder of `stack` in `state_dir`.
///
/// # Errors
/// [`StateError::BadStackId`] for an id that is no folder's name.
pub fn folder(state_dir: &Path, stack: &StackId) -> Result<PathBuf, StateError> {
    let id = stack.as_str();
    let is_name = !id.is_empty()
        && !id.starts_with('.')
        && id
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.'));
    if is_name {
        Ok(state_dir.join(id))
    } else {
        Err(StateError::BadStackId(id.to_owned()))
    }
}

/// Where the records of a stack's runs belong. The stack need not be open, or be there at all.
///
/// # Errors
/// [`StateError::BadStackId`] for an id that is no folder's name.
pub fn runs_folder(state_dir: &Path, stack: &StackId) -> Result<PathBuf, StateError> {
    Ok(folder(state_dir, stack)?.join(RUNS))
}

/// The ids of all stacks that have a state in `state_dir`, in order.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn stacks(state_dir: &Path) -> Result<Vec<String>, StateError> {
    let reading = |error| StateError::io("reading the folder", state_dir, error);
    let entries = match fs::read_dir(state_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reading(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(reading)?;
        if entry.path().join(DATABASE).is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Moves a stack's database, damaged as it may be, to a folder `set-aside-<time>` beside it, so that a
/// backup can be imported into a new one. Returns that folder; the backups stay where they are.
///
/// # Errors
/// [`StateError::Held`] while somebody works on the stack; [`StateError::Absent`] when there is nothing to
/// move; otherwise what the file system says.
pub fn set_aside(state_dir: &Path, stack: &StackId, holder: Holder) -> Result<PathBuf, StateError> {
    let folder = folder(state_dir, stack)?;
    let present: Vec<&str> = [DATABASE, committed::FILE]
        .into_iter()
        .filter(|name| folder.join(name).exists())
        .collect();
    if present.is_empty() {
        return Err(StateError::Absent {
            stack: stack.to_string(),
            path: folder,
        });
    }
    let since = holder.since_unix_ms;
    let _lease = Lease::acquire(&folder, holder, Duration::ZERO)?;
    let aside = folder.join(format!("set-aside-{since}"));
    create_private_folder(&aside)?;
    for name in present {
        let from = folder.join(name);
        fs::rename(&from, aside.join(name)).map_err(|error| StateError::io("moving", &from, error))?;
    }
    sync_folder(&folder)?;
    Ok(aside)
}

/// A stack's open database, and what keeps others out of it. Dropped in this order.
#[derive(Debug)]
pub(crate) struct Opened {
    pub db: sled::Db,
    /// sled's data file once more, to sync it.
    pub data: File,
    pub committed: Option<committed::Committed>,
    pub lease: Lease,
    pub folder: PathBuf,
}

/// Takes the lease and opens the database.
///
/// # Errors
/// All that [`crate::SledStore::open`] names, but for the content of the database.
pub(crate) fn open(state_dir: &Path, stack: &StackId, request: &Request) -> Result<Opened, StateError> {
    let folder = folder(state_dir, stack)?;
    let database = folder.join(DATABASE);
    let data_path = database.join(DATA_FILE);
    // What must not be opened is found first; once more under the lease, since it may have changed.
    let absent = || StateError::Absent {
        stack: stack.to_string(),
        path: folder.clone(),
    };
    if request.mode == Mode::Existing && !folder.join(committed::FILE).exists() && !data_path.exists() {
        return Err(absent());
    }
    committed::read(&folder)?;
    create_private_folder(&folder)?;
    let lease = Lease::acquire(&folder, request.holder.clone(), request.wait)?;
    let committed = committed::read(&folder)?;
    if !data_path.exists() {
        if let Some(committed) = &committed {
            return Err(StateError::damaged(
                folder.display().to_string(),
                format!(
                    "its database is gone, which held {} journal entries",
                    committed.serial
                ),
            ));
        }
        if request.mode == Mode::Existing {
            return Err(absent());
        }
    }
    create_private_folder(&database)?;
    let db = open_sled(&database)?;
    make_private(&folder)?;
    for made in [&database, &folder, state_dir] {
        sync_folder(made)?;
    }
    let data = File::open(&data_path).map_err(|error| StateError::io("opening", &data_path, error))?;
    Ok(Opened {
        db,
        data,
        committed,
        lease,
        folder,
    })
}

fn open_sled(database: &Path) -> Result<sled::Db, StateError> {
    let config = sled::Config::new()
        .path(database)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        // Durable when a commit says so, and at no other time.
        .flush_every_ms(None);
    let until = Instant::now() + CLOSING_TAKES_AT_MOST;
    loop {
        match guarded(database, "opening", || config.open()) {
            Err(StateError::Io { source, .. })
                if source.to_string().contains("could not acquire lock") && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Calls sled, whose errors become ours, and whose panics on damaged files become errors.
pub(crate) fn guarded<T>(
    database: &Path,
    doing: &str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StateError> {
    let damaged = |what: String| StateError::damaged(database.display().to_string(), what);
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(StateError::io(doing, database, error)),
        Ok(Err(sled::Error::Corruption { .. })) => Err(damaged("its content fails its checksums".into())),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("it cannot be read".into())),
    }
}
