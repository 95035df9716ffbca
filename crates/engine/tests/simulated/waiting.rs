//! What waits for what, and for how long.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{Event, Health, RunOutcome, StepOperation};
use infra_engine::Walk;
use infra_testkit::{Faults, stack};
use serde_json::json;

use crate::bench::{Bench, Ran, failures};
use crate::stacks::{edited, everything, everything_on};

/// When the step of a resource did something, in seconds since the run began.
fn seconds(ran: &Ran, address: &str, what: &str) -> Vec<u64> {
    let moment = |event: &Event| {
        let (name, of) = match &event.kind {
            EventKind::StepStarted { address, .. } => ("started", address),
            EventKind::StepExists { address, .. } => ("exists", address),
            EventKind::StepParked { address, .. } => ("parked", address),
            EventKind::StepFinished { address, .. } => ("finished", address),
            _ => return None,
        };
        (name == what && of.to_string() == address).then_some(event.at_ms / 1000)
    };
    ran.events.iter().filter_map(moment).collect()
}

/// Simulated seconds by which a waiter may be late: its slowest pause.
const LATE: u64 = 5;

fn about(found: Vec<u64>, expected: u64) {
    assert!(
        matches!(found.as_slice(), [at] if (expected..=expected + LATE).contains(at)),
        "{found:?} is not about {expected}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_as_long_as_its_longest_chain() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let ran = bench.settle_on(&stack).await;
    // The balancer takes 150 s, the service behind it 60, the rollout 10.
    assert_eq!(ran.report.duration, ran.report.critical_path_length);
    let seconds = ran.report.duration.as_secs();
    assert!((220..220 + 3 * LATE).contains(&seconds), "{seconds}");
    let path: Vec<String> = ran.report.critical_path.iter().map(ToString::to_string).collect();
    assert_eq!(
        path,
        [
            "net.network.main",
            "net.part.a",
            "net.balancer.main",
            "app.service.main",
            "app.rollout.main"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_stood_aside_and_then_waits_for_a_free_place_is_told_apart() {
    let mut bench = Bench::with_faults(Faults {
        fastest: Duration::from_millis(100),
        slowest: Duration::from_millis(200),
        ..Faults::NONE
    });
    bench.parallelism = 1;
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "app.definition.one": { "family": "one", "environment": { "A": "${net.gateway.main.address}" } },
        "app.definition.two": { "family": "two", "environment": { "A": "${net.gateway.main.address}" } },
    }));
    // That the critical path has no gap is checked of every run.
    let ran = bench.apply(&stack).await;
    let moments = |event: &Event| match &event.kind {
        EventKind::StepResumed {
            address, queued_ms, ..
        } => Some((address.to_string(), *queued_ms, event.at_ms)),
        _ => None,
    };
    let resumed: Vec<_> = ran.events.iter().filter_map(moments).collect();
    let [(first, works, first_at), (second, also_works, second_at)] = resumed.as_slice() else {
        panic!("{resumed:?}");
    };
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("app.definition.one", "app.definition.two")
    );
    assert_eq!((works, first_at), (also_works, works));
    // The only place was the first one's for the time of its call.
    assert!(second_at - works >= 100, "{resumed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_only_an_id_starts_before_the_other_works() {
    let bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.balancer.main": { "name": "front", "part_ids": ["${net.part.a.id}"] },
        "net.listener.main": { "balancer_arn": "${net.balancer.main.arn}", "port": 80 },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "net.listener.other": {
            "balancer_arn": "${net.balancer.main.arn}",
            "port": 81,
            "target": "${net.gateway.main.address}",
        },
        "net.listener.patient": {
            "balancer_arn": "${net.balancer.main.arn}",
            "port": 82,
            "depends_on": ["net.balancer.main"],
        },
    }));
    let ran = bench.settle_on(&stack).await;
    assert_eq!(seconds(&ran, "net.listener.main", "finished"), [0]);
    about(seconds(&ran, "net.balancer.main", "finished"), 150);
    // Its target is known only when the gateway works.
    assert_eq!(seconds(&ran, "net.listener.other", "parked"), [0]);
    about(seconds(&ran, "net.listener.other", "finished"), 90);
    about(seconds(&ran, "net.listener.patient", "started"), 150);
}

