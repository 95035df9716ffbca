//! What begins at AWS with the update of one resource, and what another one stands for until that ends: the rollout that
//! an update of a service starts.

use infra_core::{Action, Follows, Health, ResourceAddress, Value};

use crate::decide::Decider;
use crate::existing::Present;
use crate::graph::{Found, Graph};
use crate::resolve::Resolved;

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
