//! `infra diff`: does AWS have what the file says?

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use infra_core::Unmanaged;
use infra_core::plan::PlanMode;
use infra_plan::refused_ownership;
use infra_render::{PlanView, Surveyed, write_unmanaged};

use super::refusals::{taken, warn};
use super::run::{Preparation, Prepared, Task, prepare, show_plan};
use super::several::{Turn, each};
use crate::arguments::{Scope, Where};
use crate::exit::Exit;
use crate::stack::Manner;
use crate::terminal::{Terminal, data};

/// Show what drifted, and what differs from the file; exit code 2 if anything does
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra diff stacks/dev02-us-east-1.toml\n  infra diff stacks/*.toml --output json\n  infra diff stacks/dev02-us-east-1.toml --unmanaged    and what nobody declared"
)]
pub struct Diff {
    /// The stack files
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    scope: Scope,
    /// Also list what carries the stack's tags without an address, and what stands in its VPCs undeclared
    #[arg(long, conflicts_with = "no_refresh")]
    unmanaged: bool,
}

/// Looks and shows.
///
/// # Errors
/// AWS or the state cannot be had.
pub async fn run(command: &Diff, terminal: &Terminal) -> Result<Exit> {
    each(&command.files, &command.place, terminal, |turn| {
        one(command, turn, terminal)
    })
    .await
}

async fn one(command: &Diff, turn: Turn, terminal: &Terminal) -> Result<Exit> {
    let task = Task {
        file: &turn.file,
        turn: Some(&turn),
        place: &command.place,
        command: "diff",
        mode: PlanMode::Apply,
        scope: command.scope.clone(),
        replace: Vec::new(),
        only_looks: true,
        plan_file: None,
        allow_data_loss: Vec::new(),
        manner: Manner {
            forecasts: false,
            ..Manner::default()
        },
    };
    let prepared = match prepare(&task, |_| Vec::new(), terminal).await? {
        Preparation::Ready(prepared) => prepared,
        Preparation::Ended(exit) => return Ok(exit),
    };
    let found = if command.unmanaged {
        unmanaged(&prepared).await
    } else {
        Ok(None)
    };
    let (taken, asked) = taken(&task, &prepared).await;
    let shown = show_plan(&task, &prepared.planned, PlanView::Diff, terminal);
    let plan = &prepared.planned.plan;
    let mut refused = prepared.open.session.doubled(&prepared.planned);
    refused.extend(refused_ownership(
        plan,
        Some(&prepared.open.stack),
        &prepared.open.session.commands,
    ));
    refused.extend(taken);
    refused.extend(prepared.open.session.moved_names(&prepared.planned));
    let warned = warn(refused, &prepared.open, terminal);
    let differs = plan.has_changes() || plan.has_drift() || plan.pending().next().is_some();
    let stack = prepared.open.stack.id.to_string();
    let unseen = &prepared.planned.unseen;
    let all_seen = unseen.is_empty();
    let told = match all_seen {
        true => Ok(()),
        false => terminal.diagnostics(unseen, &prepared.open.stack.sources),
    };
    let commands = prepared.open.session.commands.clone();
    prepared.open.close().await;
    shown?;
    warned?;
    asked?;
    told?;
    let found = found?;
    if let Some(things) = &found {
        write_unmanaged(
            &mut data(),
            things,
            Surveyed {
                stack: &stack,
                commands: &commands,
            },
            terminal.format,
            &terminal.out,
        )?;
    }
    if !all_seen {
        return Ok(Exit::Failed);
    }
    let is_clean = !differs && found.is_none_or(|things| things.is_empty());
    Ok(if is_clean { Exit::Done } else { Exit::Differs })
}

/// What is there and has no address.
async fn unmanaged(prepared: &Prepared) -> Result<Option<Vec<Unmanaged>>> {
    let open = &prepared.open;
    open.view.status("looking for what nobody declared");
    let found = open.session.unmanaged(&open.stack, &prepared.planned).await;
    open.view.clear().await;
    found
        .map(Some)
        .context("AWS cannot be searched for what nobody declared")
}
