//! The dispatcher: one owner of a run's state. Steps only send it messages.
//!
//! Of the steps that may start, the one whose remaining path is longest goes first. A failure stops what
//! depends on it and nothing else.

mod outcome;
mod park;
mod progress;
mod report;
mod start;

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::plan::StepDependency;
use infra_core::{ErrorClass, Plan, ProviderError, ResourceAddress, StepId, Strength};
use infra_state::AppendError;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use self::progress::{Progress, Stage};
use crate::estimates::Estimates;
use crate::session::{Planned, RunReport, Walk};
use crate::step::{Message, Shared, StepError};
use crate::work::Work;

/// Steps that are hurried at the same time. Where many are as long, none of them holds the others up.
const MOST_PRESSING: usize = 4;
/// Of the longest chain: what is as long is likely to decide when the run ends.
const LONG_CHAIN: f64 = 0.95;

/// Messages of steps that may wait for the dispatcher. Each has what a resource came to be with it.
const MOST_MESSAGES: usize = 64;

/// A run under way.
pub(crate) struct Dispatch {
    shared: Arc<Shared>,
    plan: Plan,
    work: Work,
    steps: Vec<Progress>,
    queue: BinaryHeap<(Duration, std::cmp::Reverse<StepId>)>,
    remaining: Vec<Duration>,
    /// The longest of them, which is how long the run will probably take.
    longest: Duration,
    /// Steps under way that the run waits for.
    pressing: usize,
    calling: usize,
    parallelism: usize,
    walk: Walk,
    /// Steps wait when it is full, and the dispatcher never sends: it waits for nobody but the reader of events.
    sender: mpsc::Sender<Message>,
    receiver: mpsc::Receiver<Message>,
    tasks: JoinSet<()>,
    broken: Option<AppendError>,
    /// The step that AWS did not take our credentials of: nothing else that is asked with them would be answered.
    signed_out: Option<ResourceAddress>,
    failed: usize,
    stopped: usize,
    skipped: usize,
    /// What is left to the next run, and until what has come to its end.
    left: BTreeMap<StepId, ResourceAddress>,
    /// How often the user asked to stop, as far as it was told.
    cancelling: u8,
}

impl Dispatch {
    /// A run of a plan, not yet begun.
    pub fn new(
        shared: Arc<Shared>,
        planned: Planned,
        parallelism: usize,
        walk: Walk,
        estimates: &Estimates,
    ) -> Self {
        let Planned { plan, .. } = &planned;
        let mut plan = plan.clone();
        if walk == Walk::EveryEdgeReady {
            let edges = plan.steps.iter_mut().flat_map(|step| &mut step.after);
            edges.for_each(|edge| edge.strength = Strength::Ready);
        }
        let left = match shared.wait {
            true => BTreeMap::new(),
            false => infra_plan::left_out(&plan, &*shared.providers),
        };
        let work = Work::new(&shared, planned, &left);
        let remaining = infra_plan::remaining_path(&plan, estimates);
        let mut steps: Vec<Progress> = plan
            .steps
            .iter()
            .map(|step| Progress {
                stage: match left.contains_key(&step.id) {
                    true => Stage::Left,
                    false => Stage::Waiting,
                },
                exists: false,
                made: None,
                rest: None,
                task: None,
                missing: step.after.len(),
                dependents: Vec::new(),
                calling: false,
                is_pressing: false,
                failed_by: None,
                tries: None,
                queued_ms: 0,
                started: None,
                path_before: (Duration::ZERO, None),
                path_exists: Duration::ZERO,
                path_end: Duration::ZERO,
                readiness: estimates.measured_readiness(step),
            })
            .collect();
        for step in plan.steps.iter().filter(|step| !left.contains_key(&step.id)) {
            for StepDependency {
                step: before,
                strength,
            } in &step.after
            {
                if step.together.is_some() && plan.steps[before.0 as usize].together == step.together {
                    // One call makes both.
                    steps[step.id.0 as usize].missing -= 1;
                } else {
                    steps[before.0 as usize].dependents.push((step.id, *strength));
                }
            }
        }
        let (sender, receiver) = mpsc::channel(MOST_MESSAGES);
        Self {
            shared,
            plan,
            work,
            steps,
            queue: BinaryHeap::new(),
            longest: remaining.iter().copied().max().unwrap_or_default(),
            remaining,
            pressing: 0,
            calling: 0,
            parallelism: parallelism.max(1),
            walk,
            sender,
            receiver,
            tasks: JoinSet::new(),
            broken: None,
            signed_out: None,
            failed: 0,
            stopped: 0,
            skipped: 0,
            left,
            cancelling: 0,
        }
    }

