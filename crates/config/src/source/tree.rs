//! TOML as a tree in which every key and value knows its place.

use std::collections::BTreeMap;

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

/// Reads one file of a source map. The second value is false when the syntax is so broken that what
/// was read cannot be trusted.
pub(crate) fn parse(sources: &SourceMap, file: usize, report: &mut Report) -> (Table, bool) {
    let text = sources.files.get(file).map_or("", |source| source.text.as_str());
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut whole = true;
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let span = Span {
            file,
            range: visible(text, range),
        };
        // The parser goes on as if nothing were wrong after a key that is given twice.
        if error.message() == "duplicate key" {
            report.add(duplicate(text, &table, span));
        } else {
            whole = false;
            report.add(
                Diagnostic::error("toml-syntax", format!("this is not TOML: {}", error.message()))
                    .at(span, ""),
            );
        }
    }
    (table_of(table.get_ref(), file, report), whole)
}

/// A range that lies on characters and marks at least one, if there is one.
fn visible(text: &str, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
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

/// A key that is given twice in one file, with the place of the first if it can be found.
fn duplicate(text: &str, table: &toml::Spanned<DeTable<'_>>, span: Span) -> Diagnostic {
    let line_start = text[..span.range.start]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let header = line
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let Some(header) = header else {
        let key = &text[span.range.clone()];
        return Diagnostic::error("duplicate-key", format!("`{key}` is set twice"))
            .at(span, "")
            .help("remove one of the two");
    };
    let path: Vec<&str> = header
        .split('.')
        .map(|part| part.trim().trim_matches(['"', '\'']))
        .collect();
    let diagnostic = Diagnostic::error(
        "duplicate-address",
        format!("`{}` is declared twice", path.join(".")),
    )
    .at(span.clone(), "")
    .help("give one of the two another name, or make them one");
    let mut place = None;
    let mut at = table.get_ref();
    for part in path {
        let Some((key, value)) = at.get_key_value(part) else {
            break;
        };
        place = Some(key.span());
        let Some(inner) = value.get_ref().as_table() else {
            break;
        };
        at = inner;
    }
    match place {
        Some(range) if range != span.range => diagnostic.see(
            Span {
                file: span.file,
                range,
            },
            "first declared here",
        ),
        _ => diagnostic,
    }
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
