//! What `plan`, `diff`, `apply`, `destroy` and `redeploy` have in common.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use infra_config::Loaded;
use infra_core::plan::PlanMode;
use infra_core::{ResourceAddress, RunOutcome};
use infra_engine::{EngineError, Planned, RunRequest};
use infra_plan::PlanOptions;
use infra_render::{PlanView, write_outputs, write_plan};

use crate::arguments::{Running, Scope, Where};
use crate::exit::Exit;
use crate::stack::{self, Manner, Open, Site};
use crate::terminal::Terminal;

/// What is asked of a stack.
pub struct Task<'a> {
    /// The stack file.
    pub file: &'a Path,
    /// Where its state is and which AWS it talks to.
    pub place: &'a Where,
    /// The command's name.
    pub command: &'static str,
    /// Bring AWS to what the file says, or remove everything.
    pub mode: PlanMode,
    /// What is looked at.
    pub scope: Scope,
    /// To be replaced even if nothing differs.
    pub replace: Vec<ResourceAddress>,
    /// How the run goes.
    pub manner: Manner,
}

/// A stack that was read, opened and planned.
pub struct Prepared {
    /// The open stack.
    pub open: Open,
    /// The plan.
    pub planned: Planned,
    /// What the file was read from.
    pub loaded: Loaded,
    /// Where the state is.
    pub site: Site,
}

/// Reads the file, opens the stack and plans. `Err(Exit)` inside `Ok` when the file is wrong, which has been shown.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn prepare(
    task: &Task<'_>,
    force_update: impl Fn(&infra_core::Stack) -> Vec<ResourceAddress>,
    terminal: &Terminal,
) -> Result<Result<Prepared, Exit>> {
    let mut loaded = stack::read(task.file, task.place, terminal)?;
    let Some(wanted) = loaded.stack.take() else {
        return Ok(Err(Exit::BadStack));
    };
    let site = stack::site(task.file, task.place, terminal)?;
    let force_update = force_update(&wanted);
    let open = stack::open(
        wanted,
        Arc::clone(&loaded.sources),
        &site,
        task.command,
        task.manner,
        terminal,
    )
    .await?;
    open.view.status(format!(
        "reading {} resources",
        open.session.journal.with_state(|state| state.resources.len())
    ));
    let request = RunRequest {
        stack: (task.mode == PlanMode::Apply).then(|| Arc::clone(&open.stack)),
        options: PlanOptions {
            targets: task.scope.targets.clone(),
            replace: task.replace.clone(),
            force_update,
            ..PlanOptions::new(task.mode)
        },
        refresh: !task.scope.no_refresh,
    };
    let planned = open.session.plan(request).await;
    open.view.clear().await;
    match planned {
        Ok(planned) => Ok(Ok(Prepared {
            open,
            planned,
            loaded,
            site,
        })),
        Err(error) => {
            let shown = show_engine_error(error, &open, terminal);
            open.close().await;
            shown.map(Err)
        }
    }
}

/// Diagnostics are shown with their places; everything else is an error.
///
/// # Errors
/// The error itself, when it has no place in a file.
pub fn show_engine_error(error: EngineError, open: &Open, terminal: &Terminal) -> Result<Exit> {
    match error {
        EngineError::Diagnostics(diagnostics) => {
            terminal.diagnostics(&diagnostics, &open.stack.sources)?;
            Ok(Exit::BadStack)
        }
        other => Err(other.into()),
    }
}

/// Writes a plan to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn show_plan(planned: &Planned, view: PlanView<'_>, terminal: &Terminal) -> io::Result<()> {
    write_plan(
        &mut io::stdout(),
        &planned.plan,
        view,
        terminal.format,
        &terminal.out,
    )
}

