//! One run of a type's whole life, and how a test is listed.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use infra_aws::{AwsProviders, Clients, ConnectOptions, connect};
use infra_core::types::Problems;
use infra_core::{
    AttributeKind, Attributes, Commands, ErrorClass, Health, PhysicalId, StackId, StackTag, Tagging, Token,
    Value,
};
use infra_provider::{Call, Created, Found, Providers, Recognition, Silent, Update, retag};

use super::by_hand::ByHand;
use super::emulators::Emulator;

/// How often something is looked at before it is said not to happen.
const ATTEMPTS: u32 = 300;

/// What unchanged moto takes no tags for once it is made.
const TAGGED_ONLY_BY_CREATES: [&str; 2] = ["apigatewayv2.domain_name", "apigatewayv2.stage"];

/// Until the next look.
pub async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

/// A test, and the emulators that it runs on.
pub struct Test {
    pub name: &'static str,
    pub emulators: &'static [Emulator],
    pub run: fn(Cloud) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists the tests of a file: functions that take a [`Cloud`]. Those after `sandbox_only` need what unchanged moto
/// cannot do at all. A function that is in no list is an error, as all code is that nobody uses.
macro_rules! tests {
    ($($name:ident),* $(,)? $(; sandbox_only: $($only:ident),* $(,)?)?) => {
        pub const TESTS: &[$crate::harness::Test] = &[
            $($crate::harness::test!($name, [Moto, Sandbox]),)*
            $($($crate::harness::test!($only, [Sandbox]),)*)?
        ];
    };
}

macro_rules! test {
    ($name:ident, [$($emulator:ident),*]) => {
        $crate::harness::Test {
            name: stringify!($name),
            emulators: &[$($crate::emulators::Emulator::$emulator),*],
            run: |cloud| Box::pin($name(cloud)),
        }
    };
}

pub(crate) use {test, tests};

/// Providers that are connected to an emulator.
pub struct Cloud {
    providers: AwsProviders,
    /// For what a test needs and no type makes.
    pub clients: Clients,
    endpoint_url: String,
    emulator: Emulator,
    /// Whether the emulator is the project's own sandbox, which can and refuses what plain moto cannot.
    pub is_sandbox: bool,
}

impl Cloud {
    /// Connects to an emulator that listens there.
    pub async fn connect(endpoint_url: String, emulator: Emulator) -> Self {
        let options = ConnectOptions {
            stack: StackId::new("lifecycle", "", "test", "us-east-1").unwrap(),
            region: "us-east-1".into(),
            assume_role: None,
            allowed_account_ids: Vec::new(),
            emulator: Some(infra_aws::Emulator {
                registry: None,
                endpoint_url: endpoint_url.clone(),
                access_key_id: "testing".into(),
            }),
            registry: None,
            docker_config: None,
            pull_base_images: false,
            own_paths: Vec::new(),
            variables: std::collections::BTreeMap::new(),
            ask_code: None,
            progress: Arc::new(Silent),
        };
        let clients = connect(&options).await.unwrap();
        Self {
            providers: AwsProviders::new(&clients),
            clients,
            endpoint_url,
            emulator,
            is_sandbox: emulator == Emulator::Sandbox,
        }
    }

    /// The same for a later run, which remembers nothing of this one.
    pub async fn later(&self) -> Self {
        Self::connect(self.endpoint_url.clone(), self.emulator).await
    }

    pub fn provider(&self, type_name: &str) -> ByHand<'_> {
        let provider = self.providers.provider(&type_name.parse().unwrap());
        ByHand(provider.unwrap_or_else(|| panic!("no type {type_name}")))
    }

    /// A step of a resource of this type, with a token of its own.
    pub fn call(&self, type_name: &str, token: &str) -> Call {
        Call {
            stack: StackId::new("lifecycle", "", "test", "us-east-1").unwrap(),
            commands: Commands::new("stacks/lifecycle.toml", ""),
            address: format!("{type_name}.under_test").parse().unwrap(),
            token: Token(format!("{token}-{}", std::process::id())),
            data_loss_allowed: false,
            learning: None,
            not_made: BTreeSet::new(),
            progress: Arc::new(Silent),
        }
    }

