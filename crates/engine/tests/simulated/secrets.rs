//! What is sensitive reaches the cloud in clear, and nothing else.

use std::time::Duration;

use infra_core::{ErrorClass, Value};
use infra_state::StateStore;
use infra_testkit::{Faults, Moment, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, Ran, failures};
use crate::stacks::edited;

/// Every text that is secret in these tests.
const CLEAR: [&str; 6] = [
    "hunter2",
    "an animal",
    "correct horse",
    "swordfish",
    "a plant",
    "passphrase",
];

fn secretive() -> Json {
    json!({
        "app.secret.main": { "name": "password", "value": "${secret.hunter2}", "hint": "an animal" },
        "app.secret.copy": { "name": "copy", "value": "see ${app.secret.main.hint}" },
        "net.network.main": { "range": "10.0.0.0/16", "labels": { "word": "${secret.swordfish}", "plain": "yes" } },
        "net.part.a": { "network_id": "${net.network.main.id}", "note": "not ${secret.passphrase}" },
        "app.definition.main": { "family": "web", "environment": { "WORD": "${secret.swordfish}" } },
        "app.policy.main": { "name": "reader", "attached": ["${secret.passphrase}", "read"] },
        "output.hint": { "value": "${app.secret.main.hint}", "sensitive": true },
        "output.word": "${net.part.a.note}",
        "output.plain": { "value": "correct horse", "sensitive": true },
    })
}

/// Nothing secret is in anything that is written, sent or shown.
fn nothing_leaks(bench: &Bench, ran: &Ran) {
    let state = bench.store.load().unwrap().state;
    let journal = bench.store.journal(1..=state.serial).unwrap();
    assert_eq!(journal.len() as u64, state.serial);
    let all = [
        serde_json::to_string(&state).unwrap(),
        serde_json::to_string(&journal).unwrap(),
        serde_json::to_string(&ran.events).unwrap(),
        serde_json::to_string(&ran.planned.plan).unwrap(),
        serde_json::to_string(&bench.store.history().unwrap()).unwrap(),
        format!("{state:?} {journal:?} {:?} {:?}", ran.events, ran.report),
    ];
    for text in all {
        for secret in CLEAR {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(!text.contains("$secret") || text.contains("hmac-sha256:"));
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_reach_the_cloud_and_nothing_else() {
    let mut bench = Bench::new();
    let first = stack(secretive());
    // Not a failed call, not a killed process, not drift makes them show.
    bench
        .cloud
        .refuse("create app.secret.main", Some(ErrorClass::Invalid));
    let refused = bench.try_apply(&first).await;
    nothing_leaks(&bench, &refused);
    let told = failures(&refused.events).join(" ");
    assert!(told.contains("\"value\": String(\"(sensitive)\")"), "{told}");
    bench.cloud.refuse("create app.secret.main", None);
    bench.cloud.stop_at(1, Moment::AfterEffect);
    assert!(bench.apply_until_killed(&first).await);
    nothing_leaks(&bench, &bench.settle_on(&first).await);
    let in_clear =
        |address: &str, attribute: &str| bench.cloud.things_of(address)[0].attributes[attribute].clone();
    assert_eq!(in_clear("app.secret.main", "value"), Value::from("hunter2"));
    assert_eq!(in_clear("app.secret.copy", "value"), Value::from("see an animal"));
    assert_eq!(in_clear("net.part.a", "note"), Value::from("not passphrase"));

    bench.cloud.change("app.secret.main", "hint", "a plant");
    bench.cloud.change("net.part.a", "note", "correct horse");
    let drifted = bench.settle_on(&first).await;
    assert_eq!(drifted.report.done.update, 2);
    nothing_leaks(&bench, &drifted);

    let second = stack(edited(
        secretive(),
        &[
            ("/app.secret.main/value", json!("${secret.correct horse}")),
            ("/net.network.main/labels/word", json!("${secret.passphrase}")),
            (
                "/app.definition.main/environment/WORD",
                json!("${secret.hunter2}"),
            ),
            ("/app.policy.main/attached", json!(["${secret.swordfish}"])),
        ],
    ));
    let changed = bench.settle_on(&second).await;
    assert_eq!((changed.report.done.update, changed.report.done.replace), (3, 1));
    nothing_leaks(&bench, &changed);
    nothing_leaks(&bench, &bench.destroy(None).await);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_never_told_back_is_sent_again_when_nobody_knows_whether_it_arrived() {
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let mut bench = Bench::new();
        let with = |value: &str| {
            stack(
                json!({ "app.secret.main": { "name": "password", "value": format!("${{secret.{value}}}") } }),
            )
        };
        bench.apply(&with("hunter2")).await;
        bench.cloud.stop_at(1, moment);
        assert!(bench.apply_until_killed(&with("swordfish")).await);
        // The user goes back to the first one.
        bench.settle_on(&with("hunter2")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_it_is_when_the_call_failed_in_a_way_that_tells_nothing_or_did_so_before_it_was_refused() {
    for lost_first in [false, true] {
        let bench = Bench::new();
        let with = |value: &str| stack(json!({ "app.secret.main": { "name": "password", "value": value } }));
        bench.apply(&with("hunter2")).await;
        let class = if lost_first {
            ErrorClass::Denied
        } else {
            ErrorClass::Other
        };
        if lost_first {
            bench.cloud.set_faults(Faults {
                lost_answer_percent: 100,
                ..Faults::default()
            });
            let cloud = bench.cloud.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                cloud.refuse("update app.secret.main", Some(class));
            });
        } else {
            bench.cloud.refuse("update app.secret.main", Some(class));
        }
        bench.try_apply(&with("swordfish")).await;
        let sent = bench.cloud.things_of("app.secret.main")[0].attributes["value"].clone();
        assert_eq!(sent == Value::from("swordfish"), lost_first);
        bench.cloud.set_faults(Faults::default());
        bench.cloud.refuse("update app.secret.main", None);
        let ran = bench.settle_on(&with("hunter2")).await;
        assert_eq!(ran.changing_calls, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_type_calls_sensitive_is_hidden_from_whoever_uses_it_too() {
    let bench = Bench::new();
    let using = |note: &str| {
        stack(json!({
            "app.secret.main": { "name": "password", "value": "${secret.hunter2}" },
            "net.network.main": { "range": "10.0.0.0/16" },
            "net.part.a": { "network_id": "${net.network.main.id}", "note": note },
        }))
    };
    bench.settle_on(&using("nothing")).await;
    // Nobody but the type says that this is a secret.
    bench.cloud.change("app.secret.main", "hint", "a plant");
    let ran = bench.apply(&using("${app.secret.main.hint}")).await;
    assert_eq!(
        bench.cloud.things_of("net.part.a")[0].attributes["note"],
        Value::from("a plant")
    );
    nothing_leaks(&bench, &ran);
}
