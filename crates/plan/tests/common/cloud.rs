//! A cloud that carries plans out, in any order that they allow, and minds what AWS would: nothing is deleted that
//! something uses, no two things share a name. The file is long because all of that is minded in one run through a plan,
//! which has to know of everything that a step may do.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::{Reason, StepDependency};
use infra_core::state::{JournalEntry, Operation, RecordStatus};
use infra_core::{
    Attributes, Health, Intent, Lifecycle, Observation, PhysicalId, Plan, Resource, ResourceAddress,
    ResourceRecord, RunId, Scope, StackTag, Step, StepOperation, Token, Value,
};
use infra_plan::{Current, attributes_after, resolve};

use super::case::Case;
use super::key;
use super::relations::{clear, has_circle, mentions, places};

#[derive(Debug, Clone, Default)]
pub struct Cloud {
    pub things: BTreeMap<PhysicalId, (ResourceAddress, Attributes)>,
    /// What is on its way.
    pub pending: BTreeSet<PhysicalId>,
    made: usize,
    calls: usize,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    pub deleted: Vec<PhysicalId>,
    pub failed: usize,
}

impl Cloud {
    /// Carries `plan` out on the case's state and on this cloud. `luck` is asked before each step: which of
    /// the steps that could go next does, and whether it fails.
    pub fn run(
        &mut self,
        case: &mut Case,
        plan: &Plan,
        mut luck: impl FnMut(usize) -> (usize, bool),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut run = Run::new(self, case, plan);
        let mut done: BTreeSet<u32> = BTreeSet::new();
        let mut open: Vec<&Step> = plan.steps.iter().collect();
        loop {
            let is_done = |after: &StepDependency| done.contains(&after.step.0);
            let ready: Vec<usize> = (0..open.len())
                .filter(|&position| open[position].after.iter().all(is_done))
                .collect();
            if ready.is_empty() {
                break;
            }
            let (choice, fails) = luck(ready.len());
            let step = open.remove(ready[choice % ready.len()]);
            if fails {
                outcome.failed += 1;
                continue;
            }
            run.step(step, &mut outcome);
            done.insert(step.id.0);
        }
        assert!(
            outcome.failed > 0 || open.is_empty(),
            "the plan does not come to its end"
        );
        outcome
    }

    /// Carries a plan out in its own order, without minding anything: for large plans.
    pub fn run_in_order(&mut self, case: &mut Case, plan: &Plan) {
        let mut run = Run::new(self, case, plan);
        run.circles = true;
        run.minds_names = false;
        let mut outcome = Outcome::default();
        for step in &plan.steps {
            run.step(step, &mut outcome);
        }
    }

    /// What a look at everything in the state finds.
    pub fn observe(&self, case: &mut Case) {
        let see = |id: &PhysicalId| match self.things.get(id) {
            Some((_, attributes)) => Observation::Present {
                attributes: attributes.clone(),
                health: match self.pending.contains(id) {
                    true => Health::Pending("pending".to_owned()),
                    false => Health::Ready,
                },
                stack_tag: StackTag::Untold,
            },
            None => Observation::Absent,
        };
        let resources = case.state.resources.iter();
        case.observations = resources
            .map(|(address, record)| (address.clone(), see(&record.physical_id)))
            .collect();
        let deposed = case.state.deposed.iter();
        case.deposed_observations = deposed
            .flat_map(|(address, records)| records.iter().map(move |record| (address, record)))
            .map(|(address, record)| {
                let id = &record.physical_id;
                ((address.clone(), id.clone()), see(id))
            })
            .collect();
    }
}

struct Run<'r> {
    cloud: &'r mut Cloud,
    case: &'r mut Case,
    plan: &'r Plan,
    scope: Scope,
    /// Whether records need each other in a circle, so that no order of deletes is right.
    circles: bool,
    minds_names: bool,
    tokens: usize,
}

