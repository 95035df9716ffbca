//! The order in which resources depend on each other, and cycles.

use std::collections::BTreeSet;

use infra_core::{Diagnostic, Graph, ResourceAddress, Span};

use super::context::Context;

/// What each resource needs, by the position of the one that needs it.
pub(crate) type Needs = Vec<Vec<Need>>;

/// What a resource needs.
pub(crate) struct Need {
    /// The position of that.
    pub(crate) to: usize,
    /// Where that is written.
    pub(crate) span: Span,
    /// The text by which it is named, where that is no reference.
    pub(crate) literal: Option<String>,
}

/// The positions of all resources, each after those that it needs. Those in a cycle, and what needs them, are
/// not in it; cycles are reported.
pub(crate) fn order(context: &mut Context<'_>, addresses: &[&ResourceAddress], needs: &Needs) -> Vec<usize> {
    let edges = needs.iter().enumerate();
    let edges = edges.flat_map(|(from, list)| list.iter().map(move |need| (from, need.to, ())));
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
    // A reference says more than a name.
    let need = |from: usize, to: usize| {
        let all = needs[from].iter().filter(|need| need.to == to);
        all.min_by_key(|need| need.literal.is_some())
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
        if let Some(need) = need(from, to) {
            let (user, used) = (addresses[from], addresses[to]);
            let text = match &need.literal {
                Some(name) => format!("`{user}` is under `{used}`, which it names by \"{name}\""),
                None => format!("`{user}` needs `{used}`"),
            };
            let span = need.span.clone();
            diagnostic = if position == 0 {
                diagnostic.at(span, text)
            } else {
                diagnostic.see(span, text)
            };
        }
    }
    diagnostic
}
