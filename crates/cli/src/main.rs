//! The command line of `infra`: arguments, files, wiring, exit codes. What it does is in the other crates.

mod arguments;
mod commands;
mod environment;
mod exit;
mod project;
mod recording;
mod saved_plan;
mod signals;
mod stack;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let terminal = Terminal::new(arguments.global.output);
    let exit = commands::run(arguments, &terminal).unwrap_or_else(|error| {
        terminal.error(&error);
        Exit::Failed
    });
    exit.code()
}

/// Help and version go to stdout and are no mistake; clap's own exit code for mistakes is not ours.
fn usage(error: &clap::Error) -> ExitCode {
    // When the stream is closed there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage.code()
    } else {
        Exit::Done.code()
    }
}
