//! A cloud, a state store, and the runs that a test makes with them.

use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::plan::PlanMode;
use infra_core::{Event, RunOutcome, Stack, State};
use infra_engine::{
    Cancellation, EngineError, Estimates, EventReceiver, Pace, Planned, RunReport, RunRequest, Session,
    channel,
};
use infra_plan::PlanOptions;
use infra_record::{Durations, Record, StepEnd, Timeline};
use infra_state::testing::MemoryStore;
use infra_state::{Journal, StateStore};
use infra_testkit::{Cloud, Faults, differences, stack_id};

/// Everything that outlives a run.
pub struct Bench {
    pub cloud: Cloud,
    pub store: MemoryStore,
    pub parallelism: usize,
    /// Whether runs wait for what nothing else waits for.
    pub wait: bool,
    /// What past runs took.
    pub past: Durations,
    /// Of the next run.
    pub cancellation: Cancellation,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Ran {
    pub planned: Planned,
    pub report: RunReport,
    pub events: Vec<Event>,
    /// Changing calls that reached the cloud.
    pub changing_calls: u64,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            cloud: Cloud::new(),
            store: MemoryStore::new(&stack_id()),
            parallelism: 10,
            wait: true,
            past: Durations::default(),
            cancellation: Cancellation::default(),
        }
    }

    /// The same cloud and state, which go their own way from here.
    pub fn fork(&self) -> Self {
        Self {
            cloud: self.cloud.fork(),
            store: self.store.fork(),
            ..Self::new()
        }
    }

    pub fn with_faults(faults: Faults) -> Self {
        let bench = Self::new();
        bench.cloud.set_faults(faults);
        bench
    }

    /// A process that opens the stack.
    pub fn session(&self) -> (Session, EventReceiver) {
        let (reporter, receiver) = channel();
        self.cloud.report_to(Arc::new(reporter.clone()));
        let journal = Journal::open_inline(Arc::new(self.store.clone())).expect("the state opens");
        let past = self.past.clone();
        let session = Session {
            journal: Arc::new(journal),
            providers: self.cloud.providers(),
            identity: None,
            reporter,
            cancellation: self.cancellation.clone(),
            pace: Pace::AWS,
            parallelism: self.parallelism,
            estimates: Estimates::new(self.cloud.providers(), || past),
            wait: self.wait,
        };
        (session, receiver)
    }

    /// Plans and carries out; nobody is killed.
    pub async fn run(&self, request: RunRequest) -> Result<Ran, EngineError> {
        let (session, receiver) = self.session();
        let before = self.cloud.calls().changing;
        let planned = session.plan(request).await?;
        let report = session.execute(planned.clone(), "test").await?;
        drop(session);
        let events = self.drain(receiver).await;
        well_formed(&events);
        laid_out(&events, report.duration);
        Ok(Ran {
            planned,
            report,
            events,
            changing_calls: self.cloud.calls().changing - before,
        })
    }

    async fn drain(&self, mut receiver: EventReceiver) -> Vec<Event> {
        self.cloud.report_to(Arc::new(infra_provider::Silent));
        let mut events = Vec::new();
        while let Some(event) = receiver.next().await {
            events.push(event);
        }
        events
    }

    pub async fn plan(&self, stack: &Stack) -> Planned {
        let (session, _receiver) = self.session();
        match session.plan(apply(stack)).await {
            Ok(planned) => planned,
            Err(error) => panic!("no plan: {error:?}"),
        }
    }

    /// Applies; the outcome is the test's business.
    pub async fn try_apply(&self, stack: &Stack) -> Ran {
        match self.run(apply(stack)).await {
            Ok(ran) => ran,
            Err(error) => panic!("the run broke off: {error:?}"),
        }
    }

    /// Applies, and everything goes well.
    pub async fn apply(&self, stack: &Stack) -> Ran {
        let ran = self.try_apply(stack).await;
        assert_eq!(
            ran.report.outcome,
            RunOutcome::Completed,
            "{:#?}",
            failures(&ran.events)
        );
        ran
    }

    /// Applies, after which the cloud has what the stack says and nothing is left to do.
    pub async fn settle_on(&self, stack: &Stack) -> Ran {
        let ran = self.apply(stack).await;
        self.remembers(stack).await;
        self.has_settled_on(stack).await;
        ran
    }

    /// The cloud has what the stack says, the state has no loose end, and there is nothing left to do.
    pub async fn has_settled_on(&self, stack: &Stack) {
        assert_eq!(differences(&self.cloud, stack), [""; 0]);
        let state = self.state();
        assert!(state.deposed.is_empty() && state.intents.is_empty(), "{state:#?}");
        let before = self.cloud.calls().changing;
        let again = self.apply(stack).await;
        assert_eq!(shown(&again.planned), [""; 0]);
        assert_eq!(again.planned.plan.steps, []);
        assert!(
            again.planned.plan.outputs.is_empty(),
            "{:?}",
            again.planned.plan.outputs
        );
        assert_eq!(self.cloud.calls().changing, before);
    }

    /// What the state remembers is enough to know that nothing is left to do.
    async fn remembers(&self, stack: &Stack) {
        let believing = RunRequest {
            refresh: false,
            ..apply(stack)
        };
        let (session, _receiver) = self.session();
        let planned = session.plan(believing).await.expect("a plan");
        assert_eq!(shown(&planned), [""; 0]);
        assert_eq!(planned.plan.steps, []);
    }

    /// Destroys, after which nothing is left.
    pub async fn destroy(&self, stack: Option<&Stack>) -> Ran {
        let ran = match self.run(destroy(stack)).await {
            Ok(ran) => ran,
            Err(error) => panic!("the run broke off: {error:?}"),
        };
        assert_eq!(
            ran.report.outcome,
            RunOutcome::Completed,
            "{:#?}",
            failures(&ran.events)
        );
        assert_eq!(self.cloud.listing(), []);
        let state = self.state();
        assert!(state.is_empty() && state.outputs.is_empty(), "{state:#?}");
        ran
    }

    /// Applies until the process is killed by the cloud, or to the end. Whether it was killed.
    pub async fn apply_until_killed(&mut self, stack: &Stack) -> bool {
        self.run_until_killed(Some(stack)).await
    }

    /// Applies, or without a stack destroys, until the process is killed by the cloud, or to the end. Whether
    /// it was killed.
    pub async fn run_until_killed(&mut self, stack: Option<&Stack>) -> bool {
        let request = stack.map_or_else(|| destroy(None), apply);
        let killed = {
            let (session, _receiver) = self.session();
            let run = async {
                let planned = session.plan(request).await?;
                session.execute(planned, "test").await
            };
            tokio::select! {
                biased;
                () = self.cloud.died() => true,
                result = run => match result {
                    Ok(_) => false,
                    Err(error) => panic!("the run broke off: {error:?}"),
                },
            }
        };
        self.restart();
        killed
    }

    /// A new process on the same machine.
    pub fn restart(&mut self) {
        self.cloud.revive();
        self.store = self.store.reopen();
        self.cancellation = Cancellation::default();
    }

    pub fn state(&self) -> State {
        self.store.load().expect("the state loads").state
    }
}

