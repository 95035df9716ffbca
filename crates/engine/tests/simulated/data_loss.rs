//! Data that goes with what holds it: AWS is asked whether there is any, and nobody loses it unasked.

use infra_core::{ErrorClass, HeldData, RunOutcome, Stack};
use infra_engine::{EngineError, Planned, RunRequest};
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, apply, destroy, shown};

const STORE: &str = "app.store.main";

fn named(name: &str) -> Stack {
    stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (STORE): { "name": name },
    }))
}

fn allowing(mut request: RunRequest) -> RunRequest {
    request.options.allow_data_loss = vec![STORE.parse().unwrap()];
    request
}

/// What the plan says of the store's data, and whether that may be lost.
fn told(planned: &Planned) -> Option<(HeldData, bool)> {
    let mut changes = planned.plan.changes.iter();
    let store = changes.find(|change| change.address.to_string() == STORE)?;
    let data = store.data.as_ref()?;
    assert_eq!(data.what, "records");
    Some((data.held.clone(), data.allowed))
}

/// The run is refused because of the store, and neither cloud nor state is touched.
async fn is_refused(bench: &Bench, request: RunRequest) {
    let before = (bench.cloud.calls().changing, bench.state().serial);
    match bench.run(request).await {
        Err(EngineError::DataLoss(refused)) => {
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert!(refused[0].message.starts_with(STORE), "{refused:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((bench.cloud.calls().changing, bench.state().serial), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_empty_loses_nothing() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    let planned = bench.plan(&named("two")).await;
    assert_eq!(shown(&planned), [format!("Replace {STORE}")]);
    assert_eq!(told(&planned), Some((HeldData::Nothing, false)));
    bench.settle_on(&named("two")).await;
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn aws_is_asked_only_where_a_plan_would_delete_or_replace() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    let reads = |bench: &Bench| bench.cloud.calls().reading;
    let calls = async |stack: &Stack| {
        let before = reads(&bench);
        bench.plan(stack).await;
        reads(&bench) - before
    };
    let unchanged = calls(&named("one")).await;
    assert_eq!(calls(&named("two")).await, unchanged + 1);
}

#[tokio::test(start_paused = true)]
async fn data_is_lost_only_where_that_is_allowed() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    bench.cloud.fill(STORE);
    let undeclared = stack(json!({ "net.network.main": { "range": "10.0.0.0/16" } }));
    for request in [apply(&named("two")), apply(&undeclared), destroy(None)] {
        is_refused(&bench, request).await;
    }
    let ran = bench.run(allowing(apply(&named("two")))).await.unwrap();
    assert_eq!(told(&ran.planned), Some((HeldData::Something, true)));
    assert_eq!(ran.report.outcome, RunOutcome::Completed);
    bench.has_settled_on(&named("two")).await;
    bench.cloud.fill(STORE);
    let ran = bench.run(allowing(destroy(None))).await.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Completed);
    assert_eq!(bench.cloud.listing(), []);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_counts_as_holding_some() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    bench
        .cloud
        .refuse("without_data app.store", Some(ErrorClass::Denied));
    let planned = bench.plan(&named("two")).await;
    let Some((HeldData::Unclear(reason), false)) = told(&planned) else {
        panic!("{:?}", told(&planned))
    };
    assert!(reason.contains("by the test's will"), "{reason}");
    is_refused(&bench, destroy(None)).await;
}

/// The file's word is in the state, so that a destroy without the file goes by it.
#[tokio::test(start_paused = true)]
async fn the_state_remembers_what_the_file_allows() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    bench.cloud.fill(STORE);
    let allowed = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        (STORE): { "name": "one", "lifecycle": { "allow_data_loss": { "of_resource": true } } },
    }));
    is_refused(&bench, destroy(None)).await;
    bench.settle_on(&allowed).await;
    bench.destroy(None).await;
}

/// What was empty when it was looked at is not forced: the cloud's own refusal is the last word.
#[tokio::test(start_paused = true)]
async fn what_comes_after_the_look_is_not_lost() {
    let bench = Bench::new();
    bench.apply(&named("one")).await;
    let (session, _receiver) = bench.session();
    let planned = session.plan(destroy(None)).await.unwrap();
    assert_eq!(told(&planned), Some((HeldData::Nothing, false)));
    bench.cloud.fill(STORE);
    let report = session.execute(planned.clone(), "test").await.unwrap();
    assert_eq!((report.outcome, report.failed), (RunOutcome::Failed, 1));
    assert_eq!(bench.cloud.things_of(STORE).len(), 1);
    let again = session.with_held_data(planned, destroy(None)).await;
    assert!(again.is_ok_and(|again| told(&again) == Some((HeldData::Something, false))));
}
