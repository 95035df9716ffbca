//! How a stack is named on the command line: by its file, or, where its state is enough, by its identity.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use infra_core::{Stack, StackId};

use crate::arguments::Where;
use crate::project;
use crate::site::{self, Site};
use crate::stack;
use crate::terminal::Terminal;

/// Stacks that an error names at most.
const NAMED: usize = 20;

/// What stands for a stack on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Its file.
    File(PathBuf),
    /// Its identity, without a file.
    Id(StackId),
}

impl Named {
    /// A stack file.
    pub fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    /// A file, or the identity of a stack where there is no file of that name.
    pub fn file_or_identity(text: &Path, terminal: &Terminal) -> Self {
        let Some(id) = text.to_str().and_then(|text| text.parse::<StackId>().ok()) else {
            return Self::file(text);
        };
        if !text.is_file() {
            return Self::Id(id);
        }
        terminal.note(&format!(
            "note: {id} is a file here, and is read as a stack file. A stack of this identity can be named from another folder, \
             or after the file was renamed"
        ));
        Self::file(text)
    }

    /// The folder of the project that it belongs to: an identity, to the one that the command is given in.
    pub fn root(&self) -> PathBuf {
        match self {
            Self::File(path) => project::root_of_stack(path),
            Self::Id(_) => project::root(Path::new(".")),
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Id(_) => None,
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// A stack for a command that needs no more than its state.
pub struct Found {
    /// How it was named.
    pub named: Named,
    /// Its identity.
    pub id: StackId,
    /// Where its state is.
    pub site: Site,
    /// What its file declares, if it was named by that and it can be told.
    pub declared: Option<Stack>,
}

/// Finds a stack by its file or its identity, whether it has a state or not. `None` when the file is wrong, which has
/// been shown.
///
/// # Errors
/// When the sandbox cannot be started.
pub fn find(text: &Path, place: &Where, terminal: &Terminal) -> Result<Option<Found>> {
    let named = Named::file_or_identity(text, terminal);
    let (id, declared) = match &named {
        Named::Id(id) => (id.clone(), None),
        Named::File(path) => match stack::read_for_state(path, place, terminal)? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let site = site::site(&named, place, terminal)?;
    Ok(Some(Found {
        named,
        id,
        site,
        declared,
    }))
}

/// The same, but of an identity something has to be kept.
///
/// # Errors
/// No state has the identity: which ones there are.
pub fn find_known(text: &Path, place: &Where, terminal: &Terminal) -> Result<Option<Found>> {
    let found = find(text, place, terminal)?;
    if let Some(found) = &found
        && let Named::Id(id) = &found.named
    {
        require_known(id, &found.site)?;
    }
    Ok(found)
}

/// Refuses an identity that nothing is kept of. Where a state is lost or damaged, opening it says so.
///
/// # Errors
/// Which stacks there are.
pub fn require_known(id: &StackId, site: &Site) -> Result<()> {
    if infra_state_sled::folder(&site.state_dir, id).is_dir() {
        return Ok(());
    }
    let folder = site.state_dir.display();
    let known = infra_state_sled::stacks(&site.state_dir)?;
    let missing =
        format!("there is no stack file {id}, and no state of a stack with this identity in {folder}");
    if known.is_empty() {
        bail!(
            "{missing}, which has none at all: --state-dir names another folder, --sandbox takes the sandbox's"
        );
    }
    let mut names: Vec<String> = known.iter().take(NAMED).map(ToString::to_string).collect();
    if known.len() > NAMED {
        names.push(format!(
            "and {} more, which `infra state list{}` lists",
            known.len() - NAMED,
            site.typed
        ));
    }
    bail!("{missing}; it has: {}", names.join(", "))
}
