//! What is in the way of a delete: told once, waited for as long as it may go by itself, and said in the error.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{Attributes, ErrorClass, Event, PhysicalId, ProviderError, RunOutcome, Value};
use infra_testkit::{Faults, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, Ran, destroy};

fn network() -> Json {
    json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}", "range": "10.0.1.0/24" },
    })
}

/// The network stands, and somebody has put a part of their own into it.
async fn with_a_stranger(bench: &Bench) -> PhysicalId {
    bench.apply(&stack(network())).await;
    let id = bench.cloud.things_of("net.network.main")[0].id.to_string();
    let mut part = Attributes::from([("range".to_owned(), Value::from("10.0.9.0/24"))]);
    part.insert("network_id".to_owned(), Value::from(id));
    bench.cloud.plant("net.part", part)
}

fn notes(events: &[Event]) -> Vec<&str> {
    let text = |event: &'_ Event| matches!(event.kind, EventKind::Note { .. });
    let notes = events.iter().filter(|event| text(event));
    notes
        .filter_map(|event| match &event.kind {
            EventKind::Note { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn failure(ran: &Ran) -> &ProviderError {
    let failed = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::StepFailed { error, .. } => Some(error),
        _ => None,
    });
    failed.expect("a step failed")
}

#[tokio::test(start_paused = true)]
async fn what_stays_ends_the_waiting_with_what_to_do() {
    let bench = Bench::new();
    let part = with_a_stranger(&bench).await;
    let ran = bench.run(destroy(None)).await.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(notes(&ran.events), [format!("in the way: net.part {part}")]);
    let error = failure(&ran);
    assert_eq!(error.class, ErrorClass::Blocked);
    assert!(
        error.message.ends_with(&format!("; in the way: net.part {part}")),
        "{error}"
    );
    let hint = error.hint.as_deref().unwrap();
    assert!(
        hint.contains("no waiting helps") && hint.contains(part.as_str()),
        "{hint}"
    );
    let took = ran.events.last().unwrap().at_ms;
    assert!(took < 120_000, "it took {took} ms");

    // Somebody removes it: the next run goes on.
    bench.cloud.uproot("net.part", &part);
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_by_itself_is_waited_for_and_told_once() {
    let faults = Faults {
        lingers_for: Duration::from_secs(600),
        ..Faults::NONE
    };
    let mut bench = Bench::new();
    bench.apply(&stack(network())).await;
    bench.set_faults(faults);
    let part = bench.cloud.things_of("net.part.a")[0].id.clone();
    let ran = bench.destroy(None).await;
    assert_eq!(notes(&ran.events), [format!("in the way: {part}, which is gone")]);
}

#[tokio::test(start_paused = true)]
async fn what_stays_too_long_is_in_the_error() {
    let faults = Faults {
        lingers_for: Duration::from_secs(100_000),
        ..Faults::NONE
    };
    let mut bench = Bench::new();
    bench.apply(&stack(network())).await;
    bench.set_faults(faults);
    let part = bench.cloud.things_of("net.part.a")[0].id.clone();
    let ran = bench.run(destroy(None)).await.unwrap();
    let error = failure(&ran);
    assert_eq!(error.class, ErrorClass::DependencyViolation);
    assert!(
        error
            .message
            .ends_with(&format!("; in the way: {part}, which is gone")),
        "{error}"
    );
    assert!(
        error.hint.as_deref().unwrap().contains("run it again"),
        "{error:?}"
    );
    assert_eq!(notes(&ran.events).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_soon_is_not_asked_about() {
    let faults = Faults {
        lingers_for: Duration::from_secs(10),
        ..Faults::NONE
    };
    let mut bench = Bench::new();
    bench.apply(&stack(network())).await;
    bench.set_faults(faults);
    let ran = bench.destroy(None).await;
    assert!(notes(&ran.events).is_empty());
}
