//! Whether the cloud has what a stack says: worked out apart from any planner.

use std::collections::BTreeMap;

use infra_core::{Health, ResourceAddress, Scope, Stack, Value};

use crate::cloud::Cloud;
use crate::world::Listed;

/// Everything in which the cloud is not what `stack` says, in words: things that are missing, that are there
/// twice or for nobody, that do not work, and attributes that differ from what the stack sets. Attributes that
/// the stack does not set are let be, and so are those under `ignore_changes`.
pub fn differences(cloud: &Cloud, stack: &Stack) -> Vec<String> {
    differences_among(cloud.listing(), stack)
}

/// The same for some of the cloud's things, as if there were no others.
pub fn differences_among(listing: Vec<Listed>, stack: &Stack) -> Vec<String> {
    let mut found = Vec::new();
    let mut known = Scope::default();
    let mut things: BTreeMap<ResourceAddress, Listed> = BTreeMap::new();
    for thing in listing {
        let Some(address) = thing.made_for.clone() else {
            found.push(format!("{} {} was made by hand", thing.type_name, thing.id));
            continue;
        };
        if !stack.resources.contains_key(&address) {
            found.push(format!("{address}: {} is there and not declared", thing.id));
        }
        if thing.health != Health::Ready {
            found.push(format!("{address}: {} is {:?}", thing.id, thing.health));
        }
        known.set(address.clone(), thing.attributes.clone());
        if let Some(other) = things.insert(address.clone(), thing.clone()) {
            found.push(format!("{address}: there are {} and {}", other.id, thing.id));
        }
    }
    for (address, resource) in &stack.resources {
        let Some(thing) = things.get(address) else {
            found.push(format!("{address} is missing"));
            continue;
        };
        for (name, template) in &resource.attributes {
            if resource.lifecycle.ignore_changes.contains(name) {
                continue;
            }
            let wanted = match template.evaluate(&known) {
                Ok(value) => plain(&value),
                Err(error) => {
                    found.push(format!("{address}: {name}: {error}"));
                    continue;
                }
            };
            let there = thing.attributes.get(name).map(plain).unwrap_or_default();
            if wanted != there {
                found.push(format!("{address}: {name} is {there:?} and not {wanted:?}"));
            }
        }
    }
    found
}

/// A value in clear, without what is empty, and each element of a list once and in order: the made-up types have
/// only sets.
fn plain(value: &Value) -> Value {
    let clear = value.reveal().map(Value::from).unwrap_or_default();
    match clear {
        Value::List(items) if items.is_empty() => Value::Null,
        Value::Map(entries) if entries.is_empty() => Value::Null,
        Value::List(mut items) => {
            items.sort_by_key(|item| format!("{item:?}"));
            items.dedup();
            Value::List(items)
        }
        other => other,
    }
}
