//! A stack's state with its journal and the key for its sensitive values.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra_aws::Clients;
use infra_core::StackId;
use infra_core::state::JournalEntry;
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

/// Opens a stack's state with its journal, while signals are heard.
///
/// # Errors
/// The state cannot be had.
pub async fn open_journal(
    site: &Site,
    id: &StackId,
    command: &str,
    need: Need,
    sealing: &Sealing,
    terminal: &Terminal,
) -> Result<(Arc<SledStore>, Journal)> {
    let (site, id, command) = (site.clone(), id.clone(), command.to_owned());
    let (sealing, terminal) = (sealing.clone(), terminal.clone());
    let opening = tokio::task::spawn_blocking(move || {
        let store = open_sealing(&site, &id, &command, need, &sealing.key, &terminal)?;
        let store = Arc::new(store);
        let journal = Journal::open(Arc::clone(&store) as Arc<dyn StateStore>)?;
        Ok((store, journal))
    });
    opening.await.context("the state cannot be opened")?
}

/// The journal with the key that its state's sensitive values are held against. Where none is compared, a state with
/// some does without its key.
///
/// # Errors
/// The state needs another key.
pub fn sealed(journal: Journal, sealing: &Sealing, compares: bool, terminal: &Terminal) -> Result<Journal> {
    let checked = journal.with_state(|state| sealing.check(state));
    match (checked, sealing.lost()) {
        (Err(refused), _) if compares => Err(refused),
        (Err(_), _) => {
            terminal.note(&journal.with_state(|state| sealing.unneeded(state)));
            Ok(journal.without_key())
        }
        (Ok(()), Some(why)) => Ok(journal.with_lost_key(why.to_owned())),
        (Ok(()), None) => Ok(journal),
    }
}

/// The same where a key of KMS keeps the key: the one that the state has encrypted, else a new one, which is written down
/// before anything is sealed with it.
///
/// # Errors
/// KMS does not give it, or the state needs another key, or cannot be written.
pub async fn sealed_by_kms(
    journal: Journal,
    clients: &Clients,
    declared: Option<&str>,
    compares: bool,
    terminal: &Terminal,
) -> Result<Journal> {
    let (id, known) = journal.with_state(|state| (state.stack.clone(), state.kept_key.clone()));
    let (key, kept) = match (known, declared) {
        (Some(kept), _) => match infra_aws::sealing_key(clients, &kept, &id).await {
            Ok(key) => (key, kept),
            Err(error) if compares => return Err(error.into()),
            Err(error) => {
                terminal.note(&format!(
                    "note: the sensitive values in the state of {id} are not needed here, and stay as they are: {}",
                    error.message
                ));
                return Ok(journal.without_key());
            }
        },
        // What is removed is known by its id: nothing is sealed any more.
        (None, Some(_)) if !compares => return Ok(journal.without_key()),
        (None, Some(kms_key)) => {
            let (key, kept) = infra_aws::new_sealing_key(clients, kms_key, &id).await?;
            let sealing = Sealing::of_kms(key.clone(), &kept.kms_key);
            journal.with_state(|state| sealing.check(state))?;
            let entry = JournalEntry::SealedWith {
                key: key.id(),
                kept: Some(kept.clone()),
            };
            journal.append(entry).await?;
            (key, kept)
        }
        (None, None) => return Ok(journal),
    };
    let sealing = Sealing::of_kms(key.clone(), &kept.kms_key);
    sealed(journal.with_key(key), &sealing, compares, terminal)
}