    /// Creates what others need, with everything that has to be set after the create, and returns its id
    /// and what a read tells.
    pub async fn create(
        &self,
        type_name: &str,
        token: &str,
        attributes: &Attributes,
    ) -> (PhysicalId, Attributes) {
        let provider = self.provider(type_name);
        let call = self.call(type_name, token);
        let created = self.created(&provider, &call, attributes).await;
        let changed: BTreeSet<String> = provider
            .schema()
            .attributes
            .iter()
            .filter(|(name, schema)| schema.set_after_create && attributes.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        if !changed.is_empty() {
            let update = Update {
                spec: attributes.clone(),
                prior: created.found.observed.clone(),
                changed,
                within: BTreeSet::new(),
                forced: false,
            };
            provider.update(&call, &created.id, update).await.unwrap();
        }
        let found = self.ready(type_name, &created.id).await;
        for (name, value) in &created.found.observed {
            if provider
                .schema()
                .computed
                .get(name)
                .is_some_and(|computed| !computed.changes_on_update)
            {
                assert_eq!(
                    Some(value),
                    found.observed.get(name),
                    "{type_name}.{name} of create and of read"
                );
            }
        }
        (created.id, found.observed)
    }

    /// Creates, again while what it needs is not there yet, as the engine does.
    async fn created(
        &self,
        provider: &ByHand<'_>,
        call: &Call,
        attributes: &Attributes,
    ) -> Created<Attributes> {
        for _ in 0..ATTEMPTS {
            match provider.create(call, attributes).await {
                // A role that was just made cannot be passed yet, which AWS may call denied.
                Err(error) if matches!(error.class, ErrorClass::DependencyNotReady | ErrorClass::Denied) => {
                    pause().await;
                }
                // It is made, and AWS does not show yet by whom: asked again, the type finds it.
                Err(error) if error.class == ErrorClass::Transient => pause().await,
                answer => return answer.unwrap(),
            }
        }
        provider.create(call, attributes).await.unwrap()
    }

    /// Reads until it works.
    pub async fn ready(&self, type_name: &str, id: &PhysicalId) -> Found<Attributes> {
        self.ready_with(type_name, id, &Attributes::new()).await
    }

    /// Reads until it works and has what was set: reads are late in the sandbox, as at AWS.
    async fn ready_with(&self, type_name: &str, id: &PhysicalId, wanted: &Attributes) -> Found<Attributes> {
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            last = match self.read(type_name, id).await {
                None => "it is not there".into(),
                Some(found) if found.health != Health::Ready => format!("{:?}", found.health),
                Some(found) => match self.difference(type_name, wanted, &found.observed) {
                    None => return found,
                    Some(difference) => difference,
                },
            };
            pause().await;
        }
        panic!("{type_name} {id}: {last}");
    }

    /// Reads until it is no longer on its way.
    pub async fn settled(&self, type_name: &str, id: &PhysicalId) -> Found<Attributes> {
        for _ in 0..ATTEMPTS {
            match self.read(type_name, id).await {
                Some(found) if !matches!(found.health, Health::Pending(_)) => return found,
                _ => pause().await,
            }
        }
        panic!("{type_name} {id} is still on its way");
    }

    pub async fn read(&self, type_name: &str, id: &PhysicalId) -> Option<Found<Attributes>> {
        self.provider(type_name)
            .read(std::slice::from_ref(id))
            .await
            .unwrap()
            .remove(id)
    }

    /// Deletes and waits until it is gone.
    pub async fn delete(&self, type_name: &str, id: &PhysicalId, last: &Attributes) {
        let call = self.call(type_name, "delete");
        self.provider(type_name).delete(&call, id, last).await.unwrap();
        for _ in 0..ATTEMPTS {
            if self.read(type_name, id).await.is_none() {
                return;
            }
            pause().await;
        }
        panic!("{type_name} {id} is still there");
    }

    /// The whole life: create, read back as wanted, find again by what the create left, change what `edit`
    /// has, read that back, delete, delete again.
    pub async fn lives(&self, type_name: &str, attributes: Attributes, edit: Attributes) {
        let provider = self.provider(type_name);
        let token = format!("life-{type_name}-{}", attributes.len());
        let (id, _) = self.create(type_name, &token, &attributes).await;
        let observed = self.ready_with(type_name, &id, &attributes).await.observed;
        let call = self.call(type_name, &token);
        assert_eq!(
            provider.recover(&call, &attributes).await.unwrap(),
            Some(id.clone()),
            "recover {type_name}"
        );

        self.holds_its_name(type_name, &id, &attributes).await;
        self.takes_tags_again(type_name, &id, &attributes, &observed)
            .await;

        if !edit.is_empty() {
            let mut wanted = attributes.clone();
            wanted.extend(edit.clone());
            let changed = edit.keys().cloned().collect();
            let update = Update {
                spec: wanted.clone(),
                prior: observed.clone(),
                changed,
                within: BTreeSet::new(),
                forced: false,
            };
            provider.update(&call, &id, update).await.unwrap();
            self.ready_with(type_name, &id, &wanted).await;
        }
        self.delete(type_name, &id, &observed).await;
        provider
            .delete(&call, &id, &observed)
            .await
            .unwrap_or_else(|error| panic!("second delete: {error}"));
        assert_eq!(
            provider.recover(&call, &attributes).await.unwrap(),
            None,
            "recover after delete"
        );
    }

    /// What has a name of its own is found by that, in upper case too where AWS knows no case and takes such a name.
    async fn holds_its_name(&self, type_name: &str, id: &PhysicalId, wanted: &Attributes) {
        let provider = self.provider(type_name);
        let schema = provider.schema();
        let tells = matches!(
            provider.recognition(),
            Recognition::Tags | Recognition::NaturalKey
        );
        if !tells || schema.natural_name(wanted).is_none() {
            return;
        }
        let mut spelled = vec![wanted.clone()];
        if provider.parent(wanted).is_none() && !schema.caseless.is_empty() {
            let mut upper = wanted.clone();
            for name in &schema.caseless {
                upper.insert(name.clone(), wanted[name].as_str().unwrap().to_uppercase().into());
            }
            let mut problems = Problems::default();
            provider.validate(&upper, &mut problems);
            spelled.extend(problems.is_empty().then_some(upper));
        }
        for wanted in spelled {
            let holders = provider.holders(&wanted).await.unwrap();
            assert_eq!(holders, std::slice::from_ref(id), "{type_name} {wanted:?}");
        }
    }

