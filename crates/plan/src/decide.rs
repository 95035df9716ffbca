//! What happens to each resource, and why.

use std::collections::BTreeMap;

use infra_core::plan::{PlanMode, Reason, ReplaceOrder};
use infra_core::{
    Action, Attributes, Diagnostic, Health, Ownership, Reference, Resource, ResourceAddress, Scope, Value,
};

use crate::compare::{Difference, Purpose, differences};
use crate::existing;
use crate::follows::only_waited_for;
use crate::graph::{Found, Graph, Node};
use crate::input::{PlanInput, means};
use crate::resolve::{Current, Known, Resolved, as_far_as_known, settle};
use crate::scope;
use crate::targets::Selected;

/// What is decided for one address.
#[derive(Debug)]
pub(crate) struct Decision {
    pub action: Action,
    pub reason: Reason,
    pub differences: Vec<Difference>,
    pub drift: Vec<Difference>,
    /// The wanted attributes, secrets in clear.
    pub wanted: Attributes,
    /// For a replacement: which half first.
    pub order: Option<ReplaceOrder>,
    /// The old one has to go first, whatever the order would be otherwise.
    pub delete_first: bool,
    /// It is on its way: something has to wait until it works.
    pub wait: bool,
    /// The record is to be brought up to date without a call.
    pub confirm: bool,
    /// An update is made even if nothing differs.
    pub forced: bool,
    /// Whose the thing is that is there.
    pub ownership: Ownership,
}

impl Decision {
    pub fn new(action: Action, reason: Reason) -> Self {
        Self {
            action,
            reason,
            differences: Vec::new(),
            drift: Vec::new(),
            wanted: Attributes::new(),
            order: None,
            delete_first: false,
            wait: false,
            confirm: false,
            forced: false,
            ownership: Ownership::Ours,
        }
    }

    pub fn creates_first(&self) -> bool {
        self.order == Some(ReplaceOrder::CreateThenDelete)
    }
}

/// All decisions, by node; `None` for what the plan leaves out.
pub(crate) struct Decisions {
    pub of: Vec<Option<Decision>>,
    /// What expressions see: lookups, and each resource that one refers to, once it is decided.
    pub scope: Scope,
    /// What stands in the way of the plan.
    pub errors: Vec<Diagnostic>,
}

/// Why a resource has to be replaced with the old one going first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The node that this is because of.
    pub node: usize,
    /// What the two have to do with each other.
    pub tie: Tie,
}

/// What a resource has to do with the one that it is replaced because of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// It refers to that one.
    Refers,
    /// That one takes what this one has and AWS keeps unique.
    IsTaken,
    /// It takes what that one has and AWS keeps unique.
    Takes,
}

/// Decides for every selected node, each after what it needs. `delete_first` holds resources that have to
/// be replaced, the old one first, with what this is because of.
pub(crate) fn decide<'a>(
    input: &PlanInput<'a>,
    graph: &Graph<'a>,
    selected: &Selected,
    delete_first: &BTreeMap<usize, Cause>,
) -> Decisions {
    let mut scope = Scope::new(input.identity.cloned());
    scope.extend(input.lookups.clone());
    let mut decider = Decider {
        input,
        graph,
        selected,
        delete_first,
        decisions: Decisions {
            of: graph.nodes.iter().map(|_| None).collect(),
            scope,
            errors: Vec::new(),
        },
    };
    for &number in graph.order.iter().filter(|&&number| selected.nodes[number]) {
        let node = &graph.nodes[number];
        let mut decision = match (input.options.mode, node.resource) {
            (PlanMode::Apply, Some(resource)) => Some(decider.declared(number, node, resource)),
            (PlanMode::Apply, None) => removed(node, Reason::Undeclared),
            (PlanMode::Destroy, _) => removed(node, Reason::Destroy),
        };
        if let (Some(decision), Some(marks)) = (&mut decision, node.marks(&input.state.stack)) {
            decision.ownership = marks.ownership(decision.action);
            decision.drift.extend(marks.drift());
        }
        decider.decisions.of[number] = decision;
    }
    for (number, decision) in only_waited_for(graph, selected, &decider.decisions) {
        decider.decisions.of[number] = Some(decision);
    }
    decider.decisions
}

/// What is in the state and is to go. `None` when the address holds deposed things only.
fn removed(node: &Node<'_>, reason: Reason) -> Option<Decision> {
    let retain = node.lifecycle().is_some_and(|lifecycle| lifecycle.retain);
    match node.found {
        Found::Nothing => None,
        Found::Absent => Some(Decision::new(Action::Forget, Reason::Vanished)),
        Found::Present { .. } if retain => Some(Decision::new(Action::Forget, reason)),
        Found::Present { .. } => Some(Decision::new(Action::Delete, reason)),
    }
}

pub(crate) struct Decider<'d, 'a> {
    pub input: &'d PlanInput<'a>,
    pub graph: &'d Graph<'a>,
    /// By node: whether the plan is about it.
    pub selected: &'d Selected,
    pub delete_first: &'d BTreeMap<usize, Cause>,
    pub decisions: Decisions,
}

