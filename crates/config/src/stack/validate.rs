//! Walks the resources in order of dependency: evaluates each as far as it is known before AWS is asked, checks
//! it against its schema, and asks its type for AWS's own rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_core::constraint::Constraint;
use infra_core::types::{Problem, Problems, known_str};
use infra_core::unique::{Holders, Keys};
use infra_core::{
    Attributes, Diagnostic, NameStays, Resource, ResourceAddress, Scope, Template, TypeName, TypeSchema,
    Value,
};

use super::blocks::Block;
use super::check::{self, Places};
use super::context::{Context, evaluate, failed};
use super::expand::Unfolded;
use crate::language::{Draft, DraftKind, Evaluator, World};

/// What is known of all resources before AWS is asked.
#[derive(Default)]
pub(crate) struct Known {
    /// What expressions see: everything that a type has, unknown where the file does not tell.
    visible: Scope,
    /// What the file sets.
    wanted: BTreeMap<ResourceAddress, Attributes>,
    /// What is looked for.
    lookups: BTreeMap<ResourceAddress, Attributes>,
}

impl Known {
    /// Lookups are seen as they are asked for.
    pub(crate) fn add_lookup(&mut self, address: ResourceAddress, attributes: Attributes) {
        self.lookups.insert(address.clone(), attributes.clone());
        self.visible.set(address, attributes);
    }
}

/// Walks all resources; `order` holds positions in `unfolded`, and those not in it are part of a cycle.
pub(crate) fn walk(
    context: &mut Context<'_>,
    known: &mut Known,
    world: &Arc<World>,
    blocks: &[Block<'_>],
    unfolded: &[Unfolded],
    resources: &BTreeMap<ResourceAddress, Resource>,
    order: &[usize],
) {
    let ordered: BTreeSet<usize> = order.iter().copied().collect();
    let stuck: Vec<usize> = (0..unfolded.len())
        .filter(|position| !ordered.contains(position))
        .collect();
    for position in &stuck {
        let one = &unfolded[*position];
        let schema = blocks[one.block].definition.schema();
        known
            .visible
            .set(one.address.clone(), visible(schema, &Attributes::new()));
    }
    for position in order.iter().chain(&stuck) {
        let one = &unfolded[*position];
        if let Some(resource) = resources.get(&one.address) {
            resource_itself(context, known, world, &blocks[one.block], one, resource);
        }
    }
    let with_instances: BTreeSet<usize> = unfolded.iter().map(|one| one.block).collect();
    for (position, block) in blocks.iter().enumerate() {
        if !with_instances.contains(&position) {
            block_alone(context, block);
        }
    }
    let told = together(context, known, blocks, unfolded);
    unique(context, known, blocks, unfolded, &told);
    named_twice(context, known, blocks, unfolded);
}

/// The places of one resource, whose tags may be the stack's.
fn places_of<'a>(block: &'a Block<'_>, resource: &'a Resource) -> Places<'a> {
    Places {
        spans: &resource.attribute_spans,
        ..places(block)
    }
}

fn places<'a>(block: &'a Block<'_>) -> Places<'a> {
    Places {
        block: &block.span,
        spans: &block.spans,
        keys: &block.key_spans,
    }
}

fn resource_itself(
    context: &mut Context<'_>,
    known: &mut Known,
    world: &World,
    block: &Block<'_>,
    one: &Unfolded,
    resource: &Resource,
) {
    let mut attributes = Attributes::new();
    for (name, template) in &resource.attributes {
        let value = template.evaluate(&known.visible).unwrap_or_else(|error| {
            // The template does not know places: the draft does.
            match block.attributes.get(name) {
                Some(draft) => evaluate(
                    &mut context.report,
                    &Evaluator::new(world, Some(&known.visible), one.each.as_deref()),
                    draft,
                ),
                None => {
                    context.add(Diagnostic::error("evaluation", error.message).at(block.span.clone(), ""));
                    Value::unknown()
                }
            }
        });
        attributes.insert(name.clone(), value);
    }
    let schema = block.definition.schema();
    let places = places_of(block, resource);
    check::attributes(context, schema, &places, &mut attributes, true);
    let mut problems = Problems::default();
    block.definition.validate(&attributes, &mut problems);
    if let Some(Value::String(region)) = world.stack.get("region") {
        zones(schema, &attributes, region, &mut problems);
    }
    block
        .definition
        .validate_with_lookups(&attributes, &known.lookups, &mut problems);
    for problem in problems.into_vec() {
        context.add(rule_broken(&places, one, problem));
    }
    let mut seen = visible(schema, &attributes);
    for (name, value) in block.definition.derive(&attributes) {
        seen.insert(name, value);
    }
    known.visible.set(one.address.clone(), seen);
    known.wanted.insert(one.address.clone(), attributes);
}

