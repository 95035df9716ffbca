//! JSON copies of the state: before a run and after it.

use std::fs;
use std::path::{Path, PathBuf};

use infra_core::{RunId, StackId, State};

use crate::error::StateError;
use crate::exchange::{ImportError, export, import};
use crate::files::{create_private_folder, write_private};

/// So many of the newest backups stay.
pub const BACKUPS_KEPT: usize = 30;

/// Writes `state` to `folder` for `run` (0600, all or nothing), removes all but the newest
/// [`BACKUPS_KEPT`], and returns the new file. A second backup of one run is a second file.
///
/// # Errors
/// When the file system refuses; what was there is then still there.
pub fn backup(state: &State, folder: &Path, run: &RunId) -> Result<PathBuf, StateError> {
    create_private_folder(folder)?;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S.%3fZ");
    let run: String = run
        .0
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    let path = folder.join(format!("{now}_{:08}_{run}.json", state.serial));
    write_private(&path, export(state)?.as_bytes())?;
    let all = backups(folder)?;
    for old in &all[..all.len().saturating_sub(BACKUPS_KEPT)] {
        fs::remove_file(old).map_err(|error| StateError::io("removing", old, error))?;
    }
    Ok(path)
}

/// The backups in `folder` by their serials, the oldest first; none if there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn backups(folder: &Path) -> Result<Vec<PathBuf>, StateError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::io("reading the folder", folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| StateError::io("reading the folder", folder, error))?;
        if let Some(serial) = backup_serial(&entry.path()) {
            found.push((serial, entry.path()));
        }
    }
    // Clocks go back, serials do not. Of the same serial, the name, which begins with the time, decides.
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The serial of a backup, by its name; `None` for a file of somebody else's, which is neither listed nor
/// removed.
pub fn backup_serial(path: &Path) -> Option<u64> {
    let mut parts = path.file_name()?.to_str()?.splitn(3, '_');
    let (time, serial, run) = (parts.next()?, parts.next()?, parts.next()?);
    let is_backup = time.len() == "2026-01-01T00-00-00.000Z".len()
        && time.ends_with('Z')
        && serial.len() >= 8
        && serial.bytes().all(|byte| byte.is_ascii_digit())
        && run.ends_with(".json");
    is_backup.then(|| serial.parse().ok()).flatten()
}

/// When a backup was made, by its name, for people.
pub fn backup_time(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let time = name.split('_').next().unwrap_or_default();
    match time.split_once('T') {
        Some((day, clock)) => {
            let clock = clock.split('.').next().unwrap_or_default();
            format!("{day} {} UTC", clock.replace('-', ":"))
        }
        None => name.into_owned(),
    }
}

/// A backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] StateError),
    /// It is no state of the stack, or damaged itself.
    #[error("the backup {} cannot be used", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
}

/// The state of `stack` in a backup.
///
/// # Errors
/// When it cannot be read, or is no sound state of that stack.
pub fn read_backup(path: &Path, stack: &StackId) -> Result<State, BackupError> {
    let text = fs::read_to_string(path).map_err(|error| StateError::io("reading", path, error))?;
    match import(&text, stack, None, true) {
        Ok(imported) => Ok(imported.state),
        Err(source) => Err(BackupError::Content {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The highest serial among the backups in `folder` that can be read and are of this lineage.
///
/// # Errors
/// When the folder cannot be read.
pub fn newest_of_lineage(folder: &Path, stack: &StackId, lineage: &str) -> Result<Option<u64>, StateError> {
    let all = backups(folder)?;
    let states = all.iter().rev().filter_map(|path| read_backup(path, stack).ok());
    Ok(states
        .filter(|state| state.lineage == lineage)
        .map(|state| state.serial)
        .next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_state;

    #[test]
    fn the_newest_thirty_stay_and_can_be_imported() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("backups");
        assert!(backups(&folder).unwrap().is_empty());
        let mut state = sample_state();
        let mut written = Vec::new();
        for round in 0..BACKUPS_KEPT + 5 {
            state.serial += 1;
            written.push(backup(&state, &folder, &RunId(format!("../run {round}"))).unwrap());
        }
        fs::write(folder.join("notes.json"), "mine").unwrap();
        let kept = backups(&folder).unwrap();
        assert_eq!(kept, written[5..]);
        assert_eq!(backup_serial(&kept[BACKUPS_KEPT - 1]), Some(state.serial));
        assert_eq!(backup_serial(&folder.join("notes.json")), None);
        let text = fs::read_to_string(&kept[BACKUPS_KEPT - 1]).unwrap();
        assert_eq!(
            import(&text, &state.stack, None, false).unwrap().state.serial,
            state.serial
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_a_backup() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("backups");
        let path = backup(&sample_state(), &folder, &RunId("run".into())).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    }
}
