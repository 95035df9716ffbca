//! `infra state`: what is known of a stack.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use infra_core::{ResourceAddress, StackId};
use infra_render::{runs, write_stacks, write_state_history, write_state_list, write_state_show};
use infra_state::{StateStore, unlock};

use super::edit::{self, Move, Remove};
use super::in_runtime;
use super::rebuild::rebuild;
use crate::arguments::Where;
use crate::exit::Exit;
use crate::named::{self, Found};
use crate::project;
use crate::reading;
use crate::site::{self, Need, Site};
use crate::terminal::{Terminal, data};

/// Show, move and unlock what is known of a stack
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra state list                                        the stacks that have a state\n  infra state list stacks/dev02-us-east-1.toml            the resources of one\n  infra state show appname/dev/dev02/us-east-1 ec2.vpc.main   by identity, without the file\n  infra state export appname/dev/dev02/us-east-1 > state.json"
)]
pub struct StateCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the resources with their ids at AWS; without a stack, the stacks that have a state
    List {
        /// The stack file, or the identity of a stack
        #[arg(value_name = "STACK")]
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Where,
    },
    /// Show everything known of one resource
    Show {
        #[command(flatten)]
        stack: Named,
        /// The resource
        address: ResourceAddress,
    },
    /// Write the state as JSON, which is its lasting form
    Export(Named),
    /// Take a state from JSON
    Import {
        #[command(flatten)]
        stack: Named,
        /// The JSON file
        from: PathBuf,
        /// Take it although it is older, or of another lineage
        #[arg(long)]
        force: bool,
    },
    /// Go on from the newest backup, and what can still be read, when the state is damaged; that is set aside. One that is
    /// gone, or knows nothing, begins anew: the next plan takes over what the file declares and AWS has
    Rebuild {
        #[command(flatten)]
        stack: Named,
        /// The backup to go on from [default: the newest that can be read]
        #[arg(long, value_name = "BACKUP")]
        from: Option<PathBuf>,
        /// Also of a state that is sound: have the next plan look for what the file declares and the state does not know
        #[arg(long)]
        search: bool,
    },
    /// List the runs
    History(Named),
    Rm(Remove),
    Mv(Move),
    /// End a hold on the stack that a machine left which is gone
    Unlock(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// The stack file, or the identity of a stack
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
    let (file, place) = match &command.action {
        Action::List { file: None, place } => return list_stacks(place, terminal),
        Action::List {
            file: Some(file),
            place,
        }
        | Action::Rm(Remove { file, place, .. })
        | Action::Mv(Move { file, place, .. }) => (file, place),
        Action::Show { stack, .. }
        | Action::Export(stack)
        | Action::Import { stack, .. }
        | Action::Rebuild { stack, .. }
        | Action::History(stack)
        | Action::Unlock(stack) => (&stack.file, &stack.place),
    };
    let found = match &command.action {
        // It may be the first that is heard of the stack.
        Action::Import { .. } => named::find(file, place, terminal)?,
        _ => named::find_known(file, place, terminal)?,
    };
    let Some(found) = found else {
        return Ok(Exit::BadStack);
    };
    let Found { id, site, .. } = &found;
    let known = |command: &str| reading::state(site, id, command, terminal);
    let (format, style) = (terminal.format, &terminal.out);
    let mut out = data();
    match &command.action {
        Action::List { .. } => write_state_list(&mut out, &known("state list")?, format, style)?,
        Action::Show { address, .. } => {
            let state = known("state show")?;
            match state.resources.get(address) {
                Some(record) => write_state_show(&mut out, address, record, format, style)?,
                None => bail!(
                    "the state of {id} has no {address}; `{}` shows what it has",
                    site.command("state list", id)
                ),
            }
        }
        Action::Export(_) => {
            let state = known("state export")?;
            out.write_all(infra_state::export(&state)?.as_bytes())?;
        }
        Action::Import { from, force, .. } => import(site, id, from, *force, terminal)?,
        Action::Rebuild { from, search, .. } => {
            rebuild(site, id, &found.named, from.as_deref(), *search, terminal)?;
        }
        Action::History(_) => {
            let store = site::open_store(site, id, "state history", Need::Existing, terminal)?;
            let journal = store.journal(1..=u64::MAX)?;
            write_state_history(
                &mut out,
                &runs(journal.iter().map(|(_, entry)| entry)),
                format,
                style,
            )?;
        }
        Action::Rm(command) => return in_runtime(terminal, edit::remove(command, &found, terminal)),
        Action::Mv(command) => return in_runtime(terminal, edit::relocate(command, &found, terminal)),
        Action::Unlock(_) => match unlock(&infra_state_sled::folder(&site.state_dir, id), id)? {
            Some(holder) => terminal.note(&format!("{id} is free; it was held by {holder}.")),
            None => terminal.note(&format!("{id} was free already.")),
        },
    }
    Ok(Exit::Done)
}

/// Lists the stacks that have a state in the project.
fn list_stacks(place: &Where, terminal: &Terminal) -> Result<Exit> {
    let site = site::site_in(&project::root(Path::new(".")), place, terminal)?;
    let stacks = infra_state_sled::stacks(&site.state_dir)?;
    write_stacks(&mut data(), &stacks, terminal.format, &terminal.out)?;
    if stacks.is_empty() {
        terminal.note(&format!("{} has no state of a stack.", site.state_dir.display()));
    }
    Ok(Exit::Done)
}

fn import(site: &Site, stack: &StackId, from: &Path, force: bool, terminal: &Terminal) -> Result<()> {
    let text = std::fs::read_to_string(from).with_context(|| format!("{} cannot be read", from.display()))?;
    // A file that is no state must not leave an empty one behind.
    infra_state::import(&text, stack, None, force)?;
    let store = site::open_store(site, stack, "state import", Need::Create, terminal)?;
    let current = store.load()?.state;
    let mut imported = infra_state::import(&text, stack, Some(&current), force)?;
    for warning in &imported.warnings {
        terminal.note(&format!("warning: {warning}"));
    }
    if imported.state != current {
        // Nobody knows what was done since the file was written.
        imported.state.rebuilt = true;
        store.replace_all(&imported.state)?;
        let run = infra_core::RunId("after-import".into());
        infra_state::backup(&imported.state, &store.backups_folder(), &run)?;
    }
    terminal.note(&format!(
        "{stack} has {} resources now.",
        imported.state.resources.len()
    ));
    Ok(())
}
