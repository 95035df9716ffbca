//! What a run says of an end that is not a good one, and how soon.

use std::time::Duration;

use infra_core::{ErrorClass, RunOutcome};
use infra_engine::{EngineError, refresh};
use infra_testkit::{Faults, stack};
use serde_json::json;

use crate::bench::{Bench, apply, destroy, failures};

#[tokio::test(start_paused = true)]
async fn what_no_waiting_mends_is_not_tried_again() {
    let bench = Bench::new();
    let stack = stack(json!({ "net.network.main": { "range": "10.0.0.0" } }));
    bench.apply(&stack).await;
    bench
        .cloud
        .refuse("delete net.network.main", Some(ErrorClass::Blocked));
    let ran = bench.run(destroy(None)).await.expect("a run");
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(bench.cloud.calls().each["delete net.network.main"], 1);
    // What this very run has deleted may be counted by AWS for a moment more.
    let bench = Bench::new();
    let stack = infra_testkit::stack(json!({
        "net.network.main": { "range": "10.0.0.0" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
    }));
    bench.apply(&stack).await;
    bench
        .cloud
        .refuse("delete net.network.main", Some(ErrorClass::Blocked));
    let ran = bench.run(destroy(None)).await.expect("a run");
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    let seconds = ran.report.duration.as_secs();
    assert!((8..25).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_more_is_begun() {
    let mut bench = Bench::new();
    bench.parallelism = 1;
    let stack = stack(json!({
        "net.network.a": { "range": "10.0.0.0" },
        "net.network.b": { "range": "10.1.0.0" },
        "net.network.c": { "range": "10.2.0.0" },
    }));
    bench
        .cloud
        .refuse("create net.network.a", Some(ErrorClass::Credentials));
    let ran = bench.try_apply(&stack).await;
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(
        failures(&ran.events),
        [
            "failed Create net.network.a: net create-network: by the test's will",
            "skipped net.network.b because of net.network.a",
            "skipped net.network.c because of net.network.a",
        ]
    );
    bench.cloud.refuse("create net.network.a", None);
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_while_its_dependency_failed_is_not_tried_again() {
    let bench = Bench::with_faults(Faults {
        fastest: Duration::from_secs(1),
        slowest: Duration::from_secs(1),
        ..Faults::NONE
    });
    let stack = stack(json!({
        "app.policy.main": { "name": "reader", "attached": ["read", "list"] },
        "app.definition.main": { "family": "web", "policy_arn": "${app.policy.main.arn}" },
    }));
    bench
        .cloud
        .refuse("update app.policy.main", Some(ErrorClass::Denied));
    bench
        .cloud
        .refuse("create app.definition.main", Some(ErrorClass::DependencyNotReady));
    let ran = bench.try_apply(&stack).await;
    assert_eq!(
        failures(&ran.events),
        [
            "failed Create app.policy.main: app update-policy: by the test's will",
            "skipped app.definition.main because of app.policy.main",
        ]
    );
    assert!(ran.report.duration < Duration::from_secs(10), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn every_type_that_cannot_be_read_is_told() {
    let bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "app.policy.main": { "name": "reader" },
    }));
    bench.apply(&stack).await;
    bench.cloud.refuse("read net.network", Some(ErrorClass::Denied));
    bench.cloud.refuse("read net.part", Some(ErrorClass::Denied));
    let error = match bench.run(apply(&stack)).await {
        Err(EngineError::Refresh(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        error.to_string(),
        "cannot read the resources of 2 types\n  \
         net.network: net read-network: by the test's will\n  \
         net.part: net read-part: by the test's will"
    );
    bench.cloud.refuse("read net.part", None);
    let one = refresh(&*bench.cloud.providers(), &bench.state()).await;
    assert_eq!(
        one.unwrap_err().to_string(),
        "cannot read the resources of type net.network"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_made_and_cannot_be_read_says_so() {
    let bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
    }));
    bench.cloud.refuse("read net.gateway", Some(ErrorClass::Denied));
    let ran = bench.try_apply(&stack).await;
    assert_eq!(
        failures(&ran.events),
        ["failed Create net.gateway.main: net read-gateway: by the test's will"]
    );
    bench.cloud.refuse("read net.gateway", None);
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_works_otherwise_than_it_was_asked_to_has_failed() {
    let bench = Bench::new();
    let wanted = |definition: &str| {
        stack(json!({
            "app.definition.one": { "family": "one" },
            "app.definition.two": { "family": "two" },
            "app.service.main": { "name": "web", "definition": "${app.definition.one.arn}" },
            "app.rollout.main": {
                "service": "${app.service.main.arn}",
                "stage": "live",
                "definition": definition,
                "timeouts": { "update": 600 },
            },
        }))
    };
    bench.settle_on(&wanted("${app.definition.one.arn}")).await;
    let former = bench.cloud.things_of("app.rollout.main")[0].attributes["definition"].clone();
    let second = wanted("${app.definition.two.arn}");
    let (ran, ()) = tokio::join!(bench.try_apply(&second), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        bench.cloud.change("app.rollout.main", "definition", former);
    });
    let [told] = failures(&ran.events).try_into().expect("one failure");
    assert!(
        told.starts_with(
            "failed Update app.rollout.main: it works, but not as it was asked to: `definition` is not what was sent"
        ),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_a_reader_that_is_behind_and_loses_nothing() {
    const NETWORKS: usize = 400;
    let bench = Bench::new();
    let many: serde_json::Map<_, _> = (0..NETWORKS)
        .map(|number| (format!("net.network.n{number}"), json!({ "range": "10.0.0.0" })))
        .collect();
    let stack = stack(serde_json::Value::Object(many));
    let (session, mut events) = bench.session();
    let running = tokio::spawn(async move {
        let planned = session.plan(apply(&stack)).await.expect("a plan");
        session.execute(planned, "test").await.expect("a run")
    });
    // Longer than the run would take.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!running.is_finished());
    let made = bench.cloud.listing().len();
    assert!(made < NETWORKS, "{made}");
    bench.cloud.report_to(std::sync::Arc::new(infra_provider::Silent));
    let mut numbers = Vec::new();
    while let Some(event) = events.next().await {
        numbers.extend(event.sequence);
    }
    let report = running.await.expect("no panic");
    assert_eq!(report.done.create, NETWORKS);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}