    /// Runs to the end: every step is done, failed, or skipped.
    ///
    /// # Errors
    /// The journal could not be written. Steps that were under way have ended.
    pub async fn run(mut self) -> Result<(RunReport, Work), AppendError> {
        let started = Instant::now();
        for position in 0..self.steps.len() {
            if self.steps[position].missing == 0 && self.steps[position].stage == Stage::Waiting {
                self.enqueue(StepId(position as u32));
            }
        }
        let cancellation = self.shared.cancellation.clone();
        loop {
            // Nothing more is begun while the reader of events is behind, unless the run is to end anyway.
            cancellation.until(1, self.shared.reporter.room()).await;
            // All that is told by now comes first: a task's last message is sent before it ends.
            while let Ok(message) = self.receiver.try_recv() {
                self.receive(message);
            }
            self.watch_cancellation();
            self.start_what_can();
            if self.tasks.is_empty() {
                break;
            }
            let next_level = self.cancelling + 1;
            tokio::select! {
                biased;
                Some(message) = self.receiver.recv() => self.receive(message),
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended {
                        self.panicked(&error);
                    }
                }
                () = cancellation.reached(next_level) => {}
            }
        }
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.skip_the_rest();
        self.tell_what_is_left();
        let report = self.report(started.elapsed());
        Ok((report, self.work))
    }

    /// A step's task ended without a word: a provider has a bug. What its call did is settled by the next run.
    fn panicked(&mut self, error: &JoinError) {
        for position in 0..self.steps.len() {
            // Ids of tasks that ended may be given again.
            let progress = &self.steps[position];
            if progress.task != Some(error.id()) || progress.stage.is_over() {
                continue;
            }
            let id = StepId(position as u32);
            self.leave(id);
            let type_name = self.plan.steps[position].address.type_name();
            let message = format!("the provider of {type_name} broke down; this is a bug, please report it");
            self.fail(id, ProviderError::new(ErrorClass::Other, message));
        }
    }

    /// Tells that the user asked to stop, before anything that comes of it.
    fn watch_cancellation(&mut self) {
        let level = self.shared.cancellation.level();
        if level > self.cancelling {
            self.cancelling = level;
            if self.broken.is_none() {
                self.shared.reporter.send(EventKind::Cancelling { level });
            }
        }
    }

    fn start_what_can(&mut self) {
        let may_start = self.cancelling == 0 && self.broken.is_none() && self.signed_out.is_none();
        while may_start && self.calling < self.parallelism {
            let Some((_, std::cmp::Reverse(id))) = self.queue.pop() else {
                return;
            };
            if self.steps[id.0 as usize].stage == Stage::Queued {
                self.start(id);
            }
        }
    }

    fn receive(&mut self, message: Message) {
        self.watch_cancellation();
        match message {
            Message::Exists { step, id, attributes } => self.exists(step, id, attributes),
            Message::OnlyWaiting { step, waiter } => {
                if self.walk == Walk::ByStrength {
                    self.release(step);
                }
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
                self.leave(step);
                match result {
                    Ok(finished) => self.finish(step, finished),
                    Err(StepError::NotReady(error, rest)) => {
                        let progress = &mut self.steps[step.0 as usize];
                        progress.stage = Stage::Parked;
                        progress.rest = rest;
                        self.park(step, error);
                    }
                    Err(StepError::Failed(error)) if self.denies_what_is_new(step, &error) => {
                        self.steps[step.0 as usize].stage = Stage::Parked;
                        self.park(step, error);
                    }
                    Err(StepError::Failed(error)) => self.fail(step, error),
                    Err(StepError::LeftOut(because_of)) => self.skip_after(step, because_of),
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
}