/// Asks, carries the plan out, backs the state up, and shows the outputs.
///
/// # Errors
/// The state cannot be written, or the terminal is gone.
pub async fn carry_out(
    prepared: Prepared,
    task: &Task<'_>,
    running: &Running,
    terminal: &Terminal,
) -> Result<Exit> {
    let Prepared { open, planned, .. } = prepared;
    let forecast = open.session.forecast(&planned.plan);
    show_plan(&planned, PlanView::Plan(&forecast), terminal)?;
    let nothing_to_do = planned.plan.steps.is_empty() && planned.plan.outputs.is_empty();
    if !nothing_to_do && planned.plan.has_changes() && !running.yes {
        if !terminal.can_ask() {
            open.close().await;
            terminal.note("error: nobody is there to ask: give -y to go on without a question");
            return Ok(Exit::Usage);
        }
        let question = match task.mode {
            PlanMode::Destroy => format!("Really destroy {} of {}?", counted(&planned), open.stack.id),
            PlanMode::Apply => format!("Carry this out for {}?", open.stack.id),
        };
        if !terminal.ask(&question)? {
            open.close().await;
            terminal.note("Nothing was changed.");
            return Ok(Exit::Cancelled);
        }
    }
    let exit = if nothing_to_do {
        Ok(Exit::Done)
    } else {
        execute(&open, planned, task.command, terminal).await
    };
    let outputs = open.session.journal.with_state(|state| state.outputs.clone());
    let id = open.stack.id.clone();
    open.close().await;
    let exit = exit?;
    if task.mode == PlanMode::Apply && exit == Exit::Done && !outputs.is_empty() {
        write_outputs(
            &mut io::stdout(),
            &outputs,
            Some("Outputs"),
            terminal.format,
            &terminal.out,
        )?;
    }
    if exit == Exit::Done && task.mode == PlanMode::Apply {
        infra_render::write_next(&mut io::stderr(), &next(task), &terminal.err)?;
    } else if exit == Exit::Done {
        terminal.note(&format!("{id} is gone."));
    }
    Ok(exit)
}

fn counted(planned: &Planned) -> String {
    let counts = planned.plan.counts();
    format!("{} resources", counts.delete + counts.forget)
}

/// What a user types next.
fn next(task: &Task<'_>) -> Vec<String> {
    let file = task.file.display();
    let sandbox = if task.place.sandbox { " --sandbox" } else { "" };
    vec![
        format!("infra diff {file}{sandbox}         shows what drifted"),
        format!("infra state list {file}{sandbox}   shows what there is"),
        format!("infra destroy {file}{sandbox}      removes it all"),
    ]
}

/// Carries a plan out and backs the state up.
///
/// # Errors
/// The state cannot be written.
pub async fn execute(open: &Open, planned: Planned, command: &str, terminal: &Terminal) -> Result<Exit> {
    let run = backup_name(&planned);
    let report = open.session.execute(planned, command).await?;
    back_up(open, &run, terminal);
    Ok(match report.outcome {
        RunOutcome::Completed => Exit::Done,
        RunOutcome::Failed => Exit::Failed,
        RunOutcome::Cancelled => Exit::Cancelled,
    })
}

/// Backups are named by the serial that the run began with, which grows with each run.
fn backup_name(planned: &Planned) -> infra_core::state::RunId {
    infra_core::state::RunId(format!("{:012}", planned.plan.serial))
}

/// A backup that cannot be written does not undo the run, but is told.
fn back_up(open: &Open, run: &infra_core::state::RunId, terminal: &Terminal) {
    if let Err(error) = infra_state::backup(&open.session.journal.snapshot(), &open.backups, run) {
        terminal.note(&format!("warning: the state could not be backed up: {error}"));
    }
}

/// Runs a task for each stack file in turn; the worst outcome counts.
///
/// # Errors
/// The first stack that could not be had at all.
pub async fn each<F>(files: &[PathBuf], mut one: impl FnMut(PathBuf) -> F) -> Result<Exit>
where
    F: Future<Output = Result<Exit>>,
{
    let mut exit = Exit::Done;
    for file in files {
        exit = exit.worse(one(file.clone()).await?);
        if exit == Exit::Cancelled {
            break;
        }
    }
    Ok(exit)
}

impl From<&Running> for Manner {
    fn from(running: &Running) -> Self {
        Self {
            parallelism: usize::from(running.parallelism),
            wait: !running.no_wait,
        }
    }
}
