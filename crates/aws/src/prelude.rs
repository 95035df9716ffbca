//! What nearly every file of a resource type uses.

pub(crate) use crate::choices::{choices, to_aws};
pub use crate::clients::Clients;
pub use crate::errors::{AwsResult, Tolerate, missing};
pub use crate::fields::{known, known_str, value_of};
pub use crate::tags::Tags;
pub use infra_core::types::{Problem, Problems};
pub use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, Value};
pub use infra_provider::{
    Block, Call, Clash, Created, FieldName, Found, Observation, Observations, Obstacle, Partial,
    ProviderResult, Recognition, Resource, Rules, Update, Wait, Waits, told, whole,
};
pub use serde::{Deserialize, Serialize};
