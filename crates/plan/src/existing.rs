//! What happens to a resource that the file wants and AWS has.

use infra_core::plan::{Reason, ReplaceOrder};
use infra_core::state::RecordStatus;
use infra_core::{
    Action, AttributeSchema, Attributes, Diagnostic, Health, Resource, ResourceAddress, ResourceRecord,
    TypeDefinition, TypeSchema, Value,
};

use crate::decide::{Decider, Decision, Tie, broken, is_asked, refers_to_change};
use crate::equality::{equal, same_stored};
use crate::follows::is_begun_again;
use crate::graph::Node;
use crate::resolve::{Current, Resolved, immutable_paths};
use crate::scope;
use crate::unique::keys_in;

/// A resource that the file wants and AWS has.
pub(crate) struct Present<'o, 'a> {
    pub number: usize,
    pub node: &'o Node<'a>,
    pub resource: &'o Resource,
    pub definition: &'a dyn TypeDefinition,
    pub observed: &'o Attributes,
    pub health: &'o Health,
}

impl<'o> Present<'o, '_> {
    pub fn current(&self) -> Option<Current<'o>> {
        let record = self.node.record?;
        Some(Current {
            applied: &record.applied,
            observed: self.observed,
        })
    }
}

impl<'a> Decider<'_, 'a> {
    pub(crate) fn existing(&mut self, present: &Present<'_, 'a>, mut resolved: Resolved<'_>) -> Decision {
        let options = &self.input.options;
        let forced = is_asked(&options.force_update, present.node);
        let immutable = immutable_paths(&resolved.differences);
        let differs = !resolved.differences.is_empty();
        let begun_by = self.is_begun_by(present, &resolved);
        let (action, reason) = if let (Some(status), true) = (
            is_begun_again(present, present.health),
            immutable.is_empty() && !is_asked(&options.replace, present.node),
        ) {
            let status = status.to_owned();
            (Action::Update, Reason::Broken { status })
        } else if let Some(status) = broken(present.health) {
            let status = status.to_owned();
            (Action::Replace, Reason::Broken { status })
        } else if is_asked(&options.replace, present.node) {
            (Action::Replace, Reason::Requested)
        } else if !immutable.is_empty() {
            (
                Action::Replace,
                Reason::Immutable {
                    attributes: immutable,
                },
            )
        } else if let Some(address) = begun_by {
            (Action::Update, Reason::Follows { address })
        } else if differs {
            (Action::Update, Reason::Differs)
        } else if forced {
            (Action::Update, Reason::Requested)
        } else {
            (Action::NoOp, Reason::Unchanged)
        };
        let mut decision = Decision::new(action, reason);
        if decision.action == Action::Update
            && let Some(reason) = self.leaves(present, &mut resolved)
        {
            decision.action = Action::Replace;
            decision.reason = reason;
        }
        let part_of = || {
            let address = self.is_part_of(present, &resolved.differences)?;
            Some(Reason::DependencyReplaced { address })
        };
        let cause = match decision.action {
            Action::Update => self.has_to_go_with(present).or_else(part_of),
            Action::NoOp => self.is_dragged(present).or_else(part_of),
            _ => None,
        };
        if let Some(reason) = cause {
            decision.action = Action::Replace;
            decision.reason = reason;
            decision.delete_first = true;
        }
        match decision.action {
            Action::Replace => self.replaced(present, resolved, decision),
            Action::Update => self.updated(present, resolved, decision, forced),
            _ => self.kept(present, resolved, decision),
        }
    }

    /// The replaced dependency that cannot go as long as this one refers to it, or what this one changes places with.
    /// `None` when there is no such thing, or when this one may not be replaced: then it is updated once the new
    /// dependency is there.
    fn has_to_go_with(&self, present: &Present<'_, 'a>) -> Option<Reason> {
        if !is_replaceable(present.resource) {
            return None;
        }
        self.is_dragged(present).or_else(|| {
            let cause = self
                .replaced_dependencies(present)
                .find(|&other| refers_to_change(self.graph, &self.decisions.scope, present.number, other))?;
            let address = self.graph.nodes[cause].address.clone();
            Some(Reason::DependencyReplaced { address })
        })
    }

    /// Why another round of decisions has it that this one is replaced, the old one first.
    fn is_dragged(&self, present: &Present<'_, 'a>) -> Option<Reason> {
        let cause = self.delete_first.get(&present.number);
        let cause = cause.filter(|_| is_replaceable(present.resource))?;
        let address = self.graph.nodes[cause.node].address.clone();
        Some(match cause.tie {
            Tie::IsTaken => Reason::PlaceWanted { address },
            Tie::Takes => Reason::PlaceTaken { address },
            Tie::Refers => Reason::DependencyReplaced { address },
        })
    }

    /// What this one needs, now as before, and what is replaced with the old one going first.
    pub(crate) fn replaced_dependencies<'s>(
        &'s self,
        present: &'s Present<'_, 'a>,
    ) -> impl Iterator<Item = usize> + 's {
        let stored = present
            .node
            .thing
            .map(|thing| self.graph.stored[thing].as_slice());
        stored
            .unwrap_or_default()
            .iter()
            .filter(|&&thing| !self.graph.things[thing].deposed)
            .map(|&thing| self.graph.things[thing].node)
            .filter(|&other| self.graph.needs(present.number, other))
            .filter(|&other| matches!(&self.decisions.of[other], Some(decision) if decision.delete_first))
    }

    fn replaced(
        &mut self,
        present: &Present<'_, 'a>,
        resolved: Resolved<'_>,
        mut decision: Decision,
    ) -> Decision {
        decision.differences = resolved.differences.clone();
        decision.drift = resolved.drift.clone();
        let observed = resolved.observed().unwrap_or(present.observed).clone();
        let set = resolved.into_set();
        let keeps_name = self.keeps_name(present, &set, &observed);
        let keys = |attributes| keys_in(Some(present.definition), attributes);
        let clash = match (keys(&set), keys(&observed)) {
            (Some(new), Some(old)) if !keeps_name || new.differ_in_case(&old) => {
                Some(new.in_words(&old)).filter(|clash| !clash.is_empty())
            }
            _ => None,
        };
        let lifecycle = &present.resource.lifecycle;
        let keeps_name = keeps_name || clash.is_some();
        let asked = lifecycle.create_before_destroy;
        // What is being deleted by somebody gives its name back by itself.
        let asked_in_vain = asked == Some(true) && !matches!(present.health, Health::Deleting(_));
        if keeps_name && (asked_in_vain || lifecycle.retain) {
            self.decisions
                .errors
                .push(name_in_use(present, clash, asked_in_vain));
        }
        let dragged = self
            .delete_first
            .get(&present.number)
            .map(|cause| cause.node)
            .or_else(|| self.replaced_dependencies(present).next());
        if let (Some(cause), Some(true)) = (dragged, asked) {
            let cause = self.graph.nodes[cause].address;
            self.decisions.errors.push(cannot_come_first(present, cause));
        }
        decision.delete_first |= keeps_name || dragged.is_some();
        let create_first =
            asked.unwrap_or(present.definition.schema().create_before_destroy) || lifecycle.retain;
        decision.order = Some(if create_first && !decision.delete_first {
            ReplaceOrder::CreateThenDelete
        } else {
            ReplaceOrder::DeleteThenCreate
        });
        self.plan_new(present.number, present.node, &set);
        decision.wanted = set;
        decision
    }

    /// Whether the new one would have the old one's name at AWS. What is null in all parts of a name is none.
    fn keeps_name(&self, present: &Present<'_, 'a>, set: &Attributes, observed: &Attributes) -> bool {
        let schema = present.definition.schema();
        if schema.natural_key.is_empty() {
            return false;
        }
        let derived;
        let all = if schema.natural_key.iter().all(|name| set.contains_key(name)) {
            set
        } else {
            derived = scope::of_new(present.node.address, present.definition, set);
            &derived
        };
        let has_part = |name: &String| observed.get(name).is_some_and(|value| !value.is_null());
        schema.natural_key.iter().any(has_part)
            && schema.natural_key.iter().all(|name| {
                let kind = schema.attributes.get(name).map(|attribute| &attribute.kind);
                let kind = kind.or_else(|| schema.computed.get(name).map(|computed| &computed.kind));
                let will_be = all.get(name).unwrap_or(&Value::Null);
                differs_in_case(schema, name, will_be, observed)
                    || kind
                        .is_some_and(|kind| equal(kind, will_be, observed.get(name), self.input.sealing_key))
            })
    }

    fn updated(
        &mut self,
        present: &Present<'_, 'a>,
        mut resolved: Resolved<'_>,
        mut decision: Decision,
        forced: bool,
    ) -> Decision {
        let is_pending = matches!(present.health, Health::Pending(_));
        // What is begun by an update takes the place of what is on its way.
        decision.wait = is_pending && present.definition.schema().follows.is_none();
        decision.forced = forced;
        decision.differences = std::mem::take(&mut resolved.differences);
        decision.drift = std::mem::take(&mut resolved.drift);
        if self.graph.referenced[present.number].any() {
            let observed = resolved.observed().unwrap_or(present.observed);
            let address = present.node.address;
            let seen = scope::of_updated(
                address,
                present.definition,
                resolved.for_update(),
                observed,
                is_pending,
            );
            self.decisions.scope.set(address.clone(), seen);
        }
        decision.wanted = resolved.into_in_place();
        decision
    }

    fn kept(
        &mut self,
        present: &Present<'_, 'a>,
        mut resolved: Resolved<'_>,
        mut decision: Decision,
    ) -> Decision {
        decision.wait = matches!(present.health, Health::Pending(_));
        decision.drift = std::mem::take(&mut resolved.drift);
        let observed = resolved.observed().unwrap_or(present.observed);
        // The end of a wait notes what AWS tells; the rest of the record is this step's.
        let set = resolved.for_create();
        let seen = decision.wait
            || present
                .node
                .record
                .is_some_and(|record| self.is_noted(present, record, set, observed));
        let recorded = present
            .node
            .record
            .is_some_and(|record| self.is_recorded(present, record, &resolved));
        decision.confirm = !(seen && recorded);
        if self.graph.referenced[present.number].any() {
            let address = present.node.address;
            let seen = scope::of_kept(
                address,
                present.definition,
                resolved.for_update(),
                observed,
                decision.wait,
            );
            self.decisions.scope.set(address.clone(), seen);
        }
        decision.wanted = resolved.into_in_place();
        decision
    }

    /// Whether the record has what AWS tells now of what only AWS sets and of what others refer to, and nothing in
    /// it differs from what the file sets: a plan that believes the record finds no more to do than one that
    /// looks.
    fn is_noted(
        &self,
        present: &Present<'_, 'a>,
        record: &ResourceRecord,
        set: &Attributes,
        observed: &Attributes,
    ) -> bool {
        let null = &Value::Null;
        let same = |name: &String| {
            let (seen, known) = (observed.get(name), record.observed.get(name));
            same_stored(
                seen.unwrap_or(null),
                known.unwrap_or(null),
                self.input.sealing_key,
            )
        };
        let remembered = Current {
            applied: &record.applied,
            observed: &record.observed,
        };
        let schema = present.definition.schema();
        let referenced = &self.graph.referenced[present.number];
        let mut others = schema
            .attributes
            .iter()
            .filter(|(name, schema)| !schema.write_only && referenced.has(name));
        let is_told = |(name, schema): (&String, &AttributeSchema)| {
            let (seen, known) = (observed.get(name), record.observed.get(name));
            equal(&schema.kind, seen.unwrap_or(null), known, self.input.sealing_key)
        };
        record.status == RecordStatus::Ready
            && schema.computed.keys().all(same)
            && others.all(is_told)
            && (set.keys().all(same)
                || self
                    .settled(present, Some(remembered), set.clone())
                    .differences
                    .is_empty())
    }

    /// Whether the record has what the file says now.
    fn is_recorded(
        &self,
        present: &Present<'_, 'a>,
        record: &ResourceRecord,
        resolved: &Resolved<'_>,
    ) -> bool {
        let resource = present.resource;
        let mut dependencies: Vec<_> = record.dependencies.iter().collect();
        dependencies.sort_unstable();
        dependencies.dedup();
        record.lifecycle == resource.lifecycle
            && record.timeouts == resource.timeouts
            && dependencies.into_iter().eq(resource.dependencies.keys())
            && resolved.is_recorded(&record.applied, self.input.sealing_key)
    }
}

