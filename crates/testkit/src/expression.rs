//! The smallest language that can refer and hide: texts with `${net.network.main.id}`, `${secret.hunter2}`
//! and `${aws.account_id}` in them.

use std::sync::Arc;

use infra_core::{EvaluationError, Expression, Reference, Scope, Template, Value};

#[derive(Debug)]
enum Part {
    Text(String),
    Attribute(Reference),
    Secret(String),
    Account,
}

#[derive(Debug)]
struct Text {
    source: String,
    parts: Vec<Part>,
    references: Vec<Reference>,
}

/// The template of a value: texts with `${…}` become expressions, at any depth.
pub fn template(value: Value) -> Template {
    match value {
        Value::String(text) if text.contains("${") => Template::Expression(Arc::new(Text::read(text))),
        Value::List(items) => Template::List(items.into_iter().map(template).collect()),
        Value::Map(entries) => {
            let entries = entries.into_iter().map(|(name, value)| (name, template(value)));
            Template::Map(entries.collect())
        }
        literal => Template::Literal(literal),
    }
}

impl Text {
    fn read(source: String) -> Self {
        let mut parts = Vec::new();
        let mut rest = source.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (inside, after) = after.split_once('}').expect("a closing brace");
            parts.push(match inside.split_once('.') {
                Some(("secret", text)) => Part::Secret(text.to_owned()),
                Some(("aws", "account_id")) => Part::Account,
                _ => Part::Attribute(inside.parse().expect("a reference")),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let mut references = Vec::new();
        for part in &parts {
            match part {
                Part::Attribute(reference) if !references.contains(reference) => {
                    references.push(reference.clone())
                }
                _ => {}
            }
        }
        Self {
            source,
            parts,
            references,
        }
    }
}

impl Part {
    fn value(&self, scope: &Scope) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Secret(text) => Value::secret(Value::from(text.as_str())),
            Self::Account => match scope.identity() {
                Some(identity) => Value::from(identity.account_id.as_str()),
                None => Value::unknown(),
            },
            Self::Attribute(reference) => {
                match (scope.attributes(&reference.address), &reference.attribute) {
                    (None, _) => Value::Null,
                    (Some(attributes), None) => Value::Map(attributes.clone()),
                    (Some(attributes), Some(name)) => attributes.get(name).cloned().unwrap_or_default(),
                }
            }
        }
    }
}

impl Expression for Text {
    fn source(&self) -> &str {
        &self.source
    }

    fn references(&self) -> &[Reference] {
        &self.references
    }

    fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        if let [part] = self.parts.as_slice() {
            return Ok(part.value(scope));
        }
        let values: Vec<Value> = self.parts.iter().map(|part| part.value(scope)).collect();
        if values.iter().any(Value::has_unknown) {
            return Ok(Value::unknown());
        }
        let mut text = String::new();
        for value in &values {
            let json = value.reveal().map_err(|error| EvaluationError {
                message: error.to_string(),
            })?;
            match json {
                serde_json::Value::String(part) => text.push_str(&part),
                other => text.push_str(&other.to_string()),
            }
        }
        let hidden = values.iter().any(Value::has_secret);
        let value = Value::from(text);
        Ok(if hidden { Value::secret(value) } else { value })
    }
}
