//! A JSON copy of the state per run.

use std::fs;
use std::path::{Path, PathBuf};

use infra_core::State;
use infra_core::state::RunId;

use crate::error::StateError;
use crate::exchange::export;
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

/// The backups in `folder`, the oldest first; none if there is no such folder.
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
        if entry.file_name().to_str().is_some_and(is_backup) {
            found.push(entry.path());
        }
    }
    // The name begins with the time.
    found.sort();
    Ok(found)
}

/// A file of somebody else's in the folder is neither listed nor removed.
fn is_backup(name: &str) -> bool {
    let mut parts = name.splitn(3, '_');
    let (Some(time), Some(serial), Some(run)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    time.len() == "2026-01-01T00-00-00.000Z".len()
        && time.ends_with('Z')
        && serial.len() >= 8
        && serial.bytes().all(|byte| byte.is_ascii_digit())
        && run.ends_with(".json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::import;
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
        written.sort();
        assert_eq!(kept, written[5..]);
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
