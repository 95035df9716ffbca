//! Resource blocks: their attributes, and the keys that belong to `infra` itself.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_core::{DataLoss, Diagnostic, Lifecycle, ResourceAddress, Span, Timeouts, TypeDefinition, Value};

use super::context::Context;
use super::fields::{only_known, table, wrong_kind};
use super::names::{Allowed, Names};
use super::sections::{Declared, Sections};
use crate::language::{Draft, DraftKind, Evaluator, World};
use crate::report::Suggest;
use crate::source::{Entry, NodeKind, Table};

/// The keys of a resource that are not attributes of its type.
pub(crate) const META: [&str; 5] = ["for_each", "when", "depends_on", "lifecycle", "timeouts"];

/// A wait longer than a day is a mistake.
const MAX_TIMEOUT_SECONDS: u64 = 24 * 60 * 60;

/// A resource block, read but not unfolded.
pub(crate) struct Block<'a> {
    pub(crate) address: ResourceAddress,
    pub(crate) span: Span,
    pub(crate) definition: &'a dyn TypeDefinition,
    pub(crate) attributes: BTreeMap<String, Draft>,
    pub(crate) for_each: Option<Draft>,
    pub(crate) when: Option<Draft>,
    pub(crate) depends_on: Vec<(ResourceAddress, Span)>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) timeouts: Timeouts,
    /// Places of values by path.
    pub(crate) spans: BTreeMap<String, Span>,
    /// Places of keys by path.
    pub(crate) key_spans: BTreeMap<String, Span>,
}

/// Reads all blocks whose type is known; of the others only the expressions are checked.
pub(crate) fn read<'a>(
    context: &mut Context<'a>,
    names: &mut Names,
    world: &World,
    sections: &Sections<'_>,
    stack_allows_data_loss: bool,
) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for (address, declared) in &sections.resources {
        if let Some(definition) = context.catalogue.definition(address.type_name()) {
            let mut block = block(context, names, world, address, declared, definition);
            // Only where it says something, so that the state of nothing else changes with the stack's word.
            let lifecycle = &mut block.lifecycle;
            if lifecycle.allow_data_loss == DataLoss::default() && definition.schema().holds_data.is_some() {
                lifecycle.allow_data_loss = DataLoss::OfStack(stack_allows_data_loss);
            }
            blocks.push(block);
        } else {
            // Its references may be wrong as well, and are told in the same go.
            for entry in declared.table.values() {
                names.check_unused(context, &entry.node);
            }
        }
    }
    blocks
}

fn block<'a>(
    context: &mut Context<'a>,
    names: &mut Names,
    world: &World,
    address: &ResourceAddress,
    declared: &Declared<'_>,
    definition: &'a dyn TypeDefinition,
) -> Block<'a> {
    let fields = declared.table;
    let each = fields.contains_key("for_each");
    let attributes: BTreeMap<String, Draft> = fields
        .iter()
        .filter(|(name, _)| !META.contains(&name.as_str()))
        .map(|(name, entry)| {
            let mut draft = context.draft(&entry.node);
            draft.key_span = Some(entry.key_span.clone());
            names.check(
                context,
                &mut draft,
                Allowed {
                    each,
                    only_static: None,
                },
            );
            (name.clone(), draft)
        })
        .collect();
    let mut meta = |name: &str, each: bool| {
        let mut draft = context.draft(&fields.get(name)?.node);
        let what = format!("`{name}`");
        names.check(
            context,
            &mut draft,
            Allowed {
                each,
                ..Allowed::static_in(&what)
            },
        );
        Some(draft)
    };
    let (for_each, when) = (meta("for_each", false), meta("when", each));
    let (mut spans, mut key_spans) = (BTreeMap::new(), BTreeMap::new());
    for (name, draft) in &attributes {
        note_places(
            draft,
            infra_core::AttributePath::attribute(name.as_str()),
            &mut spans,
            &mut key_spans,
        );
    }
    Block {
        address: address.clone(),
        span: declared.span.clone(),
        definition,
        attributes,
        for_each,
        when,
        depends_on: fields
            .get("depends_on")
            .map(|entry| depends_on(context, names, address, entry))
            .unwrap_or_default(),
        lifecycle: lifecycle(context, names, world, definition, fields),
        timeouts: timeouts(context, names, fields),
        spans,
        key_spans,
    }
}

/// Notes where each part of a value stands.
pub(crate) fn note_places(
    draft: &Draft,
    path: infra_core::AttributePath,
    spans: &mut BTreeMap<String, Span>,
    key_spans: &mut BTreeMap<String, Span>,
) {
    match &draft.kind {
        DraftKind::List(items) => {
            for (position, item) in items.iter().enumerate() {
                note_places(item, path.index(position), spans, key_spans);
            }
        }
        DraftKind::Map(entries) => {
            for (name, entry) in entries {
                note_places(entry, path.name(name.as_str()), spans, key_spans);
            }
        }
        _ => {}
    }
    let text = path.to_string();
    if let Some(span) = &draft.key_span {
        key_spans.insert(text.clone(), span.clone());
    }
    spans.insert(text, draft.place().clone());
}

