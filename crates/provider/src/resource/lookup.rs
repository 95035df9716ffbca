//! Lookups: reads of what exists and is not ours.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::OnceLock;

use async_trait::async_trait;
use infra_core::types::{Problems, TypeDefinition};
use infra_core::{Attributes, PhysicalId, TypeSchema};
use serde::de::DeserializeOwned;

use super::definition::type_name;
use super::erased::of_user;
use super::facts;
use crate::ProviderResult;
use crate::block::{Block, Described};
use crate::codec::{decode, encode};
use crate::{constraints, deserialize};

/// Something that can be looked up, `[lookup.<service>.<type>.<name>]`: a struct whose fields are what it is looked for
/// by. An argument that is not given does not matter.
pub trait Lookup: Block<Partial: Default> + DeserializeOwned + Send + Sync + Sized + 'static {
    /// Service and type in AWS's words, such as `ec2.vpc`. It may be a resource type as well or not.
    const NAME: &'static str;
    /// The IAM actions that looking it up needs.
    const IAM_ACTIONS: &'static [&'static str];
    /// A block of a stack file that has one.
    const EXAMPLE: &'static str;

    /// What it is called through.
    type Clients: Clone + Send + Sync + 'static;
    /// What AWS tells of it.
    type Found: Block;

    /// AWS's rules for the arguments that need no call and that no constraint on a field says.
    fn validate(given: &Self::Partial, problems: &mut Problems) {
        let _ = (given, problems);
    }

    /// Everything that the arguments fit, in any order; nothing is no error.
    fn find(
        clients: &Self::Clients,
        arguments: Self,
    ) -> impl Future<Output = ProviderResult<Things<Self::Found>>> + Send;
}

/// What a lookup found, by id.
pub type Things<T> = Vec<(PhysicalId, <T as Described>::Partial)>;

/// A lookup as the engine sees it.
#[async_trait]
pub trait LookupProvider: TypeDefinition {
    /// See [`Lookup::find`]. The arguments must be known; secrets are in clear.
    async fn find(&self, arguments: &Attributes) -> ProviderResult<Vec<(PhysicalId, Attributes)>>;
}

/// The [`TypeDefinition`] of a [`Lookup`]: needs no client and makes no call.
pub struct LookupDefinition<T> {
    schema: OnceLock<TypeSchema>,
    of: PhantomData<fn() -> T>,
}

impl<T> LookupDefinition<T> {
    /// Nothing is worked out until it is asked for, so this costs nothing.
    pub const fn new() -> Self {
        Self {
            schema: OnceLock::new(),
            of: PhantomData,
        }
    }
}

impl<T> Default for LookupDefinition<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Lookup> TypeDefinition for LookupDefinition<T> {
    fn schema(&self) -> &TypeSchema {
        self.schema.get_or_init(schema::<T>)
    }

    fn validate(&self, arguments: &Attributes, problems: &mut Problems) {
        constraints::check(self.schema(), arguments, problems);
        T::validate(&deserialize::partial(arguments), problems);
    }
}

/// The schema of a lookup: what AWS tells of the thing beside the arguments is computed.
fn schema<T: Lookup>() -> TypeSchema {
    let attributes = facts::attributes(&T::FACTS);
    let mut computed = facts::told(&T::Found::FACTS);
    computed.retain(|name, _| !attributes.contains_key(name));
    TypeSchema {
        description: T::DESCRIPTION.to_owned(),
        attributes,
        computed,
        rules: facts::rules(&T::FACTS),
        ..TypeSchema::new(type_name(T::NAME))
    }
}

/// A [`Lookup`] as a [`LookupProvider`].
pub struct ErasedLookup<T: Lookup> {
    definition: LookupDefinition<T>,
    clients: T::Clients,
}

impl<T: Lookup> ErasedLookup<T> {
    /// The lookup, called through these clients.
    pub fn new(clients: T::Clients) -> Self {
        Self {
            definition: LookupDefinition::new(),
            clients,
        }
    }
}

impl<T: Lookup> TypeDefinition for ErasedLookup<T> {
    fn schema(&self) -> &TypeSchema {
        self.definition.schema()
    }

    fn validate(&self, arguments: &Attributes, problems: &mut Problems) {
        self.definition.validate(arguments, problems);
    }
}

#[async_trait]
impl<T: Lookup> LookupProvider for ErasedLookup<T> {
    async fn find(&self, arguments: &Attributes) -> ProviderResult<Vec<(PhysicalId, Attributes)>> {
        let found = T::find(&self.clients, decode(arguments)?).await?;
        let found = found.into_iter();
        found
            .map(|(id, thing)| Ok((id, of_user(encode(&thing, self.schema())?).0)))
            .collect()
    }
}
