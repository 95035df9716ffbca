//! `infra output`: what a stack gives out.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use infra_render::{write_output, write_outputs};

use crate::arguments::Where;
use crate::exit::Exit;
use crate::named;
use crate::reading;
use crate::terminal::{Terminal, data};

/// Show the outputs of the last run, or one of them raw
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra output stacks/dev02-us-east-1.toml\n  curl $(infra output stacks/dev02-us-east-1.toml api_url)\n  infra output appname/dev/dev02/us-east-1                without the file"
)]
pub struct OutputCommand {
    /// The stack file, or the identity of a stack
    #[arg(value_name = "STACK")]
    file: PathBuf,
    /// One output, written raw
    name: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Shows them.
///
/// # Errors
/// The state cannot be had, or has no such output.
pub fn run(command: &OutputCommand, terminal: &Terminal) -> Result<Exit> {
    let Some(found) = named::find_known(&command.file, &command.place, terminal)? else {
        return Ok(Exit::BadStack);
    };
    let outputs = reading::state(&found.site, &found.id, "output", terminal)?.outputs;
    let declared = found.declared.as_ref().map(|stack| &stack.outputs);
    let mut out = data();
    match &command.name {
        None => write_outputs(
            &mut out,
            &outputs,
            &found.id,
            None,
            terminal.format,
            &terminal.out,
        )?,
        Some(name) => match outputs.get(name) {
            Some(value) if value.has_secret() => {
                bail!("the output {name} is sensitive: the state keeps only its hash, so it cannot be shown")
            }
            Some(value) => write_output(&mut out, name, value, terminal.format, &terminal.out)?,
            None if declared.is_some_and(|declared| declared.contains_key(name)) => {
                bail!("the output {name} has no value yet: apply the stack first")
            }
            None => {
                let known: Vec<&str> = match declared {
                    Some(declared) => declared.keys().map(String::as_str).collect(),
                    None => outputs.keys().map(String::as_str).collect(),
                };
                bail!("the stack has no output {name}; it has: {}", known.join(", "))
            }
        },
    }
    Ok(Exit::Done)
}
