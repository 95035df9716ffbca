//! A stack's state with its journal and the key for its sensitive values.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use infra_aws::Clients;
use infra_core::{KeptKey, SealingKey, StackId};
use infra_engine::Session;
use infra_state::{Journal, StateStore};
use infra_state_sled::SledStore;
use tokio::sync::mpsc;

use crate::sealing::{Given, Sealing};
use crate::site::{Need, Site, open_sealing};
use crate::terminal::Terminal;

/// The key of this machine, or the one that is given. One that is made is told.
///
/// # Errors
/// As for [`Sealing::find`].
pub fn sealing_key(site: &Site, stack: &StackId, terminal: &Terminal) -> Result<Sealing> {
    let sealing = Sealing::find(&Given::of_environment(), &site.state_dir)?;
    if let Some(path) = sealing.made() {
        terminal.note(&format!(
            "note: a key was made for this machine, with which sensitive values in states are sealed: {}. Keep a copy of it: \
             other machines that work on the same stacks need it, and without it a state with sensitive values is good for \
             `{}` only",
            path.display(),
            site.command("destroy", stack)
        ));
    }
    Ok(sealing)
}

/// How long who does without a state waits until it is let go of again. Opening takes milliseconds; who waits for another
/// process holds nothing yet.
const LETS_GO_WITHIN: Duration = Duration::from_secs(2);

/// What opens states on other threads. It goes on when nobody wants the state any more, because signing in failed or the
/// user wants to stop, and the process must not end while it holds a stack.
pub struct Openings {
    under_way: mpsc::Sender<()>,
    over: mpsc::Receiver<()>,
}

impl Openings {
    /// None yet.
    pub fn new() -> Self {
        let (under_way, over) = mpsc::channel(1);
        Self { under_way, over }
    }

    /// Opens something on another thread. Where nobody waits for it any more, it is let go of there.
    async fn open<T: Send + 'static>(&self, open: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let under_way = self.under_way.clone();
        // Dropped in this order.
        let opening = tokio::task::spawn_blocking(move || (open(), under_way));
        opening.await.context("the state cannot be opened")?.0
    }

    /// Waits until nothing is being opened that nobody wants.
    pub async fn end(self) {
        let Self { under_way, mut over } = self;
        drop(under_way);
        // Nothing is ever sent: it ends with the last sender.
        let _ = tokio::time::timeout(LETS_GO_WITHIN, over.recv()).await;
    }
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
    openings: &Openings,
    terminal: &Terminal,
) -> Result<(Arc<SledStore>, Journal)> {
    let (site, id, command) = (site.clone(), id.clone(), command.to_owned());
    let (sealing, terminal) = (sealing.clone(), terminal.clone());
    let open = move || {
        let store = open_sealing(&site, &id, &command, need, &sealing.key, &terminal)?;
        let store = Arc::new(store);
        let journal = Journal::open(Arc::clone(&store) as Arc<dyn StateStore>)
            .map_err(|error| site.explained(&id, error))?;
        Ok((store, journal))
    };
    openings.open(open).await
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

/// Which key of KMS is to keep the key.
pub enum KmsKey<'a> {
    /// The one that the state has it from: no file says otherwise.
    OfState,
    /// What the file says.
    Declared {
        /// The key of KMS; `None`: another key, which KMS does not keep.
        key: Option<&'a str>,
        /// What a plan is sealed with that was saved before the state had a key.
        planned: Option<KeptKey>,
    },
}

