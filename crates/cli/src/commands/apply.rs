//! `infra apply`: make AWS have what the file says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use infra_core::plan::PlanMode;
use infra_engine::RunRequest;
use infra_plan::{PlanOptions, same_work};

use super::run::{Preparation, Prepared, Task, carry_out, prepare, show_engine_error};
use super::several::{Turn, each};
use crate::accounts;
use crate::arguments::{Losing, Running, Scope, Where};
use crate::environment;
use crate::exit::Exit;
use crate::named::Named;
use crate::saved_plan::SavedPlan;
use crate::sealing::Sealing;
use crate::site;
use crate::stack::{self, Manner, Wanted};
use crate::terminal::Terminal;

/// Bring AWS to what the stack files say
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra apply stacks/dev02-us-east-1.toml\n  infra apply stacks/dev02-us-east-1.toml --sandbox -y\n  infra apply --plan plan.json"
)]
pub struct Apply {
    /// The stack files
    #[arg(
        required_unless_present = "plan",
        conflicts_with = "plan",
        value_name = "STACK"
    )]
    files: Vec<PathBuf>,
    /// Carry out this plan, which `infra plan --out` saved; refused if the state has moved since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    scope: Scope,
    /// Replace this resource even if nothing differs; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<infra_core::ResourceAddress>,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    running: Running,
}

/// Plans, asks, and carries out.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Apply, terminal: &Terminal) -> Result<Exit> {
    match &command.plan {
        Some(plan) => saved(command, plan, terminal).await,
        None => {
            each(&command.files, &command.place, terminal, |turn| {
                one(command, turn, terminal)
            })
            .await
        }
    }
}

fn task<'a>(command: &'a Apply, file: &'a Path, place: &'a Where) -> Task<'a> {
    Task {
        file,
        turn: None,
        place,
        command: "apply",
        mode: PlanMode::Apply,
        scope: command.scope.clone(),
        replace: command.replace.clone(),
        only_looks: false,
        plan_file: None,
        allow_data_loss: command.losing.allow_data_loss.clone(),
        manner: Manner::from(&command.running),
    }
}

async fn one(command: &Apply, turn: Turn, terminal: &Terminal) -> Result<Exit> {
    let task = Task {
        turn: Some(&turn),
        ..task(command, &turn.file, &command.place)
    };
    match prepare(&task, |_| Vec::new(), terminal).await? {
        Preparation::Ready(prepared) => carry_out(*prepared, &task, &command.running, terminal).await,
        Preparation::Ended(exit) => Ok(exit),
    }
}

/// Carries out a saved plan: made again from what it holds, it has to come out the same.
async fn saved(command: &Apply, path: &Path, terminal: &Terminal) -> Result<Exit> {
    let saved = SavedPlan::read(path)?;
    let place = Where {
        sandbox: saved.sandbox,
        state_dir: (!saved.sandbox).then(|| {
            command
                .place
                .state_dir
                .clone()
                .unwrap_or_else(|| saved.state_dir.clone())
        }),
        lock_timeout: command.place.lock_timeout,
        variables: command.place.variables.clone(),
    };
    let given = environment::all();
    let variables = saved.variables(&place.variables, &given)?;
    let used = saved.environment(&given)?;
    let mut loaded = stack::read_from(
        &saved.stack_file,
        Arc::new(saved.files()),
        &variables,
        &used,
        terminal,
    )?;
    let Some(wanted) = loaded.stack.take() else {
        return Ok(Exit::BadStack);
    };
    let named = Named::file(&saved.stack_file);
    let mut site = site::site_unless_stopped(&named, &place, terminal).await?;
    site.own_paths.push(path.to_owned());
    if saved.sandbox && std::path::absolute(&site.state_dir)? != saved.state_dir {
        bail!("the plan was made for a sandbox that is gone: make it again");
    }
    let manner = Manner::from(&command.running);
    let open = stack::open(
        Wanted::Planned(Box::new(wanted), saved.kept_key.clone()),
        Arc::clone(&loaded.sources),
        &site,
        "apply",
        manner,
        terminal,
    )
    .await?;
    open.view.clear().await;
    let identity = open.session.identity.as_ref();
    let fits = accounts::check_plan(saved.account_id.as_deref(), identity)
        .and_then(|()| Sealing::check_plan(open.session.journal.sealing_key(), saved.sealed_with.as_ref()));
    if let Err(error) = fits {
        open.close().await;
        return Err(error);
    }
    let (serial, lineage) = (
        open.session.journal.serial(),
        open.session.journal.lineage().to_owned(),
    );
    if saved.plan.serial != serial || saved.plan.lineage != lineage {
        open.close().await;
        bail!(
            "the state has moved since the plan was made (it was at {}, now it is at {serial}): make the plan again",
            saved.plan.serial
        );
    }
    let mut allow_data_loss = saved.options.allow_data_loss.clone();
    allow_data_loss.extend(command.losing.allow_data_loss.iter().cloned());
    let request = RunRequest {
        stack: Some(Arc::clone(&open.stack)),
        options: PlanOptions {
            targets: saved.options.targets.clone(),
            replace: saved.options.replace.clone(),
            allow_data_loss,
            ..PlanOptions::new(PlanMode::Apply)
        },
        refresh: true,
    };
    // Whether there is data is asked anew: since the plan was made somebody may have put some there.
    let again = match open
        .session
        .plan_from(request.clone(), saved.prepared(), saved.refreshed())
    {
        Ok(planned) => open.session.with_held_data(planned, request).await,
        error => error,
    };
    let planned = match again {
        Ok(planned) => planned,
        Err(error) => {
            let shown = show_engine_error(error, &open, terminal);
            open.close().await;
            return shown;
        }
    };
    if !same_work(&planned.plan, &saved.plan) {
        open.close().await;
        bail!(
            "the plan does not come out the same any more (a sensitive variable has another value?): make it again"
        );
    }
    // Here and not only when an image is made: by then other steps have been carried out.
    if let Err(error) = open.session.check_sources(&planned).await {
        let shown = show_engine_error(error, &open, terminal);
        open.close().await;
        return shown;
    }
    let stack_file = saved.stack_file.clone();
    let task = task(command, &stack_file, &place);
    carry_out(
        Prepared {
            named,
            open,
            planned,
            used: loaded.used,
            site,
        },
        &task,
        &command.running,
        terminal,
    )
    .await
}
