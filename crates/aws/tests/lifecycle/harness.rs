//! One run of a type's whole life. The emulator is the one at `INFRA_TEST_ENDPOINT`; with
//! `INFRA_TEST_SANDBOX` set it is the project's own sandbox, and more is tested.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_aws::{AwsProviders, Clients, ConnectOptions, connect};
use infra_core::{AttributeKind, Attributes, Health, PhysicalId, StackId, Token, Value};
use infra_provider::{Call, Found, Provider, Providers, Silent, Update};

/// Providers that are connected to an emulator.
pub struct Cloud {
    providers: AwsProviders,
    /// For what a test needs and no type makes.
    pub clients: Clients,
    /// Whether the emulator is the project's own sandbox, which can and refuses what plain moto cannot.
    pub is_sandbox: bool,
}

impl Cloud {
    /// Connects; `None` (after saying so) when no emulator is given.
    pub async fn connect() -> Option<Self> {
        let Ok(endpoint_url) = std::env::var("INFRA_TEST_ENDPOINT") else {
            let required = std::env::var_os("INFRA_TEST_REQUIRE_EMULATOR").is_some_and(|value| value == "1");
            assert!(
                !required,
                "INFRA_TEST_ENDPOINT names no emulator: run `cargo xtask test`"
            );
            println!("skipped: INFRA_TEST_ENDPOINT names no emulator");
            return None;
        };
        let options = ConnectOptions {
            stack: StackId::new("lifecycle", "test", "us-east-1"),
            region: "us-east-1".into(),
            assume_role: None,
            allowed_account_ids: Vec::new(),
            emulator: Some(infra_aws::Emulator {
                registry: None,
                endpoint_url,
                access_key_id: "testing".into(),
            }),
            registry: None,
            progress: Arc::new(Silent),
        };
        let clients = connect(&options).await.unwrap();
        Some(Self {
            providers: AwsProviders::new(&clients),
            clients,
            is_sandbox: std::env::var_os("INFRA_TEST_SANDBOX").is_some(),
        })
    }

    pub fn provider(&self, type_name: &str) -> &dyn Provider {
        self.providers
            .provider(&type_name.parse().unwrap())
            .unwrap_or_else(|| panic!("no type {type_name}"))
    }

    /// A step of a resource of this type, with a token of its own.
    pub fn call(&self, type_name: &str, token: &str) -> Call {
        Call {
            stack: StackId::new("lifecycle", "test", "us-east-1"),
            address: format!("{type_name}.under_test").parse().unwrap(),
            token: Token(format!("{token}-{}", std::process::id())),
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
        let created = provider.create(&call, attributes).await.unwrap();
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

    /// Reads until it works, at most 60 times.
    pub async fn ready(&self, type_name: &str, id: &PhysicalId) -> Found<Attributes> {
        for _ in 0..60 {
            match self.read(type_name, id).await {
                Some(found) if found.health == Health::Ready => return found,
                _ => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
        panic!("{type_name} {id} did not become ready");
    }

    /// Reads until it is no longer on its way, at most 600 times.
    pub async fn settled(&self, type_name: &str, id: &PhysicalId) -> Found<Attributes> {
        for _ in 0..600 {
            match self.read(type_name, id).await {
                Some(found) if !matches!(found.health, Health::Pending(_)) => return found,
                _ => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
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

    /// Deletes and waits until it is gone, at most 60 times.
    pub async fn delete(&self, type_name: &str, id: &PhysicalId, last: &Attributes) {
        let call = self.call(type_name, "delete");
        self.provider(type_name).delete(&call, id, last).await.unwrap();
        for _ in 0..60 {
            if self.read(type_name, id).await.is_none() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{type_name} {id} is still there");
    }

    /// The whole life: create, read back as wanted, find again by what the create left, change what `edit`
    /// has, read that back, delete, delete again.
    pub async fn lives(&self, type_name: &str, attributes: Attributes, edit: Attributes) {
        let provider = self.provider(type_name);
        let token = format!("life-{type_name}-{}", attributes.len());
        let (id, observed) = self.create(type_name, &token, &attributes).await;
        self.as_wanted(type_name, &attributes, &observed);
        let call = self.call(type_name, &token);
        assert_eq!(
            provider.recover(&call, &attributes).await.unwrap(),
            Some(id.clone()),
            "recover {type_name}"
        );

        if !edit.is_empty() {
            let mut wanted = attributes.clone();
            wanted.extend(edit.clone());
            let changed = edit.keys().cloned().collect();
            let update = Update {
                spec: wanted.clone(),
                prior: observed.clone(),
                changed,
                forced: false,
            };
            provider.update(&call, &id, update).await.unwrap();
            let found = self.ready(type_name, &id).await;
            self.as_wanted(type_name, &wanted, &found.observed);
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

    /// Every attribute that was set is read back the same, as the planner compares them.
    fn as_wanted(&self, type_name: &str, wanted: &Attributes, observed: &Attributes) {
        let schema = self.provider(type_name).schema();
        for (name, value) in wanted {
            let attribute = &schema.attributes[name];
            if attribute.write_only || value.is_null() {
                continue;
            }
            let seen = observed.get(name).unwrap_or(&Value::Null);
            assert!(
                same(&attribute.kind, value, seen),
                "{type_name}.{name}: wanted {value:?}, read back {seen:?}"
            );
        }
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
        _ => wanted.same(seen),
    }
}

fn document(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.reveal().unwrap(),
    }
}
