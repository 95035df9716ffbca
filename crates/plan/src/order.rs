//! Putting the steps in an order, and getting out of circles.
//!
//! What is made needs what is made before it, and what is deleted needs what used it to be deleted before
//! it; a replacement ties the two together, and so does a name that has to be free, so that circles can come
//! about. In this order: replacements whose order is free are made first and deleted after; deletes stop waiting for
//! what takes over; replacements made
//! first only by habit, then survivors that refer to what has to go, are replaced with the old one going
//! first; survivors that may not be are updated afterwards. What is left is a contradiction in what the user
//! asked.

use std::collections::BTreeMap;

use infra_core::plan::ReplaceOrder;
use infra_core::{Action, Diagnostic, StepOperation};

use crate::create_first;
use crate::decide::{Cause, Decisions, Tie};
use crate::draft::{AllWaived, Because, Draft, Drafts, Waived};
use crate::existing::is_replaceable;
use crate::graph::Graph;
use crate::targets::Selected;
use crate::together::updates_to_join;

/// What came of an attempt to order the steps.
pub(crate) enum Ordering<'a> {
    /// The steps, and the order in which they are to be numbered.
    Done(Vec<Draft<'a>>, Vec<usize>),
    /// These have to be replaced with the old one going first, because of another replaced resource:
    /// everything is to be decided again.
    Again(BTreeMap<usize, Cause>),
    /// There is no order.
    Impossible(Diagnostic),
}

/// Orders the steps of `decisions`, settling which replacements are made first, and what is replaced so that one call
/// can do it with others. Steps that could go in any order are in order of address.
pub(crate) fn order<'a>(graph: &Graph<'a>, selected: &Selected, decisions: &mut Decisions) -> Ordering<'a> {
    let mut waived = AllWaived::default();
    loop {
        create_first::with_what_is_made_anew(graph, decisions);
        let mut drafts = Drafts::new(graph, selected, decisions, &waived);
        let in_one_call = updates_to_join(graph, decisions, &drafts.steps);
        if !in_one_call.is_empty() {
            return Ordering::Again(in_one_call);
        }
        let mut edges = edges_between(&drafts.steps);
        if let Some(order) = edges.order() {
            if !drafts.known_names(graph, decisions) {
                return Ordering::Done(drafts.steps, order);
            }
            edges = edges_between(&drafts.steps);
        }
        if let Some(order) = edges.order() {
            return Ordering::Done(drafts.steps, order);
        }
        let circles = Circles {
            graph,
            steps: &drafts.steps,
            circle: edges.circles(),
        };
        let free = circles.replacements(|node| {
            matches!(
                &decisions.of[node],
                Some(decision) if decision.action == Action::Replace
                    && !decision.delete_first
                    && !decision.creates_first()
            )
        });
        if !free.is_empty() {
            for node in free {
                if let Some(decision) = &mut decisions.of[node] {
                    decision.order = Some(ReplaceOrder::CreateThenDelete);
                }
            }
            continue;
        }
        // What is only waited for is so after what begins it, wherever there is another way out.
        let is_delete = |step: &Draft<'_>| step.operation != StepOperation::Wait;
        if circles.waive(Because::TakesOver, is_delete, &mut waived.takes_over)
            || circles.waive(Because::TakesOver, |_| true, &mut waived.takes_over)
        {
            continue;
        }
        let again = circles.to_be_replaced(decisions);
        if !again.is_empty() {
            return Ordering::Again(again);
        }
        if circles.waive(Because::Freed, |_| true, &mut waived.freed) {
            continue;
        }
        return Ordering::Impossible(circles.contradiction());
    }
}

fn edges_between(steps: &[Draft<'_>]) -> infra_core::Graph<()> {
    let edges = steps.iter().enumerate();
    let edges = edges.flat_map(|(from, step)| step.after.iter().map(move |edge| (from, edge.to, ())));
    infra_core::Graph::new(steps.len(), edges)
}

struct Circles<'c, 'a> {
    graph: &'c Graph<'a>,
    steps: &'c [Draft<'a>],
    /// By step.
    circle: Vec<Option<usize>>,
}

