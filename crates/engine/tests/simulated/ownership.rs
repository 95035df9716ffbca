//! What was made by others under a name of ours, and what another stack is in charge of, is told by its tags and left
//! alone; what a person took over, or whose tags somebody took off, is tagged again.

use infra_core::{Observation, Ownership, PhysicalId, ResourceAddress, RunOutcome, Stack, StackTag};
use infra_engine::{EngineError, Planned, RunRequest};
use infra_testkit::{Listed, stack, stack_id};
use serde_json::json;

use crate::bench::{Bench, apply, destroy, shown};
use crate::stacks::{everything, everything_on};

const POLICY: &str = "app.policy.main";
const OTHER: &str = "other/test/one/us-east-1";

/// A policy, which is known by its name, in a stack with something else.
fn policy(attached: &str) -> Stack {
    stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (POLICY): { "name": "reader", "attached": [attached] },
    }))
}

fn ownership(planned: &Planned, address: &str) -> Ownership {
    let mut changes = planned.plan.changes.iter();
    let change = changes.find(|change| change.address.to_string() == address);
    change.expect("a change").ownership.clone()
}

/// The run is refused because of this address alone, before cloud or state is touched.
async fn is_refused(bench: &Bench, request: RunRequest, address: &str, words: &str) {
    let before = (
        bench.cloud.listing(),
        bench.cloud.calls().changing,
        bench.state().serial,
    );
    match bench.run(request).await {
        Err(EngineError::NotOurs(refused)) => {
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert!(
                refused[0].message.starts_with(&format!("{address}: ")),
                "{refused:?}"
            );
            let all = format!("{} {}", refused[0].message, refused[0].help.join(" "));
            assert!(all.contains(words) && all.contains("infra state rm"), "{all}");
        }
        other => panic!("{other:?}"),
    }
    let after = (
        bench.cloud.listing(),
        bench.cloud.calls().changing,
        bench.state().serial,
    );
    assert_eq!(after, before);
}

fn blind(request: RunRequest) -> RunRequest {
    RunRequest {
        refresh: false,
        ..request
    }
}

async fn import(bench: &Bench, stack: &Stack, address: &str, id: &str) -> Option<String> {
    let (session, _receiver) = bench.session();
    let (address, id) = (address.parse().unwrap(), PhysicalId::new(id));
    session.import(stack, &address, &id).await.unwrap()
}

fn stack_tag(things: &[Listed]) -> Option<&str> {
    let [thing] = things else {
        panic!("one thing of {things:?}")
    };
    thing.tags.get("infra:stack").map(String::as_str)
}

#[tokio::test(start_paused = true)]
async fn what_somebody_made_anew_under_its_name_is_told_and_left_alone() {
    let bench = Bench::new();
    bench.apply(&policy("read")).await;
    bench.cloud.make_anew(POLICY);
    let planned = bench.plan(&policy("read")).await;
    assert_eq!(ownership(&planned, POLICY), Ownership::Unmarked);
    assert!(planned.plan.has_drift());
    let nothing = stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } }));
    let renamed = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (POLICY): { "name": "writer" },
    }));
    let words = "somebody made it anew, or took the tag off";
    for wanted in [policy("read"), policy("list"), renamed, nothing] {
        is_refused(&bench, apply(&wanted), POLICY, words).await;
    }
    is_refused(&bench, destroy(None), POLICY, words).await;
    // Nor without a look before the plan, where the step would touch it.
    is_refused(&bench, blind(apply(&policy("list"))), POLICY, words).await;
    is_refused(&bench, blind(destroy(None)), POLICY, words).await;
    // The rest goes on without it.
    let mut rest = destroy(None);
    rest.options.targets = vec!["net.network.main".parse().unwrap()];
    assert_eq!(
        bench.run(rest).await.unwrap().report.outcome,
        RunOutcome::Completed
    );
}

