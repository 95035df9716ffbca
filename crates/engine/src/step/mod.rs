//! One step: intent durable, provider's call, outcome durable, waiter.

mod create;
mod delete;
mod intent;
mod known;
mod natural_key;
mod new_name;
mod obstacles;
mod together;
mod touched;
mod update;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use infra_core::state::JournalEntry;
use infra_core::{
    Attributes, Commands, ErrorClass, Lifecycle, Location, PhysicalId, ProviderError, ResourceAddress,
    ResourceRecord, RunId, StackId, StepId, Timeouts,
};
use infra_provider::{BuiltIn, Providers, Spec, UpdateRequest, Wait};
use infra_state::{AppendError, Journal};
use tokio::sync::mpsc::Sender;

use crate::ambient::Ambient;
use crate::cancel::Cancellation;
use crate::events::Reporter;
use crate::retry::Pace;

pub(crate) use known::sealed_observed;
pub(crate) use new_name::NewName;
pub(crate) use together::run_together;
pub(crate) use touched::Touched;

/// For resources found on their way whose type names no wait of its own.
const ON_ITS_WAY: Wait = Wait::seconds("it to work", 30, 900);

/// What all steps of a run share.
pub(crate) struct Shared {
    pub stack: StackId,
    /// How commands on it are typed.
    pub commands: Commands,
    /// Where calls go.
    pub location: Option<Location>,
    pub run: RunId,
    pub journal: Arc<Journal>,
    pub providers: Arc<dyn Providers>,
    pub reporter: Reporter,
    pub cancellation: Cancellation,
    pub ambient: Arc<dyn Ambient>,
    pub pace: Pace,
    /// Whether to wait for what nothing else waits for.
    pub wait: bool,
    /// What its steps have made and removed.
    pub touched: Touched,
}

impl Shared {
    /// Where a resource of this run is; `None` for what is not at AWS.
    pub fn location(&self, address: &ResourceAddress) -> Option<Location> {
        at_aws(address, self.location.as_ref())
    }
}

/// The location, for what is at AWS.
pub(crate) fn at_aws(address: &ResourceAddress, location: Option<&Location>) -> Option<Location> {
    location.filter(|_| !BuiltIn::has(address.type_name())).cloned()
}

/// What a step tells the dispatcher while it goes on and when it ends.
#[derive(Debug)]
pub(crate) enum Message {
    /// The create is durable: whatever needs only the id may go on.
    Exists {
        step: StepId,
        id: PhysicalId,
        attributes: Attributes,
    },
    /// No more calls that change something: only waiting is left.
    OnlyWaiting { step: StepId, waiter: String },
    /// It is over.
    Ended {
        step: StepId,
        result: Result<Finished, StepError>,
    },
    /// A pause before trying a parked step again is over.
    Again { step: StepId },
}

/// A step that went well.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Whether a call was made that changed something.
    pub changed: bool,
    pub id: Option<PhysicalId>,
    /// What expressions see of the resource from now on; `None` when it is gone.
    pub attributes: Option<Attributes>,
    /// What AWS told at the end of a wait, for a step that comes after it.
    pub observed: Option<Attributes>,
}

/// A step that did not.
#[derive(Debug)]
pub(crate) enum StepError {
    /// Something it needs exists but does not work yet. Nothing was done, or there is this left to do.
    NotReady(ProviderError, Option<Box<Job>>),
    /// It failed.
    Failed(ProviderError),
    /// Nothing was done, because this step, which the same call was to make, could not be.
    LeftOut(StepId),
    /// The journal cannot be written: the whole run has to stop.
    Journal(AppendError),
}

impl From<AppendError> for StepError {
    fn from(error: AppendError) -> Self {
        Self::Journal(error)
    }
}

/// What the record of a resource keeps beside its attributes.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    pub dependencies: Vec<ResourceAddress>,
    pub lifecycle: Lifecycle,
    pub timeouts: Timeouts,
}

