//! What is said where somebody else has the name that a create wants.

use infra_core::{ErrorClass, PhysicalId, ProviderError};

use crate::call::Call;

/// The error for a create that found the name of `what` taken, where AWS itself would have written over what is there or
/// answered with it.
pub fn taken(call: &Call, what: &str, id: &PhysicalId) -> ProviderError {
    let message = format!("{what} exists already and was not made by this stack; it is left as it is");
    ProviderError::new(ErrorClass::AlreadyExists, message).hint(ways_out(call, Some(id)))
}

/// What to do about it. `id` is what an import would be given, where that is known.
pub fn ways_out(call: &Call, id: Option<&PhysicalId>) -> String {
    match id {
        Some(id) => format!(
            "choose another name, remove it by hand, or take it over: `{}`",
            call.import_command(id.as_str())
        ),
        None => format!(
            "change what clashes, remove what is there by hand, or take it over: `{}`, where ID is its id",
            call.import_command("ID")
        ),
    }
}
