//! Nothing that was in use is taken away before what takes over has come to a good end.

use std::collections::BTreeSet;

use infra_core::{Action, StepOperation, Strength};

use super::{Because, Drafts, Waived};
use crate::decide::Decisions;
use crate::follows::{followed, is_left_going, names_more, used_by};
use crate::graph::Graph;
use crate::parts::{PartsOfLeaving, is_part};

impl<'a> Drafts<'a> {
    /// The wait for a rollout of which the file says nothing any more: it stands before the state lets go of it.
    pub(super) fn let_go_of(
        &mut self,
        graph: &Graph<'a>,
        decisions: &Decisions,
        number: usize,
    ) -> Option<usize> {
        let node = &graph.nodes[number];
        is_left_going(graph, decisions, number)
            .then(|| self.add(number, node.thing, StepOperation::Wait, node.physical_id()))
    }

    /// Deletes of what a service or its deployment used, by the file or by the state, come after the end of the rollout:
    /// until then the old tasks run, and ECS may go back to them.
    pub(super) fn taken_over(&mut self, graph: &Graph<'a>, decisions: &Decisions, waived: &Waived) {
        let parts = PartsOfLeaving::new(graph, |thing| self.removals[thing].is_some());
        for (number, node) in graph.nodes.iter().enumerate() {
            let rule = node
                .definition
                .and_then(|definition| definition.schema().follows.as_ref());
            let (Some(rule), Some(end)) = (rule, self.making[number]) else {
                continue;
            };
            let mut users: BTreeSet<usize> = followed(graph, number, rule).collect();
            // What the service is given meanwhile ends with it, and may begin another one.
            if self.steps[end].operation == StepOperation::Wait {
                for &user in &users {
                    if let (Some(update), Some(thing)) = (self.updates[user], node.thing)
                        && !waived.contains(&(thing, user))
                    {
                        self.wait_for(end, update, Strength::Ready, Because::TakesOver);
                    }
                }
            }
            users.insert(number);
            let mut used = used_by(graph, &users);
            used.append(&mut parts.of(&used, &users));
            for thing in used {
                let Some(removal) = self.removals[thing] else {
                    continue;
                };
                if !is_asked_first(graph, decisions, thing) && !waived.contains(&(thing, number)) {
                    self.wait_for(removal, end, Strength::Ready, Because::TakesOver);
                }
            }
            // Until then the state has to know that they are in use, whatever becomes of this run.
            for user in users.into_iter().filter(|&user| user != number) {
                if let Some(confirm) = self.confirms[user].filter(|_| names_more(graph, user)) {
                    self.wait_for(confirm, end, Strength::Ready, Because::TakesOver);
                }
            }
        }
    }

    /// Deletes of what is part of another thing that goes, as a rule is of its security group, come after what the delete of
    /// that thing waits for: without its parts it would not do what it is still used for.
    pub(super) fn parts(&mut self, graph: &Graph<'a>, decisions: &Decisions, waived: &Waived) {
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for (part, needs) in graph.stored.iter().enumerate() {
            if self.removals[part].is_none() || is_asked_first(graph, decisions, part) {
                continue;
            }
            for &whole in needs {
                if self.removals[whole].is_some() && is_part(graph, part, whole) {
                    parts.push((part, whole));
                }
            }
        }
        let own: BTreeSet<usize> = parts
            .iter()
            .filter_map(|&(part, _)| self.removals[part])
            .collect();
        for (part, whole) in parts {
            let (Some(removal), Some(last)) = (self.removals[part], self.removals[whole]) else {
                continue;
            };
            let has_successor = goes_after(graph, decisions, whole);
            let waits = |because: Because| match because {
                Because::Freed | Because::TakesOver => true,
                // What else goes with it has used it as a whole.
                Because::Gone => has_successor,
                _ => false,
            };
            let others: Vec<(usize, Strength)> = self.steps[last]
                .after
                .iter()
                .filter(|edge| waits(edge.because) && !own.contains(&edge.to))
                .map(|edge| (edge.to, edge.strength))
                .collect();
            for (before, strength) in others {
                if !waived.contains(&(part, self.steps[before].node)) {
                    self.wait_for(removal, before, strength, Because::TakesOver);
                }
            }
        }
    }
}

/// Whether the file says that the old one of a replacement is to go first.
fn is_asked_first(graph: &Graph<'_>, decisions: &Decisions, thing: usize) -> bool {
    let number = graph.things[thing].node;
    let is_replaced = matches!(&decisions.of[number], Some(decision) if decision.action == Action::Replace);
    let asked = graph.nodes[number]
        .resource
        .and_then(|resource| resource.lifecycle.create_before_destroy);
    is_replaced && !graph.things[thing].deposed && asked == Some(false)
}

/// Whether a thing goes when its successor is there.
fn goes_after(graph: &Graph<'_>, decisions: &Decisions, thing: usize) -> bool {
    let number = graph.things[thing].node;
    graph.things[thing].deposed || matches!(&decisions.of[number], Some(decision) if decision.creates_first())
}
