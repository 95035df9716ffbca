//! What a step is at, from event to event.

use infra_core::EventKind;

use crate::timeline::{Segment, SegmentKind, StepEnd, StepTrack};

/// A step under way.
pub(crate) struct Open {
    pub track: StepTrack,
    kind: SegmentKind,
    since_ms: u64,
    /// Where a pause is over and the call is made again, without an event of its own.
    again_ms: Option<u64>,
}

impl Open {
    /// A step that has just started.
    pub fn new(track: StepTrack) -> Self {
        let since_ms = track.queued_ms;
        let started_ms = track.started_ms;
        let mut open = Self {
            track,
            kind: SegmentKind::Queued,
            since_ms,
            again_ms: None,
        };
        open.turn(started_ms, SegmentKind::Call);
        open
    }

    /// Takes one of the step's events.
    pub fn take(&mut self, at_ms: u64, event: &EventKind) {
        match event {
            EventKind::StepExists { .. } => {
                self.track.exists_ms.get_or_insert(at_ms);
            }
            EventKind::StepRetried { delay_ms, error, .. } => {
                let error = error.clone();
                self.turn(at_ms, SegmentKind::Pause { error });
                self.again_ms = Some(at_ms.saturating_add(*delay_ms));
            }
            EventKind::StepParked { waits_for, error, .. } => {
                let error = error.clone();
                self.turn(
                    at_ms,
                    match waits_for.as_slice() {
                        // All that it needs is there, and AWS is late.
                        [] => SegmentKind::Pause { error },
                        waits_for => SegmentKind::Parked {
                            waits_for: waits_for.to_vec(),
                            error,
                        },
                    },
                );
            }
            EventKind::WaitStarted { waiter, .. } => self.turn(
                at_ms,
                SegmentKind::Readiness {
                    waiter: waiter.clone(),
                    statuses: Vec::new(),
                },
            ),
            _ => {}
        }
    }

    /// It could go on since `queued_ms`, and does.
    pub fn resume(&mut self, queued_ms: u64, at_ms: u64) {
        self.turn(
            queued_ms.clamp(self.since_ms.min(at_ms), at_ms),
            SegmentKind::Queued,
        );
        self.turn(at_ms, SegmentKind::Call);
    }

    /// Takes note of what AWS says of it.
    pub fn status(&mut self, status: &str) {
        if let SegmentKind::Readiness { statuses, .. } = &mut self.kind
            && statuses.last().is_none_or(|last| last != status)
        {
            statuses.push(status.to_owned());
        }
    }

    /// The step is over.
    pub fn close(mut self, at_ms: u64, end: StepEnd) -> StepTrack {
        self.turn(at_ms, SegmentKind::Call);
        self.track.end_ms = at_ms;
        self.track.end = end;
        self.track
    }

    /// What it was at so far becomes a segment.
    fn turn(&mut self, at_ms: u64, next: SegmentKind) {
        if let Some(again_ms) = self.again_ms.take()
            && again_ms < at_ms
        {
            let pause = std::mem::replace(&mut self.kind, SegmentKind::Call);
            self.push(pause, again_ms);
        }
        let kind = std::mem::replace(&mut self.kind, next);
        self.push(kind, at_ms);
    }

    fn push(&mut self, kind: SegmentKind, end_ms: u64) {
        let start_ms = self.since_ms;
        self.since_ms = end_ms;
        if end_ms <= start_ms {
            return;
        }
        match self.track.segments.last_mut() {
            Some(last) if last.kind == kind => last.end_ms = end_ms,
            _ => self.track.segments.push(Segment {
                kind,
                start_ms,
                end_ms,
            }),
        }
    }
}
