//! What begins with the update of another resource is followed to its end, and nothing that was in use is deleted before.

use std::collections::BTreeSet;

use infra_core::plan::PlanMode;
use infra_core::{Action, Change, Follows, Graph, ResourceAddress, Step, StepOperation, Strength};

use super::Checker;

impl<'c> Checker<'c, '_> {
    pub(super) fn follows(&mut self) {
        if self.input.options.mode == PlanMode::Destroy {
            return;
        }
        let plan = self.plan;
        let mut ends: Vec<(&'c Step, &'c Step)> = Vec::new();
        for change in &plan.changes {
            let definition = self.input.catalogue.definition(change.address.type_name());
            let rule = definition.and_then(|definition| definition.schema().follows.as_ref());
            let (Some(rule), Some(_)) = (rule, self.resource(&change.address)) else {
                continue;
            };
            let followed = self.followed(&change.address, rule);
            self.begins(change, &followed, rule);
            ends.extend(self.taken_over(change, followed, rule));
        }
        // Where the end itself needs what is to be deleted, no order has both.
        let tied = tied(&plan.steps, &ends);
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

    /// The resources that one follows, by the file.
    fn followed(&self, address: &ResourceAddress, rule: &Follows) -> BTreeSet<&'c ResourceAddress> {
        let mut followed = BTreeSet::new();
        let resource = self.resource(address);
        if let Some(template) = resource.and_then(|resource| resource.attributes.get(&rule.through)) {
            template.for_each_reference(&mut |reference| {
                if reference.address.type_name() == &rule.of {
                    followed.extend(
                        self.changes
                            .get_key_value(&reference.address)
                            .map(|(known, _)| *known),
                    );
                }
            });
        }
        followed
    }

    /// An update that begins something is followed.
    fn begins(&mut self, change: &Change, followed: &BTreeSet<&ResourceAddress>, rule: &Follows) {
        for other in followed {
            let starts = self.changes.get(other).is_some_and(|other| {
                other.action == Action::Update
                    && other.attributes.iter().any(|attribute| {
                        let top = attribute.path.top();
                        let own = change.attributes.iter().any(|own| own.path.top() == top);
                        rule.starts.iter().any(|starts| starts == top) && !own
                    })
            });
            self.require(!(starts && change.action == Action::NoOp), || {
                format!(
                    "{}: nobody waits for what the update of {other} begins",
                    change.address
                )
            });
        }
    }

    /// The deletes of what a resource and what it follows used, each with the step that has to come to its end before.
    fn taken_over(
        &self,
        change: &Change,
        mut users: BTreeSet<&'c ResourceAddress>,
        rule: &Follows,
    ) -> Vec<(&'c Step, &'c Step)> {
        let mut own = self.steps.get(&change.address).into_iter().flatten();
        // One that is made anew may be in the way of deletes by itself, so that they cannot wait for it.
        let is_end = |step: &&&Step| matches!(step.operation, StepOperation::Update | StepOperation::Wait);
        // A wait stands before its update.
        let Some(end) = own.rfind(is_end) else {
            return Vec::new();
        };
        users.insert(&end.address);
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
        let used = used.into_iter().filter_map(|used| self.steps.get(used));
        used.flatten()
            .filter(|step| step.operation == StepOperation::Delete && !self.is_asked_to_go_first(step))
            .map(|delete| (*delete, *end))
            .collect()
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

/// Whether two steps stand in a circle once all of these deletes wait.
fn tied(steps: &[Step], ends: &[(&Step, &Step)]) -> impl Fn(&Step, &Step) -> bool + use<> {
    let waits = steps.iter().flat_map(|step| {
        let before = step.after.iter();
        before.map(move |before| (step.id.0 as usize, before.step.0 as usize, ()))
    });
    let ends = ends
        .iter()
        .map(|(delete, end)| (delete.id.0 as usize, end.id.0 as usize, ()));
    let circles = Graph::new(steps.len(), waits.chain(ends)).circles();
    move |one, other| {
        let of = |step: &Step| circles.get(step.id.0 as usize).copied().flatten();
        of(one).is_some() && of(one) == of(other)
    }
}
