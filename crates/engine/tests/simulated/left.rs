//! What is in use until a rollout has ended: who waits for that end, who leaves it to the next run, and that the next run
//! knows.

use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{Event, Health, Stack, StepOperation};
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, Ran, apply};
use crate::stacks::{edited, everything};

const ROLLOUT: &str = "app.rollout.main";

/// A stack whose service uses a policy, and what becomes of it: another image, and no such policy.
fn before_and_after(bench: &Bench) -> (Stack, Stack) {
    bench.cloud.write_file("app.tar", "first version");
    bench.cloud.write_file("other.tar", "second version");
    let before = edited(
        everything(),
        &[
            ("/app.policy.extra", json!({ "name": "writer" })),
            (
                "/app.service.main/depends_on",
                json!(["net.listener.main", "app.policy.extra"]),
            ),
        ],
    );
    let after = edited(
        before.clone(),
        &[
            ("/app.policy.extra", json!(null)),
            ("/app.service.main/depends_on", json!(["net.listener.main"])),
            ("/app.image.main/source", json!("other.tar")),
        ],
    );
    (stack(before), stack(after))
}

/// What was left and until what has ended, in order.
fn left(ran: &Ran) -> Vec<String> {
    let told = |event: &Event| match &event.kind {
        EventKind::StepLeft {
            address,
            operation,
            until,
            ..
        } if *operation != StepOperation::Confirm => Some(format!("{operation:?} {address} until {until}")),
        _ => None,
    };
    ran.events.iter().filter_map(told).collect()
}

/// Definitions and policies that are there.
fn used(bench: &Bench) -> (usize, usize) {
    let count = |address: &str| bench.cloud.things_of(address).len();
    (count("app.definition.main"), count("app.policy.extra"))
}

fn goes_on(bench: &Bench) {
    let going = Health::Pending("1 of 2 tasks running".into());
    bench.cloud.set_health(ROLLOUT, Some(going));
}

fn ends_after(bench: &Bench, seconds: u64) {
    let cloud = bench.cloud.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        cloud.set_health(ROLLOUT, None);
    });
}

/// Whether every delete of a run began when the rollout had ended.
fn deletes_come_last(ran: &Ran) -> bool {
    let mut has_ended = false;
    ran.events.iter().all(|event| match &event.kind {
        EventKind::StepFinished { address, .. } => {
            has_ended |= address.to_string() == ROLLOUT;
            true
        }
        EventKind::StepStarted {
            operation: StepOperation::Delete,
            ..
        } => has_ended,
        _ => true,
    })
}

