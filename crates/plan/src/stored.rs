//! What things need as the state has it, and by what they hang on at AWS: the order of deletes.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{ResourceAddress, ResourceRecord, Strength, TypeName};

use crate::graph::{Found, Node, Thing, attributes_of};
use crate::identity::uses;
use crate::under::Called;

/// What the state says needs what. Records are written one by one, so together they can go in a circle (a
/// dependency was turned round and the run ended half-way). Then the file's word counts more than the
/// record's, what is current does not hold back what is deposed, and at last the order of addresses decides.
pub(crate) fn stored<'a>(
    nodes: &[Node<'a>],
    things: &[Thing<'a>],
    needs: &[Vec<(usize, Strength)>],
    index: &BTreeMap<&'a ResourceAddress, usize>,
) -> Vec<Vec<usize>> {
    let mut first_of_node: Vec<usize> = Vec::with_capacity(nodes.len() + 1);
    for (position, thing) in things.iter().enumerate() {
        while first_of_node.len() <= thing.node {
            first_of_node.push(position);
        }
    }
    first_of_node.resize(nodes.len() + 1, things.len());
    let of_node = |node: usize| first_of_node[node]..first_of_node[node + 1];
    let mut edges: Vec<Vec<usize>> = things
        .iter()
        .map(|thing| {
            let needed: BTreeSet<usize> = thing
                .record
                .dependencies
                .iter()
                .filter_map(|address| index.get(address).copied())
                .filter(|&other| other != thing.node)
                .collect();
            let observed = match &nodes[thing.node].found {
                Found::Present { attributes, .. } if !thing.deposed => Some(*attributes),
                _ => None,
            };
            let mut edges = Vec::with_capacity(needed.len());
            for other in needed {
                let all: Vec<&ResourceRecord> =
                    things[of_node(other)].iter().map(|thing| thing.record).collect();
                let definition = nodes[other].definition;
                let is_used =
                    |&used: &usize| uses(thing.record, observed, things[used].record, &all, definition);
                edges.extend(of_node(other).filter(is_used));
            }
            edges
        })
        .collect();
    let is_declared = |from: usize, to: usize| {
        let (from, to) = (things[from].node, things[to].node);
        nodes[from].resource.is_none() || needs[from].iter().any(|&(other, _)| other == to)
    };
    let keeps_order = |from: usize, to: usize| from > to;
    let not_deposed = |from: usize, to: usize| things[from].deposed || !things[to].deposed;
    let rules: [&dyn Fn(usize, usize) -> bool; 3] = [&is_declared, &not_deposed, &keeps_order];
    for keep in rules {
        let graph = infra_core::Graph::of(&edges);
        if graph.order().is_some() {
            break;
        }
        let circle = graph.circles();
        for (from, edges) in edges.iter_mut().enumerate() {
            edges.retain(|&to| circle[from].is_none() || circle[from] != circle[to] || keep(from, to));
        }
    }
    add_parents(&mut edges, nodes, things);
    edges
}

/// Adds what things hang on at AWS, whether or not the state says that they need it: they are deleted before it. Where this
/// would make a circle, the state's word counts.
fn add_parents(stored: &mut [Vec<usize>], nodes: &[Node<'_>], things: &[Thing<'_>]) {
    let schema = |thing: &Thing<'_>| nodes[thing.node].definition.map(|definition| definition.schema());
    let is_child = |thing: &&Thing<'_>| schema(thing).is_some_and(|own| own.parents().next().is_some());
    let of: BTreeSet<&TypeName> = things
        .iter()
        .filter(is_child)
        .filter_map(schema)
        .flat_map(|own| own.parents().map(|under| &under.of))
        .collect();
    let mut called = Called::default();
    for (number, thing) in things.iter().enumerate() {
        if let Some(own) = schema(thing).filter(|own| of.contains(&own.name)) {
            called.add(
                number,
                (own, &thing.record.physical_id, attributes_of(nodes, thing)),
            );
        }
    }
    let own: Vec<Vec<usize>> = stored.to_vec();
    for (number, thing) in things.iter().enumerate().filter(|(_, thing)| is_child(thing)) {
        let Some(own) = schema(thing) else { continue };
        let parents = called.parents_of(own, attributes_of(nodes, thing));
        let mut more: Vec<usize> = parents
            .into_iter()
            .filter(|&parent| things[parent].node != thing.node && !stored[number].contains(&parent))
            .collect();
        stored[number].append(&mut more);
        stored[number].sort_unstable();
    }
    let circle = infra_core::Graph::of(stored).circles();
    for (from, needs) in stored.iter_mut().enumerate() {
        let is_free = |to: usize| circle[from].is_none() || circle[from] != circle[to];
        needs.retain(|&to| is_free(to) || own[from].contains(&to));
    }
}
