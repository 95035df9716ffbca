//! Commands on several stacks: each once, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use infra_core::StackId;

use crate::arguments::Where;
use crate::exit::Exit;
use crate::named::Named;
use crate::stack;
use crate::terminal::Terminal;

/// One of the stacks of a command line.
pub struct Turn {
    /// Its file, or for a destroy its identity.
    pub file: PathBuf,
    /// Counted from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// Runs a task for each stack file in turn; the worst outcome counts. One that cannot be had is told and keeps
/// nobody from the others; the wish to stop ends it, and what was not begun is told.
///
/// # Errors
/// The stack that could not be had, where there is only one.
pub async fn each<F>(
    files: &[PathBuf],
    place: &Where,
    terminal: &Terminal,
    mut one: impl FnMut(Turn) -> F,
) -> Result<Exit>
where
    F: Future<Output = Result<Exit>>,
{
    let files = match each_once(files, place, terminal) {
        Ok(files) => files,
        Err(exit) => return Ok(exit),
    };
    let mut exit = Exit::Done;
    let mut left = files.iter();
    let mut number = 0;
    while terminal.cancellation.level() == 0 {
        let Some(file) = left.next() else { break };
        number += 1;
        let turn = Turn {
            file: file.clone(),
            number,
            of: files.len(),
        };
        let outcome = match one(turn).await {
            Err(error) if stack::is_stop(&error) => {
                terminal.note(&format!(
                    "{}: stopped before anything was changed.",
                    file.display()
                ));
                Exit::Cancelled
            }
            Err(error) if files.len() > 1 => {
                let exit = Exit::of_error(&error);
                terminal.error(&error.context(format!("{} could not be looked at", file.display())));
                exit
            }
            outcome => outcome?,
        };
        exit = exit.worse(outcome);
        if outcome == Exit::Cancelled {
            exit = outcome;
            break;
        }
    }
    let left: Vec<String> = left.map(|file| file.display().to_string()).collect();
    if left.is_empty() {
        return Ok(exit);
    }
    terminal.note(&format!("Not begun: {}.", left.join(", ")));
    Ok(Exit::Cancelled)
}

/// The stacks of a command line without those that are given once more. Two files of one stack are refused before anything
/// is opened: each would take for gone from the file what the other declares.
///
/// # Errors
/// How the command ends; why has been told.
pub fn each_once(files: &[PathBuf], place: &Where, terminal: &Terminal) -> Result<Vec<PathBuf>, Exit> {
    if files.len() < 2 {
        return Ok(files.to_vec());
    }
    let mut kept: Vec<PathBuf> = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in files {
        // A name that leads nowhere is told when it is opened, or is no file but an identity.
        let path = file.canonicalize().unwrap_or_else(|_| file.clone());
        if !paths.contains(&path) {
            paths.push(path);
            kept.push(file.clone());
        }
    }
    let mut seen: BTreeMap<(PathBuf, StackId), &Path> = BTreeMap::new();
    let mut exit = Exit::Done;
    for file in &kept {
        let named = match file.to_str().and_then(|text| text.parse().ok()) {
            Some(id) if !file.is_file() => Named::Id(id),
            _ => Named::file(file),
        };
        let id = match &named {
            Named::Id(id) => Some(id.clone()),
            Named::File(path) => stack::identity(path, place),
        };
        let Some(id) = id else { continue };
        let states = place.state_dir.clone().unwrap_or_else(|| named.root());
        if let Some(other) = seen.insert((states, id.clone()), file) {
            terminal.note(&format!(
                "error: {} and {} are both of the stack {id}: each would delete what only the other declares. Give them \
                 different `name`, `environment`, `stage` or `region`, or give one of them",
                other.display(),
                file.display()
            ));
            exit = Exit::BadStack;
        }
    }
    if exit == Exit::Done { Ok(kept) } else { Err(exit) }
}
