//! Values against the schema of their type.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::schema::AttributeKind;
use infra_core::{AttributePath, AttributeSchema, Attributes, Diagnostic, Secret, Span, TypeSchema, Value};

use super::context::Context;
use crate::report::{Suggest, listed};

/// The places of a resource's values.
pub(crate) struct Places<'a> {
    /// The whole block.
    pub(crate) block: &'a Span,
    /// Values by path.
    pub(crate) spans: &'a BTreeMap<String, Span>,
    /// Keys by path.
    pub(crate) keys: &'a BTreeMap<String, Span>,
}

impl Places<'_> {
    /// The place of a value, or of the nearest one around it that the file spells.
    pub(crate) fn nearest(&self, path: &AttributePath) -> &Span {
        nearest(path, self.spans).unwrap_or(self.block)
    }

    fn key(&self, path: &AttributePath) -> &Span {
        self.keys
            .get(&path.to_string())
            .unwrap_or_else(|| self.nearest(path))
    }
}

fn nearest<'a>(path: &AttributePath, spans: &'a BTreeMap<String, Span>) -> Option<&'a Span> {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if let Some(span) = spans.get(&path.to_string()) {
            return Some(span);
        }
        at = path.parent();
    }
    None
}

/// A path that is spelled out only when it is needed.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Name(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn spelled(&self) -> AttributePath {
        match self {
            Path::Top => AttributePath::default(),
            Path::Name(outer, name) => outer.spelled().name(*name),
            Path::Index(outer, index) => outer.spelled().index(*index),
        }
    }
}

/// Checks the attributes of one resource. Attributes that are wrong become unknown, those that the type does
/// not have are taken out, so that nothing further is said of them. `complete`: whether what is required has
/// to be there.
pub(crate) fn attributes(
    context: &mut Context<'_>,
    schema: &TypeSchema,
    places: &Places<'_>,
    attributes: &mut Attributes,
    complete: bool,
) {
    attributes.retain(|name, _| {
        let known = schema.attributes.contains_key(name);
        if !known {
            let path = AttributePath::attribute(name.as_str());
            context.add(unknown_attribute(schema, name).at(places.key(&path).clone(), ""));
        }
        known
    });
    let mut checker = Checker {
        context,
        places,
        hidden: false,
        type_name: schema.name.to_string(),
        failed: false,
    };
    for (name, value) in attributes.iter_mut() {
        let Some(attribute) = schema.attributes.get(name) else {
            continue;
        };
        checker.failed = false;
        if is_name(schema, name) && matches!(value, Value::Secret(_)) {
            checker.secret_name(name);
        }
        checker.hidden = attribute.sensitive;
        checker.value(&attribute.kind, value, Path::Name(&Path::Top, name));
        if checker.failed {
            *value = Value::unknown();
        }
    }
    if complete {
        checker.required(&schema.attributes, attributes, Path::Top);
    }
    attributes.retain(|_, value| !value.is_null());
}

/// Whether an attribute is part of the id by which the resource is known: of its name, where AWS gives it no other.
fn is_name(schema: &TypeSchema, attribute: &str) -> bool {
    !schema.computed.contains_key("id") && schema.natural_key.iter().any(|name| name == attribute)
}

fn unknown_attribute(schema: &TypeSchema, name: &str) -> Diagnostic {
    if schema.computed.contains_key(name) {
        return Diagnostic::error(
            "computed-attribute",
            format!("`{name}` of `{}` is set by AWS", schema.name),
        )
        .help("it can be used in expressions, but not be set: remove it");
    }
    Diagnostic::error(
        "unknown-attribute",
        format!("`{}` has no attribute `{name}`", schema.name),
    )
    .suggest(
        name,
        schema
            .attributes
            .keys()
            .map(String::as_str)
            .chain(super::blocks::META),
    )
}

struct Checker<'a, 'c> {
    context: &'a mut Context<'c>,
    places: &'a Places<'a>,
    /// The values may not be shown.
    hidden: bool,
    type_name: String,
    /// Whether something was wrong since this was last cleared.
    failed: bool,
}

impl Checker<'_, '_> {
    fn complain(&mut self, diagnostic: Diagnostic) {
        self.failed = true;
        self.context.add(diagnostic);
    }

    fn secret_name(&mut self, name: &str) {
        let type_name = &self.type_name;
        let message = format!("`{name}` of `{type_name}` is sensitive, and part of its id at AWS");
        let span = self.places.nearest(&AttributePath::attribute(name)).clone();
        self.complain(
            Diagnostic::error("sensitive-name", message)
                .at(span, "")
                .help("ids are shown and kept in clear: name it by something that is no secret"),
        );
    }

