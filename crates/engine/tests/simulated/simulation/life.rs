//! A story carried out: the file changes, runs are made and killed, and at last everything is to be as the file
//! says, by what the cloud has and not by what the engine knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use infra_core::plan::PlanMode;
use infra_core::{Diagnostic, Lifecycle, ResourceAddress, RunOutcome, Stack, Value};
use infra_engine::{EngineError, RunReport, RunRequest};
use infra_plan::PlanOptions;
use infra_state::StateStore;
use infra_state::testing::Failure;
use infra_testkit::{Faults, Listed, Moment, differences_among, stack};
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use super::design::{FILES, Written};
use super::story::{Asked, End, Event, Story};
use crate::bench::{Bench, failures};
use crate::trace::tell;

/// Whether a lifecycle lets a plan do whatever it has to.
fn is_free(lifecycle: &Lifecycle) -> bool {
    !lifecycle.prevent_destroy && !lifecycle.retain && lifecycle.create_before_destroy != Some(true)
}

/// The life of one stack.
pub struct Life {
    pub bench: Bench,
    /// What the file says.
    file: Json,
    /// The last file that a plan could be made from.
    accepted: Option<Json>,
    /// Resources of which something may be left because the file once said so.
    retained: BTreeSet<String>,
    refused: Vec<String>,
    doomed: Vec<String>,
    /// Whether every run has to go well.
    is_calm: bool,
    editions: u32,
}

impl Life {
    pub fn begin(story: &Story) -> Self {
        let mut bench = Bench::scheduled(story.schedule);
        bench.set_faults(story.weather);
        bench.parallelism = story.parallelism;
        for file in FILES {
            bench.cloud.write_file(file, file);
        }
        let mut life = Self {
            bench,
            file: json!({}),
            accepted: None,
            retained: BTreeSet::new(),
            refused: Vec::new(),
            doomed: Vec::new(),
            is_calm: story.is_calm(),
            editions: 0,
        };
        life.write(story.first.written());
        life
    }

    pub async fn happen(&mut self, event: &Event) {
        tell(|| match event {
            Event::Edit(_) => "Edit".to_owned(),
            event => format!("{event:?}"),
        });
        match event {
            Event::Edit(design) => self.write(design.written()),
            Event::Run(asked, end) => self.run(*asked, *end).await,
            Event::Drift(which, what) => {
                if let Some(address) = self.pick(*which) {
                    let (attribute, value) = match what {
                        0 => ("note", Value::from("by hand")),
                        1 => ("idle_seconds", Value::Integer(77)),
                        2 => ("attached", Value::from(vec!["by hand"])),
                        _ => ("count", Value::Integer(7)),
                    };
                    let fits = match address.split('.').nth(1) {
                        Some("part" | "gateway") => attribute == "note",
                        Some("balancer") => attribute == "idle_seconds",
                        Some("policy") => attribute == "attached",
                        Some("service") => attribute == "count",
                        _ => false,
                    };
                    if fits {
                        self.bench.cloud.change(&address, attribute, value);
                    }
                }
            }
            Event::Vanish(which) => {
                if let Some(address) = self.pick(*which) {
                    self.bench.cloud.remove(&address);
                }
            }
            Event::Rebuild(file) => {
                self.editions += 1;
                let content = format!("{} {}", FILES[*file], self.editions);
                self.bench.cloud.write_file(FILES[*file], &content);
            }
            Event::Refuse(which, operation, class) => {
                if let Some(address) = self.declared(*which) {
                    let call = format!("{operation} {address}");
                    self.bench.cloud.refuse(&call, Some(*class));
                    self.refused.push(call);
                }
            }
            Event::Doom(which) => {
                if let Some(address) = self.declared(*which) {
                    let address = address.to_string();
                    self.bench.cloud.doom(&address, Some("by the story's will"));
                    self.doomed.push(address);
                }
            }
            Event::Relent => self.relent(),
            Event::Pass(seconds) => sleep(Duration::from_secs(*seconds)).await,
        }
    }

    fn write(&mut self, Written(file): Written) {
        for (address, resource) in file.as_object().into_iter().flatten() {
            if resource.pointer("/lifecycle/retain") == Some(&json!(true)) {
                self.retained.insert(address.clone());
            }
        }
        self.file = file;
    }

    fn relent(&mut self) {
        for call in self.refused.drain(..) {
            self.bench.cloud.refuse(&call, None);
        }
        for address in self.doomed.drain(..) {
            self.bench.cloud.doom(&address, None);
        }
    }

    pub fn stack(&self) -> Stack {
        stack(self.file.clone())
    }

    /// One of the things that the cloud has.
    fn pick(&self, which: u64) -> Option<String> {
        let mut things = self.bench.cloud.listing();
        if things.is_empty() {
            return None;
        }
        let position = which as usize % things.len();
        let thing = things.swap_remove(position);
        thing.made_for.map(|address| address.to_string())
    }

