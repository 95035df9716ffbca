//! One step's place in a run.

use std::time::Duration;

use infra_core::{PhysicalId, ResourceAddress, StepId, Strength};
use tokio::time::Instant;

use crate::retry::Tries;
use crate::step::Job;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not all that it waits for is there.
    Waiting,
    /// In the queue.
    Queued,
    /// Its call is under way.
    Calling,
    /// Its call is done; what needs only its id may go on.
    Exists,
    /// It waits until what it needs works, or for a pause to end.
    Parked,
    /// Over, and well.
    Done,
    /// Over, and not.
    Failed,
    /// Never started.
    Skipped,
    /// Left to the next run.
    Left,
}

impl Stage {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped | Self::Left)
    }
}

/// One step's place in the run.
#[derive(Debug)]
pub(super) struct Progress {
    pub stage: Stage,
    /// Whether its call has answered with an id, so that what needs only that has been let go on.
    pub exists: bool,
    /// What its create has made.
    pub made: Option<PhysicalId>,
    /// Parked in the middle: what is left of it.
    pub rest: Option<Box<Job>>,
    /// The task that carries it out, or last did.
    pub task: Option<tokio::task::Id>,
    /// Dependencies that are not there yet.
    pub missing: usize,
    /// Steps that wait for this one, by how much they need.
    pub dependents: Vec<(StepId, Strength)>,
    /// Whether its call takes one of the places of the run's parallelism.
    pub calling: bool,
    /// Whether the run as a whole goes on as fast as it does.
    pub is_pressing: bool,
    /// Whose failure it was that ended it, itself included; `None` for nobody's.
    pub failed_by: Option<ResourceAddress>,
    pub tries: Option<Tries>,
    /// When it could last start or go on, in milliseconds on the reporter's clock.
    pub queued_ms: u64,
    pub started: Option<Instant>,
    /// The longest chain up to its start, with the step before it; then up to its existence, and its end.
    pub path_before: (Duration, Option<StepId>),
    pub path_exists: Duration,
    pub path_end: Duration,
    /// How long past runs waited until it worked, or was gone.
    pub readiness: Option<Duration>,
}

pub(super) fn elapsed(started: Option<Instant>) -> Duration {
    started.map_or(Duration::ZERO, |started| started.elapsed())
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