impl Circles<'_, '_> {
    /// The edges within circles: the waiting step, the one waited for, and why.
    fn edges(&self) -> impl Iterator<Item = (usize, usize, Because)> + '_ {
        self.steps.iter().enumerate().flat_map(move |(from, step)| {
            let inside = move |to: usize| self.circle[from].is_some() && self.circle[from] == self.circle[to];
            step.after
                .iter()
                .filter(move |edge| inside(edge.to))
                .map(move |edge| (from, edge.to, edge.because))
        })
    }

    /// Steps that are meant stop waiting, where they do because of this: for the updates of survivors, or for what takes
    /// over.
    fn waive(&self, which: Because, is_meant: impl Fn(&Draft<'_>) -> bool, waived: &mut Waived) -> bool {
        let before = waived.len();
        let edges = self
            .edges()
            .filter(|&(from, _, because)| because == which && is_meant(&self.steps[from]));
        waived.extend(edges.filter_map(|(from, to, _)| Some((self.steps[from].thing?, self.steps[to].node))));
        waived.len() > before
    }

    /// The replaced nodes whose two halves wait for each other within a circle.
    fn replacements(&self, which: impl Fn(usize) -> bool) -> Vec<usize> {
        self.edges()
            .filter(|&(from, to, because)| {
                because == Because::Half && self.steps[from].node == self.steps[to].node
            })
            .map(|(from, _, _)| self.steps[from].node)
            .filter(|&node| which(node))
            .collect()
    }

    /// What has to be replaced, the old one first, for the deletes that cannot come later: replacements made
    /// first only by habit; if there are none, survivors that a delete waits for. Each with a cause.
    /// Where resources only take each other's places, the first of them is.
    fn to_be_replaced(&self, decisions: &Decisions) -> BTreeMap<usize, Cause> {
        let mut causes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let fixed = |node: usize| matches!(&decisions.of[node], Some(decision) if decision.delete_first);
        for (_, to, because) in self.edges() {
            let node = self.steps[to].node;
            let deletes_first = match because {
                Because::Half => fixed(node),
                Because::Name | Because::InUse => true,
                Because::Needs | Because::Gone | Because::Freed | Because::Known | Because::TakesOver => {
                    false
                }
            };
            if let (true, Some(circle)) = (deletes_first, self.circle[to]) {
                causes.entry(circle).or_default().push(node);
            }
        }
        let resource = |node: usize| self.graph.nodes[node].resource;
        let with_causes = |nodes: Vec<(usize, usize)>| -> BTreeMap<usize, Cause> {
            nodes
                .into_iter()
                .filter_map(|(number, step)| {
                    let causes = causes.get(&self.circle[step]?)?;
                    // Nothing is said to be its own cause where there is another.
                    let other = causes.iter().find(|&&node| node != number);
                    let cause = Cause {
                        node: *other.or(causes.first())?,
                        tie: Tie::Refers,
                    };
                    Some((number, cause))
                })
                .collect()
        };
        let by_habit = self
            .edges()
            .filter(|&(_, _, because)| because == Because::Half)
            .map(|(from, _, _)| (self.steps[from].node, from))
            .filter(|&(node, _)| {
                matches!(&decisions.of[node], Some(decision) if decision.creates_first())
                    && resource(node)
                        .is_some_and(|resource| resource.lifecycle.create_before_destroy != Some(true))
            })
            .collect();
        let replacements = with_causes(by_habit);
        if !replacements.is_empty() {
            return replacements;
        }
        let survivors = self
            .edges()
            .filter(|&(_, _, because)| because == Because::Freed)
            .map(|(_, to, _)| (self.steps[to].node, to))
            .filter(|&(node, _)| resource(node).is_some_and(is_replaceable))
            .collect();
        let survivors = with_causes(survivors);
        if !survivors.is_empty() {
            return survivors;
        }
        self.changing_places()
    }

    /// Of each circle of updates that wait for each other to let go, the first that may be replaced.
    fn changing_places(&self) -> BTreeMap<usize, Cause> {
        let mut first: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (from, to, because) in self.edges() {
            let node = self.steps[to].node;
            let may_go = self.steps[to].operation == StepOperation::Update
                && self.graph.nodes[node].resource.is_some_and(is_replaceable);
            if let (Because::Name, true, Some(circle)) = (because, may_go, self.circle[to]) {
                let found = first.entry(circle).or_insert((node, self.steps[from].node));
                *found = (*found).min((node, self.steps[from].node));
            }
        }
        first
            .into_values()
            .map(|(node, by)| {
                let cause = Cause {
                    node: by,
                    tie: Tie::IsTaken,
                };
                (node, cause)
            })
            .collect()
    }

    fn contradiction(&self) -> Diagnostic {
        let mut nodes: Vec<usize> = self
            .edges()
            .filter(|&(_, _, because)| matches!(because, Because::Half | Because::Name | Because::InUse))
            .map(|(from, _, _)| self.steps[from].node)
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        let names: Vec<String> = nodes
            .iter()
            .map(|&node| self.graph.nodes[node].address.to_string())
            .collect();
        let names = names.join(", ");
        let (message, help) = if self.edges().any(|(_, _, because)| because == Because::InUse) {
            (
                format!(
                    "there is no order in which {names} can be changed: what is used of a list cannot be taken \
                     away before its users have moved on, and they move on to what the same change adds"
                ),
                "apply the change in two parts: first add, then take away",
            )
        } else if self.edges().any(|(_, _, because)| because == Because::Half) {
            (
                format!(
                    "there is no order in which {names} can be replaced: some may not exist side by side with \
                     their old ones, and others were asked to be made before their old ones go"
                ),
                "take create_before_destroy out, change the names of the others, or apply the change in two parts",
            )
        } else {
            (
                format!(
                    "there is no order in which {names} can take each other's places: AWS lets no two have the \
                     same, and the lifecycle of none of them lets it be deleted first"
                ),
                "apply the change in two parts, with a value in between that nothing else has",
            )
        };
        let mut diagnostic = Diagnostic::error("no-order", message).help(help);
        for (position, &node) in nodes.iter().enumerate() {
            if let Some(resource) = self.graph.nodes[node].resource {
                diagnostic = match position {
                    0 => diagnostic.at(resource.span.clone(), ""),
                    _ => diagnostic.see(resource.span.clone(), ""),
                };
            }
        }
        diagnostic
    }
}
