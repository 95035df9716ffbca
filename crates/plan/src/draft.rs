//! The steps that the decisions ask for, and which waits for which.

mod follows;
mod in_use;
mod known;
mod unique;

use std::collections::BTreeSet;

use infra_core::{Action, Ownership, PhysicalId, StepOperation, Strength};

use crate::decide::{Decision, Decisions, refers_to_change};
use crate::graph::{Found, Graph};
use crate::identity::Identity;
use crate::targets::Selected;
use crate::under::{hangs_on, is_moved};

/// Why one step waits for another: what may be done about a circle depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Because {
    /// The file says that it needs it.
    Needs,
    /// What needed it has to be gone.
    Gone,
    /// What referred to it has to have let go of it.
    Freed,
    /// The other half of a replacement comes first.
    Half,
    /// What AWS keeps unique has to be free.
    Name,
    /// What used an element of its list has to have let go of that.
    InUse,
    /// It has to be known what the new one of a replacement is to be called.
    Known,
    /// What takes over has to have come to a good end: as far as an order allows it.
    TakesOver,
}

/// That a step waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub to: usize,
    pub strength: Strength,
    pub because: Because,
}

/// A step without its final number.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub node: usize,
    /// What it removes or lets go of.
    pub thing: Option<usize>,
    pub operation: StepOperation,
    pub physical_id: Option<&'a PhysicalId>,
    pub forced: bool,
    pub after: Vec<Edge>,
    /// The first of the steps that one call makes.
    pub together: Option<usize>,
}

/// All steps in order of address, and where to find them.
pub(crate) struct Drafts<'a> {
    pub steps: Vec<Draft<'a>>,
    /// By node: the create, else the update, else the wait: what a dependent waits for.
    making: Vec<Option<usize>>,
    /// By node: the update.
    updates: Vec<Option<usize>>,
    /// By node: the note in the state.
    confirms: Vec<Option<usize>>,
    /// By thing: the delete.
    removals: Vec<Option<usize>>,
    /// By thing: the note that it is gone.
    forgets: Vec<Option<usize>>,
}

/// Deletes of things that do not wait for the steps of a node after all.
pub(crate) type Waived = BTreeSet<(usize, usize)>;

/// What the order of steps does not let wait.
#[derive(Default)]
pub(crate) struct AllWaived {
    /// For what has to let go of the thing.
    pub freed: Waived,
    /// For what takes over.
    pub takes_over: Waived,
}

impl<'a> Drafts<'a> {
    pub fn new(graph: &Graph<'a>, selected: &Selected, decisions: &Decisions, waived: &AllWaived) -> Self {
        let mut drafts = Self {
            steps: Vec::new(),
            making: vec![None; graph.nodes.len()],
            updates: vec![None; graph.nodes.len()],
            confirms: vec![None; graph.nodes.len()],
            removals: vec![None; graph.things.len()],
            forgets: vec![None; graph.things.len()],
        };
        let mut things = graph.things.iter().enumerate().peekable();
        for (number, decision) in decisions.of.iter().enumerate() {
            if let Some(decision) = decision {
                drafts.add_steps(graph, decisions, number, decision);
            }
            while let Some((position, thing)) = things.next_if(|(_, thing)| thing.node == number) {
                if thing.deposed && selected.things[position] {
                    drafts.add_removal(graph, position, graph.nodes[number].forgets_deposed(thing));
                }
            }
        }
        let reversed = drafts.in_use(graph, decisions);
        drafts.needs(graph, decisions, &reversed);
        drafts.gone(graph);
        drafts.freed(graph, decisions, &waived.freed);
        drafts.unique(graph, decisions);
        drafts.taken_over(graph, decisions, &waived.takes_over);
        drafts.parts(graph, decisions, &waived.takes_over);
        for step in &mut drafts.steps {
            // Of several reasons to wait for the same step, the one that counts most stays: the strongest
            // wait, and for the same wait the reason that cannot be waived.
            step.after
                .sort_by_key(|edge| (edge.to, std::cmp::Reverse(edge.strength), edge.because));
            step.after.dedup_by_key(|edge| edge.to);
        }
        drafts
    }

