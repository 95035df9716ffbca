//! From a stack file to an open session: read it, find AWS, check the account, open the state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use infra_aws::{AwsCatalogue, AwsProviders, Clients, ConnectOptions, Emulator, connect};
use infra_config::{DiskFiles, Files, Inputs, Loaded, load, load_to_destroy};
use infra_core::{Connection, Location, ResourceAddress, SealingKey, Severity, SourceMap, Stack, StackId};
use infra_engine::{EngineError, Estimates, ImportError, Machine, Pace, Session, Walk};
use infra_provider::{BuiltIn, Providers};
use infra_record::Durations;
use infra_sandbox::{Sandbox, StartOptions};
use infra_state::{Holder, Journal, StateError, StateStore};
use infra_state_sled::{Mode, Request, SledStore};

use crate::accounts;
use crate::arguments::Where;
use crate::environment;
use crate::project;
use crate::recording;
use crate::sealing::{Given, Sealing};
use crate::terminal::{Terminal, View};

/// The account that the emulator takes for its own when a stack allows any.
const SANDBOX_ACCOUNT: &str = "123456789012";

/// Reads a stack file and shows what is wrong with it.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read(path: &Path, place: &Where, terminal: &Terminal) -> Result<Loaded> {
    let variables = place.variables.iter().cloned().collect();
    read_from(
        path,
        Arc::new(DiskFiles),
        &variables,
        &environment::all(),
        terminal,
    )
}

/// The same for a destroy, which asks for no variable that it does not need.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read_to_destroy(path: &Path, place: &Where, terminal: &Terminal) -> Result<Loaded> {
    let variables = place.variables.iter().cloned().collect();
    let inputs = Inputs {
        files: Arc::new(DiskFiles),
        variables: &variables,
        environment: &environment::all(),
    };
    shown(load_to_destroy(path, &inputs, &AwsCatalogue), terminal)
}

/// The same from other files.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read_from(
    path: &Path,
    files: Arc<dyn Files>,
    variables: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    terminal: &Terminal,
) -> Result<Loaded> {
    let loaded = load(
        path,
        &Inputs {
            files,
            variables,
            environment,
        },
        &AwsCatalogue,
    );
    shown(loaded, terminal)
}

/// Hides what is sensitive and shows what is wrong.
fn shown(loaded: Loaded, terminal: &Terminal) -> Result<Loaded> {
    if let Some(stack) = &loaded.stack {
        terminal.redaction.hide(stack.variables.values());
    }
    if !loaded.diagnostics.is_empty() {
        terminal.diagnostics(&loaded.diagnostics, &loaded.sources)?;
    }
    debug_assert!(
        loaded.stack.is_some()
            || loaded
                .diagnostics
                .iter()
                .any(|found| found.severity == Severity::Error)
    );
    Ok(loaded)
}

/// Where a stack's state is, and which AWS it belongs to.
#[derive(Clone)]
pub struct Site {
    /// The folder of the states.
    pub state_dir: PathBuf,
    /// How long somebody else who works on a stack is waited for.
    pub lock_timeout: Duration,
    /// The emulator, if it is the sandbox.
    emulator: Option<SandboxSite>,
}

#[derive(Clone)]
struct SandboxSite {
    endpoint: String,
    time_scale: f64,
    registry: String,
}

/// The user wanted to stop before anything was changed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped before anything was changed")]
pub struct Stopped;

/// Whether an error only says that the user wanted to stop.
pub fn is_stop(error: &anyhow::Error) -> bool {
    error.is::<Stopped>()
        || matches!(error.downcast_ref(), Some(EngineError::Cancelled))
        || matches!(error.downcast_ref(), Some(ImportError::Cancelled))
}

/// As [`site`], but the wish to stop ends it. An emulator that is starting goes on, and the next run finds it.
///
/// # Errors
/// When the sandbox cannot be started, or [`Stopped`].
pub async fn site_unless_stopped(path: &Path, place: &Where, terminal: &Terminal) -> Result<Site> {
    let (path, place, own) = (path.to_owned(), place.clone(), terminal.clone());
    let finding = tokio::task::spawn_blocking(move || site(&path, &place, &own));
    match terminal.cancellation.until(1, finding).await {
        Some(found) => found.context("the sandbox cannot be started")?,
        None => Err(Stopped.into()),
    }
}

