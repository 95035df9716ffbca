//! Whose thing is it that already has the name? What is not ours is never adopted.

use std::collections::BTreeMap;

use infra_core::{ErrorClass, ProviderError};
use infra_provider::{Call, ProviderResult};

/// Whether these tags say that the create call of this very intent made the thing; for a call without a token,
/// that this stack made it for the call's address.
pub fn made_by(call: &Call, tags: impl IntoIterator<Item = (String, String)>) -> bool {
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    call.marks().all(|(key, value)| tags.get(key) == Some(&value))
}

/// The error for a create that found the name taken, where AWS itself would have overwritten what is there.
pub fn taken(call: &Call, service: &str, operation: &str, what: &str, id: &str) -> ProviderError {
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(
            ErrorClass::AlreadyExists,
            format!("{what} exists already and was not made by this stack; it is left as it is"),
        )
    }
    .hint(ways_out(call, id))
}

/// Adds what to do when AWS says that the name is taken.
pub trait Taken<T> {
    /// `id` is what an import would be given.
    ///
    /// # Errors
    /// The same error; one of class AlreadyExists has a hint.
    fn taken(self, call: &Call, id: &str) -> ProviderResult<T>;
}

impl<T> Taken<T> for ProviderResult<T> {
    fn taken(self, call: &Call, id: &str) -> ProviderResult<T> {
        self.map_err(|error| match error.class {
            ErrorClass::AlreadyExists => error.hint(ways_out(call, id)),
            _ => error,
        })
    }
}

fn ways_out(call: &Call, id: &str) -> String {
    format!(
        "choose another name, remove it by hand, or take it over: `infra import STACK '{}' '{id}'`",
        call.address
    )
}
