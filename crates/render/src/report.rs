//! What a run came to, gathered from its events.

use infra_core::{
    ErrorClass, Event, EventKind, ProviderError, ResourceAddress, RunOutcome, RunSummary, StepOperation,
};

/// A step that failed, or that was stopped because the user wanted it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The resource.
    pub address: ResourceAddress,
    /// What was being done.
    pub operation: StepOperation,
    /// Why it failed, or where it was stopped.
    pub error: ProviderError,
    /// The place in the stack file, `path:line:column`.
    pub place: Option<String>,
    /// From its start, in milliseconds.
    pub duration_ms: u64,
}

/// A step that was not started.
#[derive(Debug, Clone, PartialEq)]
pub struct Skip {
    /// The resource.
    pub address: ResourceAddress,
    /// What would have been done.
    pub operation: StepOperation,
    /// The failed resource that it needs; `None` when the run was cancelled.
    pub because_of: Option<ResourceAddress>,
}

/// A step that was left to the next run.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// The resource.
    pub address: ResourceAddress,
    /// The resource that has to come to its end before.
    pub until: ResourceAddress,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: RunOutcome,
    /// The counts.
    pub summary: RunSummary,
    /// The resources of the longest chain of steps, first to last.
    pub critical_path: Vec<ResourceAddress>,
}

/// What a run came to: built by giving it every event of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunReport {
    /// The command in words, such as `apply`.
    pub command: String,
    /// What failed, in order.
    pub failures: Vec<Failure>,
    /// What was begun and not brought to its end because the user wanted to stop, in order.
    pub stopped: Vec<Failure>,
    /// What was not started, in order.
    pub skipped: Vec<Skip>,
    /// What was left to the next run.
    pub left: Vec<Left>,
    /// The end; `None` while the run goes on.
    pub end: Option<RunEnd>,
}

impl RunReport {
    /// Takes an event. The first event of a run starts the report anew.
    pub fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { command, .. } => {
                *self = Self {
                    command: command.clone(),
                    ..Self::default()
                };
            }
            EventKind::StepFailed {
                address,
                operation,
                error,
                place,
                duration_ms,
                ..
            } => {
                let ended = Failure {
                    address: address.clone(),
                    operation: *operation,
                    error: error.clone(),
                    place: place.clone(),
                    duration_ms: *duration_ms,
                };
                if error.class == ErrorClass::Cancelled {
                    self.stopped.push(ended);
                } else {
                    self.failures.push(ended);
                }
            }
            EventKind::StepSkipped {
                address,
                operation,
                because_of,
                ..
            } => self.skipped.push(Skip {
                address: address.clone(),
                operation: *operation,
                because_of: because_of.clone(),
            }),
            EventKind::StepLeft {
                address,
                operation: StepOperation::Delete | StepOperation::Forget,
                until,
                ..
            } => self.left.push(Left {
                address: address.clone(),
                until: until.clone(),
            }),
            EventKind::RunFinished {
                outcome,
                summary,
                critical_path,
                ..
            } => {
                self.end = Some(RunEnd {
                    outcome: *outcome,
                    summary: summary.clone(),
                    critical_path: critical_path.clone(),
                });
            }
            _ => {}
        }
    }
}