/// A zone is named after its region: `us-east-1a`, or `us-east-1-bos-1a` of a local one.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html>
fn zones(schema: &TypeSchema, attributes: &Attributes, region: &str, problems: &mut Problems) {
    let of_zones = schema.attributes.iter().filter(|(_, attribute)| {
        let mut rules = attribute.rules.iter();
        rules.any(|rule| rule.constraint == Constraint::Zone)
    });
    for (name, attribute) in of_zones {
        let given = attributes.get(name).filter(|value| !attribute.is_nothing(value));
        let Some(zone) = given.and_then(Value::as_str) else {
            continue;
        };
        let rest = zone.strip_prefix(region).unwrap_or_default();
        if !rest.starts_with(|first: char| first.is_ascii_lowercase() || first == '-') {
            let message = format!("`{zone}` is no zone of {region}, where the resource is");
            problems.at(name.as_str(), message);
        }
    }
}

/// What expressions see of a resource that is not made yet.
fn visible(schema: &TypeSchema, set: &Attributes) -> Attributes {
    let mut all = Attributes::new();
    for (name, attribute) in &schema.attributes {
        let value = set.get(name).or(attribute.default.as_ref()).cloned();
        all.insert(name.clone(), value.unwrap_or_else(Value::unknown));
    }
    for name in schema.computed.keys() {
        all.entry(name.clone()).or_insert_with(Value::unknown);
    }
    all
}

/// A block of which there is no instance: its shape is checked, expressions are taken as unknown.
fn block_alone(context: &mut Context<'_>, block: &Block<'_>) {
    fn shape(draft: &Draft) -> Value {
        match &draft.kind {
            DraftKind::Literal(value) => value.clone(),
            DraftKind::Formula(_) => Value::unknown(),
            DraftKind::List(items) => Value::List(items.iter().map(shape).collect()),
            DraftKind::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(name, entry)| (name.clone(), shape(entry)))
                    .collect(),
            ),
        }
    }
    let mut attributes: Attributes = block
        .attributes
        .iter()
        .map(|(name, draft)| (name.clone(), shape(draft)))
        .collect();
    check::attributes(
        context,
        block.definition.schema(),
        &places(block),
        &mut attributes,
        true,
    );
}

