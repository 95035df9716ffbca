//! The schema of a block from the facts about its fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use infra_core::constraint::{BlockRule, Constraint, PlacedRule, Rule};
use infra_core::schema::{AttributeKind, AttributeSchema, ComputedSchema};
use infra_core::{AttributePath, Spelling};

use crate::block::{BlockFacts, DefaultValue, FieldFacts, Kind};

/// The attributes of a block by name.
pub fn attributes(facts: &BlockFacts) -> BTreeMap<String, AttributeSchema> {
    let fields = facts.fields.iter().filter(|field| !field.computed);
    fields
        .map(|field| (field.name.to_owned(), attribute(facts, field)))
        .collect()
}

/// Those of which AWS takes two texts for the same that differ only in case.
pub fn caseless(facts: &BlockFacts) -> Vec<String> {
    let fields = facts.fields.iter().filter(|field| field.caseless);
    fields.map(|field| field.name.to_owned()).collect()
}

/// What AWS sets beside them.
pub fn computed(facts: &BlockFacts) -> BTreeMap<String, ComputedSchema> {
    of_fields(facts.fields.iter().filter(|field| field.computed))
}

/// All that AWS tells of a block.
pub fn told(facts: &BlockFacts) -> BTreeMap<String, ComputedSchema> {
    of_fields(facts.fields.iter())
}

fn of_fields<'a>(fields: impl Iterator<Item = &'a FieldFacts>) -> BTreeMap<String, ComputedSchema> {
    fields
        .map(|field| {
            let schema = ComputedSchema {
                kind: kind_of_field(field),
                description: field.description.to_owned(),
                changes_on_update: field.changes_on_update,
            };
            (field.name.to_owned(), schema)
        })
        .collect()
}

/// The rules between the fields of a block and of those inside of it, by where they are.
pub fn rules(facts: &BlockFacts) -> Vec<PlacedRule> {
    let mut found = Vec::new();
    rules_at(facts, &AttributePath::default(), &mut found);
    found
}

fn rules_at(facts: &BlockFacts, path: &AttributePath, found: &mut Vec<PlacedRule>) {
    found.extend(facts.rules.iter().map(|rule| {
        let mut rule = rule.clone();
        let mut source = None;
        if let BlockRule::Where(depends) = &mut rule {
            let field = |name: &str| facts.fields.iter().find(|field| field.name == name);
            let [attribute, other] = &depends.names;
            depends.default = field(other).and_then(|other| in_text(other.default?));
            source = field(attribute).and_then(|attribute| attribute.source);
        }
        PlacedRule {
            place: path.clone(),
            rule,
            source: Cow::Borrowed(source.or(facts.page).unwrap_or_default()),
        }
    }));
    for field in facts.fields.iter().filter(|field| !field.computed) {
        let mut kind = field.kind;
        while let Kind::List(inner) | Kind::Set(inner) = kind {
            kind = *inner;
        }
        if let Kind::Table(inner) = kind {
            rules_at(inner, &path.name(field.name), found);
        }
    }
}

fn in_text(default: DefaultValue) -> Option<Cow<'static, str>> {
    match default {
        DefaultValue::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
        DefaultValue::Text(text) => Some(Cow::Borrowed(text)),
        DefaultValue::Integer(_) | DefaultValue::NoItems => None,
    }
}

fn attribute(facts: &BlockFacts, field: &FieldFacts) -> AttributeSchema {
    let source = field.source.or(facts.page).unwrap_or_default();
    let rules = field.constraints.iter().map(|constraint| Rule {
        constraint: constraint.clone(),
        source: Cow::Borrowed(source),
    });
    AttributeSchema {
        kind: kind_of_field(field),
        description: field.description.to_owned(),
        required: field.required,
        default: field.default.map(Into::into),
        nothing: nothing(field).map(Into::into),
        immutable: field.immutable,
        sensitive: field.sensitive,
        write_only: field.write_only,
        set_after_create: field.set_after_create,
        needs_ready: field.needs_ready,
        local: field.local,
        path: field.path,
        rules: rules.collect(),
        source: source.to_owned(),
    }
}

/// What means the same as none. An empty text is how files, and variables above all, say that there is none: where
/// AWS does not make something else of none, it never is a value.
fn nothing(field: &FieldFacts) -> Option<DefaultValue> {
    let empty = matches!(field.kind, Kind::Text) && !field.required && field.default.is_none();
    field.nothing.or(empty.then_some(DefaultValue::Text("")))
}

fn kind_of_field(field: &FieldFacts) -> AttributeKind {
    if field.policy || field.json {
        return AttributeKind::Json { policy: field.policy };
    }
    let spelled = |of: Kind| match (of, spelling(field)) {
        (Kind::Text, Some(spelling)) => AttributeKind::Spelled(spelling),
        (other, _) => kind(other),
    };
    match (field.kind, field.key) {
        (Kind::List(Kind::Table(element)), Some(key)) => AttributeKind::KeyedList {
            key: key.to_owned(),
            element: attributes(element),
        },
        (Kind::List(inner), None) if field.set => AttributeKind::Set(Box::new(spelled(*inner))),
        (Kind::List(inner), None) => AttributeKind::List(Box::new(spelled(*inner))),
        (Kind::Set(inner), None) => AttributeKind::Set(Box::new(spelled(*inner))),
        (other, _) => spelled(other),
    }
}

/// Networks have theirs without a word.
fn spelling(field: &FieldFacts) -> Option<Spelling> {
    let network = field.constraints.iter().find_map(|constraint| match constraint {
        Constraint::Cidr { version, .. } => Some(Spelling::Network { version: *version }),
        _ => None,
    });
    field.spelling.cloned().or(network)
}

fn kind(of: Kind) -> AttributeKind {
    match of {
        Kind::Any => AttributeKind::Any,
        Kind::Bool => AttributeKind::Bool,
        Kind::Integer => AttributeKind::Integer,
        Kind::Number => AttributeKind::Number,
        Kind::Text => AttributeKind::String,
        Kind::OneOf(texts) => AttributeKind::Enum(texts.iter().map(ToString::to_string).collect()),
        Kind::List(inner) => AttributeKind::List(Box::new(kind(*inner))),
        Kind::Set(inner) => AttributeKind::Set(Box::new(kind(*inner))),
        Kind::Map(inner) => AttributeKind::Map(Box::new(kind(*inner))),
        Kind::Table(facts) => AttributeKind::Object(attributes(facts)),
    }
}
