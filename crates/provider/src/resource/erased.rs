//! A type as the engine sees it: over plain attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use infra_core::types::{Problem, Problems, TypeDefinition};
use infra_core::{
    Attributes, ErrorClass, Health, PhysicalId, ResourceAddress, StackTag, TypeName, TypeSchema, Value,
};
use serde::Serialize;

use super::definition::ResourceDefinition;
use super::{ClientsOf, Resource, Service};
use crate::ProviderResult;
use crate::alike::alike;
use crate::call::Call;
use crate::codec::{encode, take_stack_tag};
use crate::deserialize::partial;
use crate::obstacle::Obstacle;
use crate::ownership::{taken, ways_out};
use crate::spec::Spec;
use crate::tags::{TAGS, difference};
use crate::traits::{Created, Found, PreparedBefore, Provider, UpdateRequest};
use crate::wait::{Recognition, Waits};

/// A [`Resource`] as a [`Provider`].
pub struct ErasedResource<T: Resource> {
    definition: ResourceDefinition<T>,
    clients: ClientsOf<T>,
    /// Whose things are by their tags, as those were last read or written.
    told: Mutex<BTreeMap<PhysicalId, StackTag>>,
}

impl<T: Resource> ErasedResource<T> {
    /// The type, called through these clients.
    pub fn new(clients: ClientsOf<T>) -> Self {
        Self {
            definition: ResourceDefinition::new(),
            clients,
            told: Mutex::default(),
        }
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<PhysicalId, StackTag>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has the name that a create wants, where the create itself would answer with it or write over it: what this
    /// very call made; nothing where the name is free.
    ///
    /// # Errors
    /// Somebody else has it.
    async fn made_already(&self, call: &Call, wanted: &Spec) -> ProviderResult<Option<Created<Attributes>>> {
        let holders = T::holders(&self.clients, &wanted.known::<T::Partial>()).await?;
        let mut there = holders.into_iter().filter(|(_, found)| !is_going(found));
        let Some((id, found)) = there.next() else {
            return Ok(None);
        };
        let found = encode_found(found, self.schema())?;
        if !found.is_made_by(call) {
            let schema = self.schema();
            let key = schema.natural_key.iter();
            let name: Vec<&str> = key.filter_map(|name| wanted.get(name)?.as_str()).collect();
            let what = format!("the {} `{}`", schema.name, name.join("/"));
            return Err(taken(call, &what, &id));
        }
        let found = found.of_user().0;
        Ok(Some(Created { id, found }))
    }

    /// Whether a create of this call, with these attributes, made what was found.
    fn made(&self, call: &Call, attributes: &Attributes, id: &PhysicalId, found: &Encoded) -> bool {
        let schema = self.schema();
        match T::RULES.recognition {
            Recognition::Tags => found.is_made_by(call),
            Recognition::NaturalKey => alike(schema, attributes, &found.0.observed),
            Recognition::Content => {
                !call.not_made.contains(id) && alike(schema, attributes, &found.0.observed)
            }
            Recognition::Shared => true,
        }
    }
}

impl<T: Resource> TypeDefinition for ErasedResource<T> {
    fn schema(&self) -> &TypeSchema {
        self.definition.schema()
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        self.definition.validate(attributes, problems);
    }

    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        self.definition
            .validate_with_lookups(attributes, lookups, problems);
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        self.definition.validate_together(stack)
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        self.definition.derive(attributes)
    }
}

#[async_trait]
impl<T: Resource> Provider for ErasedResource<T> {
    fn waits(&self) -> Waits {
        T::RULES.waits
    }

