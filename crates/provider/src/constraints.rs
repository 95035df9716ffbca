//! Holding attributes against the rules that their schema has for them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use infra_core::constraint::{BlockRule, Constraint, PlacedRule, When, Where};
use infra_core::schema::{AttributeKind, AttributeSchema};
use infra_core::types::Problems;
use infra_core::{AttributePath, Attributes, PathSegment, TypeSchema, Unknown, Value};
use ipnet::{Ipv4Net, Ipv6Net};
use regex_lite::Regex;

/// Checks the attributes against the rules of their schema. What is unknown or hidden is AWS's to judge.
pub fn check(schema: &TypeSchema, attributes: &Attributes, problems: &mut Problems) {
    table(
        &schema.attributes,
        attributes,
        &AttributePath::default(),
        problems,
    );
    for PlacedRule { place, rule, .. } in &schema.rules {
        for (path, table) in tables(attributes, place) {
            between(rule, table, &path, problems);
        }
    }
}

fn table(
    schemas: &BTreeMap<String, AttributeSchema>,
    attributes: &Attributes,
    path: &AttributePath,
    problems: &mut Problems,
) {
    for (name, value) in attributes {
        let Some(schema) = schemas.get(name) else { continue };
        let path = path.name(name.as_str());
        for rule in &schema.rules {
            each(&schema.kind, value, &path, &mut |value, path| {
                if let Some(message) = broken(&rule.constraint, value) {
                    problems.at(path.clone(), message);
                }
            });
        }
        inside(&schema.kind, value, &path, problems);
    }
}

fn inside(kind: &AttributeKind, value: &Value, path: &AttributePath, problems: &mut Problems) {
    match (kind, value) {
        (AttributeKind::Object(schemas), Value::Map(entries)) => table(schemas, entries, path, problems),
        (AttributeKind::KeyedList { element, .. }, Value::List(items)) => {
            for (position, item) in items.iter().enumerate() {
                if let Value::Map(entries) = item {
                    table(element, entries, &path.index(position), problems);
                }
            }
        }
        (AttributeKind::List(kind) | AttributeKind::Set(kind), Value::List(items)) => {
            for (position, item) in items.iter().enumerate() {
                inside(kind, item, &path.index(position), problems);
            }
        }
        (AttributeKind::Map(kind), Value::Map(entries)) => {
            for (name, value) in entries {
                inside(kind, value, &path.name(name.as_str()), problems);
            }
        }
        _ => {}
    }
}

/// A value, and, where it is a list or a map of plain values, each of them: what is said of a text holds for every one.
fn each(
    kind: &AttributeKind,
    value: &Value,
    path: &AttributePath,
    check: &mut impl FnMut(&Value, &AttributePath),
) {
    check(value, path);
    match (kind, value) {
        (AttributeKind::List(_) | AttributeKind::Set(_), Value::List(items)) => {
            for (position, item) in items.iter().enumerate() {
                check(item, &path.index(position));
            }
        }
        (AttributeKind::Map(_), Value::Map(entries)) => {
            for (name, entry) in entries {
                check(entry, &path.name(name.as_str()));
            }
        }
        _ => {}
    }
}

/// The tables at a place, lists on the way looked through.
fn tables<'a>(attributes: &'a Attributes, place: &AttributePath) -> Vec<(AttributePath, &'a Attributes)> {
    let mut found = vec![(AttributePath::default(), attributes)];
    for segment in place.segments() {
        let PathSegment::Name(name) = segment else {
            continue;
        };
        let mut next = Vec::new();
        for (path, table) in found {
            let path = path.name(name.as_str());
            match table.get(name) {
                Some(Value::Map(inner)) => next.push((path, inner)),
                Some(Value::List(items)) => {
                    let inner = items.iter().enumerate();
                    next.extend(
                        inner.filter_map(|(position, item)| Some((path.index(position), item.as_map()?))),
                    );
                }
                _ => {}
            }
        }
        found = next;
    }
    found
}

