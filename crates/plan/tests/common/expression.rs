//! A small language for tests: texts with `${…}` in them, each a reference (`net.vpc.main.id`), a secret
//! (`secret.hunter2`), the account (`aws.account_id`) or an error (`fail`).

use std::sync::Arc;

use infra_core::{EvaluationError, Expression, Reference, Scope, Template, Value};

#[derive(Debug)]
enum Part {
    Text(String),
    Reference(Reference),
    Secret(String),
    Account,
    Fail,
}

#[derive(Debug)]
struct Text {
    source: String,
    parts: Vec<Part>,
    references: Vec<Reference>,
}

/// The template of a value whose texts may hold `${…}`.
pub fn template(value: Value) -> Template {
    match value {
        Value::String(text) if text.contains("${") => Template::Expression(Arc::new(parse(text))),
        Value::List(items) => Template::List(items.into_iter().map(template).collect()),
        Value::Map(entries) => Template::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, template(value)))
                .collect(),
        ),
        other => Template::Literal(other),
    }
}

fn parse(source: String) -> Text {
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
            Some(_) => Part::Reference(inside.parse().expect("a reference")),
            None => Part::Fail,
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    let mut references: Vec<Reference> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Reference(reference) => Some(reference.clone()),
            _ => None,
        })
        .collect();
    references.sort();
    references.dedup();
    Text {
        source,
        parts,
        references,
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
        let mut values = Vec::new();
        for part in &self.parts {
            values.push(match part {
                Part::Text(text) => Value::from(text.as_str()),
                Part::Secret(text) => Value::secret(Value::from(text.as_str())),
                Part::Account => match scope.identity() {
                    Some(identity) => Value::from(identity.account_id.as_str()),
                    None => Value::unknown(),
                },
                Part::Fail => {
                    return Err(EvaluationError {
                        message: "asked to fail".to_owned(),
                    });
                }
                Part::Reference(reference) => {
                    match (scope.attributes(&reference.address), &reference.attribute) {
                        (None, _) => Value::Null,
                        (Some(attributes), None) => Value::Map(attributes.clone()),
                        (Some(attributes), Some(name)) => attributes.get(name).cloned().unwrap_or_default(),
                    }
                }
            });
        }
        if values.len() == 1 {
            return Ok(values.remove(0));
        }
        if values.iter().any(Value::has_unknown) {
            return Ok(Value::unknown());
        }
        let secret = values.iter().any(Value::has_secret);
        let mut text = String::new();
        for value in values {
            match value.reveal().map_err(|error| EvaluationError {
                message: error.to_string(),
            })? {
                serde_json::Value::String(part) => text.push_str(&part),
                other => text.push_str(&other.to_string()),
            }
        }
        let value = Value::from(text);
        Ok(if secret { Value::secret(value) } else { value })
    }
}
