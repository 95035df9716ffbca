//! The note beside the database: its format, and up to which serial it must reach.
//!
//! It is read before the database is touched, so that a newer format is refused in time. It is written
//! after each durable commit and not synced: after a power failure it may lag behind, but it never
//! promises more than the database holds. So a database that has less was damaged, and one without its note,
//! which is never removed, cannot be trusted to have it all.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use infra_core::state::STATE_FORMAT_VERSION;
use infra_state::{StateError, write_private};
use serde::{Deserialize, Serialize};

/// The file's name in a stack's folder.
pub(crate) const FILE: &str = "committed";
/// The file is padded to this length and overwritten in place, which one sector's write does as a whole.
const LENGTH: usize = 256;

/// What the note says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    /// The format of the state and of this store.
    pub format: u32,
    /// The state's lineage.
    pub lineage: String,
    /// The last serial that was acknowledged.
    pub serial: u64,
    /// The lineage that an import is about to put in its place: a crash leaves the one or the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_lineage: Option<String>,
}

impl Committed {
    /// Whether a database of this lineage belongs to the note.
    pub fn is_of(&self, lineage: &str) -> bool {
        self.lineage == lineage || self.next_lineage.as_deref() == Some(lineage)
    }
}

/// Just the format: all that a note of a newer version must still have.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Reads the note in a stack's folder; `None` when there is none, or half of one.
///
/// # Errors
/// [`StateError::OtherFormat`], or what the file system says.
pub(crate) fn read(folder: &Path) -> Result<Option<Committed>, StateError> {
    let path = folder.join(FILE);
    let mut text = String::new();
    let read = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(None),
        Err(error) => return Err(StateError::io("reading", &path, error)),
    }
    check_format(
        folder,
        serde_json::from_str::<Format>(&text)
            .ok()
            .map(|found| found.format),
    )?;
    Ok(serde_json::from_str(&text).ok())
}

/// Refuses any format but our own.
///
/// # Errors
/// [`StateError::OtherFormat`].
pub(crate) fn check_format(folder: &Path, format: Option<u32>) -> Result<(), StateError> {
    match format {
        Some(found) if found != STATE_FORMAT_VERSION => Err(StateError::OtherFormat {
            location: folder.display().to_string(),
            found,
            supported: STATE_FORMAT_VERSION,
        }),
        _ => Ok(()),
    }
}

/// The note, open for writing.
#[derive(Debug)]
pub(crate) struct Note {
    file: File,
    path: PathBuf,
}

impl Note {
    /// Writes the note anew and keeps it open.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn create(folder: &Path, committed: &Committed) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        write_private(&path, &padded(committed, &path)?)?;
        Self::open(folder)
    }

    /// Keeps the note open as it is.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn open(folder: &Path) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(|error| StateError::io("opening", &path, error))?;
        Ok(Self { file, path })
    }

    /// Overwrites what it says.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn write(&mut self, committed: &Committed) -> Result<(), StateError> {
        let text = padded(committed, &self.path)?;
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&text))
            // Only after a lineage of unusual length was there anything behind it.
            .and_then(|()| self.file.set_len(text.len() as u64))
            .map_err(|error| StateError::io("writing", &self.path, error))
    }

    /// The same, durable: for what must be known after a power failure.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn write_durably(&mut self, committed: &Committed) -> Result<(), StateError> {
        self.write(committed)?;
        self.file
            .sync_data()
            .map_err(|error| StateError::io("writing", &self.path, error))
    }
}

fn padded(committed: &Committed, path: &Path) -> Result<Vec<u8>, StateError> {
    let mut text = serde_json::to_vec(committed).map_err(|error| StateError::Unwritable {
        what: path.display().to_string(),
        why: error.to_string(),
    })?;
    text.resize(text.len().max(LENGTH - 1), b' ');
    text.push(b'\n');
    Ok(text)
}
