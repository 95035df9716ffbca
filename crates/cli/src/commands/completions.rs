//! `infra completions`: for the shell.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::terminal::data;

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  infra completions bash > /etc/bash_completion.d/infra")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Writes the script for a command line of this grammar.
///
/// # Errors
/// Stdout cannot be written.
pub fn run(command: &Completions, grammar: &mut Command) -> Result<Exit> {
    // Written by itself it would panic where the stream takes nothing.
    let mut script = Vec::new();
    clap_complete::generate(command.shell, grammar, "infra", &mut script);
    data().write_all(&script)?;
    Ok(Exit::Done)
}