/// What is wrong with a value; `None` where nothing is, or where that cannot be told.
fn broken(constraint: &Constraint, value: &Value) -> Option<String> {
    match (constraint, value) {
        (Constraint::Length { lowest, highest }, Value::String(text)) => {
            let length = text.chars().count();
            outside(length, *lowest, *highest).then(|| {
                format!(
                    "`{text}` has {length} characters: AWS takes {}",
                    so_many(*lowest, *highest)
                )
            })
        }
        (Constraint::Count { lowest, highest }, Value::List(items)) => {
            outside(items.len(), *lowest, *highest).then(|| {
                format!(
                    "{} of them: AWS takes {}",
                    items.len(),
                    so_many(*lowest, *highest)
                )
            })
        }
        (Constraint::Range { lowest, highest }, value) => {
            let number = value.as_integer()?;
            outside(number, *lowest, *highest)
                .then(|| format!("{number} is not between {lowest} and {highest}"))
        }
        (Constraint::OneOf(numbers), value) => {
            let number = value.as_integer()?;
            let all = || numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            (!numbers.contains(&number)).then(|| format!("AWS takes no {number}, only {}", all()))
        }
        (Constraint::Alphabet { characters, words }, Value::String(text)) => {
            let others = expression(&format!("[^{characters}]"))?;
            let wrong = others.find(text)?.as_str();
            Some(format!("`{text}` has `{wrong}` in it: AWS takes {words}"))
        }
        (
            Constraint::Pattern {
                expression: pattern,
                words,
            },
            Value::String(text),
        ) => (!expression(pattern)?.is_match(text)).then(|| format!("`{text}` {words}")),
        (
            Constraint::Except {
                expression: pattern,
                words,
            },
            Value::String(text),
        ) => expression(pattern)?
            .is_match(text)
            .then(|| format!("`{text}` {words}")),
        (
            Constraint::Cidr {
                version,
                lowest,
                highest,
            },
            Value::String(text),
        ) => network(*version, text, *lowest, *highest),
        _ => None,
    }
}

fn outside<N: PartialOrd>(number: N, lowest: N, highest: N) -> bool {
    number < lowest || number > highest
}

fn so_many(lowest: usize, highest: usize) -> String {
    if lowest == 0 {
        format!("at most {highest}")
    } else {
        format!("{lowest} to {highest}")
    }
}

/// Compiled once: each is asked for with every resource that it holds for. `None`: it is none, which a test of the
/// catalogue finds.
fn expression(text: &str) -> Option<Regex> {
    static COMPILED: Mutex<BTreeMap<String, Option<Regex>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = compiled.get(text) {
        return known.clone();
    }
    let made = Regex::new(text).ok();
    compiled.insert(text.to_owned(), made.clone());
    made
}

/// Whether the rule's expression is one; every other rule is sound by its type.
pub fn is_sound(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::Alphabet { characters, .. } => expression(&format!("[^{characters}]")).is_some(),
        Constraint::Pattern { expression: text, .. } | Constraint::Except { expression: text, .. } => {
            expression(text).is_some()
        }
        _ => true,
    }
}

/// What is wrong with a network. AWS itself would silently cut bits behind the prefix off, which somebody who writes them
/// does not mean.
fn network(version: u8, text: &str, lowest: u8, highest: u8) -> Option<String> {
    let bits = if version == 4 {
        let Ok(network) = text.parse::<Ipv4Net>() else {
            return Some(format!("`{text}` is no IPv4 network such as 10.0.0.0/16"));
        };
        if network.trunc() != network {
            let meant = network.trunc();
            return Some(format!(
                "{text} has bits behind its prefix: did you mean {meant}?"
            ));
        }
        network.prefix_len()
    } else {
        let Ok(network) = text.parse::<Ipv6Net>() else {
            return Some(format!("`{text}` is no IPv6 network such as 2001:db8::/56"));
        };
        if network.trunc() != network {
            let meant = network.trunc();
            return Some(format!(
                "{text} has bits behind its prefix: did you mean {meant}?"
            ));
        }
        network.prefix_len()
    };
    outside(bits, lowest, highest).then(|| {
        let size = if bits < lowest { "large" } else { "small" };
        format!("{text} is too {size}: AWS takes /{lowest} to /{highest}")
    })
}

