//! `infra state rebuild`: a damaged state from its newest backup and what can still be read of it.

use std::path::{Path, PathBuf};

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
    terminal: &Terminal,
) -> Result<()> {
    let was_there = needs_it(site, stack, terminal)?;
    let holder = site::holder("state rebuild");
    let rebuilding = Rebuilding::begin(&site.state_dir, stack, holder, site.lock_timeout)?;
    let all = rebuilding.backups()?;
    let known = all.last().and_then(|path| backup_serial(path)).unwrap_or(0);
    let base = match from {
        Some(path) => Some((path.to_owned(), read_backup(path, stack)?)),
        None => newest_usable(&all, stack, terminal),
    };
    let (path, state) = base.unzip();
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
        terminal.note(&format!("The damaged database is kept in {}.", aside.display()));
    }
    let source = match (path, serial) {
        (Some(path), Some(serial)) => format!("the backup {} (serial {serial})", path.display()),
        _ if was_there => "no backup, for there is none that can be used".to_owned(),
        _ => "nothing, for there was neither a state nor a backup".to_owned(),
    };
    tell(&rebuilt, &source, site, named, terminal);
    Ok(())
}

/// Whether there is a state at all; an error when it is sound.
fn needs_it(site: &Site, stack: &StackId, terminal: &Terminal) -> Result<bool> {
    let opened = site::open_store(site, stack, "state rebuild", Need::Existing, terminal)
        .and_then(|store| Ok(Journal::open_inline(std::sync::Arc::new(store))?));
    match opened {
        Ok(journal) => bail!(
            "the state of {} is sound (serial {}): there is nothing to rebuild. `infra state import --force` puts another \
             one in its place",
            stack,
            journal.serial()
        ),
        Err(error) => match error.downcast_ref() {
            Some(StateError::Damaged { what, .. }) => {
                terminal.note(&format!("The state of {} is damaged: {what}.", stack));
                Ok(true)
            }
            Some(StateError::Absent { .. }) => Ok(false),
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
    let (shows, does) = match named {
        Named::File(_) => (site.command("plan", stack), site.command("apply", stack)),
        Named::Id(_) => ("infra plan".to_owned(), "infra apply".to_owned()),
    };
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
