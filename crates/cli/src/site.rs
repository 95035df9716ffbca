//! Where stacks' states are, and how one is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use infra_core::{Commands, SealingKey, StackId};
use infra_sandbox::{Sandbox, StartOptions};
use infra_state::{Holder, StateError};
use infra_state_sled::{Mode, Request, SledStore};

use crate::arguments::Where;
use crate::named::Named;
use crate::sealing::{Given, Sealing};
use crate::stack::Stopped;
use crate::terminal::Terminal;

/// Where a stack's state is, and which AWS it belongs to.
#[derive(Clone)]
pub struct Site {
    /// The folder of the states.
    pub state_dir: PathBuf,
    /// What stands for the stack on the command line; `None` for commands on no single one.
    pub named: Option<String>,
    /// How the command line says where the states are, behind a stack and with a space before each part.
    pub typed: String,
    /// How long somebody else who works on a stack is waited for.
    pub lock_timeout: Duration,
    /// The emulator, if it is the sandbox.
    pub emulator: Option<SandboxSite>,
    /// What the program keeps in the project, and so may lie among the sources of an image.
    pub own_paths: Vec<PathBuf>,
}

/// The sandbox that takes AWS's place.
#[derive(Clone)]
pub struct SandboxSite {
    /// The URL of every service.
    pub endpoint: String,
    /// The factor on AWS's durations.
    pub time_scale: f64,
    /// The image registry.
    pub registry: String,
}

/// As [`site`], but the wish to stop ends it. An emulator that is starting goes on, and the next run finds it.
///
/// # Errors
/// When the sandbox cannot be started, or [`Stopped`].
pub async fn site_unless_stopped(named: &Named, place: &Where, terminal: &Terminal) -> Result<Site> {
    let (named, place, own) = (named.clone(), place.clone(), terminal.clone());
    let finding = tokio::task::spawn_blocking(move || site(&named, &place, &own));
    match terminal.cancellation.until(1, finding).await {
        Some(found) => found.context("the sandbox cannot be started")?,
        None => Err(Stopped.into()),
    }
}

/// The states, the sandbox's folder, and the sealing keys.
fn own_paths(root: &Path, state_dir: &Path) -> Vec<PathBuf> {
    let mut paths = vec![state_dir.to_owned(), root.join(".infra")];
    paths.extend(Given::of_environment().files());
    paths
}

/// Finds the state's folder; with `--sandbox` starts the emulator first.
///
/// # Errors
/// When the sandbox cannot be started.
pub fn site(named: &Named, place: &Where, terminal: &Terminal) -> Result<Site> {
    Ok(Site {
        named: Some(named.to_string()),
        ..site_in(&named.root(), place, terminal)?
    })
}

/// The same for the stacks of a project.
///
/// # Errors
/// When the sandbox cannot be started.
pub fn site_in(root: &Path, place: &Where, terminal: &Terminal) -> Result<Site> {
    let lock_timeout = Duration::from_secs(u64::from(place.lock_timeout));
    if !place.sandbox {
        let state_dir = place.state_dir.clone().unwrap_or_else(|| root.join("state"));
        return Ok(Site {
            named: None,
            typed: place.of_state(),
            own_paths: own_paths(root, &state_dir),
            state_dir,
            lock_timeout,
            emulator: None,
        });
    }
    let running = Sandbox::new(root)
        .start(&StartOptions::default(), &mut |line| {
            terminal.note(&format!("sandbox: {line}"))
        })
        .context("the sandbox cannot be started")?;
    Ok(Site {
        named: None,
        typed: place.of_state(),
        own_paths: own_paths(root, &running.state_dir),
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
///
/// # Errors
/// As for [`open_store`].
pub fn open_sealing(
    site: &Site,
    stack: &StackId,
    command: &str,
    need: Need,
    key: &SealingKey,
    terminal: &Terminal,
) -> Result<SledStore> {
    let held = match attempt(site, stack, command, need, key, site.unnoticed()) {
        Err(StateError::Held(held)) if site.lock_timeout > site.unnoticed() => held,
        other => return other.map_err(|error| site.explained(stack, error)),
    };
    site.tell_waiting(&held, terminal);
    let rest = site.lock_timeout - site.unnoticed();
    attempt(site, stack, command, need, key, rest).map_err(|error| site.explained(stack, error))
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

impl Site {
    /// A command on a stack of this place, as it is typed.
    pub fn command(&self, verb: &str, stack: &StackId) -> String {
        self.commands(stack).on(verb, [])
    }

    /// How commands on a stack of this place are typed.
    pub fn commands(&self, stack: &StackId) -> Commands {
        Commands::new(self.named.as_deref().unwrap_or(stack.as_str()), &*self.typed)
    }

    /// How those commands are typed that need a file, which `named` may not be.
    pub fn of_file(&self, named: &Named) -> Commands {
        let file = named.path().map_or("FILE".into(), Path::to_string_lossy);
        Commands::new(file, &*self.typed)
    }

    /// An error of a state, with what to type next.
    pub fn explained(&self, stack: &StackId, mut error: StateError) -> anyhow::Error {
        if let StateError::Damaged { hint, .. } = &mut error {
            *hint = format!(
                "Nothing at AWS is touched or lost: `{}` sets the damaged database aside and goes on from the newest backup",
                self.command("state rebuild", stack)
            );
        }
        if let StateError::Held(held) = &mut error {
            held.unlock = self.command("state unlock", stack);
        }
        error.into()
    }

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
