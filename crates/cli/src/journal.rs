//! A stack's state with its journal and the key for its sensitive values.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra_core::StackId;
use infra_state::{Journal, StateStore};
use infra_state_sled::SledStore;

use crate::sealing::{Given, Sealing};
use crate::site::{Need, Site, open_sealing};
use crate::terminal::Terminal;

/// The key of this machine, or the one that is given. One that is made is told.
///
/// # Errors
/// As for [`Sealing::find`].
pub fn sealing_key(site: &Site, terminal: &Terminal) -> Result<Sealing> {
    let sealing = Sealing::find(&Given::of_environment(), &site.state_dir)?;
    if let Some(path) = sealing.made() {
        terminal.note(&format!(
            "note: a key was made for this machine, with which sensitive values in states are sealed: {}. Keep a copy of it: \
             other machines that work on the same stacks need it, and without it a state with sensitive values is good for \
             `infra destroy` only",
            path.display()
        ));
    }
    Ok(sealing)
}

/// Opens a stack's state with its journal, while signals are heard. Where no sensitive value is compared, a state with
/// some does without its key.
///
/// # Errors
/// The state cannot be had, or needs another key.
pub async fn open_journal(
    site: &Site,
    id: &StackId,
    command: &str,
    need: Need,
    sealing: &Sealing,
    compares: bool,
    terminal: &Terminal,
) -> Result<(Arc<SledStore>, Arc<Journal>)> {
    let (site, id, command) = (site.clone(), id.clone(), command.to_owned());
    let (sealing, terminal) = (sealing.clone(), terminal.clone());
    let opening = tokio::task::spawn_blocking(move || {
        let store = open_sealing(&site, &id, &command, need, &sealing.key, &terminal)?;
        let store = Arc::new(store);
        let journal = Journal::open(Arc::clone(&store) as Arc<dyn StateStore>)?;
        let journal = match (journal.with_state(|state| sealing.check(state)), sealing.lost()) {
            (Err(refused), _) if compares => return Err(refused),
            (Err(_), _) => {
                terminal.note(&journal.with_state(|state| sealing.unneeded(state)));
                journal.without_key()
            }
            (Ok(()), Some(why)) => journal.with_lost_key(why.to_owned()),
            (Ok(()), None) => journal,
        };
        Ok((store, Arc::new(journal)))
    });
    opening.await.context("the state cannot be opened")?
}
