//! Whose thing is it that already has the name? What is not ours is never adopted.

use std::collections::BTreeMap;

use infra_core::{ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Call, ProviderResult, taken};

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
    if call.marks().all(|(key, value)| tags.get(key) == Some(&value)) {
        return Ok(());
    }
    Err(ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..taken(call, what, &PhysicalId::new(id))
    })
}
