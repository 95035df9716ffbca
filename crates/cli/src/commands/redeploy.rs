//! `infra redeploy`: roll the services out again although nothing changed.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use infra_core::plan::PlanMode;
use infra_core::{ResourceAddress, Stack};

use super::run::{Task, carry_out, each, prepare};
use crate::arguments::{Running, Scope, Where};
use crate::exit::Exit;
use crate::stack::{self, Manner};
use crate::terminal::Terminal;

/// The type whose update is a rollout.
const DEPLOYMENT: (&str, &str) = ("ecs", "deployment");

/// Roll the services of the stacks out again although nothing changed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra redeploy stacks/dev02-us-east-1.toml\n  infra redeploy stacks/dev02-us-east-1.toml --target ecs.deployment.app"
)]
pub struct Redeploy {
    /// The stack files
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    /// Only this deployment; may be repeated
    #[arg(long = "target", value_name = "ADDRESS")]
    targets: Vec<ResourceAddress>,
    #[command(flatten)]
    running: Running,
}

/// Plans a forced rollout, asks, and carries out.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Redeploy, terminal: &Terminal) -> Result<Exit> {
    each(&command.files, terminal, |file| one(command, file, terminal)).await
}

async fn one(command: &Redeploy, file: PathBuf, terminal: &Terminal) -> Result<Exit> {
    let loaded = stack::read(&file, &command.place, terminal)?;
    let Some(stack) = &loaded.stack else {
        return Ok(Exit::BadStack);
    };
    let deployments = deployments(stack, &command.targets);
    if deployments.is_empty() {
        terminal.note(&format!(
            "{}: nothing to roll out: it declares no ecs.deployment that was asked for",
            file.display()
        ));
        return Ok(Exit::Usage);
    }
    let task = Task {
        file: &file,
        place: &command.place,
        command: "redeploy",
        mode: PlanMode::Apply,
        scope: Scope {
            targets: deployments,
            no_refresh: false,
        },
        replace: Vec::new(),
        manner: Manner::from(&command.running),
    };
    match prepare(&task, |_| task.scope.targets.clone(), terminal).await? {
        Ok(prepared) => carry_out(prepared, &task, &command.running, terminal).await,
        Err(exit) => Ok(exit),
    }
}

/// The deployments of the stack that are meant; all when none is named.
fn deployments(stack: &Stack, asked: &[ResourceAddress]) -> Vec<ResourceAddress> {
    stack
        .resources
        .keys()
        .filter(|address| (address.type_name().service(), address.type_name().kind()) == DEPLOYMENT)
        .filter(|address| {
            asked.is_empty()
                || asked
                    .iter()
                    .any(|asked| asked == *address || *asked == address.block())
        })
        .cloned()
        .collect()
}