impl<'r> Run<'r> {
    fn new(cloud: &'r mut Cloud, case: &'r mut Case, plan: &'r Plan) -> Self {
        let circles = has_circle(case);
        let mut run = Self {
            cloud,
            case,
            plan,
            scope: Scope::default(),
            circles,
            minds_names: true,
            tokens: 0,
        };
        for change in &plan.changes {
            if change.reason != Reason::Deposed {
                run.learn(&change.address);
            }
        }
        run
    }

    /// Notes what expressions see of what the state has at an address.
    fn learn(&mut self, address: &ResourceAddress) {
        let resource = self.resource(address);
        let record = self.case.state.resources.get(address);
        if let (Some(resource), Some(record)) = (resource, record)
            && let Some((_, there)) = self.cloud.things.get(&record.physical_id)
        {
            let schema = self.case.types.schema(address.type_name());
            let literal = |name: &String| {
                let found = resource.attributes.get(name)?.evaluate(&self.scope);
                found.ok().filter(|value| !value.has_unknown())
            };
            let write_only = schema
                .attributes
                .iter()
                .filter(|(_, attribute)| attribute.write_only);
            let wanted = write_only
                .filter_map(|(name, _)| Some((name.clone(), literal(name)?)))
                .collect();
            let seen = attributes_after(schema, &wanted, there);
            self.scope.set(address.clone(), seen);
        }
    }

    fn resource(&self, address: &ResourceAddress) -> Option<Resource> {
        self.case.stack.as_ref()?.resources.get(address).cloned()
    }

    fn fold(&mut self, entry: &JournalEntry) {
        self.case.state.fold(entry).expect("a legal journal entry");
    }

    fn intend(&mut self, step: &Step, operation: Operation, attributes: Attributes) -> Token {
        self.tokens += 1;
        let token = Token(format!("token-{}", self.tokens));
        self.fold(&JournalEntry::Intended(Box::new(Intent {
            token: token.clone(),
            address: step.address.clone(),
            operation,
            location: None,
            physical_id: step.physical_id.clone(),
            attributes,
            changed: Vec::new(),
            spec_hash: String::new(),
            dependencies: Vec::new(),
            lifecycle: Lifecycle::default(),
            timeouts: Default::default(),
            run: RunId("run".into()),
            at_unix_ms: 0,
            there_before: None,
            learned: Attributes::new(),
            in_doubt_since_unix_ms: None,
        })));
        token
    }

    fn step(&mut self, step: &Step, outcome: &mut Outcome) {
        match step.operation {
            StepOperation::Create => self.create(step),
            StepOperation::Update | StepOperation::Confirm => self.update(step),
            StepOperation::Retag => panic!("no case has tags that are to be written"),
            StepOperation::Wait => {
                let id = step.physical_id.as_ref().expect("a wait has an id");
                // An update in this plan may have begun it.
                let follows = self.case.types.schema(step.address.type_name()).follows.is_some();
                let is_pending = self.cloud.pending.remove(id);
                assert!(is_pending || follows, "waited for what works");
                let mut record = Box::new(self.case.state.resources[&step.address].clone());
                record.status = RecordStatus::Ready;
                self.fold(&JournalEntry::Confirmed {
                    address: step.address.clone(),
                    record,
                });
            }
            StepOperation::Forget => {
                let physical_id = step.physical_id.clone().expect("a forget has an id");
                self.fold(&JournalEntry::Forgotten {
                    address: step.address.clone(),
                    physical_id,
                });
            }
            StepOperation::Delete => {
                let id = step.physical_id.clone().expect("a delete has an id");
                self.nothing_uses(&id, &step.address);
                self.cloud.things.remove(&id);
                let token = self.intend(step, Operation::Delete, Attributes::new());
                self.fold(&JournalEntry::Deleted { token });
                outcome.deleted.push(id);
            }
        }
    }

    fn create(&mut self, step: &Step) {
        let resource = self.resource(&step.address).expect("what is made is in the file");
        self.cloud.made += 1;
        let id = PhysicalId::new(format!("<{:06}>", self.cloud.made));
        let observed = {
            let scope = &self.scope;
            let schema = self.case.types.schema(step.address.type_name());
            let resolved = resolve(&resource, schema, scope, None, None, &key()).expect("resolvable");
            self.is_as_planned(step, resolved.for_create());
            resolved.for_create().clone()
        };
        self.name_is_free(&step.address, &observed);
        self.leave(step, &resource, id, observed);
    }

