//! What is part of something else at AWS, as a rule is of its security group: without its parts the whole would not do
//! what it is still used for.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::PlanMode;

use crate::graph::{Graph, Thing};
use crate::identity::Identity;

/// Whether the name of `part` at AWS names `whole`, both of which are things.
pub(crate) fn is_part(graph: &Graph<'_>, part: usize, whole: usize) -> bool {
    let (definition, of_whole) = (
        graph.nodes[graph.things[part].node].definition,
        &graph.things[whole],
    );
    let attributes = graph.attributes_of(whole);
    let definition_of_whole = graph.nodes[of_whole.node].definition;
    let identity = Identity::new(&of_whole.record.physical_id, definition_of_whole, attributes);
    let own = graph.attributes_of(part);
    let names = definition
        .into_iter()
        .flat_map(|definition| &definition.schema().natural_key);
    names
        .filter_map(|name| own.get(name))
        .any(|value| identity.is_in(value))
}

/// Whether a thing only waits to be deleted, when these nodes are left in peace: the file has another one in its place, or
/// none. Where the file does not count, it is what none of their values names.
fn is_leaving(graph: &Graph<'_>, users: &BTreeSet<usize>, thing: usize) -> bool {
    let Thing {
        node,
        deposed,
        record,
        ..
    } = &graph.things[thing];
    let node = &graph.nodes[*node];
    if *deposed || graph.mode == PlanMode::Apply {
        return *deposed || node.resource.is_none();
    }
    let identity = Identity::new(&record.physical_id, node.definition, graph.attributes_of(thing));
    let things = users.iter().filter_map(|&user| graph.nodes[user].thing);
    let mut values = things.flat_map(|thing| graph.attributes_of(thing).values());
    !values.any(|value| identity.is_in(value))
}

/// The parts, of those that are asked for, of which the whole may be about to go.
pub(crate) struct PartsOfLeaving<'g, 'a> {
    graph: &'g Graph<'a>,
    /// By whole.
    parts: BTreeMap<usize, Vec<usize>>,
}

impl<'g, 'a> PartsOfLeaving<'g, 'a> {
    /// Of the parts for which `is_asked` holds.
    pub fn new(graph: &'g Graph<'a>, is_asked: impl Fn(usize) -> bool) -> Self {
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (part, needs) in graph
            .stored
            .iter()
            .enumerate()
            .filter(|&(part, _)| is_asked(part))
        {
            for &whole in needs {
                if is_part(graph, part, whole) {
                    parts.entry(whole).or_default().push(part);
                }
            }
        }
        Self { graph, parts }
    }

    /// The parts of those among the things that `users` use, and of what these need in turn, which only wait to be
    /// deleted.
    pub fn of(&self, things: &BTreeSet<usize>, users: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        if self.parts.is_empty() {
            return found;
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = things.iter().copied().collect();
        while let Some(thing) = open.pop() {
            if !is_leaving(self.graph, users, thing) || !seen.insert(thing) {
                continue;
            }
            let parts = self.parts.get(&thing).into_iter().flatten();
            found.extend(parts.clone());
            open.extend(parts.chain(&self.graph.stored[thing]));
        }
        found
    }
}