pub fn apply(stack: &Stack) -> RunRequest {
    RunRequest {
        stack: Some(Arc::new(stack.clone())),
        options: PlanOptions::new(PlanMode::Apply),
        refresh: true,
    }
}

pub fn destroy(stack: Option<&Stack>) -> RunRequest {
    RunRequest {
        stack: stack.map(|stack| Arc::new(stack.clone())),
        options: PlanOptions::new(PlanMode::Destroy),
        refresh: true,
    }
}

/// What is planned, one line for each resource that does not stay as it is: `Replace net.part.a`.
pub fn shown(planned: &Planned) -> Vec<String> {
    planned
        .plan
        .changes
        .iter()
        .filter(|change| change.action != infra_core::Action::NoOp)
        .map(|change| format!("{:?} {}", change.action, change.address))
        .collect()
}

/// What failed and what was skipped, in order: `failed create net.part.a: …`.
pub fn failures(events: &[Event]) -> Vec<String> {
    let mut failures = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::StepFailed {
                address,
                operation,
                error,
                ..
            } => failures.push(format!("failed {operation:?} {address}: {error}")),
            EventKind::StepSkipped {
                address, because_of, ..
            } => failures.push(match because_of {
                Some(cause) => format!("skipped {address} because of {cause}"),
                None => format!("skipped {address}"),
            }),
            _ => {}
        }
    }
    failures
}

/// The rules of every run's events: numbered without a gap, a step starts before anything else is told of it
/// and ends once, the run ends last.
pub fn well_formed(events: &[Event]) {
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let mut started = std::collections::BTreeSet::new();
    let mut ended = std::collections::BTreeSet::new();
    for event in events {
        assert_eq!(event.sequence.is_none(), event.kind.may_be_dropped());
        match &event.kind {
            EventKind::StepStarted { step, .. } => assert!(started.insert(*step), "{step:?} started twice"),
            EventKind::StepExists { step, .. }
            | EventKind::StepResumed { step, .. }
            | EventKind::WaitStarted { step, .. }
            | EventKind::StepRetried { step, .. }
            | EventKind::StepParked { step, .. } => {
                assert!(started.contains(step) && !ended.contains(step), "{event:?}");
            }
            EventKind::StepFinished { step, .. } | EventKind::StepFailed { step, .. } => {
                assert!(started.contains(step) && ended.insert(*step), "{event:?}");
            }
            EventKind::StepSkipped { step, .. } => assert!(ended.insert(*step), "{event:?}"),
            _ => {}
        }
    }
    let last = events.iter().rfind(|event| event.sequence.is_some());
    assert!(matches!(
        last.map(|event| &event.kind),
        Some(EventKind::RunFinished { .. })
    ));
}

/// What is recorded of every run: each step's time is told without gaps, and the critical path leads from the
/// start to the end, each part of it going on where the one before it let it.
fn laid_out(events: &[Event], took: Duration) {
    let record = Record {
        events: events.to_vec(),
        unreadable_lines: 0,
    };
    let Some(run) = Timeline::of(&record) else {
        panic!("no run begins in {events:?}");
    };
    for track in &run.steps {
        let mut at_ms = track.queued_ms;
        for segment in &track.segments {
            assert_eq!(segment.start_ms, at_ms, "{track:#?}");
            assert!(segment.end_ms > at_ms, "{track:#?}");
            at_ms = segment.end_ms;
        }
        assert_eq!(at_ms, track.end_ms, "{track:#?}");
        assert_ne!(track.end, StepEnd::CutOff, "{track:#?}");
    }
    let path = run.critical_path();
    let mut at_ms = 0;
    for part in &path.parts {
        assert_eq!(part.start_ms, at_ms, "{path:#?} of {run:#?}");
        at_ms = part.end_ms;
    }
    let ended = run.steps.iter().filter(|track| track.end != StepEnd::Skipped);
    let last_ms = ended.map(|track| track.end_ms).max().unwrap_or_default();
    assert_eq!(at_ms, last_ms, "{path:#?} of {run:#?}");
    // Of what was measured, nothing is lost but what comes after the last step.
    assert!(
        u128::from(last_ms) <= took.as_millis() + 1,
        "{last_ms} of {took:?}"
    );
}
