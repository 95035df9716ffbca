//! The simulated cloud minds what AWS minds.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use infra_core::{
    Attributes, Commands, ErrorClass, Health, PhysicalId, ProviderError, Token, TypeName, Value,
};
use infra_provider::{Call, Created, Found, Provider, Providers, Silent, UpdateRequest};
use infra_testkit::{Cloud, Faults, Moment, differences, stack, stack_id};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep, timeout};

struct Hand {
    cloud: Cloud,
}

fn attributes(json: Json) -> Attributes {
    match Value::from(json) {
        Value::Map(attributes) => attributes,
        _ => Attributes::new(),
    }
}

impl Hand {
    fn new(faults: Faults) -> Self {
        let cloud = Cloud::new();
        cloud.set_faults(faults);
        Self { cloud }
    }

    fn of(&self, type_name: &str) -> &dyn Provider {
        let name: TypeName = type_name.parse().unwrap();
        self.cloud.provider(&name).expect("a known type")
    }

    fn call(&self, address: &str, token: &str) -> Call {
        Call {
            stack: stack_id(),
            commands: Commands::new("stack.json", ""),
            address: address.parse().unwrap(),
            token: Token(token.to_owned()),
            data_loss_allowed: false,
            not_made: std::collections::BTreeSet::new(),
            learning: None,
            progress: Arc::new(Silent),
        }
    }

    async fn create(&self, address: &str, sets: Json) -> Result<Created<Attributes>, ProviderError> {
        let (type_name, name) = address.rsplit_once('.').unwrap();
        let call = self.call(address, &format!("token of {name}"));
        self.of(type_name).create(&call, &attributes(sets).into()).await
    }

    async fn read(&self, type_name: &str, id: &PhysicalId) -> Option<Found<Attributes>> {
        let ids = std::slice::from_ref(id);
        self.of(type_name).read(ids).await.unwrap().remove(id)
    }

    async fn delete(&self, address: &str, id: &PhysicalId) -> Result<(), ProviderError> {
        let (type_name, _) = address.rsplit_once('.').unwrap();
        self.of(type_name)
            .delete(&self.call(address, "any"), id, &Attributes::new())
            .await
    }

    /// A network with a part: their ids.
    async fn network(&self) -> (PhysicalId, PhysicalId) {
        let network = self
            .create("net.network.n", json!({ "range": "10.0.0.0/16" }))
            .await
            .unwrap()
            .id;
        let part = self
            .create("net.part.p", json!({ "network_id": network.as_str() }))
            .await
            .unwrap()
            .id;
        (network, part)
    }
}

fn class<T>(result: Result<T, ProviderError>) -> Option<ErrorClass> {
    result.err().map(|error| error.class)
}

#[tokio::test(start_paused = true)]
async fn what_is_used_cannot_be_deleted_and_what_is_gone_is_deleted_well() {
    let hand = Hand::new(Faults::default());
    let (network, part) = hand.network().await;
    assert_eq!(
        class(hand.delete("net.network.n", &network).await),
        Some(ErrorClass::DependencyViolation)
    );
    hand.delete("net.part.p", &part).await.unwrap();
    hand.delete("net.part.p", &part).await.unwrap();
    hand.delete("net.network.n", &network).await.unwrap();
    assert_eq!(hand.cloud.listing(), []);
}

