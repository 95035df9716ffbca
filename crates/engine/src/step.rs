//! One step: intent durable, provider's call, outcome durable, waiter.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::stack::Timeouts;
use infra_core::state::{JournalEntry, RecordStatus, RunId};
use infra_core::{
    Attributes, ErrorClass, Intent, Lifecycle, Operation, PhysicalId, ProviderError, ResourceAddress,
    ResourceRecord, StackId, StepId, Token, TypeSchema,
};
use infra_plan::{attributes_after, conceal};
use infra_provider::{Call, Found, Provider, Providers, UpdateRequest, Wait};
use infra_state::{AppendError, Journal};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::UnboundedSender;

use crate::cancel::{Cancellation, cancelled};
use crate::events::Reporter;
use crate::retry::{Pace, Tries};
use crate::scope::completed;
use crate::session::now_unix_ms;
use crate::settle::{Lost, adopted};
use crate::wait::Waiter;

/// For resources found on their way whose type names no wait of its own.
const ON_ITS_WAY: Wait = Wait::seconds("it to work", 30, 900);

/// What all steps of a run share.
pub(crate) struct Shared {
    pub stack: StackId,
    pub run: RunId,
    pub journal: Arc<Journal>,
    pub providers: Arc<dyn Providers>,
    pub reporter: Reporter,
    pub cancellation: Cancellation,
    pub pace: Pace,
    /// Whether to wait for what nothing else waits for.
    pub wait: bool,
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

/// What a step is to do, with everything resolved.
#[derive(Debug)]
pub(crate) enum Job {
    /// `wanted` in clear, `applied` as the record is to have it.
    Create {
        wanted: Attributes,
        applied: Attributes,
        keep: Keep,
    },
    /// The rest of a create that has been called: what the call could not set, and the wait.
    Complete {
        id: PhysicalId,
        observed: Attributes,
        wanted: Attributes,
        applied: Attributes,
        keep: Keep,
    },
    Update {
        id: PhysicalId,
        request: UpdateRequest,
        applied: Attributes,
        keep: Keep,
    },
    Delete {
        id: PhysicalId,
        record: Box<ResourceRecord>,
    },
    /// `wanted` in clear, as far as it is known: what expressions see is made of it.
    Wait {
        id: PhysicalId,
        record: Box<ResourceRecord>,
        wanted: Attributes,
        timeouts: Timeouts,
    },
    /// Entries of the journal, and no call.
    Note {
        entries: Vec<JournalEntry>,
        finished: Finished,
    },
}

/// One step under way.
pub(crate) struct StepRun {
    pub shared: Arc<Shared>,
    pub step: StepId,
    pub address: ResourceAddress,
    pub messages: UnboundedSender<Message>,
    /// Whether its waiter runs: always when something depends on it.
    pub waits: bool,
}

impl StepRun {
    /// Carries the job out and tells how it ended.
    pub async fn run(self, job: Job) {
        let result = self.perform(job).await;
        self.tell(Message::Ended {
            step: self.step,
            result,
        });
    }

    fn tell(&self, message: Message) {
        // The dispatcher lives until every step has ended.
        let _ = self.messages.send(message);
    }

