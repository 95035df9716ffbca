//! What somebody did by hand.

use infra_core::{Health, Value};
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, shown};
use crate::stacks::{edited, everything, everything_on};

#[tokio::test(start_paused = true)]
async fn drift_is_told_and_put_back() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    bench.cloud.change("net.balancer.main", "idle_seconds", 7);
    bench.cloud.change("net.part.b", "note", Value::Null);
    bench.cloud.change("app.secret.main", "hint", "a plant");
    bench.cloud.change("app.policy.main", "attached", vec!["read"]);
    let planned = bench.plan(&stack).await;
    assert!(planned.plan.has_drift());
    assert_eq!(
        shown(&planned),
        [
            "Update app.policy.main",
            "Update app.secret.main",
            "Update net.balancer.main",
            "Update net.part.b"
        ]
    );
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_file_never_set_is_let_be() {
    let bench = Bench::new();
    let ignoring = [(
        "/net.balancer.main/lifecycle",
        json!({ "ignore_changes": ["idle_seconds"] }),
    )];
    bench.cloud.write_file("app.tar", "first version");
    let stack = stack(edited(everything(), &ignoring));
    bench.apply(&stack).await;
    bench.cloud.change("net.part.a", "note", "by hand");
    bench.cloud.change("net.network.main", "dns", false);
    bench.cloud.change("net.balancer.main", "idle_seconds", 7);
    bench.has_settled_on(&stack).await;
    let part = &bench.cloud.things_of("net.part.a")[0];
    assert_eq!(part.attributes["note"], Value::from("by hand"));
}

#[tokio::test(start_paused = true)]
async fn what_vanished_is_made_again_with_what_cannot_stay_without_it() {
    for (gone, planned) in [
        (vec!["app.rollout.main"], vec!["Create app.rollout.main"]),
        (
            vec!["app.secret.main", "app.policy.main"],
            vec!["Create app.policy.main", "Create app.secret.main"],
        ),
        (
            vec!["net.gateway.main"],
            vec![
                "Replace app.definition.main",
                "Update app.rollout.main",
                "Update app.service.main",
                "Create net.gateway.main",
                "Update net.listener.main",
            ],
        ),
    ] {
        let bench = Bench::new();
        let stack = everything_on(&bench.cloud);
        bench.apply(&stack).await;
        for address in &gone {
            bench.cloud.remove(address);
        }
        assert_eq!(shown(&bench.plan(&stack).await), planned);
        bench.settle_on(&stack).await;
        bench.destroy(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_vanished_is_not_missed_when_all_is_destroyed() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    bench.cloud.remove("app.rollout.main");
    bench.cloud.remove("net.part.b");
    bench.destroy(Some(&stack)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_or_going_is_replaced_and_a_rollout_that_failed_begun_again() {
    let failed = Health::Failed("impaired".into());
    let going = Health::Deleting("INACTIVE".into());
    for (address, health, expected) in [
        (
            "app.definition.main",
            &failed,
            &[
                "Replace app.definition.main",
                "Update app.rollout.main",
                "Update app.service.main",
            ][..],
        ),
        ("app.rollout.main", &failed, &["Update app.rollout.main"]),
        ("app.rollout.main", &going, &["Replace app.rollout.main"]),
        ("app.secret.main", &going, &["Replace app.secret.main"]),
    ] {
        let bench = Bench::new();
        let stack = everything_on(&bench.cloud);
        bench.apply(&stack).await;
        bench.cloud.set_health(address, Some(health.clone()));
        assert_eq!(shown(&bench.plan(&stack).await), expected);
        bench.settle_on(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_by_hand_is_waited_for() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    bench
        .cloud
        .set_health("net.balancer.main", Some(Health::Pending("changing".into())));
    let cloud = bench.cloud.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(100)).await;
        cloud.set_health("net.balancer.main", None);
    });
    let ran = bench.settle_on(&stack).await;
    assert_eq!((ran.changing_calls, ran.planned.plan.steps.len()), (0, 1));
    assert!((100..110).contains(&ran.report.duration.as_secs()));
}
