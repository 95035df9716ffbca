//! One file per command: its arguments with their help, then what it does.

pub mod apply;
pub mod completions;
pub mod destroy;
pub mod diff;
mod edit;
pub mod graph;
pub mod import;
pub mod output;
pub mod plan;
mod rebuild;
pub mod redeploy;
mod refusals;
pub mod report;
mod run;
pub mod sandbox;
pub mod schema;
pub mod state;
pub mod validate;

use std::future::Future;

use anyhow::{Context, Result};

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::signals;
use crate::terminal::Terminal;

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
        Command::Completions(command) => completions::run(&command),
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
