//! By which values others refer to a thing: AWS's id of it and whatever else AWS gave it.
//!
//! Neither the state nor the file tells what an old reference pointed at, but the values do.

use infra_core::{Attributes, PhysicalId, ResourceRecord, TypeDefinition, Value};

/// The texts that tell a thing from all others.
pub(crate) struct Identity<'a>(Vec<&'a str>);

impl<'a> Identity<'a> {
    pub fn new(
        id: &'a PhysicalId,
        definition: Option<&dyn TypeDefinition>,
        attributes: &'a Attributes,
    ) -> Self {
        let mut texts = vec![id.as_str()];
        for name in definition
            .into_iter()
            .flat_map(|definition| definition.schema().computed.keys())
        {
            texts.extend(attributes.get(name).and_then(Value::as_str));
        }
        Self(texts)
    }

    /// Whether a value is one of these texts, or has one in it that is too long to be there by chance.
    pub fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self
                .0
                .iter()
                .any(|own| text == own || (own.len() >= 8 && text.contains(own))),
            Value::List(items) => items.iter().any(|item| self.is_in(item)),
            Value::Map(entries) => entries.values().any(|entry| self.is_in(entry)),
            _ => false,
        }
    }
}

/// Whether what needs an address needs this thing of those that the address has: the ones whose identity is
/// among its values, or all of them when none is. Its values are those of its record, and those that AWS has
/// now: a change whose end nobody saw shows only there.
pub(crate) fn uses(
    user: &ResourceRecord,
    observed: Option<&Attributes>,
    thing: &ResourceRecord,
    all: &[&ResourceRecord],
    definition: Option<&dyn TypeDefinition>,
) -> bool {
    if all.len() < 2 {
        return true;
    }
    let mentions = |thing: &ResourceRecord| {
        let identity = Identity::new(&thing.physical_id, definition, &thing.observed);
        let mut values = user
            .observed
            .values()
            .chain(observed.into_iter().flat_map(Attributes::values));
        values.any(|value| identity.is_in(value))
    };
    mentions(thing) || !all.iter().any(|other| mentions(other))
}
