//! Events from the engine and the providers to whoever shows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use infra_core::Redaction;
use infra_core::event::{Event, EventKind};
use infra_provider::Progress;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Progress that may wait for a slow reader; more is dropped.
const PROGRESS_BOUND: usize = 1024;

/// Sends events. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
}

struct Inner {
    start: Instant,
    steps: mpsc::UnboundedSender<Event>,
    progress: mpsc::Sender<Event>,
    sequence: std::sync::Mutex<u64>,
    mutating_calls: AtomicU64,
    reading_calls: AtomicU64,
    redaction: Redaction,
}

/// Receives events: those of steps and calls all and in order, others as far as there was room.
pub struct EventReceiver {
    steps: mpsc::UnboundedReceiver<Event>,
    progress: mpsc::Receiver<Event>,
}

/// A reporter and its receiver. Times count from now. What `redaction` hides is in no event.
pub fn channel(redaction: Redaction) -> (Reporter, EventReceiver) {
    let (steps, step_receiver) = mpsc::unbounded_channel();
    let (progress, progress_receiver) = mpsc::channel(PROGRESS_BOUND);
    let inner = Inner {
        start: Instant::now(),
        steps,
        progress,
        sequence: std::sync::Mutex::new(0),
        mutating_calls: AtomicU64::new(0),
        reading_calls: AtomicU64::new(0),
        redaction,
    };
    (
        Reporter {
            inner: Arc::new(inner),
        },
        EventReceiver {
            steps: step_receiver,
            progress: progress_receiver,
        },
    )
}

impl Reporter {
    /// Sends an event. Those of steps and calls are numbered and never dropped.
    pub fn send(&self, kind: EventKind) {
        if let EventKind::ApiCall { mutating, .. } = &kind {
            let counter = if *mutating {
                &self.inner.mutating_calls
            } else {
                &self.inner.reading_calls
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let kind = self.masked(kind);
        if kind.may_be_dropped() {
            let _ = self.inner.progress.try_send(Event {
                at_ms: self.elapsed_ms(),
                sequence: None,
                kind,
            });
            return;
        }
        // Numbered, timed and sent under one lock, so that the order of numbers is the order of arrival.
        let mut sequence = self
            .inner
            .sequence
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *sequence += 1;
        // Nobody may be listening: a run goes on without being watched.
        let _ = self.inner.steps.send(Event {
            at_ms: self.elapsed_ms(),
            sequence: Some(*sequence),
            kind,
        });
    }

    /// What is taken out of every text of AWS, of a build and of a log.
    pub fn redaction(&self) -> &Redaction {
        &self.inner.redaction
    }

    /// The event with nothing secret in what others wrote.
    fn masked(&self, mut kind: EventKind) -> EventKind {
        let redaction = &self.inner.redaction;
        match &mut kind {
            EventKind::StepRetried { error, .. }
            | EventKind::StepParked { error, .. }
            | EventKind::StepFailed { error, .. } => *error = redaction.error(error.clone()),
            EventKind::Waiting { status: text, .. } | EventKind::Note { text, .. } => {
                *text = redaction.mask(text);
            }
            _ => {}
        }
        kind
    }

    /// Milliseconds since the channel was made.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.inner.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Calls to AWS so far, retries included: those that change something, and those that read.
    pub fn calls(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.inner.mutating_calls), load(&self.inner.reading_calls))
    }
}

impl Progress for Reporter {
    fn report(&self, progress: EventKind) {
        self.send(progress);
    }
}

impl EventReceiver {
    /// Takes nothing that is sent from now on; what was sent before is still received.
    pub fn close(&mut self) {
        self.steps.close();
        self.progress.close();
    }

    /// The next event; `None` when all was received, and every reporter is gone or [`Self::close`] was called.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            Some(event) = self.steps.recv() => Some(event),
            Some(event) = self.progress.recv() => Some(event),
            else => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_sent_before_the_close_is_received_whoever_still_has_a_reporter() {
        let (reporter, mut receiver) = channel(Redaction::default());
        reporter.send(EventKind::Settling { intents: 1 });
        receiver.close();
        reporter.send(EventKind::Settling { intents: 2 });
        assert_eq!(receiver.next().await.unwrap().sequence, Some(1));
        assert!(receiver.next().await.is_none());
    }

    #[tokio::test]
    async fn progress_is_dropped_when_nobody_reads_and_steps_never_are() {
        let (reporter, mut receiver) = channel(Redaction::default());
        let note = || EventKind::Note {
            address: "a.b.c".parse().unwrap(),
            text: String::new(),
        };
        for _ in 0..PROGRESS_BOUND * 2 {
            reporter.send(note());
            reporter.send(EventKind::Settling { intents: 0 });
        }
        drop(reporter);
        let (mut progress, mut numbers) = (0, Vec::new());
        while let Some(event) = receiver.next().await {
            match event.sequence {
                Some(number) => numbers.push(number),
                None => progress += 1,
            }
        }
        assert_eq!(progress, PROGRESS_BOUND);
        assert_eq!(numbers, (1..=PROGRESS_BOUND as u64 * 2).collect::<Vec<_>>());
    }
}
