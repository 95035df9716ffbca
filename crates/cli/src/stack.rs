//! From a stack file to an open session: read it, find AWS, check the account, open the state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use infra_aws::{AwsCatalogue, AwsProviders, Clients, ConnectOptions, Emulator, connect};
use infra_config::{DiskFiles, Files, Inputs, Loaded, load, load_to_destroy};
use infra_core::{
    Connection, KeptKey, Location, ResourceAddress, Secret, Severity, SourceMap, Stack, StackId, Value,
};
use infra_engine::{EngineError, Estimates, ImportError, Machine, Pace, Reporter, Session, Walk};
use infra_provider::{BuiltIn, Providers};
use infra_record::Durations;
use infra_state::{Journal, StateError};
use infra_state_sled::SledStore;

use crate::accounts;
use crate::arguments::Where;
use crate::code;
use crate::environment;
use crate::journal::{KmsKey, open_journal, sealed, sealed_by_kms, sealing_key};
use crate::recording;
use crate::sealing::{Given, Sealing};
use crate::site::{Need, Site};
use crate::terminal::{Terminal, View};

/// The account that the emulator takes for its own when a stack allows any.
const SANDBOX_ACCOUNT: &str = "123456789012";

/// Reads a stack file and shows what is wrong with it.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read(path: &Path, place: &Where, terminal: &Terminal) -> Result<Loaded> {
    let variables = place.variables.iter().cloned().collect();
    let loaded = read_from(
        path,
        Arc::new(DiskFiles),
        &variables,
        &environment::all(),
        terminal,
    )?;
    let is_identity = path.to_str().is_some_and(|text| text.parse::<StackId>().is_ok());
    if is_identity && !path.is_file() {
        terminal.note(&format!(
            "help: {} is the identity of a stack, but this needs what its file declares. `infra destroy`, `output`, `report` \
             and `state` take an identity as well",
            path.display()
        ));
    }
    Ok(loaded)
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
    let loaded = load_to_destroy(path, &inputs, &AwsCatalogue);
    shown(loaded, inputs.environment, terminal)
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
    shown(loaded, environment, terminal)
}

