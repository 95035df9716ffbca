//! Where a sensitive value stands as a text, whatever it means there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use infra_core::{Secret, Value};

use super::Search;
use crate::source::{Node, NodeKind};

/// The shortest text that tells a secret where nothing else does: a shorter one is found in many words.
const TELLING: usize = 8;

impl Search<'_> {
    /// Where a value's texts stand, whatever they mean there.
    pub(super) fn texts(&self, value: &Value, places: &mut Vec<String>) {
        let mut texts = Vec::new();
        leaves(value, &mut texts);
        for text in texts {
            let telling = text.chars().count() >= TELLING;
            if telling {
                for table in &self.tables {
                    for entry in table.values() {
                        self.node(&entry.node, &text, places);
                    }
                }
            }
            for (path, content) in &self.used.files {
                let whole = || !self.is_source(path) && content.trim() == text.trim();
                let at = match telling {
                    true => forms(&text).iter().find_map(|form| content.find(form)),
                    false => whole().then_some(0),
                };
                if let Some(at) = at
                    && !places.iter().any(|place: &String| is_in(place, path))
                {
                    let line = content[..at].matches('\n').count() + 1;
                    places.push(format!("{}:{line}", path.display()));
                }
            }
        }
    }

    fn is_source(&self, path: &PathBuf) -> bool {
        self.sources.files.iter().any(|source| source.path == *path)
    }

    fn node(&self, node: &Node, text: &str, places: &mut Vec<String>) {
        match &node.kind {
            NodeKind::String(written) if written.contains(text) => {
                places.push(self.sources.place(&node.span))
            }
            NodeKind::List(items) => items.iter().for_each(|item| self.node(item, text, places)),
            NodeKind::Table(table) => table
                .values()
                .for_each(|entry| self.node(&entry.node, text, places)),
            _ => {}
        }
    }
}

/// The texts of a value. Names are no secrets; numbers and truths are in every file.
fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.trim().is_empty() => texts.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Map(entries) => entries.values().for_each(|entry| leaves(entry, texts)),
        Value::Secret(Secret::Clear(value)) => leaves(value, texts),
        _ => {}
    }
}

/// How a text is written: as it is, and in JSON.
fn forms(text: &str) -> BTreeSet<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_start_matches('"');
    let json = json.strip_suffix('"').unwrap_or(json);
    [text, text.trim(), json].map(str::to_owned).into()
}

/// Whether a place is one of a file.
fn is_in(place: &str, path: &Path) -> bool {
    let rest = place.strip_prefix(&*path.to_string_lossy());
    rest.is_some_and(|rest| rest.starts_with(':'))
}
