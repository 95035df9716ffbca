//! Set-up, tests and generated documents of the project: `cargo xtask <command>`.
//!
//! Knows cargo, apt and the sandbox crate; nothing of stacks, plans or AWS.

#![expect(
    clippy::print_stdout,
    reason = "what the steps do and how long they take is the output of this program"
)]

mod bench;
mod dist;
mod documents;
mod lines;
mod lints;
mod prove;
mod setup;
mod steps;
mod tests;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// What is done with the project beside building it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Fetch what the tests need: the emulators, and registry and skopeo where apt and root are at hand
    Setup,
    /// Set up, then check format and lints, and run all tests; what CI runs
    Test,
    /// Write the pages under docs/resources from the resource types
    Docs,
    /// Count the lines of the resource types, at two commits
    Lines(lines::Lines),
    /// Run the long proofs, or single cases of them
    Prove(prove::Prove),
    /// Build the binary that is distributed, and check that it starts on older systems
    Dist(dist::Dist),
    /// Measure size and speed of the release binary, each figure with its yardstick
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Setup => setup::run().map(|_| ()),
        Command::Test => tests::run(),
        Command::Docs => documents::write(),
        Command::Lines(asked) => lines::run(&asked),
        Command::Prove(asked) => prove::run(&asked),
        Command::Dist(asked) => dist::run(&asked),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