    fn add(
        &mut self,
        node: usize,
        thing: Option<usize>,
        operation: StepOperation,
        id: Option<&'a PhysicalId>,
    ) -> usize {
        self.steps.push(Draft {
            node,
            thing,
            operation,
            physical_id: id,
            forced: false,
            after: Vec::new(),
            together: None,
        });
        self.steps.len() - 1
    }

    fn wait_for(&mut self, step: usize, to: usize, strength: Strength, because: Because) {
        self.steps[step].after.push(Edge {
            to,
            strength,
            because,
        });
    }

    fn add_removal(&mut self, graph: &Graph<'a>, thing: usize, forget: bool) -> usize {
        let (node, id) = (graph.things[thing].node, &graph.things[thing].record.physical_id);
        if forget {
            let step = self.add(node, Some(thing), StepOperation::Forget, Some(id));
            self.forgets[thing] = Some(step).filter(|_| graph.things[thing].absent);
            return step;
        }
        let step = self.add(node, Some(thing), StepOperation::Delete, Some(id));
        self.removals[thing] = Some(step);
        step
    }

    /// The step that writes our tags, if they are to be written, after the one `before`; else that one.
    fn add_retag(
        &mut self,
        graph: &Graph<'a>,
        number: usize,
        decision: &Decision,
        before: Option<usize>,
    ) -> Option<usize> {
        if decision.ownership != Ownership::Retag {
            return before;
        }
        let node = &graph.nodes[number];
        let retag = self.add(number, node.thing, StepOperation::Retag, node.physical_id());
        if let Some(before) = before {
            self.wait_for(retag, before, Strength::Ready, Because::Half);
        }
        Some(retag)
    }

    fn add_steps(&mut self, graph: &Graph<'a>, decisions: &Decisions, number: usize, decision: &Decision) {
        let node = &graph.nodes[number];
        let retain = node.lifecycle().is_some_and(|lifecycle| lifecycle.retain);
        let id = node.physical_id();
        match decision.action {
            Action::NoOp | Action::Read => {
                if decision.wait {
                    self.making[number] = Some(self.add(number, node.thing, StepOperation::Wait, id));
                }
                let before = self.making[number];
                let before = self.add_retag(graph, number, decision, before);
                if decision.confirm {
                    let confirm = self.add(number, node.thing, StepOperation::Confirm, id);
                    self.confirms[number] = Some(confirm);
                    if let Some(before) = before {
                        self.wait_for(confirm, before, Strength::Ready, Because::Half);
                    }
                }
            }
            Action::Update => {
                let wait = decision
                    .wait
                    .then(|| self.add(number, node.thing, StepOperation::Wait, id));
                let before = self.add_retag(graph, number, decision, wait);
                let update = self.add(number, node.thing, StepOperation::Update, id);
                self.steps[update].forced = decision.forced;
                if let Some(before) = before {
                    self.wait_for(update, before, Strength::Ready, Because::Half);
                }
                (self.making[number], self.updates[number]) = (Some(update), Some(update));
            }
            Action::Create => {
                // What vanished is still in the state.
                let forget = node.thing.map(|thing| self.add_removal(graph, thing, true));
                let create = self.add(number, None, StepOperation::Create, None);
                if let Some(forget) = forget {
                    self.wait_for(create, forget, Strength::Ready, Because::Half);
                }
                self.making[number] = Some(create);
            }
            Action::Replace => {
                let Some(thing) = node.thing else { return };
                let create = if decision.creates_first() {
                    let create = self.add(number, None, StepOperation::Create, None);
                    let removal = self.add_removal(graph, thing, retain);
                    self.wait_for(removal, create, Strength::Ready, Because::Half);
                    create
                } else {
                    let removal = self.add_removal(graph, thing, retain);
                    let create = self.add(number, None, StepOperation::Create, None);
                    self.wait_for(create, removal, Strength::Ready, Because::Half);
                    create
                };
                self.making[number] = Some(create);
            }
            Action::Delete | Action::Forget => {
                let Some(thing) = node.thing else { return };
                let wait = self.let_go_of(graph, decisions, number);
                let removal = self.add_removal(graph, thing, decision.action == Action::Forget);
                if let Some(wait) = wait {
                    self.wait_for(removal, wait, Strength::Ready, Because::Half);
                    self.making[number] = Some(wait);
                }
            }
        }
    }

