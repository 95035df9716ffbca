//! `infra destroy`: remove everything that the state knows.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use infra_core::plan::PlanMode;

use super::run::{Preparation, Task, carry_out, prepare};
use super::several::{Turn, each};
use crate::arguments::{Losing, Running, Scope, Where};
use crate::exit::Exit;
use crate::stack::Manner;
use crate::terminal::Terminal;

/// Remove everything that the state knows of the stacks, whatever the files still declare
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra destroy stacks/dev02-us-east-1.toml\n  infra destroy stacks/dev02-us-east-1.toml --sandbox -y\n  infra destroy appname/dev/dev02/us-east-1   without the file; `infra state list` lists what there is"
)]
pub struct Destroy {
    /// The stack files, or the identities of stacks: of these all that is needed is in the state, also the region, the
    /// account and the role
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    running: Running,
}

/// Plans, asks, and carries out.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Destroy, terminal: &Terminal) -> Result<Exit> {
    each(&command.files, &command.place, terminal, |turn| {
        one(command, turn, terminal)
    })
    .await
}

async fn one(command: &Destroy, turn: Turn, terminal: &Terminal) -> Result<Exit> {
    let task = Task {
        file: &turn.file,
        turn: Some(&turn),
        place: &command.place,
        command: "destroy",
        mode: PlanMode::Destroy,
        scope: command.scope.clone(),
        replace: Vec::new(),
        only_looks: false,
        plan_file: None,
        allow_data_loss: command.losing.allow_data_loss.clone(),
        manner: Manner {
            // What is removed is known by its id.
            compares: false,
            ..Manner::from(&command.running)
        },
    };
    match prepare(&task, |_| Vec::new(), terminal).await? {
        Preparation::Ready(prepared) => carry_out(*prepared, &task, &command.running, terminal).await,
        Preparation::Ended(exit) => Ok(exit),
    }
}
