//! Reading the fixed keys of a section: unknown ones reported, wrong kinds reported.

use std::collections::BTreeMap;

use infra_core::{Diagnostic, Span};

use super::context::Context;
use super::names::Names;
use crate::report::Suggest;
use crate::source::{Entry, Node, NodeKind, Table};

/// Complains of every key that is not among `known`, and of the mistakes in what stands under it.
pub(crate) fn only_known(
    context: &mut Context<'_>,
    names: &mut Names,
    table: &Table,
    what: &str,
    known: &[&str],
) {
    for (name, entry) in table {
        if !known.contains(&name.as_str()) {
            context.add(
                Diagnostic::error("unknown-key", format!("{what} has no key `{name}`"))
                    .at(entry.key_span.clone(), "")
                    .suggest(name, known.iter().copied()),
            );
            names.check_unused(context, &entry.node);
        }
    }
}

/// The table of an entry, or a complaint.
pub(crate) fn table<'a>(context: &mut Context<'_>, entry: &'a Entry, what: &str) -> Option<&'a Table> {
    match &entry.node.kind {
        NodeKind::Table(table) => Some(table),
        _ => {
            context.add(wrong_kind(&entry.node, what, "a table"));
            None
        }
    }
}

/// A plain text, without expressions.
pub(crate) fn text(
    context: &mut Context<'_>,
    table: &Table,
    key: &str,
    what: &str,
) -> Option<(String, Span)> {
    let node = &table.get(key)?.node;
    match &node.kind {
        NodeKind::String(text) if text.contains("${") => {
            context.add(
                Diagnostic::error(
                    "expression-not-allowed",
                    format!("`{key}` of {what} takes a plain text only"),
                )
                .at(node.span.clone(), ""),
            );
            None
        }
        NodeKind::String(text) => Some((text.clone(), node.span.clone())),
        NodeKind::Bad => None,
        _ => {
            context.add(wrong_kind(node, &format!("`{key}` of {what}"), "a text"));
            None
        }
    }
}

/// A plain truth value, without expressions.
pub(crate) fn truth(context: &mut Context<'_>, table: &Table, key: &str, what: &str) -> Option<bool> {
    let node = &table.get(key)?.node;
    match &node.kind {
        NodeKind::Bool(truth) => Some(*truth),
        NodeKind::Bad => None,
        _ => {
            context.add(wrong_kind(node, &format!("`{key}` of {what}"), "true or false"));
            None
        }
    }
}

/// A value of the wrong kind.
pub(crate) fn wrong_kind(node: &Node, what: &str, expected: &str) -> Diagnostic {
    Diagnostic::error(
        "wrong-type",
        format!("{what} is {expected}, found {}", node.kind_name()),
    )
    .at(node.span.clone(), format!("expected {expected}"))
}

/// An empty table, for sections that are not there.
pub(crate) static NO_ENTRIES: BTreeMap<String, Entry> = BTreeMap::new();
