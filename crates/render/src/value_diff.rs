//! What was there and what is there now, attribute by attribute, in lines.

use std::borrow::Cow;
use std::collections::BTreeSet;

use infra_core::{AttributeChange, AttributePath, Secret, Value};
use similar::{ChangeTag, TextDiff};

use crate::line::Line;
use crate::style::{Role, Symbols};
use crate::units::count;
use crate::value::{document, inline, is_flat, leaves};

/// Was and is side by side up to this many columns together, else one under the other.
const SIDE_BY_SIDE: usize = 100;
/// A list or document that is new or gone is shown up to this many lines.
const LONG: usize = 30;
/// Lines around a difference that are shown with it.
const CONTEXT: usize = 2;
/// Values start no further right than this, whatever the longest path is.
const WIDEST_PATH: usize = 56;

/// Whether the rows stand under a heading that says already which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Each row says whether it is added, changed or removed.
    EachRow,
    /// All rows go the same way, which the heading says.
    Heading,
}

/// One flat attribute that differs.
struct Row<'a> {
    path: AttributePath,
    before: &'a Value,
    after: &'a Value,
    forces_replacement: bool,
}

/// The lines for attributes that differ, in order of their paths.
pub(crate) fn lines(
    changes: &[AttributeChange],
    marks: Marks,
    indent: usize,
    symbols: &Symbols,
) -> Vec<Line> {
    let mut rows = Vec::new();
    for change in changes {
        split(
            &change.path,
            &change.before,
            &change.after,
            change.forces_replacement,
            &mut rows,
        );
    }
    rows.sort_by(|left, right| left.path.cmp(&right.path));
    let widest = rows
        .iter()
        .map(|row| row.path.to_string().chars().count())
        .max()
        .unwrap_or(0)
        .min(WIDEST_PATH);
    rows.iter()
        .flat_map(|row| row.lines(marks, indent, widest, symbols))
        .collect()
}

/// Breaks a change down to the flat attributes that differ.
fn split<'a>(
    path: &AttributePath,
    before: &'a Value,
    after: &'a Value,
    forces_replacement: bool,
    rows: &mut Vec<Row<'a>>,
) {
    let mut row = |path, before, after| {
        rows.push(Row {
            path,
            before,
            after,
            forces_replacement,
        });
    };
    match (before, after) {
        (Value::Map(old), Value::Map(new)) if !old.is_empty() && !new.is_empty() => {
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let [old, new] = [old, new].map(|side| side.get(name).unwrap_or(&Value::Null));
                if !old.same(new) {
                    split(&path.name(name), old, new, forces_replacement, rows);
                }
            }
        }
        (Value::List(old), Value::List(new)) if !is_flat(before) && !is_flat(after) => {
            for position in 0..old.len().max(new.len()) {
                let [old, new] = [old, new].map(|side| side.get(position).unwrap_or(&Value::Null));
                if !old.same(new) {
                    split(&path.index(position), old, new, forces_replacement, rows);
                }
            }
        }
        (Value::Null, new) => leaves(path, new)
            .into_iter()
            .for_each(|(path, leaf)| row(path, &Value::Null, leaf)),
        (old, Value::Null) => leaves(path, old)
            .into_iter()
            .for_each(|(path, leaf)| row(path, leaf, &Value::Null)),
        _ => row(path.clone(), before, after),
    }
}

impl Row<'_> {
    fn lines(&self, marks: Marks, indent: usize, widest: usize, symbols: &Symbols) -> Vec<Line> {
        let (mark, role) = match (self.before.is_null(), self.after.is_null()) {
            (true, false) => ("+", Role::Create),
            (false, true) => ("-", Role::Delete),
            _ => ("~", Role::Update),
        };
        let mut first = Line::indented(indent);
        if marks == Marks::EachRow {
            first = first.add(role, mark).normal(" ");
        }
        let inner = first.width() + 2;
        let note = if self.forces_replacement {
            Line::new().add(Role::Replace, "  # forces replacement")
        } else {
            Line::new()
        };
        let at = first.width() + widest + 2;
        let path = self.path.to_string();
        let (value, block) = self.content(inner, symbols);
        match value {
            Some(value) => first = first.normal(path).normal("  ").padded(at).append(value),
            None => first = first.normal(path).normal(":"),
        }
        let mut lines = vec![first.append(note)];
        lines.extend(block);
        lines
    }

    /// What stands beside the path, and what stands below.
    fn content(&self, indent: usize, symbols: &Symbols) -> (Option<Line>, Vec<Line>) {
        match (self.before, self.after) {
            (Value::Null, only) | (only, Value::Null) => match entries(only).or_else(|| document(only)) {
                Some(lines) => (None, block(&lines, indent)),
                None => (Some(value_line(only, Cow::Owned(inline(only)))), Vec::new()),
            },
            (Value::Secret(old), Value::Secret(new)) => (
                Some(was_is(
                    "(sensitive)".into(),
                    secret_words(old, new).into(),
                    self,
                    symbols,
                )),
                Vec::new(),
            ),
            (old, new) => {
                if let Some(differences) = difference_block(old, new, indent, symbols) {
                    return (None, differences);
                }
                let [was, is] = [old, new].map(summary);
                if was.chars().count() + is.chars().count() <= SIDE_BY_SIDE {
                    (Some(was_is(was, is, self, symbols)), Vec::new())
                } else {
                    let lines = vec![
                        Line::indented(indent).add(Role::Delete, "- ").normal(was),
                        Line::indented(indent).add(Role::Create, "+ ").normal(is),
                    ];
                    (None, lines)
                }
            }
        }
    }
}

