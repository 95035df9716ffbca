//! One run of a command: what it is called, how it ended, and what it came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::ActionCounts;

/// One run of a command that may change something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum RunOutcome {
    /// Everything planned is done.
    Completed,
    /// Something failed.
    Failed,
    /// The user stopped it.
    Cancelled,
}

/// The counts of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunSummary {
    /// What was done, by action as planned (a replacement counts once both halves are done; else the half that is).
    pub done: ActionCounts,
    /// Steps that failed.
    pub failed: usize,
    /// Steps begun and not brought to their end, because the user wanted to stop.
    #[serde(default)]
    pub stopped: usize,
    /// Steps not started because something they need failed, or the run was cancelled.
    pub skipped: usize,
    /// Steps left to the next run, since this one did not wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: usize,
    /// Wall time, in milliseconds.
    pub duration_ms: u64,
    /// The longest chain of steps, each by its own measured time, in milliseconds.
    pub critical_path_ms: u64,
    /// Calls made to AWS that change something, retries included.
    pub mutating_calls: u64,
    /// Calls made to AWS that only read, retries included.
    pub reading_calls: u64,
    /// Times that the state was made durable, which happens one after the other.
    #[serde(default)]
    pub flushes: u64,
    /// How long that took together, in milliseconds.
    #[serde(default)]
    pub flushing_ms: u64,
}
