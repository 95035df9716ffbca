//! A state that is older than what the cloud has: noticed before anything is made a second time, and only then.

use infra_core::{Stack, State};
use infra_engine::{Planned, Unknown};
use infra_state::testing::MemoryStore;
use infra_testkit::stack;
use serde_json::{Value as Json, json};

use crate::bench::{Bench, apply};
use crate::stacks::{edited, everything};

const NEW: &str = "net.part.c";

fn base() -> Stack {
    stack(everything())
}

fn with(edits: &[(&str, Json)]) -> Stack {
    stack(edited(everything(), edits))
}

/// With one more thing, which has no name of its own.
fn more() -> Stack {
    with(&[("/net.part.c", json!({ "network_id": "${net.network.main.id}" }))])
}

async fn applied(declared: &Stack) -> Bench {
    let bench = Bench::new();
    bench.cloud.write_file("app.tar", "first version");
    bench.apply(declared).await;
    bench
}

/// Puts the store of an earlier moment back.
fn put_back(bench: &mut Bench, older: MemoryStore) {
    bench.store = older;
    bench.watch.restored(&bench.store);
}

/// What is found that the state does not know, as `apply` looks for it, with whether the cloud was asked beside planning.
async fn found(bench: &Bench, declared: &Stack) -> (Vec<String>, bool) {
    let (session, _receiver) = bench.session();
    let looking = session.unknown_to_the_state(Some(declared));
    let (planned, unknown) = tokio::join!(session.plan(apply(declared)), looking);
    let (planned, unknown): (Planned, Unknown) = (planned.unwrap(), unknown.unwrap());
    let asked = unknown != Unknown::NotAsked;
    let newer = session.newer_than_the_state(&planned, unknown).await.unwrap();
    let found = newer.iter().map(|(address, thing)| {
        let id = bench.cloud.things_of(&address.to_string()).remove(0).id;
        assert_eq!(id, thing.id);
        address.to_string()
    });
    (found.collect(), asked)
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_state_made_is_not_made_a_second_time() {
    let mut bench = applied(&base()).await;
    let older = bench.store.fork();
    bench.apply(&more()).await;
    // The state that made it knows it, and asks nothing.
    assert_eq!(found(&bench, &more()).await, (vec![], false));
    put_back(&mut bench, older);
    assert_eq!(found(&bench, &more()).await, (vec![NEW.to_owned()], true));
    // What is not to be made is in nobody's way.
    assert_eq!(found(&bench, &base()).await, (vec![], false));
    let other = with(&[("/net.part.d", json!({ "network_id": "${net.network.main.id}" }))]);
    assert_eq!(found(&bench, &other).await, (vec![], true));
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_state_made_anew_is_not_made_a_second_time() {
    let mut bench = applied(&more()).await;
    let older = bench.store.fork();
    bench.apply(&base()).await;
    bench.apply(&more()).await;
    put_back(&mut bench, older);
    // The state knows another one, which is gone: only the plan tells that something will be made.
    assert_eq!(found(&bench, &more()).await, (vec![NEW.to_owned()], false));
    // Rebuilt, it takes over what there is.
    bench.store = MemoryStore::with_state(State {
        rebuilt: true,
        ..bench.state()
    });
    bench.watch.restored(&bench.store);
    let (session, _receiver) = bench.session();
    assert_eq!(session.find_again(&more()).await.unwrap(), 1);
    drop(session);
    bench.settle_on(&more()).await;
    assert_eq!(bench.cloud.things_of(NEW).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_state_itself_let_go_of_is_in_nobodys_way() {
    let bench = applied(&more()).await;
    let (session, receiver) = bench.session();
    let record = bench.state().resources[&NEW.parse().unwrap()].clone();
    let entry = infra_core::state::JournalEntry::Forgotten {
        address: NEW.parse().unwrap(),
        physical_id: record.physical_id,
    };
    session.journal.append(entry).await.unwrap();
    drop((session, receiver));
    bench.watch.restored(&bench.store);
    assert_eq!(bench.cloud.things_of(NEW).len(), 1);
    assert_eq!(found(&bench, &more()).await, (vec![], true));
}
