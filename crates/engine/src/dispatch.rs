//! The dispatcher: one owner of a run's state. Steps only send it messages.
//!
//! Of the steps that may start, the one whose remaining path is longest goes first. A failure stops what
//! depends on it and nothing else.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::plan::{ActionCounts, StepDependency};
use infra_core::{
    Action, ErrorClass, PhysicalId, Plan, ProviderError, ResourceAddress, RunOutcome, StepId, Strength,
};
use infra_state::AppendError;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::retry::Tries;
use crate::session::{Planned, RunReport};
use crate::step::{Finished, Job, Message, Shared, StepError, StepRun};
use crate::work::Work;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
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
}

impl Stage {
    fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }
}

/// One step's place in the run.
#[derive(Debug)]
struct Progress {
    stage: Stage,
    /// Whether its call has answered with an id, so that what needs only that has been let go on.
    exists: bool,
    /// Parked in the middle: what is left of it.
    rest: Option<Box<Job>>,
    /// The task that carries it out, or last did.
    task: Option<tokio::task::Id>,
    /// Dependencies that are not there yet.
    missing: usize,
    /// Steps that wait for this one, by how much they need.
    dependents: Vec<(StepId, Strength)>,
    /// Whether its call takes one of the places of the run's parallelism.
    calling: bool,
    tries: Option<Tries>,
    started: Option<Instant>,
    /// The longest chain up to its start, with the step before it; then up to its existence, and its end.
    path_before: (Duration, Option<StepId>),
    path_exists: Duration,
    path_end: Duration,
}

/// A run under way.
pub(crate) struct Dispatch {
    shared: Arc<Shared>,
    plan: Plan,
    work: Work,
    steps: Vec<Progress>,
    queue: BinaryHeap<(Duration, std::cmp::Reverse<StepId>)>,
    remaining: Vec<Duration>,
    calling: usize,
    parallelism: usize,
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    tasks: JoinSet<()>,
    broken: Option<AppendError>,
    failed: usize,
    skipped: usize,
    cancelling: bool,
    /// Whether a wait was ended because the user wants to stop.
    cut_short: bool,
}

impl Dispatch {
    /// A run of a plan, not yet begun.
    pub fn new(shared: Arc<Shared>, planned: Planned, parallelism: usize) -> Self {
        let Planned { plan, .. } = &planned;
        let plan = plan.clone();
        let work = Work::new(&shared, planned);
        let remaining = infra_plan::remaining_path(&plan, |step| work.typical(step));
        let mut steps: Vec<Progress> = plan
            .steps
            .iter()
            .map(|step| Progress {
                stage: Stage::Waiting,
                exists: false,
                rest: None,
                task: None,
                missing: step.after.len(),
                dependents: Vec::new(),
                calling: false,
                tries: None,
                started: None,
                path_before: (Duration::ZERO, None),
                path_exists: Duration::ZERO,
                path_end: Duration::ZERO,
            })
            .collect();
        for step in &plan.steps {
            for StepDependency {
                step: before,
                strength,
            } in &step.after
            {
                steps[before.0 as usize].dependents.push((step.id, *strength));
            }
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            shared,
            plan,
            work,
            steps,
            queue: BinaryHeap::new(),
            remaining,
            calling: 0,
            parallelism: parallelism.max(1),
            sender,
            receiver,
            tasks: JoinSet::new(),
            broken: None,
            failed: 0,
            skipped: 0,
            cancelling: false,
            cut_short: false,
        }
    }

