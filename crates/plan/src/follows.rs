//! What begins at AWS with the update of one resource, and what another one stands for until that ends: the rollout that
//! an update of a service starts.

use std::collections::BTreeSet;

use infra_core::plan::{PlanMode, Reason};
use infra_core::{Action, Follows, Health, ResourceAddress, Value};

use crate::decide::{Decider, Decision, Decisions};
use crate::existing::Present;
use crate::graph::{Found, Graph, Node, Thing};
use crate::parts::PartsOfLeaving;
use crate::resolve::Resolved;
use crate::targets::Selected;

impl<'a> Decider<'_, 'a> {
    /// The resource whose update begins what this one stands for. What differs in both is this one's own business.
    pub(crate) fn is_begun_by(
        &self,
        present: &Present<'_, 'a>,
        resolved: &Resolved<'_>,
    ) -> Option<ResourceAddress> {
        let rule = present.definition.schema().follows.as_ref()?;
        let begins = |name: &str| {
            rule.starts.iter().any(|starts| starts == name)
                && !resolved.differences.iter().any(|own| own.path.top() == name)
        };
        let other = followed(self.graph, present.number, rule).find(|&other| {
            matches!(
                &self.decisions.of[other],
                Some(decision) if decision.action == Action::Update
                    && decision.differences.iter().any(|difference| begins(difference.path.top()))
            )
        })?;
        Some(self.graph.nodes[other].address.clone())
    }
}

/// The status of what is begun again by an update when it has failed.
pub(crate) fn is_begun_again<'h>(present: &Present<'_, '_>, health: &'h Health) -> Option<&'h str> {
    match health {
        Health::Failed(status) if present.definition.schema().follows.is_some() => Some(status),
        _ => None,
    }
}

/// What `node` follows: what the file refers to, or what has the id that the file says.
pub(crate) fn followed<'g>(
    graph: &'g Graph<'_>,
    node: usize,
    rule: &'g Follows,
) -> impl Iterator<Item = usize> + 'g {
    let resource = graph.nodes[node].resource;
    let template = resource.and_then(|resource| resource.attributes.get(&rule.through));
    let mut named: Vec<usize> = Vec::new();
    if let Some(template) = template {
        template.for_each_reference(&mut |reference| {
            named.extend(graph.index.get(&reference.address));
        });
    }
    let id = match &graph.nodes[node].found {
        Found::Present { attributes, .. } => attributes.get(&rule.through).and_then(Value::as_str),
        _ => None,
    };
    if let (true, Some(id)) = (named.is_empty(), id) {
        let has_it = |number: &usize| {
            let own = graph.nodes[*number].physical_id();
            own.is_some_and(|own| own.as_str() == id)
        };
        named.extend((0..graph.nodes.len()).filter(has_it));
    }
    named
        .into_iter()
        .filter(move |&other| *graph.nodes[other].address.type_name() == rule.of)
}

/// The things that any of these needs, as the file or the state has it.
pub(crate) fn used_by(graph: &Graph<'_>, users: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut used = BTreeSet::new();
    for &user in users {
        used.extend(graph.needs[user].iter().map(|&(other, _)| other));
        for thing in graph.things_of(user) {
            let dependencies = &graph.things[thing].record.dependencies;
            used.extend(dependencies.iter().filter_map(|address| graph.index.get(address)));
        }
    }
    let used = used.difference(users).copied();
    used.flat_map(|used| graph.things_of(used)).collect()
}

/// Whether the state says that a node needs something of which the file says no such thing: its old tasks may do.
pub(crate) fn names_more(graph: &Graph<'_>, number: usize) -> bool {
    let record = graph.nodes[number].record;
    let named = record.into_iter().flat_map(|record| &record.dependencies);
    let mut known = named.filter_map(|address| graph.index.get(address));
    known.any(|&other| !graph.needs(number, other))
}

/// Whether what a node stands for has begun and is not over.
fn is_under_way(node: &Node<'_>) -> bool {
    matches!(&node.found, Found::Present { health, .. } if matches!(**health, Health::Pending(_)))
}

