//! The order in which resources depend on each other, and cycles.

use std::collections::BTreeSet;

use infra_core::{Diagnostic, Graph, ResourceAddress, Span};

use super::context::Context;

/// What each resource needs: position and place, by the position of the one that needs it.
pub(crate) type Needs = Vec<Vec<(usize, Span)>>;

/// The positions of all resources, each after those that it needs. Those in a cycle, and what needs them, are
/// not in it; cycles are reported.
pub(crate) fn order(context: &mut Context<'_>, addresses: &[&ResourceAddress], needs: &Needs) -> Vec<usize> {
    let edges = needs.iter().enumerate();
    let edges = edges.flat_map(|(from, list)| list.iter().map(move |(to, _)| (from, *to, ())));
    let graph = Graph::new(needs.len(), edges);
    // A cycle of instances of the same blocks is told once.
    let mut told: BTreeSet<BTreeSet<ResourceAddress>> = BTreeSet::new();
    for ring in graph.ways_around() {
        if told.insert(ring.iter().map(|position| addresses[*position].block()).collect()) {
            context.add(cycle(addresses, needs, &ring));
        }
    }
    graph.possible_order()
}

fn cycle(addresses: &[&ResourceAddress], needs: &Needs, ring: &[usize]) -> Diagnostic {
    let place = |from: usize, to: usize| {
        needs[from]
            .iter()
            .find(|(target, _)| *target == to)
            .map(|(_, span)| span.clone())
    };
    let steps: Vec<(usize, usize)> = ring
        .iter()
        .copied()
        .zip(ring.iter().copied().cycle().skip(1))
        .collect();
    let mut diagnostic = match steps.as_slice() {
        [(only, _)] => Diagnostic::error("cycle", format!("`{}` refers to itself", addresses[*only]))
            .help("a resource's own attributes are not known before it is made"),
        _ => {
            let names: Vec<String> = ring
                .iter()
                .chain(ring.first())
                .map(|position| addresses[*position].to_string())
                .collect();
            Diagnostic::error(
                "cycle",
                format!("resources need each other: {}", names.join(" -> ")),
            )
            .help("take one of these references out, or move it into a resource of its own")
        }
    };
    for (position, (from, to)) in steps.into_iter().enumerate() {
        if let Some(span) = place(from, to) {
            let text = format!("`{}` needs `{}`", addresses[from], addresses[to]);
            diagnostic = if position == 0 {
                diagnostic.at(span, text)
            } else {
                diagnostic.see(span, text)
            };
        }
    }
    diagnostic
}
