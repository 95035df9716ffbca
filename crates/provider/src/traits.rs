//! The contract of a resource type, typed and erased.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use async_trait::async_trait;
use infra_core::types::{Problem, Problems};
use infra_core::{
    Attributes, Catalogue, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, StackTag,
    TypeDefinition, TypeName,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::call::Call;
use crate::lookup::LookupProvider;
use crate::obstacle::Obstacle;
use crate::survey::Survey;
use crate::wait::{Recognition, Traits, Waits};

/// A resource as a read found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<O> {
    /// Its attributes.
    pub observed: O,
    /// Whether it works.
    pub health: Health,
}

impl<O> Found<O> {
    /// Found, and working.
    pub fn ready(observed: O) -> Self {
        Self {
            observed,
            health: Health::Ready,
        }
    }
}

/// What a create call answered: the id, and whatever is known of the resource by then (at the least the
/// computed attributes that AWS's answer has).
#[derive(Debug, Clone, PartialEq)]
pub struct Created<O> {
    /// AWS's id.
    pub id: PhysicalId,
    /// As of the answer.
    pub found: Found<O>,
}

impl<O> Created<O> {
    /// Created, and working at once (or as soon as its waiter says so).
    pub fn new(id: impl Into<String>, observed: O) -> Self {
        Self {
            id: PhysicalId::new(id),
            found: Found::ready(observed),
        }
    }
}

/// What an update is to bring about.
#[derive(Debug, Clone, PartialEq)]
pub struct Update<S> {
    /// The whole wanted spec. An attribute that the file no longer sets has its default here, or is missing.
    pub spec: S,
    /// The attributes as last observed.
    pub prior: Attributes,
    /// The top-level attributes that differ. After a create: those of [`Traits::set_after_create`] that the
    /// file sets. Empty only when the update is forced.
    pub changed: BTreeSet<String>,
    /// The user asks for it although nothing differs (a redeployment).
    pub forced: bool,
}

impl<S> Update<S> {
    /// Whether any of these attributes is to change.
    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.changed.contains(*name))
    }
}

/// An [`Update`] before its spec is typed.
pub type UpdateRequest = Update<Attributes>;

/// What preparing made known the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedBefore {
    /// What that was.
    pub attributes: Attributes,
    /// Whether it is the same for ever, so that nobody has to look again.
    pub is_fixed: bool,
}

