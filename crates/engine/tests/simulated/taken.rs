//! What is to be made in place of something that is deleted first, under a name that others have.

use infra_core::plan::ActionCounts;
use infra_core::{Attributes, ErrorClass, RunOutcome, Stack, Value};
use infra_engine::EngineError;
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, apply, shown};

const STORE: &str = "app.store.main";

fn named(name: &str) -> Stack {
    stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (STORE): { "name": name },
    }))
}

#[tokio::test(start_paused = true)]
async fn the_old_one_stays_where_others_have_the_name_of_the_new_one() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    let theirs = Attributes::from([("name".to_owned(), Value::from("two"))]);
    let id = bench.cloud.plant("app.store", theirs);
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
                format!("`infra state rm stack.json {STORE}`"),
                format!("`infra import stack.json {STORE} {id}`"),
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
