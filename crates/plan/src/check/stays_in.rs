//! Nothing is moved in place out of what it cannot leave.

use infra_core::{Action, Change, Observation, ResourceAddress, StaysIn, Value};

use super::Checker;

impl<'a> Checker<'_, 'a> {
    pub(super) fn stays_in(&mut self) {
        let plan = self.plan;
        for change in plan
            .changes
            .iter()
            .filter(|change| change.action == Action::Update)
        {
            let Some(definition) = self.input.catalogue.definition(change.address.type_name()) else {
                continue;
            };
            for rule in &definition.schema().stays_in {
                let moved = self.named_elsewhere(change, rule);
                self.require(moved.is_none(), || {
                    let moved = moved.map(ToString::to_string).unwrap_or_default();
                    format!(
                        "{}: it would be changed in place to name {moved}, which is not in its {}",
                        change.address, rule.own
                    )
                });
            }
        }
    }

    /// What the update is to name and stands in something else.
    fn named_elsewhere(&self, change: &Change, rule: &StaysIn) -> Option<&'a ResourceAddress> {
        let top = rule.attribute.top();
        change.attributes.iter().find(|change| change.path.top() == top)?;
        let Some(Observation::Present { attributes, .. }) = self.input.observations.get(&change.address)
        else {
            return None;
        };
        let own = attributes.get(&rule.own)?.as_str()?;
        let template = self.resource(&change.address)?.attributes.get(top)?;
        let mut found = None;
        template.for_each_reference(&mut |reference| {
            let is_meant = *reference.address.type_name() == rule.names;
            if is_meant
                && self
                    .place(&reference.address, rule)
                    .is_some_and(|place| place != own)
            {
                found = Some(&reference.address);
            }
        });
        found
    }

    /// What the thing at an address will stand in; an empty text for what is yet to be made.
    fn place(&self, address: &ResourceAddress, rule: &StaysIn) -> Option<&str> {
        let value = match self.changes.get(address) {
            Some(change) => change.wanted.get(&rule.through),
            None => self.input.lookups.get(address)?.get(&rule.through),
        };
        match value? {
            Value::String(place) => Some(place),
            Value::Unknown(unknown) => {
                let of = self.changes.get(&unknown.origin.as_ref()?.address)?;
                matches!(of.action, Action::Create | Action::Replace).then_some("")
            }
            _ => None,
        }
    }
}
