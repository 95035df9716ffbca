//! A past run in figures, for programs, and in a few lines, for people.

use std::io;

use infra_core::{ResourceAddress, RunOutcome, StepId, StepOperation, Strength};
use infra_record::{CallSum, SegmentKind, StepEnd, Timeline, call_sums, write_line};
use serde::Serialize;

use crate::line::{Line, wrapped};
use crate::style::{Format, Role, Style};
use crate::units::duration;

/// One line `report`.
#[derive(Serialize)]
struct Figures<'a> {
    run: &'a str,
    stack: &'a str,
    command: &'a str,
    serial: u64,
    started_unix_ms: u64,
    /// `null`: the record has no end.
    outcome: Option<RunOutcome>,
    duration_ms: u64,
    planned_steps: usize,
    critical_path_ms: u64,
    critical_path: Vec<Part<'a>>,
    steps: Vec<Step<'a>>,
    skipped: Vec<Skip<'a>>,
    left: Vec<Left<'a>>,
    calls: Vec<CallSum>,
    planning_calls: Vec<CallSum>,
}

#[derive(Serialize)]
struct Part<'a> {
    step: StepId,
    address: &'a ResourceAddress,
    operation: StepOperation,
    start_ms: u64,
    end_ms: u64,
    queued_ms: u64,
    until: Strength,
}

#[derive(Serialize)]
struct Step<'a> {
    step: StepId,
    address: &'a ResourceAddress,
    operation: StepOperation,
    queued_ms: u64,
    started_ms: u64,
    exists_ms: Option<u64>,
    end_ms: u64,
    end: &'static str,
    error: Option<String>,
    segments: Vec<Stretch>,
}

#[derive(Serialize)]
struct Stretch {
    kind: &'static str,
    start_ms: u64,
    end_ms: u64,
}

#[derive(Serialize)]
struct Skip<'a> {
    address: &'a ResourceAddress,
    operation: StepOperation,
    because_of: Option<&'a ResourceAddress>,
}

#[derive(Serialize)]
struct Left<'a> {
    address: &'a ResourceAddress,
    operation: StepOperation,
    until: &'a ResourceAddress,
}

/// Writes what a past run took: as JSON one line `report` with everything that the page shows, for people how
/// long it took and why.
///
/// # Errors
/// When `out` fails.
pub fn write_report_figures(
    out: &mut dyn io::Write,
    run: &Timeline,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => write_line(out, "report", figures(run)),
        _ => words(out, run, &style.for_format(format)),
    }
}

fn words(out: &mut dyn io::Write, run: &Timeline, style: &Style) -> io::Result<()> {
    let (role, outcome) = match &run.end {
        Some((RunOutcome::Completed, _)) => (Role::Good, "completed in"),
        Some((RunOutcome::Failed, _)) => (Role::Bad, "failed after"),
        Some((RunOutcome::Cancelled, _)) => (Role::Notice, "cancelled after"),
        None => (Role::Notice, "is recorded up to"),
    };
    Line::new()
        .normal(format!("{} of {} ", run.command, run.stack))
        .add(role, format!("{outcome} {}", duration(run.duration_ms)))
        .write(out, style)?;
    let path = run.critical_path();
    if path.parts.is_empty() {
        return Ok(());
    }
    let took = duration(path.duration_ms());
    Line::new()
        .normal(format!("Its critical path took {took}:"))
        .write(out, style)?;
    let names: Vec<String> = path
        .parts
        .iter()
        .map(|part| {
            let address = &run.steps[part.position].address;
            format!("{address} ({})", duration(part.duration_ms()))
        })
        .collect();
    let joint = format!(" {} ", style.symbols().arrow);
    for line in wrapped(&names, &joint, 2, style.width) {
        line.write(out, style)?;
    }
    Ok(())
}

fn figures(run: &Timeline) -> Figures<'_> {
    let path = run.critical_path();
    let parts = path.parts.iter().map(|part| {
        let track = &run.steps[part.position];
        Part {
            step: track.step,
            address: &track.address,
            operation: track.operation,
            start_ms: part.start_ms,
            end_ms: part.end_ms,
            queued_ms: part.queued_ms,
            until: part.until,
        }
    });
    let steps = run.steps.iter().map(|track| Step {
        step: track.step,
        address: &track.address,
        operation: track.operation,
        queued_ms: track.queued_ms,
        started_ms: track.started_ms,
        exists_ms: track.exists_ms,
        end_ms: track.end_ms,
        end: match track.end {
            StepEnd::Done { changed: true } => "done",
            StepEnd::Done { changed: false } => "unchanged",
            StepEnd::Failed { .. } => "failed",
            StepEnd::Skipped => "skipped",
            StepEnd::CutOff => "cut_off",
        },
        error: match &track.end {
            StepEnd::Failed { error, .. } => Some(error.to_string()),
            _ => None,
        },
        segments: track
            .segments
            .iter()
            .map(|segment| Stretch {
                kind: match segment.kind {
                    SegmentKind::Queued => "queued",
                    SegmentKind::Call => "call",
                    SegmentKind::Pause { .. } => "pause",
                    SegmentKind::Parked { .. } => "parked",
                    SegmentKind::Readiness { .. } => "readiness",
                },
                start_ms: segment.start_ms,
                end_ms: segment.end_ms,
            })
            .collect(),
    });
    let skipped = run.skipped.iter().map(|skip| Skip {
        address: &skip.address,
        operation: skip.operation,
        because_of: skip.because_of.as_ref(),
    });
    let left = run.left.iter().map(|left| Left {
        address: &left.address,
        operation: left.operation,
        until: &left.until,
    });
    Figures {
        run: &run.run.0,
        stack: run.stack.as_str(),
        command: &run.command,
        serial: run.serial,
        started_unix_ms: run.started_unix_ms,
        outcome: run.end.as_ref().map(|(outcome, _)| *outcome),
        duration_ms: run.duration_ms,
        planned_steps: run.planned_steps,
        critical_path_ms: path.duration_ms(),
        critical_path: parts.collect(),
        steps: steps.collect(),
        skipped: skipped.collect(),
        left: left.collect(),
        calls: call_sums(&run.calls),
        planning_calls: call_sums(&run.calls_before),
    }
}