impl<'a> Decider<'_, 'a> {
    fn declared(&mut self, number: usize, node: &Node<'a>, resource: &Resource) -> Decision {
        let Some(definition) = node.definition else {
            return Decision::new(Action::NoOp, Reason::Unchanged);
        };
        let present = match &node.found {
            Found::Present {
                attributes, health, ..
            } => Some(existing::Present {
                number,
                node,
                resource,
                definition,
                observed: attributes,
                health,
            }),
            Found::Nothing | Found::Absent => None,
        };
        let known = Known {
            scope: &self.decisions.scope,
            prepared: self.input.prepared.get(node.address),
            key: self.input.sealing_key,
        };
        let current = present.as_ref().and_then(existing::Present::current);
        let stays = |name: &str| self.stays(resource, name);
        let (schema, mut problems) = (definition.schema(), Vec::new());
        let resolved = as_far_as_known(resource, schema, known, current, &stays, &mut problems);
        self.decisions.errors.extend(problems);
        match (present, &node.found) {
            (Some(present), _) => self.existing(&present, resolved),
            (None, Found::Absent) => self.created(number, node, resolved.into_set(), Reason::Vanished),
            (None, _) => self.created(number, node, resolved.into_set(), Reason::New),
        }
    }

    /// Whether a value that is not known is nevertheless known to be what it was.
    fn stays(&self, resource: &Resource, name: &str) -> bool {
        let template = resource.attributes.get(name);
        let mut depends = false;
        if let Some(template) = template {
            template.for_each_reference(&mut |reference| {
                depends |= self.decisions.is_changing(self.graph, reference);
            });
        }
        template.is_some() && !depends
    }

    fn created(&mut self, number: usize, node: &Node<'a>, set: Attributes, reason: Reason) -> Decision {
        let mut decision = Decision::new(Action::Create, reason);
        if let Some(definition) = node.definition {
            let (schema, nothing) = (definition.schema(), Attributes::new());
            let key = self.input.sealing_key;
            decision.differences = differences(schema, Purpose::Change, &set, &nothing, &nothing, key);
            for difference in &mut decision.differences {
                // What is made new can be anything.
                difference.immutable = false;
            }
        }
        self.plan_new(number, node, &set);
        decision.wanted = set;
        decision
    }

    /// Notes what expressions see of a resource that is going to be made.
    pub fn plan_new(&mut self, number: usize, node: &Node<'a>, set: &Attributes) {
        if let (true, Some(definition)) = (self.graph.referenced[number].any(), node.definition) {
            let seen = scope::of_new(node.address, definition, set);
            self.decisions.scope.set(node.address.clone(), seen);
        }
    }

    /// Compares what the file sets with something else than what there is.
    pub fn settled<'o>(
        &self,
        present: &existing::Present<'_, 'a>,
        current: Option<Current<'o>>,
        set: Attributes,
    ) -> Resolved<'o> {
        let stays = |name: &str| self.stays(present.resource, name);
        settle(
            set,
            present.definition.schema(),
            &present.resource.lifecycle,
            current,
            self.input.sealing_key,
            &stays,
        )
    }
}

impl Decisions {
    /// Whether an attribute is unknown because something is going to be done to its resource, or because that
    /// is still on its way: then it may well be the new one of a replacement that did not come to its end.
    pub fn is_changing(&self, graph: &Graph<'_>, reference: &Reference) -> bool {
        let Some(&number) = graph.index.get(&reference.address) else {
            return false;
        };
        let acts = matches!(
            &self.of[number],
            Some(decision) if decision.action != Action::NoOp || decision.wait
        );
        let Some(planned) = self.scope.attributes(&reference.address).filter(|_| acts) else {
            return false;
        };
        match &reference.attribute {
            Some(name) => planned.get(name).is_some_and(Value::has_unknown),
            None => planned.values().any(Value::has_unknown),
        }
    }
}

/// Whether `node` refers to an attribute of `other` that will not be what AWS has now.
pub(crate) fn refers_to_change(graph: &Graph<'_>, scope: &Scope, node: usize, other: usize) -> bool {
    let Some(resource) = graph.nodes[node].resource else {
        return false;
    };
    let address = graph.nodes[other].address;
    let observed = match &graph.nodes[other].found {
        Found::Present { attributes, .. } => Some(*attributes),
        _ => None,
    };
    let mut found = false;
    for template in resource.attributes.values() {
        template.for_each_reference(&mut |reference| {
            if found || reference.address != *address {
                return;
            }
            found = match &reference.attribute {
                None => true,
                Some(name) => {
                    let will_be = scope.attributes(address).and_then(|planned| planned.get(name));
                    let is = observed.and_then(|observed| observed.get(name));
                    let will_be = will_be.unwrap_or(&Value::Null);
                    will_be.has_unknown() || !will_be.same(is.unwrap_or(&Value::Null))
                }
            };
        });
    }
    found
}

/// Whether the user named `node` in a list.
pub(crate) fn is_asked(list: &[ResourceAddress], node: &Node<'_>) -> bool {
    list.iter().any(|asked| means(asked, node.address))
}

/// AWS's word for a resource that does not and will not work.
pub(crate) fn broken(health: &Health) -> Option<&str> {
    match health {
        Health::Failed(status) | Health::Deleting(status) => Some(status),
        Health::Ready | Health::Pending(_) => None,
    }
}
