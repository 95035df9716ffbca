//! What is looked up is known before anything is planned, once in a run, and is never ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use infra_core::{
    Attributes, Catalogue, Diagnostic, ErrorClass, PhysicalId, ProviderError, Stack, TypeDefinition,
    TypeName, TypeSchema, Value,
};
use infra_engine::{EngineError, Planned, Session};
use infra_provider::{LookupProvider, Provider, ProviderResult, Providers};
use infra_testkit::{Cloud, stack};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, apply};

/// A cloud in which networks of others can be looked up by their labels.
struct WithLookups {
    cloud: Cloud,
    networks: Networks,
}

struct Networks {
    schema: TypeSchema,
    there: Vec<(&'static str, Attributes)>,
    refuses: bool,
    asked: Arc<AtomicUsize>,
}

impl TypeDefinition for Networks {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }
}

#[async_trait::async_trait]
impl LookupProvider for Networks {
    async fn find(&self, arguments: &Attributes) -> ProviderResult<Vec<(PhysicalId, Attributes)>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.refuses {
            let refused = ProviderError::new(ErrorClass::Denied, "not you");
            return Err(refused.hint("ask somebody else"));
        }
        let fits = |network: &&(&str, Attributes)| network.1.get("labels") == arguments.get("labels");
        let found = self.there.iter().filter(fits);
        Ok(found
            .map(|(id, network)| (PhysicalId::new(*id), network.clone()))
            .collect())
    }
}

impl Catalogue for WithLookups {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.cloud.definition(name)
    }

    fn names(&self) -> Vec<TypeName> {
        self.cloud.names()
    }
}

impl Providers for WithLookups {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        self.cloud.provider(name)
    }

    fn lookup_provider(&self, name: &TypeName) -> Option<&dyn LookupProvider> {
        (*name == self.networks.schema.name).then_some(&self.networks as &dyn LookupProvider)
    }
}

fn attributes(json: Json) -> Attributes {
    match Value::from(json) {
        Value::Map(attributes) => attributes,
        other => panic!("{other:?} is no table"),
    }
}

/// A session in which networks can be looked up, and how often that was done.
fn session(bench: &Bench, refuses: bool) -> (Session, Arc<AtomicUsize>) {
    let (session, _receiver) = bench.session();
    let asked = Arc::new(AtomicUsize::new(0));
    let name: TypeName = "net.network".parse().unwrap();
    let network = |range: &str, team: &str| attributes(json!({ "range": range, "labels": { "team": team } }));
    let networks = Networks {
        schema: bench.cloud.definition(&name).unwrap().schema().clone(),
        there: vec![
            ("net-1", network("10.1.0.0/16", "one")),
            ("net-2", network("10.2.0.0/16", "two")),
            ("net-3", network("10.3.0.0/16", "two")),
        ],
        refuses,
        asked: Arc::clone(&asked),
    };
    let providers = Arc::new(WithLookups {
        cloud: bench.cloud.clone(),
        networks,
    });
    (Session { providers, ..session }, asked)
}

fn using(team: &str) -> Stack {
    stack(json!({
        "lookup.net.network.theirs": { "labels": { "team": team } },
        "app.policy.main": { "name": "policy of ${net.network.theirs.range}" },
        "output.range": "${net.network.theirs.range}",
        "output.dns": "${net.network.theirs.dns}",
    }))
}

async fn problems(bench: &Bench, stack: &Stack, refuses: bool) -> Vec<Diagnostic> {
    match session(bench, refuses).0.plan(apply(stack)).await {
        Err(EngineError::Lookups(unanswered)) => {
            assert_eq!(unanswered.failed, refuses);
            unanswered.diagnostics
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_is_known_to_the_plan_and_is_not_ours() {
    let bench = Bench::new();
    let stack = using("one");
    let (session, asked) = session(&bench, false);
    let planned: Planned = session.plan(apply(&stack)).await.unwrap();
    let policy = &planned.plan.changes[0];
    assert_eq!(policy.wanted["name"], Value::from("policy of 10.1.0.0/16"));
    session.execute(planned, "test").await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "once in a run");
    let state = bench.state();
    assert_eq!(state.resources.len(), 1);
    // What AWS does not tell of it is not set.
    assert_eq!(state.outputs["range"], Value::from("10.1.0.0/16"));
    assert_eq!(state.outputs.get("dns").unwrap_or(&Value::Null), &Value::Null);
    let again = session.plan(apply(&stack)).await.unwrap();
    assert!(!again.plan.has_changes(), "{:?}", again.plan);
}

#[tokio::test(start_paused = true)]
async fn nothing_and_several_and_a_refusal_are_told_at_the_place_of_the_lookup() {
    let bench = Bench::new();
    for (team, refuses, message, help) in [
        ("none", false, "found nothing", "look at what it is looked for by"),
        (
            "two",
            false,
            "found 2 things, but has to find one: net-2, net-3",
            "look for it by more",
        ),
        (
            "one",
            true,
            "could not be looked up: not you",
            "ask somebody else",
        ),
    ] {
        let stack = using(team);
        let problems = problems(&bench, &stack, refuses).await;
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = &problems[0];
        assert_eq!(problem.message, format!("`lookup.net.network.theirs` {message}"));
        assert!(problem.help[0].contains(help), "{problem:?}");
        let place = &problem.primary.as_ref().unwrap().span;
        let (_, line) = stack.sources.line(place).unwrap();
        assert!(line.starts_with("lookup.net.network.theirs"), "{line}");
    }
    assert!(bench.state().is_empty());
}
