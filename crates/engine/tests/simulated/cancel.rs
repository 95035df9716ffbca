//! The user stops a run, and goes on with it later.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{ErrorClass, RunOutcome, Stack};
use infra_engine::{ANSWER_GRACE, EngineError};
use infra_testkit::{Faults, Moment, differences, stack};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::bench::{Bench, Ran, apply, destroy};
use crate::stacks::{edited, everything, everything_on};

const SLOW: Faults = Faults {
    seed: 5,
    fastest: Duration::from_millis(200),
    slowest: Duration::from_secs(3),
    ..Faults::NONE
};

/// Applies, and asks to stop `level` times after `seconds`. Without a run when that was while it planned.
async fn apply_and_stop(
    bench: &mut Bench,
    stack: &Stack,
    seconds: u64,
    level: u8,
) -> (Option<Ran>, Duration) {
    let cancellation = bench.cancellation.clone();
    let started = Instant::now();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        for _ in 0..level {
            cancellation.raise();
        }
    });
    let ran = match bench.run(apply(stack)).await {
        Ok(ran) => Some(ran),
        Err(EngineError::Cancelled) => None,
        Err(error) => panic!("the run broke off: {error:?}"),
    };
    // The cloud goes on with calls that nobody waits for.
    let took = ran
        .as_ref()
        .map_or_else(|| started.elapsed(), |ran| ran.report.duration);
    stopping.abort();
    bench.restart();
    (ran, took)
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_stopped_at_any_moment_and_the_next_carries_on() {
    let base = stack(everything());
    let other = stack(edited(
        everything(),
        &[
            ("/net.network.main/range", json!("10.1.0.0/16")),
            ("/app.secret.main", Json::Null),
            ("/output.hint", Json::Null),
        ],
    ));
    for level in [1, 2] {
        for seconds in (0..300).step_by(23) {
            let mut bench = Bench::with_faults(SLOW);
            bench.cloud.write_file("app.tar", "first version");
            let (ran, took) = apply_and_stop(&mut bench, &base, seconds, level).await;
            if let Some(ran) = ran {
                let complete = differences(&bench.cloud, &base).is_empty() && ran.report.skipped == 0;
                let expected = if complete && ran.report.stopped == 0 {
                    RunOutcome::Completed
                } else {
                    RunOutcome::Cancelled
                };
                assert_eq!(ran.report.outcome, expected, "level {level} after {seconds} s");
                assert_eq!(ran.report.failed, 0, "{:?}", ran.events);
            }
            if level == 2 {
                assert!(
                    took <= Duration::from_secs(seconds) + ANSWER_GRACE,
                    "{took:?} after {seconds} s"
                );
            }
            let (_, _) = apply_and_stop(&mut bench, &other, seconds, level).await;
            bench.settle_on(&base).await;
            bench.destroy(None).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_finishes_what_is_under_way_and_starts_nothing() {
    let mut bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let (ran, took) = apply_and_stop(&mut bench, &stack, 20, 1).await;
    let ran = ran.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Cancelled);
    // The balancer was on its way; the service behind it was never tried again.
    assert!((150..156).contains(&took.as_secs()), "{took:?}");
    assert_eq!(ran.report.failed, 0);
    assert!(bench.cloud.things_of("app.service.main").is_empty());
    let levels: Vec<u8> = ran
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Cancelling { level } => Some(level),
            _ => None,
        })
        .collect();
    assert_eq!(levels, [1]);
}

