//! One stack, opened: what is planned. Carrying it out is in `run`.

mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use infra_core::plan::{ActionCounts, Forecast, PlanMode, Step, StepOperation};
use infra_core::{
    Attributes, AwsIdentity, Commands, Connection, Diagnostic, Plan, ResourceAddress, RunOutcome, Stack,
    State,
};
use infra_plan::{PlanInput, PlanOptions};
use infra_provider::{Progress, Providers};
use infra_state::{AppendError, Journal};
use tokio::time::Instant;

use crate::ambient::Ambient;
use crate::cancel::Cancellation;
use crate::error::EngineError;
use crate::estimates::Estimates;
use crate::events::Reporter;
use crate::lookups::{LookedUp, look_up};
use crate::prepare::{Made, prepare};
use crate::refresh::{Refreshed, refresh};
use crate::retry::Pace;
use crate::settle::Settling;

/// A stack's journal together with what it is carried out with.
pub struct Session {
    /// The state.
    pub journal: Arc<Journal>,
    /// How commands on the stack are typed, for messages.
    pub commands: Commands,
    /// The resource types.
    pub providers: Arc<dyn Providers>,
    /// Who we are at AWS.
    pub identity: Option<AwsIdentity>,
    /// How AWS is reached; `None` for a stack that has nothing there.
    pub connection: Option<Connection>,
    /// Where events go.
    pub reporter: Reporter,
    /// The user's wish to stop.
    pub cancellation: Cancellation,
    /// The time of day, and unique names.
    pub ambient: Arc<dyn Ambient>,
    /// How patient it is.
    pub pace: Pace,
    /// Calls under way at the same time.
    pub parallelism: usize,
    /// When steps may start.
    pub walk: Walk,
    /// How long steps will probably take: the longest chain goes first.
    pub estimates: Estimates,
    /// Whether a run waits for what nothing else waits for, such as the end of a rollout.
    pub wait: bool,
}

/// When a step of a run may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Walk {
    /// As soon as there is of each dependency what it needs: an id, or something that works.
    #[default]
    ByStrength,
    /// Once every dependency works; and a step keeps its place among those under way until it works itself. So
    /// do tools that know one kind of edge: a yardstick, and no way to work.
    EveryEdgeReady,
}

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// What the files want; `None` to destroy from the state alone.
    pub stack: Option<Arc<Stack>>,
    /// What the user asked for.
    pub options: PlanOptions,
    /// Whether AWS is asked what it has; otherwise the state is believed.
    pub refresh: bool,
}

/// A plan with everything that it was made from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan; it has passed the checker.
    pub plan: Plan,
    /// What the files want.
    pub stack: Option<Arc<Stack>>,
    /// What AWS had.
    pub refreshed: Refreshed,
    /// What was prepared on this machine.
    pub prepared: BTreeMap<ResourceAddress, Attributes>,
    /// What was looked up.
    pub lookups: LookedUp,
    /// What could not be looked at, so that the plan is good to be seen and not to be carried out.
    pub unseen: Vec<Diagnostic>,
    /// Who we were at AWS.
    pub identity: Option<AwsIdentity>,
}

/// What is found out before planning, besides what AWS has of the stack's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prepared {
    /// Attributes that work on this machine made known.
    pub made: BTreeMap<ResourceAddress, Attributes>,
    /// What was looked up.
    pub lookups: LookedUp,
    /// What could not be looked at.
    pub unseen: Vec<Diagnostic>,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Resources by action, all steps of which are done; of a replacement that did not come to its end, the half that is.
    pub done: ActionCounts,
    /// Steps that failed.
    pub failed: usize,
    /// Steps begun and not brought to their end, because the user wanted to stop.
    pub stopped: usize,
    /// Steps never started.
    pub skipped: usize,
    /// Steps left to the next run, since this one did not wait.
    pub left: usize,
    /// Wall time.
    pub duration: Duration,
    /// The longest chain of steps by their own measured times.
    pub critical_path_length: Duration,
    /// Its resources, first to last.
    pub critical_path: Vec<ResourceAddress>,
}

