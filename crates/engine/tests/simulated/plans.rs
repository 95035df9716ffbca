//! Plans that are kept, cut down, asked for, or turn out to be too careful; and outputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::event::EventKind;
use infra_core::{Action, Attributes, RunOutcome, TypeName, Value};
use infra_engine::{EngineError, RunRequest, Session};
use infra_provider::{
    Call, Created, Found, Provider, ProviderResult, Providers, Recognition, Spec, UpdateRequest, Waits,
};
use infra_testkit::{Cloud, differences, stack};
use serde_json::json;

use crate::bench::{Bench, apply, failures, shown};
use crate::stacks::{edited, everything, everything_on};

#[tokio::test(start_paused = true)]
async fn a_plan_is_refused_once_the_state_has_moved_on() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let planned = bench.plan(&stack).await;
    bench.apply(&stack).await;
    let calls = bench.cloud.calls().changing;
    let (session, _receiver) = bench.session();
    match session.execute(planned, "test").await {
        Err(EngineError::Stale {
            planned: 0, found, ..
        }) => assert_eq!(found, bench.state().serial),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.cloud.calls().changing, calls);
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_a_part_does_that_part_and_leaves_the_outputs_of_the_rest() {
    let bench = Bench::new();
    let base = everything_on(&bench.cloud);
    let targets = |addresses: &[&str], stack| {
        let mut request = apply(stack);
        request.options.targets = addresses.iter().map(|address| address.parse().unwrap()).collect();
        request
    };
    let ran = bench.run(targets(&["net.gateway.main"], &base)).await.unwrap();
    assert_eq!(
        shown(&ran.planned),
        [
            "Create net.gateway.main",
            "Create net.network.main",
            "Create net.part.a"
        ]
    );
    let outputs = bench.state().outputs;
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["where"]);
    bench.settle_on(&base).await;
    let outputs = bench.state().outputs;
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["front", "hint", "where"]);
    let changed = stack(edited(everything(), &[("/net.part.b/note", json!("changed"))]));
    bench.run(targets(&["net.part.b"], &changed)).await.unwrap();
    assert_eq!(bench.state().outputs, outputs);
    let mut some = crate::bench::destroy(Some(&changed));
    some.options.targets = vec!["app.policy.main".parse().unwrap()];
    let ran = bench.run(some).await.unwrap();
    assert_eq!(ran.report.outcome, RunOutcome::Completed);
    assert_eq!(bench.state().outputs, outputs);
}

