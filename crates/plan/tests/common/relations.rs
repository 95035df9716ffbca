//! What things have to do with each other.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{Attributes, PhysicalId, ResourceAddress, StaysIn, TypeSchema, Value};

use super::case::Case;

/// What the things that one names stand in, by the rules of what it cannot leave.
pub fn places<'s>(
    things: &BTreeMap<PhysicalId, (ResourceAddress, Attributes)>,
    schema: &'s TypeSchema,
    named: &Attributes,
) -> Vec<(&'s StaysIn, Value)> {
    let place = |rule: &StaysIn, id: &Value| {
        let (_, thing) = things.get(&PhysicalId::new(id.as_str()?))?;
        thing.get(&rule.through).cloned()
    };
    let of_rule = |rule: &'s StaysIn| {
        let ids = named.get(rule.attribute.top()).and_then(Value::as_list);
        ids.unwrap_or_default()
            .iter()
            .filter_map(|id| Some((rule, place(rule, id)?)))
            .collect::<Vec<_>>()
    };
    schema.stays_in.iter().flat_map(of_rule).collect()
}

pub fn has_circle(case: &Case) -> bool {
    let mut needs: BTreeMap<&ResourceAddress, BTreeSet<&ResourceAddress>> = BTreeMap::new();
    for (address, record) in &case.state.resources {
        needs.entry(address).or_default().extend(&record.dependencies);
    }
    for (address, records) in &case.state.deposed {
        for record in records {
            needs.entry(address).or_default().extend(&record.dependencies);
        }
    }
    loop {
        let names: BTreeSet<&ResourceAddress> = needs.keys().copied().collect();
        let before = needs.len();
        needs.retain(|_, needs| needs.iter().any(|need| names.contains(need)));
        if needs.len() == before {
            return before > 0;
        }
    }
}

pub fn mentions(value: &Value, id: &PhysicalId) -> bool {
    match value {
        Value::String(text) => text.contains(id.as_str()),
        Value::List(items) => items.iter().any(|item| mentions(item, id)),
        Value::Map(entries) => entries.values().any(|entry| mentions(entry, id)),
        _ => false,
    }
}

pub fn clear(value: &Value) -> Value {
    value.reveal().map_or_else(|_| value.clone(), Value::from)
}
