//! The files of a build's context: those that the build gets, and those that `infra` itself has written there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ignore::Ignore;
use crate::error::Error;

/// How files begin that `infra` writes where it is told to, and that are part of no sources: a saved plan and the page
/// of a run. Wherever they lie, under whatever name, and whoever has put them there, they are known by that.
pub const OWN_BEGINNINGS: [&str; 2] = [
    "{\n  \"written_by\": \"infra plan\",\n",
    "<!DOCTYPE html>\n<!-- written by infra report -->\n",
];

/// What lies in a context.
pub(super) struct Files {
    /// What the build gets, in order of path.
    pub(super) files: Vec<Found>,
    /// The paths of what `infra` has written.
    pub(super) own: Vec<PathBuf>,
    ignore: Ignore,
    apart: Vec<PathBuf>,
    doing: String,
}

/// A file or a link of a context.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// From the context on.
    pub(super) path: OsString,
    /// Where it is.
    pub(super) place: PathBuf,
    pub(super) kind: Kind,
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Link,
    Program,
    File,
}

impl Kind {
    /// By which it counts in a fingerprint.
    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Self::Link => b"link",
            Self::Program => b"program",
            Self::File => b"file",
        }
    }
}

impl Files {
    /// Looks through a context, whose path has to be canonical. What the ignore file leaves out, the files and folders of
    /// `apart`, and `.git` are left out.
    pub(super) fn of(context: &Path, ignore: Ignore, apart: &[PathBuf], doing: &str) -> Result<Self, Error> {
        let mut files = Self {
            files: Vec::new(),
            own: Vec::new(),
            ignore,
            // What is not there is in no folder.
            apart: apart
                .iter()
                .filter_map(|path| fs::canonicalize(path).ok())
                .collect(),
            doing: doing.to_owned(),
        };
        files.add_folder(context, &PathBuf::new())?;
        files.files.sort();
        Ok(files)
    }

    fn add_folder(&mut self, folder: &Path, path: &Path) -> Result<(), Error> {
        let failed = |error| Error::file(self.doing.as_str(), folder, error);
        let entries = fs::read_dir(folder).map_err(failed)?;
        for entry in entries.collect::<io::Result<Vec<_>>>().map_err(failed)? {
            let (below, place) = (path.join(entry.file_name()), entry.path());
            if entry.file_name() == ".git" || self.apart.contains(&place) {
                continue;
            }
            self.add(&below, &place)
                .map_err(|error| Error::file(self.doing.as_str(), &place, error))
                .and_then(|is_folder| match is_folder {
                    true => self.add_folder(&place, &below),
                    false => Ok(()),
                })?;
        }
        Ok(())
    }

    /// Adds a file or a link that the build gets. Whether it is a folder that has to be looked into.
    fn add(&mut self, path: &Path, place: &Path) -> io::Result<bool> {
        let is_left_out = self.ignore.leaves_out(&path.to_string_lossy());
        let data = fs::symlink_metadata(place)?;
        let kind = data.file_type();
        if kind.is_dir() {
            return Ok(!is_left_out || self.ignore.takes_back());
        }
        if is_left_out {
            return Ok(false);
        }
        let kind = if kind.is_symlink() {
            Kind::Link
        } else if !kind.is_file() {
            // A socket or a pipe is nothing that an image is made of.
            return Ok(false);
        } else if is_own(place)? {
            self.own.push(path.to_owned());
            return Ok(false);
        } else if data.permissions().mode() & 0o100 != 0 {
            Kind::Program
        } else {
            Kind::File
        };
        self.files.push(Found {
            path: path.as_os_str().to_owned(),
            place: place.to_owned(),
            kind,
        });
        Ok(false)
    }
}

/// Whether `infra` has written a file.
fn is_own(place: &Path) -> io::Result<bool> {
    let longest = OWN_BEGINNINGS.iter().map(|text| text.len()).max().unwrap_or(0);
    let mut beginning = Vec::with_capacity(longest);
    File::open(place)?
        .take(longest as u64)
        .read_to_end(&mut beginning)?;
    Ok(OWN_BEGINNINGS
        .iter()
        .any(|text| beginning.starts_with(text.as_bytes())))
}