/// Hides what is sensitive and shows what is wrong.
fn shown(loaded: Loaded, environment: &BTreeMap<String, String>, terminal: &Terminal) -> Result<Loaded> {
    if let Some(stack) = &loaded.stack {
        terminal.redaction.hide(stack.variables.values());
    }
    let sensitive = &loaded.used.sensitive_environment;
    let values = sensitive.iter().filter_map(|name| environment.get(name));
    let values: Vec<Value> = values
        .map(|value| Value::Secret(Secret::Clear(Box::new(Value::from(value.as_str())))))
        .collect();
    terminal.redaction.hide(&values);
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

/// What is opened.
pub enum Wanted {
    /// What a file declares.
    Declared(Box<Stack>),
    /// What a file declared when a plan was saved, and the key of KMS's keeping that the plan is sealed with, if it is.
    Planned(Box<Stack>, Option<KeptKey>),
    /// What a state knows, without a file: nothing is declared, and AWS is reached as it was last.
    Known(StackId),
}

impl Wanted {
    fn id(&self) -> &StackId {
        match self {
            Self::Declared(stack) | Self::Planned(stack, _) => &stack.id,
            Self::Known(id) => id,
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
        _ => sealing_key(site, terminal)?,
    };
    let (reporter, events) = infra_engine::channel(terminal.redaction.clone());
    let view = terminal.watch(wanted.id().clone(), events, Some(sources));
    view.status("signing in to AWS");
    let runs = infra_state_sled::runs_folder(&site.state_dir, wanted.id());
    let past = past_runs(runs.clone(), manner.forecasts);
    let opening = async {
        let opening = Opening {
            site,
            command,
            manner,
            sealing: &sealing,
            reporter: &reporter,
            view: &view,
            terminal,
        };
        match wanted {
            Wanted::Declared(stack) => Box::pin(opening.declared(*stack, None)).await,
            Wanted::Planned(stack, kept) => Box::pin(opening.declared(*stack, kept)).await,
            Wanted::Known(id) => Box::pin(opening.known(&id)).await,
        }
    };
    let opened = cancellation.until(1, opening).await;
    let Opened {
        stack,
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

struct Opened {
    stack: Stack,
    store: Arc<SledStore>,
    journal: Arc<Journal>,
    /// `None`: neither file nor state has anything at AWS.
    clients: Option<Clients>,
}

fn is_built_in(address: &ResourceAddress) -> bool {
    BuiltIn::has(address.type_name())
}

/// Whether a state has nothing at AWS.
fn state_is_built_in(journal: &Journal) -> bool {
    journal.with_state(|state| {
        let of_intents = state.intents.values().map(|intent| &intent.address);
        let known = state.resources.keys().chain(state.deposed.keys());
        known.chain(of_intents).all(is_built_in)
    })
}

/// Whether the file says that a key of KMS keeps the key of sensitive values. A sandbox has no such key, and its states
/// no such secrets.
fn is_kept_by_kms(stack: &Stack, site: &Site) -> bool {
    stack.sealing_key.is_some() && site.emulator.is_none()
}

/// How a stack is opened.
struct Opening<'a> {
    site: &'a Site,
    command: &'a str,
    manner: Manner,
    sealing: &'a Sealing,
    reporter: &'a Reporter,
    view: &'a View,
    terminal: &'a Terminal,
}

impl Opening<'_> {
    fn connect_options(&self, stack: &Stack) -> ConnectOptions {
        let account = stack.allowed_account_ids.first();
        let account = account.map_or(SANDBOX_ACCOUNT, String::as_str);
        ConnectOptions {
            stack: stack.id.clone(),
            region: stack.region.clone(),
            assume_role: stack.assume_role.clone(),
            allowed_account_ids: stack.allowed_account_ids.clone(),
            emulator: self.site.emulator.as_ref().map(|sandbox| Emulator {
                endpoint_url: sandbox.endpoint.clone(),
                access_key_id: account.to_owned(),
                registry: Some(sandbox.registry.clone()),
            }),
            registry: environment::variable(environment::REGISTRY),
            docker_config: environment::docker_config(),
            pull_base_images: self.manner.pull_base_images,
            own_paths: self.site.own_paths.clone(),
            variables: environment::of_aws(),
            ask_code: code::asking(self.terminal, self.view),
            progress: Arc::new(self.reporter.clone()),
        }
    }

    async fn journal(&self, id: &StackId, need: Need) -> Result<(Arc<SledStore>, Journal)> {
        open_journal(self.site, id, self.command, need, self.sealing, self.terminal).await
    }

    /// The journal with its key, once AWS can be asked for that.
    async fn sealed(
        &self,
        journal: Journal,
        stack: &Stack,
        key: KmsKey<'_>,
        clients: Option<&Clients>,
    ) -> Result<Arc<Journal>> {
        let compares = self.manner.compares;
        let journal = match clients.filter(|_| self.is_by_kms(&journal, stack)) {
            Some(clients) => {
                sealed_by_kms(journal, self.sealing, clients, key, compares, self.terminal).await?
            }
            None => {
                if let Some(kms_key) = stack.sealing_key.as_deref().filter(|_| compares) {
                    self.terminal.note(&format!(
                        "note: the sandbox does without {kms_key}: its state is sealed with a key of this machine"
                    ));
                }
                sealed(journal, self.sealing, compares, self.terminal)?
            }
        };
        Ok(Arc::new(journal))
    }

    fn is_by_kms(&self, journal: &Journal, stack: &Stack) -> bool {
        is_kept_by_kms(stack, self.site) || journal.with_state(|state| state.kept_key.is_some())
    }

    /// Signs in to AWS and opens the state, both at once. A state that is not there yet is made only then, so that wrong
    /// credentials leave no empty one behind. A stack without anything at AWS needs no account.
    async fn declared(&self, stack: Stack, planned: Option<KeptKey>) -> Result<Opened> {
        let options = self.connect_options(&stack);
        let signing_in = async {
            if stack.resources.keys().all(is_built_in) {
                return Ok(None);
            }
            Ok(Some(connect(&options).await?))
        };
        let opening = async {
            match self.journal(&stack.id, Need::Existing).await {
                Err(error) if matches!(error.downcast_ref(), Some(StateError::Absent { .. })) => Ok(None),
                opened => opened.map(Some),
            }
        };
        let (mut clients, opened) = tokio::try_join!(signing_in, opening)?;
        let (store, journal) = match opened {
            Some(opened) => opened,
            None => self.journal(&stack.id, Need::Create).await?,
        };
        if clients.is_none() && (!state_is_built_in(&journal) || self.is_by_kms(&journal, &stack)) {
            clients = Some(connect(&options).await?);
        }
        if let Some(clients) = &clients {
            journal.with_state(|state| accounts::check(state, &clients.identity))?;
        }
        let key = KmsKey::Declared {
            key: stack.sealing_key.as_deref(),
            planned,
        };
        let journal = self.sealed(journal, &stack, key, clients.as_ref()).await?;
        Ok(Opened {
            stack,
            store,
            journal,
            clients,
        })
    }

    /// Opens a state, and signs in to AWS as it says.
    async fn known(&self, id: &StackId) -> Result<Opened> {
        let (store, journal) = self.journal(id, Need::Existing).await?;
        let stack = journal.with_state(Stack::of_state);
        let mut clients = None;
        if !state_is_built_in(&journal) || self.is_by_kms(&journal, &stack) {
            let options = ConnectOptions {
                // The state's own accounts are checked below, in words that name no file.
                allowed_account_ids: Vec::new(),
                ..self.connect_options(&stack)
            };
            let connected = connect(&options).await.with_context(|| match &stack.assume_role {
                Some(role) => format!(
                    "{id} is reached as its state says, with the role {role}: a stack file whose `[stack]` has another \
                     `assume_role`, and nothing else, does without it"
                ),
                None => format!("{id} is reached as its state says, with the credentials of the environment"),
            })?;
            journal.with_state(|state| accounts::check(state, &connected.identity))?;
            clients = Some(connected);
        }
        let journal = self
            .sealed(journal, &stack, KmsKey::OfState, clients.as_ref())
            .await?;
        Ok(Opened {
            stack,
            store,
            journal,
            clients,
        })
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
