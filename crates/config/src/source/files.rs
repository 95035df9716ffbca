//! The only way to a file: a trait with one method, so that a stack can be read from memory as well.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where texts are read from: stack files, includes and what the function `file` names.
pub trait Files: Send + Sync {
    /// The whole text of a file.
    ///
    /// # Errors
    /// As `std::fs::read_to_string`: not there, not allowed, not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// The files of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// Files in memory by path: those that a saved plan brings along, or those of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryFiles(BTreeMap<PathBuf, String>);

impl MemoryFiles {
    /// Files by path; a path is looked up as [`UsedInputs::files`](crate::UsedInputs::files) spells it.
    pub fn new(files: BTreeMap<PathBuf, String>) -> Self {
        Self(files)
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file in memory"))
    }
}

/// `path` as it is meant in a file that stands at `from`: relative to its folder, without `.` and `a/..`; `.` where
/// nothing else is left.
pub(crate) fn beside(from: &Path, path: impl AsRef<Path>) -> PathBuf {
    let joined = from.parent().unwrap_or(Path::new("")).join(path);
    let mut plain = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    if plain.as_os_str().is_empty() {
        plain.push(Component::CurDir);
    }
    plain
}

/// What an error of reading means to a person, without the path.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "reading it is not allowed".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads each file once and keeps its text. After [`FileCache::close`] only kept texts are given out, so that
/// what a plan was made from is all that there is when it is carried out.
pub(crate) struct FileCache {
    inner: Mutex<CacheState>,
}

struct CacheState {
    reader: Option<Arc<dyn Files>>,
    kept: BTreeMap<PathBuf, Result<Arc<str>, String>>,
}

impl FileCache {
    /// A cache in front of `reader`.
    pub(crate) fn new(reader: Arc<dyn Files>) -> Self {
        Self {
            inner: Mutex::new(CacheState {
                reader: Some(reader),
                kept: BTreeMap::new(),
            }),
        }
    }

    /// The text of `path`, or the reason why there is none.
    pub(crate) fn read(&self, path: &Path) -> Result<Arc<str>, String> {
        let mut state = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = state.kept.get(path) {
            return kept.clone();
        }
        let Some(reader) = &state.reader else {
            return Err("its path was not known when the stack file was read".to_owned());
        };
        let text = reader.read(path).map(Arc::from).map_err(|error| reason(&error));
        state.kept.insert(path.to_owned(), text.clone());
        text
    }

    /// Reads no further file from now on.
    pub(crate) fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).reader = None;
    }

    /// All texts read so far.
    pub(crate) fn texts(&self) -> BTreeMap<PathBuf, String> {
        let state = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .kept
            .iter()
            .filter_map(|(path, text)| Some((path.clone(), text.as_ref().ok()?.to_string())))
            .collect()
    }
}

impl std::fmt::Debug for FileCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileCache")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_meant_from_the_folder_of_the_file() {
        for (from, path, expected) in [
            ("stacks/dev.toml", "blueprints/a.toml", "stacks/blueprints/a.toml"),
            ("stacks/dev.toml", "../app/./image.tar", "app/image.tar"),
            ("dev.toml", "../../x", "../../x"),
            ("stacks/dev.toml", "..", "."),
            ("dev.toml", ".", "."),
            ("stacks/dev.toml", "/etc/x", "/etc/x"),
        ] {
            assert_eq!(beside(Path::new(from), path), Path::new(expected));
        }
    }
}
