//! The records of runs, as the journal's entries make them.

use std::collections::BTreeMap;

use infra_core::RunId;
use infra_core::state::JournalEntry;

use crate::store::{RunEnd, RunRecord};

/// What a run's record becomes by this entry.
pub(super) fn run_after(
    open: &BTreeMap<RunId, RunRecord>,
    entry: &JournalEntry,
    serial: u64,
) -> Option<RunRecord> {
    match entry {
        JournalEntry::RunStarted {
            run,
            command,
            at_unix_ms,
        } => Some(RunRecord {
            run: run.clone(),
            command: command.clone(),
            started_unix_ms: *at_unix_ms,
            first_serial: serial,
            end: None,
        }),
        JournalEntry::RunEnded {
            run,
            outcome,
            summary,
            at_unix_ms,
        } => {
            let started = open.get(run).cloned().unwrap_or_else(|| RunRecord {
                run: run.clone(),
                command: String::new(),
                started_unix_ms: at_unix_ms.saturating_sub(summary.duration_ms),
                first_serial: serial,
                end: None,
            });
            Some(RunRecord {
                end: Some(RunEnd {
                    outcome: *outcome,
                    summary: summary.clone(),
                    at_unix_ms: *at_unix_ms,
                    last_serial: serial,
                }),
                ..started
            })
        }
        _ => None,
    }
}