    fn value(&mut self, kind: &AttributeKind, value: &Value, path: Path<'_>) {
        match (kind, value) {
            (_, Value::Unknown(_) | Value::Null | Value::Secret(Secret::Sealed(_)))
            | (AttributeKind::Any, _) => {}
            (kind, Value::Secret(Secret::Clear(inner))) => {
                let outer = std::mem::replace(&mut self.hidden, true);
                self.value(kind, inner, path);
                self.hidden = outer;
            }
            (AttributeKind::Bool, Value::Bool(_))
            | (AttributeKind::String | AttributeKind::Spelled(_), Value::String(_))
            | (AttributeKind::Number, Value::Integer(_) | Value::Float(_))
            | (AttributeKind::Json { .. }, Value::Map(_) | Value::List(_)) => {}
            (AttributeKind::Integer, value) if value.as_integer().is_some() => {}
            (AttributeKind::Enum(choices), Value::String(text)) => {
                if !choices.contains(text) {
                    self.not_a_choice(choices, text, path);
                }
            }
            (AttributeKind::Json { .. }, Value::String(text)) => self.json(text, path),
            (AttributeKind::List(inner) | AttributeKind::Set(inner), Value::List(items)) => {
                for (position, item) in items.iter().enumerate() {
                    self.element(inner, item, Path::Index(&path, position));
                }
            }
            (AttributeKind::Map(inner), Value::Map(entries)) => {
                for (name, entry) in entries {
                    self.value(inner, entry, Path::Name(&path, name));
                }
            }
            (AttributeKind::Object(table), Value::Map(entries)) => self.table(table, entries, path),
            (AttributeKind::KeyedList { key, element }, Value::List(items)) => {
                self.keyed_list(key, element, items, path);
            }
            (kind, value) => self.wrong(kind, value, path),
        }
    }

    fn element(&mut self, kind: &AttributeKind, item: &Value, path: Path<'_>) {
        if item.is_null() {
            self.wrong(kind, item, path);
        } else {
            self.value(kind, item, path);
        }
    }

    fn table(
        &mut self,
        table: &BTreeMap<String, AttributeSchema>,
        entries: &BTreeMap<String, Value>,
        path: Path<'_>,
    ) {
        for (name, entry) in entries {
            let path = Path::Name(&path, name);
            match table.get(name) {
                Some(schema) => {
                    let outer = self.hidden;
                    self.hidden |= schema.sensitive;
                    self.value(&schema.kind, entry, path);
                    self.hidden = outer;
                }
                None => {
                    let spelled = path.spelled();
                    let within = spelled.parent().unwrap_or_default();
                    self.complain(
                        Diagnostic::error(
                            "unknown-attribute",
                            format!("`{within}` of `{}` has no key `{name}`", self.type_name),
                        )
                        .at(self.places.key(&spelled).clone(), "")
                        .suggest(name, table.keys().map(String::as_str)),
                    );
                }
            }
        }
        self.required(table, entries, path);
    }

    fn required(
        &mut self,
        table: &BTreeMap<String, AttributeSchema>,
        entries: &BTreeMap<String, Value>,
        path: Path<'_>,
    ) {
        for (name, schema) in table.iter().filter(|(_, schema)| schema.required) {
            let own = Path::Name(&path, name).spelled();
            let diagnostic = match entries.get(name) {
                Some(Value::Null) => {
                    Diagnostic::error("missing-attribute", format!("`{own}` is required, and null here"))
                        .at(self.places.nearest(&own).clone(), "")
                        .help(format!("it has to be {}", described(&schema.kind)))
                }
                Some(_) => continue,
                None => {
                    let outer = path.spelled();
                    let whose = match path {
                        Path::Top => format!("`{}`", self.type_name),
                        _ => format!("`{outer}` of `{}`", self.type_name),
                    };
                    let place = match path {
                        Path::Top => self.places.block,
                        _ => self.places.nearest(&outer),
                    };
                    Diagnostic::error("missing-attribute", format!("{whose} needs `{name}`"))
                        .at(place.clone(), "")
                        .help(format!("`{name}` is {}", described(&schema.kind)))
                }
            };
            self.complain(diagnostic);
        }
    }

