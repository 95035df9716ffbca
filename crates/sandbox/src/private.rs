//! Files and folders that only their owner may read: the emulator holds whatever a stack holds, secrets too.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::SandboxError;

/// Creates a folder with what is missing above it; one that is there is made private.
pub(crate) fn folder(path: &Path) -> Result<(), SandboxError> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| set_permissions(path, Permissions::from_mode(0o700)))
        .map_err(SandboxError::file("create", path))
}

/// Creates a file, or empties the one that is there and makes it private.
pub(crate) fn file(path: &Path) -> Result<File, SandboxError> {
    open(path).map_err(SandboxError::file("create", path))
}

/// Writes a file in one step: whoever reads it finds the old content or the new.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), SandboxError> {
    let fresh = path.with_added_extension("new");
    open(&fresh)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(SandboxError::file("write", &fresh))?;
    std::fs::rename(&fresh, path).map_err(SandboxError::file("write", path))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}