/// What a step is to do, with everything resolved. What a call is sent is decoded where it is resolved, and stays so for
/// all calls of the job.
#[derive(Debug)]
pub(crate) enum Job {
    /// `wanted` in clear, `applied` as the record is to have it.
    Create {
        wanted: Spec,
        applied: Attributes,
        keep: Keep,
    },
    /// The rest of a create that has been called: what the call could not set, and the wait.
    Complete {
        id: PhysicalId,
        observed: Attributes,
        wanted: Spec,
        applied: Attributes,
        keep: Keep,
    },
    Update {
        id: PhysicalId,
        request: UpdateRequest,
        applied: Attributes,
        keep: Keep,
    },
    /// Only our tags are written.
    Retag {
        id: PhysicalId,
        request: UpdateRequest,
        record: Box<ResourceRecord>,
        keep: Keep,
    },
    /// `names`: what is to come in its place, and nobody else may be called.
    Delete {
        id: PhysicalId,
        record: Box<ResourceRecord>,
        data_loss_allowed: bool,
        names: Vec<NewName>,
    },
    /// `wanted` in clear, as far as it is known: what expressions see is made of it. `expected` is what has to be
    /// there when it works.
    Wait {
        id: PhysicalId,
        record: Box<ResourceRecord>,
        wanted: Attributes,
        expected: Attributes,
        timeouts: Timeouts,
    },
    /// Entries of the journal, and no call.
    Note {
        entries: Vec<JournalEntry>,
        finished: Finished,
    },
}

impl Job {
    /// What AWS is sent, secrets in clear.
    pub fn sent(&self) -> &Attributes {
        static NOTHING: Attributes = Attributes::new();
        match self {
            Self::Create { wanted, .. } | Self::Complete { wanted, .. } => wanted,
            Self::Update { request, .. } | Self::Retag { request, .. } => &request.spec,
            Self::Delete { .. } | Self::Wait { .. } | Self::Note { .. } => &NOTHING,
        }
    }
}

/// One step under way.
pub(crate) struct StepRun {
    pub shared: Arc<Shared>,
    pub step: StepId,
    pub address: ResourceAddress,
    pub messages: Sender<Message>,
    /// Whether its waiter runs: always when something depends on it.
    pub waits: bool,
    /// Whether something depends on it.
    pub is_needed: bool,
    /// Whether this run has deleted something that used it.
    pub follows_deletes: bool,
    /// How long it took past runs until it worked, or was gone.
    pub readiness: Option<Duration>,
    /// Whether the run as a whole goes on as fast as this step does.
    pub is_pressing: bool,
}

impl StepRun {
    /// Carries the job out and tells how it ended.
    pub async fn run(self, job: Job) {
        let result = self.perform(job).await;
        self.end(result).await;
    }

    /// Tells how it ended.
    async fn end(&self, result: Result<Finished, StepError>) {
        self.tell(Message::Ended {
            step: self.step,
            result,
        })
        .await;
    }

    /// Writes an entry down; when this returns it is durable.
    async fn note(&self, entry: JournalEntry) -> Result<(), AppendError> {
        let journal = &self.shared.journal;
        if self.is_pressing {
            journal.append_at_once(entry).await?;
        } else {
            journal.append(entry).await?;
        }
        Ok(())
    }

    async fn tell(&self, message: Message) {
        // The dispatcher lives until every step has ended, and takes every message that is sent until then.
        let _ = self.messages.send(message).await;
    }

    async fn perform(&self, job: Job) -> Result<Finished, StepError> {
        if let Job::Note { entries, finished } = job {
            for entry in entries {
                self.note(entry).await?;
            }
            return Ok(finished);
        }
        let providers = Arc::clone(&self.shared.providers);
        let Some(provider) = providers.provider(self.address.type_name()) else {
            let message = format!("this build knows no type {}", self.address.type_name());
            return Err(StepError::Failed(ProviderError::new(
                ErrorClass::Invalid,
                message,
            )));
        };
        match job {
            Job::Create {
                wanted,
                applied,
                keep,
            } => self.create(provider, wanted, applied, keep).await,
            Job::Complete {
                id,
                observed,
                wanted,
                applied,
                keep,
            } => self.complete(provider, id, observed, wanted, applied, keep).await,
            Job::Update {
                id,
                request,
                applied,
                keep,
            } => self.update(provider, id, request, applied, keep).await,
            Job::Retag {
                id,
                request,
                record,
                keep,
            } => self.retag(provider, id, request, *record, &keep).await,
            Job::Delete {
                id,
                record,
                data_loss_allowed,
                names,
            } => {
                self.are_free(&names).await?;
                self.delete(provider, id, *record, data_loss_allowed).await
            }
            Job::Wait {
                id,
                record,
                wanted,
                expected,
                timeouts,
            } => {
                let wait = provider.waits().create.unwrap_or(ON_ITS_WAY);
                let wait = self.patience(wait, timeouts.create);
                self.tell(Message::OnlyWaiting {
                    step: self.step,
                    waiter: wait.what.into(),
                })
                .await;
                self.confirm_ready(provider, &id, *record, wait, &wanted, &expected)
                    .await
            }
            Job::Note { finished, .. } => Ok(finished),
        }
    }
}