#[tokio::test(start_paused = true)]
async fn things_are_on_their_way_before_they_work_and_before_they_are_gone() {
    let hand = Hand::new(Faults::default());
    let (_, part) = hand.network().await;
    let gateway = hand
        .create("net.gateway.g", json!({ "part_id": part.as_str() }))
        .await
        .unwrap();
    assert!(matches!(gateway.found.health, Health::Pending(_)));
    assert_eq!(gateway.found.observed.get("address"), None);
    sleep(Duration::from_secs(90)).await;
    let found = hand.read("net.gateway", &gateway.id).await.unwrap();
    assert_eq!(
        (found.health, found.observed.contains_key("address")),
        (Health::Ready, true)
    );
    hand.delete("net.gateway.g", &gateway.id).await.unwrap();
    let going = hand.read("net.gateway", &gateway.id).await.unwrap();
    assert!(matches!(going.health, Health::Deleting(_)));
    assert_eq!(
        class(hand.delete("net.part.p", &part).await),
        Some(ErrorClass::DependencyViolation)
    );
    sleep(Duration::from_secs(40)).await;
    assert_eq!(hand.read("net.gateway", &gateway.id).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_needs_another_to_work_is_refused_until_then_and_what_is_not_there_always() {
    let hand = Hand::new(Faults::default());
    let (_, part) = hand.network().await;
    let balancer = json!({ "name": "b", "part_ids": [part.as_str()] });
    let balancer = hand.create("net.balancer.b", balancer).await.unwrap();
    let arn = balancer.found.observed["arn"].as_str().unwrap().to_owned();
    let definition = hand
        .create("app.definition.d", json!({ "family": "f" }))
        .await
        .unwrap();
    let definition = definition.found.observed["arn"].as_str().unwrap().to_owned();
    let service = json!({ "name": "s", "definition": definition, "balancer_arn": arn });
    let early = hand.create("app.service.s", service.clone()).await;
    assert_eq!(class(early), Some(ErrorClass::DependencyNotReady));
    // A listener needs no more than that it exists.
    hand.create("net.listener.l", json!({ "balancer_arn": arn, "port": 80 }))
        .await
        .unwrap();
    sleep(Duration::from_secs(150)).await;
    hand.create("app.service.s", service).await.unwrap();
    let nowhere = hand
        .create("net.part.q", json!({ "network_id": "network-99" }))
        .await;
    assert_eq!(class(nowhere), Some(ErrorClass::Invalid));
}

#[tokio::test(start_paused = true)]
async fn names_are_unique_and_tokens_make_a_create_repeatable() {
    let hand = Hand::new(Faults::default());
    hand.create("app.policy.p", json!({ "name": "reader" }))
        .await
        .unwrap();
    let again = hand.create("app.policy.q", json!({ "name": "reader" })).await;
    assert_eq!(class(again), Some(ErrorClass::AlreadyExists));
    let first = hand
        .create("net.network.n", json!({ "range": "10.0.0.0/16" }))
        .await
        .unwrap();
    let second = hand
        .create("net.network.n", json!({ "range": "10.0.0.0/16" }))
        .await
        .unwrap();
    assert_eq!(first.id, second.id);
    // Without a client token there are two.
    hand.create("app.definition.d", json!({ "family": "f" }))
        .await
        .unwrap();
    hand.create("app.definition.d", json!({ "family": "f" }))
        .await
        .unwrap();
    assert_eq!(hand.cloud.things_of("app.definition.d").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_is_recovered_by_its_tags_or_by_its_parent() {
    let hand = Hand::new(Faults::default());
    let (_, part) = hand.network().await;
    let recover = async |address: &str, token: &str, sets: Json| {
        let (type_name, _) = address.rsplit_once('.').unwrap();
        let call = hand.call(address, token);
        hand.of(type_name)
            .recover(&call, &attributes(sets).into())
            .await
            .unwrap()
    };
    assert_eq!(
        recover("net.part.p", "token of p", json!({})).await,
        Some(part.clone())
    );
    assert_eq!(recover("net.part.p", "another token", json!({})).await, None);
    assert_eq!(recover("net.part.other", "token of p", json!({})).await, None);
    let balancer = hand
        .create(
            "net.balancer.b",
            json!({ "name": "b", "part_ids": [part.as_str()] }),
        )
        .await;
    let arn = balancer.unwrap().found.observed["arn"]
        .as_str()
        .unwrap()
        .to_owned();
    let listener = json!({ "balancer_arn": arn, "port": 80 });
    let made = hand.create("net.listener.l", listener.clone()).await.unwrap();
    assert_eq!(
        recover("net.listener.l", "another token", listener).await,
        Some(made.id)
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_what_it_names_and_nothing_immutable() {
    let hand = Hand::new(Faults::default());
    let made = hand
        .create(
            "app.secret.s",
            json!({ "name": "s", "value": "one", "hint": "a" }),
        )
        .await
        .unwrap();
    assert_eq!(made.found.observed.get("value"), None);
    let update = |changed: &[&str]| UpdateRequest {
        spec: attributes(json!({ "name": "other", "value": "two", "hint": "b" })).into(),
        prior: made.found.observed.clone(),
        changed: changed.iter().map(ToString::to_string).collect(),
        within: [].into(),
        forced: false,
    };
    let call = hand.call("app.secret.s", "update");
    hand.of("app.secret")
        .update(&call, &made.id, &update(&["value"]))
        .await
        .unwrap();
    let there = &hand.cloud.things_of("app.secret.s")[0].attributes;
    let text = |name: &str| there[name].as_str().unwrap().to_owned();
    assert_eq!(
        (text("value"), text("hint"), &there["version"]),
        ("two".into(), "a".into(), &Value::Integer(2))
    );
    let refused = hand
        .of("app.secret")
        .update(&call, &made.id, &update(&["name"]))
        .await;
    assert_eq!(class(refused), Some(ErrorClass::Invalid));
}

#[tokio::test(start_paused = true)]
async fn what_a_create_cannot_set_is_not_set_by_it() {
    let hand = Hand::new(Faults::default());
    hand.create("app.policy.p", json!({ "name": "reader", "attached": ["all"] }))
        .await
        .unwrap();
    assert_eq!(
        hand.cloud.things_of("app.policy.p")[0].attributes.get("attached"),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn reads_are_late_where_they_are_asked_to_be() {
    let hand = Hand::new(Faults {
        seed: 1,
        stale_for: Duration::from_secs(60),
        ..Faults::default()
    });
    let made = hand
        .create("net.network.n", json!({ "range": "10.0.0.0/16" }))
        .await
        .unwrap();
    assert_eq!(hand.read("net.network", &made.id).await, None);
    sleep(Duration::from_secs(60)).await;
    assert!(hand.read("net.network", &made.id).await.is_some());
    hand.delete("net.network.n", &made.id).await.unwrap();
    assert_eq!(hand.cloud.listing(), []);
    assert!(hand.read("net.network", &made.id).await.is_some());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(hand.read("net.network", &made.id).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_faults() {
    let faults_of = async |seed: u64| {
        let hand = Hand::new(Faults::stormy(seed));
        let started = Instant::now();
        let mut told = Vec::new();
        for number in 0..40 {
            let address = format!("net.network.n{number}");
            told.push(class(
                hand.create(&address, json!({ "range": "10.0.0.0/16" })).await,
            ));
        }
        (told, started.elapsed(), hand.cloud.listing().len())
    };
    let first = faults_of(7).await;
    assert_eq!(faults_of(7).await, first);
    assert_ne!(faults_of(8).await.0, first.0);
    let lost = first
        .0
        .iter()
        .filter(|class| **class == Some(ErrorClass::Transient))
        .count();
    let throttled = first
        .0
        .iter()
        .filter(|class| **class == Some(ErrorClass::Throttled))
        .count();
    assert!(lost > 0 && throttled > 0);
    assert!(
        first.2 > 40 - lost - throttled,
        "no answer was lost after its effect"
    );
}

#[tokio::test(start_paused = true)]
async fn the_dead_get_no_answers_and_what_they_sent_arrives() {
    for (moment, left) in [(Moment::BeforeEffect, 1), (Moment::AfterEffect, 2)] {
        let hand = Hand::new(Faults {
            fastest: Duration::from_secs(2),
            slowest: Duration::from_secs(2),
            ..Faults::default()
        });
        hand.cloud.stop_at(2, moment);
        let first = hand.create("net.network.a", json!({ "range": "10.0.0.0/16" }));
        let second = hand.create("net.network.b", json!({ "range": "10.0.0.0/16" }));
        let both = timeout(Duration::from_secs(3600), async { tokio::join!(first, second) });
        assert!(both.await.is_err());
        hand.cloud.died().await;
        assert!(hand.cloud.is_dead());
        assert_eq!(hand.cloud.listing().len(), left);
        hand.cloud.revive();
        hand.create("net.network.c", json!({ "range": "10.0.0.0/16" }))
            .await
            .unwrap();
        assert_eq!(hand.cloud.calls().changing, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_held_against_the_cloud() {
    let hand = Hand::new(Faults::default());
    let (network, _) = hand.network().await;
    let with = |json: Json| stack(json);
    let fitting = with(json!({
        "net.network.n": { "range": "10.0.0.0/16" },
        "net.part.p": { "network_id": "${net.network.n.id}" },
    }));
    assert_eq!(differences(&hand.cloud, &fitting), [""; 0]);
    let other = with(json!({
        "net.network.n": { "range": "10.1.0.0/16", "labels": { "a": "b" } },
        "net.network.m": { "range": "10.1.0.0/16" },
    }));
    assert_eq!(
        differences(&hand.cloud, &other),
        [
            "net.part.p: part-2 is there and not declared".to_owned(),
            "net.network.m is missing".to_owned(),
            format!(
                "net.network.n: labels is Null and not {:?}",
                Value::from(attributes(json!({ "a": "b" })))
            ),
            "net.network.n: range is String(\"10.0.0.0/16\") and not String(\"10.1.0.0/16\")".to_owned(),
        ]
    );
    assert_eq!(network.as_str(), "network-1");
}
