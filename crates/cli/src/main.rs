//! The command line of `infra`: arguments, files, wiring, exit codes. What it does is in the other crates.

mod accounts;
mod arguments;
mod code;
mod commands;
mod environment;
mod exit;
mod journal;
mod named;
mod project;
mod reading;
mod recording;
mod saved_plan;
mod sealing;
mod signals;
mod site;
mod stack;
mod terminal;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::commands::Arguments;
use crate::exit::Exit;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let terminal = Terminal::new(arguments.global.output);
    report_panics(&terminal);
    let exit = commands::run(arguments, &terminal).unwrap_or_else(|error| {
        if stack::is_stop(&error) {
            terminal.note("Stopped before anything was changed.");
            return Exit::Cancelled;
        }
        terminal.error(&error);
        Exit::of_error(&error)
    });
    exit.unless_lost(terminal::lost_data(), |why| terminal.note(why))
        .code()
}

/// A panic is a bug, and its message may hold anything: nothing secret of it is shown.
fn report_panics(terminal: &Terminal) {
    let terminal = terminal.clone();
    std::panic::set_hook(Box::new(move |info| {
        let place = info
            .location()
            .map(|place| format!(" ({place})"))
            .unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("without a message");
        terminal.note(&format!(
            "infra broke down{place}: {message}\nThis is a bug, please report it. Run the same command again: it goes \
             on from what is known."
        ));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            terminal.note(&backtrace.to_string());
        }
    }));
}

/// Help and version go to stdout and are no mistake; clap's own exit code for mistakes is not ours.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    if error.use_stderr() {
        // When the stream is closed there is nobody to tell.
        return Exit::Usage.code();
    }
    let lost = printed
        .err()
        .filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    let lost = lost.map(|error| error.to_string());
    let tell = |why: &str| {
        let _ = writeln!(io::stderr(), "{why}");
    };
    Exit::Done.unless_lost(lost.as_deref(), tell).code()
}
