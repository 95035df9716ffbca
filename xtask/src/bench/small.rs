//! The binary itself: its size, its start, and what a whole run of the reference stack takes.

use std::fs;

use anyhow::{Context, Result};

use super::STACK;
use super::process::{Run, measured, median, medians};
use super::project::Bench;
use super::row::{Row, Unit};

const GROUP: &str = "small";

/// The sandbox's own factor on AWS's durations.
const TIME_SCALE: f64 = 0.02;

/// Measures.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let project = bench.project(TIME_SCALE)?;
    let infra = |arguments: &[&str]| bench.infra(project.path(), arguments);
    let size = fs::metadata(&bench.binary)
        .with_context(|| format!("{} is not there", bench.binary.display()))?
        .len();
    let start = medians(bench.runs, || infra(&["--version"]))?;
    let validate = medians(bench.runs, || infra(&["validate", STACK]))?;
    let mut rows = vec![
        Row::new(GROUP, "size of the binary", size as f64, Unit::Bytes).at_most(40e6),
        Row::new(
            GROUP,
            "start-up (`infra --version`)",
            start.seconds(),
            Unit::Seconds,
        )
        .at_most(0.010),
        Row::new(
            GROUP,
            format!("`infra validate {STACK}`"),
            validate.seconds(),
            Unit::Seconds,
        )
        .at_most(0.050),
    ];
    let mut runs: [Vec<Run>; 3] = Default::default();
    for _ in 0..bench.long_runs() {
        runs[0].push(measured(infra(&["apply", STACK, "--sandbox", "-y"]))?);
        runs[1].push(measured(infra(&["diff", STACK, "--sandbox"]))?);
        runs[2].push(measured(infra(&["destroy", STACK, "--sandbox", "-y"]))?);
    }
    for (command, runs) in ["apply", "diff", "destroy"].into_iter().zip(&runs) {
        let run = median(runs);
        rows.push(Row::new(
            GROUP,
            format!("whole `infra {command}`, sandbox"),
            run.seconds(),
            Unit::Seconds,
        ));
        rows.push(
            Row::new(
                GROUP,
                format!("peak memory of `infra {command}`"),
                run.memory as f64,
                Unit::Bytes,
            )
            .at_most(100e6),
        );
    }
    Ok(rows)
}
