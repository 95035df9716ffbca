//! What cannot leave what it stands in: the subnets of a load balancer can be changed, but not to those of another
//! VPC. Such a change is a replacement.

use infra_core::plan::Reason;
use infra_core::{Action, Reference, ResourceAddress, StaysIn, Value};

use crate::decide::Decider;
use crate::existing::Present;
use crate::resolve::Resolved;

/// Where something named by a resource will stand.
struct Leaves {
    /// What it stands in now is replaced, and it would have to follow to this.
    replaced: Option<ResourceAddress>,
}

impl<'a> Decider<'_, 'a> {
    /// Why the resource has to be replaced because it would have to leave what it stands in. The differences that
    /// mean this are marked as impossible in place.
    pub(crate) fn leaves(&self, present: &Present<'_, 'a>, resolved: &mut Resolved<'_>) -> Option<Reason> {
        let mut left = None;
        let mut attributes = Vec::new();
        for rule in &present.definition.schema().stays_in {
            let differs = |top: &str| top == rule.attribute.top();
            let mut differences = resolved.differences.iter_mut();
            if !differences.any(|difference| differs(difference.path.top())) {
                continue;
            }
            let Some(found) = self.leaves_by(present, rule) else {
                continue;
            };
            for difference in &mut resolved.differences {
                if differs(difference.path.top()) && !difference.immutable {
                    difference.immutable = true;
                    attributes.push(difference.path.clone());
                }
            }
            left = left.or(found.replaced);
        }
        match left {
            Some(address) => Some(Reason::DependencyReplaced { address }),
            None => (!attributes.is_empty()).then_some(Reason::Immutable { attributes }),
        }
    }

    /// Whether what the resource is to name stands in something else than the resource does.
    fn leaves_by(&self, present: &Present<'_, 'a>, rule: &StaysIn) -> Option<Leaves> {
        let own = present.observed.get(&rule.own).and_then(Value::as_str)?;
        let template = present.resource.attributes.get(rule.attribute.top())?;
        let mut found: Option<Leaves> = None;
        template.for_each_reference(&mut |reference| {
            let is_meant = *reference.address.type_name() == rule.names;
            if is_meant && found.as_ref().is_none_or(|found| found.replaced.is_none()) {
                found = self
                    .stands_elsewhere(&reference.address, rule, own)
                    .or(found.take());
            }
        });
        found
    }

    /// Whether what is at the address will stand in something else than `own`.
    fn stands_elsewhere(&self, address: &ResourceAddress, rule: &StaysIn, own: &str) -> Option<Leaves> {
        let number = self.graph.index.get(address).copied();
        let seen = self.decisions.scope.attributes(address)?;
        match seen.get(&rule.through)? {
            Value::String(place) => (place != own).then_some(Leaves { replaced: None }),
            Value::Unknown(unknown) => match &unknown.origin {
                Some(origin) => self.is_new(origin),
                None => {
                    let template = self.graph.nodes[number?]
                        .resource?
                        .attributes
                        .get(&rule.through)?;
                    let mut found = None;
                    template.for_each_reference(&mut |reference| {
                        found = found.take().or_else(|| self.is_new(reference));
                    });
                    found
                }
            },
            _ => None,
        }
    }

    /// Whether an attribute that is not known yet will be that of something made by this plan.
    fn is_new(&self, reference: &Reference) -> Option<Leaves> {
        let number = *self.graph.index.get(&reference.address)?;
        match self.decisions.of[number].as_ref()?.action {
            Action::Replace => Some(Leaves {
                replaced: Some(reference.address.clone()),
            }),
            Action::Create => Some(Leaves { replaced: None }),
            _ => None,
        }
    }
}
