//! The binary itself: its size, its start, and what a whole run of the reference stack takes.

use std::fs;

use anyhow::{Context, Result};
use infra_record::Timeline;

use super::STACK;
use super::process::{Run, measured, median, medians};
use super::project::Bench;
use super::record::last_record;
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
    let mut flushes = Vec::new();
    for _ in 0..bench.long_runs() {
        runs[0].push(measured(infra(&["apply", STACK, "--sandbox", "-y"]))?);
        flushes.push(flushes_of(&last_record(&project)?)?);
        runs[1].push(measured(infra(&["diff", STACK, "--sandbox"]))?);
        runs[2].push(measured(infra(&["destroy", STACK, "--sandbox", "-y"]))?);
    }
    // By their share, of which the one in the middle.
    flushes.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (flushing, whole) = flushes[flushes.len() / 2];
    rows.push(
        Row::new(GROUP, "flushes of the state in an apply", flushing, Unit::Seconds)
            .against("the run", whole)
            .at_most(0.02),
    );
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

/// How long a run took to make its state durable, one flush after the other, and how long it took as a whole; in
/// seconds.
fn flushes_of(run: &Timeline) -> Result<(f64, f64)> {
    let (_, summary) = run.end.as_ref().context("the run came to no end")?;
    let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
    Ok((seconds(summary.flushing_ms), seconds(summary.duration_ms.max(1))))
}
