//! A run laid out in time.

use std::collections::BTreeMap;

use infra_core::plan::StepDependency;
use infra_core::{
    Event, EventKind, ProviderError, ResourceAddress, RunId, RunOutcome, RunSummary, StackId, StepId,
    StepOperation,
};

use crate::calls::Call;
use crate::read::Record;
use crate::segments::Open;

/// A run laid out in time. All times are in milliseconds since its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The run.
    pub run: RunId,
    /// The stack.
    pub stack: StackId,
    /// The command in words.
    pub command: String,
    /// The serial of the state that it began with.
    pub serial: u64,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_unix_ms: u64,
    /// How it ended and its counts; `None`: the record just ends, for the run goes on or was cut off.
    pub end: Option<(RunOutcome, RunSummary)>,
    /// How long it took, or for how long it was recorded.
    pub duration_ms: u64,
    /// Steps planned.
    pub planned_steps: usize,
    /// The steps that started, in the order of their start.
    pub steps: Vec<StepTrack>,
    /// Those that did not.
    pub skipped: Vec<Skipped>,
    /// Those that were left to the next run.
    pub left: Vec<Left>,
    /// The calls made, in the order of their ends.
    pub calls: Vec<Call>,
    /// The calls made before the run, to plan it.
    pub calls_before: Vec<Call>,
    /// Moments at which the user asked to stop.
    pub cancelled_ms: Vec<u64>,
    /// Lines of the record that could not be read.
    pub unreadable_lines: usize,
}

/// One step that started.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTrack {
    /// The step.
    pub step: StepId,
    /// The resource.
    pub address: ResourceAddress,
    /// What was done.
    pub operation: StepOperation,
    /// When all that it needs was there.
    pub queued_ms: u64,
    /// When it started.
    pub started_ms: u64,
    /// When its id was known, so that what needs only that could go on.
    pub exists_ms: Option<u64>,
    /// When it ended; for one that was cut off, where the record ends.
    pub end_ms: u64,
    /// How it ended.
    pub end: StepEnd,
    /// What it was at, from `queued_ms` to `end_ms` without gaps.
    pub segments: Vec<Segment>,
    /// The steps before it, with how far each had to be.
    pub after: Vec<StepDependency>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StepEnd {
    /// Well.
    Done {
        /// False when there turned out to be nothing to do.
        changed: bool,
    },
    /// It failed.
    Failed {
        /// Why.
        error: ProviderError,
        /// The place in the stack file, `path:line:column`.
        place: Option<String>,
    },
    /// It stood aside for something that never worked, or was stopped meanwhile.
    Skipped,
    /// The record ends before it does.
    CutOff,
}

/// A stretch of a step's time.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// What it was at.
    pub kind: SegmentKind,
    /// From.
    pub start_ms: u64,
    /// To.
    pub end_ms: u64,
}

/// What a step is at.
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentKind {
    /// It could start, or go on, and waited for a free place.
    Queued,
    /// Its calls.
    Call,
    /// A pause before a call is made again.
    Pause {
        /// Why.
        error: ProviderError,
    },
    /// It stood aside until other steps were done.
    Parked {
        /// For these.
        waits_for: Vec<StepId>,
        /// Why.
        error: ProviderError,
    },
    /// It exists, and is waited for.
    Readiness {
        /// What is waited for, such as `NAT gateway available`.
        waiter: String,
        /// AWS's words for its state, one after the other.
        statuses: Vec<String>,
    },
}

impl Segment {
    /// How long it took.
    pub fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }
}

/// A step that did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
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
    /// What would have been done.
    pub operation: StepOperation,
    /// The resource that has to come to its end before.
    pub until: ResourceAddress,
}

impl StepTrack {
    /// From its start to its end.
    pub fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.started_ms)
    }

    /// All that it spent on what `which` names.
    pub fn spent_ms(&self, which: impl Fn(&SegmentKind) -> bool) -> u64 {
        self.segments
            .iter()
            .filter(|segment| which(&segment.kind))
            .map(Segment::duration_ms)
            .sum()
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        matches!(self.end, StepEnd::Failed { .. })
    }
}

/// The steps under way.
#[derive(Default)]
struct Opened {
    steps: BTreeMap<StepId, Open>,
    /// The one that began last on each resource.
    at: BTreeMap<ResourceAddress, StepId>,
}

impl Timeline {
    /// Lays a record out in time; `None` when no run begins in it.
    pub fn of(record: &Record) -> Option<Self> {
        let begins = record
            .events
            .iter()
            .position(|event| matches!(event.kind, EventKind::RunStarted { .. }))?;
        let (before, events) = record.events.split_at(begins);
        let (first, events) = events.split_first()?;
        let EventKind::RunStarted {
            run,
            command,
            steps,
            stack,
            serial,
            at_unix_ms,
        } = &first.kind
        else {
            return None;
        };
        let zero = first.at_ms;
        // What may be dropped may also be late.
        let mut events: Vec<&Event> = events.iter().collect();
        events.sort_by_key(|event| event.at_ms);
        let last = events.last().map_or(zero, |event| event.at_ms);
        let mut timeline = Self {
            run: run.clone(),
            stack: stack.clone(),
            command: command.clone(),
            serial: *serial,
            started_unix_ms: *at_unix_ms,
            end: None,
            duration_ms: last.saturating_sub(zero),
            planned_steps: *steps,
            steps: Vec::new(),
            skipped: Vec::new(),
            left: Vec::new(),
            calls: Vec::new(),
            calls_before: Vec::new(),
            cancelled_ms: Vec::new(),
            unreadable_lines: record.unreadable_lines,
        };
        for event in before {
            timeline.calls_before.extend(call(event, zero));
        }
        let mut open = Opened::default();
        for event in events {
            timeline.take(event, zero, &mut open);
        }
        let end_ms = timeline.duration_ms;
        let cut_off = open
            .steps
            .into_values()
            .map(|open| open.close(end_ms, StepEnd::CutOff));
        timeline.steps.extend(cut_off);
        timeline
            .steps
            .sort_by_key(|track| (track.started_ms, track.queued_ms, track.step));
        Some(timeline)
    }

