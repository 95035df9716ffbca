//! Finding, making and opening a stack's database, with every reason not to found before it is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_core::state::STATE_FORMAT_VERSION;
use infra_core::{SealingKey, StackId};
use infra_state::{
    Holder, Lease, StateError, backup_serial, backups, create_private_folder, make_private, sync_folder,
};

use crate::committed;
use crate::database::{DATA_FILE, Database};

/// The folder of sled's own files in a stack's folder.
pub(crate) const DATABASE: &str = "db";
/// The backups' folder in a stack's folder.
pub(crate) const BACKUPS: &str = "backups";
/// The folder of the runs' records in a stack's folder.
const RUNS: &str = "runs";
/// Folders one below the other for one stack.
const PARTS: usize = 4;

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
    /// The key for the state's secrets, which is kept elsewhere.
    pub sealing_key: SealingKey,
}

/// The folder of `stack` in `state_dir`: one below the other for its name, environment, stage and region, so that no
/// two stacks have one.
pub fn folder(state_dir: &Path, stack: &StackId) -> PathBuf {
    stack
        .parts()
        .fold(state_dir.to_owned(), |folder, part| folder.join(part))
}

/// The folders above a stack's, up to that of all states, the nearest first.
pub(crate) fn above(folder: &Path) -> impl Iterator<Item = &Path> {
    folder.ancestors().skip(1).take(PARTS)
}

/// The folder of `stack`'s backups in `state_dir`, whether it is there or not.
pub fn backups_folder(state_dir: &Path, stack: &StackId) -> PathBuf {
    folder(state_dir, stack).join(BACKUPS)
}

/// Where the records of a stack's runs belong. The stack need not be open, or be there at all.
pub fn runs_folder(state_dir: &Path, stack: &StackId) -> PathBuf {
    folder(state_dir, stack).join(RUNS)
}

/// All stacks that have a state in `state_dir`, in order.
///
/// # Errors
/// When a folder is there and cannot be read.
pub fn stacks(state_dir: &Path) -> Result<Vec<StackId>, StateError> {
    let mut found = vec![(state_dir.to_owned(), String::new())];
    for _ in 0..PARTS {
        let mut inner = Vec::new();
        for (folder, above) in found {
            for name in folders(&folder)? {
                let id = if above.is_empty() {
                    name.clone()
                } else {
                    format!("{above}/{name}")
                };
                inner.push((folder.join(name), id));
            }
        }
        found = inner;
    }
    let mut stacks: Vec<StackId> = found
        .into_iter()
        .filter(|(folder, _)| folder.join(DATABASE).is_dir())
        .filter_map(|(_, id)| id.parse().ok())
        .collect();
    stacks.sort();
    Ok(stacks)
}

/// The names of the folders in one; none if it is not there.
fn folders(folder: &Path) -> Result<Vec<String>, StateError> {
    let reading = |error| StateError::io("reading the folder", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reading(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(reading)?;
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Format 1 kept a stack's state in `<name>-<stage>-<region>`. Who began a new one beside it would make everything a
/// second time.
///
/// # Errors
/// [`StateError::OtherFormat`] when there is such a state.
pub(crate) fn refuse_old(state_dir: &Path, stack: &StackId) -> Result<(), StateError> {
    let [name, _, stage, region] = stack.named_parts();
    let old = state_dir.join(format!("{name}-{stage}-{region}"));
    if old.join(committed::FILE).is_file() || old.join(DATABASE).join(DATA_FILE).is_file() {
        return Err(StateError::OtherFormat {
            location: old.display().to_string(),
            found: 1,
            supported: STATE_FORMAT_VERSION,
        });
    }
    Ok(())
}

/// A stack's open database, and what keeps others out of it. Dropped in this order.
#[derive(Debug)]
pub(crate) struct Opened {
    pub database: Database,
    pub committed: Option<committed::Committed>,
    pub lease: Lease,
    pub folder: PathBuf,
}

/// Takes the lease and opens the database.
///
/// # Errors
/// All that [`crate::SledStore::open`] names, but for the content of the database.
pub(crate) fn open(state_dir: &Path, stack: &StackId, request: &Request) -> Result<Opened, StateError> {
    refuse_old(state_dir, stack)?;
    let folder = folder(state_dir, stack);
    let path = folder.join(DATABASE);
    let data_path = path.join(DATA_FILE);
    // What must not be opened is found first; once more under the lease, since it may have changed.
    let absent = || StateError::Absent {
        stack: stack.to_string(),
        path: folder.clone(),
    };
    if request.mode == Mode::Existing
        && !folder.join(committed::FILE).exists()
        && !data_path.exists()
        && newest_backup(&folder)?.is_none()
    {
        return Err(absent());
    }
    committed::read(&folder)?;
    create_private_folder(&folder)?;
    let lease = Lease::acquire(&folder, stack, request.holder.clone(), request.wait)?;
    let committed = committed::read(&folder)?;
    if !data_path.exists() {
        // A new state in the place of one that was lost would make everything a second time.
        let lost = match (&committed, newest_backup(&folder)?) {
            (Some(committed), _) => Some(format!("which held {} journal entries", committed.serial)),
            (None, Some(serial)) => Some(format!("of which there is a backup with serial {serial}")),
            (None, None) => None,
        };
        if let Some(lost) = lost {
            let what = format!("its database is gone, {lost}");
            return Err(StateError::damaged(folder.display().to_string(), what));
        }
        if request.mode == Mode::Existing {
            return Err(absent());
        }
    }
    // The note is written after that: where there is one, the folders are known to be durable.
    let is_durable = committed.is_some() && data_path.exists();
    create_private_folder(&path)?;
    let database = Database::open(&path, &folder)?;
    make_private(&folder)?;
    if !is_durable {
        for made in [path.as_path(), &folder].into_iter().chain(above(&folder)) {
            sync_folder(made)?;
        }
    }
    Ok(Opened {
        database,
        committed,
        lease,
        folder,
    })
}

/// The serial of the newest backup in a stack's folder, by its name.
///
/// # Errors
/// When the folder is there and cannot be read.
pub(crate) fn newest_backup(folder: &Path) -> Result<Option<u64>, StateError> {
    let all = backups(&folder.join(BACKUPS))?;
    Ok(all.last().and_then(|path| backup_serial(path)))
}
