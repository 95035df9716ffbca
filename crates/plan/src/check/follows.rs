//! What begins with the update of another resource is followed to its end, and nothing that was in use is deleted before.

use std::collections::BTreeSet;

use infra_core::plan::PlanMode;
use infra_core::{
    Action, Change, Follows, Graph, Health, Observation, ResourceAddress, Step, StepOperation, Strength,
    Value,
};

use super::Checker;
use crate::identity::Identity;

impl<'c> Checker<'c, '_> {
    pub(super) fn follows(&mut self) {
        let (plan, input) = (self.plan, self.input);
        let changed = plan.changes.iter().map(|change| &change.address);
        let addresses: BTreeSet<&'c ResourceAddress> = changed.chain(input.state.resources.keys()).collect();
        let mut ends: Vec<(&'c Step, &'c Step)> = Vec::new();
        let mut begun: Vec<(&'c Step, &'c Step)> = Vec::new();
        for address in addresses {
            let definition = input.catalogue.definition(address.type_name());
            let Some(rule) = definition.and_then(|definition| definition.schema().follows.as_ref()) else {
                continue;
            };
            let followed = self.followed(address, rule);
            if self.resource(address).is_some() {
                self.begins(address, &followed, rule);
            }
            let goes_on = self.goes_on(address, &followed, rule);
            let beginning = followed.iter().filter(|other| self.starts(other, rule, None));
            let beginning: Vec<&Step> = beginning.filter_map(|other| self.end(other)).collect();
            let deletes = self.taken_over(address, followed, rule);
            match self.end(address) {
                Some(end) => {
                    ends.extend(deletes.into_iter().map(|delete| (delete, end)));
                    begun.extend(beginning.into_iter().map(|update| (end, update)));
                }
                None if goes_on => {
                    for delete in deletes {
                        self.broken.push(format!(
                            "{} is deleted, nobody waits for the end of {address}, until which it is in use",
                            delete.address
                        ));
                    }
                }
                None => {}
            }
        }
        // Where the end itself needs what is to be deleted, no order has both.
        begun.extend(&ends);
        let tied = tied(&plan.steps, &begun);
        for (delete, end) in ends {
            let holds = comes_after(&plan.steps, delete, end) || tied(delete, end);
            self.require(holds, || {
                format!(
                    "{} is deleted without waiting for the end of {}, until which it is in use",
                    delete.address, end.address
                )
            });
        }
    }

    /// The resources that one follows, by the file or, where that says nothing of it, by what AWS has.
    fn followed(&self, address: &ResourceAddress, rule: &Follows) -> BTreeSet<&'c ResourceAddress> {
        let mut followed = BTreeSet::new();
        let resource = self.resource(address);
        if let Some(template) = resource.and_then(|resource| resource.attributes.get(&rule.through)) {
            template.for_each_reference(&mut |reference| {
                if reference.address.type_name() == &rule.of {
                    let known = self.stack_address(&reference.address);
                    followed.extend(known);
                }
            });
        }
        let observed = self
            .input
            .observations
            .get(address)
            .and_then(Observation::attributes);
        let id = observed
            .and_then(|observed| observed.get(&rule.through))
            .and_then(Value::as_str);
        if let (None, Some(id)) = (resource, id) {
            let records = self.input.state.resources.iter();
            let has_it = records
                .filter(|(other, record)| *other.type_name() == rule.of && record.physical_id.as_str() == id);
            followed.extend(has_it.map(|(other, _)| other));
        }
        followed
    }

    fn stack_address(&self, address: &ResourceAddress) -> Option<&'c ResourceAddress> {
        let resources = &self.input.stack?.resources;
        resources.get_key_value(address).map(|(known, _)| known)
    }

    /// An update that begins something is followed.
    fn begins(&mut self, address: &ResourceAddress, followed: &BTreeSet<&ResourceAddress>, rule: &Follows) {
        let Some(change) = self.changes.get(address).copied() else {
            return;
        };
        for other in followed {
            let starts = self.starts(other, rule, Some(change));
            self.require(!(starts && change.action == Action::NoOp), || {
                format!("{address}: nobody waits for what the update of {other} begins")
            });
        }
    }

    /// Whether the update of a resource begins something that is not the `own` change of what follows it.
    fn starts(&self, other: &ResourceAddress, rule: &Follows, own: Option<&Change>) -> bool {
        self.changes.get(other).is_some_and(|other| {
            other.action == Action::Update
                && other.attributes.iter().any(|attribute| {
                    let top = attribute.path.top();
                    let mut own = own.into_iter().flat_map(|own| &own.attributes);
                    rule.starts.iter().any(|starts| starts == top) && !own.any(|own| own.path.top() == top)
                })
        })
    }

    /// Whether something goes on at what stays, or is begun there, whatever the plan does about its address.
    fn goes_on(
        &self,
        address: &ResourceAddress,
        followed: &BTreeSet<&'c ResourceAddress>,
        rule: &Follows,
    ) -> bool {
        let observation = self.input.observations.get(address);
        let is_there = !observation.is_some_and(Observation::is_absent);
        let is_under_way = matches!(
            observation,
            Some(Observation::Present {
                health: Health::Pending(_),
                ..
            })
        );
        let begins = is_there && followed.iter().any(|other| self.starts(other, rule, None));
        let mut own = self.steps.get(address).into_iter().flatten();
        let is_made_anew = own.any(|step| step.operation == StepOperation::Create);
        let destroys = self.input.options.mode == PlanMode::Destroy;
        let stays = |other: &ResourceAddress| {
            let mut steps = self.steps.get(other).into_iter().flatten();
            (destroys || self.resource(other).is_some())
                && !steps.any(|step| matches!(step.operation, StepOperation::Create | StepOperation::Delete))
        };
        let is_known = self.record(address).is_some();
        is_known && !is_made_anew && (is_under_way || begins) && followed.iter().any(|other| stays(other))
    }

    /// The step that ends with what a resource stands for. One that is made anew may be in the way of deletes by itself,
    /// so that they cannot wait for it.
    fn end(&self, address: &ResourceAddress) -> Option<&'c Step> {
        let mut own = self.steps.get(address)?.iter();
        let is_end = |step: &&&Step| matches!(step.operation, StepOperation::Update | StepOperation::Wait);
        own.rfind(is_end).copied()
    }

    /// The deletes of what a resource and what it follows used.
    fn taken_over(
        &self,
        address: &'c ResourceAddress,
        mut users: BTreeSet<&'c ResourceAddress>,
        rule: &Follows,
    ) -> Vec<&'c Step> {
        users.insert(address);
        let mut used: BTreeSet<&ResourceAddress> = BTreeSet::new();
        for user in &users {
            let declared = self.resource(user).into_iter();
            used.extend(declared.flat_map(|resource| resource.dependencies.keys()));
            let deposed = self.input.state.deposed.get(*user).into_iter().flatten();
            let records = self.record(user).into_iter().chain(deposed);
            used.extend(records.flat_map(|record| &record.dependencies));
        }
        // What it followed before is not used but left.
        used.retain(|used| !users.contains(used) && *used.type_name() != rule.of);
        let deletes = self.plan.steps.iter();
        deletes
            .filter(|step| step.operation == StepOperation::Delete && !self.is_asked_to_go_first(step))
            .filter(|step| used.contains(&step.address) || self.is_part_of_what_is_left(step, &used))
            .collect()
    }

    /// Whether a delete is of a part of something that an earlier run left at one of these addresses. Records that need each
    /// other in a circle do not tell.
    fn is_part_of_what_is_left(&self, delete: &Step, used: &BTreeSet<&ResourceAddress>) -> bool {
        let state = self.input.state;
        let address = &delete.address;
        let deposed = |address| state.deposed.get(address).into_iter().flatten();
        let current = self.record(address).into_iter();
        let mut records = current.chain(deposed(address));
        let own = records.find(|record| Some(&record.physical_id) == delete.physical_id.as_ref());
        let definition = self.input.catalogue.definition(address.type_name());
        let (Some(own), Some(definition)) = (own, definition) else {
            return false;
        };
        let wholes = own.dependencies.iter().filter(|whole| used.contains(whole));
        let mut left = wholes.flat_map(|whole| deposed(whole).map(move |record| (whole, record)));
        let observation = self.input.observations.get(address);
        let seen = observation.filter(|_| self.record(address) == Some(own));
        let attributes = seen.and_then(Observation::attributes).unwrap_or(&own.observed);
        let names = definition.schema().natural_key.iter();
        let names: Vec<&Value> = names.filter_map(|name| attributes.get(name)).collect();
        let circles = self.stored_circles();
        left.any(|(whole, record)| {
            let of = self.input.catalogue.definition(whole.type_name());
            let identity = Identity::new(&record.physical_id, of, &record.observed);
            let is_named = names.iter().any(|value| identity.is_in(value));
            is_named && (!circles.contains_key(address) || circles.get(address) != circles.get(whole))
        })
    }

    /// Whether the file says that the old one of a replacement goes first.
    fn is_asked_to_go_first(&self, delete: &Step) -> bool {
        let change = self.changes.get(&delete.address);
        let is_replaced = change.is_some_and(|change| {
            change.action == Action::Replace && change.physical_id == delete.physical_id
        });
        let resource = self.resource(&delete.address);
        is_replaced
            && resource.is_some_and(|resource| resource.lifecycle.create_before_destroy == Some(false))
    }
}

/// Whether a step waits for the end of another, or for the end of what does.
fn comes_after(steps: &[Step], step: &Step, end: &Step) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![step];
    while let Some(step) = next.pop() {
        let before = step
            .after
            .iter()
            .filter(|before| before.strength == Strength::Ready);
        for before in before.filter_map(|before| steps.get(before.step.0 as usize)) {
            if before.id == end.id {
                return true;
            }
            if before.id > end.id && seen.insert(before.id) {
                next.push(before);
            }
        }
    }
    false
}

/// Whether two steps stand in a circle once all of these wait, the first for the second.
fn tied(steps: &[Step], more: &[(&Step, &Step)]) -> impl Fn(&Step, &Step) -> bool + use<> {
    let waits = steps.iter().flat_map(|step| {
        let before = step.after.iter();
        before.map(move |before| (step.id.0 as usize, before.step.0 as usize, ()))
    });
    let more = more
        .iter()
        .map(|(step, end)| (step.id.0 as usize, end.id.0 as usize, ()));
    let circles = Graph::new(steps.len(), waits.chain(more)).circles();
    move |one, other| {
        let of = |step: &Step| circles.get(step.id.0 as usize).copied().flatten();
        of(one).is_some() && of(one) == of(other)
    }
}
