//! What values are made of: which environment variables reach something sensitive, since a saved plan keeps their
//! names and not their values, and which variables tell what the stack is.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::schema::AttributeKind;
use infra_core::{AttributeSchema, Attributes, ResourceAddress, Value};

use super::bind::Treatment;
use super::blocks::Block;
use super::expand::Unfolded;
use super::ingredients::{Ingredients, Tracer};
use super::variables::Variable;
use super::{lookups, outputs};
use crate::language::{Draft, DraftKind, Formula, Function, Name, Node, NodeKind, World};

/// All that a stack declares.
pub(crate) struct Declared<'a> {
    pub(crate) world: &'a World,
    pub(crate) settings: &'a BTreeMap<String, Draft>,
    pub(crate) variables: &'a BTreeMap<String, Variable>,
    pub(crate) lookups: &'a BTreeMap<ResourceAddress, lookups::Read>,
    pub(crate) blocks: &'a [Block<'a>],
    pub(crate) outputs: &'a BTreeMap<String, outputs::Read>,
}

/// The environment variables that stand in sensitive attributes, outputs and variables, or are worked out together
/// with something sensitive, directly or through locals and variables. `order` has the resources after what they use.
pub(crate) fn sensitive<'a>(
    declared: &Declared<'a>,
    order: impl IntoIterator<Item = &'a Unfolded>,
) -> BTreeSet<String> {
    let mut reached = Reached {
        tracer: Tracer::new(declared.world, declared.settings, declared.variables),
        environment: BTreeSet::new(),
    };
    let plain = Treatment::plain(false);
    for draft in declared.settings.values() {
        reached.draft(draft, plain, None);
    }
    for variable in declared.variables.values() {
        if let Some(given) = &variable.value {
            reached.draft(&given.draft, Treatment::plain(variable.sensitive), None);
        }
    }
    for local in declared.world.locals.values() {
        reached.draft(&local.draft, plain, None);
    }
    for (address, lookup) in declared.lookups {
        let attributes = lookup.attributes.iter();
        let attributes = attributes
            .map(|(name, draft)| (name.clone(), reached.draft(draft, plain, None)))
            .collect();
        reached.tracer.lookups.insert(address, attributes);
    }
    // Blocks of which there is no resource come last: nothing is made of them, but they name variables as well.
    let mut seen = BTreeSet::new();
    let ordered = order.into_iter().map(|one| one.block);
    for position in ordered.chain(0..declared.blocks.len()) {
        if let Some(block) = declared.blocks.get(position)
            && seen.insert(position)
        {
            reached.block(block);
        }
    }
    for output in declared.outputs.values() {
        reached.draft(&output.draft, Treatment::plain(output.sensitive), None);
    }
    reached.environment
}

/// The variables that the settings of the stack are made of: its identity, and how AWS is reached.
pub(crate) fn of_settings(
    settings: &BTreeMap<String, Draft>,
    locals: &BTreeMap<String, Draft>,
    variables: &BTreeMap<String, Variable>,
) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Draft> = settings.values().collect();
    while let Some(draft) = open.pop() {
        let mut names = Vec::new();
        draft.for_each_formula(&mut |formula| {
            names.extend(formula.names.iter().map(|(name, _)| name.clone()));
        });
        for name in names {
            match name {
                Name::Local(name) if seen.insert(name.clone()) => open.extend(locals.get(&name)),
                Name::Variable(name) if reached.insert(name.clone()) => {
                    let given = variables.get(&name).and_then(|variable| variable.value.as_ref());
                    open.extend(given.map(|given| &given.draft));
                }
                _ => {}
            }
        }
    }
    reached
}

struct Reached<'a> {
    tracer: Tracer<'a>,
    environment: BTreeSet<String>,
}

