//! What a resource type is to the engine.
//!
//! [`Resource`] is what the author of a type writes: typed, one file per type, its attributes the fields of a [`Block`].
//! [`Provider`] is the same thing as the engine sees it: over plain [`Attributes`](infra_core::Attributes), behind
//! `dyn`. [`ErasedResource`] turns one into the other. This crate knows no AWS and does no I/O itself.

mod alike;
mod block;
mod call;
mod codec;
mod constraints;
mod data;
mod deserialize;
mod nothing;
mod obstacle;
mod ownership;
mod partial;
mod resource;
mod spec;
mod survey;
mod tags;
mod traits;
mod user_tags;
mod wait;
mod whole;

pub use alike::{alike, same};
pub use block::{Block, BlockFacts, DefaultValue, Described, FieldFacts, FieldName, Kind};
pub use call::{
    Call, Learning, Progress, Silent, TAG_ADDRESS, TAG_STACK, TAG_TOKEN, current_address, serving,
};
pub use codec::decode;
pub use constraints::is_sound;
pub use data::{BuiltIn, Data};
pub use infra_core::Spelling;
pub use infra_core::constraint::{BlockRule, Constraint, When, Where};
pub use obstacle::Obstacle;
pub use ownership::taken;
pub use partial::{Partial, told, whole};
pub use resource::{
    Clash, ClientsOf, ErasedLookup, ErasedResource, Following, Lookup, LookupDefinition, LookupProvider,
    Observation, Observations, Resource, ResourceDefinition, Rules, Service, Stays, Things, Used,
};
pub use spec::Spec;
pub use survey::{Managed, Standing, Survey, SurveyRequest};
pub use tags::{address_of_tag, address_tag, retag, stack_tag};
pub use traits::{Created, Found, PreparedBefore, Provider, Providers, Update, UpdateRequest};
pub use user_tags::TagRules;
pub use wait::{InOneCall, Recognition, Wait, Waits};

extern crate self as infra_provider;

/// The result of a provider's call.
pub type ProviderResult<T> = Result<T, infra_core::ProviderError>;
