//! The rules that every plan must keep, whoever made it.
//!
//! Written from what execution relies on and not from how the planner works. A violation is a bug in the
//! planner or a damaged plan: nothing of it may be run.

mod data;
mod follows;
mod order;
mod stays_in;
mod together;
mod under;
mod unique;

use std::collections::BTreeMap;

use infra_core::plan::{PLAN_FORMAT_VERSION, PlanMode, Reason, ReplaceOrder};
use infra_core::{
    Action, Attributes, Change, Health, Lifecycle, Observation, Ownership, PhysicalId, Plan, Resource,
    ResourceAddress, ResourceRecord, Secret, StackTag, Step, StepOperation, Strength, Tagging, Value,
};

use crate::input::PlanInput;

/// Holds a plan against the rules, for the input that it is said to be made from.
///
/// # Errors
/// Every rule that is broken, in words.
pub fn check(plan: &Plan, input: &PlanInput<'_>) -> Result<(), Vec<String>> {
    let mut checker = Checker::new(plan, input);
    checker.head();
    checker.steps();
    if checker.broken.is_empty() {
        // These rely on the shape of the steps.
        checker.changes();
        checker.completeness();
        checker.secrets();
        checker.data();
        checker.order();
        checker.unique();
        checker.stays_in();
        checker.follows();
        checker.together();
        checker.under();
    }
    if checker.broken.is_empty() {
        Ok(())
    } else {
        Err(checker.broken)
    }
}

struct Checker<'c, 'a> {
    plan: &'c Plan,
    input: &'c PlanInput<'a>,
    /// Steps by address.
    steps: BTreeMap<&'c ResourceAddress, Vec<&'c Step>>,
    /// Changes by address, those of deposed things left out.
    changes: BTreeMap<&'c ResourceAddress, &'c Change>,
    broken: Vec<String>,
}

impl<'c, 'a> Checker<'c, 'a> {
    fn new(plan: &'c Plan, input: &'c PlanInput<'a>) -> Self {
        let mut steps: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for step in &plan.steps {
            steps.entry(&step.address).or_default().push(step);
        }
        Self {
            plan,
            input,
            steps,
            changes: BTreeMap::new(),
            broken: Vec::new(),
        }
    }

    fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(rule());
        }
    }

    fn head(&mut self) {
        let (plan, state) = (self.plan, self.input.state);
        self.require(plan.format_version == PLAN_FORMAT_VERSION, || {
            format!("the plan has the format {}", plan.format_version)
        });
        let made_from =
            plan.stack == state.stack && plan.lineage == state.lineage && plan.serial == state.serial;
        self.require(made_from, || "the plan was made from another state".to_owned());
        self.require(plan.mode == self.input.options.mode, || {
            "the plan has another mode than was asked for".to_owned()
        });
    }

    /// Steps are numbered by their places and wait for earlier ones only.
    fn steps(&mut self) {
        let plan = self.plan;
        for (position, step) in plan.steps.iter().enumerate() {
            let name = format!("step {} ({:?} {})", step.id.0, step.operation, step.address);
            self.require(step.id.0 as usize == position, || {
                format!("{name} stands at place {position}")
            });
            self.require(step.after.iter().all(|after| after.step < step.id), || {
                format!("{name} waits for a later step or for itself")
            });
            let rising = step.after.windows(2).all(|pair| pair[0].step < pair[1].step);
            self.require(rising, || format!("{name} has its waits out of order or twice"));
            self.require(!step.forced || step.operation == StepOperation::Update, || {
                format!("{name} is forced, but only an update can be")
            });
        }
    }

    /// Each change has exactly its steps.
    fn changes(&mut self) {
        let plan = self.plan;
        let mut counted = 0;
        for change in &plan.changes {
            counted += if change.reason == Reason::Deposed {
                self.deposed(change)
            } else {
                if self.changes.insert(&change.address, change).is_some() {
                    self.broken.push(format!("{} has two changes", change.address));
                }
                self.current(change)
            };
        }
        let sorted = plan
            .changes
            .windows(2)
            .all(|pair| pair[0].address <= pair[1].address);
        self.require(sorted, || "the changes are not in order of address".to_owned());
        self.require(counted == plan.steps.len(), || {
            format!("{} steps belong to no change", plan.steps.len().abs_diff(counted))
        });
    }

    /// Checks the change of a deposed thing, and counts its steps.
    fn deposed(&mut self, change: &Change) -> usize {
        let known = self
            .input
            .state
            .deposed
            .get(&change.address)
            .into_iter()
            .flatten()
            .any(|record| Some(&record.physical_id) == change.physical_id.as_ref());
        self.require(known, || {
            format!("{}: the state has no such deposed thing", change.address)
        });
        let operation = match change.action {
            Action::Delete => StepOperation::Delete,
            _ => StepOperation::Forget,
        };
        let found = self.find(&change.address, operation, change.physical_id.as_ref());
        self.require(found.len() == 1, || {
            format!("{}: a deposed thing is not removed exactly once", change.address)
        });
        found.len()
    }

    /// Checks the change of an address, and counts its steps.
    fn current(&mut self, change: &Change) -> usize {
        use StepOperation::{Confirm, Create, Delete, Forget, Update, Wait};
        let address = &change.address;
        let record = self.record(address);
        let id = record.map(|record| &record.physical_id);
        let retain = self.lifecycle(address).is_some_and(|lifecycle| lifecycle.retain);
        let removal = if retain { Forget } else { Delete };
        let declared = self.input.options.mode == PlanMode::Apply && self.resource(address).is_some();
        // An update of such a thing takes the place of what is on its way.
        let definition = self.input.catalogue.definition(address.type_name());
        let follows = definition.is_some_and(|definition| definition.schema().follows.is_some());
        let allowed: &[&[(StepOperation, bool)]] = match (change.action, change.replace_order) {
            (Action::NoOp, None) => &[
                &[],
                &[(Wait, true)],
                &[(Confirm, true)],
                &[(Wait, true), (Confirm, true)],
            ],
            (Action::Create, None) if id.is_some() => &[&[(Forget, true), (Create, false)]],
            (Action::Create, None) => &[&[(Create, false)]],
            (Action::Update, None) if follows => &[&[(Update, true)]],
            (Action::Update, None) => &[&[(Update, true)], &[(Wait, true), (Update, true)]],
            (Action::Replace, Some(ReplaceOrder::DeleteThenCreate)) => &[&[(removal, true), (Create, false)]],
            (Action::Replace, Some(ReplaceOrder::CreateThenDelete)) => &[&[(Create, false), (removal, true)]],
            (Action::Delete, None) if follows => &[&[(Delete, true)], &[(Wait, true), (Delete, true)]],
            (Action::Delete, None) => &[&[(Delete, true)]],
            (Action::Forget, None) if follows => &[&[(Forget, true)], &[(Wait, true), (Forget, true)]],
            (Action::Forget, None) => &[&[(Forget, true)]],
            _ => &[],
        };
        let own: Vec<&Step> = self
            .steps
            .get(address)
            .into_iter()
            .flatten()
            .filter(|step| step.physical_id.is_none() || step.physical_id.as_ref() == id)
            .copied()
            .collect();
        let (retags, rest): (Vec<&Step>, Vec<&Step>) = own
            .iter()
            .copied()
            .partition(|step| step.operation == StepOperation::Retag);
        self.require(
            retags.len() == usize::from(change.ownership == Ownership::Retag),
            || format!("{address}: its tags are not written as it says whose it is"),
        );
        let fits = |steps: &&&[(StepOperation, bool)]| {
            steps.len() == rest.len()
                && steps.iter().zip(&rest).all(|(&(operation, on_thing), step)| {
                    step.operation == operation && step.physical_id.as_ref() == id.filter(|_| on_thing)
                })
        };
        self.require(allowed.iter().any(|steps| fits(&steps)), || {
            let operations: Vec<_> = own.iter().map(|step| step.operation).collect();
            format!(
                "{address}: the steps {operations:?} do not make a {:?}",
                change.action
            )
        });
        let chained = own
            .windows(2)
            .all(|pair| waits(pair[1], pair[0], Strength::Ready));
        self.require(chained, || {
            format!("{address}: its steps do not wait for each other")
        });
        let stays = matches!(
            change.action,
            Action::NoOp | Action::Create | Action::Update | Action::Replace
        );
        // What goes on at what stays is waited for by a destroy of something else.
        let is_waited_for = follows && change.action == Action::NoOp && rest.len() == 1;
        self.require(stays == declared || is_waited_for, || {
            format!("{address}: {:?} does not fit what the file says", change.action)
        });
        self.require(change.action == Action::Create || id.is_some(), || {
            format!("{address}: {:?} of what the state does not have", change.action)
        });
        self.require(change.physical_id.as_ref() == id, || {
            format!("{address}: the change is of another thing than the state has")
        });
        let destroys = matches!(change.action, Action::Delete | Action::Replace);
        let forbids = self
            .lifecycle(address)
            .is_some_and(|lifecycle| lifecycle.prevent_destroy);
        self.require(!(destroys && forbids), || {
            format!("{address}: it would be destroyed, and prevent_destroy forbids it")
        });
        let is_protected = destroys && !retain && self.is_protected(address);
        self.require(!is_protected, || {
            format!("{address}: it would be deleted, and AWS has its deletion protection on")
        });
        self.ownership(change);
        self.require(!(change.action == Action::Delete && retain), || {
            format!("{address}: it would be deleted, and retain forbids it")
        });
        own.len()
    }

    /// What carries another stack's tag, or has lost ours where the id does not tell, is not said to be ours.
    fn ownership(&mut self, change: &Change) {
        let touches = !matches!(change.action, Action::Forget | Action::Create);
        let observed = self.input.observations.get(&change.address);
        let (
            true,
            Some(Observation::Present {
                health, stack_tag, ..
            }),
            Some(record),
        ) = (touches, observed, self.record(&change.address))
        else {
            return;
        };
        let definition = self.input.catalogue.definition(change.address.type_name());
        let tagging = definition.map_or(Tagging::None, |definition| definition.schema().tagging);
        let destroys = matches!(change.action, Action::Delete | Action::Replace);
        let works = matches!(health, Health::Ready | Health::Pending(_));
        let is_doubtful = match (tagging, stack_tag) {
            (Tagging::None, _) => false,
            (_, StackTag::Names(stack)) => {
                *stack != self.input.state.stack.to_string() && (destroys || !record.retag)
            }
            (Tagging::ByName, StackTag::Missing) => works && !record.retag,
            _ => false,
        };
        self.require(change.ownership.is_refused() == is_doubtful, || {
            format!("{}: it is not as its tags say whose it is", change.address)
        });
    }

    /// Nothing is left out, unless only targets were asked for.
    fn completeness(&mut self) {
        if !self.input.options.targets.is_empty() {
            return;
        }
        let (state, changes) = (self.input.state, &self.changes);
        let apply = self.input.options.mode == PlanMode::Apply;
        let declared = self.input.stack.filter(|_| apply);
        let mut missing: Vec<String> = state
            .resources
            .keys()
            .chain(declared.into_iter().flat_map(|stack| stack.resources.keys()))
            .filter(|address| !changes.contains_key(address))
            .map(|address| format!("{address} has no change"))
            .collect();
        let deposed = self
            .plan
            .changes
            .iter()
            .filter(|change| change.reason == Reason::Deposed)
            .count();
        if deposed != state.deposed.values().map(Vec::len).sum::<usize>() {
            missing.push("not every deposed thing has a change".to_owned());
        }
        self.broken.extend(missing);
    }

    /// No secret is in clear.
    fn secrets(&mut self) {
        let plan = self.plan;
        for change in &plan.changes {
            let values = change
                .attributes
                .iter()
                .chain(&change.drift)
                .flat_map(|change| [&change.before, &change.after])
                .chain(change.wanted.values());
            let shows = values.into_iter().any(shows_secret);
            self.require(!shows, || {
                format!("{}: a sensitive value is in clear", change.address)
            });
        }
        for (name, output) in &plan.outputs {
            let shows = shows_secret(&output.before) || shows_secret(&output.after);
            self.require(!shows, || format!("output {name}: a sensitive value is in clear"));
        }
    }

    fn find(
        &self,
        address: &ResourceAddress,
        operation: StepOperation,
        id: Option<&PhysicalId>,
    ) -> Vec<&'c Step> {
        self.steps
            .get(address)
            .into_iter()
            .flatten()
            .filter(|step| step.operation == operation && step.physical_id.as_ref() == id)
            .copied()
            .collect()
    }

    fn resource(&self, address: &ResourceAddress) -> Option<&'a Resource> {
        self.input.stack?.resources.get(address)
    }

    fn record(&self, address: &ResourceAddress) -> Option<&'a ResourceRecord> {
        self.input.state.resources.get(address)
    }

    fn lifecycle(&self, address: &ResourceAddress) -> Option<&'a Lifecycle> {
        self.resource(address)
            .map(|resource| &resource.lifecycle)
            .or_else(|| self.record(address).map(|record| &record.lifecycle))
    }
}

/// Whether `step` waits for `before`, at least as long as `strength` says.
fn waits(step: &Step, before: &Step, strength: Strength) -> bool {
    step.after
        .binary_search_by_key(&before.id, |after| after.step)
        .is_ok_and(|position| step.after[position].strength >= strength)
}

fn shows_secret(value: &Value) -> bool {
    match value {
        Value::Secret(Secret::Clear(_)) => true,
        Value::List(items) => items.iter().any(shows_secret),
        Value::Map(entries) => shows_any(entries),
        _ => false,
    }
}

fn shows_any(entries: &Attributes) -> bool {
    entries.values().any(shows_secret)
}
