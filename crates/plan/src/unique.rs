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

/// Whether `name`, by which AWS keeps one resource, is that of another one with the id `id`, and so what it is kept
/// under: the id ends with it (`service/main/web` and `arn:…:service/main/web`). Short names say nothing.
pub(crate) fn ends_with_name(id: &str, name: &str) -> bool {
    name.len() >= 8
        && id
            .strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_end_of_an_id_at_a_boundary() {
        let id = "arn:aws:ecs:us-east-1:123456789012:service/main/web";
        assert!(ends_with_name(id, "service/main/web"));
        assert!(!ends_with_name(id, "ervice/main/web"));
        assert!(!ends_with_name(id, "web"));
    }
}
