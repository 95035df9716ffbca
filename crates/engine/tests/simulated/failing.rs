//! What fails stops what depends on it and nothing else.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{Attributes, ErrorClass, RunOutcome, Stack, Value};
use infra_testkit::{Faults, stack};
use serde_json::json;

use crate::bench::{Bench, destroy, failures, shown};
use crate::stacks::{edited, everything, everything_on};

/// A way to fail, what is told of it, and what the cloud has all the same.
struct Case {
    refused: &'static str,
    class: ErrorClass,
    told: &'static [&'static str],
    made: usize,
}

const CASES: &[Case] = &[
    Case {
        refused: "create net.gateway.main",
        class: ErrorClass::Denied,
        told: &[
            "failed Create net.gateway.main: net create-gateway: by the test's will",
            "skipped app.definition.main because of net.gateway.main",
            "skipped app.service.main because of net.gateway.main",
            "skipped app.rollout.main because of net.gateway.main",
            "skipped net.listener.main because of net.gateway.main",
        ],
        made: 7,
    },
    Case {
        refused: "create app.policy.main",
        class: ErrorClass::Quota,
        told: &[
            "failed Create app.policy.main: app create-policy: by the test's will",
            "skipped app.definition.main because of app.policy.main",
            "skipped app.service.main because of app.policy.main",
            "skipped app.rollout.main because of app.policy.main",
        ],
        made: 8,
    },
    Case {
        refused: "update app.policy.main",
        class: ErrorClass::Invalid,
        told: &[
            // AWS quotes what it finds invalid.
            "failed Create app.policy.main: app update-policy: by the test's will: \
             {\"attached\": List([String(\"list\"), String(\"read\")]), \"name\": String(\"reader\")}",
            "skipped app.definition.main because of app.policy.main",
            "skipped app.service.main because of app.policy.main",
            "skipped app.rollout.main because of app.policy.main",
        ],
        made: 9,
    },
    Case {
        refused: "create app.rollout.main",
        class: ErrorClass::Other,
        told: &["failed Create app.rollout.main: app create-rollout: by the test's will"],
        made: 11,
    },
    Case {
        refused: "create app.secret.main",
        class: ErrorClass::Throttled,
        told: &["failed Create app.secret.main: app create-secret: by the test's will"],
        made: 11,
    },
    Case {
        refused: "create app.secret.main",
        class: ErrorClass::Transient,
        told: &["failed Create app.secret.main: app create-secret: by the test's will"],
        made: 11,
    },
    Case {
        refused: "create app.secret.main",
        class: ErrorClass::DependencyNotReady,
        told: &["failed Create app.secret.main: app create-secret: by the test's will"],
        made: 11,
    },
];

#[tokio::test(start_paused = true)]
async fn a_failure_stops_its_dependents_and_the_next_run_carries_on() {
    for case in CASES {
        let bench = Bench::new();
        let stack = everything_on(&bench.cloud);
        bench.cloud.refuse(case.refused, Some(case.class));
        let ran = bench.try_apply(&stack).await;
        assert_eq!(ran.report.outcome, RunOutcome::Failed);
        let mut told = failures(&ran.events);
        told[1..].sort();
        let mut expected = case.told.to_vec();
        expected[1..].sort_unstable();
        assert_eq!(told, expected);
        assert_eq!(bench.cloud.listing().len(), case.made, "{}", case.refused);
        assert_eq!((ran.report.failed, ran.report.skipped), (1, case.told.len() - 1));
        bench.cloud.refuse(case.refused, None);
        bench.settle_on(&stack).await;
        bench.destroy(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_place_and_the_summary_counts() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.cloud.refuse("create net.part.b", Some(ErrorClass::Denied));
    let ran = bench.try_apply(&stack).await;
    let place = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::StepFailed { place, .. } => place.clone(),
        _ => None,
    });
    let line = 1 + stack.sources.files[0]
        .text
        .lines()
        .position(|line| line.starts_with("net.part.b"))
        .unwrap();
    assert_eq!(place, Some(format!("stack.json:{line}:1")));
    let Some(EventKind::RunFinished { summary, outcome, .. }) = ran
        .events
        .iter()
        .map(|event| &event.kind)
        .find(|kind| matches!(kind, EventKind::RunFinished { .. }))
    else {
        panic!("no end");
    };
    assert_eq!(*outcome, RunOutcome::Failed);
    assert_eq!((summary.failed, summary.skipped), (1, 4));
    assert_eq!(summary.done.create, 7);
    assert_eq!(summary.mutating_calls, ran.changing_calls);
    assert!(summary.reading_calls > 0);
}

