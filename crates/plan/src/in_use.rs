//! Elements of a list that others use: AWS does not let a resource lose one before those have let go of it.

use std::collections::BTreeSet;

use infra_core::unique::values_under;
use infra_core::{Action, AttributePath, Attributes, InUse, PhysicalId, TypeDefinition, Value};

use crate::decide::{Decision, Decisions};
use crate::graph::{Found, Graph};
use crate::identity::Identity;

/// That an update takes elements away which a thing uses now.
pub(crate) struct Loss<'a> {
    /// The node that loses elements.
    pub owner: usize,
    /// The thing that uses some of them.
    pub user: usize,
    /// Those.
    pub elements: Vec<String>,
    pub rule: &'a InUse,
}

impl Loss<'_> {
    /// Whether the user still names one of the elements when its steps are done.
    pub fn is_still_used(&self, graph: &Graph<'_>, decisions: &Decisions) -> bool {
        let thing = &graph.things[self.user];
        if thing.deposed {
            return false;
        }
        let Some(decision) = &decisions.of[thing.node] else {
            // The plan leaves it out.
            return true;
        };
        match decision.action {
            Action::Update => {
                let observed = graph.attributes_of(self.user);
                let top = self.rule.at.top();
                let after = decision.wanted.get(top).or_else(|| observed.get(top));
                let named = texts_under(after, &self.rule.at);
                self.elements
                    .iter()
                    .any(|element| named.contains(element.as_str()))
            }
            Action::NoOp | Action::Read | Action::Forget => true,
            Action::Create | Action::Replace | Action::Delete => false,
        }
    }
}

/// Everything that updates take away while something uses it.
pub(crate) fn losses<'a>(graph: &Graph<'a>, decisions: &Decisions) -> Vec<Loss<'a>> {
    let mut losses = Vec::new();
    for (owner, decision) in decisions.of.iter().enumerate() {
        let node = &graph.nodes[owner];
        let updates = decision
            .as_ref()
            .filter(|decision| decision.action == Action::Update);
        let (Some(decision), Some(definition)) = (updates, node.definition) else {
            continue;
        };
        for rule in &definition.schema().in_use {
            let lost = lost(graph, owner, decision, rule);
            if lost.is_empty() {
                continue;
            }
            for (user, thing) in graph.things.iter().enumerate() {
                let is_meant = *graph.nodes[thing.node].address.type_name() == rule.by && !thing.absent;
                if !is_meant {
                    continue;
                }
                let Found::Present { attributes, .. } = &node.found else {
                    continue;
                };
                let Some(id) = node.physical_id() else { continue };
                let elements = used(
                    rule,
                    (id, node.definition, attributes),
                    &lost,
                    graph.attributes_of(user),
                );
                if !elements.is_empty() {
                    losses.push(Loss {
                        owner,
                        user,
                        elements,
                        rule,
                    });
                }
            }
        }
    }
    losses
}

/// What the update takes out of the list.
fn lost(graph: &Graph<'_>, owner: usize, decision: &Decision, rule: &InUse) -> BTreeSet<String> {
    let Found::Present { attributes, .. } = &graph.nodes[owner].found else {
        return BTreeSet::new();
    };
    match decision.wanted.get(&rule.attribute) {
        Some(after) if !after.has_unknown() => elements(attributes.get(&rule.attribute))
            .difference(&elements(Some(after)))
            .map(ToString::to_string)
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// The elements among `lost` that a thing with these attributes uses of the owner.
pub(crate) fn used(
    rule: &InUse,
    (id, definition, attributes): (&PhysicalId, Option<&dyn TypeDefinition>, &Attributes),
    lost: &BTreeSet<String>,
    user: &Attributes,
) -> Vec<String> {
    let identity = Identity::new(id, definition, attributes);
    let names_owner = user.get(&rule.through).is_some_and(|value| identity.is_in(value));
    let named = texts_under(user.get(rule.at.top()), &rule.at);
    let lost = lost.iter().filter(|_| names_owner);
    lost.filter(|element| named.contains(element.as_str()))
        .cloned()
        .collect()
}

fn elements(list: Option<&Value>) -> BTreeSet<&str> {
    list.and_then(Value::as_list)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The texts at a path under an attribute's value.
fn texts_under<'v>(value: Option<&'v Value>, path: &AttributePath) -> BTreeSet<&'v str> {
    values_under(value, path).filter_map(Value::as_str).collect()
}