    /// One of the resources that the file has.
    fn declared(&self, which: u64) -> Option<ResourceAddress> {
        let stack = self.stack();
        let addresses: Vec<_> = stack.resources.keys().collect();
        let position = which as usize % addresses.len().max(1);
        addresses.get(position).map(|address| (*address).clone())
    }

    fn request(&self, asked: Asked) -> RunRequest {
        let one = |which| -> Vec<ResourceAddress> { self.declared(which).into_iter().collect() };
        let known = |which: u64| -> Vec<ResourceAddress> {
            let state = self.bench.state();
            let addresses: Vec<_> = state.resources.keys().collect();
            let position = which as usize % addresses.len().max(1);
            let address = addresses.get(position);
            address.map(|address| (*address).clone()).into_iter().collect()
        };
        let mut options = PlanOptions::new(PlanMode::Apply);
        match asked {
            Asked::ApplyOne(which) => options.targets = one(which),
            Asked::Replace(which) => options.replace = one(which),
            Asked::Redeploy(which) => options.force_update = one(which),
            Asked::Destroy => options.mode = PlanMode::Destroy,
            Asked::DestroyOne(which) => {
                options.mode = PlanMode::Destroy;
                options.targets = known(which);
            }
            Asked::Apply | Asked::ApplyBlindly | Asked::ApplyHastily => {}
        }
        RunRequest {
            stack: (options.mode == PlanMode::Apply).then(|| Arc::new(self.stack())),
            options,
            refresh: asked != Asked::ApplyBlindly,
        }
    }

    async fn run(&mut self, asked: Asked, end: End) {
        let request = self.request(asked);
        self.bench.wait = asked != Asked::ApplyHastily;
        let is_destroy = request.options.mode == PlanMode::Destroy;
        let before = (self.bench.cloud.calls().changing, self.runs());
        let result = self.carry_out(request, end).await;
        if self.runs() > before.1 && !is_destroy {
            self.accepted = Some(self.file.clone());
        }
        if let Some(Err(EngineError::Diagnostics(_))) = &result {
            let after = (self.bench.cloud.calls().changing, self.runs());
            assert_eq!(after, before, "a refused plan changed something");
        }
        if let Some(result) = result {
            self.judge(asked, result).await;
        }
        self.bench.wait = true;
        self.bench.restart();
    }

    /// Runs that came so far that they carried out a plan.
    fn runs(&self) -> usize {
        self.bench.store.history().expect("the runs").len()
    }

    /// Runs; `None` when the process did not live to tell the end.
    async fn carry_out(&mut self, request: RunRequest, end: End) -> Option<Result<RunReport, EngineError>> {
        let report = |ran: Result<crate::bench::Ran, EngineError>| Some(ran.map(|ran| ran.report));
        match end {
            End::Own => report(self.bench.run(request).await),
            End::DiesAtCall(nth, after) => {
                let moment = if after {
                    Moment::AfterEffect
                } else {
                    Moment::BeforeEffect
                };
                self.bench.cloud.stop_at(nth, moment);
                self.bench.killed_or_over(request).await
            }
            End::DiesAtWrite(nth, after) => {
                let failure = if after {
                    Failure::CrashAfter
                } else {
                    Failure::CrashBefore
                };
                self.bench.store.fail_at(nth, failure);
                report(self.bench.run(request).await)
            }
            End::NoSpace(nth) => {
                self.bench.store.fail_at(nth, Failure::NoSpace);
                report(self.bench.run(request).await)
            }
            End::Killed(after) => {
                let run = self.bench.run(request);
                let over = tokio::time::timeout(Duration::from_millis(after), run).await;
                over.ok().and_then(report)
            }
            End::Stopped(after, times) => {
                let cancellation = self.bench.cancellation.clone();
                let stopping = tokio::spawn(async move {
                    sleep(Duration::from_millis(after)).await;
                    for _ in 0..times {
                        cancellation.raise();
                    }
                });
                let ran = self.bench.run(request).await;
                stopping.abort();
                report(ran)
            }
        }
    }

    /// A run may fail, but not in every way; and where nothing is in its way it may not.
    async fn judge(&self, asked: Asked, result: Result<RunReport, EngineError>) {
        match result {
            Ok(report) if self.is_calm => {
                assert_eq!(report.outcome, RunOutcome::Completed, "{asked:?}");
                match asked {
                    Asked::Apply => self.is_as_the_file_says().await,
                    Asked::Destroy => self.nothing_is_left(),
                    _ => {}
                }
            }
            Ok(_) => {}
            // What the user named was open, and turned out to be gone.
            Err(EngineError::Diagnostics(problems))
                if matches!(asked, Asked::DestroyOne(_))
                    && problems.iter().all(|problem| problem.code == "unknown-address") => {}
            Err(EngineError::Diagnostics(problems)) => self.has_to_refuse(&problems),
            Err(error @ (EngineError::Journal(_) | EngineError::Settle(_))) if !self.is_calm => {
                drop(error);
            }
            // Asked to stop before the run began.
            Err(EngineError::Cancelled) if self.bench.cancellation.level() > 0 => {}
            Err(error) => panic!("{asked:?}: {error:?}"),
        }
    }

