//! A state that came from a backup: what it does not know is found again, and nothing is made twice.

use infra_core::{EventKind, Stack, State};
use infra_state::testing::MemoryStore;
use infra_testkit::stack;
use serde_json::{Value as Json, json};

use crate::bench::{Bench, apply, destroy};
use crate::stacks::{edited, everything};

fn base() -> Stack {
    stack(everything())
}

fn with(edits: &[(&str, Json)]) -> Stack {
    stack(edited(everything(), edits))
}

/// Without the one thing that has neither tags nor a reference to anything of the stack, and so could be
/// anybody's.
fn known_for_ours() -> Stack {
    with(&[
        ("/app.image.main", Json::Null),
        ("/app.definition.main/image", json!("somewhere/else")),
    ])
}

async fn fresh() -> Bench {
    let bench = Bench::new();
    bench.cloud.write_file("app.tar", "first version");
    bench
}

/// Goes back to a state from before, as a rebuild does.
fn rebuild(bench: &mut Bench, state: State) {
    let serial = bench.state().serial + 1;
    bench.store = MemoryStore::with_state(State {
        serial,
        rebuilt: true,
        ..state
    });
    bench.watch.restored(&bench.store);
}

/// What is found again, one line for each.
async fn find_again(bench: &Bench, declared: &Stack) -> Vec<String> {
    let (session, mut receiver) = bench.session();
    let found = session.find_again(declared).await.expect("a search");
    bench.cloud.report_to(std::sync::Arc::new(infra_provider::Silent));
    drop(session);
    let mut lines = Vec::new();
    while let Some(event) = receiver.next().await {
        if let EventKind::Settled {
            address,
            outcome,
            physical_id,
        } = event.kind
            && outcome == "found again"
        {
            lines.push(format!("{address} {}", physical_id.expect("an id")));
        }
    }
    assert_eq!(lines.len(), found);
    lines
}

#[tokio::test(start_paused = true)]
async fn with_nothing_but_the_files_everything_is_found() {
    let mut bench = fresh().await;
    bench.apply(&known_for_ours()).await;
    let before = bench.state();
    rebuild(&mut bench, State::new(before.stack.clone(), "new"));
    let changing = bench.cloud.calls().changing;
    let found = find_again(&bench, &known_for_ours()).await;
    assert_eq!(found.len(), before.resources.len(), "{found:?}");
    for (address, record) in &bench.state().resources {
        assert_eq!(record.physical_id, before.resources[address].physical_id);
    }
    // Only what is never told back is sent again.
    let ran = bench.settle_on(&known_for_ours()).await;
    let made = |name: &str| name.starts_with("create ") || name.starts_with("delete ");
    let calls = bench.cloud.calls();
    assert_eq!(
        ran.planned.plan.counts().create + ran.planned.plan.counts().replace,
        0
    );
    assert!(calls.changing - changing <= 2, "{calls:?}");
    assert!(calls.each.keys().filter(|name| made(name)).count() <= before.resources.len());
    assert_eq!(find_again(&bench, &known_for_ours()).await, [""; 0]);
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_was_done_since_the_backup_is_carried_on_from() {
    let edits: [&[(&str, Json)]; 5] = [
        // Nearly everything is replaced, the old ones going first; then the next ones made first.
        &[("/net.network.main/range", json!("10.1.0.0/16"))],
        &[
            ("/app.definition.main/family", json!("site")),
            (
                "/net.gateway.main/lifecycle",
                json!({ "create_before_destroy": true }),
            ),
            ("/net.gateway.main/part_id", json!("${net.part.b.id}")),
        ],
        // Changed in place; gone; new.
        &[
            ("/app.policy.main/attached", json!(["write"])),
            ("/app.service.main/count", Json::Null),
        ],
        &[
            ("/net.part.b", Json::Null),
            ("/net.balancer.main/part_ids", json!(["${net.part.a.id}"])),
        ],
        &[("/net.part.c", json!({ "network_id": "${net.network.main.id}" }))],
    ];
    for edit in edits {
        for back in [false, true] {
            let mut bench = fresh().await;
            bench.apply(&base()).await;
            let backup = bench.state();
            bench.apply(&with(edit)).await;
            rebuild(&mut bench, backup.clone());
            // The file may say what AWS has, or still or again what the backup knows.
            let declared = if back { base() } else { with(edit) };
            find_again(&bench, &declared).await;
            if back && edit[0].0.starts_with("/net.part.c") {
                // What nobody declares is not looked for; it is listed, and goes by hand.
                let left = bench.cloud.things_of("net.part.c");
                assert_eq!(left.len(), 1);
                bench.cloud.remove("net.part.c");
            }
            bench.settle_on(&declared).await;
            bench.destroy(None).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_made_after_the_backup_goes_with_a_destroy_that_is_told_of_it() {
    let mut bench = fresh().await;
    let backup = bench.state();
    bench.cloud.stop_at(6, infra_testkit::Moment::AfterEffect);
    assert!(bench.apply_until_killed(&known_for_ours()).await);
    rebuild(&mut bench, backup);
    let found = find_again(&bench, &known_for_ours()).await;
    assert!(found.len() >= 5, "{found:?}");
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_are_left_alone_and_an_ordinary_state_looks_for_nothing() {
    let mut bench = fresh().await;
    let declared = stack(json!({ "app.policy.main": { "name": "reader" } }));
    let attributes = [("name".to_owned(), "reader".into())];
    bench.cloud.plant("app.policy", attributes.into());
    let reading = bench.cloud.calls().reading;
    assert_eq!(find_again(&bench, &declared).await, [""; 0]);
    assert_eq!(bench.cloud.calls().reading, reading);
    let backup = bench.state();
    rebuild(&mut bench, backup);
    assert_eq!(find_again(&bench, &declared).await, [""; 0]);
    assert!(bench.cloud.calls().reading > reading);
    assert!(bench.state().resources.is_empty());
    let ran = bench.run(apply(&declared)).await.expect("a run");
    assert_eq!(ran.report.failed, 1);
    bench.run(destroy(None)).await.expect("a run");
    assert_eq!(bench.cloud.listing().len(), 1);
}
