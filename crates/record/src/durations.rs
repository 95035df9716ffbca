//! How long steps took in past runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use infra_core::{ResourceAddress, StepId, StepOperation, TypeName};

use crate::timeline::{SegmentKind, StepEnd, StepTrack, Timeline};

/// One step of a past run that went well and changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The resource.
    pub address: ResourceAddress,
    /// What was done.
    pub operation: StepOperation,
    /// From its start until what needs only its id could go on, without the time that it stood aside for a
    /// dependency and then waited for a free place.
    pub call: Duration,
    /// From there to its end.
    pub rest: Duration,
    /// Whether a waiter ran in `rest`.
    pub waited: bool,
}

/// What a step took, in the middle of all that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Until what needs only its id could go on.
    pub call: Duration,
    /// From there until it worked, where that was waited for; `None` where no run has.
    pub readiness: Option<Duration>,
    /// From there to its end, where nothing was waited for.
    pub rest: Duration,
}

/// The medians of past runs, by resource and by type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations {
    by_address: BTreeMap<ResourceAddress, Vec<(StepOperation, Measured)>>,
    by_type: BTreeMap<TypeName, Vec<(StepOperation, Measured)>>,
    held: BTreeMap<TypeName, BTreeSet<TypeName>>,
}

impl Durations {
    /// The medians of these samples. `held` are the pairs of types of which the first turned out to need the
    /// second working, although its id was all that was asked for.
    pub fn new(
        samples: impl IntoIterator<Item = Sample>,
        held: impl IntoIterator<Item = (TypeName, TypeName)>,
    ) -> Self {
        let mut by_address: BTreeMap<ResourceAddress, Gathered> = BTreeMap::new();
        let mut by_type: BTreeMap<TypeName, Gathered> = BTreeMap::new();
        for sample in samples {
            by_type
                .entry(sample.address.type_name().clone())
                .or_default()
                .add(&sample);
            by_address.entry(sample.address.clone()).or_default().add(&sample);
        }
        let mut pairs: BTreeMap<TypeName, BTreeSet<TypeName>> = BTreeMap::new();
        for (dependent, needed) in held {
            pairs.entry(dependent).or_default().insert(needed);
        }
        Self {
            by_address: medians(by_address),
            by_type: medians(by_type),
            held: pairs,
        }
    }

    /// The medians of past runs.
    pub fn of_runs(runs: &[Timeline]) -> Self {
        let samples = runs.iter().flat_map(|run| run.steps.iter().filter_map(sample));
        let held = runs.iter().flat_map(|run| {
            let places: BTreeMap<StepId, usize> = run
                .steps
                .iter()
                .enumerate()
                .map(|(position, track)| (track.step, position))
                .collect();
            let mut pairs = Vec::new();
            for track in run.steps.iter().filter(|track| is_done(track)) {
                if let Some(by) = run.held_aside_by(track, &places) {
                    let needed = run.steps[by].address.type_name();
                    pairs.push((track.address.type_name().clone(), needed.clone()));
                }
            }
            pairs
        });
        Self::new(samples, held)
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.by_type.is_empty()
    }

    /// What this very resource took; else what others of its type did.
    pub fn of(&self, address: &ResourceAddress, operation: StepOperation) -> Option<Measured> {
        let find = |measured: &Vec<(StepOperation, Measured)>| {
            measured
                .iter()
                .find(|(of, _)| *of == operation)
                .map(|(_, measured)| *measured)
        };
        self.by_address
            .get(address)
            .and_then(find)
            .or_else(|| self.by_type.get(address.type_name()).and_then(find))
    }

    /// Whether resources of type `dependent` had to wait until one of type `needed` worked, although its id
    /// was all that they asked for.
    pub fn is_held(&self, dependent: &TypeName, needed: &TypeName) -> bool {
        self.held
            .get(dependent)
            .is_some_and(|needs| needs.contains(needed))
    }
}

/// A step that changed something, and went well.
fn is_done(track: &StepTrack) -> bool {
    track.end == StepEnd::Done { changed: true }
}

