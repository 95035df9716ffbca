//! Nothing goes while what AWS keeps under it, or does not delete it with, is still there.

use std::collections::BTreeMap;

use infra_core::{Action, Attributes, Graph, ResourceAddress, Step, StepOperation, Strength, TypeName};

use super::{Checker, waits};

impl<'c> Checker<'c, '_> {
    /// A delete waits for the deletes of what hangs on the thing, and for the updates by which something lets go of it.
    pub(super) fn under(&mut self) {
        let pairs = self.parents();
        let circle = self.circles_with(&pairs);
        for (child, parent) in pairs {
            let Some(delete) = self.step(parent, StepOperation::Delete) else {
                continue;
            };
            // Without a change the plan leaves it out; what is let go of is no longer ours.
            let stays = match self.changes.get(child).map(|change| change.action) {
                None | Some(Action::Forget) => continue,
                Some(Action::Replace) if self.step(child, StepOperation::Forget).is_some() => continue,
                Some(Action::Create) => continue,
                Some(action) => !matches!(action, Action::Delete | Action::Replace | Action::Update),
            };
            let before = self
                .step(child, StepOperation::Delete)
                .or_else(|| self.step(child, StepOperation::Update));
            let is_in_order = before.is_some_and(|before| waits(delete, before, Strength::Ready));
            let same_circle = circle
                .get(child)
                .is_some_and(|own| circle.get(parent) == Some(own));
            self.require(!stays && (is_in_order || same_circle), || {
                format!("{parent} is deleted while {child} is still there, which AWS keeps under it")
            });
        }
    }

    /// What hangs on what, as the observations have it: the child first.
    fn parents(&self) -> Vec<(&'c ResourceAddress, &'c ResourceAddress)> {
        let mut called: BTreeMap<(&TypeName, String), Vec<&'c ResourceAddress>> = BTreeMap::new();
        for (address, record) in &self.input.state.resources {
            let key = self
                .definition(address)
                .map(|definition| &definition.schema().natural_key);
            let key = key.and_then(|key| joined(key, self.observed(address)?));
            let id = Some(record.physical_id.as_str().to_owned()).filter(|id| key.as_ref() != Some(id));
            for name in key.into_iter().chain(id) {
                called
                    .entry((address.type_name(), name))
                    .or_default()
                    .push(address);
            }
        }
        let mut pairs = Vec::new();
        for child in self.input.state.resources.keys() {
            let Some((definition, own)) = self.definition(child).zip(self.observed(child)) else {
                continue;
            };
            for under in definition.schema().parents() {
                let name = joined(&under.through, own);
                let of = name.and_then(|name| called.get(&(&under.of, name)));
                let of = of.into_iter().flatten().filter(|parent| **parent != child);
                pairs.extend(of.map(|parent| (child, *parent)));
            }
        }
        pairs
    }

    /// Addresses that need each other in a circle, by their records and by these pairs.
    fn circles_with(
        &self,
        pairs: &[(&'c ResourceAddress, &'c ResourceAddress)],
    ) -> BTreeMap<&'c ResourceAddress, usize> {
        let records = &self.input.state.resources;
        let number: BTreeMap<&ResourceAddress, usize> = records
            .keys()
            .enumerate()
            .map(|(number, address)| (address, number))
            .collect();
        let mut edges: Vec<Vec<usize>> = records
            .values()
            .map(|record| {
                record
                    .dependencies
                    .iter()
                    .filter_map(|used| number.get(used).copied())
                    .collect()
            })
            .collect();
        for (child, parent) in pairs {
            edges[number[child]].push(number[parent]);
        }
        let circles = Graph::of(&edges).circles();
        records
            .keys()
            .zip(circles)
            .filter_map(|(address, circle)| Some((address, circle?)))
            .collect()
    }

    /// The step of what the state has at the address now.
    fn step(&self, address: &ResourceAddress, operation: StepOperation) -> Option<&'c Step> {
        let id = self.record(address).map(|record| &record.physical_id);
        self.find(address, operation, id).first().copied()
    }
}

/// The texts in these attributes, as a name is made of them.
fn joined(names: &[String], attributes: &Attributes) -> Option<String> {
    let parts = names.iter().map(|name| attributes.get(name)?.as_str());
    let parts = parts.collect::<Option<Vec<_>>>()?;
    (!parts.is_empty()).then(|| parts.join("/"))
}
