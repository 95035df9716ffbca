//! `infra redeploy`: roll the services out again although nothing changed.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use infra_core::plan::PlanMode;
use infra_core::{ResourceAddress, Stack, Template};

use super::run::{Preparation, Task, carry_out, prepare};
use super::several::{Turn, each};
use crate::arguments::{Losing, Running, Scope, Where};
use crate::exit::Exit;
use crate::stack::{self, Manner};
use crate::terminal::Terminal;

/// The type whose update is a rollout.
const DEPLOYMENT: &str = "ecs.deployment";

/// The type that may be built.
const IMAGE: &str = "ecr.image";

/// Roll the services of the stacks out again although nothing changed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra redeploy stacks/dev02-us-east-1.toml\n  infra redeploy stacks/dev02-us-east-1.toml --target ecs.deployment.app\n  infra redeploy stacks/dev02-us-east-1.toml --rebuild"
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
    /// Build the images of these deployments again before, from the newest of the images that they begin with
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    running: Running,
}

/// Plans a forced rollout, asks, and carries out.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Redeploy, terminal: &Terminal) -> Result<Exit> {
    each(&command.files, &command.place, terminal, |turn| {
        one(command, turn, terminal)
    })
    .await
}

async fn one(command: &Redeploy, turn: Turn, terminal: &Terminal) -> Result<Exit> {
    let file = &turn.file;
    let loaded = stack::read(file, &command.place, terminal)?;
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
    let builds = if command.rebuild {
        builds(stack)
    } else {
        Vec::new()
    };
    if command.rebuild && builds.is_empty() {
        terminal.note(&format!(
            "{}: nothing to build: it declares no ecr.image whose source is a build",
            file.display()
        ));
        return Ok(Exit::Usage);
    }
    let task = Task {
        file: &turn.file,
        turn: Some(&turn),
        place: &command.place,
        command: "redeploy",
        mode: PlanMode::Apply,
        scope: Scope {
            targets: deployments,
            no_refresh: false,
        },
        replace: builds,
        only_looks: false,
        plan_file: None,
        allow_data_loss: command.losing.allow_data_loss.clone(),
        manner: Manner {
            pull_base_images: command.rebuild,
            ..Manner::from(&command.running)
        },
    };
    match prepare(&task, |_| task.scope.targets.clone(), terminal).await? {
        Preparation::Ready(prepared) => carry_out(*prepared, &task, &command.running, terminal).await,
        Preparation::Ended(exit) => Ok(exit),
    }
}

/// The deployments of the stack that are meant; all when none is named.
fn deployments(stack: &Stack, asked: &[ResourceAddress]) -> Vec<ResourceAddress> {
    stack
        .resources
        .keys()
        .filter(|address| address.type_name().to_string() == DEPLOYMENT)
        .filter(|address| {
            asked.is_empty()
                || asked
                    .iter()
                    .any(|asked| asked == *address || *asked == address.block())
        })
        .cloned()
        .collect()
}

/// The images that are built; of an expression it is not known what they come from.
fn builds(stack: &Stack) -> Vec<ResourceAddress> {
    let is_build = |source: &Template| match source {
        Template::Literal(source) => source.as_map().is_some_and(|source| source.contains_key("build")),
        Template::Map(source) => source.contains_key("build"),
        Template::Expression(_) => true,
        Template::List(_) => false,
    };
    let images = stack.resources.iter();
    let images = images.filter(|(address, _)| address.type_name().to_string() == IMAGE);
    images
        .filter(|(_, image)| image.attributes.get("source").is_some_and(is_build))
        .map(|(address, _)| address.clone())
        .collect()
}