    /// For each step the calls that were made for it, as places in [`Timeline::calls`]. A call belongs to the
    /// step on its resource that started last before it.
    pub fn calls_by_step(&self) -> Vec<Vec<usize>> {
        let mut at: BTreeMap<&ResourceAddress, Vec<usize>> = BTreeMap::new();
        for (position, track) in self.steps.iter().enumerate() {
            at.entry(&track.address).or_default().push(position);
        }
        let mut by_step = vec![Vec::new(); self.steps.len()];
        for (place, call) in self.calls.iter().enumerate() {
            let Some(steps) = call.address.as_ref().and_then(|address| at.get(address)) else {
                continue;
            };
            let started = |position: &&usize| self.steps[**position].started_ms <= call.start_ms;
            // A clock in milliseconds may show the call a moment early.
            if let Some(position) = steps.iter().rev().find(started).or(steps.first()) {
                by_step[*position].push(place);
            }
        }
        by_step
    }

    fn take(&mut self, event: &Event, zero: u64, open: &mut Opened) {
        let at_ms = event.at_ms.saturating_sub(zero);
        match &event.kind {
            EventKind::StepStarted {
                step,
                address,
                operation,
                queued_ms,
                after,
            } => {
                let queued_ms = queued_ms.saturating_sub(zero).min(at_ms);
                let track = StepTrack {
                    step: *step,
                    address: address.clone(),
                    operation: *operation,
                    queued_ms,
                    started_ms: at_ms,
                    exists_ms: None,
                    end_ms: at_ms,
                    end: StepEnd::CutOff,
                    segments: Vec::new(),
                    after: after.clone(),
                };
                open.at.insert(address.clone(), *step);
                open.steps.insert(*step, Open::new(track));
            }
            EventKind::StepFinished { step, changed, .. } => {
                let end = StepEnd::Done { changed: *changed };
                self.steps
                    .extend(open.steps.remove(step).map(|open| open.close(at_ms, end)));
            }
            EventKind::StepFailed {
                step, error, place, ..
            } => {
                let end = StepEnd::Failed {
                    error: error.clone(),
                    place: place.clone(),
                };
                self.steps
                    .extend(open.steps.remove(step).map(|open| open.close(at_ms, end)));
            }
            EventKind::StepSkipped {
                step,
                address,
                operation,
                because_of,
            } => {
                // One that stood aside has started.
                self.steps.extend(
                    open.steps
                        .remove(step)
                        .map(|open| open.close(at_ms, StepEnd::Skipped)),
                );
                self.skipped.push(Skipped {
                    address: address.clone(),
                    operation: *operation,
                    because_of: because_of.clone(),
                });
            }
            EventKind::StepLeft {
                address,
                operation,
                until,
                ..
            } => self.left.push(Left {
                address: address.clone(),
                operation: *operation,
                until: until.clone(),
            }),
            EventKind::StepResumed { step, queued_ms, .. } => {
                if let Some(open) = open.steps.get_mut(step) {
                    open.resume(queued_ms.saturating_sub(zero), at_ms);
                }
            }
            EventKind::StepExists { step, .. }
            | EventKind::StepRetried { step, .. }
            | EventKind::StepParked { step, .. }
            | EventKind::WaitStarted { step, .. } => {
                if let Some(open) = open.steps.get_mut(step) {
                    open.take(at_ms, &event.kind);
                }
            }
            EventKind::Waiting { address, status } => {
                let step = open.at.get(address);
                if let Some(open) = step.and_then(|step| open.steps.get_mut(step)) {
                    open.status(status);
                }
            }
            EventKind::ApiCall { .. } => self.calls.extend(call(event, zero)),
            EventKind::Cancelling { .. } => self.cancelled_ms.push(at_ms),
            EventKind::RunFinished { outcome, summary, .. } => self.end = Some((*outcome, summary.clone())),
            EventKind::RunStarted { .. }
            | EventKind::Settling { .. }
            | EventKind::Settled { .. }
            | EventKind::Bytes { .. }
            | EventKind::Note { .. } => {}
        }
    }
}

fn call(event: &Event, zero: u64) -> Option<Call> {
    let EventKind::ApiCall {
        address,
        service,
        operation,
        mutating,
        duration_ms,
        error,
        throttled,
    } = &event.kind
    else {
        return None;
    };
    Some(Call {
        address: address.clone(),
        service: service.clone(),
        operation: operation.clone(),
        mutating: *mutating,
        start_ms: event.at_ms.saturating_sub(*duration_ms).saturating_sub(zero),
        duration_ms: *duration_ms,
        error: error.clone(),
        throttled: *throttled,
    })
}
