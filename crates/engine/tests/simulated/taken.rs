//! What is to be made in place of something that is deleted first, under a name that others have.

use std::collections::BTreeSet;

use infra_core::plan::ActionCounts;
use infra_core::{Attributes, ErrorClass, PhysicalId, RunOutcome, Stack, Value};
use infra_engine::EngineError;
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, apply, failures, shown};

const STORE: &str = "app.store.main";

fn named(name: &str) -> Stack {
    stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (STORE): { "name": name },
    }))
}

/// Somebody else makes something of this name.
fn theirs(bench: &Bench, kind: &str, name: &str) -> PhysicalId {
    let attributes = Attributes::from([("name".to_owned(), Value::from(name))]);
    bench.cloud.plant(kind, attributes)
}

/// The names of all stores.
fn stores(bench: &Bench) -> BTreeSet<String> {
    let listing = bench.cloud.listing().into_iter();
    let stores = listing.filter(|listed| listed.type_name.to_string() == "app.store");
    stores.map(|listed| listed.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_old_one_stays_where_others_have_the_name_of_the_new_one() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    let id = theirs(&bench, "app.store", "two");
    let before = (
        bench.cloud.listing(),
        bench.cloud.calls().changing,
        bench.state().serial,
    );
    assert_eq!(
        shown(&bench.plan(&named("two")).await),
        [format!("Replace {STORE}")]
    );
    match bench.run(apply(&named("two"))).await {
        Err(EngineError::Taken(refused)) => {
            assert_eq!(refused.len(), 1, "{refused:?}");
            let told = format!("{} {}", refused[0].message, refused[0].help.join(" "));
            let ways_out = [
                format!("`infra state rm stack.json {STORE} --sandbox`"),
                format!("`infra import stack.json {STORE} {id} --sandbox`"),
            ];
            for words in [STORE, "exists already", &ways_out[0], &ways_out[1]] {
                assert!(told.contains(words), "{told}");
            }
        }
        other => panic!("{other:?}"),
    }
    let after = (
        bench.cloud.listing(),
        bench.cloud.calls().changing,
        bench.state().serial,
    );
    assert_eq!(after, before);
    bench.apply(&named("three")).await;
    bench.nothing_is_left_to_do(&named("three")).await;
}

/// A store and a grant under it, whose name comes from what the run is still to change.
fn named_by_version(value: &str) -> Stack {
    stack(json!({
        "app.secret.key": { "name": "key", "value": value },
        (STORE): { "name": "store-${app.secret.key.version}" },
        "app.grant.read": { "role": "${app.store.main.name}", "name": "read" },
    }))
}

#[tokio::test(start_paused = true)]
async fn a_name_that_becomes_known_only_in_the_run_is_looked_at_before_anything_goes() {
    let bench = Bench::new();
    bench.apply(&named_by_version("a")).await;
    theirs(&bench, "app.store", "store-2");
    let before = stores(&bench);
    let ran = bench.try_apply(&named_by_version("b")).await;
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(stores(&bench), before);
    let told = failures(&ran.events).join("\n");
    for words in [STORE, "app.store store-2 exists already", "are left as they are"] {
        assert!(told.contains(words), "{told}");
    }
    let calls = bench.cloud.calls().each;
    assert!(!calls.keys().any(|call| call.starts_with("delete")), "{calls:?}");
    // The next name is free.
    bench.apply(&named_by_version("c")).await;
    bench.nothing_is_left_to_do(&named_by_version("c")).await;
    assert!(stores(&bench).contains("store-3"));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_told_only_when_something_works_is_waited_for() {
    let stack = |part: &str, name: &str| {
        stack(json!({
            "net.network.main": { "range": "10.0.0.0/16" },
            "net.part.a": { "network_id": "${net.network.main.id}" },
            "net.part.b": { "network_id": "${net.network.main.id}" },
            "net.gateway.main": { "part_id": format!("${{net.part.{part}.id}}") },
            (STORE): { "name": name },
        }))
    };
    let bench = Bench::new();
    bench.apply(&stack("a", "one")).await;
    let changed = stack("b", "one-${net.gateway.main.address}");
    // What it is going to be called when somebody has something more.
    let other = bench.fork();
    theirs(&other, "app.store", "else");
    other.apply(&changed).await;
    let name = stores(&other).into_iter().find(|name| name.starts_with("one-"));
    theirs(&bench, "app.store", &name.expect("a store of that name"));
    let before = stores(&bench);
    let ran = bench.try_apply(&changed).await;
    assert_eq!(ran.report.outcome, RunOutcome::Failed);
    assert_eq!(stores(&bench), before);
    assert!(!bench.cloud.calls().each.contains_key(&format!("delete {STORE}")));
}

#[tokio::test(start_paused = true)]
async fn a_rename_in_case_alone_is_no_name_of_others() {
    let named = |name: &str| stack(json!({ "app.policy.main": { "name": name } }));
    let bench = Bench::new();
    bench.apply(&named("app")).await;
    bench.settle_on(&named("App")).await;
    bench.settle_on(&named("other")).await;
    theirs(&bench, "app.policy", "THIRD");
    let refused = bench.run(apply(&named("third"))).await;
    assert!(matches!(refused, Err(EngineError::Taken(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_itself_lets_go_of_is_free() {
    let bench = Bench::new();
    let two = |one: &str, other: &str| {
        stack(json!({ (STORE): { "name": one }, "app.store.other": { "name": other } }))
    };
    bench.apply(&two("one", "two")).await;
    bench.settle_on(&two("two", "three")).await;
    bench.settle_on(&two("three", "two")).await;
}

#[tokio::test(start_paused = true)]
async fn of_half_a_replacement_that_half_is_told() {
    for (refused, half) in [
        (
            "create",
            ActionCounts {
                delete: 1,
                ..ActionCounts::default()
            },
        ),
        ("delete", ActionCounts::default()),
    ] {
        let bench = Bench::new();
        bench.apply(&named("one")).await;
        bench
            .cloud
            .refuse(&format!("{refused} {STORE}"), Some(ErrorClass::Other));
        let ran = bench.try_apply(&named("two")).await;
        assert_eq!(ran.report.outcome, RunOutcome::Failed);
        assert_eq!(
            ActionCounts {
                no_op: 0,
                ..ran.report.done
            },
            half
        );
        bench.cloud.refuse(&format!("{refused} {STORE}"), None);
        bench.settle_on(&named("two")).await;
    }
}
