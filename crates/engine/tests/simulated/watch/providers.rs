//! The cloud's types under observation.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use infra_core::types::{Catalogue, Problem, Problems, TypeDefinition};
use infra_core::{
    Attributes, Health, Lifecycle, Operation, PhysicalId, ResourceAddress, StackTag, Strength, TypeName,
    TypeSchema, Value,
};
use infra_provider::{
    Call, Created, Found, Obstacle, Provider, ProviderResult, Providers, Recognition, Spec, Survey,
    UpdateRequest, Waits,
};
use infra_testkit::{Chance, Cloud, Listed};

use super::{Seen, Watch};

/// The cloud's types; every changing call is held against the rules before it is made. With a seed the calls
/// of steps that go on side by side are made in an order that it decides.
pub struct WatchedProviders {
    cloud: Cloud,
    types: BTreeMap<TypeName, WatchedType>,
}

struct WatchedType {
    name: TypeName,
    cloud: Cloud,
    watch: Watch,
    seed: Option<u64>,
}

impl WatchedProviders {
    pub fn new(cloud: &Cloud, watch: &Watch, seed: Option<u64>) -> Self {
        let watched = |name: TypeName| WatchedType {
            name,
            cloud: cloud.clone(),
            watch: watch.clone(),
            seed,
        };
        let names = cloud.names().into_iter();
        Self {
            cloud: cloud.clone(),
            types: names.map(|name| (name.clone(), watched(name))).collect(),
        }
    }
}

impl Catalogue for WatchedProviders {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.types.get(name).map(|watched| watched as &dyn TypeDefinition)
    }

    fn names(&self) -> Vec<TypeName> {
        self.types.keys().cloned().collect()
    }
}

impl Providers for WatchedProviders {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        self.types.get(name).map(|watched| watched as &dyn Provider)
    }

    fn survey(&self) -> Option<&dyn Survey> {
        Providers::survey(&self.cloud)
    }
}

impl WatchedType {
    fn inner(&self) -> &dyn Provider {
        self.cloud.provider(&self.name).expect("a type of the cloud")
    }

    /// Lets others go first, as often as the seed says.
    async fn dawdle(&self, what: &str) {
        let Some(seed) = self.seed else { return };
        let nth = self.watch.lock().count(what);
        let mut chance = Chance::of(seed, &["dawdle", what, &nth.to_string()]);
        for _ in 0..chance.below(4) {
            tokio::task::yield_now().await;
        }
    }

    /// Makes a changing call: the rules are checked, and while it goes on nobody else may change the thing.
    async fn change<T>(
        &self,
        call: &Call,
        operation: Operation,
        id: Option<&PhysicalId>,
        made: impl Future<Output = ProviderResult<T>>,
    ) -> ProviderResult<T> {
        let what = format!("{operation:?} {}", call.address);
        self.dawdle(&what).await;
        let thing = match id {
            Some(id) => format!("{} {id}", self.name),
            None => call.address.to_string(),
        };
        {
            let mut seen = self.watch.lock();
            seen.may_be_called(call, operation, id, &self.cloud.listing());
            let alone = seen.changing.insert(thing.clone());
            seen.require(alone, || {
                format!("{what}: another call is changing {thing} at the same time")
            });
        }
        let result = made.await;
        self.watch.lock().changing.remove(&thing);
        self.dawdle(&what).await;
        result
    }
}

impl TypeDefinition for WatchedType {
    fn schema(&self) -> &TypeSchema {
        self.inner().schema()
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        self.inner().validate(attributes, problems);
    }

    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        self.inner().validate_with_lookups(attributes, lookups, problems);
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        self.inner().validate_together(stack)
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        self.inner().derive(attributes)
    }
}

#[async_trait]
impl Provider for WatchedType {
    fn waits(&self) -> Waits {
        self.inner().waits()
    }

    fn prepares(&self) -> bool {
        self.inner().prepares()
    }

    fn recognition(&self) -> Recognition {
        self.inner().recognition()
    }

    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)> {
        self.inner().parent(attributes)
    }

    async fn prepare(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes> {
        self.inner().prepare(call, attributes).await
    }

    async fn create(&self, call: &Call, wanted: &Spec) -> ProviderResult<Created<Attributes>> {
        let made = self.inner().create(call, wanted);
        self.change(call, Operation::Create, None, made).await
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        self.dawdle("read").await;
        self.inner().read(ids).await
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: &UpdateRequest) -> ProviderResult<()> {
        let made = self.inner().update(call, id, update);
        self.change(call, Operation::Update, Some(id), made).await
    }

    async fn delete(&self, call: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        let made = self.inner().delete(call, id, last);
        self.change(call, Operation::Delete, Some(id), made).await
    }

    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Spec)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let what = format!("in one call {}", creates[0].0.address);
        self.dawdle(&what).await;
        let listing = self.cloud.listing();
        for (call, id) in deletes {
            let mut seen = self.watch.lock();
            seen.may_be_called(call, Operation::Delete, Some(id), &listing);
        }
        for (call, _) in creates {
            let mut seen = self.watch.lock();
            seen.may_be_called(call, Operation::Create, None, &listing);
        }
        let result = self.inner().in_one_call(deletes, creates).await;
        self.dawdle(&what).await;
        result
    }

    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        self.inner().without_data(ids).await
    }

    async fn in_the_way(&self, id: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        self.inner().in_the_way(id, last).await
    }

    async fn recover(&self, call: &Call, meant: &Spec) -> ProviderResult<Option<PhysicalId>> {
        self.dawdle("recover").await;
        self.inner().recover(call, meant).await
    }

    async fn holders(&self, wanted: &Spec) -> ProviderResult<Vec<PhysicalId>> {
        self.dawdle("holders").await;
        self.inner().holders(wanted).await
    }

    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>> {
        self.inner().stack_tags(ids).await
    }

    async fn explain(&self, id: &PhysicalId) -> Option<String> {
        self.inner().explain(id).await
    }
}