/// Holds the attributes of one table against a rule. Values that may still turn out to be null decide nothing.
pub fn between(rule: &BlockRule, table: &Attributes, path: &AttributePath, problems: &mut Problems) {
    // An empty list or table is sent as none.
    let is_set = |name: &&str| {
        table
            .get(*name)
            .is_some_and(|value| !value.is_null() && !is_empty(value))
    };
    let is_certain = |name: &&str| {
        let open = matches!(table.get(*name), Some(Value::Unknown(Unknown { origin: None })));
        is_set(name) && !open
    };
    let all: Vec<&str> = rule.attributes().iter().map(AsRef::as_ref).collect();
    let set: Vec<&str> = all.iter().copied().filter(is_set).collect();
    let certain: Vec<&str> = all.iter().copied().filter(is_certain).collect();
    let more_than_one = |problems: &mut Problems| {
        if let [_, second, ..] = certain.as_slice() {
            let message = format!("only one of {} may be set", certain.join(", "));
            problems.at(path.name(*second), message);
        }
    };
    match rule {
        BlockRule::ExactlyOne(_) | BlockRule::AtLeastOne(_) if set.is_empty() => {
            problems.at(path.clone(), format!("set one of {}", all.join(", ")));
        }
        BlockRule::ExactlyOne(_) | BlockRule::AtMostOne(_) => more_than_one(problems),
        BlockRule::Together(_) => {
            let missing = all.iter().find(|name| !is_set(name));
            if let (Some(first), Some(missing)) = (certain.first(), missing) {
                problems.at(path.name(*missing), format!("is needed where `{first}` is set"));
            }
        }
        BlockRule::AtLeastOne(_) => {}
        BlockRule::DistinctKeys(_) => distinct_keys(&all, table, path, problems),
        BlockRule::Where(depends) => check_where(depends, table, path, problems),
    }
}

/// What is in two tables is told at the later one.
fn distinct_keys(names: &[&str], table: &Attributes, path: &AttributePath, problems: &mut Problems) {
    let mut seen: BTreeMap<&String, &str> = BTreeMap::new();
    for name in names {
        for key in table.get(*name).and_then(Value::as_map).into_iter().flatten() {
            if let Some(other) = seen.insert(key.0, name) {
                let message = format!("`{}` is in `{other}` already: AWS takes each name once", key.0);
                problems.at(path.name(*name).name(key.0.as_str()), message);
            }
        }
    }
}

/// Holds an attribute against what the value of another one means for it. What is not known decides nothing.
fn check_where(rule: &Where, table: &Attributes, path: &AttributePath, problems: &mut Problems) {
    let [attribute, other] = &rule.names;
    let decides = match table.get(other.as_ref()) {
        None | Some(Value::Null) => rule.default.clone(),
        Some(value) => in_text(value).map(Cow::Owned),
    };
    let Some(decides) = decides else { return };
    let is_among = rule.values.contains(&decides);
    let value = table.get(attribute.as_ref()).unwrap_or(&Value::Null);
    let is_open = matches!(value, Value::Unknown(Unknown { origin: None }));
    let is_meant = match &rule.value {
        _ if value.is_null() || is_open || is_empty(value) => false,
        None => true,
        Some(meant) => in_text(value).as_deref() == Some(meant.as_ref()),
    };
    let values = || {
        let values: Vec<String> = rule.values.iter().map(|value| format!("`{value}`")).collect();
        values.join(" or ")
    };
    let message = match rule.when {
        When::Only if is_meant && !is_among => format!("is only for `{other}` {}, not `{decides}`", values()),
        When::Never if is_meant && is_among => format!("is not for `{other}` `{decides}`"),
        When::Needed if value.is_null() && is_among => format!("is needed where `{other}` is `{decides}`"),
        _ => return,
    };
    problems.at(path.name(attribute.as_ref()), message);
}

/// A list or a table with nothing in it, which AWS leaves out.
fn is_empty(value: &Value) -> bool {
    value.as_list().is_some_and(<[Value]>::is_empty) || value.as_map().is_some_and(BTreeMap::is_empty)
}

/// A value that others depend on.
fn in_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
