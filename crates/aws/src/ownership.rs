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

/// Whether a create call made what it has answered with: `what`, for people to read. Where AWS answers with what is
/// there, only the tags tell it apart, and somebody may have made it after we looked.
///
/// # Errors
/// AlreadyExists when somebody else made it; Transient while AWS does not show whose it is.
pub fn check_made(
    call: &Call,
    service: &str,
    operation: &str,
    what: &str,
    id: &str,
    tags: BTreeMap<String, String>,
) -> ProviderResult<()> {
    if tags.is_empty() {
        let message = format!("AWS does not show yet who made {what} ({id})");
        return Err(ProviderError {
            service: service.to_owned(),
            operation: operation.to_owned(),
            ..ProviderError::new(ErrorClass::Transient, message)
        });
    }
    if made_by(call, tags) {
        return Ok(());
    }
    Err(taken(call, service, operation, what, id))
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