impl Session {
    /// Settles what an earlier run left open, looks at AWS, and plans. All of that can be given up anywhere, so
    /// the first request to stop ends it.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn plan(&self, request: RunRequest) -> Result<Planned, EngineError> {
        let redaction = self.reporter.redaction();
        if let Some(stack) = &request.stack {
            redaction.hide(stack.variables.values());
        }
        let planned = self.cancellation.until(1, self.look_and_plan(request)).await;
        planned
            .unwrap_or(Err(EngineError::Cancelled))
            .map_err(|error| error.masked(redaction))
    }

    async fn look_and_plan(&self, request: RunRequest) -> Result<Planned, EngineError> {
        // What is settled is sealed.
        if self.journal.with_state(|state| !state.intents.is_empty()) {
            self.connect().await?;
        }
        self.settling().all().await.map_err(Box::new)?;
        let state = self.journal.snapshot();
        let looking_since = Instant::now();
        let preparing = async {
            match &request.stack {
                Some(stack) => self.prepare(stack).await,
                None => Ok(Prepared::default()),
            }
        };
        let refreshing = async {
            if request.refresh {
                self.look(&state).await
            } else {
                Ok(Refreshed::of_state(&state))
            }
        };
        let (prepared, refreshed) = futures::try_join!(preparing, refreshing)?;
        let planned = self.plan_from(request.clone(), prepared.clone(), refreshed)?;
        let is_refused = |plan: &Plan| plan.changes.iter().any(|change| change.ownership.is_refused());
        let is_doubtful = request.refresh
            && match request.options.mode {
                PlanMode::Apply => planned.plan.has_drift(),
                // Tags may be told late.
                PlanMode::Destroy => is_refused(&planned.plan),
            };
        if is_doubtful {
            let planned = self
                .doubting(planned, request.clone(), prepared, &state, looking_since)
                .await?;
            return self.with_held_data(planned, request).await;
        }
        let deletes = |step: &Step| step.operation == StepOperation::Delete;
        if !request.refresh && planned.plan.steps.iter().any(deletes) {
            // Nobody has seen it since it was made, and of what AWS does not know yet it says that it is not there.
            self.cancellation.sleep(self.lateness()?).await;
        }
        self.with_held_data(planned, request).await
    }

    /// Looks up what exists and is not ours, and does the local work that planning needs.
    pub(crate) async fn prepare(&self, stack: &Stack) -> Result<Prepared, EngineError> {
        let (providers, identity) = (&*self.providers, self.identity.as_ref());
        let progress: Arc<dyn Progress> = Arc::new(self.reporter.clone());
        let lookups = look_up(stack, providers, identity)
            .await
            .map_err(EngineError::Lookups)?;
        let state = self.journal.snapshot();
        let made = prepare(
            stack,
            &state,
            providers,
            identity,
            &lookups,
            (&self.commands, progress),
            |_| true,
        );
        let Made { known, unseen } = made.await.map_err(EngineError::Diagnostics)?;
        Ok(Prepared {
            made: known,
            lookups,
            unseen,
        })
    }

    /// Checks that what a plan's steps are made from is on this machine as it was where the plan was made.
    ///
    /// # Errors
    /// [`EngineError::Sources`] when it is not, diagnostics when it cannot be had, [`EngineError::Cancelled`].
    pub async fn check_sources(&self, planned: &Planned) -> Result<(), EngineError> {
        let Some(stack) = &planned.stack else {
            return Ok(());
        };
        let makes = |step: &&Step| matches!(step.operation, StepOperation::Create | StepOperation::Update);
        let made: BTreeSet<_> = planned
            .plan
            .steps
            .iter()
            .filter(makes)
            .map(|step| &step.address)
            .collect();
        let progress: Arc<dyn Progress> = Arc::new(self.reporter.clone());
        let state = self.journal.snapshot();
        let preparing = prepare(
            stack,
            &state,
            &*self.providers,
            self.identity.as_ref(),
            &planned.lookups,
            (&self.commands, progress),
            |address| made.contains(address),
        );
        let prepared = self.cancellation.until(1, preparing).await;
        let masked = |error: EngineError| error.masked(self.reporter.redaction());
        let prepared = prepared
            .ok_or(EngineError::Cancelled)?
            .map_err(|found| masked(EngineError::Diagnostics(found)))?;
        if !prepared.unseen.is_empty() {
            return Err(masked(EngineError::Unseen(prepared.unseen)));
        }
        let others = prepared
            .known
            .into_iter()
            .filter(|(address, found)| planned.prepared.get(address) != Some(found));
        let others: Vec<ResourceAddress> = others.map(|(address, _)| address).collect();
        match others.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Sources(others)),
        }
    }

    pub(crate) fn settling(&self) -> Settling<'_> {
        Settling {
            journal: &self.journal,
            commands: &self.commands,
            providers: &*self.providers,
            reporter: &self.reporter,
            pace: self.pace,
            cancellation: &self.cancellation,
            now_unix_ms: self.ambient.now_unix_ms(),
        }
    }

    /// Looks again at what seems to have drifted, for as long as AWS may still tell what was before the last run.
    /// Some of it may have been seen when the looking began, so that once more is due even if that time is over now.
    async fn doubting(
        &self,
        mut planned: Planned,
        request: RunRequest,
        prepared: Prepared,
        state: &State,
        looking_since: Instant,
    ) -> Result<Planned, EngineError> {
        let looked_for = looking_since.elapsed();
        let (started, patience) = (Instant::now(), self.lateness_before(looked_for)?);
        let mut is_due = !patience.is_zero();
        let mut pause = self.pace.first_poll;
        while planned.plan.has_drift() && is_due && self.cancellation.sleep(pause).await {
            is_due = looked_for + started.elapsed() < patience;
            let drifted = planned
                .plan
                .changes
                .iter()
                .filter(|change| !change.drift.is_empty());
            let drifted: BTreeSet<_> = drifted.map(|change| change.address.clone()).collect();
            let mut refreshed = planned.refreshed;
            refreshed.read_again(&*self.providers, state, &drifted).await?;
            planned = self.plan_from(request.clone(), prepared.clone(), refreshed)?;
            pause = pause.mul_f64(1.5).min(self.pace.slowest_poll);
        }
        Ok(planned)
    }

    /// For how long from now AWS may still tell what was before the last run.
    pub(crate) fn lateness(&self) -> Result<Duration, EngineError> {
        self.lateness_before(Duration::ZERO)
    }

    /// For how long it might, at a time so long ago. After a run that was killed nobody knows when that was, nor
    /// when it was in a state that came from a backup.
    fn lateness_before(&self, ago: Duration) -> Result<Duration, EngineError> {
        let history = self.journal.history().map_err(AppendError::from)?;
        let window = self.pace.consistency_window;
        // By serial, which only rises: the machine's clock may have been put back since.
        let last = history.iter().max_by_key(|run| run.first_serial);
        Ok(match last.map(|run| &run.end) {
            Some(Some(end)) => {
                let since = self.ambient.now_unix_ms().saturating_sub(end.at_unix_ms);
                window.saturating_sub(Duration::from_millis(since).saturating_sub(ago))
            }
            Some(None) => window,
            None if self.journal.with_state(|state| state.rebuilt) => window,
            None => Duration::ZERO,
        })
    }

    /// What AWS has. Shortly after a run its lists may not have yet what that run made.
    async fn look(&self, state: &State) -> Result<Refreshed, EngineError> {
        let mut refreshed = refresh(&*self.providers, state).await?;
        if refreshed.misses_something() {
            let patience = self.lateness()?;
            refreshed
                .look_again(&*self.providers, state, self.pace, patience, &self.cancellation)
                .await?;
        }
        Ok(refreshed)
    }

    /// Plans from what is known already: a saved plan is rebuilt so.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn plan_from(
        &self,
        request: RunRequest,
        prepared: Prepared,
        refreshed: Refreshed,
    ) -> Result<Planned, EngineError> {
        let Prepared {
            made: prepared,
            lookups,
            unseen,
        } = prepared;
        let state = self.journal.snapshot();
        let input = PlanInput {
            stack: request.stack.as_deref(),
            state: &state,
            observations: &refreshed.observations,
            deposed_observations: &refreshed.deposed,
            held_data: &refreshed.held_data,
            held_names: &refreshed.held_names,
            prepared: &prepared,
            lookups: &lookups,
            catalogue: &*self.providers,
            identity: self.identity.as_ref(),
            sealing_key: self.journal.sealing_key(),
            options: request.options,
        };
        let plan = infra_plan::plan(&input).map_err(EngineError::Diagnostics)?;
        infra_plan::check(&plan, &input).map_err(EngineError::BrokenPlan)?;
        Ok(Planned {
            plan,
            stack: request.stack,
            refreshed,
            prepared,
            lookups,
            unseen: {
                let redaction = self.reporter.redaction();
                unseen.into_iter().map(|one| redaction.diagnostic(one)).collect()
            },
            identity: self.identity.clone(),
        })
    }

    /// What carrying the plan out leaves to the next run, by what has to come to its end before.
    pub fn left(&self, plan: &Plan) -> BTreeMap<ResourceAddress, BTreeSet<ResourceAddress>> {
        let mut left: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        if self.wait {
            return left;
        }
        for (id, end) in infra_plan::left_out(plan, &*self.providers) {
            let step = &plan.steps[id.0 as usize];
            if matches!(step.operation, StepOperation::Delete | StepOperation::Forget) {
                left.entry(end).or_default().insert(step.address.clone());
            }
        }
        left
    }

    /// How long carrying the plan out will probably take.
    pub fn forecast(&self, plan: &Plan) -> Forecast {
        self.estimates.forecast(plan, self.wait)
    }
}