#[tokio::test(start_paused = true)]
async fn outputs_follow_what_is_there() {
    let bench = Bench::new();
    let base = everything_on(&bench.cloud);
    bench.apply(&base).await;
    let balancer = &bench.cloud.things_of("net.balancer.main")[0];
    assert_eq!(bench.state().outputs["front"], balancer.attributes["arn"]);
    let address = bench.cloud.things_of("net.gateway.main")[0].attributes["address"].clone();
    assert_eq!(bench.state().outputs["where"], address);
    let edits = [
        ("/net.gateway.main/part_id", json!("${net.part.b.id}")),
        ("/output.front", json!(null)),
        ("/output.new", json!("constant")),
    ];
    let other = stack(edited(everything(), &edits));
    bench.settle_on(&other).await;
    let outputs = bench.state().outputs;
    assert_eq!(outputs.get("front"), None);
    assert_eq!(outputs["new"], Value::from("constant"));
    assert_ne!(outputs["where"], address);
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_done_although_nothing_differs() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    let mut request = apply(&stack);
    request.options.force_update = vec!["app.service.main".parse().unwrap()];
    let ran = bench.run(request).await.unwrap();
    assert_eq!(
        (shown(&ran.planned), ran.changing_calls),
        (vec!["Update app.service.main".to_owned()], 1)
    );
    assert_eq!(
        bench.cloud.things_of("app.service.main")[0].attributes["deployment"],
        Value::Integer(2)
    );
    bench.has_settled_on(&stack).await;
    let mut request = apply(&stack);
    request.options.replace = vec!["app.definition.main".parse().unwrap()];
    let ran = bench.run(request).await.unwrap();
    assert!(shown(&ran.planned).contains(&"Replace app.definition.main".to_owned()));
    bench.has_settled_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_planned_because_something_was_not_known_may_turn_out_to_be_nothing() {
    let bench = Bench::new();
    // The service's deployment counts changes of its definition only, which nobody can know beforehand.
    let with = |count: u64| {
        stack(json!({
            "app.definition.main": { "family": "web" },
            "app.service.main": { "name": "web", "definition": "${app.definition.main.arn}", "count": count },
            "app.definition.later": {
                "family": "later",
                "environment": { "DEPLOYMENT": "${app.service.main.deployment}" },
            },
            "net.network.later": { "range": "10.0.0.0/8", "labels": { "n": "${app.service.main.deployment}" } },
        }))
    };
    bench.settle_on(&with(1)).await;
    let before = bench.cloud.things_of("app.definition.later");
    let ran = bench.apply(&with(2)).await;
    assert_eq!(
        shown(&ran.planned),
        [
            "Replace app.definition.later",
            "Update app.service.main",
            "Update net.network.later"
        ]
    );
    assert_eq!(ran.changing_calls, 1);
    assert_eq!(bench.cloud.things_of("app.definition.later"), before);
    let unchanged: Vec<String> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepFinished {
                address,
                changed: false,
                ..
            } => Some(address.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(unchanged.len(), 3, "{unchanged:?}");
    bench.has_settled_on(&with(2)).await;
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_imported_and_then_ours() {
    let bench = Bench::new();
    let theirs = Attributes::from([
        ("name".to_owned(), Value::from("reader")),
        ("attached".to_owned(), Value::from(vec!["all"])),
    ]);
    let id = bench.cloud.plant("app.policy", theirs);
    let stack = stack(json!({ "app.policy.main": { "name": "reader", "attached": ["read"] } }));
    let (session, _receiver) = bench.session();
    session
        .import(&stack, &"app.policy.main".parse().unwrap(), &id)
        .await
        .unwrap();
    drop(session);
    let ran = bench.apply(&stack).await;
    assert_eq!(shown(&ran.planned), ["Update app.policy.main"]);
    assert_eq!(
        bench.cloud.listing()[0].attributes["attached"],
        Value::from(vec!["read"])
    );
    bench.destroy(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_the_same_when_it_is_made_again() {
    let bench = Bench::new();
    let base = everything_on(&bench.cloud);
    bench.apply(&base).await;
    let other = stack(edited(
        everything(),
        &[("/net.network.main/range", json!("10.1.0.0/16"))],
    ));
    let first = bench.plan(&other).await.plan;
    assert_eq!(bench.plan(&other).await.plan, first);
    assert!(
        first
            .changes
            .iter()
            .any(|change| change.action == Action::Replace)
    );
}

/// A cloud one of whose types breaks down whenever something is to be made.
struct BreaksDown {
    cloud: Cloud,
    provider: Broken,
}

struct Broken(Cloud, TypeName);

impl Broken {
    fn inner(&self) -> &dyn Provider {
        self.0.provider(&self.1).unwrap()
    }
}

impl infra_core::TypeDefinition for Broken {
    fn schema(&self) -> &infra_core::TypeSchema {
        self.inner().schema()
    }
}

#[async_trait::async_trait]
impl Provider for Broken {
    fn waits(&self) -> Waits {
        self.inner().waits()
    }

    fn recognition(&self) -> Recognition {
        self.inner().recognition()
    }

    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, infra_core::PhysicalId)> {
        self.inner().parent(attributes)
    }

    fn prepares(&self) -> bool {
        false
    }

    async fn prepare(&self, _: &Call, _: &Attributes) -> ProviderResult<Attributes> {
        Ok(Attributes::new())
    }

    async fn create(&self, _: &Call, _: &Spec) -> ProviderResult<Created<Attributes>> {
        panic!("a provider's bug")
    }

    async fn read(
        &self,
        ids: &[infra_core::PhysicalId],
    ) -> ProviderResult<BTreeMap<infra_core::PhysicalId, Found<Attributes>>> {
        self.inner().read(ids).await
    }

    async fn update(&self, _: &Call, _: &infra_core::PhysicalId, _: &UpdateRequest) -> ProviderResult<()> {
        Ok(())
    }

    async fn delete(&self, _: &Call, _: &infra_core::PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }

    async fn recover(&self, call: &Call, meant: &Spec) -> ProviderResult<Option<infra_core::PhysicalId>> {
        self.inner().recover(call, meant).await
    }

    async fn holders(&self, wanted: &Spec) -> ProviderResult<Vec<infra_core::PhysicalId>> {
        self.inner().holders(wanted).await
    }

    async fn stack_tags(
        &self,
        ids: &[infra_core::PhysicalId],
    ) -> ProviderResult<BTreeMap<infra_core::PhysicalId, infra_core::StackTag>> {
        self.inner().stack_tags(ids).await
    }

    async fn explain(&self, _: &infra_core::PhysicalId) -> Option<String> {
        None
    }
}

impl infra_core::Catalogue for BreaksDown {
    fn definition(&self, name: &TypeName) -> Option<&dyn infra_core::TypeDefinition> {
        self.cloud.definition(name)
    }

    fn names(&self) -> Vec<TypeName> {
        self.cloud.names()
    }
}

impl Providers for BreaksDown {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        if *name == self.provider.1 {
            return Some(&self.provider);
        }
        self.cloud.provider(name)
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_down_fails_its_step_and_nothing_hangs() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let (session, mut receiver) = bench.session();
    let session = Session {
        providers: Arc::new(BreaksDown {
            cloud: bench.cloud.clone(),
            provider: Broken(bench.cloud.clone(), "app.policy".parse().unwrap()),
        }),
        ..session
    };
    let planned = session.plan(apply(&stack)).await.unwrap();
    let report = session.execute(planned, "test").await.unwrap();
    assert_eq!(
        (report.outcome, report.failed, report.skipped),
        (RunOutcome::Failed, 1, 3)
    );
    drop(session);
    bench.cloud.report_to(Arc::new(infra_provider::Silent));
    let mut events = Vec::new();
    while let Some(event) = receiver.next().await {
        events.push(event);
    }
    assert_eq!(
        failures(&events)[0],
        "failed Create app.policy.main: the provider of app.policy broke down; this is a bug, please report it"
    );
    bench.settle_on(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_believes_the_state_makes_no_call() {
    let bench = Bench::new();
    let base = everything_on(&bench.cloud);
    bench.apply(&base).await;
    let reads = bench.cloud.calls().reading;
    let changed = stack(edited(everything(), &[("/net.part.b/note", json!("changed"))]));
    let believing = RunRequest {
        refresh: false,
        ..apply(&changed)
    };
    let (session, _receiver) = bench.session();
    let planned = session.plan(believing).await.unwrap();
    assert_eq!(bench.cloud.calls().reading, reads);
    session.execute(planned, "test").await.unwrap();
    assert_eq!(differences(&bench.cloud, &changed), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_everything_takes_one_call_for_each_type() {
    let bench = Bench::new();
    let parts: serde_json::Map<String, serde_json::Value> = (0..250)
        .map(|number| {
            (
                format!("net.part.n{number}"),
                json!({ "network_id": "${net.network.main.id}" }),
            )
        })
        .chain([("net.network.main".to_owned(), json!({ "range": "10.0.0.0/8" }))])
        .collect();
    let stack = stack(parts.into());
    bench.apply(&stack).await;
    let before = bench.cloud.calls();
    bench.plan(&stack).await;
    let after = bench.cloud.calls();
    // One page holds a hundred.
    assert_eq!(
        after.each["read net.part"] - before.each.get("read net.part").copied().unwrap_or(0),
        3
    );
    assert_eq!(
        after.each["read net.network"] - before.each.get("read net.network").copied().unwrap_or(0),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_known_although_what_it_is_made_of_is_made_anew() {
    let bench = Bench::new();
    let before = stack(json!({
        "app.secret.first": { "name": "first", "value": "1", "hint": "a word" },
        "app.secret.second": { "name": "second", "value": "2", "hint": "${app.secret.first.hint}" },
    }));
    bench.settle_on(&before).await;
    let after = stack(json!({
        "app.secret.first": { "name": "renamed", "value": "1", "hint": "a word" },
        "app.secret.second": { "name": "second", "value": "2", "hint": "${app.secret.first.hint}" },
        "app.secret.third": { "name": "third", "value": "3", "hint": "${app.secret.second.hint}" },
    }));
    let ran = bench.settle_on(&after).await;
    assert_eq!(
        shown(&ran.planned),
        ["Replace app.secret.first", "Create app.secret.third"]
    );
}
