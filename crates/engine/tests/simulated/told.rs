//! What has to be true of what every run tells of itself.

use std::collections::BTreeSet;
use std::time::Duration;

use infra_core::Event;
use infra_core::event::EventKind;
use infra_record::{Record, SegmentKind, StepEnd, Timeline};

/// The rules of every run's events: numbered without a gap, a step starts before anything else is told of it
/// and ends once, the run ends last.
pub fn well_formed(events: &[Event]) {
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let mut started = BTreeSet::new();
    let mut ended = BTreeSet::new();
    for event in events {
        assert_eq!(event.sequence.is_none(), event.kind.may_be_dropped());
        match &event.kind {
            EventKind::StepStarted { step, .. } => assert!(started.insert(*step), "{step:?} started twice"),
            EventKind::StepExists { step, .. }
            | EventKind::StepResumed { step, .. }
            | EventKind::WaitStarted { step, .. }
            | EventKind::StepRetried { step, .. }
            | EventKind::StepParked { step, .. } => {
                assert!(started.contains(step) && !ended.contains(step), "{event:?}");
            }
            EventKind::StepFinished { step, .. } | EventKind::StepFailed { step, .. } => {
                assert!(started.contains(step) && ended.insert(*step), "{event:?}");
            }
            EventKind::StepSkipped { step, .. } => assert!(ended.insert(*step), "{event:?}"),
            EventKind::StepLeft { step, .. } => {
                assert!(!started.contains(step) && ended.insert(*step), "{event:?}");
            }
            _ => {}
        }
    }
    let last = events.iter().rfind(|event| event.sequence.is_some());
    assert!(matches!(
        last.map(|event| &event.kind),
        Some(EventKind::RunFinished { .. })
    ));
}

/// What is recorded of every run: each step's time is told without gaps, and the critical path leads from the
/// start to the end, each part of it going on where the one before it let it.
pub fn laid_out(events: &[Event], took: Duration) {
    let record = Record {
        events: events.to_vec(),
        unreadable_lines: 0,
    };
    let Some(run) = Timeline::of(&record) else {
        panic!("no run begins in {events:?}");
    };
    for track in &run.steps {
        let mut at_ms = track.queued_ms;
        for segment in &track.segments {
            assert_eq!(segment.start_ms, at_ms, "{track:#?}");
            assert!(segment.end_ms > at_ms, "{track:#?}");
            at_ms = segment.end_ms;
            if let SegmentKind::Parked { waits_for, .. } = &segment.kind {
                let mut let_go = run.steps.iter().filter(|other| waits_for.contains(&other.step));
                let is_over = at_ms == track.end_ms || let_go.any(|other| other.end_ms == at_ms);
                assert!(
                    is_over,
                    "{track:#?} stood aside until nothing happened, of {run:#?}"
                );
            }
        }
        assert_eq!(at_ms, track.end_ms, "{track:#?}");
        assert_ne!(track.end, StepEnd::CutOff, "{track:#?}");
    }
    let path = run.critical_path();
    let mut at_ms = 0;
    for part in &path.parts {
        assert_eq!(part.start_ms, at_ms, "{path:#?} of {run:#?}");
        at_ms = part.end_ms;
    }
    let ended = run.steps.iter().filter(|track| track.end != StepEnd::Skipped);
    let last_ms = ended.map(|track| track.end_ms).max().unwrap_or_default();
    assert_eq!(at_ms, last_ms, "{path:#?} of {run:#?}");
    // Of what was measured, nothing is lost but what comes after the last step.
    assert!(
        u128::from(last_ms) <= took.as_millis() + 1,
        "{last_ms} of {took:?}"
    );
}
