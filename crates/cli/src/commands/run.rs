//! What `plan`, `diff`, `apply`, `destroy` and `redeploy` have in common.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use infra_config::UsedInputs;
use infra_core::plan::PlanMode;
use infra_core::{Commands, ErrorClass, ResourceAddress, RunOutcome, listed};
use infra_engine::{EngineError, Planned, RunRequest, Walk};
use infra_plan::{PlanOptions, are_refusals};
use infra_render::{PlanView, write_outputs, write_plan, write_stack_heading};

use super::lost_state;
use super::refusals::{DOUBLED, NOT_OURS, TAKEN, permissions, refusals, refuse, warn};
use super::several::Turn;
use crate::arguments::{Running, Scope, Where};
use crate::exit::Exit;
use crate::journal::reseal;
use crate::named::{self, Named};
use crate::site::{self, Site};
use crate::stack::{self, Manner, Open, Stopped, Wanted};
use crate::terminal::{Terminal, data};

/// How many addresses are named that a run leaves to the next one.
const NAMED: usize = 10;

/// What is asked of a stack.
pub struct Task<'a> {
    /// The stack file; for a destroy it may be a stack's identity.
    pub file: &'a Path,
    /// Which of the stacks of the command line it is; nothing for a saved plan.
    pub turn: Option<&'a Turn>,
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
    /// Whose data may be lost.
    pub allow_data_loss: Vec<ResourceAddress>,
    /// How the run goes.
    pub manner: Manner,
    /// Whether the differences are all that is wanted, so that what could not be looked at keeps nothing from being shown.
    pub only_looks: bool,
    /// Where the plan is going to be saved.
    pub plan_file: Option<&'a Path>,
}

/// A stack that was read, opened and planned.
pub struct Prepared {
    /// How the stack was named.
    pub named: Named,
    /// The open stack.
    pub open: Open,
    /// The plan.
    pub planned: Planned,
    /// What the file was read from; nothing without a file.
    pub used: UsedInputs,
    /// Where the state is.
    pub site: Site,
}

/// What came of preparing a stack.
pub enum Preparation {
    /// It can be gone on with.
    Ready(Box<Prepared>),
    /// It ends here: something is wrong, which has been shown.
    Ended(Exit),
}

/// Reads the file, opens the stack and plans.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn prepare(
    task: &Task<'_>,
    force_update: impl Fn(&infra_core::Stack) -> Vec<ResourceAddress>,
    terminal: &Terminal,
) -> Result<Preparation> {
    let named = match task.mode {
        PlanMode::Apply => Named::file(task.file),
        PlanMode::Destroy => Named::file_or_identity(task.file, terminal),
    };
    let (wanted, sources, used) = match &named {
        Named::Id(id) => (Wanted::Known(id.clone()), Arc::default(), UsedInputs::default()),
        Named::File(path) => {
            let mut loaded = match task.mode {
                PlanMode::Apply => stack::read(path, task.place, terminal)?,
                PlanMode::Destroy => stack::read_to_destroy(path, task.place, terminal)?,
            };
            let Some(stack) = loaded.stack.take() else {
                return Ok(Preparation::Ended(Exit::BadStack));
            };
            (Wanted::Declared(Box::new(stack)), loaded.sources, loaded.used)
        }
    };
    let mut site = site::site_unless_stopped(&named, task.place, terminal).await?;
    site.own_paths.extend(task.plan_file.map(Path::to_owned));
    if let Wanted::Known(id) = &wanted {
        named::require_known(id, &site)?;
    }
    let open = stack::open(wanted, sources, &site, task.command, task.manner, terminal).await?;
    let force_update = force_update(&open.stack);
    if task.mode == PlanMode::Destroy && open.session.journal.with_state(|state| state.rebuilt) {
        match &named {
            // Into a rebuilt state comes what the file declares: for that it has to be read whole.
            Named::File(path) if stack::read(path, task.place, terminal)?.stack.is_none() => {
                open.close().await;
                terminal.note("The state was rebuilt: what it lacks is found only by the whole file.");
                return Ok(Preparation::Ended(Exit::BadStack));
            }
            Named::File(_) => {}
            Named::Id(_) => terminal.note(
                "warning: the state came from a backup or a file: what was made after that is found by what the stack file \
                 declares, and stays at AWS when the stack is destroyed without it",
            ),
        }
    }
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
            allow_data_loss: permissions(task, &open),
            stack_allows_data_loss: open.stack.allow_data_loss,
            data_loss_in_file: open
                .stack
                .resources
                .iter()
                .map(|(address, resource)| (address.clone(), resource.lifecycle.allow_data_loss))
                .collect(),
            ..PlanOptions::new(task.mode)
        },
        refresh: !task.scope.no_refresh,
    };
    // Of what a rebuilt state, or one that is gone, does not know, the plan would make a second one.
    let planned = match open.session.find_again(&open.stack).await {
        Ok(_) if task.scope.no_refresh => open.session.plan(request).await,
        Ok(_) => {
            let session = &open.session;
            let declared = request.stack.clone();
            let looking = session.unknown_to_the_state(declared.as_deref());
            let (planned, unknown) = tokio::join!(session.plan(request), looking);
            open.view.clear().await;
            match lost_state::refusal(unknown, planned.as_ref().ok(), &open, &site).await {
                Ok(None) => {}
                Ok(Some((refused, why))) => {
                    let shown = refuse(&[refused], why, &open, terminal).await;
                    open.close().await;
                    return shown.map(Preparation::Ended);
                }
                Err(error) if error.class == ErrorClass::Cancelled => {}
                Err(error) => terminal.note(&lost_state::warning(&error, &open)),
            }
            planned
        }
        Err(error) => Err(error),
    };
    open.view.clear().await;
    let planned = match planned {
        // What is only looked at is shown as far as it can be.
        Ok(planned) if !planned.unseen.is_empty() && !task.only_looks => {
            Err(EngineError::Unseen(planned.unseen))
        }
        planned => planned,
    };
    match planned {
        Ok(planned) => Ok(Preparation::Ready(Box::new(Prepared {
            named,
            open,
            planned,
            used,
            site,
        }))),
        Err(error) => {
            let shown = show_engine_error(error, &open, terminal);
            open.close().await;
            shown.map(Preparation::Ended)
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
            Ok(if are_refusals(&diagnostics) {
                Exit::Failed
            } else {
                Exit::BadStack
            })
        }
        EngineError::Unseen(diagnostics) => {
            terminal.diagnostics(&diagnostics, &open.stack.sources)?;
            Ok(Exit::Failed)
        }
        EngineError::Lookups(unanswered) => {
            terminal.diagnostics(&unanswered.diagnostics, &open.stack.sources)?;
            Ok(if unanswered.failed {
                Exit::Failed
            } else {
                Exit::BadStack
            })
        }
        other => Err(other.into()),
    }
}

