//! What every step of loading needs: the sources, the catalogue, and where to report.

use infra_core::{Catalogue, Diagnostic, SourceMap, TypeDefinition, TypeName};

use crate::language::{Draft, DraftKind, Evaluator, Failure};
use crate::report::Report;
use crate::source::Node;

/// Carried through all steps.
pub(crate) struct Context<'a> {
    pub(crate) sources: &'a SourceMap,
    pub(crate) catalogue: &'a dyn Catalogue,
    /// All types, sorted.
    pub(crate) types: Vec<TypeName>,
    /// All types that can be looked up, sorted.
    pub(crate) lookups: Vec<TypeName>,
    pub(crate) report: Report,
}

impl Context<'_> {
    /// Reports a mistake.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    /// Reads a value with its expressions.
    pub(crate) fn draft(&mut self, node: &Node) -> Draft {
        Draft::new(node, self.sources, &mut self.report)
    }

    /// The text of the file at a place.
    pub(crate) fn raw(&self, span: &infra_core::Span) -> &str {
        self.sources
            .files
            .get(span.file)
            .and_then(|file| file.text.get(span.range.clone()))
            .unwrap_or("")
    }

    /// All types of resources, or of lookups.
    pub(crate) fn types_of(&self, of_lookups: bool) -> &[TypeName] {
        if of_lookups { &self.lookups } else { &self.types }
    }

    /// A type of resources, or of lookups.
    pub(crate) fn definition(&self, of_lookups: bool, name: &TypeName) -> Option<&dyn TypeDefinition> {
        if of_lookups {
            self.catalogue.lookup(name)
        } else {
            self.catalogue.definition(name)
        }
    }

    /// The services of the catalogue that have resources, or lookups.
    pub(crate) fn services(&self, of_lookups: bool) -> Vec<&str> {
        let mut services: Vec<&str> = self.types_of(of_lookups).iter().map(TypeName::service).collect();
        services.dedup();
        services
    }

    /// Evaluates a draft; what fails is reported and becomes unknown.
    pub(crate) fn evaluate(&mut self, evaluator: &Evaluator<'_>, draft: &Draft) -> infra_core::Value {
        evaluate(&mut self.report, evaluator, draft)
    }
}

/// Evaluates a draft; what fails is reported and becomes unknown, part by part.
pub(crate) fn evaluate(report: &mut Report, evaluator: &Evaluator<'_>, draft: &Draft) -> infra_core::Value {
    use infra_core::Value;
    match &draft.kind {
        DraftKind::Literal(value) => value.clone(),
        DraftKind::Formula(formula) => evaluator.formula(formula).unwrap_or_else(|failure| {
            report.add(failed(failure));
            Value::unknown()
        }),
        DraftKind::List(items) => Value::List(
            items
                .iter()
                .map(|item| evaluate(report, evaluator, item))
                .collect(),
        ),
        DraftKind::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(name, entry)| (name.clone(), evaluate(report, evaluator, entry)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
    }
}

/// An expression that has no value.
pub(crate) fn failed(failure: Failure) -> Diagnostic {
    let diagnostic = Diagnostic::error("evaluation", failure.text()).at(failure.span, "");
    match failure.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