    /// Creates and updates come after what they need. So do notes in the state, since what the file says of
    /// a resource is worked out from what it needs. Of what is `reversed`, the second waits for the first.
    fn needs(&mut self, graph: &Graph<'a>, decisions: &Decisions, reversed: &BTreeSet<(usize, usize)>) {
        for (number, needs) in graph.needs.iter().enumerate() {
            let acts = matches!(
                &decisions.of[number],
                Some(decision) if matches!(decision.action, Action::Create | Action::Replace | Action::Update)
            );
            let making = self.making[number].filter(|_| acts);
            let Some(step) = making.or(self.confirms[number]) else {
                continue;
            };
            for &(other, strength) in needs {
                if let (Some(to), false) = (self.making[other], reversed.contains(&(number, other))) {
                    self.wait_for(step, to, strength, Because::Needs);
                }
            }
        }
    }

    /// Deletes come after the deletes of what needed it.
    fn gone(&mut self, graph: &Graph<'a>) {
        for (thing, needs) in graph.stored.iter().enumerate() {
            let Some(removal) = self.removals[thing] else {
                continue;
            };
            for &other in needs {
                if let Some(later) = self.removals[other] {
                    self.wait_for(later, removal, Strength::Ready, Because::Gone);
                }
            }
        }
    }

    /// Deletes come after the updates that make a survivor let go of it.
    fn freed(&mut self, graph: &Graph<'a>, decisions: &Decisions, waived: &Waived) {
        for (number, node) in graph.nodes.iter().enumerate() {
            let (Some(update), Some(thing)) = (self.updates[number], node.thing) else {
                continue;
            };
            for &other in &graph.stored[thing] {
                let Some(removal) = self.removals[other] else {
                    continue;
                };
                let target = graph.things[other].node;
                let stays_in_place = !graph.things[other].deposed
                    && matches!(
                        &decisions.of[target],
                        Some(decision) if decision.action == Action::Replace
                            && !decision.creates_first()
                            && graph.needs(number, target)
                            && !refers_to_change(graph, &decisions.scope, number, target)
                            && !lets_go_of(graph, decisions, number, target)
                    );
                if !stays_in_place && !waived.contains(&(other, number)) {
                    self.wait_for(removal, update, Strength::Ready, Because::Freed);
                }
            }
        }
    }
}

/// Whether the update of `node` takes away something by which it refers to what AWS has of `other`.
fn lets_go_of(graph: &Graph<'_>, decisions: &Decisions, node: usize, other: usize) -> bool {
    let other = &graph.nodes[other];
    let (Some(decision), Found::Present { attributes, .. }) = (&decisions.of[node], &other.found) else {
        return false;
    };
    let Some(id) = other.physical_id() else {
        return false;
    };
    let is_under = || {
        let (own, of) = (graph.nodes[node].definition?.schema(), other.definition?.schema());
        let thing = graph.nodes[node].thing?;
        let moved = own
            .parents()
            .filter(|under| is_moved(&decision.differences, under));
        Some(hangs_on(moved, graph.attributes_of(thing), (of, id, attributes)))
    };
    let identity = Identity::new(id, other.definition, attributes);
    let mut differences = decision.differences.iter();
    differences.any(|difference| identity.is_in(&difference.observed)) || is_under() == Some(true)
}
