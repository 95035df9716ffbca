//! What a stack gives out, once everything is known.

use infra_core::{Attributes, Scope, SealingKey, Stack, Value};

/// The outputs' values, in clear for whoever asked for them. What cannot be worked out, because something
/// failed, is unknown.
pub(crate) fn evaluate(stack: &Stack, scope: &Scope) -> Attributes {
    stack
        .outputs
        .iter()
        .map(|(name, output)| {
            let value = output.value.evaluate(scope).unwrap_or_else(|_| Value::unknown());
            (
                name.clone(),
                if output.sensitive {
                    Value::secret(value)
                } else {
                    value
                },
            )
        })
        .collect()
}

/// The outputs as the state keeps them: sealed, and only those that are known.
pub(crate) fn sealed(outputs: &Attributes, key: &SealingKey) -> Attributes {
    outputs
        .iter()
        .filter(|(_, value)| !value.has_unknown())
        .map(|(name, value)| (name.clone(), value.sealed(key)))
        .collect()
}