    /// Our tags are told, and can be written again as those of another stack and back, which changes nothing else.
    async fn takes_tags_again(
        &self,
        type_name: &str,
        id: &PhysicalId,
        wanted: &Attributes,
        observed: &Attributes,
    ) {
        let provider = self.provider(type_name);
        let call = self.call(type_name, "retag");
        let told = provider.stack_tags(std::slice::from_ref(id)).await.unwrap();
        let told = told.get(id).cloned().unwrap_or_default();
        let without_tags = provider.schema().tagging == Tagging::None;
        if without_tags || (!self.is_sandbox && told == StackTag::Untold) {
            assert_eq!(told, StackTag::Untold, "{type_name}");
            return;
        }
        assert_eq!(told, StackTag::Names(call.stack.to_string()), "{type_name}");
        if !self.is_sandbox && TAGGED_ONLY_BY_CREATES.contains(&type_name) {
            return;
        }
        let other = StackId::new("other", "", "test", "us-east-1").unwrap();
        for stack in [&other, &call.stack] {
            let update = retag(provider.schema(), stack, &call.address, observed);
            provider.update(&call, id, update).await.unwrap();
            let written = StackTag::Names(stack.to_string());
            for attempt in 0.. {
                let later = self.later().await;
                let told = later
                    .provider(type_name)
                    .stack_tags(std::slice::from_ref(id))
                    .await;
                if told.unwrap().get(id) == Some(&written) {
                    break;
                }
                assert!(attempt < ATTEMPTS, "{type_name} {id} does not become {stack}'s");
                pause().await;
            }
            self.ready_with(type_name, id, wanted).await;
        }
    }

    /// An attribute that was set and is not read back the same, as the planner compares them.
    fn difference(&self, type_name: &str, wanted: &Attributes, observed: &Attributes) -> Option<String> {
        let provider = self.provider(type_name);
        let schema = provider.schema();
        wanted.iter().find_map(|(name, value)| {
            let attribute = &schema.attributes[name];
            let seen = observed.get(name).unwrap_or(&Value::Null);
            let is_told = !attribute.write_only && !value.is_null();
            (is_told && !same(&attribute.kind, value, seen))
                .then(|| format!("{name}: wanted {value:?}, read back {seen:?}"))
        })
    }
}

/// Attributes from JSON.
pub fn attributes(json: serde_json::Value) -> Attributes {
    match Value::from(json) {
        Value::Map(entries) => entries,
        other => panic!("{other:?} is no table"),
    }
}

/// Whether what was read back is what was wanted: tables by their wanted keys, sets without order, JSON by
/// meaning.
fn same(kind: &AttributeKind, wanted: &Value, seen: &Value) -> bool {
    match (kind, wanted, seen) {
        (AttributeKind::Object(table), Value::Map(wanted), Value::Map(seen)) => wanted
            .iter()
            .all(|(name, value)| same(&table[name].kind, value, seen.get(name).unwrap_or(&Value::Null))),
        (AttributeKind::Map(inner), Value::Map(wanted), Value::Map(seen)) => {
            wanted.len() == seen.len()
                && wanted
                    .iter()
                    .all(|(name, value)| same(inner, value, seen.get(name).unwrap_or(&Value::Null)))
        }
        (AttributeKind::List(inner), Value::List(wanted), Value::List(seen)) => {
            wanted.len() == seen.len()
                && wanted
                    .iter()
                    .zip(seen)
                    .all(|(wanted, seen)| same(inner, wanted, seen))
        }
        (AttributeKind::Set(inner), Value::List(wanted), Value::List(seen)) => {
            wanted.len() == seen.len()
                && wanted
                    .iter()
                    .all(|wanted| seen.iter().any(|seen| same(inner, wanted, seen)))
        }
        (AttributeKind::KeyedList { key, element }, Value::List(wanted), Value::List(seen)) => {
            let table = AttributeKind::Object(element.clone());
            let key_of = |value: &Value| value.as_map().and_then(|map| map.get(key)).cloned();
            wanted.len() == seen.len()
                && wanted.iter().all(|wanted| {
                    seen.iter()
                        .any(|seen| key_of(wanted) == key_of(seen) && same(&table, wanted, seen))
                })
        }
        (AttributeKind::Json { .. }, _, _) => document(wanted) == document(seen),
        (AttributeKind::Spelled(spelling), Value::String(wanted), Value::String(seen)) => {
            spelling.meaning(wanted) == spelling.meaning(seen)
        }
        _ => wanted.same(seen),
    }
}

fn document(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.reveal().unwrap(),
    }
}