/// One resource type. Written in one file, read from top to bottom.
///
/// Errors have a class ([`infra_core::ErrorClass`]) that the engine acts on; a provider itself retries
/// only what its SDK retries. It waits for nothing to happen at AWS: "not yet" is an error of that class, and what takes
/// its time is named in [`Traits::waits`]. All that it may pause for is to gather what is asked for at the same moment
/// into one call, and, in the push of an image, to ask a registry again that broke off.
pub trait ResourceType: Send + Sync + Sized + 'static {
    /// Service and type in AWS's words, such as `ec2.vpc`.
    const NAME: &'static str;
    /// What it is, in Markdown; the first line is a summary.
    const DESCRIPTION: &'static str;
    /// The IAM actions that managing it needs.
    const IAM_ACTIONS: &'static [&'static str];
    /// A block of a stack file that declares one.
    const EXAMPLE: &'static str;
    /// How its attributes are treated.
    const TRAITS: Traits;
    /// Whether [`ResourceType::prepare`] does anything.
    const PREPARES: bool = false;

    /// What the file may set; `#[serde(deny_unknown_fields)]`, its field docs are the user's docs.
    type Spec: DeserializeOwned + JsonSchema + Send + Sync;
    /// What AWS tells: the attributes of the spec under the same names, and the computed ones. Fields that
    /// are `None` are left out.
    type Observed: Serialize + JsonSchema + Send;

    /// AWS's rules for one resource that need no call; see [`TypeDefinition::validate`].
    fn validate(attributes: &Attributes, problems: &mut Problems) {
        let _ = (attributes, problems);
    }

    /// AWS's rules for one resource and what it refers to of lookups; see [`TypeDefinition::validate_with_lookups`].
    fn validate_with_lookups(
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        let _ = (attributes, lookups, problems);
    }

    /// AWS's rules between resources; see [`TypeDefinition::validate_together`].
    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let _ = stack;
        Vec::new()
    }

    /// Computed attributes that follow from others; see [`TypeDefinition::derive`].
    fn derive(attributes: &Attributes) -> Attributes {
        let _ = attributes;
        Attributes::new()
    }

    /// Local work before planning that makes computed attributes known (reading an image's digest). Runs
    /// for plan and diff too: it may not change anything at AWS. `attributes` may hold unknowns.
    fn prepare(
        &self,
        call: &Call,
        attributes: &Attributes,
    ) -> impl Future<Output = ProviderResult<Attributes>> + Send {
        let _ = (call, attributes);
        async { Ok(Attributes::new()) }
    }

    /// What preparing made known the last time, of what the state has of it by now (`before`), if it was prepared from the
    /// same.
    fn prepared_before(attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        let _ = (attributes, before);
        None
    }

    /// Makes it: exactly one call that creates, with our tags ([`Call::tags`]) in that same call where the
    /// API takes tags, and the client token where it takes one. Returns as soon as the id is known. What
    /// cannot be said in that call is in [`Traits::set_after_create`] and arrives by `update`.
    fn create(
        &self,
        call: &Call,
        spec: Self::Spec,
    ) -> impl Future<Output = ProviderResult<Created<Self::Observed>>> + Send;

    /// Reads many at once, in as few calls as the API allows. What is not there is not in the answer: that
    /// is no error.
    fn read(
        &self,
        ids: &[PhysicalId],
    ) -> impl Future<Output = ProviderResult<BTreeMap<PhysicalId, Found<Self::Observed>>>> + Send;

    /// As [`read`](Self::read), where a run has left some of them working: `last` is what was observed of each
    /// of the `ids` then. A call may be saved where AWS's other answers show that nothing has happened since.
    fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> impl Future<Output = ProviderResult<BTreeMap<PhysicalId, Found<Self::Observed>>>> + Send {
        let _ = last;
        self.read(ids)
    }

    /// Changes it in place. Has to be repeatable.
    fn update(
        &self,
        call: &Call,
        id: &PhysicalId,
        update: Update<Self::Spec>,
    ) -> impl Future<Output = ProviderResult<()>> + Send;

    /// Of a type that [holds data](Traits::holds_data): which of these AWS says to hold none. It is asked where a plan
    /// would delete or replace them; what is not in the answer counts as holding some.
    fn without_data(
        &self,
        ids: &[PhysicalId],
    ) -> impl Future<Output = ProviderResult<BTreeSet<PhysicalId>>> + Send {
        let _ = ids;
        async { Ok(BTreeSet::new()) }
    }

    /// Removes it. What is gone already is success. `last` is what was last observed. Data that it holds is lost with it
    /// only where the call [allows](Call::data_loss_allowed) that.
    fn delete(
        &self,
        call: &Call,
        id: &PhysicalId,
        last: &Attributes,
    ) -> impl Future<Output = ProviderResult<()>> + Send;

    /// What keeps AWS from deleting it, where AWS tells that in a request or few: asked when a delete was refused for a while
    /// because something still uses it.
    fn in_the_way(
        &self,
        id: &PhysicalId,
        last: &Attributes,
    ) -> impl Future<Output = ProviderResult<Vec<Obstacle>>> + Send {
        let _ = (id, last);
        async { Ok(Vec::new()) }
    }

    /// Deletes and creates in one call, which is carried out whole or not at all: of a type with [`Traits::together`].
    /// The deletes come first; what is gone already is left out. Answers what each of the creates made, in their order.
    fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: Vec<(Call, Self::Spec)>,
    ) -> impl Future<Output = ProviderResult<Vec<Created<Self::Observed>>>> + Send {
        let _ = (deletes, creates);
        async { Err(has_no_such_call()) }
    }

    /// Finds what a create whose answer was lost left behind, by our tags ([`Call::marks`]), the natural key, or
    /// the parent. `attributes` are those of the intent, secrets sealed; where a rebuilt state makes us look for
    /// what an unknown run made, those of the file as far as they are known. Something of that name without our
    /// tags is not ours: `None`.
    fn recover(
        &self,
        call: &Call,
        attributes: &Attributes,
    ) -> impl Future<Output = ProviderResult<Option<PhysicalId>>> + Send;

    /// What has the natural key that these attributes make, whoever made it: it is asked before the old one of a
    /// replacement is deleted that gets another key. Of a type that is recognised by its content: what is equal.
    fn holders(
        &self,
        attributes: &Attributes,
    ) -> impl Future<Output = ProviderResult<Vec<PhysicalId>>> + Send {
        let _ = attributes;
        async { Ok(Vec::new()) }
    }

    /// Looks for the reason when a wait ended in failure, beyond what `read` tells.
    fn explain(&self, id: &PhysicalId) -> impl Future<Output = Option<String>> + Send {
        let _ = id;
        async { None }
    }
}

