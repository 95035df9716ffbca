//! The pure half of a type, made from its Rust types when it is first asked for.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use infra_core::types::{Problem, Problems, TypeDefinition};
use infra_core::{Attributes, ResourceAddress, TypeSchema};

use crate::schema::type_schema;
use crate::traits::ResourceType;
use crate::user_tags;

/// The [`TypeDefinition`] of a [`ResourceType`]: needs no client and makes no call.
pub struct Definition<T> {
    schema: OnceLock<TypeSchema>,
    of: PhantomData<fn() -> T>,
}

impl<T> Definition<T> {
    /// Nothing is worked out until it is asked for, so this costs nothing.
    pub const fn new() -> Self {
        Self {
            schema: OnceLock::new(),
            of: PhantomData,
        }
    }
}

impl<T> Default for Definition<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ResourceType> TypeDefinition for Definition<T> {
    fn schema(&self) -> &TypeSchema {
        self.schema.get_or_init(type_schema::<T>)
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        user_tags::check(attributes, problems);
        T::validate(attributes, problems);
    }

    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        T::validate_with_lookups(attributes, lookups, problems);
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        T::validate_together(stack)
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        T::derive(attributes)
    }
}
