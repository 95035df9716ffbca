//! The order in which resources depend on each other, and cycles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use infra_core::{Diagnostic, ResourceAddress, Span};

use super::context::Context;

/// What each resource needs: position and place, by the position of the one that needs it.
pub(crate) type Needs = Vec<Vec<(usize, Span)>>;

/// The positions of all resources, each after those that it needs. Those in a cycle, and what needs them, are
/// not in it; cycles are reported.
pub(crate) fn order(context: &mut Context<'_>, addresses: &[&ResourceAddress], needs: &Needs) -> Vec<usize> {
    let mut waiting: Vec<usize> = vec![0; needs.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (from, list) in needs.iter().enumerate() {
        let targets: BTreeSet<usize> = list.iter().map(|(to, _)| *to).collect();
        waiting[from] = targets.len();
        for to in targets {
            needed_by[to].push(from);
        }
    }
    let mut queue: VecDeque<usize> = (0..needs.len())
        .filter(|position| waiting[*position] == 0)
        .collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(next) = queue.pop_front() {
        order.push(next);
        for &from in &needed_by[next] {
            waiting[from] -= 1;
            if waiting[from] == 0 {
                queue.push_back(from);
            }
        }
    }
    if order.len() < needs.len() {
        let stuck: BTreeSet<usize> = (0..needs.len())
            .filter(|position| waiting[*position] > 0)
            .collect();
        report(context, addresses, needs, &stuck);
    }
    order
}

/// Finds the cycles among resources that wait for each other for ever, and reports each once: a cycle of
/// instances of the same blocks counts as the same.
fn report(context: &mut Context<'_>, addresses: &[&ResourceAddress], needs: &Needs, stuck: &BTreeSet<usize>) {
    let mut visited = BTreeSet::new();
    let mut told: BTreeSet<BTreeSet<ResourceAddress>> = BTreeSet::new();
    for &start in stuck {
        let mut path: Vec<usize> = Vec::new();
        let mut on_path: BTreeMap<usize, usize> = BTreeMap::new();
        let mut at = start;
        // Every stuck resource needs another stuck one: following these leads into a cycle.
        while visited.insert(at) {
            on_path.insert(at, path.len());
            path.push(at);
            match needs[at].iter().map(|(to, _)| *to).find(|to| stuck.contains(to)) {
                Some(next) => at = next,
                None => break,
            }
        }
        let Some(first) = on_path.get(&at) else { continue };
        let ring = &path[*first..];
        if told.insert(ring.iter().map(|position| addresses[*position].block()).collect()) {
            context.add(cycle(addresses, needs, ring));
        }
    }
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
