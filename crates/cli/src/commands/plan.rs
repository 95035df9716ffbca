//! `infra plan`: what would `apply` do?

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use infra_aws::AwsCatalogue;
use infra_core::plan::PlanMode;
use infra_engine::EngineError;
use infra_plan::{refused_data_loss, refused_ownership};
use infra_render::PlanView;

use super::refusals::{taken, warn};
use super::run::{Preparation, Prepared, Task, prepare, show_plan};
use super::several::{Turn, each};
use crate::arguments::{Losing, Scope, Where};
use crate::exit::Exit;
use crate::saved_plan::{Origin, SavedOptions, SavedPlan};
use crate::stack::Manner;
use crate::terminal::Terminal;

/// Show what `apply` would do, and save it for later if asked
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra plan stacks/dev02-us-east-1.toml\n  infra plan stacks/dev02-us-east-1.toml --out plan.json && infra apply --plan plan.json"
)]
pub struct PlanCommand {
    /// The stack files
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    scope: Scope,
    /// Replace this resource even if nothing differs; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<infra_core::ResourceAddress>,
    #[command(flatten)]
    losing: Losing,
    /// Save the plan of one stack for `infra apply --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with exit code 2 when there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Plans and shows.
///
/// # Errors
/// AWS or the state cannot be had, or the plan cannot be written.
pub async fn run(command: &PlanCommand, terminal: &Terminal) -> Result<Exit> {
    if command.out.is_some() && command.files.len() != 1 {
        terminal.note("error: --out saves the plan of one stack: give one stack file");
        return Ok(Exit::Usage);
    }
    each(&command.files, &command.place, terminal, |turn| {
        one(command, turn, terminal)
    })
    .await
}

async fn one(command: &PlanCommand, turn: Turn, terminal: &Terminal) -> Result<Exit> {
    let task = Task {
        file: &turn.file,
        turn: Some(&turn),
        place: &command.place,
        command: "plan",
        mode: PlanMode::Apply,
        scope: command.scope.clone(),
        replace: command.replace.clone(),
        only_looks: false,
        plan_file: command.out.as_deref(),
        allow_data_loss: command.losing.allow_data_loss.clone(),
        manner: Manner::default(),
    };
    let prepared = match prepare(&task, |_| Vec::new(), terminal).await? {
        Preparation::Ready(prepared) => prepared,
        Preparation::Ended(exit) => return Ok(exit),
    };
    let (taken, asked) = taken(&task, &prepared).await;
    let forecast = prepared.open.session.forecast(&prepared.planned.plan);
    let shown = show_plan(&task, &prepared.planned, PlanView::Plan(&forecast), terminal);
    let (plan, stack) = (&prepared.planned.plan, &prepared.open.stack);
    let mut refused = prepared.open.session.doubled(&prepared.planned);
    refused.extend(refused_ownership(
        plan,
        Some(stack),
        &prepared.open.session.commands,
    ));
    refused.extend(refused_data_loss(plan, Some(stack)));
    refused.extend(taken);
    refused.extend(prepared.open.session.moved_names(&prepared.planned));
    let warned = warn(refused, &prepared.open, terminal);
    if let (Some(why), None) = (prepared.open.session.unsealable(&prepared.planned), &command.out) {
        terminal.note(&format!(
            "warning: `infra apply` refuses it here: {}",
            EngineError::KeyLost(why)
        ));
    }
    let saved = match &command.out {
        Some(out) => save(command, &task, &prepared, out, terminal),
        None => Ok(()),
    };
    let plan = &prepared.planned.plan;
    let changes = plan.has_changes() || plan.pending().next().is_some();
    prepared.open.close().await;
    shown?;
    warned?;
    asked?;
    saved?;
    Ok(if changes && command.detailed_exitcode {
        Exit::Differs
    } else {
        Exit::Done
    })
}

fn save(
    command: &PlanCommand,
    task: &Task<'_>,
    prepared: &Prepared,
    out: &std::path::Path,
    terminal: &Terminal,
) -> Result<()> {
    let origin = Origin {
        stack_file: task.file,
        state_dir: &prepared.site.state_dir,
        sandbox: command.place.sandbox,
    };
    let options = SavedOptions {
        targets: command.scope.targets.clone(),
        replace: command.replace.clone(),
        allow_data_loss: command.losing.allow_data_loss.clone(),
    };
    let saved = SavedPlan::new(
        &prepared.planned,
        prepared.used.clone(),
        &origin,
        options,
        &AwsCatalogue,
        prepared.open.session.journal.sealing_key(),
    )?;
    if let (Some(_), Some(why)) = (&saved.sealed_with, prepared.open.session.journal.lost_key()) {
        bail!(
            "the plan holds sensitive values, and the key that they are sealed with cannot be kept: {why}. It was not saved, \
             since nobody could carry it out. Give a key as INFRA_SEALING_KEY (32 bytes or more in base64)"
        );
    }
    saved.write(out)?;
    terminal.note(&format!(
        "Saved to {}; carry it out by: {}",
        out.display(),
        infra_core::command("apply", ["--plan", &*out.to_string_lossy()])
    ));
    Ok(())
}