impl Seen {
    fn count(&mut self, what: &str) -> u64 {
        let nth = self.calls.entry(what.to_owned()).or_default();
        *nth += 1;
        *nth
    }

    /// A changing call keeps the rules.
    fn may_be_called(
        &mut self,
        call: &Call,
        operation: Operation,
        id: Option<&PhysicalId>,
        listing: &[Listed],
    ) {
        self.intended_before(call, operation, id);
        match operation {
            Operation::Create | Operation::Update => self.made_after_what_it_needs(&call.address, listing),
            Operation::Delete => {
                if let Some(id) = id {
                    self.may_go(&call.address);
                    self.unused(&call.address, id, listing);
                }
            }
        }
    }

    /// What is about to be called is in the store, durably.
    fn intended_before(&mut self, call: &Call, operation: Operation, id: Option<&PhysicalId>) {
        let intent = self.durable.intents.get(&call.token);
        let fits = intent.is_some_and(|intent| {
            intent.address == call.address
                && intent.operation == operation
                && intent.physical_id.as_ref() == id
        });
        self.require(fits, || {
            format!(
                "{operation:?} {} is called and no such intent is durable",
                call.address
            )
        });
    }

    /// What the file says that a resource needs is in the state, durably, and works where that is asked for.
    fn made_after_what_it_needs(&mut self, address: &ResourceAddress, listing: &[Listed]) {
        let Some(resource) = self.stack.as_ref().and_then(|stack| stack.resources.get(address)) else {
            self.broken
                .push(format!("{address} is made and the file does not have it"));
            return;
        };
        let mut missing = Vec::new();
        for (needed, strength) in &resource.dependencies {
            let Some(record) = self.durable.resources.get(needed) else {
                missing.push(needed.to_string());
                continue;
            };
            let has_to_work = *strength == Strength::Ready && self.waits && self.knows;
            let works = listing.iter().any(|thing| {
                thing.id == record.physical_id
                    && thing.type_name == *needed.type_name()
                    && thing.health == Health::Ready
            });
            if has_to_work && !works {
                missing.push(format!("{needed}, which does not work yet"));
            }
        }
        self.require(missing.is_empty(), || {
            format!("{address} is made before what it needs: {missing:?}")
        });
    }

    /// What the lifecycle keeps is kept.
    fn may_go(&mut self, address: &ResourceAddress) {
        let lifecycle = self.lifecycle(address);
        let (is_kept, is_held) = lifecycle.map_or((false, false), |lifecycle| {
            (lifecycle.retain, lifecycle.prevent_destroy)
        });
        self.require(!is_kept, || {
            format!("{address} is deleted although it is retained")
        });
        self.require(!is_held, || {
            format!("{address} is deleted although its destruction is prevented")
        });
    }

    /// Nothing uses what is about to be deleted but what goes on to need its address, of which the next one is
    /// to take its place.
    fn unused(&mut self, address: &ResourceAddress, id: &PhysicalId, listing: &[Listed]) {
        if !self.knows {
            return;
        }
        let Some(going) = listing
            .iter()
            .find(|thing| thing.id == *id && thing.type_name == *address.type_name())
        else {
            return;
        };
        let mut users = Vec::new();
        for thing in listing.iter().filter(|thing| thing.id != *id) {
            let Some(user) = &thing.made_for else { continue };
            let is_known = self.ids_at(user).iter().any(|own| own == thing.id.as_str());
            // What is retained stays as it is, whatever becomes of what it uses.
            let is_kept = self.lifecycle(user).is_some_and(|lifecycle| lifecycle.retain);
            let is_going = matches!(thing.health, Health::Deleting(_)) || is_kept;
            if is_known && !is_going && !self.goes_on_to_need(user, address) && mentions(thing, going) {
                users.push(format!("{user} {}", thing.id));
            }
        }
        self.require(users.is_empty(), || {
            format!("{address} {id} is deleted while it is used by {users:?}")
        });
    }

    /// As the file has it, else as the state does.
    fn lifecycle(&self, address: &ResourceAddress) -> Option<&Lifecycle> {
        let declared = self.stack.as_ref().and_then(|stack| stack.resources.get(address));
        let recorded = self.durable.resources.get(address);
        declared
            .map(|resource| &resource.lifecycle)
            .or_else(|| recorded.map(|record| &record.lifecycle))
    }

    /// Whether what uses the thing at `address` stays and needs that address from then on, or another thing that
    /// may have the same name.
    fn goes_on_to_need(&self, user: &ResourceAddress, address: &ResourceAddress) -> bool {
        let Some(stack) = &self.stack else { return false };
        let user = stack.resources.get(user);
        let type_name = address.type_name();
        user.is_some_and(|user| {
            user.dependencies
                .keys()
                .any(|needed| needed.type_name() == type_name)
        })
    }
}

/// Whether one thing names another by its id or ARN.
fn mentions(thing: &Listed, other: &Listed) -> bool {
    let names = ["id", "arn"].map(|name| other.attributes.get(name));
    let own = ["id", "arn"];
    let is_name = |value: &Value| names.contains(&Some(value));
    thing.attributes.iter().any(|(attribute, value)| match value {
        _ if own.contains(&attribute.as_str()) => false,
        Value::List(items) => items.iter().any(is_name),
        value => is_name(value),
    })
}
