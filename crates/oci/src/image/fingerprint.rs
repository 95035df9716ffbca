//! What the files of a build are known by before it is run.
//!
//! Two checkouts of the same sources have the same fingerprint, on any machine: when files were written, by whom, and
//! where they lie does not count. What counts is what git keeps of them: paths, contents, whether they may be executed,
//! and where symbolic links lead. Folders count by what is in them. What `.dockerignore` leaves out does not count;
//! neither do `.git`, whose files differ from clone to clone, and what `infra` itself writes.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Build;
use super::context::{Files, Kind};
use super::ignore::Ignore;
use crate::blob::blocking;
use crate::error::Error;

/// What the files of a build are known by: those of its context that the build gets, and its Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

/// Another way to work it out has another beginning.
const SCHEME: &str = "files-sha256:";

/// Where a Dockerfile is looked for when none is named; podman and buildah know the second name too.
const DOCKERFILES: [&str; 2] = ["Dockerfile", "Containerfile"];

const BUFFER_BYTES: usize = 128 * 1024;

impl Fingerprint {
    /// Whether a text has the form of a fingerprint that was worked out here.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Build {
    /// Reads the files of the context and the Dockerfile; no build tool is needed for that. Files and folders of
    /// `apart` do not count, wherever they are.
    ///
    /// # Errors
    /// There is no such context or Dockerfile, something cannot be read, or `.dockerignore` is not well formed.
    pub async fn fingerprint(&self, apart: &[PathBuf]) -> Result<Fingerprint, Error> {
        let (build, apart) = (self.clone(), apart.to_owned());
        blocking(move || build.read_files(&apart)).await
    }

    fn read_files(&self, apart: &[PathBuf]) -> Result<Fingerprint, Error> {
        let doing = format!("reading the context `{}`", self.context.display());
        // Its own path, by which what is apart can be told.
        let context = fs::canonicalize(&self.context)
            .map_err(|error| Error::file(doing.as_str(), &self.context, error))?;
        if !context.is_dir() {
            return Err(Error::invalid(doing, "it is no folder")
                .with_hint("`context` names the folder whose files the build may use"));
        }
        let mut all = Sha256::new();
        for dockerfile in self.dockerfiles(&doing)? {
            let content =
                content(&dockerfile).map_err(|error| Error::file(doing.as_str(), &dockerfile, error))?;
            field(&mut all, b"dockerfile");
            field(&mut all, &content);
        }
        let found = Files::of(&context, self.ignore(&doing)?, apart, &doing)?;
        for file in found.files {
            let content = match file.kind {
                Kind::Link => {
                    fs::read_link(&file.place).map(|target| target.as_os_str().as_bytes().to_owned())
                }
                Kind::Program | Kind::File => content(&file.place),
            };
            field(&mut all, file.path.as_bytes());
            field(&mut all, file.kind.name());
            field(
                &mut all,
                &content.map_err(|error| Error::file(doing.as_str(), &file.place, error))?,
            );
        }
        Ok(Fingerprint(format!("{SCHEME}{}", hex::encode(all.finalize()))))
    }

    /// The one that is named, or those of the usual names.
    pub(super) fn dockerfiles(&self, doing: &str) -> Result<Vec<PathBuf>, Error> {
        if let Some(dockerfile) = &self.dockerfile {
            return Ok(vec![dockerfile.clone()]);
        }
        let usual = DOCKERFILES.map(|name| self.context.join(name));
        let found: Vec<PathBuf> = usual.into_iter().filter(|path| path.is_file()).collect();
        if found.is_empty() {
            return Err(Error::invalid(doing, "there is no Dockerfile in it")
                .with_hint("`dockerfile` names one that is elsewhere, by its path from the context on"));
        }
        Ok(found)
    }

    /// An ignore file for this Dockerfile alone, which comes before that of the context.
    pub(super) fn ignore_file_of_dockerfile(&self) -> Option<PathBuf> {
        let usual = || self.context.join(DOCKERFILES[0]);
        let mut path = OsString::from(self.dockerfile.clone().unwrap_or_else(usual));
        path.push(".dockerignore");
        Some(PathBuf::from(path)).filter(|path| path.is_file())
    }

    /// The ignore file that counts.
    pub(super) fn ignore_file(&self) -> Option<PathBuf> {
        let usual = || Some(self.context.join(".dockerignore")).filter(|path| path.is_file());
        self.ignore_file_of_dockerfile().or_else(usual)
    }

    pub(super) fn ignore(&self, doing: &str) -> Result<Ignore, Error> {
        let Some(path) = self.ignore_file() else {
            return Ok(Ignore::default());
        };
        let text = fs::read_to_string(&path).map_err(|error| Error::file(doing, &path, error))?;
        Ignore::parse(&path, &text)
    }
}

/// Each with its length before it, so that no two rows of them are the same.
fn field(all: &mut Sha256, bytes: &[u8]) {
    all.update((bytes.len() as u64).to_be_bytes());
    all.update(bytes);
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().to_vec()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
