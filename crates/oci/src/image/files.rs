//! Named files in a folder or in a tar archive, found without reading what is in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use crate::blob::FileSlice;
use crate::error::{Error, ErrorClass};

/// More files than any image archive has; stops an archive that never ends.
const MOST_ENTRIES: usize = 1_000_000;

/// `docker save` names a layer by a link to another layer; a chain of links ends soon.
const MOST_LINKS: usize = 8;

/// The files of a layout folder or of an archive, by their path with `/`.
pub(super) enum Files {
    Folder(PathBuf),
    Archive {
        path: PathBuf,
        entries: HashMap<String, Entry>,
    },
}

pub(super) enum Entry {
    File(FileSlice),
    Link(String),
}

impl Files {
    /// Reads the table of a tar archive, which may be compressed with gzip. Blocks.
    pub(super) fn of_archive(path: &Path, keep: Option<Arc<TempDir>>) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(|error| wrong_file(path, error))?;
        let mut start = Vec::new();
        (&mut file)
            .take(6)
            .read_to_end(&mut start)
            .map_err(|error| wrong_file(path, error))?;
        file.seek(SeekFrom::Start(0))
            .map_err(|error| wrong_file(path, error))?;
        let entries = match compression(&start) {
            None => table(path, file, keep)?,
            Some("gzip") => {
                let (plain, keep) = decompressed(path, file)?;
                let file = File::open(&plain).map_err(|error| wrong_file(&plain, error))?;
                table(&plain, file, Some(keep))?
            }
            Some(other) => {
                return Err(
                    Error::invalid(opening(path), format!("the archive is compressed with {other}"))
                        .with_hint("decompress it, or compress it with gzip"),
                );
            }
        };
        if entries.is_empty() {
            return Err(Error::invalid(opening(path), "there is nothing in the archive")
                .with_hint("an image archive is written by `docker save` or as an OCI archive"));
        }
        Ok(Self::Archive {
            path: path.to_owned(),
            entries,
        })
    }

    /// The path that the user gave.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Archive { path, .. } => path,
        }
    }

    /// Where a file is; `None` if there is none of that name. Blocks shortly.
    pub(super) fn find(&self, name: &str) -> Result<Option<FileSlice>, Error> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                match std::fs::metadata(&path) {
                    Ok(data) => Ok(Some(FileSlice {
                        path: path.into(),
                        offset: 0,
                        length: data.len(),
                        keep: None,
                    })),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(wrong_file(&path, error)),
                }
            }
            Self::Archive { path, entries } => {
                let mut name = normal(name);
                for _ in 0..MOST_LINKS {
                    match entries.get(&name) {
                        None => return Ok(None),
                        Some(Entry::File(slice)) => return Ok(Some(slice.clone())),
                        Some(Entry::Link(target)) => name.clone_from(target),
                    }
                }
                Err(Error::invalid(
                    opening(path),
                    format!("`{name}` is a link that leads nowhere"),
                ))
            }
        }
    }

    /// The bytes of a small file; `None` if there is none of that name. Blocks.
    pub(super) fn read(&self, name: &str, limit_bytes: u64) -> Result<Option<Bytes>, Error> {
        let Some(slice) = self.find(name)? else {
            return Ok(None);
        };
        if slice.length > limit_bytes {
            let problem = format!("`{name}` has more than the {limit_bytes} bytes allowed");
            return Err(Error::invalid(opening(self.path()), problem));
        }
        let mut bytes = Vec::new();
        let mut read = || {
            let mut file = File::open(&slice.path)?;
            file.seek(SeekFrom::Start(slice.offset))?;
            file.take(slice.length).read_to_end(&mut bytes)
        };
        read().map_err(|error| wrong_file(&slice.path, error))?;
        Ok(Some(bytes.into()))
    }
}

pub(super) fn opening(path: &Path) -> String {
    format!("opening image `{}`", path.display())
}

fn wrong_file(path: &Path, error: std::io::Error) -> Error {
    Error::file("opening an image", path, error)
}

fn compression(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 4] = [
        (&[0x1f, 0x8b], "gzip"),
        (b"BZh", "bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    ];
    known
        .into_iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map(|(_, name)| name)
}

/// A compressed archive cannot be read from the middle, so it is written out once.
fn decompressed(path: &Path, file: File) -> Result<(PathBuf, Arc<TempDir>), Error> {
    let folder = TempDir::new().map_err(|error| wrong_file(path, error))?;
    let plain = folder.path().join("archive.tar");
    let mut target = File::create(&plain).map_err(|error| wrong_file(&plain, error))?;
    let mut source = MultiGzDecoder::new(std::io::BufReader::new(file));
    std::io::copy(&mut source, &mut target).map_err(|error| {
        let class = match error.kind() {
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => ErrorClass::Invalid,
            std::io::ErrorKind::UnexpectedEof => ErrorClass::Invalid,
            _ => ErrorClass::Other,
        };
        Error::new(class, opening(path), "the archive cannot be decompressed").caused_by(error)
    })?;
    Ok((plain, Arc::new(folder)))
}

fn table(path: &Path, file: File, keep: Option<Arc<TempDir>>) -> Result<HashMap<String, Entry>, Error> {
    let damaged = |problem: String| {
        Error::invalid(opening(path), problem)
            .with_hint("an image archive is a tar file written by `docker save` or as an OCI archive")
    };
    let no_tar =
        |error: std::io::Error| damaged("it cannot be read as a tar archive".to_owned()).caused_by(error);
    let end = file.metadata().map_err(|error| wrong_file(path, error))?.len();
    let shared: Arc<Path> = path.into();
    let mut archive = tar::Archive::new(file);
    let mut entries = HashMap::new();
    for (count, entry) in archive.entries_with_seek().map_err(no_tar)?.enumerate() {
        if count == MOST_ENTRIES {
            return Err(damaged(format!("it has more than {MOST_ENTRIES} entries")));
        }
        let entry = entry.map_err(no_tar)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_file() || kind.is_contiguous() {
            let (offset, length) = (entry.raw_file_position(), entry.size());
            if offset.checked_add(length).is_none_or(|last| last > end) {
                return Err(damaged(format!("it ends in the middle of `{name}`")));
            }
            let slice = FileSlice {
                path: Arc::clone(&shared),
                offset,
                length,
                keep: keep.clone(),
            };
            entries.insert(normal(&name), Entry::File(slice));
        } else if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default();
            let target = String::from_utf8_lossy(&target).into_owned();
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            // A symbolic link is relative to its own folder, a hard link to the root of the archive.
            let target = if kind.is_symlink() {
                format!("{folder}/{target}")
            } else {
                target
            };
            entries.insert(normal(&name), Entry::Link(normal(&target)));
        }
    }
    Ok(entries)
}

/// A path without `.`, `..` and doubled slashes. It is only ever a key, never a path on disk.
fn normal(name: &str) -> String {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
