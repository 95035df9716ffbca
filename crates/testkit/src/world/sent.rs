//! What is sent with a call: in clear, complete, and what it names.

use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, Value};
use infra_provider::ProviderResult;

use crate::kind::{Computed, Identity, Kind};

/// Attributes in clear.
pub(crate) fn revealed(attributes: &Attributes) -> ProviderResult<Attributes> {
    let mut clear = Attributes::new();
    for (name, value) in attributes.iter().filter(|(_, value)| !value.is_null()) {
        let json = value.reveal().map_err(|error| {
            ProviderError::new(ErrorClass::Invalid, format!("attribute `{name}`: {error}"))
        })?;
        clear.insert(name.clone(), Value::from(json));
    }
    Ok(clear)
}

/// What was sent with the defaults for the rest. What the type does not have is refused, and so is a lack of
/// what it must have.
pub(super) fn complete(kind: &Kind, mut sent: Attributes) -> ProviderResult<Attributes> {
    for name in sent.keys() {
        let prepared = kind
            .computed
            .iter()
            .any(|(computed, how)| computed == name && *how == Computed::Prepared);
        if !kind.schema.attributes.contains_key(name) && !prepared {
            return Err(invalid(kind, &format!("it has no attribute {name}")));
        }
    }
    for (name, attribute) in &kind.schema.attributes {
        if sent.contains_key(name) {
            continue;
        }
        if attribute.required {
            return Err(invalid(kind, &format!("{name} is missing")));
        }
        if let Some(default) = &attribute.default {
            sent.insert(name.clone(), default.clone());
        }
    }
    Ok(sent)
}

/// The id of what has a name of its own or one under its parent; `None` for the others.
pub(super) fn named_id(kind: &Kind, attributes: &Attributes) -> Option<PhysicalId> {
    let text = |name: &str| match attributes.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match kind.identity {
        Identity::Given => None,
        Identity::Name(name) => Some(PhysicalId::new(text(name)?)),
        Identity::Under(parent, key) => Some(PhysicalId::composite([&text(parent)?, &text(key)?])),
    }
}

/// The texts in a value: what may be ids.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text],
        Value::List(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn refusal(kind: &Kind, class: ErrorClass, message: impl Into<String>) -> ProviderError {
    ProviderError {
        service: kind.schema.name.service().to_owned(),
        ..ProviderError::new(class, message)
    }
}

pub(super) fn invalid(kind: &Kind, message: &str) -> ProviderError {
    refusal(kind, ErrorClass::Invalid, message)
}
