//! The old one of a replacement goes only once it is known what the new one is to be called.
//!
//! Somebody else may have that name, and a run can look only when it knows it. A name that is made of what AWS is yet to
//! give, and gives nobody a second time, nobody has.

use infra_core::schema::Tagging;
use infra_core::{Action, StepOperation, Strength, Value};

use super::{Because, Drafts};
use crate::decide::{Decision, Decisions};
use crate::graph::Graph;

impl<'a> Drafts<'a> {
    /// The delete of what is made anew under a name that is not known yet, and the deletes that come before it, wait for
    /// what the name comes from; not where that comes after them, as what is under something replaced does. Once the
    /// steps have an order: these edges give way to all others. Returns whether any does.
    pub fn known_names(&mut self, graph: &Graph<'a>, decisions: &Decisions) -> bool {
        let mut any = false;
        for (number, decision) in decisions.of.iter().enumerate() {
            let Some(decision) = decision.as_ref().filter(|decision| deletes_first(decision)) else {
                continue;
            };
            let removal = graph.nodes[number].thing.and_then(|thing| self.removals[thing]);
            let Some(removal) = removal else { continue };
            let sources = self.sources_of_name(graph, decisions, number, decision);
            if sources.is_empty() {
                continue;
            }
            let deletes = self.reached(removal, |step| {
                self.steps[step].operation == StepOperation::Delete
            });
            for source in sources {
                let before = self.reached(source, |_| true);
                for &delete in deletes.iter().filter(|delete| !before.contains(delete)) {
                    if self.steps[delete].after.iter().all(|edge| edge.to != source) {
                        self.wait_for(delete, source, Strength::Exists, Because::Known);
                        any = true;
                    }
                }
            }
        }
        any
    }

    /// The steps that make known what the new one of a replacement is to be called, and that somebody else may be.
    fn sources_of_name(
        &self,
        graph: &Graph<'a>,
        decisions: &Decisions,
        number: usize,
        decision: &Decision,
    ) -> Vec<usize> {
        let node = &graph.nodes[number];
        let (Some(resource), Some(definition)) = (node.resource, node.definition) else {
            return Vec::new();
        };
        let schema = definition.schema();
        if schema.together.is_some() {
            // One call deletes and creates, or does neither.
            return Vec::new();
        }
        let mut found = Vec::new();
        for name in &schema.natural_key {
            let value = decision.wanted.get(name).filter(|value| value.has_unknown());
            let template = resource.attributes.get(name);
            let Some((value, template)) = value.zip(template) else {
                continue;
            };
            if is_new_id(graph, decisions, value) {
                continue;
            }
            template.for_each_reference(&mut |reference| {
                let source = graph.index.get(&reference.address);
                found.extend(source.and_then(|&source| self.making[source]));
            });
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A step, and those that it waits for through such steps alone.
    fn reached(&self, from: usize, through: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut is_reached = vec![false; self.steps.len()];
        let mut open = vec![from];
        let mut reached = Vec::new();
        while let Some(step) = open.pop() {
            if std::mem::replace(&mut is_reached[step], true) {
                continue;
            }
            reached.push(step);
            open.extend(
                self.steps[step]
                    .after
                    .iter()
                    .map(|edge| edge.to)
                    .filter(|&to| through(to)),
            );
        }
        reached
    }
}

fn deletes_first(decision: &Decision) -> bool {
    decision.action == Action::Replace && !decision.creates_first()
}

/// Whether a value is what AWS is yet to call something that this very plan makes, and calls nothing else.
fn is_new_id(graph: &Graph<'_>, decisions: &Decisions, value: &Value) -> bool {
    let origin = match value {
        Value::Unknown(unknown) => unknown.origin.as_ref(),
        _ => None,
    };
    let Some((attribute, &source)) =
        origin.and_then(|origin| origin.attribute.as_ref().zip(graph.index.get(&origin.address)))
    else {
        return false;
    };
    let is_made = matches!(
        &decisions.of[source],
        Some(decision) if matches!(decision.action, Action::Create | Action::Replace)
    );
    let schema = graph.nodes[source]
        .definition
        .map(|definition| definition.schema());
    is_made
        && schema
            .is_some_and(|schema| schema.tagging == Tagging::ById && schema.computed.contains_key(attribute))
}
