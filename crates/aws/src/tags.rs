//! Tags: ours, the user's, and AWS's own.

use std::collections::BTreeMap;

use infra_core::types::known_str;
use infra_core::{Attributes, PhysicalId};
use infra_provider::Call;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What a create call sets: the user's tags and ours.
pub fn for_create(call: &Call, user: Option<&Tags>) -> Tags {
    let mut tags = user.cloned().unwrap_or_default();
    tags.extend(call.tags().map(|(key, value)| (key.to_owned(), value)));
    tags
}

/// The ARN among what was observed of a thing, for services that tag by it.
pub fn arn_in(id: &PhysicalId, observed: &Attributes) -> String {
    known_str(observed, "arn").map_or_else(|| id.to_string(), str::to_owned)
}