    fn recognition(&self) -> Recognition {
        T::RULES.recognition
    }

    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)> {
        let under = self.definition.schema().under.as_ref()?;
        let id = under.parent_in(attributes)?;
        Some((under.of.clone(), PhysicalId::new(id)))
    }

    fn prepares(&self) -> bool {
        T::PREPARES
    }

    async fn prepare(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes> {
        T::prepare(&self.clients, call, attributes).await
    }

    fn prepared_before(&self, attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        T::prepared_before(attributes, before)
    }

    fn decode(&self, wanted: &Spec) -> ProviderResult<()> {
        wanted.whole::<T>().map(drop)
    }

    async fn create(&self, call: &Call, wanted: &Spec) -> ProviderResult<Created<Attributes>> {
        if T::RULES.looks_first
            && let Some(made) = self.made_already(call, wanted).await?
        {
            return Ok(made);
        }
        let typed = T::clone(&*wanted.whole()?);
        let created = T::create(&self.clients, call, typed).await;
        let created = match created {
            Err(error) if error.class == ErrorClass::AlreadyExists && error.hint.is_none() => {
                // Who has the name is what an import would be given.
                let holders = self.holders(wanted).await.unwrap_or_default();
                return Err(error.hint(ways_out(call, holders.first())));
            }
            created => created?,
        };
        encode_created(created, wanted, self.schema())
    }

    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Spec)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let typed = creates
            .iter()
            .map(|(call, wanted)| Ok((call.clone(), T::clone(&*wanted.whole()?))))
            .collect::<ProviderResult<Vec<_>>>()?;
        let created = T::in_one_call(&self.clients, deletes, typed).await?;
        let created = created.into_iter().zip(creates);
        created
            .map(|(created, (_, wanted))| encode_created(created, wanted, self.schema()))
            .collect()
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        self.read_again(ids, &[]).await
    }

    async fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = T::read_again(&self.clients, ids, last).await?;
        let mut all = BTreeMap::new();
        for (id, found) in found {
            let (found, tag) = encode_found(found, self.schema())?.of_user();
            self.told().insert(id.clone(), tag);
            all.insert(id, found);
        }
        Ok(all)
    }

    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>> {
        if T::RULES.recognition != Recognition::Tags {
            return Ok(BTreeMap::new());
        }
        let untold = || {
            let told = self.told();
            let untold = ids.iter().filter(|id| !told.contains_key(*id));
            untold.cloned().collect::<Vec<_>>()
        };
        self.read(&untold()).await?;
        let told = self.told();
        let told = ids
            .iter()
            .filter_map(|id| Some((id.clone(), told.get(id)?.clone())));
        Ok(told.collect())
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: &UpdateRequest) -> ProviderResult<()> {
        if !update.is_of_tags() {
            let typed = T::clone(&*update.spec.whole()?);
            let typed = update.clone().of(typed);
            T::update(&self.clients, call, id, &typed).await?;
        }
        if update.changed.contains(TAGS) {
            let (set, removed) = difference(&T::Service::TAG_RULES, &update.prior, &update.spec);
            let target = T::tag_target(id, &update.prior);
            if !set.is_empty() {
                T::Service::tag(&self.clients, &target, set).await?;
            }
            if !removed.is_empty() {
                T::Service::untag(&self.clients, &target, removed).await?;
            }
            let mut written = tags_of(&update.spec);
            if let written @ StackTag::Names(_) = take_stack_tag(&mut written) {
                self.told().insert(id.clone(), written);
            }
        }
        Ok(())
    }

    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        T::without_data(&self.clients, ids).await
    }

    async fn delete(&self, call: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        match T::delete(&self.clients, call, id, last).await {
            Err(error) if error.class == ErrorClass::NotFound => Ok(()),
            deleted => deleted,
        }
    }

    async fn in_the_way(&self, id: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        T::in_the_way(&self.clients, id, last).await
    }

    async fn recover(&self, call: &Call, meant: &Spec) -> ProviderResult<Option<PhysicalId>> {
        for (id, found) in T::left(&self.clients, call, &meant.known::<T::Partial>()).await? {
            if !is_going(&found) && self.made(call, meant, &id, &encode_found(found, self.schema())?) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn holders(&self, wanted: &Spec) -> ProviderResult<Vec<PhysicalId>> {
        let holders = T::holders(&self.clients, &wanted.known::<T::Partial>()).await?;
        let mut ids = Vec::new();
        for (id, found) in holders {
            let by_content = T::RULES.recognition == Recognition::Content;
            if !by_content || alike(self.schema(), wanted, &found.observed) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    async fn having_name(&self, attributes: &Attributes) -> ProviderResult<Vec<Attributes>> {
        let holders = T::holders(&self.clients, &partial(attributes)).await?;
        let holders = holders.into_values();
        holders
            .map(|found| Ok(encode_found(found, self.schema())?.0.observed))
            .collect()
    }

    async fn explain(&self, id: &PhysicalId) -> Option<String> {
        T::explain(&self.clients, id).await
    }
}

/// The tags among attributes, and nothing else.
fn tags_of(attributes: &Attributes) -> Attributes {
    let tags = attributes.get_key_value(TAGS);
    tags.map(|(name, tags)| (name.clone(), tags.clone()))
        .into_iter()
        .collect()
}

/// Whether it is on its way out: nobody's create has just made it.
fn is_going<P>(found: &Found<P>) -> bool {
    matches!(found.health, Health::Deleting(_))
}

/// What was found, with all its tags.
struct Encoded(Found<Attributes>);

impl Encoded {
    /// Whether its tags are those that a create of this call set.
    fn is_made_by(&self, call: &Call) -> bool {
        let tags = self.0.observed.get(TAGS).and_then(Value::as_map);
        let tag = |key: &str| tags?.get(key)?.as_str();
        call.marks().all(|(key, value)| tag(key) == Some(value.as_str()))
    }

    /// The same with the user's tags only, and whose it is.
    fn of_user(self) -> (Found<Attributes>, StackTag) {
        let Found { observed, health } = self.0;
        let (observed, whose) = of_user(observed);
        (Found { observed, health }, whose)
    }
}

/// Attributes with the user's tags only, and whose they are.
pub(super) fn of_user(mut observed: Attributes) -> (Attributes, StackTag) {
    let whose = take_stack_tag(&mut observed);
    if let Some(Value::Map(tags)) = observed.get_mut(TAGS) {
        tags.retain(|key, _| !Call::is_reserved_tag(key));
    }
    (observed, whose)
}

fn encode_found<P: Serialize>(found: Found<P>, schema: &TypeSchema) -> ProviderResult<Encoded> {
    Ok(Encoded(Found {
        observed: encode(&found.observed, schema)?,
        health: found.health,
    }))
}

/// What was made, with the tags that were asked for: answers need not repeat them.
fn encode_created<P: Serialize>(
    created: Created<P>,
    asked_for: &Attributes,
    schema: &TypeSchema,
) -> ProviderResult<Created<Attributes>> {
    let (mut found, _) = encode_found(created.found, schema)?.of_user();
    found.observed.remove(TAGS);
    if let Some(tags) = asked_for.get(TAGS) {
        found.observed.insert(TAGS.to_owned(), tags.clone());
    }
    Ok(Created {
        id: created.id,
        found,
    })
}
