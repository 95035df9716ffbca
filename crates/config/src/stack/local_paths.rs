//! Paths on this machine are meant from the folder of the file that sets them, wherever the program runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_core::schema::{AttributeKind, AttributeSchema};
use infra_core::{
    AttributePath, EvaluationError, Expression, Reference, Scope, SourceMap, Span, Template, Value,
};

use crate::source::beside;

/// The files that spans point into, and the places of a resource's attributes.
pub(super) struct Places<'a> {
    pub sources: &'a SourceMap,
    pub spans: &'a BTreeMap<String, Span>,
    pub block: &'a Span,
}

impl Places<'_> {
    /// The file that sets the attribute at `path`.
    fn file(&self, path: &AttributePath) -> Option<&Path> {
        let mut place = Some(path.clone());
        while let Some(path) = place {
            if let Some(span) = self.spans.get(&path.to_string()) {
                return self.path(span);
            }
            place = path.parent();
        }
        self.path(self.block)
    }

    fn path(&self, span: &Span) -> Option<&Path> {
        self.sources.files.get(span.file).map(|file| file.path.as_path())
    }
}

/// The template of an attribute with every path in it taken from its file's folder.
pub(super) fn resolve(
    template: Template,
    schema: &AttributeSchema,
    path: &AttributePath,
    places: &Places<'_>,
) -> Template {
    if schema.path
        && let Some(file) = places.file(path)
    {
        return beside_file(template, file);
    }
    match (template, &schema.kind) {
        (Template::Map(entries), AttributeKind::Object(table)) => Template::Map(
            entries
                .into_iter()
                .map(|(name, template)| match table.get(&name) {
                    Some(schema) => {
                        let template = resolve(template, schema, &path.name(name.as_str()), places);
                        (name, template)
                    }
                    None => (name, template),
                })
                .collect(),
        ),
        (template, _) => template,
    }
}

fn beside_file(template: Template, file: &Path) -> Template {
    match template {
        Template::Literal(value) => Template::Literal(meant(value, file)),
        Template::Expression(inner) => Template::Expression(Arc::new(BesideFile {
            inner,
            file: file.to_owned(),
        })),
        other => other,
    }
}

fn meant(value: Value, file: &Path) -> Value {
    match value {
        Value::String(text) => Value::String(beside(file, text).to_string_lossy().into_owned()),
        other => other,
    }
}

/// An expression whose value is a path.
#[derive(Debug)]
struct BesideFile {
    inner: Arc<dyn Expression>,
    file: PathBuf,
}

impl Expression for BesideFile {
    fn source(&self) -> &str {
        self.inner.source()
    }

    fn references(&self) -> &[Reference] {
        self.inner.references()
    }

    fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        Ok(meant(self.inner.evaluate(scope)?, &self.file))
    }
}