/// Finds the state's folder; with `--sandbox` starts the emulator first.
///
/// # Errors
/// When the sandbox cannot be started.
pub fn site(path: &Path, place: &Where, terminal: &Terminal) -> Result<Site> {
    let root = project::root_of_stack(path);
    let lock_timeout = Duration::from_secs(u64::from(place.lock_timeout));
    if !place.sandbox {
        let state_dir = place.state_dir.clone().unwrap_or_else(|| root.join("state"));
        return Ok(Site {
            state_dir,
            lock_timeout,
            emulator: None,
        });
    }
    let running = Sandbox::new(&root)
        .start(&StartOptions::default(), &mut |line| {
            terminal.note(&format!("sandbox: {line}"))
        })
        .context("the sandbox cannot be started")?;
    Ok(Site {
        state_dir: running.state_dir,
        lock_timeout,
        emulator: Some(SandboxSite {
            endpoint: running.endpoint,
            time_scale: running.time_scale,
            registry: running.registry_url,
        }),
    })
}

/// What a command needs of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may make one.
    Create,
    /// There must be one.
    Existing,
}

/// Opens a stack's state, which nobody else may hold. Who holds it is waited for, for as long as the user says.
///
/// # Errors
/// Somebody holds it, it is damaged or of a later version, or the file system says no.
pub fn open_store(
    site: &Site,
    stack: &StackId,
    command: &str,
    need: Need,
    terminal: &Terminal,
) -> Result<SledStore> {
    let unused = Sealing::unused()?;
    open_sealing(site, stack, command, need, &unused.key, terminal)
}

/// The same with the key for its secrets.
fn open_sealing(
    site: &Site,
    stack: &StackId,
    command: &str,
    need: Need,
    key: &SealingKey,
    terminal: &Terminal,
) -> Result<SledStore> {
    let held = match attempt(site, stack, command, need, key, site.unnoticed()) {
        Err(StateError::Held(held)) if site.lock_timeout > site.unnoticed() => held,
        other => return Ok(other?),
    };
    site.tell_waiting(&held, terminal);
    let rest = site.lock_timeout - site.unnoticed();
    Ok(attempt(site, stack, command, need, key, rest)?)
}

/// Waits at most so long for whoever holds the stack.
fn attempt(
    site: &Site,
    stack: &StackId,
    command: &str,
    need: Need,
    key: &SealingKey,
    wait: Duration,
) -> Result<SledStore, StateError> {
    let request = Request {
        mode: if need == Need::Create {
            Mode::Create
        } else {
            Mode::Existing
        },
        holder: holder(command),
        wait,
        sealing_key: key.clone(),
    };
    SledStore::open(&site.state_dir, stack, &request)
}

/// Opens a stack's state with its journal, while signals are heard.
async fn open_journal(
    site: &Site,
    stack: &Stack,
    command: &str,
    need: Need,
    sealing: &Sealing,
    terminal: &Terminal,
) -> Result<(Arc<SledStore>, Arc<Journal>)> {
    let (site, id, command) = (site.clone(), stack.id.clone(), command.to_owned());
    let (sealing, terminal) = (sealing.clone(), terminal.clone());
    let opening = tokio::task::spawn_blocking(move || {
        let store = open_sealing(&site, &id, &command, need, &sealing.key, &terminal)?;
        let store = Arc::new(store);
        let journal = Journal::open(Arc::clone(&store) as Arc<dyn StateStore>)?;
        journal.with_state(|state| sealing.check(state))?;
        let journal = match sealing.lost() {
            Some(why) => journal.with_lost_key(why.to_owned()),
            None => journal,
        };
        Ok((store, Arc::new(journal)))
    });
    opening.await.context("the state cannot be opened")?
}

impl Site {
    /// A command that only reads is gone by then, and nobody needs to know of it.
    fn unnoticed(&self) -> Duration {
        self.lock_timeout.min(Duration::from_secs(1))
    }

    fn tell_waiting(&self, held: &impl std::fmt::Display, terminal: &Terminal) {
        let seconds = self.lock_timeout.as_secs();
        terminal.note(&format!("waiting up to {seconds} s: {held}"));
    }
}

/// Who this process is to others that want the stack.
pub fn holder(command: &str) -> Holder {
    Holder::this_process(format!("infra {command}"), None)
}

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
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            parallelism: 64,
            walk: Walk::default(),
            wait: true,
            forecasts: true,
        }
    }
}

