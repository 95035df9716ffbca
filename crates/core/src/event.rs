//! What a run tells while it goes on: enough to show it live and to draw it afterwards.

use serde::{Deserialize, Serialize};

use crate::address::{PhysicalId, ResourceAddress};
use crate::error::ProviderError;
use crate::identity::StackId;
use crate::plan::{StepDependency, StepId, StepOperation};
use crate::run::{RunId, RunOutcome, RunSummary};

/// The version of events as JSON lines.
pub const EVENT_FORMAT_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the run's start.
    pub at_ms: u64,
    /// For events that are never dropped: counts from 1 without a gap. `None` for progress.
    pub sequence: Option<u64>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Those that [`EventKind::may_be_dropped`] names may be missing; no other ever is, so that the
/// run can be drawn afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A run begins.
    RunStarted {
        /// The run.
        run: RunId,
        /// The command in words.
        command: String,
        /// Steps planned.
        steps: usize,
        /// The stack.
        stack: StackId,
        /// The serial of the state that the plan was made from.
        serial: u64,
        /// When, in milliseconds since 1970 (UTC).
        at_unix_ms: u64,
    },
    /// Calls left open by an earlier run are being settled.
    Settling {
        /// How many.
        intents: usize,
    },
    /// One of them is settled.
    Settled {
        /// The resource.
        address: ResourceAddress,
        /// In words: adopted, nothing happened, is gone.
        outcome: String,
        /// What was found.
        physical_id: Option<PhysicalId>,
    },
    /// A step's intent is durable and its call is about to be made.
    StepStarted {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What is done.
        operation: StepOperation,
        /// When all that it needs was there, in milliseconds on the clock of [`Event::at_ms`]: from then until
        /// its start it waited for a free place.
        queued_ms: u64,
        /// The steps before it, with how far each had to be.
        after: Vec<StepDependency>,
    },
    /// A step that stood aside is tried again.
    StepResumed {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// When what it stood aside for let it go on, in milliseconds on the clock of [`Event::at_ms`]: from then
        /// on it waited for a free place.
        queued_ms: u64,
    },
    /// The create call has answered: whatever needs only the id may go on.
    StepExists {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// AWS's id.
        physical_id: PhysicalId,
    },
    /// The step's call is done and its waiter begins.
    WaitStarted {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What is waited for, such as `NAT gateway available`.
        waiter: String,
    },
    /// The call will be made again.
    StepRetried {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// Tries so far.
        attempt: u32,
        /// Milliseconds until the next one.
        delay_ms: u64,
        /// Why.
        error: ProviderError,
    },
    /// AWS says that something it needs is not working yet: the step waits for that.
    StepParked {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// The steps whose readiness it now waits for.
        waits_for: Vec<StepId>,
        /// Why.
        error: ProviderError,
    },
    /// A step is over and its outcome durable.
    StepFinished {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What was done.
        operation: StepOperation,
        /// False when it turned out that there was nothing to do.
        changed: bool,
        /// The thing at AWS.
        physical_id: Option<PhysicalId>,
        /// From its start to its readiness, in milliseconds.
        duration_ms: u64,
    },
    /// A step failed, or was stopped: then the error is [`Cancelled`](crate::ErrorClass::Cancelled).
    StepFailed {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What was being done.
        operation: StepOperation,
        /// Why.
        error: ProviderError,
        /// The place in the stack file, `path:line:column`, if the file has it.
        place: Option<String>,
        /// From its start, in milliseconds.
        duration_ms: u64,
    },
    /// A step was not started.
    StepSkipped {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What would have been done.
        operation: StepOperation,
        /// The failed resource that it needs; `None` when the run was cancelled.
        because_of: Option<ResourceAddress>,
    },
    /// A step was left to the next run, since this one does not wait.
    StepLeft {
        /// The step.
        step: StepId,
        /// The resource.
        address: ResourceAddress,
        /// What would have been done.
        operation: StepOperation,
        /// The resource that has to come to its end before.
        until: ResourceAddress,
    },
    /// The user asked to stop.
    Cancelling {
        /// 1: what is in flight is finished. 2: waiting ends.
        level: u8,
    },
    /// The run is over.
    RunFinished {
        /// The run.
        run: RunId,
        /// How.
        outcome: RunOutcome,
        /// The counts.
        summary: RunSummary,
        /// The steps of the longest chain, first to last.
        critical_path: Vec<ResourceAddress>,
    },
    /// Progress: what a waiter sees.
    Waiting {
        /// The resource.
        address: ResourceAddress,
        /// AWS's word for its state, or a sentence such as `2 of 3 tasks running`.
        status: String,
    },
    /// Progress: bytes of a transfer.
    Bytes {
        /// The resource.
        address: ResourceAddress,
        /// Sent so far.
        done: u64,
        /// All that has to be sent.
        total: u64,
    },
    /// Progress: a sentence from a provider, such as a line of a build's output.
    Note {
        /// The resource.
        address: ResourceAddress,
        /// The sentence.
        text: String,
    },
    /// One call to AWS is over.
    ApiCall {
        /// The resource it was made for; `None` for reads that serve many.
        address: Option<ResourceAddress>,
        /// The service, such as `ec2`.
        service: String,
        /// AWS's operation, such as `CreateVpc`.
        operation: String,
        /// Whether it may change something.
        mutating: bool,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// AWS's error code if it failed; without an answer what became of it.
        error: Option<String>,
        /// Whether AWS asked to slow down.
        #[serde(default)]
        throttled: bool,
    },
}

impl EventKind {
    /// Whether the event may be dropped when the reader is slow.
    pub fn may_be_dropped(&self) -> bool {
        matches!(
            self,
            Self::Waiting { .. } | Self::Bytes { .. } | Self::Note { .. }
        )
    }

    /// Whether it tells of something within a step that goes on, and changes nothing of what a reader knows of
    /// the run.
    pub fn is_progress(&self) -> bool {
        self.may_be_dropped() || matches!(self, Self::ApiCall { .. })
    }
}
