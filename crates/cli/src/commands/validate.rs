//! `infra validate`: is the file right?

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use infra_core::Severity;
use infra_render::Format;

use super::several::each_once;
use crate::arguments::Where;
use crate::exit::Exit;
use crate::stack;
use crate::terminal::Terminal;

/// Check stack files without calling AWS
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra validate stacks/*.toml\n  infra validate stacks/dev02-us-east-1.toml --var cpu=512"
)]
pub struct Validate {
    /// The stack files
    #[arg(required = true, value_name = "STACK")]
    files: Vec<PathBuf>,
    /// Set a variable of the stack file; may be repeated
    #[command(flatten)]
    place: Where,
}

/// Every mistake is shown at once.
///
/// # Errors
/// When the output is closed.
pub fn run(command: &Validate, terminal: &Terminal) -> Result<Exit> {
    let files = match each_once(&command.files, &command.place, terminal) {
        Ok(files) => files,
        Err(exit) => return Ok(exit),
    };
    let mut exit = Exit::Done;
    for file in &files {
        let loaded = stack::read(file, &command.place, terminal)?;
        match &loaded.stack {
            Some(stack) => {
                let warnings = loaded
                    .diagnostics
                    .iter()
                    .filter(|found| found.severity == Severity::Warning)
                    .count();
                let shown = format!("{}: valid, {} resources", file.display(), stack.resources.len());
                match (terminal.format, warnings) {
                    (Format::Json, _) => {}
                    (_, 0) => terminal.note(&shown),
                    (_, warnings) => terminal.note(&format!("{shown}, {warnings} warnings")),
                }
            }
            None => exit = exit.worse(Exit::BadStack),
        }
    }
    Ok(exit)
}