    /// Runs to the end: every step is done, failed, or skipped.
    ///
    /// # Errors
    /// The journal could not be written. Steps that were under way have ended.
    pub async fn run(mut self) -> Result<(RunReport, Work), AppendError> {
        let started = Instant::now();
        for position in 0..self.steps.len() {
            if self.steps[position].missing == 0 {
                self.enqueue(StepId(position as u32));
            }
        }
        loop {
            // All that is told by now comes first: a task's last message is sent before it ends.
            while let Ok(message) = self.receiver.try_recv() {
                self.receive(message);
            }
            self.watch_cancellation();
            self.start_what_can();
            if self.tasks.is_empty() {
                break;
            }
            let cancellation = self.shared.cancellation.clone();
            let next_level = cancellation.level() + 1;
            tokio::select! {
                biased;
                Some(message) = self.receiver.recv() => self.receive(message),
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended {
                        self.panicked(&error);
                    }
                }
                () = cancellation.reached(next_level), if self.broken.is_none() => {
                    self.shared.reporter.send(EventKind::Cancelling { level: cancellation.level() });
                }
            }
        }
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.skip_the_rest();
        let report = self.report(started.elapsed());
        Ok((report, self.work))
    }

    /// A step's task ended without a word: a provider has a bug. What its call did is settled by the next run.
    fn panicked(&mut self, error: &JoinError) {
        // Ids of tasks that ended may be given again.
        let position = self
            .steps
            .iter()
            .position(|progress| progress.task == Some(error.id()) && !progress.stage.is_over());
        if let Some(position) = position {
            let id = StepId(position as u32);
            self.release(id);
            let type_name = self.plan.steps[position].address.type_name();
            let message = format!("the provider of {type_name} broke down; this is a bug, please report it");
            self.fail(id, ProviderError::new(ErrorClass::Other, message));
        }
    }

    fn watch_cancellation(&mut self) {
        if self.shared.cancellation.level() > 0 {
            self.cancelling = true;
        }
    }

    fn start_what_can(&mut self) {
        while !self.cancelling && self.broken.is_none() && self.calling < self.parallelism {
            let Some((_, std::cmp::Reverse(id))) = self.queue.pop() else {
                return;
            };
            if self.steps[id.0 as usize].stage == Stage::Queued {
                self.start(id);
            }
        }
    }

    fn start(&mut self, id: StepId) {
        let position = id.0 as usize;
        let step = self.plan.steps[position].clone();
        let progress = &mut self.steps[position];
        if progress.started.is_none() {
            progress.started = Some(Instant::now());
            self.shared.reporter.send(EventKind::StepStarted {
                step: id,
                address: step.address.clone(),
                operation: step.operation,
            });
        }
        let job = match progress.rest.take() {
            Some(rest) => Ok(*rest),
            None => self.work.job(&step),
        };
        let job = match job {
            Ok(job) => job,
            Err(error) if error.class == ErrorClass::DependencyNotReady => {
                self.steps[position].stage = Stage::Parked;
                return self.park(id, error);
            }
            Err(error) => return self.fail(id, error),
        };
        let progress = &mut self.steps[position];
        progress.stage = Stage::Calling;
        progress.calling = true;
        self.calling += 1;
        let run = StepRun {
            shared: Arc::clone(&self.shared),
            step: id,
            address: step.address,
            messages: self.sender.clone(),
            waits: self.shared.wait || self.is_needed(id),
        };
        let task = self.tasks.spawn(run.run(job)).id();
        self.steps[position].task = Some(task);
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Exists { step, id, attributes } => self.exists(step, id, attributes),
            Message::OnlyWaiting { step, waiter } => {
                self.release(step);
                let address = self.address(step);
                self.shared.reporter.send(EventKind::WaitStarted {
                    step,
                    address,
                    waiter,
                });
            }
            Message::Again { step } => {
                if self.steps[step.0 as usize].stage == Stage::Parked {
                    self.enqueue(step);
                }
            }
            Message::Ended { step, result } => {
                self.release(step);
                match result {
                    Ok(finished) => self.finish(step, finished),
                    Err(StepError::NotReady(error, rest)) => {
                        let progress = &mut self.steps[step.0 as usize];
                        progress.stage = Stage::Parked;
                        progress.rest = rest;
                        self.park(step, error);
                    }
                    Err(StepError::Failed(error)) => self.fail(step, error),
                    Err(StepError::Journal(error)) => {
                        self.steps[step.0 as usize].stage = Stage::Failed;
                        self.broken.get_or_insert(error);
                        // Nothing can be written down any more: waiting and trying again have no use.
                        while self.shared.cancellation.level() < 2 {
                            self.shared.cancellation.raise();
                        }
                    }
                }
            }
        }
    }

    fn exists(&mut self, id: StepId, physical_id: PhysicalId, attributes: infra_core::Attributes) {
        let address = self.address(id);
        self.work.known(address.clone(), attributes);
        self.shared.reporter.send(EventKind::StepExists {
            step: id,
            address,
            physical_id,
        });
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Exists;
        progress.exists = true;
        progress.path_exists = progress.path_before.0 + elapsed(progress.started);
        self.unlock(id, Strength::Exists);
    }

    fn finish(&mut self, id: StepId, finished: Finished) {
        let step = self.plan.steps[id.0 as usize].clone();
        self.work.finished(&step, &finished);
        let progress = &mut self.steps[id.0 as usize];
        let existed = progress.exists;
        let duration = elapsed(progress.started);
        progress.stage = Stage::Done;
        progress.path_end = progress.path_before.0 + duration;
        if !existed {
            progress.path_exists = progress.path_end;
        }
        self.shared.reporter.send(EventKind::StepFinished {
            step: id,
            address: step.address,
            operation: step.operation,
            changed: finished.changed,
            physical_id: finished.id,
            duration_ms: millis(duration),
        });
        if !existed {
            self.unlock(id, Strength::Exists);
        }
        self.unlock(id, Strength::Ready);
        self.wake_parked(id);
    }

    /// Counts down for all that waited for this much of the step.
    fn unlock(&mut self, id: StepId, strength: Strength) {
        let position = id.0 as usize;
        let path = match strength {
            Strength::Exists => self.steps[position].path_exists,
            Strength::Ready => self.steps[position].path_end,
        };
        for index in 0..self.steps[position].dependents.len() {
            let (dependent, needs) = self.steps[position].dependents[index];
            if needs != strength {
                continue;
            }
            let waiting = &mut self.steps[dependent.0 as usize];
            waiting.missing -= 1;
            if path > waiting.path_before.0 || waiting.path_before.1.is_none() {
                waiting.path_before = (path, Some(id));
            }
            if waiting.missing == 0 && waiting.stage == Stage::Waiting {
                self.enqueue(dependent);
            }
        }
    }

    fn enqueue(&mut self, id: StepId) {
        self.steps[id.0 as usize].stage = Stage::Queued;
        self.queue
            .push((self.remaining[id.0 as usize], std::cmp::Reverse(id)));
    }

    /// Puts a step aside until the dependencies that only exist so far work. When all of them do, AWS itself
    /// is late: the step is tried again after a pause, for a bounded time.
    fn park(&mut self, id: StepId, error: ProviderError) {
        let waits_for = self.unready(id);
        let address = self.address(id);
        self.shared.reporter.send(EventKind::StepParked {
            step: id,
            address: address.clone(),
            waits_for: waits_for.clone(),
            error: error.clone(),
        });
        if !waits_for.is_empty() {
            return;
        }
        let pace = self.shared.pace;
        let tries = self.steps[id.0 as usize]
            .tries
            .get_or_insert_with(|| Tries::new(pace));
        match tries.next(ErrorClass::DependencyNotReady) {
            Some(pause) => {
                let sender = self.sender.clone();
                let cancellation = self.shared.cancellation.clone();
                self.tasks.spawn(async move {
                    cancellation.sleep(pause).await;
                    let _ = sender.send(Message::Again { step: id });
                });
            }
            None => self.fail(id, error),
        }
    }

    /// The step's dependencies that exist and do not work yet.
    fn unready(&self, id: StepId) -> Vec<StepId> {
        let mut unready: Vec<StepId> = self.plan.steps[id.0 as usize]
            .after
            .iter()
            .map(|dependency| dependency.step)
            .filter(|before| !self.steps[before.0 as usize].stage.is_over())
            .collect();
        unready.dedup();
        unready
    }

    /// Tries parked steps again that waited for this one, and maybe for others: which of them it is that AWS
    /// minds, nobody tells.
    fn wake_parked(&mut self, id: StepId) {
        let parked: BTreeSet<StepId> = self.steps[id.0 as usize]
            .dependents
            .iter()
            .map(|(dependent, _)| *dependent)
            .filter(|dependent| self.steps[dependent.0 as usize].stage == Stage::Parked)
            .collect();
        for dependent in parked {
            // It was this one's readiness, not only its existence, that the step had to wait for.
            let path = self.steps[id.0 as usize].path_end;
            let waiting = &mut self.steps[dependent.0 as usize];
            if path > waiting.path_before.0 {
                waiting.path_before = (path, Some(id));
                waiting.started = Some(Instant::now());
            }
            self.enqueue(dependent);
        }
    }

    fn release(&mut self, id: StepId) {
        let progress = &mut self.steps[id.0 as usize];
        if std::mem::take(&mut progress.calling) {
            self.calling -= 1;
        }
    }

    fn fail(&mut self, id: StepId, error: ProviderError) {
        let step = &self.plan.steps[id.0 as usize];
        let progress = &mut self.steps[id.0 as usize];
        progress.stage = Stage::Failed;
        self.failed += 1;
        self.cut_short |= match error.class {
            ErrorClass::Cancelled => true,
            // It would have been tried again.
            ErrorClass::Throttled
            | ErrorClass::Transient
            | ErrorClass::DependencyNotReady
            | ErrorClass::DependencyViolation => self.shared.cancellation.level() >= 2,
            _ => false,
        };
        self.shared.reporter.send(EventKind::StepFailed {
            step: id,
            address: step.address.clone(),
            operation: step.operation,
            error,
            place: self.work.place(&step.address),
            duration_ms: millis(elapsed(progress.started)),
        });
        let cause = step.address.clone();
        let mut doomed: Vec<StepId> = self.dependents(id);
        while let Some(next) = doomed.pop() {
            if matches!(
                self.steps[next.0 as usize].stage,
                Stage::Waiting | Stage::Queued | Stage::Parked
            ) {
                self.skip(next, Some(cause.clone()));
                doomed.extend(self.dependents(next));
            }
        }
    }

    fn dependents(&self, id: StepId) -> Vec<StepId> {
        self.steps[id.0 as usize]
            .dependents
            .iter()
            .map(|(dependent, _)| *dependent)
            .collect()
    }

    /// Whether anything waits for the step. What needs only the id may still be refused until it works, and may
    /// use what is known only then.
    fn is_needed(&self, id: StepId) -> bool {
        !self.steps[id.0 as usize].dependents.is_empty()
    }

    fn skip(&mut self, id: StepId, because_of: Option<ResourceAddress>) {
        let step = &self.plan.steps[id.0 as usize];
        self.steps[id.0 as usize].stage = Stage::Skipped;
        self.skipped += 1;
        self.shared.reporter.send(EventKind::StepSkipped {
            step: id,
            address: step.address.clone(),
            operation: step.operation,
            because_of,
        });
    }

    /// What the cancellation left unstarted.
    fn skip_the_rest(&mut self) {
        for position in 0..self.steps.len() {
            if !self.steps[position].stage.is_over() {
                self.skip(StepId(position as u32), None);
            }
        }
    }

    fn address(&self, id: StepId) -> ResourceAddress {
        self.plan.steps[id.0 as usize].address.clone()
    }

    fn report(&self, duration: Duration) -> RunReport {
        let outcome = if self.cancelling && (self.skipped > 0 || self.cut_short) {
            RunOutcome::Cancelled
        } else if self.failed > 0 {
            RunOutcome::Failed
        } else if self.skipped > 0 {
            RunOutcome::Cancelled
        } else {
            RunOutcome::Completed
        };
        let last = (0..self.steps.len())
            .filter(|position| self.steps[*position].stage == Stage::Done)
            .max_by_key(|position| (self.steps[*position].path_end, std::cmp::Reverse(*position)));
        let mut critical_path = Vec::new();
        let mut next = last.map(|position| StepId(position as u32));
        while let Some(id) = next {
            critical_path.push(self.address(id));
            next = self.steps[id.0 as usize].path_before.1;
        }
        critical_path.reverse();
        RunReport {
            outcome,
            done: self.done(),
            failed: self.failed,
            skipped: self.skipped,
            duration,
            critical_path_length: last.map_or(Duration::ZERO, |position| self.steps[position].path_end),
            critical_path,
        }
    }

    /// Resources by action: one counts when all its steps are done.
    fn done(&self) -> ActionCounts {
        let mut over: BTreeMap<&ResourceAddress, bool> = BTreeMap::new();
        for (step, progress) in self.plan.steps.iter().zip(&self.steps) {
            let done = progress.stage == Stage::Done;
            over.entry(&step.address)
                .and_modify(|all| *all &= done)
                .or_insert(done);
        }
        let mut counts = ActionCounts::default();
        for change in &self.plan.changes {
            let done = over.get(&change.address).copied();
            match change.action {
                Action::NoOp | Action::Read => counts.no_op += 1,
                _ if done != Some(true) => {}
                Action::Create => counts.create += 1,
                Action::Update => counts.update += 1,
                Action::Replace => counts.replace += 1,
                Action::Delete => counts.delete += 1,
                Action::Forget => counts.forget += 1,
            }
        }
        counts
    }
}

fn elapsed(started: Option<Instant>) -> Duration {
    started.map_or(Duration::ZERO, |started| started.elapsed())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
