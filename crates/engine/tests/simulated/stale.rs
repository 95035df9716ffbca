//! Looks at the cloud that are from before what was just done.

use std::time::Duration;

use infra_testkit::{Faults, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, shown};
use crate::stacks::{edited, everything, everything_on};

/// Simulated seconds that a run still has doubts for, after it; as AWS.
const WINDOW: Duration = Duration::from_secs(10);

/// The `seed` decides how late each look is, up to less than the window.
fn late(seed: u64) -> Bench {
    Bench::with_faults(Faults {
        seed,
        stale_for: Duration::from_secs(8),
        ..Faults::default()
    })
}

/// What is made and changed at once, so that a run of it is over before the cloud shows it.
fn quick() -> Json {
    json!({
        "net.network.main": { "range": "10.0.0.0/16", "labels": { "team": "a" } },
        "net.part.a": { "network_id": "${net.network.main.id}", "range": "10.0.1.0/24" },
        "net.part.b": { "network_id": "${net.network.main.id}", "range": "10.0.2.0/24", "note": "second" },
        "app.policy.main": { "name": "reader", "attached": ["read", "list"] },
        "app.secret.main": { "name": "password", "value": "${secret.hunter2}", "hint": "${secret.an animal}" },
        "output.where": "${net.part.b.note}",
    })
}

#[tokio::test(start_paused = true)]
async fn right_after_a_run_a_look_from_before_it_is_no_drift() {
    for seed in 0..25 {
        let bench = late(seed);
        let first = stack(quick());
        bench.apply(&first).await;
        bench.has_settled_on(&first).await;
        let changed = stack(edited(
            quick(),
            &[
                ("/net.network.main/labels", json!({ "team": "b" })),
                ("/net.part.b/note", json!("changed")),
                ("/app.secret.main/hint", json!("${secret.a plant}")),
                ("/app.policy.main/attached", json!(["read"])),
            ],
        ));
        bench.apply(&changed).await;
        bench.has_settled_on(&changed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_run_has_let_go_is_waited_for_while_the_cloud_still_shows_what_had_it() {
    for seed in 0..25 {
        let bench = late(seed);
        bench.apply(&everything_on(&bench.cloud)).await;
        tokio::time::sleep(WINDOW).await;
        // The balancer is made anew under its name, and all that is under it.
        let anew = stack(edited(
            everything(),
            &[("/net.balancer.main/internal", json!(true))],
        ));
        bench.apply(&anew).await;
        bench.has_settled_on(&anew).await;
        // A run right after one that took everything away, too.
        bench.destroy(None).await;
        bench.apply(&anew).await;
        bench.has_settled_on(&anew).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_drift_is_told_after_a_bounded_wait() {
    let bench = late(1);
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    tokio::time::sleep(WINDOW).await;
    bench.cloud.change("net.balancer.main", "idle_seconds", 7);
    bench.cloud.remove("app.policy.main");
    let started = tokio::time::Instant::now();
    let planned = bench.plan(&stack).await;
    // Once for what is missing, once for what differs, and the last pause of each.
    assert!(started.elapsed() <= 3 * WINDOW, "{:?}", started.elapsed());
    assert!(planned.plan.has_drift());
    assert!(shown(&planned).contains(&"Update net.balancer.main".to_owned()));
    assert!(shown(&planned).contains(&"Create app.policy.main".to_owned()));
}
