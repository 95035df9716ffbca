//! What AWS keeps unique of what a plan is about, before and after its steps.

use infra_core::unique::Keys;
use infra_core::{Action, Attributes, TypeDefinition};

use crate::decide::Decision;
use crate::graph::{Found, Graph};

/// What the thing has now.
pub(crate) fn keys_of_thing<'a>(graph: &Graph<'a>, thing: usize) -> Option<Keys<'a>> {
    let attributes = graph.attributes_of(thing);
    Keys::new(graph.nodes[graph.things[thing].node].definition, |name| {
        attributes.get(name)
    })
}

/// What the resource will have when its steps are done; `None` for what the file does not have.
pub(crate) fn keys_after<'a>(graph: &Graph<'a>, number: usize, decision: &Decision) -> Option<Keys<'a>> {
    let node = &graph.nodes[number];
    node.resource?;
    let wanted = &decision.wanted;
    let observed = match (decision.action, &node.found) {
        (Action::Update | Action::NoOp | Action::Read, Found::Present { attributes, .. }) => {
            Some(*attributes)
        }
        _ => None,
    };
    let keeps = matches!(decision.action, Action::NoOp | Action::Read);
    Keys::new(node.definition, |name| {
        let set = wanted.get(name).filter(|_| !keeps);
        set.or_else(|| observed?.get(name))
    })
}

/// Those of a thing with these attributes.
pub(crate) fn keys_in<'a>(
    definition: Option<&'a dyn TypeDefinition>,
    attributes: &Attributes,
) -> Option<Keys<'a>> {
    Keys::new(definition, |name| attributes.get(name))
}
