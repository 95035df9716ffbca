//! The contract of a resource type, typed and erased.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use infra_core::{
    AttributePath, Attributes, Catalogue, ErrorClass, Health, PhysicalId, ProviderError, StackTag,
    TypeDefinition, TypeName,
};

use crate::ProviderResult;
use crate::block::{Block, FieldName};
use crate::call::Call;
use crate::obstacle::Obstacle;
use crate::resource::LookupProvider;
use crate::spec::Spec;
use crate::survey::Survey;
use crate::tags::TAGS;
use crate::wait::{Recognition, Waits};

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

impl<O> From<(PhysicalId, Found<O>)> for Created<O> {
    fn from((id, found): (PhysicalId, Found<O>)) -> Self {
        Self { id, found }
    }
}

/// What an update is to bring about.
#[derive(Debug, Clone, PartialEq)]
pub struct Update<S> {
    /// The whole wanted spec. An attribute that the file no longer sets has its default here, or is missing.
    pub spec: S,
    /// The attributes as last observed.
    pub prior: Attributes,
    /// The top-level attributes that differ. After a create: those that the file sets and a create call
    /// cannot. Empty only when the update is forced.
    pub changed: BTreeSet<String>,
    /// Where in them the differences are, as far as that is known; of one that none of these is in, all of it differs.
    pub within: BTreeSet<AttributePath>,
    /// The user asks for it although nothing differs (a redeployment).
    pub forced: bool,
}

impl<S: Block> Update<S> {
    /// Whether this attribute is to change.
    pub fn changes(&self, field: S::Field) -> bool {
        self.changed.contains(field.name())
    }

    /// Whether this key of a table is to change.
    pub fn changes_in<F: FieldName>(&self, table: S::Field, key: F) -> bool {
        self.changes_at(&AttributePath::attribute(table.name()).name(key.name()))
    }

    /// Whether what is at this place is to change, or something in it.
    pub fn changes_at(&self, place: &AttributePath) -> bool {
        let mut within = self
            .within
            .iter()
            .filter(|path| path.top() == place.top())
            .peekable();
        let all = within.peek().is_none();
        let meets = |path: &AttributePath| {
            let (path, place) = (path.segments(), place.segments());
            path.starts_with(place) || place.starts_with(path)
        };
        self.changed.contains(place.top()) && (all || within.any(meets))
    }

    /// Whether nothing but these attributes is to change, and tags, which are written by themselves.
    pub fn changes_only(&self, fields: &[S::Field]) -> bool {
        let is_one = |name: &String| name == TAGS || fields.iter().any(|field| field.name() == name);
        self.changed.iter().all(is_one)
    }
}

impl<S: Block> Update<S> {
    /// The value, where this attribute is to change: what a call is not told it leaves alone.
    pub fn only<V>(&self, field: S::Field, value: Option<V>) -> Option<V> {
        value.filter(|_| self.changes(field))
    }

    /// The value, where this key of a table is to change.
    pub fn only_in<F: FieldName, V>(&self, table: S::Field, key: F, value: Option<V>) -> Option<V> {
        value.filter(|_| self.changes_in(table, key))
    }
}

impl<S> Update<S> {
    /// The same with the spec in another form.
    pub fn of<T>(self, spec: T) -> Update<T> {
        Update {
            spec,
            prior: self.prior,
            changed: self.changed,
            within: self.within,
            forced: self.forced,
        }
    }

    /// Whether only tags are to change, which the service writes and not the type.
    pub fn is_of_tags(&self) -> bool {
        !self.forced && self.changed.iter().all(|name| name == TAGS)
    }
}

/// An [`Update`] as the engine asks for it.
pub type UpdateRequest = Update<Spec>;

/// What preparing made known the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedBefore {
    /// What that was.
    pub attributes: Attributes,
    /// Whether it is the same for ever, so that nobody has to look again.
    pub is_fixed: bool,
}

pub(crate) fn has_no_such_call() -> ProviderError {
    ProviderError::new(ErrorClass::Other, "the type has no call that deletes and creates")
}

/// A resource type as the engine sees it. See [`Resource`](crate::Resource) for what each call does.
#[async_trait]
pub trait Provider: TypeDefinition {
    /// What has to be waited for.
    fn waits(&self) -> Waits;

    /// How what a create left is told from what others made.
    fn recognition(&self) -> Recognition;

    /// The thing that the natural key of these attributes is under, by type and id.
    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)>;

    /// Whether preparing does anything.
    fn prepares(&self) -> bool;

    /// See [`Resource::prepare`](crate::Resource::prepare).
    async fn prepare(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes>;

    /// See [`Resource::prepared_before`](crate::Resource::prepared_before).
    fn prepared_before(&self, attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        let _ = (attributes, before);
        None
    }

    /// Decodes what is wanted, all of which must be known, for the calls that are given it: what does not fit the type is
    /// told before any of them.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] naming the attribute that does not fit.
    fn decode(&self, wanted: &Spec) -> ProviderResult<()> {
        let _ = wanted;
        Ok(())
    }

    /// See [`Resource::create`](crate::Resource::create). What is wanted must be known; secrets are in clear.
    async fn create(&self, call: &Call, wanted: &Spec) -> ProviderResult<Created<Attributes>>;

    /// See [`Resource::read`](crate::Resource::read).
    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>>;

    /// See [`Resource::read_again`](crate::Resource::read_again).
    async fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        let _ = last;
        self.read(ids).await
    }

    /// See [`Resource::update`](crate::Resource::update).
    async fn update(&self, call: &Call, id: &PhysicalId, update: &UpdateRequest) -> ProviderResult<()>;

    /// See [`Resource::without_data`](crate::Resource::without_data).
    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        let _ = ids;
        Ok(BTreeSet::new())
    }

    /// See [`Resource::delete`](crate::Resource::delete).
    async fn delete(&self, call: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()>;

    /// See [`Resource::in_the_way`](crate::Resource::in_the_way).
    async fn in_the_way(&self, id: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let _ = (id, last);
        Ok(Vec::new())
    }

    /// See [`Resource::in_one_call`](crate::Resource::in_one_call). What is wanted must be known; secrets are in clear.
    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Spec)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let _ = (deletes, creates);
        Err(has_no_such_call())
    }

    /// Which of what a create whose answer was lost may have [left](crate::Resource::left) it made; `None`: nothing.
    /// `meant` are the attributes of the intent, secrets sealed; where a rebuilt state makes us look for what an unknown run
    /// made, those of the file as far as they are known.
    async fn recover(&self, call: &Call, meant: &Spec) -> ProviderResult<Option<PhysicalId>>;

    /// See [`Resource::holders`](crate::Resource::holders). What is wanted must be known; secrets are in clear.
    async fn holders(&self, wanted: &Spec) -> ProviderResult<Vec<PhysicalId>>;

    /// What has the name in these attributes now, whoever made it: of a type whose names stay with what has them.
    async fn having_name(&self, attributes: &Attributes) -> ProviderResult<Vec<Attributes>> {
        let _ = attributes;
        Ok(Vec::new())
    }

    /// Whose these are by the tags that were last read of them; those are read of which that has not happened yet. What
    /// is not there is not in the answer.
    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>>;

    /// See [`Resource::explain`](crate::Resource::explain).
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