#[tokio::test(start_paused = true)]
async fn what_another_stack_is_in_charge_of_is_told_before_anything_is_touched() {
    for address in [POLICY, "net.network.main"] {
        let bench = Bench::new();
        bench.apply(&policy("read")).await;
        bench.cloud.give_to(address, OTHER);
        let planned = bench.plan(&policy("read")).await;
        assert_eq!(ownership(&planned, address), Ownership::OfStack(OTHER.to_owned()));
        let words = format!("is of another stack, `{OTHER}`");
        is_refused(&bench, apply(&policy("list")), address, &words).await;
        is_refused(&bench, destroy(None), address, &words).await;
        is_refused(&bench, blind(destroy(None)), address, &words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_imported_is_ours_from_then_on_and_the_next_apply_tags_it() {
    for takes_over_again in [false, true] {
        let bench = Bench::new();
        if takes_over_again {
            bench.apply(&policy("read")).await;
            bench.cloud.make_anew(POLICY);
        } else {
            bench
                .apply(&stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } })))
                .await;
            let attributes = json!({ "name": "reader", "attached": ["read"] });
            let attributes = attributes.as_object().unwrap().clone().into_iter();
            bench.cloud.plant(
                "app.policy",
                attributes.map(|(name, value)| (name, value.into())).collect(),
            );
        }
        assert_eq!(import(&bench, &policy("read"), POLICY, "reader").await, None);
        let planned = bench.plan(&policy("read")).await;
        assert_eq!(ownership(&planned, POLICY), Ownership::Retag);
        // Never shown as a difference.
        assert_eq!((shown(&planned), planned.plan.has_drift()), (Vec::new(), false));
        // It can go without.
        let fork = bench.fork();
        fork.destroy(None).await;
        assert!(fork.cloud.listing().is_empty());
        // One call that changes something.
        assert_eq!(bench.apply(&policy("read")).await.changing_calls, 1);
        let tagged = |thing: &Listed| thing.tags.get("infra:address").map(String::as_str) == Some(POLICY);
        assert!(bench.cloud.listing().iter().any(tagged));
        bench.nothing_is_left_to_do(&policy("read")).await;
        bench.apply(&policy("list")).await;
        bench.destroy(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_imported_from_another_stack_is_changed_only_with_new_tags() {
    let bench = Bench::new();
    bench.apply(&policy("read")).await;
    bench.cloud.give_to(POLICY, OTHER);
    assert_eq!(
        import(&bench, &policy("read"), POLICY, "reader").await.as_deref(),
        Some(OTHER)
    );
    let words = format!("is of another stack, `{OTHER}`");
    is_refused(&bench, destroy(None), POLICY, &words).await;
    bench.apply(&policy("list")).await;
    assert_eq!(
        stack_tag(&bench.cloud.things_of(POLICY)),
        Some(stack_id().as_str())
    );
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_somebody_took_off_what_has_an_id_of_its_own_is_drift_and_is_put_back() {
    let bench = Bench::new();
    bench.apply(&policy("read")).await;
    let before = bench.cloud.listing();
    bench.cloud.untag("net.network.main");
    let planned = bench.plan(&policy("read")).await;
    assert_eq!(ownership(&planned, "net.network.main"), Ownership::Retag);
    assert!(planned.plan.has_drift());
    assert_eq!(shown(&planned), [""; 0]);
    let fork = bench.fork();
    fork.destroy(None).await;
    assert_eq!(bench.apply(&policy("read")).await.changing_calls, 1);
    let mut after = bench.cloud.listing();
    for (thing, before) in after.iter_mut().zip(&before) {
        // The token is that of the create, which is over.
        let token = before.tags.get("infra:token");
        thing
            .tags
            .extend(token.map(|token| ("infra:token".to_owned(), token.clone())));
    }
    assert_eq!(after, before);
    bench.nothing_is_left_to_do(&policy("read")).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_while_it_writes_tags_is_gone_on_with() {
    for moment in [
        infra_testkit::Moment::BeforeEffect,
        infra_testkit::Moment::AfterEffect,
    ] {
        let mut bench = Bench::new();
        bench.apply(&policy("read")).await;
        bench.cloud.make_anew(POLICY);
        import(&bench, &policy("read"), POLICY, "reader").await;
        bench.cloud.stop_at(1, moment);
        assert!(bench.killed_or_over(apply(&policy("read"))).await.is_none());
        bench.restart();
        bench.apply(&policy("read")).await;
        assert_eq!(
            ownership(&bench.plan(&policy("read")).await, POLICY),
            Ownership::Ours
        );
        bench.nothing_is_left_to_do(&policy("read")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_type_is_either_left_alone_or_tagged_again() {
    let everything_named: Vec<ResourceAddress> = stack(everything()).resources.into_keys().collect();
    for address in everything_named {
        let bench = Bench::new();
        let stack = everything_on(&bench.cloud);
        bench.apply(&stack).await;
        let address = address.to_string();
        let planned = bench.plan(&stack).await;
        let observed = &planned.refreshed.observations[&address.parse().unwrap()];
        let Observation::Present { stack_tag, .. } = observed else {
            panic!("{address} is not there");
        };
        let takes_tags = *stack_tag != StackTag::Untold;
        bench.cloud.untag(&address);
        let planned = bench.plan(&stack).await;
        match ownership(&planned, &address) {
            Ownership::Ours => assert!(!takes_tags, "{address}"),
            Ownership::Retag => {
                bench.apply(&stack).await;
                bench.nothing_is_left_to_do(&stack).await;
            }
            _ => is_refused(&bench, destroy(None), &address, "took the tag off").await,
        }
    }
}