/// Whether what is removed from the state stands for something that goes on at what stays, or begins there.
pub(crate) fn is_left_going(graph: &Graph<'_>, decisions: &Decisions, number: usize) -> bool {
    let node = &graph.nodes[number];
    let rule = node
        .definition
        .and_then(|definition| definition.schema().follows.as_ref());
    let stays = |&other: &usize| {
        let is_kept = match &decisions.of[other] {
            Some(decision) => matches!(decision.action, Action::NoOp | Action::Read | Action::Update),
            None => true,
        };
        is_kept && graph.nodes[other].resource.is_some()
    };
    rule.is_some_and(|rule| {
        let mut followed = followed(graph, number, rule).filter(stays);
        let is_there = matches!(node.found, Found::Present { .. });
        is_there && followed.any(|other| is_under_way(node) || begins(decisions, other, rule))
    })
}

/// What a plan of a part has to do about something under way, or that it begins, that it would leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    /// It is waited for, and nothing else is done about it.
    WaitedFor,
    /// It becomes part of the plan.
    Added,
}

/// What a plan of a part leaves out and what uses, until it is over, something that the plan takes away, or lets the state
/// forget.
fn left_out<'g>(
    graph: &'g Graph<'_>,
    selected: &'g Selected,
    decisions: &'g Decisions,
) -> impl Iterator<Item = (usize, LeftOut)> + 'g {
    let goes = move |thing: usize| {
        let Thing { node, deposed, .. } = graph.things[thing];
        (deposed && selected.things[thing]) || (!deposed && is_taken_away(decisions, node))
    };
    let parts = PartsOfLeaving::new(graph, goes);
    let nodes = graph.nodes.iter().enumerate();
    nodes
        .filter(|&(number, _)| !selected.nodes[number])
        .filter_map(move |(number, node)| {
            let rule = node.definition?.schema().follows.as_ref()?;
            let mut users: BTreeSet<usize> = followed(graph, number, rule).collect();
            let begins = users.iter().any(|&user| begins(decisions, user, rule));
            let stays =
                graph.mode == PlanMode::Apply || users.iter().any(|&user| !is_taken_away(decisions, user));
            if !(begins || (is_under_way(node) && stays)) {
                return None;
            }
            users.insert(number);
            let what = match node.resource {
                _ if graph.mode == PlanMode::Destroy => LeftOut::WaitedFor,
                Some(_) if !begins => LeftOut::WaitedFor,
                _ => LeftOut::Added,
            };
            let forgets = |&user: &usize| selected.nodes[user] && names_more(graph, user);
            let used = used_by(graph, &users);
            let parts = parts.of(&used, &users);
            let goes = users.iter().any(forgets) || used.into_iter().chain(parts).any(goes);
            goes.then_some((number, what))
        })
}

/// Whether what an address has now is taken away.
fn is_taken_away(decisions: &Decisions, number: usize) -> bool {
    matches!(
        &decisions.of[number],
        Some(decision) if matches!(decision.action, Action::Delete | Action::Replace)
    )
}

/// Whether the update of a node begins something.
fn begins(decisions: &Decisions, number: usize, rule: &Follows) -> bool {
    let starts = |name: &str| rule.starts.iter().any(|starts| starts == name);
    matches!(
        &decisions.of[number],
        Some(decision) if decision.action == Action::Update
            && decision.differences.iter().any(|difference| starts(difference.path.top()))
    )
}

/// What a plan of a part has to be about as well.
pub(crate) fn to_be_added<'g>(
    graph: &'g Graph<'_>,
    selected: &'g Selected,
    decisions: &'g Decisions,
) -> impl Iterator<Item = usize> + 'g {
    let all = left_out(graph, selected, decisions);
    all.filter_map(|(number, what)| (what == LeftOut::Added).then_some(number))
}

/// What a plan of a part only waits for, and leaves as it is.
pub(crate) fn only_waited_for(
    graph: &Graph<'_>,
    selected: &Selected,
    decisions: &Decisions,
) -> Vec<(usize, Decision)> {
    let all = left_out(graph, selected, decisions).filter(|&(_, what)| what == LeftOut::WaitedFor);
    all.map(|(number, _)| {
        let mut decision = Decision::new(Action::NoOp, Reason::Unchanged);
        decision.wait = true;
        if let Some(record) = graph.nodes[number].record {
            decision.wanted.clone_from(&record.applied);
        }
        (number, decision)
    })
    .collect()
}
