//! Past runs of a stack.

use std::io;

use infra_core::state::JournalEntry;
use infra_core::{RunId, RunOutcome, RunSummary};
use serde::Serialize;

use crate::json;
use crate::line::{Line, write_lines};
use crate::style::{Format, Role, Style};
use crate::summary::counts_in_words;
use crate::table::Table;
use crate::units::{duration, time_utc};

/// One run as the journal knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The command in words.
    pub command: String,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_unix_ms: u64,
    /// How it ended; `None` when it goes on or was cut off.
    pub end: Option<(RunOutcome, RunSummary)>,
}

/// The runs that a journal tells of, in its order.
pub fn runs<'a>(journal: impl IntoIterator<Item = &'a JournalEntry>) -> Vec<RunRecord> {
    let mut runs: Vec<RunRecord> = Vec::new();
    for entry in journal {
        match entry {
            JournalEntry::RunStarted {
                run,
                command,
                at_unix_ms,
            } => runs.push(RunRecord {
                run: run.clone(),
                command: command.clone(),
                started_unix_ms: *at_unix_ms,
                end: None,
            }),
            JournalEntry::RunEnded {
                run,
                outcome,
                summary,
                ..
            } => {
                if let Some(known) = runs.iter_mut().rev().find(|known| known.run == *run) {
                    known.end = Some((*outcome, summary.clone()));
                }
            }
            _ => {}
        }
    }
    runs
}

/// Writes past runs, the latest last; as JSON one `run` line for each.
///
/// # Errors
/// When `out` fails.
pub fn write_state_history(
    out: &mut dyn io::Write,
    runs: &[RunRecord],
    format: Format,
    style: &Style,
) -> io::Result<()> {
    if format == Format::Json {
        return runs.iter().try_for_each(|run| {
            let line = RunLine {
                run: &run.run,
                command: &run.command,
                started_unix_ms: run.started_unix_ms,
                outcome: run.end.as_ref().map(|(outcome, _)| *outcome),
                summary: run.end.as_ref().map(|(_, summary)| summary),
            };
            json::write(out, "run", line)
        });
    }
    let style = style.for_format(format);
    if runs.is_empty() {
        return Line::new().add(Role::Muted, "no runs yet").write(out, &style);
    }
    let mut table = Table::with_headings(&["STARTED (UTC)", "RUN", "COMMAND", "OUTCOME", "TOOK", "DONE"]);
    for run in runs {
        let (outcome, took, done) = match &run.end {
            None => (
                Line::new().add(Role::Notice, "not ended"),
                String::new(),
                String::new(),
            ),
            Some((outcome, summary)) => {
                let outcome = match outcome {
                    RunOutcome::Completed => Line::new().add(Role::Good, "completed"),
                    RunOutcome::Failed => Line::new().add(Role::Bad, "failed"),
                    RunOutcome::Cancelled => Line::new().add(Role::Notice, "cancelled"),
                };
                let mut done = counts_in_words(&summary.done);
                for (number, word) in [
                    (summary.failed, "failed"),
                    (summary.stopped, "stopped"),
                    (summary.skipped, "skipped"),
                    (summary.left, "left"),
                ] {
                    if number > 0 {
                        done.push_str(&format!(", {number} {word}"));
                    }
                }
                (outcome, duration(summary.duration_ms), done)
            }
        };
        table.row([
            Line::new().normal(time_utc(run.started_unix_ms)),
            Line::new().normal(run.run.to_string()),
            Line::new().normal(&run.command),
            outcome,
            Line::new().normal(took),
            Line::new().normal(done),
        ]);
    }
    write_lines(out, &style, &table.lines(0))
}

#[derive(Serialize)]
struct RunLine<'a> {
    run: &'a RunId,
    command: &'a str,
    started_unix_ms: u64,
    outcome: Option<RunOutcome>,
    summary: Option<&'a RunSummary>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_runs() {
        let started = |run: &str, command: &str, at_unix_ms| JournalEntry::RunStarted {
            run: RunId(run.into()),
            command: command.into(),
            at_unix_ms,
        };
        let ended = |run: &str, outcome, created, failed| {
            let mut summary = RunSummary {
                failed,
                skipped: failed * 2,
                duration_ms: 62_000,
                ..RunSummary::default()
            };
            summary.done.create = created;
            JournalEntry::RunEnded {
                run: RunId(run.into()),
                outcome,
                summary,
                at_unix_ms: 0,
            }
        };
        let journal = [
            started("0001", "apply", 1_738_324_805_000),
            ended("0001", RunOutcome::Failed, 3, 1),
            started("0002", "apply", 1_738_325_000_000),
            ended("0002", RunOutcome::Completed, 0, 0),
            started("0003", "destroy", 1_738_326_000_000),
        ];
        let mut all = Vec::new();
        for format in [Format::Plain, Format::Json] {
            write_state_history(&mut all, &runs(&journal), format, &Style::plain()).unwrap();
        }
        write_state_history(&mut all, &[], Format::Plain, &Style::plain()).unwrap();
        insta::assert_snapshot!(String::from_utf8(all).unwrap());
    }
}