#[tokio::test(start_paused = true)]
async fn the_second_request_ends_waiting_at_once_and_is_no_failure_of_the_run() {
    let mut bench = Bench::new();
    // Nothing is left but the wait.
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
    }));
    let (ran, took) = apply_and_stop(&mut bench, &stack, 20, 2).await;
    let ran = ran.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Cancelled);
    assert_eq!(took.as_secs(), 20);
    assert_eq!((ran.report.failed, ran.report.stopped), (0, 1));
    let classes: Vec<ErrorClass> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepFailed { error, .. } => Some(error.class),
            _ => None,
        })
        .collect();
    assert_eq!(classes, [ErrorClass::Cancelled]);
    bench.settle_on(&stack).await;
    assert_eq!(bench.cloud.calls().each["create net.gateway.main"], 1);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_while_a_lost_create_is_looked_for_loses_nothing() {
    let mut bench = Bench::with_faults(Faults {
        stale_for: Duration::from_secs(8),
        seed: 11,
        ..Faults::default()
    });
    let stack = stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } }));
    bench.cloud.stop_at(1, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&stack).await);
    // Lists do not have it yet when the user grows tired.
    let (ran, took) = apply_and_stop(&mut bench, &stack, 2, 1).await;
    assert!(ran.is_none());
    assert_eq!(took.as_secs(), 2);
    assert_eq!(bench.state().open_intents().count(), 1);
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_for_now_is_not_made_again_after_the_first_request() {
    let mut bench = Bench::new();
    let stack = stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } }));
    for class in [
        ErrorClass::Throttled,
        ErrorClass::Transient,
        ErrorClass::DependencyNotReady,
    ] {
        bench.cloud.refuse("create net.network.main", Some(class));
        let (ran, took) = apply_and_stop(&mut bench, &stack, 4, 1).await;
        let report = ran.unwrap().report;
        assert_eq!(report.outcome, RunOutcome::Cancelled, "{class:?}");
        assert_eq!(report.failed, 0, "{class:?}");
        // What may have taken effect is looked for until AWS's lists cannot be late any more.
        let bound = if class == ErrorClass::Transient { 15 } else { 4 };
        assert!(took.as_secs() <= bound, "{class:?}: {took:?}");
        assert_eq!(bench.state().open_intents().count(), 0, "{class:?}");
    }
    bench.cloud.refuse("create net.network.main", None);
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_is_left_to_itself_after_the_second_request() {
    let silent = Faults {
        fastest: Duration::from_secs(40),
        slowest: Duration::from_secs(50),
        ..SLOW
    };
    let base = stack(json!({ "net.network.main": { "range": "10.0.0.0/16", "labels": { "a": "b" } } }));
    let other = stack(json!({ "net.network.main": { "range": "10.0.0.0/16", "labels": { "a": "c" } } }));
    let mut bench = Bench::new();
    bench.cloud.set_faults(silent);
    let (ran, took) = apply_and_stop(&mut bench, &base, 10, 2).await;
    assert_eq!(ran.unwrap().report.stopped, 1);
    assert_eq!(took, Duration::from_secs(10) + ANSWER_GRACE);
    // Nobody knows what becomes of the call, so the state keeps in mind that it was made.
    assert_eq!(bench.state().open_intents().count(), 1);
    bench.cloud.set_faults(Faults::default());
    bench.settle_on(&base).await;

    bench.cloud.set_faults(silent);
    let (ran, _) = apply_and_stop(&mut bench, &other, 60, 2).await;
    assert_eq!(ran.unwrap().report.stopped, 1);
    assert_eq!(bench.state().open_intents().count(), 1);
    bench.cloud.set_faults(Faults::default());
    bench.settle_on(&other).await;

    bench.cloud.set_faults(silent);
    let cancellation = bench.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        cancellation.raise();
        cancellation.raise();
    });
    let ran = bench.run(destroy(None)).await.unwrap();
    assert_eq!((ran.report.failed, ran.report.stopped), (0, 1));
    bench.restart();
    bench.cloud.set_faults(Faults::default());
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_may_be_stopped_at_any_moment_too() {
    for level in [1, 2] {
        for seconds in (0..80).step_by(7) {
            let mut bench = Bench::with_faults(SLOW);
            let stack = everything_on(&bench.cloud);
            bench.apply(&stack).await;
            let cancellation = bench.cancellation.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                for _ in 0..level {
                    cancellation.raise();
                }
            });
            match bench.run(destroy(None)).await {
                Ok(ran) => assert_eq!(ran.report.failed, 0, "{:?}", ran.events),
                Err(error) => assert!(matches!(error, EngineError::Cancelled), "{error:?}"),
            }
            bench.restart();
            bench.destroy(None).await;
        }
    }
}
