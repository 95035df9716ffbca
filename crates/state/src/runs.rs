//! The records of runs: a file of JSON lines for each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use infra_core::RunId;

use crate::error::StateError;
use crate::files::{create_private_folder, private_options};

/// So many of the newest records stay.
pub const RECORDS_KEPT: usize = 50;

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFile {
    /// Where it is.
    pub path: PathBuf,
    /// The run.
    pub run: RunId,
}

/// Makes a file (0600) in `folder` for the record of a run that begins now, and removes all but the newest
/// [`RECORDS_KEPT`]. `serial` is that of the state, `at_unix_ms` the run's start in milliseconds since 1970.
///
/// # Errors
/// When the file system refuses.
pub fn create_record(folder: &Path, run: &RunId, serial: u64, at_unix_ms: u64) -> Result<File, StateError> {
    create_private_folder(folder)?;
    let start = i64::try_from(at_unix_ms)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H-%M-%S.%3fZ")
        .to_string();
    let run: String = run
        .0
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
        .take(64)
        .collect();
    let path = folder.join(format!("{start}_{serial:08}_{run}.jsonl"));
    let file = private_options()
        .append(true)
        .create(true)
        .open(&path)
        .map_err(|error| StateError::io("creating", &path, error))?;
    let all = records(folder)?;
    for old in &all[..all.len().saturating_sub(RECORDS_KEPT)] {
        fs::remove_file(&old.path).map_err(|error| StateError::io("removing", &old.path, error))?;
    }
    Ok(file)
}

/// The records in `folder`, the oldest first; none if there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn records(folder: &Path) -> Result<Vec<RecordFile>, StateError> {
    let reading = |error| StateError::io("reading the folder", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reading(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(reading)?;
        if let Some(run) = entry.file_name().to_str().and_then(run_of) {
            found.push(RecordFile {
                path: entry.path(),
                run: RunId(run.to_owned()),
            });
        }
    }
    // The name begins with the time.
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The run that a file's name speaks of; somebody else's file is neither listed nor removed.
fn run_of(name: &str) -> Option<&str> {
    let mut parts = name.strip_suffix(".jsonl")?.splitn(3, '_');
    let (time, serial, run) = (parts.next()?, parts.next()?, parts.next()?);
    let is_ours = time.len() == "2026-01-01T00-00-00.000Z".len()
        && time.ends_with('Z')
        && serial.len() >= 8
        && serial.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then_some(run)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_newest_fifty_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("runs");
        assert!(records(&folder).unwrap().is_empty());
        for round in 0..RECORDS_KEPT as u64 + 3 {
            // A state that was begun anew counts from 1 again.
            let run = RunId(format!("run-{round}/../x"));
            let mut file = create_record(&folder, &run, 1000 - round, 1_700_000_000_000 + round).unwrap();
            writeln!(file, "{{}}").unwrap();
        }
        fs::write(folder.join("notes.jsonl"), "mine").unwrap();
        let kept = records(&folder).unwrap();
        assert_eq!(kept.len(), RECORDS_KEPT);
        assert_eq!(kept[0].run.0, "run-3x");
        assert_eq!(kept[RECORDS_KEPT - 1].run.0, "run-52x");
        assert!(folder.join("notes.jsonl").exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_a_record() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("runs");
        create_record(&folder, &RunId("run".into()), 1, 1).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = records(&folder).unwrap().remove(0).path;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    }
}
