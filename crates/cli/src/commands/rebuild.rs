//! `infra state rebuild`: a damaged state from its newest backup and what can still be read of it; a state that is gone, or
//! lacks something, so that the next plan looks for what it does not know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use infra_core::{StackId, State};
use infra_state::{DUPLICATE_PHYSICAL_ID, Journal, Rebuilt, StateError, backup, backup_serial, read_backup};
use infra_state_sled::Rebuilding;

use crate::named::Named;
use crate::site::{self, Need, Site};
use crate::terminal::Terminal;

/// Rebuilds, sets the damaged database aside, and says what comes next.
///
/// # Errors
/// The state is sound, somebody works on the stack, or a file cannot be read or written.
pub fn rebuild(
    site: &Site,
    stack: &StackId,
    named: &Named,
    from: Option<&Path>,
    search: bool,
    terminal: &Terminal,
) -> Result<()> {
    let was = needs_it(site, stack, search, terminal)?;
    let holder = site::holder("state rebuild");
    let rebuilding = Rebuilding::begin(&site.state_dir, stack, holder, site.lock_timeout)?;
    let all = rebuilding.backups()?;
    let known = all.last().and_then(|path| backup_serial(path)).unwrap_or(0);
    let (path, state) = match (from, &was) {
        (Some(path), _) => (Some(path.to_owned()), Some(read_backup(path, stack)?)),
        (None, Was::Sound(state)) => (None, Some((**state).clone())),
        (None, _) => newest_usable(&all, stack, terminal).unzip(),
    };
    let serial = state.as_ref().map(|state| state.serial);
    let rebuilt = infra_state::rebuild(stack, state, &rebuilding, known);
    let backups = rebuilding.backups_folder();
    let aside = rebuilding.finish(&rebuilt.state)?;
    backup(
        &rebuilt.state,
        &backups,
        &infra_core::RunId("after-rebuild".into()),
    )
    .context("the state is rebuilt, but cannot be backed up")?;
    if let Some(aside) = aside {
        let what = if matches!(was, Was::Sound(_)) {
            "former"
        } else {
            "damaged"
        };
        terminal.note(&format!("The {what} database is kept in {}.", aside.display()));
    }
    let source = match (path, serial, was) {
        (Some(path), Some(serial), _) => format!("the backup {} (serial {serial})", path.display()),
        (_, _, Was::Sound(_)) => "itself".to_owned(),
        (_, _, Was::Damaged) => "no backup, for there is none that can be used".to_owned(),
        (_, _, Was::Absent) => "nothing, for there was neither a state nor a backup".to_owned(),
    };
    tell(&rebuilt, &source, site, named, terminal);
    Ok(())
}

/// What there was of a state.
enum Was {
    /// None.
    Absent,
    /// One that cannot be used.
    Damaged,
    /// This one, which does not know everything.
    Sound(Arc<State>),
}

/// What there is of the state; an error when it is sound and knows something, unless what it lacks is to be searched for.
fn needs_it(site: &Site, stack: &StackId, search: bool, terminal: &Terminal) -> Result<Was> {
    let opened = site::open_store(site, stack, "state rebuild", Need::Existing, terminal)
        .and_then(|store| Ok(Journal::open_inline(Arc::new(store))?));
    match opened {
        Ok(journal) => {
            let state = journal.snapshot();
            let serial = journal.serial();
            journal.close()?;
            if search || state.is_empty() {
                return Ok(Was::Sound(state));
            }
            bail!(
                "the state of {stack} is sound (serial {serial}): there is nothing to rebuild. If it lacks something that is at \
                 AWS with this stack's tags, --search has the next plan look for that. `{}` puts another one in \
                 its place",
                site.commands(stack).on("state import", ["FILE", "--force"])
            )
        }
        Err(error) => match error.downcast_ref() {
            Some(StateError::Damaged { what, .. }) => {
                terminal.note(&format!("The state of {} is damaged: {what}.", stack));
                Ok(Was::Damaged)
            }
            Some(StateError::Absent { .. }) => Ok(Was::Absent),
            _ => Err(error),
        },
    }
}

/// The newest backup that can be read.
fn newest_usable(all: &[PathBuf], stack: &StackId, terminal: &Terminal) -> Option<(PathBuf, State)> {
    all.iter().rev().find_map(|path| match read_backup(path, stack) {
        Ok(state) => Some((path.clone(), state)),
        Err(error) => {
            terminal.error(&anyhow::Error::new(error));
            None
        }
    })
}

fn tell(rebuilt: &Rebuilt, source: &str, site: &Site, named: &Named, terminal: &Terminal) {
    let stack = &rebuilt.state.stack;
    let entries = match rebuilt.entries {
        0 => String::new(),
        1 => " and one journal entry that could still be read".to_owned(),
        many => format!(" and {many} journal entries that could still be read"),
    };
    terminal.note(&format!(
        "{} is rebuilt from {source}{entries}: it has {} resources and serial {} now.",
        stack,
        rebuilt.state.resources.len(),
        rebuilt.state.serial
    ));
    if let Some((first, last)) = rebuilt.lost {
        terminal.note(&format!(
            "What the journal entries {first} to {last} said is lost; AWS still knows what they did."
        ));
    }
    let doubled = infra_state::check(&rebuilt.state, None);
    for problem in doubled
        .iter()
        .filter(|problem| problem.code == DUPLICATE_PHYSICAL_ID)
    {
        terminal.note(&format!("warning: {problem}"));
    }
    let commands = site.of_file(named);
    let (shows, does) = (commands.on("plan", []), commands.on("apply", []));
    let of_file = match named {
        Named::File(_) => "",
        Named::Id(_) => " with the stack's file",
    };
    terminal.note(&format!(
        "Next: `{shows}` shows and `{does}`{of_file} does this: what was under way is settled, everything is \
         read at AWS, and what the file declares and the state does not know is looked for by its tags and taken over \
         instead of made again."
    ));
}
