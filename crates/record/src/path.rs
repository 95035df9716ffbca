//! The critical path of a run that is over: the chain of steps that really held each other up.

use std::collections::BTreeMap;

use infra_core::{StepId, StepOperation, Strength};

use crate::timeline::{SegmentKind, StepEnd, StepTrack, Timeline};

/// The chain of steps that ended last, each with the part of it that the next one waited for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordedPath {
    /// First to last.
    pub parts: Vec<PathPart>,
}

/// One part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathPart {
    /// The step's place in [`Timeline::steps`].
    pub position: usize,
    /// When the part before it let it go on.
    pub start_ms: u64,
    /// When it let the next one go on; for the last one, its end.
    pub end_ms: u64,
    /// Of that, how long it waited for a free place.
    pub queued_ms: u64,
    /// How far it was then.
    pub until: Strength,
}

impl PathPart {
    /// How long it took, without waiting for a free place.
    pub fn duration_ms(&self) -> u64 {
        (self.end_ms - self.start_ms).saturating_sub(self.queued_ms)
    }
}

impl RecordedPath {
    /// How long the chain takes with nothing between its parts, and a free place for each.
    pub fn duration_ms(&self) -> u64 {
        self.parts.iter().map(PathPart::duration_ms).sum()
    }

    /// Whether a step is part of it.
    pub fn has(&self, position: usize) -> bool {
        self.parts.iter().any(|part| part.position == position)
    }
}

/// What let a step, or a part of one, go on.
struct Hold {
    /// The place of the step that it waited for.
    by: usize,
    /// When that was far enough.
    free_ms: u64,
    /// How far it had to be.
    until: Strength,
}

impl Timeline {
    /// The chain that ended last. Of a run that was cut off: the one that had got furthest.
    pub fn critical_path(&self) -> RecordedPath {
        let places: BTreeMap<StepId, usize> = self
            .steps
            .iter()
            .enumerate()
            .map(|(position, track)| (track.step, position))
            .collect();
        let last = (0..self.steps.len())
            .filter(|&position| self.steps[position].end != StepEnd::Skipped)
            .max_by_key(|&position| {
                let track = &self.steps[position];
                (track.end_ms, std::cmp::Reverse(track.step))
            });
        let mut path = RecordedPath::default();
        let mut next = last.map(|position| (position, self.steps[position].end_ms, Strength::Ready));
        while let Some((position, end_ms, until)) = next {
            let track = &self.steps[position];
            let (start_ms, hold) = self.held(track, end_ms, &places);
            let queued_ms = track
                .segments
                .iter()
                .filter(|segment| segment.kind == SegmentKind::Queued && segment.start_ms >= start_ms)
                .map(|segment| segment.end_ms.min(end_ms).saturating_sub(segment.start_ms))
                .sum();
            path.parts.push(PathPart {
                position,
                start_ms: start_ms.min(end_ms),
                end_ms,
                queued_ms,
                until,
            });
            // A record that was tampered with may go in circles.
            next = hold
                .filter(|_| path.parts.len() <= self.steps.len())
                .map(|hold| (hold.by, hold.free_ms, hold.until));
        }
        path.parts.reverse();
        path
    }

    /// Where the part of a step that led up to `end_ms` began, and what let it.
    fn held(&self, track: &StepTrack, end_ms: u64, places: &BTreeMap<StepId, usize>) -> (u64, Option<Hold>) {
        let stood_aside = track
            .segments
            .iter()
            .rev()
            .filter(|segment| segment.end_ms <= end_ms)
            .find_map(|segment| match &segment.kind {
                SegmentKind::Parked { waits_for, .. } => Some((segment.end_ms, waits_for)),
                _ => None,
            });
        match stood_aside {
            Some((start_ms, waits_for)) => {
                let needs = waits_for.iter().map(|step| (*step, Strength::Ready));
                (start_ms, self.latest(needs, start_ms, places))
            }
            None => {
                let start_ms = track.queued_ms;
                let needs = track.after.iter().map(|before| (before.step, before.strength));
                (start_ms, self.latest(needs, start_ms, places))
            }
        }
    }

    /// Which of these was far enough last, by `until_ms`.
    fn latest(
        &self,
        needs: impl Iterator<Item = (StepId, Strength)>,
        until_ms: u64,
        places: &BTreeMap<StepId, usize>,
    ) -> Option<Hold> {
        needs
            .filter_map(|(step, until)| {
                let by = *places.get(&step)?;
                let needed = &self.steps[by];
                let free_ms = match (until, needed.operation) {
                    (Strength::Exists, StepOperation::Create) => needed.exists_ms.unwrap_or(needed.end_ms),
                    _ => needed.end_ms,
                };
                (free_ms <= until_ms).then_some(Hold { by, free_ms, until })
            })
            .max_by_key(|hold| (hold.free_ms, std::cmp::Reverse(hold.by)))
    }

    /// For a step that stood aside: the step that let it go on in the end.
    pub(crate) fn held_aside_by(&self, track: &StepTrack, places: &BTreeMap<StepId, usize>) -> Option<usize> {
        let stood_aside = track
            .segments
            .iter()
            .any(|segment| matches!(segment.kind, SegmentKind::Parked { .. }));
        let (_, hold) = self.held(track, track.end_ms, places);
        hold.filter(|_| stood_aside).map(|hold| hold.by)
    }
}
