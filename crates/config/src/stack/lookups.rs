//! `[lookup.*]`: reads of what exists and is not ours.

use std::collections::BTreeMap;

use infra_core::stack::Lookup;
use infra_core::{Attributes, Diagnostic, ResourceAddress, Span};

use super::bind::{Binder, Treatment};
use super::blocks::{META, note_places};
use super::check::{self, Places};
use super::context::Context;
use super::names::{Allowed, Names};
use super::sections::Sections;
use crate::language::{Draft, Evaluator, World};
use crate::report::Suggest;

/// A lookup, read.
pub(crate) struct Read {
    attributes: BTreeMap<String, Draft>,
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
        let Some(definition) = context.catalogue.definition(address.type_name()) else {
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
                continue;
            }
            if !schema.has(name) && name != "id" {
                context.add(
                    Diagnostic::error(
                        "unknown-attribute",
                        format!("`{}` has no attribute `{name}`", schema.name),
                    )
                    .at(entry.key_span.clone(), "")
                    .suggest(name, schema.names()),
                );
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
                .help("set the attributes that it is known by, such as `id` or `tags`"),
            );
        }
        let evaluator = Evaluator::new(world, None, None);
        let mut known: Attributes = attributes
            .iter()
            .map(|(name, draft)| (name.clone(), context.evaluate(&evaluator, draft)))
            .collect();
        let computed: Attributes = known
            .iter()
            .filter(|(name, _)| !schema.attributes.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        known.retain(|name, _| schema.attributes.contains_key(name));
        let places = Places {
            block: &declared.span,
            spans: &spans,
            keys: &keys,
        };
        check::attributes(context, schema, &places, &mut known, false);
        known.extend(computed);
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
    let mut attributes = known.clone();
    if let Some(definition) = context.catalogue.definition(address.type_name()) {
        for name in definition.schema().names() {
            attributes
                .entry(name.to_owned())
                .or_insert_with(infra_core::Value::unknown);
        }
    }
    attributes
}