    fn update(&mut self, step: &Step) {
        let resource = self.resource(&step.address).expect("what is changed is declared");
        let id = step.physical_id.clone().expect("an update has an id");
        let takes_its_place = self.case.types.schema(step.address.type_name()).follows.is_some();
        assert!(
            !self.cloud.pending.remove(&id) || takes_its_place,
            "{} is changed before it works",
            step.address
        );
        let attributes = {
            let scope = &self.scope;
            let schema = self.case.types.schema(step.address.type_name());
            let record = &self.case.state.resources[&step.address];
            let observed = &self.cloud.things[&id].1;
            let current = Current {
                applied: &record.applied,
                observed,
            };
            let resolved =
                resolve(&resource, schema, scope, None, Some(current), &key()).expect("resolvable");
            let changes = resolved.changes(&key());
            assert!(
                changes.iter().all(|change| !change.forces_replacement),
                "{}: an update would have to replace: {changes:?}",
                step.address
            );
            let calls = step.operation == StepOperation::Update;
            assert!(
                calls || changes.is_empty(),
                "{}: confirmed, but it differs",
                step.address
            );
            self.is_as_planned(step, resolved.for_update());
            resolved.for_update().clone()
        };
        self.leave(step, &resource, id, attributes);
    }

    /// What the plan knew of the wanted attributes is what they are.
    fn is_as_planned(&self, step: &Step, wanted: &Attributes) {
        let change = self
            .plan
            .changes
            .iter()
            .find(|change| change.address == step.address && change.reason != Reason::Deposed);
        for (name, planned) in &change.expect("a step has its change").wanted {
            if !planned.has_unknown() {
                let actual = wanted.get(name).cloned().unwrap_or_default().sealed(&key());
                assert_eq!(&actual, planned, "{}: {name} is not as planned", step.address);
            }
        }
    }

    /// Puts the attributes on the thing and into the state.
    fn leave(&mut self, step: &Step, resource: &Resource, id: PhysicalId, set: Attributes) {
        let schema = self.case.types.schema(step.address.type_name());
        let entry = self.cloud.things.entry(id.clone());
        let (_, thing) = entry.or_insert_with(|| (step.address.clone(), Attributes::new()));
        for (name, value) in &set {
            match value {
                Value::Null => thing.remove(name),
                value => thing.insert(name.clone(), clear(value)),
            };
        }
        let called = step.operation != StepOperation::Confirm;
        self.cloud.calls += usize::from(called);
        let stays = |name: &String| schema.stays_in.iter().any(|rule| rule.own == *name);
        for (name, computed) in schema.computed.iter().filter(|(name, _)| called && !stays(name)) {
            let value = match computed.changes_on_update {
                true => format!("{}@{}", id, self.cloud.calls),
                false => id.to_string(),
            };
            thing.insert(name.clone(), Value::from(value));
        }
        let named = thing.clone();
        for (rule, place) in places(&self.cloud.things, schema, &named) {
            let (_, thing) = self.cloud.things.get_mut(&id).expect("it is there");
            let own = thing.get(&rule.own).cloned();
            let is_new = step.operation == StepOperation::Create;
            // A text that another's update makes is not known to the plan, and nothing that stands stands in one.
            let is_made_up = place.as_str().is_some_and(|place| place.contains('@'));
            assert!(
                is_new || is_made_up || !called || own.is_none() || own == Some(place.clone()),
                "{}: it stands in {own:?} and would be moved to {place:?}",
                step.address
            );
            if is_new {
                thing.insert(rule.own.clone(), place);
            }
        }
        let observed = self.cloud.things[&id].1.clone();
        let (applied, hidden) = {
            let scope = &self.scope;
            let old = self.case.state.resources.get(&step.address);
            let old = old
                .filter(|record| record.physical_id == id)
                .map(|record| Current {
                    applied: &record.applied,
                    observed: &observed,
                });
            let current = old.unwrap_or(Current {
                applied: &set,
                observed: &observed,
            });
            let resolved = resolve(resource, schema, scope, None, Some(current), &key()).expect("resolvable");
            let hidden: Attributes = resolved
                .observed()
                .expect("there is something")
                .iter()
                .map(|(name, value)| (name.clone(), value.sealed(&key())))
                .collect();
            (resolved.applied(&key()), hidden)
        };
        let record = Box::new(ResourceRecord {
            physical_id: id,
            location: None,
            applied,
            observed: hidden,
            dependencies: resource.dependencies.keys().cloned().collect(),
            lifecycle: resource.lifecycle.clone(),
            timeouts: resource.timeouts.clone(),
            status: RecordStatus::Ready,
            retag: false,
        });
        let entry = match step.operation {
            StepOperation::Create => JournalEntry::Created {
                token: self.intend(step, Operation::Create, Attributes::new()),
                record,
            },
            StepOperation::Update => JournalEntry::Updated {
                token: self.intend(step, Operation::Update, Attributes::new()),
                record,
            },
            _ => JournalEntry::Confirmed {
                address: step.address.clone(),
                record,
            },
        };
        self.fold(&entry);
        self.learn(&step.address);
    }

