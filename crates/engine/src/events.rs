//! Events from the engine and the providers to whoever shows them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use infra_core::Redaction;
use infra_core::event::{Event, EventKind};
use infra_provider::Progress;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Progress that may wait for a slow reader; more is dropped.
const PROGRESS_BOUND: usize = 1024;

/// Events of steps and calls that may wait for a slow reader before nothing more is begun ([`Reporter::room`]). What was
/// begun by then still tells what it has to, so that somewhat more may wait.
const STEPS_BOUND: usize = 1024;

/// Sends events. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
}

struct Inner {
    start: Instant,
    steps: Arc<Queue>,
    progress: mpsc::Sender<Event>,
    mutating_calls: AtomicU64,
    reading_calls: AtomicU64,
    redaction: Redaction,
}

/// The events of steps and calls on their way to the reader. Sending must not wait, since calls are told from places
/// that cannot; so whoever is about to begin something waits for room instead.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when an event arrives, or none will any more.
    arrived: Notify,
    /// Told when there is room again.
    room: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// The number of the last one that was sent.
    sequence: u64,
    /// Nobody reads any more.
    is_closed: bool,
    /// Nobody sends any more.
    is_complete: bool,
}

impl Queue {
    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        let waiting = self.locked();
        waiting.is_closed || waiting.events.len() < STEPS_BOUND
    }

    fn pop(&self) -> Option<Event> {
        let event = self.locked().events.pop_front();
        if event.is_some() && self.has_room() {
            self.room.notify_waiters();
        }
        event
    }

    fn close(&self) {
        self.locked().is_closed = true;
        self.room.notify_waiters();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.steps.locked().is_complete = true;
        self.steps.arrived.notify_one();
    }
}

/// Receives events: those of steps and calls all and in order, others as far as there was room.
pub struct EventReceiver {
    steps: Arc<Queue>,
    progress: mpsc::Receiver<Event>,
}

/// A reporter and its receiver. Times count from now. What `redaction` hides is in no event.
pub fn channel(redaction: Redaction) -> (Reporter, EventReceiver) {
    let steps = Arc::new(Queue::default());
    let (progress, progress_receiver) = mpsc::channel(PROGRESS_BOUND);
    let inner = Inner {
        start: Instant::now(),
        steps: Arc::clone(&steps),
        progress,
        mutating_calls: AtomicU64::new(0),
        reading_calls: AtomicU64::new(0),
        redaction,
    };
    (
        Reporter {
            inner: Arc::new(inner),
        },
        EventReceiver {
            steps,
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
        let mut waiting = self.inner.steps.locked();
        // Nobody may be listening: a run goes on without being watched.
        if waiting.is_closed {
            return;
        }
        waiting.sequence += 1;
        let event = Event {
            at_ms: self.elapsed_ms(),
            sequence: Some(waiting.sequence),
            kind,
        };
        waiting.events.push_back(event);
        drop(waiting);
        self.inner.steps.arrived.notify_one();
    }

    /// Returns when the reader is not too far behind, or there is none. Whoever begins a step, a look or another try
    /// waits for it first: so events need no more memory than the reader leaves them. Reading them must not wait for a
    /// step.
    pub async fn room(&self) {
        let steps = &self.inner.steps;
        loop {
            let notified = steps.room.notified();
            let mut notified = std::pin::pin!(notified);
            notified.as_mut().enable();
            if steps.has_room() {
                return;
            }
            notified.await;
        }
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

    /// The next event; `None` when all was received, and every reporter is gone or [`Self::close`] was called. It may
    /// be given up at any time without losing one.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let is_over = {
                let waiting = self.steps.locked();
                waiting.is_closed || waiting.is_complete
            };
            if let Some(event) = self.steps.pop() {
                return Some(event);
            }
            if let Ok(event) = self.progress.try_recv() {
                return Some(event);
            }
            if is_over {
                return None;
            }
            tokio::select! {
                biased;
                () = self.steps.arrived.notified() => {}
                Some(event) = self.progress.recv() => return Some(event),
            }
        }
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.steps.close();
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

    #[tokio::test]
    async fn who_begins_something_waits_for_a_reader_that_is_behind_and_not_for_one_that_is_gone() {
        let (reporter, mut receiver) = channel(Redaction::default());
        for _ in 0..STEPS_BOUND {
            let room = tokio::time::timeout(std::time::Duration::ZERO, reporter.room()).await;
            assert!(room.is_ok());
            reporter.send(EventKind::Settling { intents: 0 });
        }
        let other = reporter.clone();
        let begun = tokio::spawn(async move { other.room().await });
        tokio::task::yield_now().await;
        assert!(!begun.is_finished());
        // What was begun before still tells what it has to.
        reporter.send(EventKind::Settling { intents: 0 });
        assert_eq!(receiver.next().await.unwrap().sequence, Some(1));
        tokio::task::yield_now().await;
        assert!(!begun.is_finished());
        assert_eq!(receiver.next().await.unwrap().sequence, Some(2));
        begun.await.unwrap();
        reporter.send(EventKind::Settling { intents: 0 });
        let other = reporter.clone();
        let begun = tokio::spawn(async move { other.room().await });
        tokio::task::yield_now().await;
        assert!(!begun.is_finished());
        drop(receiver);
        begun.await.unwrap();
    }
}
