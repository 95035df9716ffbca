//! What carries plans out, on a stack that is connected.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Result;
use infra_aws::AwsProviders;
use infra_core::{Connection, Location, SourceMap, Stack};
use infra_engine::{Estimates, Machine, Pace, Session, Walk};
use infra_provider::{BuiltIn, Providers};
use infra_record::Durations;

use super::connect::{Connected, Connecting, is_kept_by_kms};
use super::{Stopped, Wanted};
use crate::journal::{Openings, sealing_key};
use crate::recording;
use crate::sealing::{Given, Sealing};
use crate::site::Site;
use crate::terminal::{Terminal, View};

/// A stack that is open for planning and running.
pub struct Open {
    /// What carries plans out.
    pub session: Session,
    /// What the file wants.
    pub stack: Arc<Stack>,
    /// What shows the run.
    pub view: View,
    command: String,
    backups: PathBuf,
    terminal: Terminal,
}

/// How a session is to run.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Calls under way at the same time.
    pub parallelism: usize,
    /// When steps may start.
    pub walk: Walk,
    /// Whether to wait for what nothing else waits for.
    pub wait: bool,
    /// Whether it will be told how long a run probably takes.
    pub forecasts: bool,
    /// Whether builds of images look for newer images to begin with.
    pub pull_base_images: bool,
    /// Whether sensitive values are compared, so that a state with some needs its key.
    pub compares: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            parallelism: 64,
            walk: Walk::default(),
            wait: true,
            forecasts: true,
            pull_base_images: false,
            compares: true,
        }
    }
}

/// Connects to AWS, checks the account, and opens the state.
///
/// # Errors
/// No credentials, a wrong account, or a state that cannot be had.
pub async fn open(
    wanted: Wanted,
    sources: Arc<SourceMap>,
    site: &Site,
    command: &str,
    manner: Manner,
    terminal: &Terminal,
) -> Result<Open> {
    let cancellation = terminal.cancellation.clone();
    let sealing = match &wanted {
        Wanted::Declared(stack) | Wanted::Planned(stack, _) if is_kept_by_kms(stack, site) => {
            Sealing::existing(&Given::of_environment(), &site.state_dir)?
        }
        _ => sealing_key(site, wanted.id(), terminal)?,
    }
    .of_stack(site.commands(wanted.id()));
    let (reporter, events) = infra_engine::channel(terminal.redaction.clone());
    let view = terminal.watch(wanted.id().clone(), events, Some(sources));
    view.status("signing in to AWS");
    let runs = infra_state_sled::runs_folder(&site.state_dir, wanted.id());
    let past = past_runs(runs.clone(), manner.forecasts);
    let openings = Openings::new();
    let connecting = Connecting {
        site,
        command,
        manner,
        sealing: &sealing,
        openings: &openings,
        reporter: &reporter,
        view: &view,
        terminal,
    };
    let connected = cancellation.until(1, Box::pin(connecting.run(wanted))).await;
    let Connected {
        stack,
        store,
        journal,
        clients,
    } = match connected.unwrap_or_else(|| Err(Stopped.into())) {
        Ok(connected) => connected,
        Err(error) => {
            openings.end().await;
            view.clear().await;
            return Err(error);
        }
    };
    if let Some(holder) = store.took_over() {
        terminal.note(&format!(
            "note: an earlier run ended without letting go of the stack: {holder}"
        ));
    }
    view.record_in(runs);
    let identity = clients.as_ref().map(|clients| clients.identity.clone());
    let connection = clients.as_ref().map(|clients| Connection {
        location: Location {
            account_id: clients.identity.account_id.clone(),
            region: clients.region.clone(),
        },
        assume_role: stack.assume_role.clone(),
    });
    let providers = clients.map_or_else(
        || Arc::new(BuiltIn::default()) as Arc<dyn Providers>,
        |clients| Arc::new(AwsProviders::new(&clients)),
    );
    let session = Session {
        journal,
        commands: site.commands(&stack.id),
        identity,
        connection,
        estimates: Estimates::new(Arc::clone(&providers), past),
        providers,
        reporter,
        cancellation,
        ambient: Arc::new(Machine),
        pace: site
            .emulator
            .as_ref()
            .map_or(Pace::AWS, |emulator| Pace::of_emulator(emulator.time_scale)),
        parallelism: manner.parallelism,
        walk: manner.walk,
        wait: manner.wait,
    };
    Ok(Open {
        session,
        stack: Arc::new(stack),
        view,
        command: command.to_owned(),
        backups: store.backups_folder(),
        terminal: terminal.clone(),
    })
}

/// What past runs took. It is read while AWS is asked who we are, unless nobody is likely to want it.
fn past_runs(folder: PathBuf, at_once: bool) -> impl FnOnce() -> Durations + Send + 'static {
    let read = move || recording::past(&folder);
    let reading = at_once.then(|| std::thread::spawn(read.clone()));
    // A thread that broke down has said so.
    move || match reading.map(JoinHandle::join) {
        Some(Ok(past)) => past,
        Some(Err(_)) => Durations::default(),
        None => read(),
    }
}

impl Open {
    /// Lets go of the state and shows what is still to be shown. What the state has become is backed up.
    pub async fn close(self) {
        if self.session.journal.failure().is_none() {
            self.back_up("after");
        }
        let Self { session, view, .. } = self;
        // A failed flush has been reported by the append that it failed for.
        let _ = session.journal.close();
        drop(session);
        view.finish().await;
    }

    /// Backs the state up unless the newest backup has it already. One that cannot be written undoes nothing, but
    /// is told.
    pub fn back_up(&self, when: &str) {
        let serial = self.session.journal.serial();
        let known = infra_state::backups(&self.backups)
            .ok()
            .and_then(|all| infra_state::backup_serial(all.last()?));
        // A new stack that was only looked at has nothing to lose.
        if known == Some(serial) || (serial == 0 && when == "after") {
            return;
        }
        let run = infra_core::RunId(format!("{when}-{}", self.command));
        if let Err(error) = infra_state::backup(&self.session.journal.snapshot(), &self.backups, &run) {
            self.terminal
                .note(&format!("warning: the state could not be backed up: {error}"));
        }
    }
}
