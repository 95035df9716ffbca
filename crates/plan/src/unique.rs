//! What AWS keeps unique of what a plan is about, before and after its steps.

use infra_core::types::known_str;
use infra_core::unique::Keys;
use infra_core::{Action, Attributes, TypeDefinition, TypeSchema};

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

/// Whether AWS keeps a resource of this schema, with these attributes, under the one with the id `id` and the attributes
/// `parent`. Where the type of what it is under is said, the name of that is what counts, however short. Of another type
/// the end of the id is a guess.
pub(crate) fn is_under(
    schema: &TypeSchema,
    observed: &Attributes,
    parent: (&TypeSchema, &str, &Attributes),
) -> bool {
    let (of, id, attributes) = parent;
    let under = schema.under.as_ref().filter(|under| under.of == of.name);
    let is_called = |name: &str| {
        let key = of.natural_key.iter().map(|part| known_str(attributes, part));
        let key = key.collect::<Option<Vec<_>>>().filter(|key| !key.is_empty());
        let name = of.meant_name(name);
        ends_with_name(&of.meant_name(id), &name)
            || key.is_some_and(|key| of.meant_name(&key.join("/")) == name)
    };
    let parent = under.and_then(|under| under.parent_in(observed));
    if parent.is_some_and(|name| is_called(&name)) {
        return true;
    }
    let mut names = schema
        .natural_key
        .iter()
        .filter_map(|name| known_str(observed, name));
    names.any(|name| name.len() >= SURE && ends_with_name(id, name))
}

/// How long a name is that the id of something of any type does not end with by chance.
const SURE: usize = 8;

/// Whether an id ends with a name: `service/main/web` and `arn:…:service/main/web`.
fn ends_with_name(id: &str, name: &str) -> bool {
    let before = id.strip_suffix(name).filter(|_| !name.is_empty());
    before.is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_end_of_an_id_at_a_boundary() {
        let id = "arn:aws:ecs:us-east-1:123456789012:service/main/web";
        assert!(ends_with_name(id, "service/main/web"));
        assert!(!ends_with_name(id, "ervice/main/web"));
        assert!(ends_with_name(id, "web"));
        assert!(!ends_with_name(id, ""));
    }
}
