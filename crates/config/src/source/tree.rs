//! TOML as a tree in which every key and value knows its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use infra_core::{Diagnostic, SourceMap, Span, Value};
use toml::de::{DeTable, DeValue};

use crate::report::Report;

/// A table; the order of keys in a file has no meaning.
pub(crate) type Table = BTreeMap<String, Entry>;

/// One key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key's place.
    pub(crate) key_span: Span,
    /// What it is set to.
    pub(crate) node: Node,
}

impl Entry {
    /// Where the entry is declared: the `[header]` of a table that has one, otherwise the key.
    pub(crate) fn declared_at(&self) -> &Span {
        let header = matches!(self.node.kind, NodeKind::Table(_))
            && self.node.span.file == self.key_span.file
            && self.node.span.range.start < self.key_span.range.start;
        if header { &self.node.span } else { &self.key_span }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The value as the file spells it, quotes included; the header of a table that has one.
    pub(crate) span: Span,
    /// The value.
    pub(crate) kind: NodeKind,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    String(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
    /// Something that was complained about.
    Bad,
}

impl Node {
    /// The kind in words, for messages.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::String(_) => "a string",
            NodeKind::Integer(_) => "an integer",
            NodeKind::Float(_) => "a number",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::List(_) => "a list",
            NodeKind::Table(_) => "a table",
            NodeKind::Bad => "not a value",
        }
    }

