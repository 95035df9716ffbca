//! A value as the file gives it, with its expressions parsed and every part's place kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{SourceMap, Span, Value};

use super::formula::Formula;
use super::lower::parse;
use crate::report::Report;
use crate::source::{Node, NodeKind, Place};

/// A value as the file gives it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Where the value stands.
    pub(crate) span: Span,
    /// Where its key stands, if it is an entry of a table.
    pub(crate) key_span: Option<Span>,
    /// The value.
    pub(crate) kind: DraftKind,
}

/// The value of a [`Draft`].
#[derive(Debug, Clone)]
pub(crate) enum DraftKind {
    /// A plain value that is no list and no table.
    Literal(Value),
    Formula(Arc<Formula>),
    List(Vec<Draft>),
    Map(BTreeMap<String, Draft>),
}

impl Draft {
    /// Reads a value; what cannot be parsed is reported and becomes unknown.
    pub(crate) fn new(node: &Node, sources: &SourceMap, report: &mut Report) -> Self {
        let kind = match &node.kind {
            NodeKind::String(text) if text.contains("${") => {
                let raw = sources
                    .files
                    .get(node.span.file)
                    .and_then(|file| file.text.get(node.span.range.clone()));
                let place = Place::new(node.span.clone(), raw.unwrap_or(""), text);
                match parse(text, place, report) {
                    Some(formula) => match formula.root.kind {
                        super::NodeKind::Literal(value) if !formula.broken => DraftKind::Literal(value),
                        _ => DraftKind::Formula(Arc::new(formula)),
                    },
                    None => DraftKind::Literal(Value::unknown()),
                }
            }
            NodeKind::String(text) => DraftKind::Literal(Value::String(text.clone())),
            NodeKind::Integer(number) => DraftKind::Literal(Value::Integer(*number)),
            NodeKind::Float(number) => DraftKind::Literal(Value::Float(*number)),
            NodeKind::Bool(truth) => DraftKind::Literal(Value::Bool(*truth)),
            NodeKind::Bad => DraftKind::Literal(Value::unknown()),
            NodeKind::List(items) => DraftKind::List(
                items
                    .iter()
                    .map(|item| Self::new(item, sources, report))
                    .collect(),
            ),
            NodeKind::Table(table) => DraftKind::Map(
                table
                    .iter()
                    .map(|(name, entry)| {
                        let mut draft = Self::new(&entry.node, sources, report);
                        draft.key_span = Some(entry.key_span.clone());
                        (name.clone(), draft)
                    })
                    .collect(),
            ),
        };
        Self {
            span: node.span.clone(),
            key_span: None,
            kind,
        }
    }

    /// A plain value that stands nowhere else.
    pub(crate) fn literal(value: Value, span: Span) -> Self {
        Self {
            span,
            key_span: None,
            kind: DraftKind::Literal(value),
        }
    }

    /// Where to point when the value as a whole is wrong: a table's header tells less than its key.
    pub(crate) fn place(&self) -> &Span {
        match (&self.kind, &self.key_span) {
            (DraftKind::Map(_), Some(key)) => key,
            _ => &self.span,
        }
    }

    /// Calls `visit` with every formula in the value.
    pub(crate) fn for_each_formula<'a>(&'a self, visit: &mut dyn FnMut(&'a Arc<Formula>)) {
        match &self.kind {
            DraftKind::Literal(_) => {}
            DraftKind::Formula(formula) => visit(formula),
            DraftKind::List(items) => items.iter().for_each(|item| item.for_each_formula(visit)),
            DraftKind::Map(entries) => entries.values().for_each(|entry| entry.for_each_formula(visit)),
        }
    }
}