/// Writes a plan to stdout; of several stacks, under the stack's identity.
///
/// # Errors
/// When stdout is closed.
pub fn show_plan(
    task: &Task<'_>,
    planned: &Planned,
    view: PlanView<'_>,
    terminal: &Terminal,
) -> io::Result<()> {
    if let Some(turn) = task.turn.filter(|turn| turn.of > 1) {
        let stack = &planned.plan.stack;
        write_stack_heading(
            &mut data(),
            stack,
            turn.number > 1,
            terminal.format,
            &terminal.out,
        )?;
    }
    write_plan(&mut data(), &planned.plan, view, terminal.format, &terminal.out)
}

/// Asks, carries the plan out, and shows the outputs.
///
/// # Errors
/// The state cannot be written, or the terminal is gone.
pub async fn carry_out(
    prepared: Prepared,
    task: &Task<'_>,
    running: &Running,
    terminal: &Terminal,
) -> Result<Exit> {
    let Prepared {
        named, open, planned, ..
    } = prepared;
    let keeps_something = planned.plan.counts().forget > 0;
    let forecast = open.session.forecast(&planned.plan);
    show_plan(task, &planned, PlanView::Plan(&forecast), terminal)?;
    warn(open.session.moved_names(&planned), &open, terminal)?;
    if let Some((refused, why)) = refusals(&planned, &open) {
        let shown = refuse(&refused, why, &open, terminal).await;
        open.close().await;
        return shown;
    }
    if let Some(why) = open.session.unsealable(&planned) {
        open.close().await;
        return Err(EngineError::KeyLost(why).into());
    }
    let nothing_to_do = planned.plan.steps.is_empty() && planned.plan.outputs.is_empty();
    for (end, names) in open.session.left(&planned.plan) {
        let names: Vec<_> = names.into_iter().collect();
        let names = listed(&names, NAMED);
        terminal.note(&format!("Left to the next apply, when {end} has ended: {names}"));
    }
    let retags = planned.plan.counts().retag > 0;
    if !nothing_to_do && (planned.plan.has_changes() || retags) && !running.yes {
        if !terminal.can_ask() {
            open.close().await;
            terminal.note("error: nobody is there to ask: give -y to go on without a question");
            return Ok(Exit::Usage);
        }
        let question = match task.mode {
            PlanMode::Destroy => format!(
                "Really destroy {} of {}{}?",
                counted(&planned),
                open.stack.id,
                with_data(&planned)
            ),
            PlanMode::Apply => format!("Carry this out for {}{}?", open.stack.id, with_data(&planned)),
        };
        if !terminal.ask(&question).await? {
            open.close().await;
            terminal.note("Nothing was changed.");
            return Ok(Exit::Cancelled);
        }
    }
    if !nothing_to_do && terminal.cancellation.level() > 0 {
        open.close().await;
        return Err(Stopped.into());
    }
    let exit = if nothing_to_do {
        Ok(Exit::Done)
    } else {
        execute(&open, planned, task.command, terminal).await
    };
    if task.mode == PlanMode::Apply && matches!(exit, Ok(Exit::Done)) {
        reseal(&open.session, terminal).await?;
    }
    let (outputs, is_empty) = open
        .session
        .journal
        .with_state(|state| (state.outputs.clone(), state.is_empty()));
    let id = open.stack.id.clone();
    open.close().await;
    let exit = exit?;
    if task.mode == PlanMode::Apply && exit == Exit::Done && !outputs.is_empty() {
        write_outputs(
            &mut data(),
            &outputs,
            &id,
            Some("Outputs"),
            terminal.format,
            &terminal.out,
        )?;
    }
    if (exit, task.mode) == (Exit::Done, PlanMode::Destroy) && is_empty && !keeps_something {
        terminal.note(&format!("{id} is gone."));
    }
    // When the stream is closed there is nobody to tell.
    let _ = infra_render::write_next(&mut io::stderr(), &next(task, &named, exit), &terminal.err);
    Ok(exit)
}

