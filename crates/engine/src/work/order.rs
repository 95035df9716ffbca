//! The order in which what is there becomes known.

use std::collections::BTreeMap;

use infra_core::{ResourceAddress, Stack};

/// The stack's resources, each after those that it depends on. A loop (which the reader of the file refuses)
/// would leave its members at the end.
pub(crate) fn in_order(stack: &Stack) -> Vec<&ResourceAddress> {
    let mut missing: BTreeMap<&ResourceAddress, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&ResourceAddress, Vec<&ResourceAddress>> = BTreeMap::new();
    for (address, resource) in &stack.resources {
        let present = resource
            .dependencies
            .keys()
            .filter(|needed| stack.resources.contains_key(*needed));
        let mut count = 0;
        for needed in present {
            count += 1;
            dependents.entry(needed).or_default().push(address);
        }
        missing.insert(address, count);
    }
    let mut order: Vec<&ResourceAddress> = missing
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(address, _)| *address)
        .collect();
    let mut next = 0;
    while let Some(address) = order.get(next) {
        next += 1;
        for dependent in dependents.remove(address).unwrap_or_default() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    order.push(dependent);
                }
            }
        }
    }
    order
}
