//! `cargo xtask bench`: how fast, how big, each figure with its yardstick from the same run.
//!
//! It prints, and fails only when it is asked to compare with an earlier result: machines differ, and so do
//! hours of the same machine.

mod apply;
mod diff;
mod path;
mod process;
mod project;
mod push;
mod record;
mod replay;
mod resources;
mod row;
mod scale;
mod small;
mod terraform;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::project::Bench;
use self::row::{Row, Rows};
use crate::setup;
use crate::workspace::{cargo, run as run_program, target};

/// The stack that runs are measured with.
const STACK: &str = "stacks/dev02-us-east-1.toml";

/// How much worse than an earlier result is no noise any more.
const TOLERANCE: f64 = 0.25;

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Size, start-up, memory
    Small,
    /// A fresh apply against its critical path
    Apply,
    /// What a diff of nothing costs: requests, rounds, time
    Diff,
    /// A thousand real resources, beside a bare client with the same requests
    Resources,
    /// A push of 500 MB, beside skopeo
    Push,
    /// Stacks of up to 50,000 values, without AWS
    Scale,
}

#[derive(Debug, Args)]
pub struct Arguments {
    /// Measure only this (may be given several times)
    #[arg(long, value_enum)]
    only: Vec<Group>,
    /// How often each short command runs; long ones run a tenth as often, three times at least
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(3..))]
    runs: u32,
    /// Leave larger stacks of values out
    #[arg(long, default_value_t = 50_000)]
    largest: usize,
    /// Measure this binary, such as one of an earlier release, instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the figures go as JSON; by default target/bench.json
    #[arg(long)]
    out: Option<PathBuf>,
    /// Fail when a figure is worse than in this file by more than a quarter
    #[arg(long)]
    compare: Option<PathBuf>,
}

/// Builds the release binary and measures it.
///
/// # Errors
/// It does not build, a run does not succeed, or a figure is worse than in the result to compare with.
pub fn run(arguments: &Arguments) -> Result<()> {
    let earlier = arguments
        .compare
        .as_ref()
        .map(|path| {
            let text =
                fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            Rows::parse(&text).with_context(|| path.display().to_string())
        })
        .transpose()?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => {
            run_program(&mut cargo(&["build", "--release", "--locked"]))?;
            target().join("release/infra")
        }
    };
    let setup = setup::emulators()?;
    let bench = Bench {
        binary,
        venv: setup.venv,
        python: setup.python,
        runs: arguments.runs,
    };
    let mut rows = Rows::new();
    for group in Group::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(group) {
            println!(
                "measuring: {}",
                group
                    .to_possible_value()
                    .map_or_else(String::new, |value| value.get_name().to_owned())
            );
            rows.extend(measure(*group, &bench, arguments)?);
        }
    }
    println!("\n{}", rows.table());
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| target().join("bench.json"));
    fs::write(&out, rows.json()?).with_context(|| format!("{} cannot be written", out.display()))?;
    println!("as JSON: {}", out.display());
    if let Some(earlier) = earlier {
        let worse = rows.worse_than(&earlier, TOLERANCE);
        if !worse.is_empty() {
            bail!("worse than before:\n{}", worse.join("\n"));
        }
    }
    Ok(())
}

fn measure(group: Group, bench: &Bench, arguments: &Arguments) -> Result<Vec<Row>> {
    match group {
        Group::Small => small::measure(bench),
        Group::Apply => apply::measure(bench),
        Group::Diff => diff::measure(bench),
        Group::Resources => resources::measure(bench),
        Group::Push => push::measure(bench),
        Group::Scale => scale::measure(bench, arguments.largest),
    }
}
