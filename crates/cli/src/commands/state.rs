//! `infra state`: what is known of a stack.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use infra_core::{ResourceAddress, Stack};
use infra_render::{runs, write_state_history, write_state_list, write_state_show};
use infra_state::{StateError, StateStore, unlock};
use infra_state_sled::SledStore;

use crate::arguments::Where;
use crate::exit::Exit;
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
    /// Take a state from JSON, such as a backup; a damaged state is set aside
    Import {
        #[command(flatten)]
        stack: Stacks,
        /// The JSON file
        from: PathBuf,
        /// Take it although it is older, or of another lineage
        #[arg(long)]
        force: bool,
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
    | Action::History(stacks)
    | Action::Unlock(stacks)) = &command.action;
    let loaded = stack::read(&stacks.file, &stacks.place, terminal)?;
    let Some(stack) = &loaded.stack else {
        return Ok(Exit::BadStack);
    };
    let site = stack::site(&stacks.file, &stacks.place, terminal)?;
    let existing = |name: &str| stack::open_store(&site, stack, name, Need::Existing);
    let (format, style) = (terminal.format, &terminal.out);
    let mut out = data();
    match &command.action {
        Action::List(_) => write_state_list(&mut out, &existing("state list")?.load()?.state, format, style)?,
        Action::Show { address, .. } => {
            let state = existing("state show")?.load()?.state;
            match state.resources.get(address) {
                Some(record) => write_state_show(&mut out, address, record, format, style)?,
                None => bail!(
                    "the state of {} has no {address}; `infra state list` shows what it has",
                    stack.id
                ),
            }
        }
        Action::Export(_) => {
            let state = existing("state export")?.load()?.state;
            out.write_all(infra_state::export(&state)?.as_bytes())?;
        }
        Action::Import { from, force, .. } => import(&site, stack, from, *force, terminal)?,
        Action::History(_) => {
            let store = existing("state history")?;
            let journal = store.journal(1..=u64::MAX)?;
            write_state_history(
                &mut out,
                &runs(journal.iter().map(|(_, entry)| entry)),
                format,
                style,
            )?;
        }
        Action::Unlock(_) => {
            let folder = infra_state_sled::folder(&site.state_dir, &stack.id)?;
            match unlock(&folder)? {
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
    let store = open_or_set_aside(site, stack, terminal)?;
    let current = store.load()?.state;
    let imported = infra_state::import(&text, &stack.id, Some(&current), force)?;
    for warning in &imported.warnings {
        terminal.note(&format!("warning: {warning}"));
    }
    store.replace_all(&imported.state)?;
    terminal.note(&format!(
        "{} has {} resources now.",
        stack.id,
        imported.state.resources.len()
    ));
    Ok(())
}

/// A damaged database is moved out of the way, so that a backup can take its place.
fn open_or_set_aside(site: &Site, stack: &Stack, terminal: &Terminal) -> Result<SledStore> {
    match stack::open_store(site, stack, "state import", Need::Create) {
        Err(error) if matches!(error.downcast_ref(), Some(StateError::Damaged { .. })) => {
            let holder = infra_state::Holder::this_process("state import", None);
            let aside = infra_state_sled::set_aside(&site.state_dir, &stack.id, holder)?;
            terminal.note(&format!("The damaged state was moved to {}.", aside.display()));
            stack::open_store(site, stack, "state import", Need::Create)
        }
        other => other,
    }
}