    /// Nothing that the state knows of may still use what is deleted, unless its lifecycle left no choice.
    fn nothing_uses(&self, id: &PhysicalId, address: &ResourceAddress) {
        if self.circles {
            return;
        }
        let current = self.case.state.resources.iter();
        let deposed = self.case.state.deposed.iter();
        let deposed =
            deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
        for (user, record) in current.chain(deposed).filter(|(user, _)| *user != address) {
            let current = self.case.state.resources.get(user);
            let lifecycle = match (self.resource(user), current) {
                (Some(resource), _) => resource.lifecycle,
                (None, Some(current)) => current.lifecycle.clone(),
                (None, None) => record.lifecycle.clone(),
            };
            let fixed = self.is_forgotten(&record.physical_id)
                || lifecycle.prevent_destroy
                || lifecycle.retain
                || lifecycle.create_before_destroy == Some(true);
            if let Some((_, attributes)) = self.cloud.things.get(&record.physical_id).filter(|_| !fixed) {
                // What it stands in it names by something else, if at all.
                let schema = self.case.types.schema(user.type_name());
                let names = |name: &String| !schema.stays_in.iter().any(|rule| rule.own == *name);
                let mut named = attributes.iter().filter(|(name, _)| names(name));
                assert!(
                    !named.any(|(_, value)| mentions(value, id)),
                    "{address} {id} is deleted while {user} {} uses it: {attributes:?}",
                    record.physical_id
                );
            }
        }
    }

    fn name_is_free(&self, address: &ResourceAddress, attributes: &Attributes) {
        let schema = self.case.types.schema(address.type_name());
        if schema.natural_key.is_empty() || !self.minds_names {
            return;
        }
        for (id, (other, there)) in &self.cloud.things {
            let same_name = schema.natural_key.iter().all(|name| {
                let wanted = attributes.get(name).map(clear);
                let part = |value: Option<&Value>| value.map(|value| schema.unique_part(name, value));
                part(wanted.as_ref()) == part(there.get(name))
                    && (schema.is_caseless(name) || wanted.as_ref() == there.get(name))
            });
            assert!(
                other != address || !same_name || self.is_forgotten(id),
                "{address} is made while {id} has its name"
            );
        }
    }

    /// Whether the state lets go of a thing, so that it stays with its name.
    fn is_forgotten(&self, id: &PhysicalId) -> bool {
        let state = &self.case.state;
        let mut records = state.resources.values().chain(state.deposed.values().flatten());
        let mut steps = self.plan.steps.iter();
        records.all(|record| record.physical_id != *id)
            || steps
                .any(|step| step.operation == StepOperation::Forget && step.physical_id.as_ref() == Some(id))
    }
}