    async fn perform(&self, job: Job) -> Result<Finished, StepError> {
        if let Job::Note { entries, finished } = job {
            for entry in entries {
                self.shared.journal.append(entry).await?;
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
            Job::Delete { id, record } => self.delete(provider, id, *record).await,
            Job::Wait {
                id,
                record,
                wanted,
                timeouts,
            } => {
                let wait = provider.waits().create.unwrap_or(ON_ITS_WAY);
                let wait = self.patience(wait, timeouts.create);
                self.tell(Message::OnlyWaiting {
                    step: self.step,
                    waiter: wait.what.into(),
                });
                self.confirm_ready(provider, &id, *record, wait, &wanted).await
            }
            Job::Note { finished, .. } => Ok(finished),
        }
    }

    async fn create(
        &self,
        provider: &dyn Provider,
        wanted: Attributes,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let intent = self
            .intend(Operation::Create, None, &applied, Vec::new(), &keep)
            .await?;
        let call = self.call(&intent.token);
        let (id, found) = match self.make(provider, &call, &wanted, &intent).await {
            Ok(made) => made,
            Err((error, certain)) => return Err(self.gave_up(&intent, error, certain).await?),
        };
        let observed = found.observed.clone();
        let mut record = adopted(provider, &intent, &id, found, self.shared.journal.sealing_key());
        let schema = provider.schema();
        if !set_after_create(schema, &wanted).is_empty() {
            record.status = RecordStatus::Pending;
        }
        let entry = JournalEntry::Created {
            token: intent.token.clone(),
            record: Box::new(record),
        };
        self.shared.journal.append(entry).await?;
        let mut known = wanted.clone();
        known.extend(self.concealed(schema, &observed, &wanted).into_owned());
        let attributes = completed(&self.address, schema, known);
        self.tell(Message::Exists {
            step: self.step,
            id: id.clone(),
            attributes,
        });
        self.complete(provider, id, observed, wanted, applied, keep).await
    }

    /// Sets what the create call could not, and waits. When that is too early, the step goes on from here
    /// later: the create is not called again.
    async fn complete(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        mut observed: Attributes,
        wanted: Attributes,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let record = self
            .shared
            .journal
            .with_state(|state| state.resources.get(&self.address).cloned());
        let Some(mut record) = record else {
            let message = format!("the state no longer has {}", self.address);
            return Err(StepError::Failed(ProviderError::new(ErrorClass::Other, message)));
        };
        record.applied = applied;
        let later = set_after_create(schema, &wanted);
        if !later.is_empty() {
            let mut added = wanted.clone();
            added.retain(|name, _| later.contains(name));
            let request = UpdateRequest {
                spec: wanted.clone(),
                prior: observed.clone(),
                changed: later,
                forced: false,
            };
            let after = attributes_known(schema, &added, &observed);
            record.observed = self.recorded(schema, &after, &wanted, &record.applied);
            if let Err(error) = self.change(provider, &id, request, &mut record, &keep).await {
                let StepError::NotReady(error, _) = error else {
                    return Err(error);
                };
                let rest = Job::Complete {
                    id,
                    observed,
                    wanted,
                    applied: record.applied,
                    keep,
                };
                return Err(StepError::NotReady(error, Some(Box::new(rest))));
            }
            observed = after;
        }
        if let Some(wait) = provider.waits().create {
            if !self.waits {
                return Ok(self.on_its_way(schema, &id, &wanted, observed));
            }
            let wait = self.patience(wait, keep.timeouts.create);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            });
            return self.confirm_ready(provider, &id, record, wait, &wanted).await;
        }
        self.settle_observed(provider, &id, record, &wanted, observed)
            .await
    }

    /// A create without a waiter is over. If its answer did not have every computed attribute, one look
    /// completes them.
    async fn settle_observed(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        mut record: ResourceRecord,
        wanted: &Attributes,
        mut observed: Attributes,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let complete = schema.computed.keys().all(|name| observed.contains_key(name));
        if !complete {
            let call = self.call(&Token(String::new()));
            let look = call.scope(provider.read(std::slice::from_ref(id)));
            // Not found so soon is no failure, and nor is not looking: what the create answered stands.
            if let Some(Ok(mut found)) = self.shared.cancellation.until(2, look).await
                && let Some(found) = found.remove(id)
            {
                observed = found.observed;
            }
        }
        let finished = self.finished(schema, id, wanted, &observed);
        record.status = RecordStatus::Ready;
        record.observed = self.recorded(schema, &observed, wanted, &record.applied);
        let is_noted = self
            .shared
            .journal
            .with_state(|state| state.resources.get(&self.address) == Some(&record));
        if !is_noted {
            self.confirm(record).await?;
        }
        Ok(finished)
    }

    /// Waits until it works, and writes down what is there then.
    async fn confirm_ready(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        mut record: ResourceRecord,
        wait: Wait,
        wanted: &Attributes,
    ) -> Result<Finished, StepError> {
        let observed = self
            .waiter(provider, id, wait)
            .until_ready()
            .await
            .map_err(StepError::Failed)?;
        record.status = RecordStatus::Ready;
        record.observed = self.recorded(provider.schema(), &observed, wanted, &record.applied);
        self.confirm(record).await?;
        let finished = self.finished(provider.schema(), id, wanted, &observed);
        Ok(Finished {
            observed: Some(observed),
            ..finished
        })
    }

