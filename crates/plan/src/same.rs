//! Whether two plans do the same.

use std::collections::BTreeMap;

use infra_core::plan::OutputChange;
use infra_core::{AttributeChange, Attributes, Change, Plan, Value};

/// Whether two plans are equal except for the hashes that stand for secrets: those depend on the key that
/// they were made with, which a plan made elsewhere does not share.
pub fn same_work(left: &Plan, right: &Plan) -> bool {
    let head = |plan: &Plan| (plan.format_version, plan.serial, plan.mode);
    head(left) == head(right)
        && left.stack == right.stack
        && left.lineage == right.lineage
        && left.steps == right.steps
        && same_list(&left.changes, &right.changes, same_change)
        && same_table(&left.outputs, &right.outputs, same_output)
}

fn same_change(left: &Change, right: &Change) -> bool {
    left.address == right.address
        && left.action == right.action
        && left.reason == right.reason
        && left.physical_id == right.physical_id
        && left.replace_order == right.replace_order
        && left.ownership == right.ownership
        && same_list(&left.attributes, &right.attributes, same_attribute)
        && same_list(&left.drift, &right.drift, same_attribute)
        && same_attributes(&left.wanted, &right.wanted)
}

fn same_attribute(left: &AttributeChange, right: &AttributeChange) -> bool {
    left.path == right.path
        && left.forces_replacement == right.forces_replacement
        && same_value(&left.before, &right.before)
        && same_value(&left.after, &right.after)
}

fn same_output(left: &OutputChange, right: &OutputChange) -> bool {
    same_value(&left.before, &right.before) && same_value(&left.after, &right.after)
}

fn same_attributes(left: &Attributes, right: &Attributes) -> bool {
    same_table(left, right, same_value)
}

fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Secret(_), Value::Secret(_)) => true,
        (Value::List(left), Value::List(right)) => same_list(left, right, same_value),
        (Value::Map(left), Value::Map(right)) => same_attributes(left, right),
        _ => left.same(right),
    }
}

fn same_list<T>(left: &[T], right: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
}

fn same_table<T>(
    left: &BTreeMap<String, T>,
    right: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|((left_name, left), (right_name, right))| left_name == right_name && same(left, right))
}