/// Whether a resource may be replaced, the old one first, because of another.
pub(crate) fn is_replaceable(resource: &Resource) -> bool {
    let lifecycle = &resource.lifecycle;
    !lifecycle.prevent_destroy && !lifecycle.retain && lifecycle.create_before_destroy != Some(true)
}

/// Whether AWS would take a text for the one that is there, although it is written otherwise.
fn differs_in_case(schema: &TypeSchema, name: &str, will_be: &Value, observed: &Attributes) -> bool {
    let texts = will_be.as_str().zip(observed.get(name).and_then(Value::as_str));
    schema.is_caseless(name) && texts.is_some_and(|(new, old)| new != old && new.eq_ignore_ascii_case(old))
}

fn name_in_use(present: &Present<'_, '_>, clash: Option<String>, asked: bool) -> Diagnostic {
    let address = present.node.address;
    let names = present.definition.schema().natural_key.join(", ");
    let why = if asked {
        "lifecycle.create_before_destroy asks for the new one to be made while the old one is still there"
    } else {
        "lifecycle.retain keeps the old one"
    };
    let (what, change) = match clash {
        None => (
            format!("both would have the same {names}"),
            format!("change {names}"),
        ),
        Some(clash) => (
            format!("the two cannot exist side by side at AWS: {clash}"),
            "change that".to_owned(),
        ),
    };
    let message = format!("{address} has to be replaced, and {why}, but {what}");
    Diagnostic::error("name-in-use", message)
        .at(present.resource.span.clone(), "")
        .help(format!(
            "{change}, or take {} out",
            if asked { "create_before_destroy" } else { "retain" }
        ))
}

fn cannot_come_first(present: &Present<'_, '_>, cause: &ResourceAddress) -> Diagnostic {
    let address = present.node.address;
    let message = format!(
        "{address} cannot be replaced with the new one made first, as lifecycle.create_before_destroy asks: \
         it needs {cause}, whose old one has to be deleted before the new one can be made"
    );
    Diagnostic::error("create-before-destroy", message)
        .at(present.resource.span.clone(), "")
        .help(format!(
            "change the name of {cause} so that both can exist side by side, or take create_before_destroy \
             out of {address}"
        ))
}
