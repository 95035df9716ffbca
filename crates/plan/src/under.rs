//! What does not stay at AWS without something else: AWS deletes it with that, or deletes that only without it.
//!
//! Which types are so is data of theirs, [`TypeSchema::parents`]. A file may name the parent by a text, so names are what
//! counts here, as AWS has them.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::types::known_str;
use infra_core::{Action, Attributes, Diagnostic, PhysicalId, TypeName, TypeSchema, Under};

use crate::compare::Difference;
use crate::decide::{Cause, Decision, Decisions, Tie};
use crate::graph::{Found, Graph};

/// A thing by which others may name their parent: its type, id and attributes.
pub(crate) type Parent<'a> = (&'a TypeSchema, &'a PhysicalId, &'a Attributes);

/// Whether AWS keeps a resource of this schema, with these attributes, under the parent. Where the type of what it is
/// under is said, the name of that is what counts, however short. Of another type the end of the id is a guess.
pub(crate) fn is_under(schema: &TypeSchema, observed: &Attributes, parent: Parent<'_>) -> bool {
    if hangs_on(schema.parents(), observed, parent) {
        return true;
    }
    let (_, id, _) = parent;
    let mut names = schema
        .natural_key
        .iter()
        .filter_map(|name| known_str(observed, name));
    names.any(|name| name.len() >= SURE && ends_with_name(id.as_str(), name))
}

/// Whether one of `parents` is what something with these attributes names the parent by.
pub(crate) fn hangs_on<'u>(
    parents: impl Iterator<Item = &'u Under>,
    attributes: &Attributes,
    (of, id, own): Parent<'_>,
) -> bool {
    let mut called = None;
    let mut names = parents
        .filter(|under| under.of == of.name)
        .filter_map(|under| under.parent_in(attributes));
    names.any(|name| {
        let called = called.get_or_insert_with(|| called_by(of, id, own));
        called.contains(&*of.meant_name(&name))
    })
}

/// All that others may name a thing by: its id and what that ends with, its natural key, and AWS's other texts for it.
pub(crate) fn called_by(of: &TypeSchema, id: &PhysicalId, own: &Attributes) -> BTreeSet<String> {
    let id = of.meant_name(id.as_str());
    let ends = id.char_indices().filter(|(_, at)| matches!(at, ':' | '/'));
    let mut called: BTreeSet<String> = ends.map(|(place, _)| id[place + 1..].to_owned()).collect();
    let key = of.natural_key.iter().map(|part| known_str(own, part));
    if let Some(key) = key.collect::<Option<Vec<_>>>() {
        called.insert(of.meant_name(&key.join("/")).into_owned());
    }
    let told = of.computed.keys().filter_map(|name| known_str(own, name));
    called.extend(told.map(|text| of.meant_name(text).into_owned()));
    called.insert(id.into_owned());
    called.remove("");
    called
}

/// How long a name is that the id of something of any type does not end with by chance.
const SURE: usize = 8;

/// Whether an id ends with a name: `service/main/web` and `arn:…:service/main/web`.
fn ends_with_name(id: &str, name: &str) -> bool {
    let before = id.strip_suffix(name).filter(|_| !name.is_empty());
    before.is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
}

/// Things by what others may name them by.
#[derive(Default)]
pub(crate) struct Called<'a>(BTreeMap<&'a TypeName, Named<'a>>);

struct Named<'a> {
    schema: &'a TypeSchema,
    things: BTreeMap<String, Vec<usize>>,
}

impl<'a> Called<'a> {
    pub fn add(&mut self, thing: usize, (schema, id, own): Parent<'a>) {
        let named = self.0.entry(&schema.name).or_insert_with(|| Named {
            schema,
            things: BTreeMap::new(),
        });
        for name in called_by(schema, id, own) {
            named.things.entry(name).or_default().push(thing);
        }
    }

    /// Those that something with these attributes hangs on.
    pub fn parents_of(&self, own: &TypeSchema, attributes: &Attributes) -> BTreeSet<usize> {
        let named = own.parents().filter_map(|under| {
            let (of, name) = (self.0.get(&under.of)?, under.parent_in(attributes)?);
            of.things.get(&*of.schema.meant_name(&name))
        });
        named.flatten().copied().collect()
    }
}

/// Whether differences are in what something names its parent by.
pub(crate) fn is_moved(differences: &[Difference], under: &Under) -> bool {
    let mut tops = differences.iter().map(|found| found.path.top());
    tops.any(|top| under.through.iter().any(|name| name == top))
}

