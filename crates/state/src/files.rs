//! Files and folders that only their owner may read, written so that a crash leaves the old or the new.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::StateError;

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

/// Creates `path` and what is missing above it, each for its owner alone (0700). What is there stays as
/// it is.
///
/// # Errors
/// When the file system refuses.
pub fn create_private_folder(path: &Path) -> Result<(), StateError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder
        .create(path)
        .map_err(|error| StateError::io("creating the folder", path, error))
}

/// Takes everybody's rights but the owner's from `folder` and all that is in it: 0700 for folders, 0600
/// for files.
///
/// # Errors
/// When the file system refuses.
pub fn make_private(folder: &Path) -> Result<(), StateError> {
    #[cfg(unix)]
    {
        set_mode(folder, 0o700)?;
        let entries =
            fs::read_dir(folder).map_err(|error| StateError::io("reading the folder", folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| StateError::io("reading the folder", folder, error))?;
            let kind = entry
                .file_type()
                .map_err(|error| StateError::io("looking at", &entry.path(), error))?;
            if kind.is_dir() {
                make_private(&entry.path())?;
            } else if kind.is_file() {
                set_mode(&entry.path(), 0o600)?;
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), StateError> {
    let found = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        // A database may remove a file of its own at any time.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StateError::io("looking at", path, error)),
    };
    if found == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| StateError::io("setting the permissions of", path, error))
}

/// Options that create a file for its owner alone (0600).
pub(crate) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600);
    options
}

/// Writes a file for its owner alone (0600) in one step: whoever reads `path`, even after a crash, finds
/// the old content or the whole new one.
///
/// # Errors
/// When the file system refuses; the old content is then still there.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = private_options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return Err(StateError::io("writing", path, error));
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Writes a file for its owner alone (0600), bit by bit. What is there is written over in its place, since it may be a
/// pipe or a device; the rights of others are taken from a file first.
///
/// # Errors
/// When the file system refuses.
pub fn open_private(path: &Path) -> Result<File, StateError> {
    let opening = || -> std::io::Result<File> {
        let file = private_options().write(true).create(true).open(path)?;
        if file.metadata()?.is_file() {
            #[cfg(unix)]
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.set_len(0)?;
        }
        Ok(file)
    };
    opening().map_err(|error| StateError::io("writing", path, error))
}

/// As [`write_private`], unless there is such a file: then that one stays, and that is no error.
///
/// # Errors
/// When the file system refuses.
pub fn write_private_once(path: &Path, content: &[u8]) -> Result<(), StateError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Nobody else's, in this process or another.
    let own = format!(
        "{}-{}.new",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let temporary = path.with_extension(own);
    write_private(&temporary, content)?;
    // Unlike a rename, a link never takes the place of another.
    let linked = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(StateError::io("writing", path, error));
        }
        _ => removed.map_err(|error| StateError::io("removing", &temporary, error))?,
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable: a new file is safe only once its folder is.
///
/// # Errors
/// When the file system refuses.
pub fn sync_folder(folder: &Path) -> Result<(), StateError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| StateError::io("syncing the folder", folder, error))
}
