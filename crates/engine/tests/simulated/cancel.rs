//! The user stops a run, and goes on with it later.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{ErrorClass, RunOutcome, Stack};
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

/// Applies, and asks to stop `level` times after `seconds`.
async fn apply_and_stop(bench: &mut Bench, stack: &Stack, seconds: u64, level: u8) -> (Ran, Duration) {
    let cancellation = bench.cancellation.clone();
    let started = Instant::now();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        for _ in 0..level {
            cancellation.raise();
        }
    });
    let ran = bench.try_apply(stack).await;
    let took = started.elapsed();
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
            let complete = differences(&bench.cloud, &base).is_empty() && ran.report.skipped == 0;
            let expected = if complete && ran.report.failed == 0 {
                RunOutcome::Completed
            } else {
                RunOutcome::Cancelled
            };
            assert_eq!(ran.report.outcome, expected, "level {level} after {seconds} s");
            if level == 2 {
                // Calls under way are waited for, and what a create may need to say what it cannot yet.
                assert!(
                    took < Duration::from_secs(seconds + 10),
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
    assert_eq!(ran.report.outcome, RunOutcome::Cancelled);
    assert_eq!(took.as_secs(), 20);
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
    bench.cancellation.raise();
    bench.cancellation.raise();
    let error = bench.run(apply(&stack)).await.unwrap_err();
    assert!(error.to_string().contains("net.network.main"), "{error}");
    assert_eq!(bench.state().intents.len(), 1);
    bench.restart();
    bench.settle_on(&stack).await;
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
            let ran = bench.run(destroy(None)).await.unwrap();
            assert_ne!(ran.report.outcome, RunOutcome::Failed);
            bench.restart();
            bench.destroy(None).await;
        }
    }
}