#[tokio::test(start_paused = true)]
async fn with_one_kind_of_edge_everything_waits_for_what_works_and_keeps_its_place() {
    let wanted = json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.balancer.main": { "name": "front", "part_ids": ["${net.part.a.id}"] },
        "net.listener.main": { "balancer_arn": "${net.balancer.main.arn}", "port": 80 },
        "net.gateway.one": { "part_id": "${net.part.a.id}" },
        "net.gateway.two": { "part_id": "${net.part.a.id}" },
    });
    // The balancer takes 150 s and each gateway 90; the listener needs only an id.
    for (walk, parallelism, listener, all) in [
        (Walk::ByStrength, 1, 0, 150),
        (Walk::ByStrength, 10, 0, 150),
        (Walk::EveryEdgeReady, 10, 150, 150),
        (Walk::EveryEdgeReady, 1, 150, 150 + 90 + 90),
    ] {
        let mut bench = Bench::new();
        (bench.walk, bench.parallelism) = (walk, parallelism);
        let ran = bench.settle_on(&stack(wanted.clone())).await;
        let took = ran.report.duration.as_secs();
        assert!(
            (all..all + 3 * LATE).contains(&took),
            "{walk:?}, {parallelism} at a time: {took} s"
        );
        if (walk, parallelism) != (Walk::EveryEdgeReady, 1) {
            about(seconds(&ran, "net.listener.main", "started"), listener);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_refuses_as_too_early_is_parked_until_the_other_works() {
    let bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.balancer.main": { "name": "front", "part_ids": ["${net.part.a.id}"] },
        "app.definition.main": { "family": "web" },
        "app.service.main": {
            "name": "web",
            "definition": "${app.definition.main.arn}",
            "balancer_arn": "${net.balancer.main.arn}",
        },
    }));
    let ran = bench.settle_on(&stack).await;
    assert_eq!(seconds(&ran, "app.service.main", "started"), [0]);
    assert_eq!(seconds(&ran, "app.service.main", "parked"), [0]);
    about(seconds(&ran, "app.service.main", "exists"), 150);
    assert_eq!(bench.cloud.calls().each["create app.service.main"], 2);
    let waits_for: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepParked { waits_for, .. } => Some(waits_for.clone()),
            _ => None,
        })
        .collect();
    let balancer = ran
        .planned
        .plan
        .steps
        .iter()
        .find(|step| step.address.to_string() == "net.balancer.main");
    assert_eq!(waits_for, [[balancer.unwrap().id]]);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_create_and_is_too_early_is_parked_and_nothing_is_made_twice() {
    let bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "app.definition.main": { "family": "web" },
        "app.service.main": {
            "name": "web",
            "definition": "${app.definition.main.arn}",
            "scaling": 3,
            "gateway_id": "${net.gateway.main.id}",
        },
        "app.rollout.main": {
            "service": "${app.service.main.arn}",
            "stage": "live",
            "definition": "${app.definition.main.arn}",
        },
        "app.policy.later": { "name": "later", "depends_on": ["app.service.main"] },
    }));
    let ran = bench.settle_on(&stack).await;
    assert_eq!(bench.cloud.calls().each["create app.service.main"], 1);
    assert_eq!(bench.cloud.calls().each["update app.service.main"], 2);
    assert_eq!(seconds(&ran, "app.service.main", "exists"), [0]);
    about(seconds(&ran, "app.service.main", "finished"), 120);
    assert_eq!(ran.report.done.create, stack.resources.len());
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_seen_yet_is_tried_again_until_it_is() {
    let bench = Bench::with_faults(Faults {
        seed: 3,
        stale_for: Duration::from_secs(8),
        ..Faults::default()
    });
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    bench.has_settled_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_fails_and_is_taken_up_by_the_next_run() {
    let bench = Bench::new();
    let impatient = stack(edited(
        everything(),
        &[("/net.balancer.main/timeouts", json!({ "create": 30 }))],
    ));
    bench.cloud.write_file("app.tar", "first version");
    let ran = bench.try_apply(&impatient).await;
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(
        failures(&ran.events),
        [
            "failed Create net.balancer.main: gave up after 30 s waiting for: balancer active (last seen: on its way)\nfront has been looked at",
            "skipped app.service.main because of net.balancer.main",
            "skipped app.rollout.main because of net.balancer.main",
            "skipped net.listener.main because of net.balancer.main",
        ]
    );
    let stack = stack(everything());
    let ran = bench.settle_on(&stack).await;
    let steps = ran.planned.plan.steps.iter();
    let waits = steps.filter(|step| step.operation == StepOperation::Wait);
    assert_eq!(
        waits.map(|step| step.address.to_string()).collect::<Vec<_>>(),
        ["net.balancer.main"]
    );
    assert_eq!(bench.cloud.calls().each["create net.balancer.main"], 1);
}

#[tokio::test(start_paused = true)]
async fn without_waiting_only_that_is_left_which_nothing_needs() {
    let mut bench = Bench::new();
    bench.wait = false;
    let stack = everything_on(&bench.cloud);
    let ran = bench.apply(&stack).await;
    let seconds = ran.report.duration.as_secs();
    assert!((210..210 + 3 * LATE).contains(&seconds), "{seconds}");
    assert!(matches!(
        bench.cloud.things_of("app.rollout.main")[0].health,
        Health::Pending(_)
    ));
    bench.wait = true;
    bench.apply(&stack).await;
    bench.has_settled_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn without_waiting_nobody_is_given_what_is_not_known_yet() {
    let mut bench = Bench::new();
    bench.wait = false;
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "app.definition.main": { "family": "web", "environment": { "A": "${net.gateway.main.address}" } },
        "net.gateway.alone": { "part_id": "${net.part.a.id}" },
        "output.alone": "${net.gateway.alone.address}",
    }));
    bench.apply(&stack).await;
    let environment = &bench.cloud.things_of("app.definition.main")[0].attributes["environment"];
    assert!(
        environment.as_map().unwrap()["A"]
            .as_str()
            .unwrap()
            .starts_with("address-of-")
    );
    assert_eq!(bench.state().outputs.get("alone"), None);
    bench.wait = true;
    bench.apply(&stack).await;
    assert!(
        bench.state().outputs["alone"]
            .as_str()
            .unwrap()
            .starts_with("address-of-")
    );
    bench.has_settled_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_wait_has_brought_is_not_forgotten_by_the_change_after_it() {
    let mut bench = Bench::new();
    let with = |note: &str| {
        stack(json!({
            "net.network.main": { "range": "10.0.0.0/16" },
            "net.part.a": { "network_id": "${net.network.main.id}" },
            "net.gateway.main": { "part_id": "${net.part.a.id}", "note": note },
            "output.where": "${net.gateway.main.address}",
        }))
    };
    let cancellation = bench.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        cancellation.raise();
        cancellation.raise();
    });
    bench.try_apply(&with("one")).await;
    bench.restart();
    let ran = bench.settle_on(&with("two")).await;
    let steps: Vec<StepOperation> = ran.planned.plan.steps.iter().map(|step| step.operation).collect();
    assert_eq!(steps, [StepOperation::Wait, StepOperation::Update]);
    assert!(
        bench.state().outputs["where"]
            .as_str()
            .unwrap()
            .starts_with("address-of-")
    );
}
