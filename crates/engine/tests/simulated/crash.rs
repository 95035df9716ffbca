//! The process dies at every call and at every write, and the next one carries on.

use std::time::Duration;

use infra_core::Stack;
use infra_engine::EngineError;
use infra_state::testing::Failure;
use infra_testkit::{Faults, Moment, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, apply, destroy};
use crate::stacks::{edited, everything, everything_on, records};

const MOMENTS: [Moment; 2] = [Moment::BeforeEffect, Moment::AfterEffect];

/// From what to what a killed run goes; `None`: to nothing.
fn journeys() -> Vec<(Option<Stack>, Option<Stack>)> {
    let base = || stack(everything());
    let with = |edits: &[(&str, Json)]| Some(stack(edited(everything(), edits)));
    vec![
        (None, Some(base())),
        (Some(base()), None),
        // Nearly everything is replaced, the old ones going first.
        (
            Some(base()),
            with(&[("/net.network.main/range", json!("10.1.0.0/16"))]),
        ),
        // The next ones are made first.
        (
            Some(base()),
            with(&[
                ("/app.definition.main/family", json!("site")),
                (
                    "/net.gateway.main/lifecycle",
                    json!({ "create_before_destroy": true }),
                ),
                ("/net.gateway.main/part_id", json!("${net.part.b.id}")),
            ]),
        ),
        // By one call each: two records change places, one goes to another address, one is made anew.
        (
            Some(stack(records(["a", "b", "c", "d"]))),
            Some(stack(records(["b", "a", "e", "f"]))),
        ),
        // Changes in place and things that go.
        (
            Some(base()),
            with(&[
                ("/app.secret.main/value", json!("${secret.correct horse}")),
                ("/app.policy.main/attached", json!(["write"])),
                ("/net.balancer.main/part_ids", json!(["${net.part.a.id}"])),
                ("/net.part.b", Json::Null),
                ("/app.service.main/count", Json::Null),
            ]),
        ),
    ]
}

async fn prepared(faults: Faults, from: Option<&Stack>) -> Bench {
    let bench = Bench::with_faults(faults);
    bench.cloud.write_file("app.tar", "first version");
    if let Some(from) = from {
        bench.apply(from).await;
        tokio::time::sleep(faults.truth_after()).await;
    }
    bench
}

/// Whether the way back is tried as well: it is not for every kill, since that takes long.
fn goes_back(nth: u64) -> bool {
    nth.is_multiple_of(4)
}