    /// The table, if it is one.
    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.kind {
            NodeKind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value with every text taken as it stands; `None` when a part of it is bad.
    pub(crate) fn plain(&self) -> Option<Value> {
        Some(match &self.kind {
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::Integer(number) => Value::Integer(*number),
            NodeKind::Float(number) => Value::Float(*number),
            NodeKind::Bool(truth) => Value::Bool(*truth),
            NodeKind::List(items) => Value::List(items.iter().map(Self::plain).collect::<Option<_>>()?),
            NodeKind::Table(table) => Value::Map(
                table
                    .iter()
                    .map(|(name, entry)| Some((name.clone(), entry.node.plain()?)))
                    .collect::<Option<_>>()?,
            ),
            NodeKind::Bad => return None,
        })
    }
}

/// Whether a quote ends a text within an expression that has begun on this line.
fn ends_in_expression(before: &str) -> bool {
    before.rsplit_once("${").is_some_and(|(text, expression)| {
        text.contains('"') && expression.contains('"') && !expression.contains('}')
    })
}

/// Reads one file of a source map. The second value is false when the syntax is so broken that what
/// was read cannot be trusted.
pub(crate) fn parse(sources: &SourceMap, file: usize, report: &mut Report) -> (Table, bool) {
    let text = sources.files.get(file).map_or("", |source| source.text.as_str());
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut whole = true;
    let mut broken_lines = BTreeSet::new();
    let mut repeated_headers = BTreeSet::new();
    for error in &errors {
        let range = visible(text, error.span().unwrap_or(0..0));
        let line = line_start(text, range.start);
        // The parser goes on as if nothing were wrong after a key that is given twice.
        if error.message() == "duplicate key" {
            let header = header_before(text, range.start);
            if header.is_some_and(|(start, _)| start == line) {
                repeated_headers.insert(line);
            } else if header.is_some_and(|(start, _)| repeated_headers.contains(&start)) {
                // The table that it stands in is the mistake.
                continue;
            }
            report.add(duplicate(text, file, range, header));
        } else {
            whole = false;
            // What follows a mistake in the same line is seldom one of its own.
            if broken_lines.insert(line) {
                let message = format!("this is not TOML: {}", error.message());
                let before = text.get(line..range.start).unwrap_or("");
                let mut diagnostic = Diagnostic::error("toml-syntax", message).at(Span { file, range }, "");
                if ends_in_expression(before) {
                    diagnostic = diagnostic.help(
                        "the quote within `${…}` ends the text: put the whole in single quotes, '${lookup(env, \"A\", \"\")}', \
                         or write \\\" for each within",
                    );
                }
                report.add(diagnostic);
            }
        }
    }
    (table_of(table.get_ref(), file, report), whole)
}

/// A range that lies on characters and marks at least one, if there is one.
fn visible(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The `[header]` that `at` stands in or below: where its line starts, and its text.
fn header_before(text: &str, at: usize) -> Option<(usize, &str)> {
    let mut end = at + text[at..].find('\n').unwrap_or(text.len() - at);
    loop {
        let start = line_start(text, end);
        if let Some(header) = header(&text[start..end]) {
            return Some((start, header));
        }
        end = start.checked_sub(1)?;
    }
}

/// The address in a line that is a `[header]`.
fn header(line: &str) -> Option<&str> {
    let (header, _) = line.trim().strip_prefix('[')?.split_once(']')?;
    (!header.starts_with('[')).then(|| header.trim())
}

/// A key that is given twice in one file, with the place of the first if it can be found.
fn duplicate(text: &str, file: usize, range: Range<usize>, table: Option<(usize, &str)>) -> Diagnostic {
    let line = line_start(text, range.start);
    let is_header = table.is_some_and(|(start, _)| start == line);
    let key = &text[range.clone()];
    let (diagnostic, from) = match table {
        Some((_, header)) if is_header => (
            Diagnostic::error("duplicate-address", format!("`{header}` is declared twice"))
                .help("give one of the two another name, or make them one"),
            0,
        ),
        _ => (
            Diagnostic::error("duplicate-key", format!("`{key}` is set twice")).help("remove one of the two"),
            table.map_or(0, |(start, _)| start),
        ),
    };
    let diagnostic = diagnostic.at(
        Span {
            file,
            range: range.clone(),
        },
        "",
    );
    let mut start = from;
    for earlier in text[from..line].split_inclusive('\n') {
        let same = match table {
            Some((_, wanted)) if is_header => header(earlier) == Some(wanted),
            _ => earlier
                .split_once('=')
                .is_some_and(|(left, _)| left.trim() == key),
        };
        if same {
            let width = earlier.trim_end().len();
            return diagnostic.see(
                Span {
                    file,
                    range: start..start + width,
                },
                "the first",
            );
        }
        start += earlier.len();
    }
    diagnostic
}

fn table_of(table: &DeTable<'_>, file: usize, report: &mut Report) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                key_span: Span {
                    file,
                    range: key.span(),
                },
                node: node_of(value, file, report),
            };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn node_of(value: &toml::Spanned<DeValue<'_>>, file: usize, report: &mut Report) -> Node {
    let span = Span {
        file,
        range: value.span(),
    };
    let mut bad = |message: &str, help: &str| {
        report.add(
            Diagnostic::error("bad-value", message)
                .at(span.clone(), "")
                .help(help),
        );
        NodeKind::Bad
    };
    let kind = match value.get_ref() {
        DeValue::String(text) => NodeKind::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => NodeKind::Integer(number),
            Err(_) => bad("the number is too large", "quote it if it is a name or an id"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => NodeKind::Float(number),
            _ => bad("this is not a number that can be used", "write a finite number"),
        },
        DeValue::Boolean(truth) => NodeKind::Bool(*truth),
        DeValue::Datetime(_) => bad("dates and times are no values of their own", "quote it"),
        DeValue::Array(items) => {
            NodeKind::List(items.iter().map(|item| node_of(item, file, report)).collect())
        }
        DeValue::Table(table) => NodeKind::Table(table_of(table, file, report)),
    };
    Node { span, kind }
}

/// Lays `over` upon `under`: tables merge, everything else is replaced.
pub(crate) fn merge(under: &mut Table, over: Table) {
    for (name, entry) in over {
        match under.get_mut(&name) {
            Some(Entry {
                node:
                    Node {
                        kind: NodeKind::Table(below),
                        ..
                    },
                ..
            }) if matches!(entry.node.kind, NodeKind::Table(_)) => {
                if let NodeKind::Table(above) = entry.node.kind {
                    merge(below, above);
                }
            }
            _ => {
                under.insert(name, entry);
            }
        }
    }
}

/// A TOML value without places; `None` for what has no place in the language (dates, infinite numbers).
pub(crate) fn plain_value(value: &toml::Spanned<DeValue<'_>>) -> Option<Value> {
    let mut report = Report::default();
    let node = node_of(value, 0, &mut report);
    node.plain()
}
