//! Names that are taken: what exists and was not made by us is never adopted.

use infra_core::{ErrorClass, ProviderError};
use infra_provider::Call;

/// The error for a name that something has that is not ours, found by a look before the create call: for
/// APIs whose create call would silently return, or overwrite, what is there. `what` is such as
/// ``the load balancer `main` ``, `id` what an import takes.
pub fn taken(service: &str, operation: &str, call: &Call, what: &str, id: &str) -> ProviderError {
    let message = format!("{what} exists, and was not made for {}", call.address);
    let error = ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(ErrorClass::AlreadyExists, message)
    };
    with_import_hint(error, call, id)
}

/// Says how to go on when AWS itself refuses a create because the name is taken.
pub fn with_import_hint(error: ProviderError, call: &Call, id: &str) -> ProviderError {
    if error.class != ErrorClass::AlreadyExists || error.hint.is_some() {
        return error;
    }
    let address = &call.address;
    error.hint(format!(
        "choose another name, remove it by hand, or take it over with `infra import STACK '{address}' '{id}'`"
    ))
}
