//! `infra completions`: for the shell.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::terminal::data;

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  infra completions bash > /etc/bash_completion.d/infra")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Writes it.
///
/// # Errors
/// None: the script goes to stdout as far as that is open.
pub fn run(command: &Completions) -> Result<Exit> {
    clap_complete::generate(command.shell, &mut Arguments::command(), "infra", &mut data());
    Ok(Exit::Done)
}
