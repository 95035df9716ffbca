//! What others have made under the very names that a stack is to have is neither changed nor deleted, whatever happens
//! to the runs.

use std::time::Duration;

use infra_core::{Attributes, RunOutcome, Stack};
use infra_testkit::{Faults, Listed, Moment, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, apply, destroy, failures};
use crate::stacks::{edited, everything};

const MOMENTS: [Moment; 2] = [Moment::BeforeEffect, Moment::AfterEffect];

/// One of everything, and a grant to a role of somebody else's.
fn written() -> Json {
    edited(
        everything(),
        &[(
            "/app.grant.main",
            json!({ "role": "theirs", "name": "read", "document": "all" }),
        )],
    )
}

/// What others have, exactly as the file wants it: each of another kind of natural key.
fn twins() -> [(&'static str, Json); 5] {
    [
        (
            "app.grant",
            json!({ "role": "theirs", "name": "read", "document": "all" }),
        ),
        (
            "app.policy",
            json!({ "name": "reader", "attached": ["read", "list"] }),
        ),
        (
            "app.secret",
            json!({ "name": "password", "value": "hunter2", "hint": "an animal" }),
        ),
        ("app.service", json!({ "name": "web", "definition": "theirs" })),
        (
            "net.balancer",
            json!({ "name": "front", "part_ids": [], "idle_seconds": 30 }),
        ),
    ]
}

fn attributes(json: &Json) -> Attributes {
    let table = json.as_object().expect("a table").clone();
    table
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect()
}

fn with(faults: Faults) -> (Bench, Stack) {
    let bench = Bench::with_faults(faults);
    bench.cloud.write_file("app.tar", "first version");
    (bench, stack(written()))
}

fn theirs(bench: &Bench) -> Vec<Listed> {
    let mut listing = bench.cloud.listing();
    listing.retain(|thing| thing.made_for.is_none());
    listing
}

/// Destroys until all that is the stack's own is gone; what others have is as it was.
async fn goes_without(bench: &Bench, before: &[Listed]) {
    for _ in 0..3 {
        bench.run(destroy(None)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(bench.cloud.listing(), before);
    assert!(bench.state().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_there_before_a_run_is_told_and_left_alone() {
    for (type_name, twin) in twins() {
        for seed in 0..6 {
            // The first in fair weather.
            let faults = if seed == 0 {
                Faults::default()
            } else {
                Faults::stormy(seed)
            };
            let (bench, stack) = with(faults);
            let id = bench.cloud.plant(type_name, attributes(&twin));
            let before = theirs(&bench);
            let ran = bench.try_apply(&stack).await;
            assert_eq!(ran.report.outcome, RunOutcome::Failed);
            let told = failures(&ran.events);
            let refused = |text: &String| text.contains(type_name) && text.contains("exists already");
            assert!(told.iter().any(refused), "{id}: {told:#?}");
            assert_eq!(theirs(&bench), before);
            goes_without(&bench, &before).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_death_at_any_call_change_that() {
    for (type_name, twin) in twins() {
        let calls = {
            let (bench, stack) = with(Faults::default());
            bench.cloud.plant(type_name, attributes(&twin));
            bench.try_apply(&stack).await.changing_calls
        };
        assert!(calls > 2);
        for nth in 1..=calls {
            for moment in MOMENTS {
                let (mut bench, stack) = with(Faults::default());
                bench.cloud.plant(type_name, attributes(&twin));
                let before = theirs(&bench);
                bench.cloud.stop_at(nth, moment);
                assert!(bench.killed_or_over(apply(&stack)).await.is_none());
                bench.restart();
                bench.try_apply(&stack).await;
                assert_eq!(theirs(&bench), before, "{type_name}, {nth}");
                goes_without(&bench, &before).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_made_while_the_outcome_of_a_call_is_unknown_is_told_by_its_tags() {
    for (type_name, twin) in twins().into_iter().filter(|(name, _)| *name != "app.grant") {
        let stack = stack(written());
        let mut nth = 1;
        // Dies before each call in turn, until there is one whose thing somebody else makes first.
        let bench = loop {
            let (mut bench, _) = with(Faults::default());
            bench.cloud.stop_at(nth, Moment::BeforeEffect);
            assert!(bench.killed_or_over(apply(&stack)).await.is_none(), "{type_name}");
            bench.restart();
            let state = bench.state();
            let mut open = state.open_intents();
            if open.any(|intent| intent.address.type_name().to_string() == type_name) {
                break bench;
            }
            nth += 1;
        };
        bench.cloud.plant(type_name, attributes(&twin));
        let before = theirs(&bench);
        let ran = bench.try_apply(&stack).await;
        assert_eq!(ran.report.outcome, RunOutcome::Failed, "{type_name}");
        assert_eq!(theirs(&bench), before);
        goes_without(&bench, &before).await;
    }
}
