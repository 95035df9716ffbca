//! Deletes and creates that one call makes, where the type has such a call: what takes a place comes with what leaves it,
//! so that nobody finds the place empty, and nothing is gone where the other half fails.

use std::collections::BTreeMap;

use infra_core::{Attributes, StepId, StepOperation, Strength, Together, TypeName};

use crate::decide::{Cause, Decisions, Tie};
use crate::draft::{Because, Draft, Edge};
use crate::existing::is_replaceable;
use crate::graph::Graph;

/// Steps that one call may make: those of one type with the same texts in the attributes that it says.
type Scope<'a> = (&'a TypeName, Vec<&'a str>);

/// Joins creates with the deletes that they wait for, where one call can make them. What has to come before one step of
/// a call comes before all of them; where that cannot be, each keeps its own call.
pub(crate) fn join<'a>(
    graph: &Graph<'a>,
    decisions: &Decisions,
    steps: Vec<Draft<'a>>,
    numbering: Vec<usize>,
) -> (Vec<Draft<'a>>, Vec<usize>) {
    let mut calls = calls(graph, decisions, &steps);
    // With each round there are fewer.
    while !calls.is_empty() {
        let joined = with_calls(&steps, &calls);
        let edges = joined.iter().enumerate();
        let edges = edges.flat_map(|(from, after)| after.iter().map(move |edge| (from, edge.to, ())));
        let edges = infra_core::Graph::new(joined.len(), edges);
        if let Some(numbering) = edges.order() {
            return (carried_over(steps, joined, &calls), numbering);
        }
        let circle = edges.circles();
        let before = calls.len();
        calls.retain(|call| call.iter().all(|&step| circle[step].is_none()));
        if calls.len() == before {
            break;
        }
    }
    (steps, numbering)
}

/// By draft: of those that one call makes, the one with the smallest number.
pub(crate) fn firsts(steps: &[Draft<'_>], ids: &[StepId]) -> Vec<Option<usize>> {
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    for (position, step) in steps.iter().enumerate() {
        if let Some(call) = step.together {
            let found = first.entry(call).or_insert(position);
            if ids[position] < ids[*found] {
                *found = position;
            }
        }
    }
    steps
        .iter()
        .map(|step| first.get(&step.together?).copied())
        .collect()
}

/// The texts that say which call a thing with these attributes may be part of; `None` where one is not known.
pub(crate) fn texts<'v>(together: &Together, attributes: &'v Attributes) -> Option<Vec<&'v str>> {
    let names = together.within.iter();
    names.map(|name| attributes.get(name)?.as_str()).collect()
}

/// The steps of each call, in order.
fn calls(graph: &Graph<'_>, decisions: &Decisions, steps: &[Draft<'_>]) -> Vec<Vec<usize>> {
    let scopes: Vec<Option<Scope<'_>>> = steps.iter().map(|step| scope(graph, decisions, step)).collect();
    let mut call_of: Vec<usize> = (0..steps.len()).collect();
    for (from, step) in steps.iter().enumerate() {
        for edge in &step.after {
            if makes_way(step, &steps[edge.to], edge)
                && scopes[from].is_some()
                && scopes[from] == scopes[edge.to]
            {
                let (one, other) = (root(&mut call_of, from), root(&mut call_of, edge.to));
                call_of[one.max(other)] = one.min(other);
            }
        }
    }
    let mut calls: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for position in 0..steps.len() {
        calls
            .entry(root(&mut call_of, position))
            .or_default()
            .push(position);
    }
    let mut calls: Vec<Vec<usize>> = calls.into_values().filter(|call| call.len() > 1).collect();
    calls.retain(|call| {
        // What a create refers to has to be there before, and is known only then.
        let needs = |&step: &usize| {
            let mut edges = steps[step].after.iter();
            edges.any(|edge| edge.because == Because::Needs && call.contains(&edge.to))
        };
        let at_most = call.first().and_then(|&step| together(graph, &steps[step]));
        at_most.is_some_and(|together| call.len() <= together.at_most) && !call.iter().any(needs)
    });
    calls
}

fn root(call_of: &mut [usize], mut step: usize) -> usize {
    while call_of[step] != step {
        call_of[step] = call_of[call_of[step]];
        step = call_of[step];
    }
    step
}

/// Whether a create waits for a delete that frees what it takes.
fn makes_way(step: &Draft<'_>, before: &Draft<'_>, edge: &Edge) -> bool {
    step.operation == StepOperation::Create
        && before.operation == StepOperation::Delete
        && matches!(edge.because, Because::Half | Because::Name)
}

/// Updates that take what another step lets go of, or let go of what another takes, where one call makes deletes and
/// creates of the type: an update is no part of it, so these are replaced. Each with what it is because of.
pub(crate) fn updates_to_join(
    graph: &Graph<'_>,
    decisions: &Decisions,
    steps: &[Draft<'_>],
) -> BTreeMap<usize, Cause> {
    let mut found = BTreeMap::new();
    for step in steps {
        for edge in step.after.iter().filter(|edge| edge.because == Because::Name) {
            let before = &steps[edge.to];
            let here = scope(graph, decisions, step);
            if here.is_none() || here != scope(graph, decisions, before) {
                continue;
            }
            for (update, other, tie) in [(step, before, Tie::Takes), (before, step, Tie::IsTaken)] {
                let may_go = graph.nodes[update.node].resource.is_some_and(is_replaceable);
                if update.operation == StepOperation::Update && may_go {
                    let node = other.node;
                    found.entry(update.node).or_insert(Cause { node, tie });
                }
            }
        }
    }
    found
}

fn together<'a>(graph: &Graph<'a>, step: &Draft<'_>) -> Option<&'a Together> {
    graph.nodes[step.node].definition?.schema().together.as_ref()
}

fn scope<'s>(graph: &Graph<'s>, decisions: &'s Decisions, step: &Draft<'_>) -> Option<Scope<'s>> {
    let together = together(graph, step)?;
    let attributes = match (step.operation, step.thing) {
        (StepOperation::Create, _) => &decisions.of[step.node].as_ref()?.wanted,
        (StepOperation::Delete | StepOperation::Update, Some(thing)) => graph.attributes_of(thing),
        _ => return None,
    };
    Some((
        graph.nodes[step.node].address.type_name(),
        texts(together, attributes)?,
    ))
}

/// By step: what it waits for if these calls are made.
fn with_calls(steps: &[Draft<'_>], calls: &[Vec<usize>]) -> Vec<Vec<Edge>> {
    let mut after: Vec<Vec<Edge>> = steps.iter().map(|step| step.after.clone()).collect();
    for call in calls {
        let before = call.iter().flat_map(|&step| &steps[step].after);
        let shared: Vec<Edge> = before
            .filter(|edge| !call.contains(&edge.to))
            .map(|&edge| Edge {
                strength: Strength::Ready,
                ..edge
            })
            .collect();
        for &step in call {
            after[step].retain(|edge| call.contains(&edge.to));
            after[step].extend(&shared);
            after[step].sort_by_key(|edge| (edge.to, edge.because));
            after[step].dedup_by_key(|edge| edge.to);
        }
    }
    after
}

fn carried_over<'a>(
    mut steps: Vec<Draft<'a>>,
    after: Vec<Vec<Edge>>,
    calls: &[Vec<usize>],
) -> Vec<Draft<'a>> {
    for (step, after) in steps.iter_mut().zip(after) {
        step.after = after;
    }
    for call in calls {
        for &step in call {
            steps[step].together = call.first().copied();
        }
    }
    steps
}
