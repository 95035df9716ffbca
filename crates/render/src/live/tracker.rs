//! How far a run is, as its events tell.

use std::collections::{BTreeMap, VecDeque};

use infra_core::{ErrorClass, Event, EventKind, ProviderError, ResourceAddress, StepId, StepOperation};

/// What is known of a run that goes on. Missing progress events only make it less precise.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// The latest time seen, in milliseconds since the run's start.
    pub now_ms: u64,
    /// Between the first and the last event of a run.
    pub running: bool,
    /// Steps planned.
    pub steps: usize,
    /// Steps that are over and went well.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not started.
    pub skipped: usize,
    /// How often the user asked to stop.
    pub cancelling: u8,
    in_flight: BTreeMap<StepId, InFlight>,
    addresses: BTreeMap<StepId, ResourceAddress>,
}

/// One step between its start and its end.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub address: ResourceAddress,
    pub operation: StepOperation,
    pub started_ms: u64,
    pub phase: Phase,
    /// AWS's last word on it.
    pub status: Option<String>,
    /// The provider's last sentence.
    pub note: Option<String>,
    pub transfer: Option<Transfer>,
}

/// What a step in flight is at.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Its call is being made.
    Calling,
    /// Its call is done, its waiter is not.
    Waiting { waiter: String },
    /// Its call will be made again.
    Retrying {
        attempt: u32,
        next_ms: u64,
        error: ProviderError,
    },
    /// It waits until these steps are ready.
    Parked { waits_for: Vec<StepId> },
}

/// Bytes on their way.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub done: u64,
    pub total: u64,
    /// When how much was done, over the last [`RATE_WINDOW_MS`].
    samples: VecDeque<(u64, u64)>,
}

/// The rate of a transfer is that of the last seconds, in milliseconds.
const RATE_WINDOW_MS: u64 = 5_000;
/// Samples kept of a transfer, however fast they come.
const SAMPLES: usize = 64;

impl Transfer {
    fn note(&mut self, at_ms: u64, done: u64, total: u64) {
        if done < self.done {
            self.samples.clear();
        }
        (self.done, self.total) = (done, total);
        self.samples.push_back((at_ms, done));
        let too_old = |first: &(u64, u64)| at_ms.saturating_sub(first.0) > RATE_WINDOW_MS;
        while self.samples.len() > SAMPLES
            || (self.samples.len() > 2 && self.samples.front().is_some_and(too_old))
        {
            self.samples.pop_front();
        }
    }

    /// Bytes per second; `None` until there is something to measure.
    pub(crate) fn rate(&self) -> Option<u64> {
        let ((start, first), (end, last)) = (self.samples.front()?, self.samples.back()?);
        let elapsed = end.checked_sub(*start).filter(|elapsed| *elapsed > 0)?;
        Some(last.saturating_sub(*first).saturating_mul(1000) / elapsed)
    }
}

impl Tracker {
    /// Takes the time.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Takes an event.
    pub(crate) fn event(&mut self, event: &Event) {
        self.tick(event.at_ms);
        match &event.kind {
            EventKind::RunStarted { steps, .. } => {
                *self = Self {
                    now_ms: event.at_ms,
                    running: true,
                    steps: *steps,
                    ..Self::default()
                };
            }
            EventKind::RunFinished { .. } => {
                self.running = false;
                self.in_flight.clear();
            }
            EventKind::Cancelling { level } => self.cancelling = *level,
            EventKind::StepStarted {
                step,
                address,
                operation,
                ..
            } => self.start(*step, address, *operation, event.at_ms),
            EventKind::StepResumed { step, .. } | EventKind::StepExists { step, .. } => {
                self.phase(*step, Phase::Calling)
            }
            EventKind::WaitStarted { step, waiter, .. } => {
                let waiter = waiter.clone();
                self.phase(*step, Phase::Waiting { waiter });
            }
            EventKind::StepRetried {
                step,
                attempt,
                delay_ms,
                error,
                ..
            } => self.retried(*step, *attempt, event.at_ms.saturating_add(*delay_ms), error),
            EventKind::StepParked { step, waits_for, .. } => {
                let waits_for = waits_for.clone();
                self.phase(*step, Phase::Parked { waits_for });
            }
            EventKind::StepFinished { step, .. } => {
                self.done += 1;
                self.end(*step);
            }
            EventKind::StepFailed { step, error, .. } => {
                self.failed += usize::from(error.class != ErrorClass::Cancelled);
                self.end(*step);
            }
            EventKind::StepSkipped { step, .. } => {
                self.skipped += 1;
                self.end(*step);
            }
            EventKind::Waiting { address, status } => {
                self.at(address, |step| step.status = Some(status.clone()));
            }
            EventKind::Note { address, text } => self.at(address, |step| step.note = Some(text.clone())),
            EventKind::Bytes { address, done, total } => self.at(address, |step| {
                let transfer = step.transfer.get_or_insert_with(|| Transfer {
                    done: 0,
                    total: 0,
                    samples: VecDeque::new(),
                });
                transfer.note(event.at_ms, *done, *total);
            }),
            EventKind::StepLeft { step, .. } => self.end(*step),
            EventKind::Settling { .. } | EventKind::Settled { .. } | EventKind::ApiCall { .. } => {}
        }
    }

