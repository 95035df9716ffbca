//! A cloud, a state store, and the runs that a test makes with them.

mod ambient;

use std::sync::Arc;
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::plan::PlanMode;
use infra_core::{Commands, Connection, Event, Location, Redaction, RunOutcome, Stack, State};
use infra_engine::{
    Ambient, Cancellation, EngineError, Estimates, EventReceiver, Pace, Planned, RunReport, RunRequest,
    Session, Walk, channel,
};
use infra_plan::PlanOptions;
use infra_record::Durations;
use infra_state::testing::MemoryStore;
use infra_state::{Journal, StateStore};
use infra_testkit::{Chance, Cloud, Faults, differences, stack_id};
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub use self::ambient::Simulated;
use crate::told::{laid_out, well_formed};
use crate::trace::{Traced, tell};
use crate::watch::{Watch, WatchedProviders, WatchedStore};

/// Everything that outlives a run.
pub struct Bench {
    pub cloud: Cloud,
    pub store: MemoryStore,
    /// Sees every append and every call of every run.
    pub watch: Watch,
    /// Decides which of the steps that go on side by side advances first, and what a flush takes along; `None`:
    /// all in turn, and every append is flushed at once.
    pub schedule: Option<u64>,
    pub parallelism: usize,
    pub walk: Walk,
    /// Whether runs wait for what nothing else waits for.
    pub wait: bool,
    /// What past runs took.
    pub past: Durations,
    /// Of the next run.
    pub cancellation: Cancellation,
    /// Whether what the cloud tells was ever late.
    pub late: bool,
    pub ambient: Arc<Simulated>,
}

/// A process that has the stack open. What it did not flush is lost with it.
pub struct Process {
    pub session: Session,
    pub events: EventReceiver,
    _flushing: Option<Flushing>,
}

/// Ends when it is dropped.
struct Flushing(JoinHandle<()>);

impl Drop for Flushing {
    fn drop(&mut self) {
        self.0.abort();
    }
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

/// All that is told until nobody tells anything any more.
async fn received(mut receiver: EventReceiver) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = receiver.next().await {
        events.push(event);
    }
    events
}

impl Bench {
    pub fn new() -> Self {
        Self::of(Cloud::new(), MemoryStore::new(&stack_id()), 0)
    }

    fn of(cloud: Cloud, store: MemoryStore, seed: u64) -> Self {
        Self {
            cloud,
            watch: Watch::new(&store),
            store,
            schedule: None,
            parallelism: 10,
            walk: Walk::default(),
            wait: true,
            past: Durations::default(),
            cancellation: Cancellation::default(),
            late: false,
            ambient: Arc::new(Simulated::new(seed)),
        }
    }

    /// Everything is in an order that `seed` decides.
    pub fn scheduled(seed: u64) -> Self {
        Self {
            schedule: Some(seed),
            ..Self::of(Cloud::new(), MemoryStore::new(&stack_id()), seed)
        }
    }

    /// The same cloud and state, which go their own way from here.
    pub fn fork(&self) -> Self {
        Self {
            ambient: Arc::clone(&self.ambient),
            late: self.late,
            ..Self::of(self.cloud.fork(), self.store.fork(), 0)
        }
    }

    pub fn with_faults(faults: Faults) -> Self {
        let mut bench = Self::new();
        bench.set_faults(faults);
        bench
    }

