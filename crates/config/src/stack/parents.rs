//! What names its parent at AWS by a text, where it could refer to it, needs it all the same: it cannot come before it,
//! and it goes with it.

use std::collections::BTreeMap;

use infra_core::called::of_arn;
use infra_core::schema::Under;
use infra_core::{
    Attributes, Catalogue, Reference, Resource, ResourceAddress, Scope, Strength, Template, TypeName,
    TypeSchema, Value,
};

use super::bind::Edge;

/// Region and accounts of the stack: an ARN of others names nothing of it.
pub(crate) struct Whereabouts<'a> {
    pub(crate) region: &'a str,
    pub(crate) accounts: &'a [String],
}

/// Names through other names: a service's by that of its cluster.
const MOST_STEPS: usize = 8;

/// The edges to parents that are named by a text, by the address of what names them.
pub(crate) fn edges(
    resources: &BTreeMap<ResourceAddress, Resource>,
    catalogue: &dyn Catalogue,
    whereabouts: &Whereabouts<'_>,
) -> BTreeMap<ResourceAddress, Vec<Edge>> {
    let schema = |of: &TypeName| catalogue.definition(of).map(|definition| definition.schema());
    let is_under = |address: &ResourceAddress| Some(&schema(address.type_name())?.parents().next()?.of);
    if !resources.keys().any(|address| is_under(address).is_some()) {
        return BTreeMap::new();
    }
    let known = Known::new(resources, catalogue);
    let mut parents: BTreeMap<(&TypeName, String), Vec<&ResourceAddress>> = BTreeMap::new();
    for address in resources.keys() {
        if let (Some(of), Some(name)) = (schema(address.type_name()), known.name(address, 0)) {
            let name = of.meant_name(&name).into_owned();
            parents
                .entry((address.type_name(), name))
                .or_default()
                .push(address);
        }
    }
    let mut found: BTreeMap<ResourceAddress, Vec<Edge>> = BTreeMap::new();
    for (address, resource) in resources {
        let Some(own) = schema(address.type_name()) else {
            continue;
        };
        for under in own.parents() {
            let Some(of) = schema(&under.of) else { continue };
            let Some(text) = known
                .parent(address, under, of)
                .filter(|text| whereabouts.has(text))
            else {
                continue;
            };
            let through = under.through.first();
            let is_ready = |name: &String| own.attributes.get(name).is_some_and(|own| own.needs_ready);
            let names = of.names_in(&text).into_iter();
            let named = names.flat_map(|name| parents.get(&(&under.of, name)).into_iter().flatten());
            let edges = named.filter(|parent| **parent != address).map(|parent| Edge {
                to: Reference {
                    address: (*parent).clone(),
                    attribute: None,
                },
                strength: if through.is_some_and(is_ready) {
                    Strength::Ready
                } else {
                    Strength::Exists
                },
                span: through
                    .and_then(|name| resource.attribute_spans.get(name))
                    .unwrap_or(&resource.span)
                    .clone(),
                literal: Some(text.clone()),
            });
            found.entry(address.clone()).or_default().extend(edges);
        }
    }
    found
}

impl Whereabouts<'_> {
    /// Whether a text is no ARN of another region or account.
    fn has(&self, text: &str) -> bool {
        of_arn(text).is_none_or(|(_, [region, account])| {
            let is_own_account = self.accounts.is_empty() || self.accounts.iter().any(|own| own == account);
            (region.is_empty() || region == self.region) && (account.is_empty() || is_own_account)
        })
    }
}

/// What the file says of the names of resources.
struct Known<'a> {
    catalogue: &'a dyn Catalogue,
    /// Of each resource what it is named by.
    of: Scope,
}

impl<'a> Known<'a> {
    fn new(resources: &BTreeMap<ResourceAddress, Resource>, catalogue: &'a dyn Catalogue) -> Self {
        let mut of = Scope::default();
        for (address, resource) in resources {
            let Some(definition) = catalogue.definition(address.type_name()) else {
                continue;
            };
            let literal = |template: &Template| match template {
                Template::Literal(value @ Value::String(_)) => Some(value.clone()),
                _ => None,
            };
            let texts = resource.attributes.iter();
            let texts = texts.filter_map(|(name, template)| Some((name.clone(), literal(template)?)));
            let schema = definition.schema();
            of.set(address.clone(), schema.completed(address, texts.collect()));
        }
        let mut whole = Vec::new();
        for (address, resource) in resources {
            let Some(definition) = catalogue.definition(address.type_name()) else {
                continue;
            };
            let schema = definition.schema();
            let through = schema.parents().flat_map(|under| &under.through);
            let mut named = Attributes::new();
            for name in schema.natural_key.iter().chain(through) {
                let template = resource.attributes.get(name);
                named
                    .extend(template.and_then(|template| Some((name.clone(), template.evaluate(&of).ok()?))));
            }
            whole.push((address.clone(), named));
        }
        Self {
            catalogue,
            of: whole.into_iter().collect(),
        }
    }

    /// What a resource names its parent by, as far as the file tells.
    fn parent(&self, address: &ResourceAddress, under: &Under, of: &TypeSchema) -> Option<String> {
        let attributes = self.of.attributes(address)?;
        let is_through = |name: &String| under.through.contains(name);
        // Where it has all that its parent is named by, the name is made as that of the parent is.
        if of.natural_key.len() > 1 && of.natural_key.iter().all(is_through) {
            let through = of.natural_key.clone();
            let of = under.of.clone();
            return Under { of, through }.parent_in(attributes);
        }
        let text = under.parent_in(attributes);
        let is_whole = of.natural_key.len() == under.through.len() && under.through.len() > 1;
        text.or_else(|| self.joined(address, &under.through, 0).filter(|_| is_whole))
    }

    /// What a resource is called at AWS, as far as the file tells.
    fn name(&self, address: &ResourceAddress, steps: usize) -> Option<String> {
        let definition = self.catalogue.definition(address.type_name())?;
        let key = &definition.schema().natural_key;
        match key.is_empty() {
            // AWS gives it an id: its address stands for that.
            true => (steps > 0).then(|| format!("${{{address}}}")),
            false => self.joined(address, key, steps),
        }
    }

    fn joined(&self, address: &ResourceAddress, names: &[String], steps: usize) -> Option<String> {
        let attributes = self.of.attributes(address).filter(|_| steps < MOST_STEPS)?;
        let part = |name: &String| match attributes.get(name)? {
            Value::String(text) => Some(match of_arn(text) {
                Some((own, _)) => own.rsplit_once('/').map_or(own, |(_, last)| last).to_owned(),
                None => text.clone(),
            }),
            Value::Unknown(unknown) => self.name(&unknown.origin.as_ref()?.address, steps + 1),
            _ => None,
        };
        let parts = names.iter().map(part).collect::<Option<Vec<_>>>()?;
        Some(parts.join("/"))
    }
}
