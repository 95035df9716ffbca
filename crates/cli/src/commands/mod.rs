//! The commands, one file each: its arguments with their help, then what it does. No command knows this list.

pub mod apply;
pub mod completions;
pub mod destroy;
pub mod diff;
mod edit;
pub mod graph;
pub mod import;
mod lost_state;
pub mod output;
pub mod plan;
mod rebuild;
pub mod redeploy;
mod refusals;
pub mod report;
mod run;
pub mod sandbox;
pub mod schema;
mod several;
pub mod state;
pub mod validate;

use std::future::Future;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};

use crate::arguments::Global;
use crate::exit::Exit;
use crate::signals;
use crate::terminal::Terminal;

/// Keeps AWS the way a stack file says.
#[derive(Debug, Parser)]
#[command(
    name = "infra",
    version,
    about = "Keeps a stack of AWS resources the way a TOML file says.",
    after_help = "Examples:
  infra validate stacks/dev02-us-east-1.toml
  infra apply stacks/dev02-us-east-1.toml --sandbox -y   try it without an account
  infra plan stacks/dev02-us-east-1.toml --out plan.json
  infra apply --plan plan.json
  infra diff stacks/*.toml                               what drifted, in all stacks

Exit codes: 0 done, or nothing differs; 1 failed; 2 `diff` found differences;
64 wrong usage; 65 a bad stack file; 75 held by somebody else; 130 cancelled.
Of several stacks the first of 130, 64, 65, 1, 75, 2, 0 counts."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Validate(validate::Validate),
    Plan(plan::PlanCommand),
    Diff(diff::Diff),
    Apply(apply::Apply),
    Destroy(destroy::Destroy),
    Redeploy(redeploy::Redeploy),
    Report(report::Report),
    Output(output::OutputCommand),
    Graph(graph::Graph),
    Import(import::Import),
    State(state::StateCommand),
    Sandbox(sandbox::SandboxCommand),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

/// Runs the command.
///
/// # Errors
/// Whatever is no outcome of its own; it has not been shown yet.
pub fn run(arguments: Arguments, terminal: &Terminal) -> Result<Exit> {
    match arguments.command {
        Command::Validate(command) => validate::run(&command, terminal),
        Command::Plan(command) => in_runtime(terminal, plan::run(&command, terminal)),
        Command::Diff(command) => in_runtime(terminal, diff::run(&command, terminal)),
        Command::Apply(command) => in_runtime(terminal, apply::run(&command, terminal)),
        Command::Destroy(command) => in_runtime(terminal, destroy::run(&command, terminal)),
        Command::Redeploy(command) => in_runtime(terminal, redeploy::run(&command, terminal)),
        Command::Report(command) => report::run(&command, terminal),
        Command::Output(command) => output::run(&command, terminal),
        Command::Graph(command) => graph::run(&command, terminal),
        Command::Import(command) => in_runtime(terminal, import::run(&command, terminal)),
        Command::State(command) => state::run(&command, terminal),
        Command::Sandbox(command) => sandbox::run(&command, terminal),
        Command::Schema(command) => schema::run(&command, terminal),
        Command::Completions(command) => completions::run(&command, &mut Arguments::command()),
    }
}

/// Commands that talk to AWS get a runtime, and can be stopped by levels; the others start without one, and end
/// with the first signal.
fn in_runtime(terminal: &Terminal, command: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    signals::watch(&terminal.cancellation)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be started")?;
    let outcome = runtime.block_on(command);
    // What still runs on other threads, such as reading an image, nobody waits for any more.
    runtime.shutdown_background();
    outcome
}