    async fn confirm(&self, record: ResourceRecord) -> Result<(), StepError> {
        let entry = JournalEntry::Confirmed {
            address: self.address.clone(),
            record: Box::new(record),
        };
        self.shared.journal.append(entry).await?;
        Ok(())
    }

    /// Makes the create call until it is certain what became of it. The error comes with whether AWS
    /// certainly did nothing.
    async fn make(
        &self,
        provider: &dyn Provider,
        call: &Call,
        wanted: &Attributes,
        intent: &Intent,
    ) -> Result<(PhysicalId, Found<Attributes>), (ProviderError, bool)> {
        let mut tries = Tries::new(self.shared.pace);
        let cancellation = &self.shared.cancellation;
        let lost = Lost {
            provider,
            call,
            attributes: &intent.attributes,
            pace: self.shared.pace,
            cancellation,
        };
        loop {
            let answer = cancellation
                .answer(call.scope(provider.create(call, wanted)))
                .await;
            let error = match answer {
                Ok(created) => return Ok((created.id, created.found)),
                Err(error) if error.class == ErrorClass::Cancelled => return Err((error, false)),
                Err(error) => error,
            };
            let uncertain = !error.class.has_no_effect();
            if uncertain || error.class == ErrorClass::AlreadyExists {
                // The answer may have been lost, of this try or of one before.
                let patience = if uncertain {
                    self.shared.pace.consistency_window
                } else {
                    Duration::ZERO
                };
                match call.scope(lost.find(patience)).await {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) if cancellation.level() >= 2 => return Err((stopped(&error), false)),
                    Ok(None) => {}
                    Err(_) => return Err((error, false)),
                }
            }
            if error.class == ErrorClass::DependencyNotReady {
                return Err((error, true));
            }
            let Some(pause) = tries.next(error.class) else {
                return Err((error, true));
            };
            self.retrying(&tries, pause, &error);
            if !cancellation.pause(pause).await {
                return Err((stopped(&error), true));
            }
        }
    }

    async fn update(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        request: UpdateRequest,
        applied: Attributes,
        keep: Keep,
    ) -> Result<Finished, StepError> {
        let schema = provider.schema();
        let wanted = request.spec.clone();
        let prior = request.prior.clone();
        let wait = provider.waits().update;
        let mut record = ResourceRecord {
            physical_id: id.clone(),
            observed: self.recorded(
                schema,
                &attributes_known(schema, &wanted, &prior),
                &wanted,
                &applied,
            ),
            applied,
            dependencies: keep.dependencies.clone(),
            lifecycle: keep.lifecycle.clone(),
            timeouts: keep.timeouts.clone(),
            status: if wait.is_some() {
                RecordStatus::Pending
            } else {
                RecordStatus::Ready
            },
        };
        self.change(provider, &id, request, &mut record, &keep).await?;
        if let Some(wait) = wait {
            if !self.waits {
                let mut observed = prior;
                observed.retain(|name, _| {
                    let computed = schema.computed.get(name);
                    !computed.is_some_and(|computed| computed.changes_on_update)
                });
                return Ok(self.on_its_way(schema, &id, &wanted, observed));
            }
            let wait = self.patience(wait, keep.timeouts.update);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            });
            return self.confirm_ready(provider, &id, record, wait, &wanted).await;
        }
        if schema
            .computed
            .values()
            .any(|computed| computed.changes_on_update)
        {
            return self
                .settle_observed(provider, &id, record, &wanted, Attributes::new())
                .await;
        }
        Ok(self.finished(schema, &id, &wanted, &attributes_known(schema, &wanted, &prior)))
    }

    /// Intent, update call, outcome.
    async fn change(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        request: UpdateRequest,
        record: &mut ResourceRecord,
        keep: &Keep,
    ) -> Result<(), StepError> {
        let changed: Vec<String> = request.changed.iter().cloned().collect();
        let intent = self
            .intend(Operation::Update, Some(id), &record.applied, changed, keep)
            .await?;
        let call = self.call(&intent.token);
        let mut tries = Tries::new(self.shared.pace);
        // Where it is not known of every try what AWS took, the next run must not rely on what was there before.
        let mut is_certain = true;
        loop {
            let update = call.scope(provider.update(&call, id, request.clone()));
            let Err(error) = self.shared.cancellation.answer(update).await else {
                break;
            };
            is_certain &= error.class.has_no_effect();
            let again = match error.class {
                ErrorClass::DependencyNotReady => return Err(self.gave_up(&intent, error, true).await?),
                class => tries.next(class),
            };
            let Some(pause) = again else {
                return Err(self.gave_up(&intent, error, is_certain).await?);
            };
            self.retrying(&tries, pause, &error);
            if !self.shared.cancellation.pause(pause).await {
                return Err(self.gave_up(&intent, stopped(&error), is_certain).await?);
            }
        }
        let entry = JournalEntry::Updated {
            token: intent.token,
            record: Box::new(record.clone()),
        };
        self.shared.journal.append(entry).await?;
        Ok(())
    }

    async fn delete(
        &self,
        provider: &dyn Provider,
        id: PhysicalId,
        record: ResourceRecord,
    ) -> Result<Finished, StepError> {
        let keep = Keep {
            dependencies: record.dependencies.clone(),
            lifecycle: record.lifecycle.clone(),
            timeouts: record.timeouts.clone(),
        };
        // What AWS never tells back (`force_delete`) stands only among the applied.
        let mut last = record.observed.clone();
        last.extend(record.applied.clone());
        let intent = self
            .intend(Operation::Delete, Some(&id), &last, Vec::new(), &keep)
            .await?;
        let call = self.call(&intent.token);
        let mut tries = Tries::new(self.shared.pace);
        loop {
            let deletion = call.scope(provider.delete(&call, &id, &last));
            let Err(error) = self.shared.cancellation.answer(deletion).await else {
                break;
            };
            if error.class == ErrorClass::NotFound {
                break;
            }
            let Some(pause) = tries.next(error.class) else {
                let certain = error.class != ErrorClass::Cancelled;
                return Err(self.gave_up(&intent, error, certain).await?);
            };
            self.retrying(&tries, pause, &error);
            if !self.shared.cancellation.pause(pause).await {
                return Err(self.gave_up(&intent, stopped(&error), false).await?);
            }
        }
        if let Some(wait) = provider.waits().delete {
            let wait = self.patience(wait, keep.timeouts.delete);
            self.tell(Message::OnlyWaiting {
                step: self.step,
                waiter: wait.what.into(),
            });
            if let Err(error) = self.waiter(provider, &id, wait).until_gone().await {
                let certain = error.class != ErrorClass::Cancelled;
                return Err(self.gave_up(&intent, error, certain).await?);
            }
        }
        self.shared
            .journal
            .append(JournalEntry::Deleted { token: intent.token })
            .await?;
        Ok(Finished {
            changed: true,
            id: Some(id),
            ..Finished::default()
        })
    }

    async fn intend(
        &self,
        operation: Operation,
        id: Option<&PhysicalId>,
        attributes: &Attributes,
        changed: Vec<String>,
        keep: &Keep,
    ) -> Result<Intent, StepError> {
        if self.shared.cancellation.level() >= 2 {
            return Err(StepError::Failed(cancelled(match operation {
                Operation::Update => "stopped before AWS was asked to change it",
                Operation::Create | Operation::Delete => "stopped before AWS was called",
            })));
        }
        let text = serde_json::to_vec(attributes).unwrap_or_default();
        let intent = Intent {
            token: Token(uuid::Uuid::new_v4().to_string()),
            address: self.address.clone(),
            operation,
            physical_id: id.cloned(),
            attributes: attributes.clone(),
            changed,
            spec_hash: hex::encode(Sha256::digest(&text)),
            dependencies: keep.dependencies.clone(),
            lifecycle: keep.lifecycle.clone(),
            timeouts: keep.timeouts.clone(),
            run: self.shared.run.clone(),
            at_unix_ms: now_unix_ms(),
        };
        self.shared
            .journal
            .append(JournalEntry::Intended(Box::new(intent.clone())))
            .await?;
        Ok(intent)
    }

    /// Closes the intent of a call that came to nothing. Where that is not certain it stays open: the next
    /// run settles it.
    async fn gave_up(
        &self,
        intent: &Intent,
        error: ProviderError,
        certain: bool,
    ) -> Result<StepError, StepError> {
        if certain {
            let entry = JournalEntry::NoEffect {
                token: intent.token.clone(),
                error: Some(error.clone()),
            };
            self.shared.journal.append(entry).await?;
        }
        Ok(match error.class {
            ErrorClass::DependencyNotReady => StepError::NotReady(error, None),
            _ => StepError::Failed(error),
        })
    }

    fn call(&self, token: &Token) -> Call {
        Call {
            stack: self.shared.stack.clone(),
            address: self.address.clone(),
            token: token.clone(),
            progress: Arc::new(self.shared.reporter.clone()),
        }
    }

    fn waiter<'a>(&'a self, provider: &'a dyn Provider, id: &'a PhysicalId, wait: Wait) -> Waiter<'a> {
        Waiter {
            provider,
            address: &self.address,
            id,
            wait,
            pace: self.shared.pace,
            reporter: &self.shared.reporter,
            cancellation: &self.shared.cancellation,
        }
    }

    fn patience(&self, wait: Wait, asked: Option<Duration>) -> Wait {
        Wait {
            timeout: asked.unwrap_or(wait.timeout),
            ..wait
        }
    }

    fn retrying(&self, tries: &Tries, pause: Duration, error: &ProviderError) {
        self.shared.reporter.send(EventKind::StepRetried {
            step: self.step,
            address: self.address.clone(),
            attempt: tries.count(),
            delay_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            error: error.clone(),
        });
    }

    fn finished(
        &self,
        schema: &TypeSchema,
        id: &PhysicalId,
        wanted: &Attributes,
        observed: &Attributes,
    ) -> Finished {
        Finished {
            changed: true,
            id: Some(id.clone()),
            attributes: Some(attributes_after(
                schema,
                wanted,
                &self.concealed(schema, observed, wanted),
            )),
            ..Finished::default()
        }
    }

    /// The end of a step that nobody waits for: what shows only when it works is not known.
    fn on_its_way(
        &self,
        schema: &TypeSchema,
        id: &PhysicalId,
        wanted: &Attributes,
        observed: Attributes,
    ) -> Finished {
        let known = attributes_known(schema, wanted, &self.concealed(schema, &observed, wanted));
        Finished {
            changed: true,
            id: Some(id.clone()),
            attributes: Some(completed(&self.address, schema, known)),
            ..Finished::default()
        }
    }

    /// What was observed as expressions may see it: what is secret is marked as such.
    fn concealed<'o>(
        &self,
        schema: &TypeSchema,
        observed: &'o Attributes,
        wanted: &Attributes,
    ) -> Cow<'o, Attributes> {
        conceal(
            schema,
            observed,
            [wanted, wanted],
            self.shared.journal.sealing_key(),
        )
    }

    /// What was observed as the record keeps it: nothing secret in clear.
    fn recorded(
        &self,
        schema: &TypeSchema,
        observed: &Attributes,
        wanted: &Attributes,
        applied: &Attributes,
    ) -> Attributes {
        sealed_observed(
            schema,
            observed,
            [wanted, applied],
            self.shared.journal.sealing_key(),
        )
    }
}

/// A call that failed would have been made again, but the user wants to stop.
fn stopped(error: &ProviderError) -> ProviderError {
    cancelled(format!(
        "stopped before the next try; the last one failed: {error}"
    ))
}

/// What was observed, concealed by what is secret in the models, and sealed.
pub(crate) fn sealed_observed(
    schema: &TypeSchema,
    observed: &Attributes,
    models: [&Attributes; 2],
    key: &infra_core::SealingKey,
) -> Attributes {
    conceal(schema, observed, models, key)
        .iter()
        .map(|(name, value)| (name.clone(), value.sealed(key)))
        .collect()
}

/// The attributes that the create call could not set.
fn set_after_create(schema: &TypeSchema, wanted: &Attributes) -> BTreeSet<String> {
    wanted
        .iter()
        .filter(|(name, value)| {
            let attribute = schema.attributes.get(*name);
            !value.is_null() && attribute.is_some_and(|attribute| attribute.set_after_create)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// After an update whose answer tells nothing: what was observed before with what was wanted over it.
fn attributes_known(schema: &TypeSchema, wanted: &Attributes, prior: &Attributes) -> Attributes {
    let mut known = attributes_after(schema, wanted, prior);
    known.retain(|_, value| !value.is_null());
    known
}