    fn start(&mut self, step: StepId, address: &ResourceAddress, operation: StepOperation, at_ms: u64) {
        self.addresses.insert(step, address.clone());
        self.in_flight.insert(
            step,
            InFlight {
                address: address.clone(),
                operation,
                started_ms: at_ms,
                phase: Phase::Calling,
                status: None,
                note: None,
                transfer: None,
            },
        );
    }

    fn phase(&mut self, step: StepId, phase: Phase) {
        if let Some(step) = self.in_flight.get_mut(&step) {
            step.phase = phase;
        }
    }

    fn retried(&mut self, step: StepId, attempt: u32, next_ms: u64, error: &ProviderError) {
        let Some(step) = self.in_flight.get_mut(&step) else {
            return;
        };
        // What was noted since the first such refusal tells of it; what was noted before does not.
        let is_again =
            matches!(&step.phase, Phase::Retrying { error: before, .. } if before.message == error.message);
        if !is_again {
            step.note = None;
        }
        step.phase = Phase::Retrying {
            attempt,
            next_ms,
            error: error.clone(),
        };
    }

    fn end(&mut self, step: StepId) {
        self.in_flight.remove(&step);
        for other in self.in_flight.values_mut() {
            if let Phase::Parked { waits_for } = &mut other.phase {
                waits_for.retain(|awaited| *awaited != step);
                if waits_for.is_empty() {
                    other.phase = Phase::Calling;
                }
            }
        }
    }

    /// Tells all steps in flight on a resource, of which there is one but for odd moments.
    fn at(&mut self, address: &ResourceAddress, tell: impl Fn(&mut InFlight)) {
        self.in_flight
            .values_mut()
            .filter(|step| step.address == *address)
            .for_each(tell);
    }

    /// The steps in flight, the longest running first, those that wait for others last.
    pub(crate) fn in_flight(&self) -> Vec<&InFlight> {
        let mut steps: Vec<&InFlight> = self.in_flight.values().collect();
        steps.sort_by_key(|step| (matches!(step.phase, Phase::Parked { .. }), step.started_ms));
        steps
    }

    /// The address of a step that has started.
    pub(crate) fn address(&self, step: StepId) -> Option<&ResourceAddress> {
        self.addresses.get(&step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_starts_anew_with_another_transfer() {
        let mut transfer = Transfer {
            done: 0,
            total: 0,
            samples: VecDeque::new(),
        };
        assert_eq!(transfer.rate(), None);
        for (at_ms, done, rate) in [
            (0, 0, None),
            (0, 10, None),
            (1_000, 1_000, Some(1_000)),
            (2_000, 2_000, Some(1_000)),
            (9_000, 9_000, Some(1_000)),
            (10_000, 19_000, Some(10_000)),
            (11_000, 500, None),
        ] {
            transfer.note(at_ms, done, 20_000);
            assert_eq!(transfer.rate(), rate, "at {at_ms}");
        }
        for at_ms in 0..10_000 {
            transfer.note(12_000 + at_ms / 100, at_ms, 20_000);
        }
        assert!(transfer.samples.len() <= SAMPLES);
    }
}
