//! Operators, and how values become text.

use std::cmp::Ordering;

use hcl_edit::expr::{BinaryOperator, UnaryOperator};
use infra_core::Value;

use super::failure::Wrong;

/// A value as it stands in a text: texts, numbers and truth values; `None` for everything else.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

pub(crate) fn unary(operator: UnaryOperator, value: &Value) -> Result<Value, Wrong> {
    match (operator, value) {
        (_, Value::Unknown(_)) => Ok(Value::unknown()),
        (UnaryOperator::Not, Value::Bool(truth)) => Ok(Value::Bool(!truth)),
        (UnaryOperator::Neg, Value::Integer(number)) => number
            .checked_neg()
            .map(Value::Integer)
            .ok_or_else(|| Wrong::new("the number is too large")),
        (UnaryOperator::Neg, Value::Float(number)) => Ok(Value::Float(-number)),
        (operator, other) => Err(Wrong::new(format!(
            "`{operator}` does not go with {}",
            other.kind()
        ))),
    }
}

/// Every operator but `&&` and `||`, which do not always look at their right side.
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Wrong> {
    use BinaryOperator as Op;
    let equality = matches!(operator, Op::Eq | Op::NotEq);
    if equality && (left.is_null() || right.is_null()) {
        // Whether something is set at all is known before what it is set to.
        if !matches!((left, right), (Value::Unknown(_), _) | (_, Value::Unknown(_))) {
            return Ok(Value::Bool(
                (left.is_null() == right.is_null()) == (operator == Op::Eq),
            ));
        }
    }
    if left.has_unknown() || right.has_unknown() {
        return Ok(Value::unknown());
    }
    if equality {
        return Ok(Value::Bool(left.same(right) == (operator == Op::Eq)));
    }
    let mismatch = || {
        let wrong = Wrong::new(format!(
            "`{operator}` goes with numbers, found {} and {}",
            left.kind(),
            right.kind()
        ));
        match (operator, left) {
            (Op::Plus, Value::String(_)) => wrong.help("texts are put together as `${a}${b}`"),
            (Op::Plus, Value::List(_)) => wrong.help("lists are put together with `concat(a, b)`"),
            _ => wrong,
        }
    };
    let order = compare(left, right).ok_or_else(mismatch)?;
    match operator {
        Op::Less => Ok(Value::Bool(order == Ordering::Less)),
        Op::LessEq => Ok(Value::Bool(order != Ordering::Greater)),
        Op::Greater => Ok(Value::Bool(order == Ordering::Greater)),
        Op::GreaterEq => Ok(Value::Bool(order != Ordering::Less)),
        _ => arithmetic(operator, left, right),
    }
}

/// The order of two numbers.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Wrong> {
    use BinaryOperator as Op;
    if matches!(operator, Op::Div | Op::Mod) && float(right) == Some(0.0) {
        return Err(Wrong::new("division by zero"));
    }
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        let whole = match operator {
            Op::Plus => left.checked_add(*right),
            Op::Minus => left.checked_sub(*right),
            Op::Mul => left.checked_mul(*right),
            Op::Mod => left.checked_rem(*right),
            // A division that leaves a rest gives a fraction.
            Op::Div if left.checked_rem(*right) == Some(0) => left.checked_div(*right),
            _ => return Ok(Value::Float(*left as f64 / *right as f64)),
        };
        return whole
            .map(Value::Integer)
            .ok_or_else(|| Wrong::new("the result is too large"));
    }
    let (Some(left), Some(right)) = (float(left), float(right)) else {
        return Err(Wrong::new("numbers are expected"));
    };
    let result = match operator {
        Op::Plus => left + right,
        Op::Minus => left - right,
        Op::Mul => left * right,
        Op::Mod => left % right,
        _ => left / right,
    };
    if result.is_finite() {
        Ok(Value::Float(result))
    } else {
        Err(Wrong::new("the result is too large"))
    }
}