fn counted(planned: &Planned) -> String {
    let counts = planned.plan.counts();
    format!("{} resources", counts.delete + counts.forget)
}

/// What a question adds where data is lost.
fn with_data(planned: &Planned) -> String {
    match planned
        .plan
        .changes
        .iter()
        .filter(|change| change.loses_data())
        .count()
    {
        0 => String::new(),
        1 => ", and lose the data of 1 resource".to_owned(),
        losing => format!(", and lose the data of {losing} resources"),
    }
}

/// What a user types next, after a run that was carried out or stopped.
fn next(task: &Task<'_>, named: &Named, exit: Exit) -> Vec<String> {
    // Only these two work out what the file declares.
    let evaluates = |command: &str| matches!(command, "apply" | "diff");
    let commands: &[(&str, &str)] = match (exit, task.mode) {
        (Exit::Done, PlanMode::Apply) => &[
            ("diff", "shows what drifted"),
            ("state list", "shows what there is"),
            ("destroy", "removes it all"),
        ],
        (Exit::Cancelled, PlanMode::Apply) => &[
            ("apply", "goes on from here"),
            ("diff", "shows what is still to be done"),
            ("destroy", "removes what there is"),
        ],
        (Exit::Cancelled, PlanMode::Destroy) if named.path().is_none() => &[("destroy", "goes on from here")],
        (Exit::Cancelled, PlanMode::Destroy) => &[
            ("destroy", "goes on from here"),
            ("apply", "puts everything back"),
        ],
        _ => &[],
    };
    let lines: Vec<String> = commands
        .iter()
        .map(|(command, _)| {
            let place = if evaluates(command) {
                task.place.as_typed()
            } else {
                task.place.of_state()
            };
            Commands::new(named.to_string(), place).on(command, [])
        })
        .collect();
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    lines
        .iter()
        .zip(commands)
        .map(|(line, (_, meaning))| format!("{line:<widest$}   {meaning}"))
        .collect()
}

/// Backs the state up and carries a plan out.
///
/// # Errors
/// The state cannot be written.
pub async fn execute(open: &Open, planned: Planned, command: &str, terminal: &Terminal) -> Result<Exit> {
    // Also what says, should the state be lost altogether, that there was one.
    open.back_up("before");
    let report = match open.session.execute(planned, command).await {
        Err(EngineError::NotOurs(refused)) => return refuse(&refused, NOT_OURS, open, terminal).await,
        Err(EngineError::Doubled(refused)) => return refuse(&refused, DOUBLED, open, terminal).await,
        Err(EngineError::Taken(refused)) => {
            return refuse(&refused, TAKEN, open, terminal).await;
        }
        report => report?,
    };
    Ok(match report.outcome {
        RunOutcome::Completed => Exit::Done,
        RunOutcome::Failed => Exit::Failed,
        RunOutcome::Cancelled => Exit::Cancelled,
    })
}

impl From<&Running> for Manner {
    fn from(running: &Running) -> Self {
        Self {
            parallelism: usize::from(running.parallelism),
            walk: if running.every_edge_ready {
                Walk::EveryEdgeReady
            } else {
                Walk::ByStrength
            },
            wait: !running.no_wait,
            ..Self::default()
        }
    }
}