fn depends_on(
    context: &mut Context<'_>,
    names: &Names,
    own: &ResourceAddress,
    entry: &Entry,
) -> Vec<(ResourceAddress, Span)> {
    let NodeKind::List(items) = &entry.node.kind else {
        context.add(
            wrong_kind(&entry.node, "`depends_on`", "a list of addresses")
                .help("write `depends_on = [\"ec2.vpc.main\"]`"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        let NodeKind::String(text) = &item.kind else {
            context.add(wrong_kind(
                item,
                "an element of `depends_on`",
                "an address as text",
            ));
            continue;
        };
        let bare = text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or(text);
        let Ok(address) = bare.trim().parse::<ResourceAddress>() else {
            context.add(
                Diagnostic::error(
                    "bad-address",
                    format!("`{text}` is not the address of a resource"),
                )
                .at(item.span.clone(), "")
                .help("write it as `ec2.vpc.main`, or `ec2.subnet.private[\"key\"]` for one instance"),
            );
            continue;
        };
        let diagnostic = match names.for_each_of(&address.block()) {
            _ if bare != text => Diagnostic::error(
                "expression-not-allowed",
                "`depends_on` takes addresses, not expressions",
            )
            .help(format!("write `\"{address}\"`")),
            None => {
                let known: Vec<String> = names.block_addresses().map(ToString::to_string).collect();
                let near =
                    infra_core::nearest(&address.block().to_string(), known.iter().map(String::as_str))
                        .map(str::to_owned);
                let diagnostic = Diagnostic::error(
                    "unknown-reference",
                    format!("there is no resource `{}`", address.block()),
                );
                match near {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic,
                }
            }
            Some(false) if address.key().is_some() => Diagnostic::error(
                "not-for-each",
                format!(
                    "`{}` has no `for_each`, so there is no key to it",
                    address.block()
                ),
            ),
            Some(_) if address == *own => Diagnostic::error("cycle", format!("`{own}` depends on itself")),
            Some(_) => {
                found.push((address, item.span.clone()));
                continue;
            }
        };
        context.add(diagnostic.at(item.span.clone(), ""));
    }
    found
}

fn lifecycle(
    context: &mut Context<'_>,
    names: &mut Names,
    world: &World,
    definition: &dyn TypeDefinition,
    fields: &Table,
) -> Lifecycle {
    let mut lifecycle = Lifecycle::default();
    let Some(entry) = fields.get("lifecycle") else {
        return lifecycle;
    };
    let Some(table) = table(context, entry, "`lifecycle`") else {
        return lifecycle;
    };
    only_known(
        context,
        names,
        table,
        "`lifecycle`",
        &[
            "prevent_destroy",
            "create_before_destroy",
            "ignore_changes",
            "retain",
            "allow_data_loss",
        ],
    );
    let mut truth = |name: &str| {
        let mut draft = context.draft(&table.get(name)?.node);
        names.check(context, &mut draft, Allowed::static_in("`lifecycle`"));
        match context.evaluate(&Evaluator::new(world, None, None), &draft) {
            Value::Bool(truth) => Some(truth),
            Value::Unknown(_) => None,
            other => {
                let message = format!("`lifecycle.{name}` is true or false, found {}", other.kind());
                context.add(
                    Diagnostic::error("wrong-type", message).at(draft.span.clone(), "expected true or false"),
                );
                None
            }
        }
    };
    lifecycle.prevent_destroy = truth("prevent_destroy").unwrap_or(false);
    lifecycle.create_before_destroy = truth("create_before_destroy");
    lifecycle.retain = truth("retain").unwrap_or(false);
    if let Some(allowed) = truth("allow_data_loss") {
        lifecycle.allow_data_loss = DataLoss::OfResource(allowed);
    }
    if let Some(entry) = table.get("ignore_changes") {
        lifecycle.ignore_changes = ignore_changes(context, definition, entry);
    }
    lifecycle
}

fn ignore_changes(context: &mut Context<'_>, definition: &dyn TypeDefinition, entry: &Entry) -> Vec<String> {
    let NodeKind::List(items) = &entry.node.kind else {
        context.add(wrong_kind(
            &entry.node,
            "`lifecycle.ignore_changes`",
            "a list of attributes",
        ));
        return Vec::new();
    };
    let schema = definition.schema();
    let mut paths = Vec::new();
    for item in items {
        let NodeKind::String(text) = &item.kind else {
            context.add(wrong_kind(
                item,
                "an element of `ignore_changes`",
                "the name of an attribute",
            ));
            continue;
        };
        match text.parse::<infra_core::AttributePath>() {
            Ok(path) if schema.attributes.contains_key(path.top()) => paths.push(text.clone()),
            _ => context.add(
                Diagnostic::error(
                    "unknown-attribute",
                    format!("`{}` has no attribute `{text}` to ignore", schema.name),
                )
                .at(item.span.clone(), "")
                .suggest(text, schema.attributes.keys().map(String::as_str)),
            ),
        }
    }
    paths
}

fn timeouts(context: &mut Context<'_>, names: &mut Names, fields: &Table) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let Some(entry) = fields.get("timeouts") else {
        return timeouts;
    };
    let Some(table) = table(context, entry, "`timeouts`") else {
        return timeouts;
    };
    only_known(
        context,
        names,
        table,
        "`timeouts`",
        &["create", "update", "delete"],
    );
    let mut duration = |name: &str| {
        let node = &table.get(name)?.node;
        let found = match &node.kind {
            NodeKind::String(text) => parse_duration(text),
            NodeKind::Bad => return None,
            _ => None,
        };
        if found.is_none() {
            context.add(
                Diagnostic::error("bad-duration", format!("`timeouts.{name}` is not a time to wait"))
                    .at(node.span.clone(), "")
                    .help("write a text such as `\"90s\"`, `\"10m\"` or `\"1h30m\"`, of at most a day"),
            );
        }
        found
    };
    timeouts.create = duration("create");
    timeouts.update = duration("update");
    timeouts.delete = duration("delete");
    timeouts
}

/// `90s`, `10m`, `1h30m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (1..=MAX_TIMEOUT_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_hours_minutes_and_seconds() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("", None),
            ("10", None),
            ("0s", None),
            ("25h", None),
            ("-1s", None),
            ("1d", None),
            ("99999999999999999999s", None),
            ("ms", None),
        ] {
            assert_eq!(parse_duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
