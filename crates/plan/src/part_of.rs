//! What goes with what it is part of at AWS, although nothing of its own differs.

use infra_core::ResourceAddress;

use crate::compare::Difference;
use crate::decide::Decider;
use crate::existing::Present;
use crate::graph::{Found, Node};
use crate::identity::Identity;
use crate::under::{Parent, hangs_on, is_moved, is_under};

impl<'a> Decider<'_, 'a> {
    /// The resource under which AWS keeps this one, or which it does not delete without this one, by a name that stays
    /// what it was, and whose thing goes: this one goes with it. It is replaced, or its name moves to another address.
    pub(crate) fn is_part_of(
        &self,
        present: &Present<'_, 'a>,
        differences: &[Difference],
    ) -> Option<ResourceAddress> {
        let schema = present.definition.schema();
        let kept = || schema.parents().filter(|under| !is_moved(differences, under));
        let refers = |address: &ResourceAddress| {
            let mut found = false;
            let parents = kept().filter(|under| under.of == *address.type_name());
            let names = parents.flat_map(|under| &under.through);
            for name in schema.natural_key.iter().chain(names) {
                if let Some(template) = present.resource.attributes.get(name) {
                    template.for_each_reference(&mut |reference| found |= reference.address == *address);
                }
            }
            found
        };
        // What it lets go of by an update, it does not go with.
        let by_name = |parent: Parent<'_>| match schema.parents().any(|under| under.of == parent.0.name) {
            true => hangs_on(kept(), present.observed, parent),
            false => is_under(schema, present.observed, parent),
        };
        let named = |node: &Node<'a>| {
            let (Some(id), Some(of), Some(thing)) = (node.physical_id(), node.definition, node.thing) else {
                return false;
            };
            by_name((of.schema(), id, self.graph.attributes_of(thing)))
        };
        self.replaced_dependencies(present)
            .map(|other| &self.graph.nodes[other])
            .find(|node| refers(node.address) || named(node))
            .map(|node| node.address)
            .or_else(|| self.is_left_by(present, &by_name))
            .cloned()
    }

    /// The resource that is deleted and whose thing this one's name at AWS names.
    fn is_left_by(
        &self,
        present: &Present<'_, 'a>,
        by_name: &dyn Fn(Parent<'_>) -> bool,
    ) -> Option<&'a ResourceAddress> {
        let schema = present.definition.schema();
        let names = |node: &Node<'a>| {
            let (Some(id), Found::Present { attributes, .. }) = (node.physical_id(), &node.found) else {
                return false;
            };
            let identity = Identity::new(id, node.definition, attributes);
            let mut parts = schema.natural_key.iter();
            let is_named = parts.any(|name| {
                let value = present.observed.get(name);
                value.is_some_and(|value| identity.is_in(value))
            });
            is_named
                || node
                    .definition
                    .is_some_and(|of| by_name((of.schema(), id, attributes)))
        };
        let stored = &self.graph.stored[present.node.thing?];
        let others = stored.iter().map(|&thing| &self.graph.things[thing]);
        others
            .filter(|thing| !thing.deposed && self.selected.nodes[thing.node])
            .map(|thing| &self.graph.nodes[thing.node])
            .filter(|node| node.resource.is_none())
            .filter(|node| !node.lifecycle().is_some_and(|lifecycle| lifecycle.retain))
            .find(|node| names(node))
            .map(|node| node.address)
    }
}
