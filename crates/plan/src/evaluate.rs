//! Working out what the file sets, and saying where that fails.

use infra_core::{
    AttributePath, Attributes, Diagnostic, EvaluationError, Resource, Scope, Template, TypeSchema, Value,
};

/// What the file sets on a resource, as far as `scope` knows it; nulls are left out.
///
/// # Errors
/// Every expression that cannot be worked out, each at its place in the file.
pub fn evaluate(resource: &Resource, scope: &Scope) -> Result<Attributes, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let values = evaluate_all(resource, scope, &mut errors);
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

/// The same, going on after an error: what failed counts as unknown, so that nothing that refers to it is
/// reported again.
pub(crate) fn evaluate_all(resource: &Resource, scope: &Scope, errors: &mut Vec<Diagnostic>) -> Attributes {
    let mut values = Attributes::new();
    for (name, template) in &resource.attributes {
        let value = match template.evaluate(scope) {
            Ok(Value::Null) => continue,
            Ok(value) => value,
            Err(_) => {
                let path = AttributePath::attribute(name.as_str());
                each_failure(template, &path, scope, &mut |path, error| {
                    errors.push(failure(resource, path, error));
                });
                Value::unknown()
            }
        };
        values.insert(name.clone(), value);
    }
    values
}

fn each_failure(
    template: &Template,
    path: &AttributePath,
    scope: &Scope,
    report: &mut dyn FnMut(&AttributePath, &EvaluationError),
) {
    match template {
        Template::Literal(_) => {}
        Template::Expression(expression) => {
            if let Err(error) = expression.evaluate(scope) {
                report(path, &error);
            }
        }
        Template::List(items) => {
            for (position, item) in items.iter().enumerate() {
                each_failure(item, &path.index(position), scope, report);
            }
        }
        Template::Map(entries) => {
            for (name, entry) in entries {
                each_failure(entry, &path.name(name.as_str()), scope, report);
            }
        }
    }
}

fn failure(resource: &Resource, path: &AttributePath, error: &EvaluationError) -> Diagnostic {
    let message = format!("{}: {path} cannot be worked out: {error}", resource.address);
    place(resource, path, Diagnostic::error("expression", message))
}

/// Puts a diagnostic at an attribute's place in the file: the deepest that the file spells out.
pub(crate) fn place(resource: &Resource, path: &AttributePath, diagnostic: Diagnostic) -> Diagnostic {
    let mut place = Some(path.clone());
    while let Some(path) = place {
        if let Some(span) = resource.attribute_spans.get(&path.to_string()) {
            return diagnostic.at(span.clone(), "");
        }
        place = path.parent();
    }
    diagnostic.at(resource.span.clone(), "")
}

/// Required attributes whose expressions came out as null.
pub(crate) fn missing(resource: &Resource, schema: &TypeSchema, values: &Attributes) -> Vec<Diagnostic> {
    schema
        .attributes
        .iter()
        .filter(|(name, attribute)| attribute.required && !values.contains_key(*name))
        .map(|(name, _)| {
            let message = format!("{} needs {name}, but its value is null", resource.address);
            let path = AttributePath::attribute(name.as_str());
            place(resource, &path, Diagnostic::error("missing-attribute", message))
                .help("an expression for a required attribute has to give a value")
        })
        .collect()
}