/// Connects to AWS, checks the account, and opens the state.
///
/// # Errors
/// No credentials, a wrong account, or a state that cannot be had.
pub async fn open(
    stack: Stack,
    sources: Arc<SourceMap>,
    site: &Site,
    command: &str,
    manner: Manner,
    terminal: &Terminal,
) -> Result<Open> {
    let cancellation = terminal.cancellation.clone();
    let (reporter, events) = infra_engine::channel(terminal.redaction.clone());
    let view = terminal.watch(events, Some(sources));
    view.status("signing in to AWS");
    let emulator = site.emulator.as_ref();
    let account = stack
        .allowed_account_ids
        .first()
        .map_or(SANDBOX_ACCOUNT, String::as_str);
    let options = ConnectOptions {
        stack: stack.id.clone(),
        region: stack.region.clone(),
        assume_role: stack.assume_role.clone(),
        allowed_account_ids: stack.allowed_account_ids.clone(),
        emulator: emulator.map(|sandbox| Emulator {
            endpoint_url: sandbox.endpoint.clone(),
            access_key_id: account.to_owned(),
            registry: Some(sandbox.registry.clone()),
        }),
        registry: environment::variable(environment::REGISTRY),
        docker_config: environment::docker_config(),
        progress: Arc::new(reporter.clone()),
    };
    let runs = infra_state_sled::runs_folder(&site.state_dir, &stack.id);
    let past = past_runs(runs.clone(), manner.forecasts);
    let opening = open_with(&options, &stack, site, command, terminal);
    let opened = cancellation.until(1, opening).await;
    let Opened {
        store,
        journal,
        clients,
    } = match opened.unwrap_or_else(|| Err(Stopped.into())) {
        Ok(opened) => opened,
        Err(error) => {
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
        identity,
        connection,
        estimates: Estimates::new(Arc::clone(&providers), past),
        providers,
        reporter,
        cancellation,
        ambient: Arc::new(Machine),
        pace: emulator.map_or(Pace::AWS, |emulator| Pace::of_emulator(emulator.time_scale)),
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

struct Opened {
    store: Arc<SledStore>,
    journal: Arc<Journal>,
    /// `None`: neither file nor state has anything at AWS.
    clients: Option<Clients>,
}

/// Signs in to AWS and opens the state, both at once. A state that is not there yet is made only then, so that wrong
/// credentials leave no empty one behind. A stack without anything at AWS needs no account.
async fn open_with(
    options: &ConnectOptions,
    stack: &Stack,
    site: &Site,
    command: &str,
    terminal: &Terminal,
) -> Result<Opened> {
    let is_built_in = |address: &ResourceAddress| BuiltIn::has(address.type_name());
    let signing_in = async {
        if stack.resources.keys().all(is_built_in) {
            return Ok(None);
        }
        Ok(Some(connect(options).await?))
    };
    let sealing = Sealing::find(&Given::of_environment(), &site.state_dir)?;
    let opening = async {
        match open_journal(site, stack, command, Need::Existing, &sealing, terminal).await {
            Err(error) if matches!(error.downcast_ref(), Some(StateError::Absent { .. })) => Ok(None),
            opened => opened.map(Some),
        }
    };
    let (mut clients, opened) = tokio::try_join!(signing_in, opening)?;
    let (store, journal) = match opened {
        Some(opened) => opened,
        None => open_journal(site, stack, command, Need::Create, &sealing, terminal).await?,
    };
    let state_is_built_in = journal.with_state(|state| {
        let of_intents = state.intents.values().map(|intent| &intent.address);
        let known = state.resources.keys().chain(state.deposed.keys());
        known.chain(of_intents).all(is_built_in)
    });
    if clients.is_none() && !state_is_built_in {
        clients = Some(connect(options).await?);
    }
    if let Some(clients) = &clients {
        journal.with_state(|state| accounts::check(state, &clients.identity))?;
    }
    Ok(Opened {
        store,
        journal,
        clients,
    })
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
        let run = infra_core::state::RunId(format!("{when}-{}", self.command));
        if let Err(error) = infra_state::backup(&self.session.journal.snapshot(), &self.backups, &run) {
            self.terminal
                .note(&format!("warning: the state could not be backed up: {error}"));
        }
    }
}