fn has_no_such_call() -> ProviderError {
    ProviderError::new(ErrorClass::Other, "the type has no call that deletes and creates")
}

/// A resource type as the engine sees it. See [`ResourceType`] for what each call does.
#[async_trait]
pub trait Provider: TypeDefinition {
    /// What has to be waited for.
    fn waits(&self) -> &Waits;

    /// How what a create left is told from what others made.
    fn recognition(&self) -> Recognition;

    /// The thing that the natural key of these attributes is under, by type and id.
    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)>;

    /// Whether preparing does anything.
    fn prepares(&self) -> bool;

    /// See [`ResourceType::prepare`].
    async fn prepare(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes>;

    /// See [`ResourceType::prepared_before`].
    fn prepared_before(&self, attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        let _ = (attributes, before);
        None
    }

    /// See [`ResourceType::create`]. The attributes must be known; secrets are in clear.
    async fn create(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Created<Attributes>>;

    /// See [`ResourceType::read`].
    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>>;

    /// See [`ResourceType::read_again`].
    async fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        let _ = last;
        self.read(ids).await
    }

    /// See [`ResourceType::update`].
    async fn update(&self, call: &Call, id: &PhysicalId, update: UpdateRequest) -> ProviderResult<()>;

    /// See [`ResourceType::without_data`].
    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        let _ = ids;
        Ok(BTreeSet::new())
    }

    /// See [`ResourceType::delete`].
    async fn delete(&self, call: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()>;

    /// See [`ResourceType::in_the_way`].
    async fn in_the_way(&self, id: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let _ = (id, last);
        Ok(Vec::new())
    }

    /// See [`ResourceType::in_one_call`]. The attributes must be known; secrets are in clear.
    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Attributes)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let _ = (deletes, creates);
        Err(has_no_such_call())
    }

    /// See [`ResourceType::recover`].
    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>>;

    /// See [`ResourceType::holders`]. The attributes must be known; secrets are in clear.
    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>>;

    /// Whose these are by the tags that were last read of them; those are read of which that has not happened yet. What
    /// is not there is not in the answer.
    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>>;

    /// See [`ResourceType::explain`].
    async fn explain(&self, id: &PhysicalId) -> Option<String>;
}

/// All providers of a run: a catalogue whose types can be called.
pub trait Providers: Catalogue {
    /// The type's provider; `None` when there is no such type.
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider>;

    /// What looks things of this type up; `None` when nothing can.
    fn lookup_provider(&self, name: &TypeName) -> Option<&dyn LookupProvider> {
        let _ = name;
        None
    }

    /// What looks for things that no state knows; `None` where nothing can.
    fn survey(&self) -> Option<&dyn Survey> {
        None
    }
}
