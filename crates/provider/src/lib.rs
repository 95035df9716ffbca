//! What a resource type is to the engine.
//!
//! [`ResourceType`] is what the author of a type writes: typed, one file per type. [`Provider`] is the same
//! thing as the engine sees it: over plain [`Attributes`](infra_core::Attributes), behind `dyn`.
//! [`Erased`] turns one into the other. This crate knows no AWS and does no I/O itself.

mod call;
mod data;
mod definition;
mod erased;
mod lookup;
mod obstacle;
mod schema;
mod survey;
mod tags;
mod traits;
mod user_tags;
mod wait;

pub use call::{
    Call, Learning, Progress, Silent, TAG_ADDRESS, TAG_STACK, TAG_TOKEN, current_address, serving,
};
pub use data::{BuiltIn, Data};
pub use definition::Definition;
pub use erased::{Erased, decode};
pub use lookup::{ErasedLookup, LookupDefinition, LookupProvider, LookupType};
pub use obstacle::Obstacle;
pub use schema::{lookup_schema, type_schema};
pub use survey::{Managed, Standing, Survey, SurveyRequest};
pub use tags::{address_of_tag, address_tag, retag, stack_tag};
pub use traits::{Created, Found, PreparedBefore, Provider, Providers, ResourceType, Update, UpdateRequest};
pub use wait::{Clashing, Following, InOneCall, Recognition, Staying, Traits, Under, Using, Wait, Waits};

/// The result of a provider's call.
pub type ProviderResult<T> = Result<T, infra_core::ProviderError>;