/// Rules between resources, once for each type that the stack has. Returns those of which something was told.
fn together(
    context: &mut Context<'_>,
    known: &Known,
    blocks: &[Block<'_>],
    unfolded: &[Unfolded],
) -> BTreeSet<ResourceAddress> {
    let mut told = BTreeSet::new();
    let positions: BTreeMap<&ResourceAddress, &Unfolded> =
        unfolded.iter().map(|one| (&one.address, one)).collect();
    let mut asked: BTreeSet<&TypeName> = BTreeSet::new();
    for block in blocks {
        if !asked.insert(block.address.type_name()) {
            continue;
        }
        for (address, problem) in block.definition.validate_together(&known.wanted) {
            if let Some(one) = positions.get(&address) {
                context.add(rule_broken(&places(&blocks[one.block]), one, problem));
            }
            told.insert(address);
        }
    }
    told
}

/// Two of which AWS takes only one, where nothing else was told of one of them.
fn unique(
    context: &mut Context<'_>,
    known: &Known,
    blocks: &[Block<'_>],
    unfolded: &[Unfolded],
    told: &BTreeSet<ResourceAddress>,
) {
    let mut standing: Holders<'_, &Unfolded> = Holders::new();
    for one in unfolded {
        let block = &blocks[one.block];
        let wanted = known.wanted.get(&one.address);
        let keys = wanted.and_then(|wanted| Keys::new(Some(block.definition), |name| wanted.get(name)));
        let Some(keys) = keys else { continue };
        for (held, other) in standing.clashing(&keys) {
            let (address, other_address) = (&one.address, &other.address);
            if told.contains(address) || told.contains(other_address) {
                continue;
            }
            let message = format!(
                "{address} and {other_address} cannot exist side by side at AWS: {}",
                keys.in_words(held)
            );
            let error = Diagnostic::error("taken-twice", message)
                .at(block.span.clone(), "")
                .help("change one of them, or take it out of the file")
                .see(blocks[other.block].span.clone(), "the other one");
            context.add(error);
        }
        standing.add(keys, one);
    }
}

/// Two that would give one name of one holder to different things: whichever comes last would have it, or AWS refuses it.
fn named_twice(context: &mut Context<'_>, known: &Known, blocks: &[Block<'_>], unfolded: &[Unfolded]) {
    let mut named: BTreeMap<(&TypeName, String, &str), (&Unfolded, &Attributes)> = BTreeMap::new();
    for one in unfolded {
        let block = &blocks[one.block];
        let (Some(rule), Some(wanted)) = (
            block.definition.schema().name_stays,
            known.wanted.get(&one.address),
        ) else {
            continue;
        };
        let holder = match wanted.get(rule.holder) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Unknown(unknown)) if unknown.origin.is_some() => format!("?{:?}", unknown.origin),
            _ => continue,
        };
        let Some(name) = known_str(wanted, rule.name) else {
            continue;
        };
        let place = (one.address.type_name(), holder, name);
        let Some(&(other, others)) = named.get(&place) else {
            named.insert(place, (one, wanted));
            continue;
        };
        if are_different(&rule, wanted, others) {
            let message = format!(
                "{} and {} cannot both have the {} `{name}` of one {}: they are not the same",
                one.address, other.address, rule.name, rule.of
            );
            let error = Diagnostic::error("named-twice", message)
                .at(block.span.clone(), "")
                .help(format!("give one of them another {}", rule.name))
                .see(blocks[other.block].span.clone(), "the other one");
            context.add(error);
        }
    }
}

/// Whether two things are surely made of different content.
fn are_different(rule: &NameStays, one: &Attributes, other: &Attributes) -> bool {
    if let (Some(one), Some(other)) = (known_str(one, rule.content), known_str(other, rule.content)) {
        return one != other;
    }
    let of_content = |name: &&String| name.as_str() != rule.name && name.as_str() != rule.holder;
    let null = Value::Null;
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).filter(of_content).collect();
    names.into_iter().any(|name| {
        let (one, other) = (one.get(name).unwrap_or(&null), other.get(name).unwrap_or(&null));
        !one.has_unknown() && !other.has_unknown() && !one.same(other)
    })
}

/// A rule of AWS's that does not hold.
fn rule_broken(places: &Places<'_>, one: &Unfolded, problem: Problem) -> Diagnostic {
    let place = places.nearest(&problem.path).clone();
    let label = match one.address.key() {
        Some(_) => format!("in `{}`", one.address),
        None => String::new(),
    };
    let diagnostic = Diagnostic::error("invalid", problem.message).at(place, label);
    match problem.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Evaluates an output to see whether it can be.
pub(crate) fn output(
    context: &mut Context<'_>,
    known: &Known,
    world: &World,
    template: &Template,
    draft: &Draft,
) {
    if template.evaluate(&known.visible).is_err() {
        let evaluator = Evaluator::new(world, Some(&known.visible), None);
        draft.for_each_formula(&mut |formula| {
            if let Err(failure) = evaluator.formula(formula) {
                context.add(failed(failure));
            }
        });
    }
}
