//! Values that are worked out from others: the interface of an expression, and what it may ask for.
//!
//! The language itself (syntax, functions) lives in the crate that reads stack files; the planner and the
//! engine only evaluate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::reference::Reference;
use crate::scope::Scope;
use crate::value::Value;

/// An expression could not be evaluated although everything in it is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    /// What went wrong, in words of the expression's language.
    pub message: String,
}

/// A parsed `${…}` expression, or a text with such parts.
pub trait Expression: fmt::Debug + Send + Sync {
    /// The text as it stands in the file.
    fn source(&self) -> &str;

    /// The resources that it uses, in order, each once.
    fn references(&self) -> &[Reference];

    /// Its value. What depends on something unknown is unknown: all of the value, or single elements of a list
    /// or table that it builds. An unknown that is exactly one attribute of one resource has it as its origin.
    /// When anything it uses is secret the whole value is secret.
    ///
    /// # Errors
    /// When a function or operator is given what it cannot take.
    fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError>;
}

/// A value as the file gives it: literal, or with expressions in it.
#[derive(Debug, Clone)]
pub enum Template {
    /// A value that needs nothing.
    Literal(Value),
    /// A text with `${…}`.
    Expression(Arc<dyn Expression>),
    /// A list of templates.
    List(Vec<Template>),
    /// A table of templates.
    Map(BTreeMap<String, Template>),
}

impl Template {
    /// The value in `scope`. Nulls inside maps are left out: they are the same as not set.
    ///
    /// # Errors
    /// The first expression that cannot be evaluated.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(scope),
            Self::List(items) => items
                .iter()
                .map(|item| item.evaluate(scope))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Self::Map(entries) => {
                let mut map = BTreeMap::new();
                for (name, template) in entries {
                    match template.evaluate(scope)? {
                        Value::Null => {}
                        value => {
                            map.insert(name.clone(), value);
                        }
                    }
                }
                Ok(Value::Map(map))
            }
        }
    }

    /// Calls `visit` with every reference in the template.
    pub fn for_each_reference<'a>(&'a self, visit: &mut dyn FnMut(&'a Reference)) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(expression) => expression.references().iter().for_each(visit),
            Self::List(items) => items.iter().for_each(|item| item.for_each_reference(visit)),
            Self::Map(entries) => entries.values().for_each(|entry| entry.for_each_reference(visit)),
        }
    }
}

impl From<Value> for Template {
    fn from(value: Value) -> Self {
        Self::Literal(value)
    }
}