/// Whether a thing that stays is under one that goes, and not let go of by the update that it gets.
fn is_left_under(graph: &Graph<'_>, decisions: &Decisions, thing: usize, parent: usize) -> bool {
    let (child, other) = (&graph.things[thing], &graph.things[parent]);
    let decision = |node: usize| decisions.of[node].as_ref();
    let is_there = |node: usize| matches!(graph.nodes[node].found, Found::Present { .. });
    let stays =
        |decision: &&Decision| matches!(decision.action, Action::NoOp | Action::Update | Action::Read);
    let (Some(stays), Some(goes)) = (decision(child.node).filter(stays), decision(other.node)) else {
        return false;
    };
    let retained = graph.nodes[other.node]
        .lifecycle()
        .is_some_and(|lifecycle| lifecycle.retain);
    let goes = matches!(goes.action, Action::Delete | Action::Replace) && !retained;
    let both_there = is_there(child.node) && is_there(other.node) && !child.deposed && !other.deposed;
    let (Some(own), Some(of)) = (
        graph.nodes[child.node].definition,
        graph.nodes[other.node].definition,
    ) else {
        return false;
    };
    goes && both_there && {
        let kept = own
            .schema()
            .parents()
            .filter(|under| !is_moved(&stays.differences, under));
        let parent = (
            of.schema(),
            &other.record.physical_id,
            graph.attributes_of(parent),
        );
        hangs_on(kept, graph.attributes_of(thing), parent)
    }
}

/// Each pair of a thing that would stay and its parent that goes.
fn left_under<'g>(
    graph: &'g Graph<'_>,
    decisions: &'g Decisions,
) -> impl Iterator<Item = (usize, usize)> + 'g {
    let pairs = graph.stored.iter().enumerate();
    let pairs = pairs.flat_map(|(thing, needs)| needs.iter().map(move |&parent| (thing, parent)));
    pairs.filter(|&(thing, parent)| is_left_under(graph, decisions, thing, parent))
}

/// What would stay although its parent goes, where something takes the parent's name: it is made anew with that.
pub(crate) fn to_go_with_their_parents(
    graph: &Graph<'_>,
    decisions: &Decisions,
    known: &BTreeMap<usize, Cause>,
) -> BTreeMap<usize, Cause> {
    left_under(graph, decisions)
        .map(|(thing, parent)| (graph.things[thing].node, parent))
        .filter(|(node, parent)| !known.contains_key(node) && has_successor(graph, decisions, *node, *parent))
        .map(|(node, parent)| {
            let cause = Cause {
                node: graph.things[parent].node,
                tie: Tie::Refers,
            };
            (node, cause)
        })
        .collect()
}

/// Whether something that the node needs may take the name of the parent's that goes.
fn has_successor(graph: &Graph<'_>, decisions: &Decisions, node: usize, parent: usize) -> bool {
    let of = graph.nodes[graph.things[parent].node].address.type_name();
    let before = graph.attributes_of(parent);
    graph.needs[node].iter().any(|&(other, _)| {
        let (Some(decision), Some(definition)) = (&decisions.of[other], graph.nodes[other].definition) else {
            return false;
        };
        let schema = definition.schema();
        let is_made = matches!(decision.action, Action::Create | Action::Replace);
        let name = schema.natural_name(&decision.wanted);
        is_made
            && schema.name == *of
            && name.is_none_or(|name| schema.natural_name(before).is_none_or(|before| name == before))
    })
}

/// One error for each thing that would stay under a parent that goes, when nothing takes the parent's name.
pub(crate) fn refused(graph: &Graph<'_>, decisions: &Decisions) -> Vec<Diagnostic> {
    let error = |(thing, parent): (usize, usize)| {
        let (child, other) = (
            &graph.nodes[graph.things[thing].node],
            &graph.nodes[graph.things[parent].node],
        );
        let of = other.definition?.schema();
        let mut parents = child.definition?.schema().parents();
        let under = parents.find(|under| under.of == of.name)?;
        let name = under.parent_in(graph.attributes_of(thing))?;
        let (address, goes, through) = (child.address, other.address, under.through.join(", "));
        let message = format!(
            "{address} still names what {goes} is now ({through}: {name}), and that goes: AWS deletes what names it \
             along with it, or refuses the delete"
        );
        let help = format!("refer to {goes} in {address}, as in `${{{goes}.…}}`, or give it the new name");
        let error = Diagnostic::error("under-what-goes", message).help(help);
        Some(match child.resource {
            Some(resource) => error.at(resource.span.clone(), ""),
            None => error,
        })
    };
    left_under(graph, decisions).filter_map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_end_of_an_id_at_a_boundary() {
        let id = "arn:aws:ecs:us-east-1:123456789012:service/main/web";
        assert!(ends_with_name(id, "service/main/web"));
        assert!(!ends_with_name(id, "ervice/main/web"));
        assert!(ends_with_name(id, "web"));
        assert!(!ends_with_name(id, ""));
    }
}
