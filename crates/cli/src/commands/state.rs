//! `infra state`: what is known of a stack.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use infra_core::{ResourceAddress, Stack};
use infra_render::{runs, write_state_history, write_state_list, write_state_show};
use infra_state::{StateStore, unlock};

use super::rebuild::rebuild;
use crate::arguments::Where;
use crate::exit::Exit;
use crate::reading;
use crate::stack::{self, Need, Site};
use crate::terminal::{Terminal, data};

/// Show, move and unlock what is known of a stack
#[derive(Debug, Args)]
pub struct StateCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the resources with their ids at AWS
    List(Stacks),
    /// Show everything known of one resource
    Show {
        #[command(flatten)]
        stack: Stacks,
        /// The resource
        address: ResourceAddress,
    },
    /// Write the state as JSON, which is its lasting form
    Export(Stacks),
    /// Take a state from JSON
    Import {
        #[command(flatten)]
        stack: Stacks,
        /// The JSON file
        from: PathBuf,
        /// Take it although it is older, or of another lineage
        #[arg(long)]
        force: bool,
    },
    /// Go on from the newest backup, and what can still be read, when the state is damaged; that is set aside
    Rebuild {
        #[command(flatten)]
        stack: Stacks,
        /// The backup to go on from [default: the newest that can be read]
        #[arg(long, value_name = "BACKUP")]
        from: Option<PathBuf>,
    },
    /// List the runs
    History(Stacks),
    /// End a hold on the stack that a machine left which is gone
    Unlock(Stacks),
}

#[derive(Debug, Args)]
struct Stacks {
    /// The stack file
    #[arg(value_name = "STACK")]
    file: PathBuf,
    #[command(flatten)]
    place: Where,
}

/// Runs the action.
///
/// # Errors
/// The state cannot be had.
pub fn run(command: &StateCommand, terminal: &Terminal) -> Result<Exit> {
    let (Action::List(stacks)
    | Action::Show { stack: stacks, .. }
    | Action::Export(stacks)
    | Action::Import { stack: stacks, .. }
    | Action::Rebuild { stack: stacks, .. }
    | Action::History(stacks)
    | Action::Unlock(stacks)) = &command.action;
    let loaded = stack::read(&stacks.file, &stacks.place, terminal)?;
    let Some(stack) = &loaded.stack else {
        return Ok(Exit::BadStack);
    };
    let site = stack::site(&stacks.file, &stacks.place, terminal)?;
    let known = |command: &str| reading::state(&site, stack, command, terminal);
    let (format, style) = (terminal.format, &terminal.out);
    let mut out = data();
    match &command.action {
        Action::List(_) => write_state_list(&mut out, &known("state list")?, format, style)?,
        Action::Show { address, .. } => {
            let state = known("state show")?;
            match state.resources.get(address) {
                Some(record) => write_state_show(&mut out, address, record, format, style)?,
                None => bail!(
                    "the state of {} has no {address}; `infra state list` shows what it has",
                    stack.id
                ),
            }
        }
        Action::Export(_) => {
            let state = known("state export")?;
            out.write_all(infra_state::export(&state)?.as_bytes())?;
        }
        Action::Import { from, force, .. } => import(&site, stack, from, *force, terminal)?,
        Action::Rebuild { from, .. } => {
            rebuild(&site, stack, &stacks.file, from.as_deref(), terminal)?;
        }
        Action::History(_) => {
            let store = stack::open_store(&site, &stack.id, "state history", Need::Existing, terminal)?;
            let journal = store.journal(1..=u64::MAX)?;
            write_state_history(
                &mut out,
                &runs(journal.iter().map(|(_, entry)| entry)),
                format,
                style,
            )?;
        }
        Action::Unlock(_) => {
            let folder = infra_state_sled::folder(&site.state_dir, &stack.id);
            match unlock(&folder, &stack.id)? {
                Some(holder) => terminal.note(&format!("{} is free; it was held by {holder}.", stack.id)),
                None => terminal.note(&format!("{} was free already.", stack.id)),
            }
        }
    }
    Ok(Exit::Done)
}

fn import(
    site: &Site,
    stack: &Stack,
    from: &std::path::Path,
    force: bool,
    terminal: &Terminal,
) -> Result<()> {
    let text = std::fs::read_to_string(from).with_context(|| format!("{} cannot be read", from.display()))?;
    // A file that is no state must not leave an empty one behind.
    infra_state::import(&text, &stack.id, None, force)?;
    let store = stack::open_store(site, &stack.id, "state import", Need::Create, terminal)?;
    let current = store.load()?.state;
    let mut imported = infra_state::import(&text, &stack.id, Some(&current), force)?;
    for warning in &imported.warnings {
        terminal.note(&format!("warning: {warning}"));
    }
    if imported.state != current {
        // Nobody knows what was done since the file was written.
        imported.state.rebuilt = true;
        store.replace_all(&imported.state)?;
        let run = infra_core::state::RunId("after-import".into());
        infra_state::backup(&imported.state, &store.backups_folder(), &run)?;
    }
    terminal.note(&format!(
        "{} has {} resources now.",
        stack.id,
        imported.state.resources.len()
    ));
    Ok(())
}