    /// Lets things go wrong from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.cloud.set_faults(faults);
        self.late |= !faults.stale_for.is_zero();
    }

    /// A process that opens the stack, and flushes every append at once.
    pub fn session(&self) -> (Session, EventReceiver) {
        let store = WatchedStore::open(self.store.clone(), self.watch.clone());
        let journal = Journal::open_inline(Arc::new(store)).expect("the state opens");
        self.session_on(journal)
    }

    fn session_on(&self, journal: Journal) -> (Session, EventReceiver) {
        let (reporter, receiver) = channel(Redaction::default());
        self.cloud
            .report_to(Arc::new(Traced::new(Arc::new(reporter.clone()))));
        let past = self.past.clone();
        let connection = || Connection {
            location: Location {
                account_id: "123456789012".into(),
                region: "nowhere".into(),
            },
            assume_role: None,
        };
        let session = Session {
            journal: Arc::new(journal),
            commands: Commands::new("stack.json", " --sandbox"),
            providers: Arc::new(WatchedProviders::new(&self.cloud, &self.watch, self.schedule)),
            identity: None,
            connection: Some(connection()),
            reporter,
            cancellation: self.cancellation.clone(),
            ambient: Arc::clone(&self.ambient) as Arc<dyn Ambient>,
            pace: Pace::AWS,
            parallelism: self.parallelism,
            walk: self.walk,
            estimates: Estimates::new(self.cloud.providers(), || past),
            wait: self.wait,
        };
        (session, receiver)
    }

    /// A process that opens the stack; with a schedule, flushes take a while and what comes meanwhile shares
    /// the next one.
    fn process(&self, request: &RunRequest) -> Process {
        self.watch.asked(request, self.wait, self.late);
        tell(|| {
            let state = self.state();
            let open = state.open_intents();
            let open: Vec<String> = open
                .map(|intent| format!("{:?} {}", intent.operation, intent.address))
                .collect();
            format!("{:?}, open: {}", request.options.mode, open.join(", "))
        });
        let Some(seed) = self.schedule else {
            let (session, events) = self.session();
            return Process {
                session,
                events,
                _flushing: None,
            };
        };
        let store = WatchedStore::open(self.store.clone(), self.watch.clone());
        let journal = Journal::open_unflushed(Arc::new(store)).expect("the state opens");
        let (session, events) = self.session_on(journal);
        let journal = Arc::clone(&session.journal);
        let flushing = tokio::spawn(async move {
            for nth in 0_u64.. {
                journal.queued().await;
                let mut chance = Chance::of(seed, &["flush", &nth.to_string()]);
                if chance.percent(50) {
                    sleep(Duration::from_millis(chance.below(30))).await;
                }
                journal.flush();
            }
        });
        Process {
            session,
            events,
            _flushing: Some(Flushing(flushing)),
        }
    }

    /// Plans and carries out; nobody is killed.
    pub async fn run(&self, request: RunRequest) -> Result<Ran, EngineError> {
        let process = self.process(&request);
        let before = self.cloud.calls().changing;
        // A run goes on only as fast as somebody reads what it tells.
        let reading = tokio::spawn(received(process.events));
        let result = async {
            let declared = request.stack.clone();
            let looking = process.session.unknown_to_the_state(declared.as_deref());
            let (planned, unknown) = tokio::join!(process.session.plan(request), looking);
            let planned = planned?;
            let unknown = unknown.expect("a look at the tags");
            let newer = process.session.newer_than_the_state(&planned, unknown).await;
            assert_eq!(
                newer.expect("a look at the tags"),
                [],
                "the state is not older than the cloud"
            );
            let report = process.session.execute(planned.clone(), "test").await?;
            Ok::<_, EngineError>((planned, report))
        }
        .await;
        drop(process.session);
        self.cloud.report_to(Arc::new(infra_provider::Silent));
        self.watch.holds(&self.store);
        tell(|| match &result {
            Ok((planned, report)) => {
                format!("  {:?}, planned: {}", report.outcome, shown(planned).join(", "))
            }
            Err(error) => format!("  {error:?}"),
        });
        let (planned, report) = result?;
        let events = reading.await.expect("all that was told");
        well_formed(&events);
        laid_out(&events, report.duration);
        Ok(Ran {
            planned,
            report,
            events,
            changing_calls: self.cloud.calls().changing - before,
        })
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
        self.nothing_is_left_to_do(stack).await;
    }

    /// The state has no loose end, and an apply does nothing.
    pub async fn nothing_is_left_to_do(&self, stack: &Stack) {
        let state = self.state();
        assert!(
            state.deposed.is_empty() && state.open_intents().next().is_none(),
            "{state:#?}"
        );
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
    pub async fn remembers(&self, stack: &Stack) {
        let believing = RunRequest {
            refresh: false,
            ..apply(stack)
        };
        let (session, _receiver) = self.session();
        let planned = session.plan(believing).await.expect("a plan");
        assert_eq!(shown(&planned), [""; 0], "without a look at the cloud");
        assert_eq!(planned.plan.steps, [], "without a look at the cloud");
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
        let over = self.killed_or_over(request).await;
        self.restart();
        match over {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => panic!("the run broke off: {error:?}"),
        }
    }

    /// Carries out a request to the end, or `None` when the process is killed by the cloud.
    pub async fn killed_or_over(&self, request: RunRequest) -> Option<Result<RunReport, EngineError>> {
        let process = self.process(&request);
        let run = async {
            let planned = process.session.plan(request).await?;
            process.session.execute(planned, "test").await
        };
        tokio::select! {
            biased;
            () = self.cloud.died() => None,
            result = run => Some(result),
        }
    }

    /// A new process on the same machine.
    pub fn restart(&mut self) {
        self.watch.holds(&self.store);
        self.watch.new_process();
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