    /// A plan may be refused for what the file asks for, and for nothing else.
    fn has_to_refuse(&self, problems: &[Diagnostic]) {
        for problem in problems {
            let is_asked_for = match problem.code.as_str() {
                "prevent-destroy" => self.anything(|lifecycle| lifecycle.prevent_destroy),
                "name-in-use" | "create-before-destroy" | "no-order" => self
                    .anything(|lifecycle| lifecycle.create_before_destroy == Some(true) || lifecycle.retain),
                _ => false,
            };
            assert!(is_asked_for, "the plan was refused: {problem:#?}");
        }
    }

    /// Whether something of the file or of the state has such a lifecycle.
    fn anything(&self, of: impl Fn(&Lifecycle) -> bool) -> bool {
        let stack = self.stack();
        let state = self.bench.state();
        let mut declared = stack.resources.values().map(|resource| &resource.lifecycle);
        let mut recorded = state.resources.values().map(|record| &record.lifecycle);
        declared.any(&of) || recorded.any(&of)
    }

    /// Everything comes to its good end: the cloud has what the file says, nothing is left to do, and in the
    /// end it is destroyed and nothing is left.
    pub async fn end(&mut self) {
        tell(|| "The end".to_owned());
        self.bench.cloud.set_faults(Faults::NONE);
        self.relent();
        // What was sent by the dead is still to arrive, what is late to be seen, and what fails to show it.
        sleep(Duration::from_secs(3_000)).await;
        self.is_calm = true;
        if !self.applied().await {
            // Without what stood in the way. What is held only by the state has to be let go of in a file that
            // still has it.
            if let Some(accepted) = self.accepted.clone() {
                let file = std::mem::replace(&mut self.file, accepted);
                self.loosen();
                assert!(
                    self.applied().await,
                    "it is refused though nothing stands in the way"
                );
                self.file = file;
            }
            self.loosen();
            assert!(
                self.applied().await,
                "it is refused though nothing stands in the way"
            );
        }
        self.is_as_the_file_says().await;
        self.loosen();
        assert!(
            self.applied().await,
            "it is refused though nothing stands in the way"
        );
        self.run(Asked::Destroy, End::Own).await;
    }

    /// Applies; false when the plan was refused, and had to be.
    async fn applied(&mut self) -> bool {
        match self.bench.run(self.request(Asked::Apply)).await {
            Ok(ran) => {
                let told = failures(&ran.events);
                // A thing may not be replaced, and something that it uses cannot stay: only the cloud knows that.
                let in_the_way =
                    |error: &String| error.contains("is still used by") || error.starts_with("skipped");
                if told.iter().all(in_the_way) && self.anything(|lifecycle| !is_free(lifecycle)) {
                    return told.is_empty();
                }
                assert_eq!(ran.report.outcome, RunOutcome::Completed, "{told:#?}");
                true
            }
            Err(EngineError::Diagnostics(problems)) => {
                self.has_to_refuse(&problems);
                false
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Takes out of the file what may stand in the way of a plan.
    fn loosen(&mut self) {
        for resource in self
            .file
            .as_object_mut()
            .into_iter()
            .flatten()
            .map(|(_, resource)| resource)
        {
            if let Some(lifecycle) = resource.get_mut("lifecycle").and_then(Json::as_object_mut) {
                lifecycle.remove("prevent_destroy");
                lifecycle.remove("create_before_destroy");
                lifecycle.remove("retain");
            }
        }
    }

    /// The cloud has what the file says, and nothing is left to do, by what the state remembers as well.
    async fn is_as_the_file_says(&self) {
        let stack = self.stack();
        assert_eq!(differences_among(self.ours(), &stack), [""; 0]);
        self.bench.nothing_is_left_to_do(&stack).await;
        self.bench.remembers(&stack).await;
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.ours(), []);
        let state = self.bench.state();
        assert!(state.is_empty() && state.outputs.is_empty(), "{state:#?}");
    }

    /// What the cloud has, but for what the file once said was to be kept: of that the newest counts as long as
    /// the file has it.
    fn ours(&self) -> Vec<Listed> {
        let mut newest: BTreeMap<String, Listed> = BTreeMap::new();
        let mut ours = Vec::new();
        let number = |thing: &Listed| -> u64 {
            let digits = thing.id.as_str().rsplit('-').next();
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let state = self.bench.state();
        for thing in self.bench.cloud.listing() {
            let address = thing
                .made_for
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            if !self.retained.contains(&address) {
                ours.push(thing);
            } else if newest
                .get(&address)
                .is_none_or(|other| number(other) < number(&thing))
            {
                newest.insert(address, thing);
            }
        }
        let is_held = |address: &String| {
            let mut held = state.resources.keys();
            held.any(|other| other.to_string() == *address)
        };
        ours.extend(
            newest
                .into_iter()
                .filter(|(address, _)| is_held(address))
                .map(|(_, thing)| thing),
        );
        ours
    }
}
