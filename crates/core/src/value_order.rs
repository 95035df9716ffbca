//! The order of values in a set, which has none of its own.

use std::cmp::Ordering;

use crate::{Secret, Value};

impl Value {
    /// A total order of values, for sets: numbers by value, and what is not known yet comes last.
    pub fn order(&self, other: &Self) -> Ordering {
        fn rank(value: &Value) -> u8 {
            match value {
                Value::Null => 0,
                Value::Bool(_) => 1,
                Value::Integer(_) | Value::Float(_) => 2,
                Value::String(_) => 3,
                Value::List(_) => 4,
                Value::Map(_) => 5,
                Value::Secret(_) => 6,
                Value::Unknown(_) => 7,
            }
        }
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
            (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
            (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
            (Value::Integer(left), Value::Float(right)) => (*left as f64).total_cmp(right),
            (Value::Float(left), Value::Integer(right)) => left.total_cmp(&(*right as f64)),
            (Value::String(left), Value::String(right)) => left.cmp(right),
            (Value::List(left), Value::List(right)) => left
                .iter()
                .zip(right)
                .map(|(left, right)| left.order(right))
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| left.len().cmp(&right.len())),
            (Value::Map(left), Value::Map(right)) => left
                .iter()
                .zip(right)
                .map(|((left_name, left), (right_name, right))| {
                    left_name.cmp(right_name).then_with(|| left.order(right))
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| left.len().cmp(&right.len())),
            (Value::Secret(Secret::Sealed(left)), Value::Secret(Secret::Sealed(right))) => left.cmp(right),
            (Value::Unknown(left), Value::Unknown(right)) => left.origin.cmp(&right.origin),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}