/// The same where a key of KMS keeps the key, or is to: the one that the state has encrypted, else a new one, which is
/// written down with the first that is sealed. Where the file names another key than the state has, values are compared with
/// that of the state, and an apply seals them with the other. `sealing` is the key that KMS does not keep.
///
/// # Errors
/// KMS does not give it, or the state needs another key.
pub async fn sealed_by_kms(
    journal: Journal,
    sealing: &Sealing,
    clients: &Clients,
    key: KmsKey<'_>,
    compares: bool,
    terminal: &Terminal,
) -> Result<Journal> {
    let (id, known, holds_values) = journal.with_state(|state| {
        (
            state.stack.clone(),
            state.kept_key.clone(),
            state.holds_sealed_values(),
        )
    });
    let of_kms = |key: SealingKey| {
        let name = key.kept().map_or("KMS", |kept| &kept.kms_key).to_owned();
        Sealing::of_kms(key, &name, sealing)
    };
    let new = async |kms_key: &str| infra_aws::new_sealing_key(clients, kms_key, &id).await;
    match (known, key) {
        // What KMS kept was for nothing, and may be gone.
        (Some(_), KmsKey::Declared { key: None, .. }) if !holds_values => {
            sealed(journal, sealing, compares, terminal)
        }
        (Some(kept), key) => {
            let current = match infra_aws::sealing_key(clients, &kept, &id).await {
                Ok(current) => current,
                Err(error) if compares => return Err(error.into()),
                Err(error) => {
                    terminal.note(&format!(
                        "note: the sensitive values in the state of {id} are not needed here, and stay as they are: {}",
                        error.message
                    ));
                    return Ok(journal.without_key());
                }
            };
            let current = match key {
                KmsKey::Declared { key: None, .. } if sealing.lost().is_none() => {
                    current.followed_by(sealing.key.clone())
                }
                KmsKey::Declared {
                    key: Some(kms_key), ..
                } if compares && !kept.is_by(kms_key) => current.followed_by(new(kms_key).await?),
                _ => current,
            };
            sealed(
                journal.with_key(current.clone()),
                &of_kms(current),
                compares,
                terminal,
            )
        }
        // What is removed is known by its id: nothing is sealed any more.
        (None, _) if !compares => Ok(journal.without_key()),
        (
            None,
            KmsKey::Declared {
                key: Some(kms_key),
                planned,
            },
        ) => {
            if holds_values {
                journal.with_state(|state| sealing.check(state))?;
                let current = sealing.key.clone().followed_by(new(kms_key).await?);
                return Ok(journal.with_key(current));
            }
            let key = match planned {
                Some(kept) => infra_aws::sealing_key(clients, &kept, &id).await?,
                None => new(kms_key).await?,
            };
            sealed(journal.with_key(key.clone()), &of_kms(key), compares, terminal)
        }
        (None, _) => Ok(journal),
    }
}

/// After an apply that came to its end: seals what is kept with the key that the file names, where it was another one
/// before, so that nobody needs that one any more.
///
/// # Errors
/// The state cannot be written.
pub async fn reseal(session: &Session, terminal: &Terminal) -> Result<()> {
    let unknown = session.reseal().await?;
    if unknown > 0 {
        terminal.note(&format!(
            "note: the state stays sealed with the key that it had: {unknown} of its sensitive values are of something that \
             this run did not look at. An apply of the whole stack seals everything anew"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as threads;

    use super::*;

    /// Tells when it is let go of.
    struct Held(threads::Sender<()>);

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[tokio::test]
    async fn what_nobody_wants_any_more_is_let_go_of_before_the_end() {
        let openings = Openings::new();
        let (tell, told) = threads::channel();
        let (go_on, may_go_on) = threads::channel::<()>();
        {
            let opening = openings.open(move || {
                let held = Held(tell);
                may_go_on.recv()?;
                Ok(held)
            });
            // Signing in fails while the state is being opened.
            let given_up = async {
                tokio::task::yield_now().await;
                Err::<(), _>(anyhow::anyhow!("no credentials"))
            };
            let joined = tokio::try_join!(async { opening.await.map(|_| ()) }, given_up);
            assert!(joined.is_err());
        }
        assert!(told.try_recv().is_err(), "it is still held");
        let freeing = std::thread::spawn(move || go_on.send(()));
        openings.end().await;
        assert!(told.try_recv().is_ok(), "the process would end while it is held");
        assert!(freeing.join().unwrap().is_ok());
    }
}
