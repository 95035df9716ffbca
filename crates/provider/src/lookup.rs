//! Lookups: reads of what exists and is not ours.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::OnceLock;

use async_trait::async_trait;
use infra_core::types::{Problems, TypeDefinition};
use infra_core::{Attributes, PhysicalId, TypeSchema};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::erased::{decode, encode, take_stack_tag};
use crate::schema::lookup_schema;
use crate::wait::Traits;

/// Something that can be looked up, `[lookup.<service>.<type>.<name>]`. It may be a resource type as well or not.
pub trait LookupType: Send + Sync + Sized + 'static {
    /// Service and type in AWS's words, such as `ec2.vpc`.
    const NAME: &'static str;
    /// What it is, in Markdown; the first line is a summary.
    const DESCRIPTION: &'static str;
    /// The IAM actions that looking it up needs.
    const IAM_ACTIONS: &'static [&'static str];
    /// A block of a stack file that has one.
    const EXAMPLE: &'static str;
    /// Which attributes are JSON documents or sets; those of the resource type of the same name.
    const TRAITS: Traits = Traits::NONE;

    /// What it is looked for by; `#[serde(deny_unknown_fields)]`, its field docs are the user's docs. An argument
    /// that is not given does not matter.
    type Arguments: DeserializeOwned + JsonSchema + Send + Sync;
    /// What AWS tells of it. Fields that are `None` are left out.
    type Observed: Serialize + JsonSchema + Send;

    /// AWS's rules for the arguments that need no call; see [`TypeDefinition::validate`].
    fn validate(arguments: &Attributes, problems: &mut Problems) {
        let _ = (arguments, problems);
    }

    /// Everything that the arguments fit, in any order; nothing is no error.
    fn find(
        &self,
        arguments: Self::Arguments,
    ) -> impl Future<Output = ProviderResult<Vec<(PhysicalId, Self::Observed)>>> + Send;
}

/// A lookup as the engine sees it.
#[async_trait]
pub trait LookupProvider: TypeDefinition {
    /// See [`LookupType::find`]. The arguments must be known; secrets are in clear.
    async fn find(&self, arguments: &Attributes) -> ProviderResult<Vec<(PhysicalId, Attributes)>>;
}

/// The [`TypeDefinition`] of a [`LookupType`]: needs no client and makes no call.
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

impl<T: LookupType> TypeDefinition for LookupDefinition<T> {
    fn schema(&self) -> &TypeSchema {
        self.schema.get_or_init(lookup_schema::<T>)
    }

    fn validate(&self, arguments: &Attributes, problems: &mut Problems) {
        T::validate(arguments, problems);
    }
}

/// A [`LookupType`] as a [`LookupProvider`].
pub struct ErasedLookup<T> {
    definition: LookupDefinition<T>,
    inner: T,
}

impl<T: LookupType> ErasedLookup<T> {
    /// Wraps a lookup together with its clients.
    pub fn new(inner: T) -> Self {
        Self {
            definition: LookupDefinition::new(),
            inner,
        }
    }
}

impl<T: LookupType> TypeDefinition for ErasedLookup<T> {
    fn schema(&self) -> &TypeSchema {
        self.definition.schema()
    }

    fn validate(&self, arguments: &Attributes, problems: &mut Problems) {
        self.definition.validate(arguments, problems);
    }
}

#[async_trait]
impl<T: LookupType> LookupProvider for ErasedLookup<T> {
    async fn find(&self, arguments: &Attributes) -> ProviderResult<Vec<(PhysicalId, Attributes)>> {
        let found = self.inner.find(decode(arguments)?).await?;
        found
            .into_iter()
            .map(|(id, observed)| {
                let mut observed = encode(&observed)?;
                take_stack_tag(&mut observed);
                Ok((id, observed))
            })
            .collect()
    }
}