#[tokio::test(start_paused = true)]
async fn a_thing_that_fails_is_explained_and_replaced_by_the_next_run() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.cloud.doom("net.gateway.main", Some("no address was free"));
    let ran = bench.try_apply(&stack).await;
    let told = failures(&ran.events);
    let id = &bench.cloud.things_of("net.gateway.main")[0].id;
    let expected = format!("failed Create net.gateway.main: no address was free\n{id} has been looked at");
    assert_eq!(told[0], expected);
    bench.cloud.doom("net.gateway.main", None);
    let planned = shown(&bench.plan(&stack).await);
    assert!(
        planned.contains(&"Replace net.gateway.main".to_owned()),
        "{planned:?}"
    );
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_refused_leaves_what_it_needs_in_place() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    bench.cloud.refuse("delete net.part.b", Some(ErrorClass::Denied));
    let ran = bench.run(destroy(None)).await.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    let left: Vec<String> = bench
        .cloud
        .listing()
        .iter()
        .filter_map(|thing| Some(thing.made_for.as_ref()?.to_string()))
        .collect();
    assert_eq!(left, ["net.network.main", "net.part.b"]);
    bench.cloud.refuse("delete net.part.b", None);
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_thing_of_the_same_name_that_is_not_ours_is_let_be() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let theirs = Attributes::from([("name".to_owned(), Value::from("reader"))]);
    bench.cloud.plant("app.policy", theirs);
    let ran = bench.try_apply(&stack).await;
    assert_eq!(
        failures(&ran.events)[0],
        "failed Create app.policy.main: app create-policy: reader exists already"
    );
    let listing = bench.cloud.listing();
    let planted = listing.iter().find(|thing| thing.made_for.is_none()).unwrap();
    assert_eq!(planted.attributes.get("attached"), None);
    assert!(bench.state().open_intents().next().is_none());
}

/// Applies in a cloud whose reads are late: what the first run saw of its own changes may have been old.
async fn settle_slowly(bench: &Bench, stack: &Stack, faults: Faults) {
    bench.apply(stack).await;
    tokio::time::sleep(faults.truth_after()).await;
    let ran = bench.apply(stack).await;
    assert_eq!(shown(&ran.planned), [""; 0]);
    bench.has_settled_on(stack).await;
}

#[tokio::test(start_paused = true)]
async fn storms_are_weathered() {
    for seed in 0..20 {
        let faults = Faults {
            stale_for: Duration::from_secs(seed % 4),
            ..Faults::stormy(seed)
        };
        let bench = Bench::with_faults(faults);
        let base = stack(everything());
        bench.cloud.write_file("app.tar", "first version");
        settle_slowly(&bench, &base, faults).await;
        let edits = [
            ("/net.part.a/range", json!("10.0.9.0/24")),
            ("/app.secret.main/value", json!("${secret.correct horse}")),
            ("/app.policy.main/name", json!("writer")),
        ];
        let edited = stack(edited(everything(), &edits));
        settle_slowly(&bench, &edited, faults).await;
        tokio::time::sleep(faults.truth_after()).await;
        bench.destroy(None).await;
        tokio::time::sleep(faults.truth_after()).await;
        assert_eq!(bench.cloud.listing(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_needed_to_know_what_was_made() {
    // Every changing call loses its answer twice before one comes back.
    let bench = Bench::with_faults(Faults {
        lost_answer_percent: 100,
        most_in_a_row: 2,
        ..Faults::default()
    });
    let stack = everything_on(&bench.cloud);
    let ran = bench.settle_on(&stack).await;
    assert!(ran.changing_calls > 15);
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_made_again_and_told_of() {
    let bench = Bench::with_faults(Faults {
        throttled_percent: 100,
        most_in_a_row: 4,
        ..Faults::default()
    });
    let stack = stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } }));
    let ran = bench.settle_on(&stack).await;
    let retried: Vec<(u32, ErrorClass)> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepRetried { attempt, error, .. } => Some((*attempt, error.class)),
            _ => None,
        })
        .collect();
    let throttled = ErrorClass::Throttled;
    assert_eq!(
        retried,
        [(1, throttled), (2, throttled), (3, throttled), (4, throttled)]
    );
}