fn sample(track: &StepTrack) -> Option<Sample> {
    if !is_done(track) {
        return None;
    }
    let waits = track.segments.iter().find_map(|segment| match segment.kind {
        SegmentKind::Readiness { .. } => Some(segment.start_ms),
        _ => None,
    });
    let called_ms = track.exists_ms.or(waits).unwrap_or(track.end_ms);
    let spent = |from_ms: u64, to_ms: u64| {
        let aside: u64 = track
            .segments
            .iter()
            .filter(|segment| matches!(segment.kind, SegmentKind::Parked { .. } | SegmentKind::Queued))
            .map(|segment| {
                segment
                    .end_ms
                    .min(to_ms)
                    .saturating_sub(segment.start_ms.max(from_ms))
            })
            .sum();
        Duration::from_millis(to_ms.saturating_sub(from_ms).saturating_sub(aside))
    };
    Some(Sample {
        address: track.address.clone(),
        operation: track.operation,
        call: spent(track.started_ms, called_ms),
        rest: spent(called_ms, track.end_ms),
        waited: waits.is_some(),
    })
}

/// Samples of one resource or type, by operation.
#[derive(Default)]
struct Gathered(Vec<(StepOperation, Columns)>);

#[derive(Default)]
struct Columns {
    call: Vec<Duration>,
    readiness: Vec<Duration>,
    rest: Vec<Duration>,
}

impl Gathered {
    fn add(&mut self, sample: &Sample) {
        let position = self.0.iter().position(|(of, _)| *of == sample.operation);
        let position = position.unwrap_or_else(|| {
            self.0.push((sample.operation, Columns::default()));
            self.0.len() - 1
        });
        let columns = &mut self.0[position].1;
        columns.call.push(sample.call);
        if sample.waited {
            columns.readiness.push(sample.rest);
        } else {
            columns.rest.push(sample.rest);
        }
    }
}

fn medians<K: Ord>(gathered: BTreeMap<K, Gathered>) -> BTreeMap<K, Vec<(StepOperation, Measured)>> {
    let measured = |columns: Columns| Measured {
        call: median(columns.call).unwrap_or_default(),
        readiness: median(columns.readiness),
        rest: median(columns.rest).unwrap_or_default(),
    };
    gathered
        .into_iter()
        .map(|(key, gathered)| {
            let operations = gathered.0.into_iter();
            (
                key,
                operations
                    .map(|(operation, columns)| (operation, measured(columns)))
                    .collect(),
            )
        })
        .collect()
}

/// The middle one; of an even number the lower of the two in the middle.
fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    let middle = durations.len().checked_sub(1)? / 2;
    let (_, median, _) = durations.select_nth_unstable(middle);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(address: &str, operation: StepOperation, call: u64, rest: u64, waited: bool) -> Sample {
        Sample {
            address: address.parse().unwrap(),
            operation,
            call: Duration::from_millis(call),
            rest: Duration::from_millis(rest),
            waited,
        }
    }

    #[test]
    fn a_resource_is_expected_to_take_what_it_took_and_a_new_one_what_its_type_did() {
        use StepOperation::{Create, Delete};
        let durations = Durations::new(
            [
                sample("ec2.vpc.a", Create, 10, 100, true),
                sample("ec2.vpc.a", Create, 30, 300, true),
                sample("ec2.vpc.a", Create, 900, 7, false),
                sample("ec2.vpc.b", Create, 500, 5000, true),
                sample("ec2.vpc.b", Delete, 40, 0, false),
            ],
            [("ec2.route".parse().unwrap(), "ec2.vpc".parse().unwrap())],
        );
        let of = |address: &str, operation| durations.of(&address.parse().unwrap(), operation);
        let milliseconds = Duration::from_millis;
        for (address, operation, expected) in [
            ("ec2.vpc.a", Create, Some((30, Some(100), 7))),
            ("ec2.vpc.b", Create, Some((500, Some(5000), 0))),
            ("ec2.vpc.new", Create, Some((30, Some(300), 7))),
            ("ec2.vpc.a", Delete, Some((40, None, 0))),
            ("ec2.vpc.a", StepOperation::Update, None),
            ("ec2.route.a", Create, None),
        ] {
            let expected = expected.map(|(call, readiness, rest)| Measured {
                call: milliseconds(call),
                readiness: readiness.map(milliseconds),
                rest: milliseconds(rest),
            });
            assert_eq!(of(address, operation), expected, "{address} {operation:?}");
        }
        let name = |text: &str| text.parse::<TypeName>().unwrap();
        assert!(durations.is_held(&name("ec2.route"), &name("ec2.vpc")));
        assert!(!durations.is_held(&name("ec2.vpc"), &name("ec2.route")));
        assert!(Durations::default().is_empty() && !durations.is_empty());
    }
}
