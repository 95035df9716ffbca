//! The stack's own tags, laid below those of each resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{EvaluationError, Expression, Reference, Scope, Template, Value};

/// A table of tags that is worked out, laid upon the stack's own tags.
#[derive(Debug)]
struct Tagged {
    defaults: BTreeMap<String, Value>,
    own: Arc<dyn Expression>,
}

impl Expression for Tagged {
    fn source(&self) -> &str {
        self.own.source()
    }

    fn references(&self) -> &[Reference] {
        self.own.references()
    }

    fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        Ok(match self.own.evaluate(scope)? {
            Value::Map(own) => {
                let mut tags = self.defaults.clone();
                tags.extend(own);
                Value::Map(tags)
            }
            Value::Null => Value::Map(self.defaults.clone()),
            other => other,
        })
    }
}

/// Lays a resource's own tags upon those of the stack.
pub(crate) fn with_default_tags(defaults: &BTreeMap<String, Value>, own: Option<Template>) -> Template {
    let literals = || {
        defaults
            .iter()
            .map(|(name, value)| (name.clone(), Template::Literal(value.clone())))
    };
    match own {
        None | Some(Template::Literal(Value::Null)) => Template::Map(literals().collect()),
        Some(Template::Map(own)) => {
            let mut tags: BTreeMap<String, Template> = literals().collect();
            tags.extend(own);
            Template::Map(tags)
        }
        Some(Template::Literal(Value::Map(own))) => {
            let mut tags = defaults.clone();
            tags.extend(own);
            Template::Literal(Value::Map(tags))
        }
        Some(Template::Expression(own)) => Template::Expression(Arc::new(Tagged {
            defaults: defaults.clone(),
            own,
        })),
        // Not a table: complained about elsewhere.
        Some(other) => other,
    }
}