impl<'a> Reached<'a> {
    fn block(&mut self, block: &'a Block<'a>) {
        let for_each = block.for_each.as_ref();
        for draft in for_each.iter().copied().chain(&block.when) {
            self.draft(draft, Treatment::plain(false), for_each);
        }
        let schema = block.definition.schema();
        let mut marked: Attributes = schema
            .attributes
            .iter()
            .filter(|(_, attribute)| attribute.sensitive)
            .map(|(name, _)| (name.clone(), sensitive_value()))
            .collect();
        for (name, draft) in &block.attributes {
            let treatment = Treatment::of(schema.attributes.get(name));
            let value = self.draft(draft, treatment, for_each);
            marked.insert(name.clone(), value);
        }
        if marked.values().any(Value::has_secret) {
            let derived = block.definition.derive(&marked);
            marked.extend(derived);
            self.tracer.blocks.insert(&block.address, marked);
        }
    }

    /// A value of the same shape, sensitive where the draft's is, and unknown where it is worked out.
    fn draft(&mut self, draft: &'a Draft, treatment: Treatment<'_>, each: Option<&'a Draft>) -> Value {
        match &draft.kind {
            DraftKind::Literal(_) if treatment.sensitive => sensitive_value(),
            DraftKind::Literal(value) => value.clone(),
            DraftKind::List(items) => {
                let items = items.iter();
                Value::List(
                    items
                        .map(|item| self.draft(item, treatment.element(), each))
                        .collect(),
                )
            }
            DraftKind::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(name, entry)| (name.clone(), self.draft(entry, treatment.entry(name), each)))
                    .collect(),
            ),
            DraftKind::Formula(formula) => {
                let all = self.tracer.of(formula, &formula.root, each);
                let sensitive = if treatment.sensitive || treatment.kind.is_some_and(holds_sensitive) {
                    self.environment.extend(all.environment);
                    true
                } else {
                    all.sensitive && {
                        self.together(formula, &formula.root, each);
                        true
                    }
                };
                if sensitive {
                    sensitive_value()
                } else {
                    Value::unknown()
                }
            }
        }
    }

    /// Finds the smallest parts of a formula that are worked out from something sensitive: what only hands parts on
    /// leaves each as it is.
    fn together(&mut self, formula: &'a Formula, node: &'a Node, each: Option<&'a Draft>) {
        let all: Ingredients = self.tracer.of(formula, node, each);
        if !all.sensitive {
            return;
        }
        let parts: Vec<&Node> = match &node.kind {
            // Elsewhere it is looked at by itself.
            _ if self.tracer.is_path(node) => return,
            NodeKind::List(items) => items.iter().collect(),
            NodeKind::Object(entries)
                if !entries
                    .iter()
                    .any(|(key, _)| self.is_sensitive(formula, key, each)) =>
            {
                entries.iter().map(|(_, value)| value).collect()
            }
            NodeKind::Conditional(parts) if !self.is_sensitive(formula, &parts[0], each) => {
                parts.iter().skip(1).collect()
            }
            NodeKind::Call(call) if matches!(call.function, Function::Merge | Function::Concat) => {
                call.arguments.iter().collect()
            }
            _ => {
                self.environment.extend(all.environment);
                return;
            }
        };
        for part in parts {
            self.together(formula, part, each);
        }
    }

    fn is_sensitive(&self, formula: &'a Formula, node: &'a Node, each: Option<&'a Draft>) -> bool {
        self.tracer.of(formula, node, each).sensitive
    }
}

/// Whether something of this kind has a part that is always sensitive.
pub(super) fn holds_sensitive(kind: &AttributeKind) -> bool {
    let of_table = |table: &BTreeMap<String, AttributeSchema>| {
        table
            .values()
            .any(|attribute| attribute.sensitive || holds_sensitive(&attribute.kind))
    };
    match kind {
        AttributeKind::List(element) | AttributeKind::Set(element) | AttributeKind::Map(element) => {
            holds_sensitive(element)
        }
        AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. } => of_table(table),
        _ => false,
    }
}

/// Stands for anything sensitive.
fn sensitive_value() -> Value {
    Value::secret(Value::from(""))
}
