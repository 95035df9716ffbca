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

#[cfg(test)]
mod tests {
    use infra_core::Strength::{Exists, Ready};

    use crate::read;
    use crate::timeline::{SegmentKind, Timeline};

    /// A network, a balancer that takes long, a listener that needs only its id, and a service that is refused
    /// until the balancer works; then two workers for one free place.
    const RUN: &str = r#"
        10 run_started "run":"r","command":"apply","steps":6,"stack":"s/-/d/us-east-1","serial":1,"at_unix_ms":1
        10 step_started "step":0,"address":"a.network.n","operation":"create","queued_ms":10,"after":[]
        15 api_call "address":"a.network.n","service":"a","operation":"CreateNetwork","mutating":true,"duration_ms":5,"error":null
        30 step_exists "step":0,"address":"a.network.n","physical_id":"n"
        32 step_started "step":1,"address":"a.balancer.b","operation":"create","queued_ms":31,"after":[{"step":0,"strength":"exists"}]
        35 step_finished "step":0,"address":"a.network.n","operation":"create","changed":true,"physical_id":"n","duration_ms":25
        50 step_exists "step":1,"address":"a.balancer.b","physical_id":"b"
        50 wait_started "step":1,"address":"a.balancer.b","waiter":"balancer active"
        51 step_started "step":2,"address":"a.listener.l","operation":"create","queued_ms":51,"after":[{"step":1,"strength":"exists"}]
        52 step_started "step":3,"address":"a.service.s","operation":"create","queued_ms":52,"after":[{"step":1,"strength":"exists"},{"step":0,"strength":"exists"}]
        60 step_parked "step":3,"address":"a.service.s","waits_for":[1],"error":{"class":"dependency_not_ready","message":"not yet"}
        70 step_finished "step":2,"address":"a.listener.l","operation":"create","changed":true,"physical_id":"l","duration_ms":19
        95 waiting "address":"a.balancer.b","status":"provisioning"
        200 step_finished "step":1,"address":"a.balancer.b","operation":"create","changed":true,"physical_id":"b","duration_ms":168
        202 step_resumed "step":3,"address":"a.service.s","queued_ms":200
        240 step_finished "step":3,"address":"a.service.s","operation":"create","changed":true,"physical_id":"s","duration_ms":38
        241 step_started "step":4,"address":"a.worker.one","operation":"update","queued_ms":241,"after":[{"step":3,"strength":"ready"}]
        261 step_finished "step":4,"address":"a.worker.one","operation":"update","changed":true,"physical_id":"w","duration_ms":20
        262 step_started "step":5,"address":"a.worker.two","operation":"update","queued_ms":241,"after":[{"step":3,"strength":"ready"}]
        270 step_retried "step":5,"address":"a.worker.two","attempt":1,"delay_ms":10,"error":{"class":"throttled","message":"slow down"}
        290 step_finished "step":5,"address":"a.worker.two","operation":"update","changed":true,"physical_id":"w","duration_ms":28
    "#;

    fn run() -> Timeline {
        let lines = RUN.lines().filter_map(|line| {
            let (at_ms, rest) = line.trim().split_once(' ')?;
            let (event, rest) = rest.split_once(' ')?;
            Some(format!(
                "{{\"version\":1,\"type\":\"event\",\"at_ms\":{at_ms},\"sequence\":1,\"event\":\"{event}\",{rest}}}\n"
            ))
        });
        let records = read(&lines.collect::<String>()).unwrap();
        assert_eq!(records[0].unreadable_lines, 0);
        Timeline::of(&records[0]).unwrap()
    }

    #[test]
    fn the_path_goes_back_by_what_really_held_each_step() {
        let run = run();
        let path = run.critical_path();
        let parts: Vec<_> = path
            .parts
            .iter()
            .map(|part| {
                let name = run.steps[part.position].address.to_string();
                (name, part.start_ms, part.end_ms, part.queued_ms, part.until)
            })
            .collect();
        let expected = [
            // Its id was enough for the balancer, whose readiness the service had to wait for.
            ("a.network.n", 0, 20, 0, Exists),
            ("a.balancer.b", 21, 190, 1, Ready),
            // It could go on at once, and got a place two milliseconds later.
            ("a.service.s", 190, 230, 2, Ready),
            ("a.worker.two", 231, 280, 21, Ready),
        ];
        assert_eq!(
            parts,
            expected.map(|(name, from, to, queued, until)| { (name.to_owned(), from, to, queued, until) })
        );
        assert_eq!(path.duration_ms(), 20 + 168 + 38 + 28);
    }

    #[test]
    fn the_time_of_a_step_is_told_without_gaps() {
        let run = run();
        for (address, expected) in [
            ("a.network.n", &[("call", 0, 25)][..]),
            (
                "a.balancer.b",
                &[
                    ("queued", 21, 22),
                    ("call", 22, 40),
                    ("balancer active: provisioning", 40, 190),
                ],
            ),
            (
                "a.service.s",
                &[
                    ("call", 42, 50),
                    ("parked", 50, 190),
                    ("queued", 190, 192),
                    ("call", 192, 230),
                ],
            ),
            (
                "a.worker.two",
                &[
                    ("queued", 231, 252),
                    ("call", 252, 260),
                    ("pause", 260, 270),
                    ("call", 270, 280),
                ],
            ),
        ] {
            let track = run
                .steps
                .iter()
                .find(|track| track.address.to_string() == address)
                .unwrap();
            let found: Vec<_> = track
                .segments
                .iter()
                .map(|segment| {
                    let kind = match &segment.kind {
                        SegmentKind::Queued => "queued".to_owned(),
                        SegmentKind::Call => "call".to_owned(),
                        SegmentKind::Pause { .. } => "pause".to_owned(),
                        SegmentKind::Parked { .. } => "parked".to_owned(),
                        SegmentKind::Readiness { waiter, statuses } => {
                            format!("{waiter}: {}", statuses.join(", "))
                        }
                    };
                    (kind, segment.start_ms, segment.end_ms)
                })
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(kind, from, to)| ((*kind).to_owned(), *from, *to))
                .collect();
            assert_eq!(found, expected, "{address}");
        }
        assert_eq!(run.calls_by_step()[0], [0]);
    }

    #[test]
    fn what_stood_aside_is_known_to_need_the_other_working() {
        let durations = crate::Durations::of_runs(&[run()]);
        let name = |text: &str| text.parse().unwrap();
        assert!(durations.is_held(&name("a.service"), &name("a.balancer")));
        assert!(!durations.is_held(&name("a.listener"), &name("a.balancer")));
        let create = infra_core::StepOperation::Create;
        let service = durations.of(&"a.service.s".parse().unwrap(), create).unwrap();
        // 8 until it was refused and 38 afterwards; what it stood aside, and waited for a place, is not its own.
        assert_eq!(service.call.as_millis(), 46);
        let balancer = durations.of(&"a.balancer.b".parse().unwrap(), create).unwrap();
        assert_eq!(balancer.call.as_millis(), 18);
        assert_eq!(balancer.readiness.unwrap().as_millis(), 150);
    }
}
