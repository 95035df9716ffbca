//! `[lookup.*]`: reads of what exists and is not ours.

use std::collections::BTreeMap;

use infra_core::stack::Lookup;
use infra_core::{Attributes, Diagnostic, Problems, ResourceAddress, Span, TypeSchema, Value};

use super::bind::{Binder, Treatment};
use super::blocks::{META, note_places};
use super::check::{self, Places};
use super::context::Context;
use super::names::{Allowed, Names};
use super::sections::Sections;
use crate::language::{Draft, Evaluator, World};
use crate::report::{Suggest, listed};

/// A lookup, read.
pub(crate) struct Read {
    pub(crate) attributes: BTreeMap<String, Draft>,
    span: Span,
    /// What to look for, as far as it is known: what is wrong is unknown.
    pub(crate) known: Attributes,
}

/// Reads and checks all lookups whose type is known.
pub(crate) fn read(
    context: &mut Context<'_>,
    names: &mut Names,
    world: &mut World,
    sections: &Sections<'_>,
) -> BTreeMap<ResourceAddress, Read> {
    let mut lookups = BTreeMap::new();
    for (address, declared) in &sections.lookups {
        let Some(definition) = context.catalogue.lookup(address.type_name()) else {
            for entry in declared.table.values() {
                names.check_unused(context, &entry.node);
            }
            continue;
        };
        let schema = definition.schema();
        let mut attributes = BTreeMap::new();
        let (mut spans, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for (name, entry) in declared.table {
            if META.contains(&name.as_str()) {
                context.add(
                    Diagnostic::error("unknown-key", format!("a lookup takes no `{name}`"))
                        .at(entry.key_span.clone(), ""),
                );
                names.check_unused(context, &entry.node);
                continue;
            }
            if !schema.attributes.contains_key(name) {
                context.add(no_argument(schema, name).at(entry.key_span.clone(), ""));
                names.check_unused(context, &entry.node);
                continue;
            }
            let mut draft = context.draft(&entry.node);
            draft.key_span = Some(entry.key_span.clone());
            names.check(context, &mut draft, Allowed::static_in("a lookup"));
            note_places(
                &draft,
                infra_core::AttributePath::attribute(name.as_str()),
                &mut spans,
                &mut keys,
            );
            attributes.insert(name.clone(), draft);
        }
        if declared.table.is_empty() {
            context.add(
                Diagnostic::error(
                    "missing-attribute",
                    format!("`lookup.{address}` does not say what to look for"),
                )
                .at(declared.span.clone(), "")
                .help(looked_up_by(schema)),
            );
        }
        let evaluator = Evaluator::new(world, None, None);
        let mut known: Attributes = attributes
            .iter()
            .map(|(name, draft)| (name.clone(), context.evaluate(&evaluator, draft)))
            .collect();
        let places = Places {
            block: &declared.span,
            spans: &spans,
            keys: &keys,
        };
        let complete = !declared.table.is_empty();
        check::attributes(context, schema, &places, &mut known, complete);
        if complete {
            let mut problems = Problems::default();
            definition.validate(&known, &mut problems);
            for problem in problems.into_vec() {
                let diagnostic = Diagnostic::error("invalid", problem.message);
                let mut diagnostic = diagnostic.at(places.nearest(&problem.path).clone(), "");
                diagnostic.help.extend(problem.help);
                context.add(diagnostic);
            }
        }
        world.lookups.insert(address.clone());
        lookups.insert(
            address.clone(),
            Read {
                attributes,
                span: declared.span.clone(),
                known,
            },
        );
    }
    lookups
}

/// What a lookup does not take.
fn no_argument(schema: &TypeSchema, name: &str) -> Diagnostic {
    if schema.has(name) {
        let message = format!("`{}` cannot be looked up by `{name}`", schema.name);
        return Diagnostic::error("unknown-attribute", message).help(looked_up_by(schema));
    }
    Diagnostic::error(
        "unknown-attribute",
        format!("a lookup of `{}` takes no `{name}`", schema.name),
    )
    .suggest(name, schema.attributes.keys().map(String::as_str))
}

fn looked_up_by(schema: &TypeSchema) -> String {
    let names: Vec<&str> = schema.attributes.keys().map(String::as_str).collect();
    format!("it is looked up by {}", listed(&names))
}

/// Binds the lookups to the finished world.
pub(crate) fn bind(
    context: &mut Context<'_>,
    binder: &Binder<'_>,
    lookups: BTreeMap<ResourceAddress, Read>,
) -> BTreeMap<ResourceAddress, Lookup> {
    lookups
        .into_iter()
        .map(|(address, read)| {
            let attributes = read
                .attributes
                .iter()
                .map(|(name, draft)| {
                    let template =
                        binder.template(context, draft, None, Treatment::plain(false), &mut Vec::new());
                    (name.clone(), template)
                })
                .collect();
            (
                address,
                Lookup {
                    attributes,
                    span: read.span,
                },
            )
        })
        .collect()
}

/// What expressions see of a lookup before AWS is asked.
pub(crate) fn unanswered(context: &Context<'_>, address: &ResourceAddress, known: &Attributes) -> Attributes {
    // A thing may have more tags than it is looked for by.
    let mut attributes = known.clone();
    attributes.retain(|_, value| !matches!(value, Value::Map(_) | Value::List(_)));
    if let Some(definition) = context.catalogue.lookup(address.type_name()) {
        for name in definition.schema().names() {
            attributes.entry(name.to_owned()).or_insert_with(Value::unknown);
        }
    }
    attributes
}