    fn keyed_list(
        &mut self,
        key: &str,
        element: &BTreeMap<String, AttributeSchema>,
        items: &[Value],
        path: Path<'_>,
    ) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (position, item) in items.iter().enumerate() {
            let path = Path::Index(&path, position);
            let (entries, hidden) = match item {
                Value::Map(entries) => (entries, self.hidden),
                Value::Secret(Secret::Clear(inner)) => match inner.as_map() {
                    Some(entries) => (entries, true),
                    None => continue,
                },
                Value::Unknown(_) => continue,
                other => {
                    self.wrong(&AttributeKind::Object(element.clone()), other, path);
                    continue;
                }
            };
            let outer = std::mem::replace(&mut self.hidden, hidden);
            self.table(element, entries, path);
            if let Some(name) = entries.get(key).and_then(Value::as_str)
                && !seen.insert(name)
            {
                let shown = if self.hidden {
                    "the same value".to_owned()
                } else {
                    format!("`{name}`")
                };
                let place = self.places.nearest(&Path::Name(&path, key).spelled()).clone();
                self.complain(
                    Diagnostic::error("duplicate-key", format!("two elements have {shown} as `{key}`"))
                        .at(place, "")
                        .help(format!("`{key}` tells the elements apart")),
                );
            }
            self.hidden = outer;
        }
    }

    fn json(&mut self, text: &str, path: Path<'_>) {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            let spelled = path.spelled();
            let reason = if self.hidden {
                String::new()
            } else {
                format!(": {error}")
            };
            self.complain(
                Diagnostic::error("bad-json", format!("`{spelled}` is not JSON{reason}"))
                    .at(self.places.nearest(&spelled).clone(), "")
                    .help("a table in TOML is taken as well"),
            );
        }
    }

    fn not_a_choice(&mut self, choices: &[String], text: &str, path: Path<'_>) {
        let spelled = path.spelled();
        let names: Vec<&str> = choices.iter().map(String::as_str).collect();
        let place = self.places.nearest(&spelled).clone();
        let diagnostic = if self.hidden {
            Diagnostic::error(
                "bad-choice",
                format!("`{spelled}` has a value that is none of the choices"),
            )
        } else {
            Diagnostic::error("bad-choice", format!("`{spelled}` cannot be `{text}`"))
        };
        let diagnostic = diagnostic.at(place, "");
        let near = infra_core::nearest(text, names.iter().copied()).filter(|_| !self.hidden);
        self.complain(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("it is one of {}", listed(&names))),
        });
    }

    fn wrong(&mut self, kind: &AttributeKind, value: &Value, path: Path<'_>) {
        let spelled = path.spelled();
        let place = self.places.nearest(&spelled).clone();
        let expected = described(kind);
        let raw = self.context.raw(&place);
        let literal = !raw.starts_with(['"', '\'']);
        let diagnostic = Diagnostic::error(
            "wrong-type",
            format!("`{spelled}` is {expected}, found {}", value.kind()),
        );
        let textual = matches!(
            kind,
            AttributeKind::String | AttributeKind::Spelled(_) | AttributeKind::Enum(_)
        );
        let numeric = matches!(
            kind,
            AttributeKind::Integer | AttributeKind::Number | AttributeKind::Bool
        );
        let fitting = |text: &str| match kind {
            AttributeKind::Integer => text.parse::<i64>().is_ok(),
            AttributeKind::Number => text.parse::<f64>().is_ok(),
            _ => text == "true" || text == "false",
        };
        let diagnostic = match value {
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) if textual && literal => {
                diagnostic.help(format!("quote it: `\"{raw}\"`"))
            }
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) if textual => {
                diagnostic.help("`format(\"%v\", …)` makes a string of it")
            }
            Value::String(text) if numeric && !self.hidden && fitting(text) && !raw.contains("${") => {
                diagnostic.help(format!("write it without quotes: `{text}`"))
            }
            Value::String(_) if matches!(kind, AttributeKind::List(_) | AttributeKind::Set(_)) => {
                diagnostic.help("a list of one is written `[…]`")
            }
            _ => diagnostic,
        };
        self.context
            .add(diagnostic.at(place, format!("expected {expected}")));
    }
}

/// What a kind takes, in words.
fn described(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Any => "any value".to_owned(),
        AttributeKind::Bool => "true or false".to_owned(),
        AttributeKind::Integer => "an integer".to_owned(),
        AttributeKind::Number => "a number".to_owned(),
        AttributeKind::String | AttributeKind::Spelled(_) => "a string".to_owned(),
        AttributeKind::Enum(choices) => {
            let names: Vec<&str> = choices.iter().take(8).map(String::as_str).collect();
            let more = if choices.len() > names.len() { ", …" } else { "" };
            format!("one of {}{more}", listed(&names))
        }
        AttributeKind::Json { .. } => "a JSON document, as a table or as text".to_owned(),
        AttributeKind::List(inner) | AttributeKind::Set(inner) => format!("a list of {}", plural(inner)),
        AttributeKind::Map(inner) => format!("a table of {}", plural(inner)),
        AttributeKind::Object(_) => "a table".to_owned(),
        AttributeKind::KeyedList { .. } => "a list of tables".to_owned(),
    }
}

fn plural(kind: &AttributeKind) -> &'static str {
    match kind {
        AttributeKind::Bool => "booleans",
        AttributeKind::Integer => "integers",
        AttributeKind::Number => "numbers",
        AttributeKind::String | AttributeKind::Spelled(_) | AttributeKind::Enum(_) => "strings",
        AttributeKind::List(_) | AttributeKind::Set(_) | AttributeKind::KeyedList { .. } => "lists",
        AttributeKind::Map(_) | AttributeKind::Object(_) => "tables",
        AttributeKind::Any | AttributeKind::Json { .. } => "values",
    }
}
