//! Putting the steps in an order, and getting out of circles.
//!
//! What is made needs what is made before it, and what is deleted needs what used it to be deleted before
//! it; a replacement ties the two together, and so does a name that has to be free, so that circles can come
//! about. In this order: replacements whose order is free are made first and deleted after; replacements made
//! first only by habit, then survivors that refer to what has to go, are replaced with the old one going
//! first; survivors that may not be are updated afterwards. What is left is a contradiction in what the user
//! asked.

use std::collections::BTreeMap;

use infra_core::Diagnostic;
use infra_core::plan::ReplaceOrder;

use crate::decide::Decisions;
use crate::draft::{Because, Draft, Drafts, Waived};
use crate::existing::is_replaceable;
use crate::graph::Graph;
use crate::network::{cycles, topological};

/// What came of an attempt to order the steps.
pub(crate) enum Ordering<'a> {
    /// The steps, and the order in which they are to be numbered.
    Done(Vec<Draft<'a>>, Vec<usize>),
    /// These have to be replaced with the old one going first, because of another replaced resource:
    /// everything is to be decided again.
    Again(BTreeMap<usize, usize>),
    /// There is no order.
    Impossible(Diagnostic),
}

/// Orders the steps of `decisions`, settling which replacements are made first. Steps that could go in any
/// order are in order of address.
pub(crate) fn order<'a>(graph: &Graph<'a>, selected: &[bool], decisions: &mut Decisions) -> Ordering<'a> {
    let mut waived = Waived::default();
    loop {
        let drafts = Drafts::new(graph, selected, decisions, &waived);
        let edges: Vec<Vec<usize>> = drafts
            .steps
            .iter()
            .map(|step| step.after.iter().map(|edge| edge.to).collect())
            .collect();
        if let Some(order) = topological(&edges) {
            return Ordering::Done(drafts.steps, order);
        }
        let circles = Circles {
            graph,
            steps: &drafts.steps,
            circle: cycles(&edges),
        };
        let free = circles.replacements(|node| {
            matches!(&decisions.of[node], Some(decision) if !decision.delete_first && !decision.creates_first())
        });
        if !free.is_empty() {
            for node in free {
                if let Some(decision) = &mut decisions.of[node] {
                    decision.order = Some(ReplaceOrder::CreateThenDelete);
                }
            }
            continue;
        }
        let again = circles.to_be_replaced(decisions);
        if !again.is_empty() {
            return Ordering::Again(again);
        }
        if circles.waive_freed(&mut waived) {
            continue;
        }
        return Ordering::Impossible(circles.contradiction());
    }
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

    /// Deletes stop waiting for the updates of survivors.
    fn waive_freed(&self, waived: &mut Waived) -> bool {
        let before = waived.len();
        let freed = self.edges().filter(|&(_, _, because)| because == Because::Freed);
        waived.extend(freed.filter_map(|(from, to, _)| Some((self.steps[from].thing?, self.steps[to].node))));
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
    fn to_be_replaced(&self, decisions: &Decisions) -> BTreeMap<usize, usize> {
        let mut causes: BTreeMap<usize, usize> = BTreeMap::new();
        let fixed = |node: usize| matches!(&decisions.of[node], Some(decision) if decision.delete_first);
        for (_, to, because) in self.edges() {
            let node = self.steps[to].node;
            let deletes_first = match because {
                Because::Half => fixed(node),
                Because::Name => true,
                Because::Needs | Because::Gone | Because::Freed => false,
            };
            if let (true, Some(circle)) = (deletes_first, self.circle[to]) {
                causes.entry(circle).or_insert(node);
            }
        }
        let resource = |node: usize| self.graph.nodes[node].resource;
        let with_causes = |nodes: Vec<(usize, usize)>| -> BTreeMap<usize, usize> {
            nodes
                .into_iter()
                .filter_map(|(node, step)| Some((node, *causes.get(&self.circle[step]?)?)))
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
        with_causes(survivors)
    }

    fn contradiction(&self) -> Diagnostic {
        let mut nodes: Vec<usize> = self
            .edges()
            .filter(|&(_, _, because)| matches!(because, Because::Half | Because::Name))
            .map(|(from, _, _)| self.steps[from].node)
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        let names: Vec<String> = nodes
            .iter()
            .map(|&node| self.graph.nodes[node].address.to_string())
            .collect();
        let message = format!(
            "there is no order in which {} can be replaced: some may not exist side by side with their old \
             ones, and others were asked to be made before their old ones go",
            names.join(", ")
        );
        let mut diagnostic = Diagnostic::error("no-order", message)
            .help("take create_before_destroy out, change the names of the others, or apply the change in two parts");
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
