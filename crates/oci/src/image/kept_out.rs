//! What goes into no image although it lies in the context of a build: it is added to the ignore file.
//!
//! The sources stay as they are. The build gets a copy of its Dockerfile, and beside that an ignore file of its own, which
//! comes before that of the context with BuildKit, and which podman and buildah are given by name.
//! <https://docs.docker.com/build/concepts/context/#filename-and-location>

use std::fs;
use std::path::{Path, PathBuf};

use super::Build;
use super::context::Files;
use crate::error::Error;

/// The copy's name.
const DOCKERFILE: &str = "Dockerfile";

impl Build {
    /// The same build without the files and folders of `apart` and what `infra` has written, its Dockerfile copied to
    /// `folder`. `None` where nothing of them lies in the context, or the ignore file leaves it out already. Of two Dockerfiles with the usual names the
    /// second is taken if the tool `prefers_containerfile`. Blocks.
    pub(super) fn keeping_out(
        &self,
        apart: &[PathBuf],
        folder: &Path,
        prefers_containerfile: bool,
        doing: &str,
    ) -> Result<Option<Self>, Error> {
        let Ok(context) = fs::canonicalize(&self.context) else {
            return Ok(None); // The tool says what is wrong with it.
        };
        if !context.is_dir() {
            return Ok(None);
        }
        let inside = apart.iter().filter_map(|path| {
            let path = fs::canonicalize(path).ok()?;
            let below = path.strip_prefix(&context).ok()?;
            Some(below.to_string_lossy().into_owned()).filter(|below| !below.is_empty())
        });
        let ignore = self.ignore(doing)?;
        let own = Files::of(&context, ignore.clone(), apart, doing)?.own;
        let own = own.iter().map(|path| path.to_string_lossy().into_owned());
        let inside: Vec<String> = inside.chain(own).collect();
        let patterns: Vec<String> = inside
            .iter()
            .filter(|path| !ignore.leaves_out(path) || ignore.takes_back())
            .map(|path| pattern(path))
            .collect();
        if patterns.is_empty() {
            return Ok(None);
        }
        let dockerfiles = self.dockerfiles(doing)?;
        let taken = match prefers_containerfile {
            true => dockerfiles.last(),
            false => dockerfiles.first(),
        };
        let copy = folder.join(DOCKERFILE);
        if let Some(dockerfile) = taken {
            fs::copy(dockerfile, &copy).map_err(|error| Error::file(doing, dockerfile, error))?;
        }
        let mut text = match self.ignore_file() {
            Some(path) => fs::read_to_string(&path).map_err(|error| Error::file(doing, &path, error))?,
            None => String::new(),
        };
        // The last pattern that fits decides.
        for pattern in patterns {
            text.push('\n');
            text.push_str(&pattern);
        }
        text.push('\n');
        let ignore_file = folder.join(format!("{DOCKERFILE}.dockerignore"));
        fs::write(&ignore_file, text).map_err(|error| Error::file(doing, &ignore_file, error))?;
        Ok(Some(Self {
            dockerfile: Some(copy),
            ..self.clone()
        }))
    }
}

/// A line of an ignore file that fits this path. With the slash before it, nothing at its beginning has a meaning.
fn pattern(path: &str) -> String {
    let mut pattern = String::from("/");
    for character in path.chars() {
        match character {
            '*' | '?' | '[' | '\\' => pattern.extend(['\\', character]),
            // Spaces at the end of a line do not count, and a line cannot hold its end.
            other if other.is_whitespace() || other.is_control() => pattern.push('?'),
            other => pattern.push(other),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::super::ignore::Ignore;
    use super::*;

    #[test]
    fn a_path_is_a_pattern_that_fits_it_and_what_is_below() {
        for path in [
            "a",
            ".local/share/key",
            "#a",
            "!a",
            "a b ",
            "[a]*?",
            "a\\b",
            "a\nb",
        ] {
            let ignore = Ignore::parse(Path::new("file"), &pattern(path)).unwrap();
            assert!(ignore.leaves_out(path), "{path:?}");
            assert!(ignore.leaves_out(&format!("{path}/below")), "{path:?}");
            assert!(!ignore.leaves_out(&format!("x{path}")), "{path:?}");
        }
    }
}