fn secret_words(old: &Secret, new: &Secret) -> &'static str {
    match (old, new) {
        (Secret::Sealed(old), Secret::Sealed(new)) if old == new => "(sensitive)",
        _ => "(sensitive, another value)",
    }
}

fn was_is(was: String, is: String, row: &Row<'_>, symbols: &Symbols) -> Line {
    value_line(row.before, Cow::Owned(was))
        .add(Role::Muted, format!(" {} ", symbols.arrow))
        .append(value_line(row.after, Cow::Owned(is)))
}

fn value_line(value: &Value, text: Cow<'_, str>) -> Line {
    let role = match value {
        Value::Unknown(_) | Value::Secret(_) | Value::Null => Role::Muted,
        _ => Role::Normal,
    };
    Line::new().add(role, text)
}

/// A value beside another one that cannot be compared with it line by line.
fn summary(value: &Value) -> String {
    match document(value) {
        Some(lines) => format!("(a text of {})", count(lines.len(), "line")),
        None => inline(value),
    }
}

/// The elements of a list that is too long for a line.
fn entries(value: &Value) -> Option<Vec<String>> {
    let items = value.as_list()?;
    (items.len() > 1 && inline(value).chars().count() > SIDE_BY_SIDE)
        .then(|| items.iter().map(inline).collect())
}

/// A text or list shown whole, unless it is very long.
fn block(lines: &[String], indent: usize) -> Vec<Line> {
    let mut shown: Vec<Line> = lines
        .iter()
        .take(LONG)
        .map(|line| Line::indented(indent).normal(line))
        .collect();
    if lines.len() > LONG {
        let hidden = format!("({} more)", lines.len() - LONG);
        shown.push(Line::indented(indent).add(Role::Muted, hidden));
    }
    shown
}

/// The difference of two texts or two lists, line by line; `None` when they are short or not alike.
fn difference_block(old: &Value, new: &Value, indent: usize, symbols: &Symbols) -> Option<Vec<Line>> {
    let [was, is] = match (old, new) {
        (Value::List(old_items), Value::List(new_items)) => {
            if inline(old).chars().count() + inline(new).chars().count() <= SIDE_BY_SIDE {
                return None;
            }
            [old_items, new_items].map(|items| items.iter().map(inline).collect::<Vec<_>>())
        }
        (Value::String(old_text), Value::String(new_text)) => {
            let (was, is) = (document(old), document(new));
            if was.is_none() && is.is_none() {
                return None;
            }
            [
                was.unwrap_or_else(|| own_lines(old_text)),
                is.unwrap_or_else(|| own_lines(new_text)),
            ]
        }
        _ => return None,
    };
    if was == is {
        let note = "(only white space, the order of keys, or line ends differ)";
        return Some(vec![Line::indented(indent).add(Role::Muted, note)]);
    }
    Some(changed_lines(&was, &is, indent, symbols))
}

fn own_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The lines that differ with some around them, and how many were left out.
fn changed_lines(was: &[String], is: &[String], indent: usize, symbols: &Symbols) -> Vec<Line> {
    let [was, is] = [was, is].map(|side| side.iter().map(String::as_str).collect::<Vec<_>>());
    let difference = TextDiff::from_slices(&was, &is);
    let mut lines = Vec::new();
    let mut next = 0;
    let left_out = |lines: &mut Vec<Line>, number: usize| {
        if number > 0 {
            let text = format!("{} {number} unchanged", symbols.ellipsis);
            lines.push(Line::indented(indent).add(Role::Muted, text));
        }
    };
    for group in difference.grouped_ops(CONTEXT) {
        let start = group
            .first()
            .map_or(next, |operation| operation.old_range().start);
        left_out(&mut lines, start.saturating_sub(next));
        for operation in &group {
            for change in difference.iter_changes(operation) {
                let (mark, role) = match change.tag() {
                    ChangeTag::Equal => ("  ", Role::Muted),
                    ChangeTag::Delete => ("- ", Role::Delete),
                    ChangeTag::Insert => ("+ ", Role::Create),
                };
                lines.push(Line::indented(indent).add(role, mark).add(role, change.value()));
            }
            next = operation.old_range().end;
        }
    }
    left_out(&mut lines, was.len().saturating_sub(next));
    lines
}

#[cfg(test)]
mod tests;
