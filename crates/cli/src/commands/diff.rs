//! `infra diff`: does AWS have what the file says?

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use infra_core::plan::PlanMode;
use infra_render::PlanView;

use super::run::{Task, each, prepare, show_plan};
use crate::arguments::{Scope, Where};
use crate::exit::Exit;
use crate::stack::Manner;
use crate::terminal::Terminal;

/// Show what drifted, and what differs from the file; exit code 2 if anything does
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra diff stacks/dev02-us-east-1.toml\n  infra diff stacks/*.toml --output json"
)]
pub struct Diff {
    /// The stack files
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    scope: Scope,
}

/// Looks and shows.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Diff, terminal: &Terminal) -> Result<Exit> {
    each(&command.files, terminal, |file| one(command, file, terminal)).await
}

async fn one(command: &Diff, file: PathBuf, terminal: &Terminal) -> Result<Exit> {
    let task = Task {
        file: &file,
        place: &command.place,
        command: "diff",
        mode: PlanMode::Apply,
        scope: command.scope.clone(),
        replace: Vec::new(),
        manner: Manner::default(),
    };
    let prepared = match prepare(&task, |_| Vec::new(), terminal).await? {
        Ok(prepared) => prepared,
        Err(exit) => return Ok(exit),
    };
    let shown = show_plan(&prepared.planned, PlanView::Diff, terminal);
    let plan = &prepared.planned.plan;
    let differs = plan.has_changes() || plan.has_drift();
    prepared.open.close().await;
    shown?;
    Ok(if differs { Exit::Differs } else { Exit::Done })
}