#[tokio::test(start_paused = true)]
async fn without_waiting_what_goes_after_a_rollout_is_left_to_a_run_that_sees_its_end() {
    let mut bench = Bench::new();
    let (before, after) = before_and_after(&bench);
    bench.settle_on(&before).await;
    bench.wait = false;
    let deletes = [
        "Delete app.definition.main until app.rollout.main",
        "Delete app.policy.extra until app.rollout.main",
    ];

    let (session, _receiver) = bench.session();
    let planned = bench.plan(&after).await;
    let expected = session.forecast(&planned.plan).duration_ms;
    let ran = bench.apply(&after).await;
    let mut told = left(&ran);
    told.sort();
    assert_eq!(told, deletes);
    assert_eq!((ran.report.left, ran.report.skipped), (2, 0));
    assert_eq!(used(&bench), (2, 1));
    // The service needs 30 s, and then the rollout 10.
    let took = ran.report.duration.as_secs();
    assert!((30..40).contains(&took), "{took}");
    assert!(expected < 40_000, "{expected}");

    // The rollout goes on: neither is it waited for, nor is what it uses deleted.
    goes_on(&bench);
    let ran = bench.apply(&after).await;
    let mut told = left(&ran);
    told.sort();
    assert_eq!(told[..2], deletes);
    assert_eq!(told[2..], ["Wait app.rollout.main until app.rollout.main"]);
    assert_eq!(used(&bench), (2, 1));
    assert_eq!(ran.report.duration.as_secs(), 0);

    // It has ended, and this run sees that.
    ends_after(&bench, 10);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let ran = bench.apply(&after).await;
    assert_eq!(left(&ran), [""; 0]);
    assert_eq!(used(&bench), (1, 0));
    bench.wait = true;
    bench.has_settled_on(&after).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_takes_up_what_one_that_did_not_has_left() {
    let mut bench = Bench::new();
    let (before, after) = before_and_after(&bench);
    bench.settle_on(&before).await;
    bench.wait = false;
    bench.apply(&after).await;
    bench.wait = true;
    goes_on(&bench);
    ends_after(&bench, 20);
    let ran = bench.settle_on(&after).await;
    assert!(deletes_come_last(&ran), "{:#?}", ran.events);
    assert_eq!(used(&bench), (1, 0));
    let took = ran.report.duration.as_secs();
    assert!((20..30).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_in_a_rollout_leaves_to_the_next_one_what_to_delete_after_it() {
    let mut bench = Bench::new();
    let (before, after) = before_and_after(&bench);
    bench.settle_on(&before).await;
    let cancellation = bench.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(35)).await;
        cancellation.raise();
        cancellation.raise();
    });
    bench.try_apply(&after).await;
    assert_eq!(used(&bench), (2, 1));
    bench.restart();
    goes_on(&bench);
    ends_after(&bench, 20);
    let ran = bench.settle_on(&after).await;
    assert!(deletes_come_last(&ran), "{:#?}", ran.events);
    assert_eq!(used(&bench), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_waiting_a_rollout_is_waited_for_where_something_else_needs_its_end() {
    let mut bench = Bench::new();
    let (before, after) = before_and_after(&bench);
    bench.settle_on(&before).await;
    bench.wait = false;
    let mut after = after;
    let more = stack(json!({ "app.policy.later": { "name": "later", "depends_on": [] } }));
    for (address, mut resource) in more.resources {
        let rollout = ROLLOUT.parse().unwrap();
        resource.dependencies.insert(rollout, infra_core::Strength::Ready);
        after.resources.insert(address, resource);
    }
    let ran = bench.apply(&after).await;
    assert_eq!(left(&ran), [""; 0]);
    assert!(deletes_come_last(&ran), "{:#?}", ran.events);
    assert_eq!(used(&bench), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_waiting_what_an_earlier_run_began_is_left_on_its_way() {
    let mut bench = Bench::new();
    let wanted = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
    }));
    bench.wait = false;
    for told in [&[][..], &["Wait net.gateway.main until net.gateway.main"]] {
        let ran = bench.apply(&wanted).await;
        assert_eq!(left(&ran), told);
        assert_eq!(ran.report.duration.as_secs(), 0);
    }
    bench.wait = true;
    bench.settle_on(&wanted).await;
}

/// A run that is about the service only deletes nothing of what the old tasks use, and begins another rollout: the next
/// one still has to know what they use.
#[tokio::test(start_paused = true)]
async fn a_run_of_the_service_only_still_knows_what_goes_after_its_rollout() {
    let mut bench = Bench::new();
    let (before, after) = before_and_after(&bench);
    bench.settle_on(&before).await;
    bench.wait = false;
    bench.apply(&after).await;
    goes_on(&bench);

    bench.cloud.write_file("third.tar", "third version");
    let mut after = after;
    let third = infra_core::Template::Literal("third.tar".into());
    let image = "app.image.main".parse().unwrap();
    let image = after.resources.get_mut(&image).unwrap();
    image.attributes.insert("source".to_owned(), third);
    let mut request = apply(&after);
    request.options.targets = vec!["app.service.main".parse().unwrap()];
    let ran = bench.run(request).await.unwrap();
    assert_eq!(used(&bench).1, 1, "{:#?}", ran.events);

    goes_on(&bench);
    let ran = bench.apply(&after).await;
    let policy = "Delete app.policy.extra until app.rollout.main".to_owned();
    assert!(left(&ran).contains(&policy), "{:?}", left(&ran));
    assert_eq!(used(&bench).1, 1);

    ends_after(&bench, 10);
    tokio::time::sleep(Duration::from_secs(11)).await;
    bench.apply(&after).await;
    assert_eq!(used(&bench), (1, 0));
    bench.wait = true;
    bench.has_settled_on(&after).await;
}