/// Kills the journey at each of its changing calls, on both sides of the effect.
async fn kill_everywhere(faults: Faults) {
    for (from, to) in journeys() {
        let start = prepared(faults, from.as_ref()).await;
        let calls = {
            let bench = start.fork();
            match &to {
                Some(to) => bench.apply(to).await,
                None => bench.run(destroy(None)).await.unwrap(),
            };
            bench.cloud.calls().changing
        };
        assert!(calls > 4);
        for nth in 1..=calls {
            for moment in MOMENTS {
                let mut bench = start.fork();
                bench.cloud.stop_at(nth, moment);
                let killed = bench.run_until_killed(to.as_ref()).await;
                assert!(killed, "call {nth} of {calls} was never made");
                if let Some(to) = &to {
                    bench.apply(to).await;
                    if !faults.stale_for.is_zero() {
                        // What the run saw of its own changes may have been old.
                        tokio::time::sleep(faults.truth_after()).await;
                        bench.apply(to).await;
                    }
                    tokio::time::sleep(faults.truth_after()).await;
                    bench.has_settled_on(to).await;
                }
                if to.is_none() || goes_back(nth) {
                    bench.run(destroy(None)).await.unwrap();
                    tokio::time::sleep(faults.truth_after()).await;
                    bench.destroy(None).await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_loses_nothing_and_doubles_nothing() {
    kill_everywhere(Faults::default()).await;
}

#[tokio::test(start_paused = true)]
async fn nor_does_it_where_calls_take_time_and_arrive_after_the_death_of_who_made_them() {
    kill_everywhere(Faults {
        seed: 17,
        fastest: Duration::from_millis(100),
        slowest: Duration::from_secs(2),
        ..Faults::default()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nor_does_it_where_lists_are_late() {
    kill_everywhere(Faults {
        seed: 23,
        fastest: Duration::from_millis(10),
        slowest: Duration::from_millis(100),
        stale_for: Duration::from_secs(6),
        ..Faults::default()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_death_at_any_write_of_the_state_loses_nothing() {
    for (from, to) in journeys() {
        let start = prepared(Faults::default(), from.as_ref()).await;
        let mut nth = 1;
        'writes: loop {
            for failure in [Failure::CrashBefore, Failure::CrashAfter, Failure::NoSpace] {
                if failure == Failure::NoSpace && !goes_back(nth) {
                    continue;
                }
                let mut bench = start.fork();
                bench.store.fail_at(nth, failure);
                let request = to.as_ref().map_or_else(|| destroy(None), apply);
                match bench.run(request).await {
                    Ok(_) => break 'writes,
                    Err(EngineError::Journal(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
                bench.restart();
                if let Some(to) = &to {
                    bench.settle_on(to).await;
                }
                if to.is_none() || goes_back(nth) {
                    bench.destroy(None).await;
                }
            }
            nth += 1;
        }
        assert!(nth > 10, "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_dies_again_and_again_gets_there_in_the_end() {
    for seed in 0..10 {
        let mut bench = Bench::with_faults(Faults {
            stale_for: Duration::ZERO,
            ..Faults::stormy(seed)
        });
        let stack = everything_on(&bench.cloud);
        let mut deaths = 0;
        loop {
            bench
                .cloud
                .stop_at(2 + (seed + deaths) % 3, MOMENTS[(deaths % 2) as usize]);
            if !bench.apply_until_killed(&stack).await {
                break;
            }
            deaths += 1;
            assert!(deaths < 100);
        }
        assert!(deaths > 3);
        bench.settle_on(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_open_is_settled_and_told_of() {
    let mut bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "app.policy.main": { "name": "reader" },
    }));
    bench.cloud.stop_at(2, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&stack).await);
    assert!(bench.state().open_intents().next().is_some());
    let ran = bench.settle_on(&stack).await;
    let told: Vec<String> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            infra_core::EventKind::Settled { address, outcome, .. } => Some(format!("{address} {outcome}")),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 2);
    for address in ["app.policy.main adopted", "net.network.main adopted"] {
        assert!(told.contains(&address.to_owned()), "{told:?}");
    }
    assert_eq!(bench.cloud.calls().changing, 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_replaced_and_not_yet_deleted_goes_with_the_next_run() {
    let mut bench = Bench::new();
    let with_family = |family: &str| stack(json!({ "app.definition.main": { "family": family } }));
    bench.apply(&with_family("a")).await;
    bench.cloud.stop_at(2, Moment::BeforeEffect);
    assert!(bench.apply_until_killed(&with_family("b")).await);
    assert_eq!(bench.state().deposed.len(), 1);
    assert_eq!(bench.cloud.things_of("app.definition.main").len(), 2);
    // A third one, before the first is gone.
    bench.settle_on(&with_family("c")).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_replaced_goes_although_the_next_replacement_turns_out_to_be_none() {
    let mut bench = Bench::new();
    let with = |environment: Json| {
        stack(json!({
            "app.secret.main": { "name": "secret", "value": "1" },
            "app.definition.main": { "family": "web", "environment": environment },
            "app.service.main": { "name": "web", "definition": "${app.definition.main.arn}" },
        }))
    };
    bench
        .apply(&with(json!({ "A": "1", "B": "${app.secret.main.version}" })))
        .await;
    let after = with(json!({ "B": "${app.secret.main.version}" }));
    bench.cloud.stop_at(1, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&after).await);
    // Made anew, the secret's version cannot be known beforehand, and is what it was.
    bench.cloud.remove("app.secret.main");
    bench.settle_on(&after).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_update_made_use_of_is_not_deleted_before_it_is_let_go() {
    let mut bench = Bench::new();
    let with = |part: &str, range: &str| {
        stack(json!({
            "net.network.main": { "range": "10.0.0.0/16" },
            "net.part.a": { "network_id": "${net.network.main.id}" },
            "net.part.b": { "network_id": "${net.network.main.id}", "range": range },
            "net.balancer.main": { "name": "front", "part_ids": [format!("${{net.part.{part}.id}}")] },
        }))
    };
    bench.apply(&with("a", "10.0.1.0/24")).await;
    bench.cloud.stop_at(1, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&with("b", "10.0.1.0/24")).await);
    // The balancer uses part b, and the state did not get to know of it.
    bench.settle_on(&with("b", "10.0.2.0/24")).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_update_may_have_let_go_of_what_was_replaced_in_favour_of_what_replaced_it() {
    let mut bench = Bench::new();
    let with = |range: &str, made_first: bool| {
        stack(json!({
            "net.network.main": { "range": "10.0.0.0/16" },
            "net.part.a": {
                "network_id": "${net.network.main.id}",
                "range": range,
                "lifecycle": { "create_before_destroy": made_first },
            },
            "net.balancer.main": { "name": "front", "part_ids": ["${net.part.a.id}"] },
        }))
    };
    bench.apply(&with("10.0.1.0/24", true)).await;
    // A new part is made, the balancer is changed to it, and nobody hears of that.
    bench.cloud.stop_at(2, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&with("10.0.2.0/24", true)).await);
    assert_eq!(bench.state().deposed.len(), 1);
    // The new one is replaced as well, and is to go first if it can.
    bench.settle_on(&with("10.0.3.0/24", false)).await;
}
