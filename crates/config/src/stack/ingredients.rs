//! What an expression is made of, through locals and variables, told without working it out.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{Attributes, ResourceAddress, Value};

use super::variables::Variable;
use crate::language::{Draft, DraftKind, Formula, Name, Need, Node, NodeKind, ResourceUse, Selector, World};

/// What something is made of.
#[derive(Default)]
pub(crate) struct Ingredients {
    /// The environment variables.
    pub(crate) environment: BTreeSet<String>,
    /// Whether something sensitive is among them.
    pub(crate) sensitive: bool,
    /// What was looked at, with the steps into it: nothing is looked at twice, though values may go round in circles.
    seen: BTreeSet<(Name, Vec<String>)>,
}

/// Where expressions get their values from.
pub(crate) struct Tracer<'a> {
    world: &'a World,
    settings: &'a BTreeMap<String, Draft>,
    variables: &'a BTreeMap<String, Variable>,
    /// The resource blocks that hold something sensitive, with it in its places.
    pub(crate) blocks: BTreeMap<&'a ResourceAddress, Attributes>,
    /// The same of lookups.
    pub(crate) lookups: BTreeMap<&'a ResourceAddress, Attributes>,
}

/// The formula that is looked into.
#[derive(Clone, Copy)]
struct At<'a> {
    formula: &'a Formula,
    for_each: Option<&'a Draft>,
}

impl<'a> Tracer<'a> {
    /// A tracer that knows of nothing sensitive in resources.
    pub(crate) fn new(
        world: &'a World,
        settings: &'a BTreeMap<String, Draft>,
        variables: &'a BTreeMap<String, Variable>,
    ) -> Self {
        Self {
            world,
            settings,
            variables,
            blocks: BTreeMap::new(),
            lookups: BTreeMap::new(),
        }
    }

    /// What a part of a formula is made of; `for_each` is what `each` comes from.
    pub(crate) fn of(
        &self,
        formula: &'a Formula,
        node: &'a Node,
        for_each: Option<&'a Draft>,
    ) -> Ingredients {
        let mut found = Ingredients::default();
        self.node(At { formula, for_each }, node, Vec::new(), &mut found);
        found
    }

    /// Whether a part of a formula is a name with steps into it, and nothing else.
    pub(crate) fn is_path(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Name(_) | NodeKind::Resource(_) => true,
            NodeKind::Attribute(base, _) => self.is_path(base),
            NodeKind::Index(base, key) => matches!(key.kind, NodeKind::Literal(_)) && self.is_path(base),
            _ => false,
        }
    }

    /// `steps` lead into the node's value, the last one first.
    fn node(&self, at: At<'a>, node: &'a Node, mut steps: Vec<String>, found: &mut Ingredients) {
        match &node.kind {
            NodeKind::Attribute(base, name) => {
                steps.push(name.clone());
                self.node(at, base, steps, found);
            }
            NodeKind::Index(base, key) => {
                match &key.kind {
                    NodeKind::Literal(Value::String(name)) => steps.push(name.clone()),
                    _ => {
                        steps.clear();
                        self.node(at, key, Vec::new(), found);
                    }
                }
                self.node(at, base, steps, found);
            }
            NodeKind::Name(index) => {
                if let Some((name, _)) = at.formula.names.get(*index) {
                    steps.reverse();
                    self.name(at, name, steps, found);
                }
            }
            NodeKind::Resource(index) => {
                if let Some(usage) = at.formula.resources.get(*index) {
                    steps.reverse();
                    self.resource(at, usage, &steps, found);
                }
            }
            _ => node.for_each_part(&mut |part| self.node(at, part, Vec::new(), found)),
        }
    }

    fn name(&self, at: At<'a>, name: &Name, steps: Vec<String>, found: &mut Ingredients) {
        if !found.seen.insert((name.clone(), steps.clone())) {
            return;
        }
        match name {
            Name::Environment(name) | Name::EnvironmentTable(name) => {
                found.environment.insert(name.clone());
            }
            Name::Variable(name) => {
                if let Some(variable) = self.variables.get(name) {
                    found.sensitive |= variable.sensitive;
                    if let Some(given) = &variable.value {
                        self.draft(&given.draft, &steps, None, found);
                    }
                }
            }
            Name::Local(name) => {
                if let Some(local) = self.world.locals.get(name) {
                    self.draft(&local.draft, &steps, None, found);
                }
            }
            Name::Stack(name) | Name::Aws(name) => {
                if let Some(draft) = self.settings.get(name) {
                    self.draft(draft, &steps, None, found);
                }
            }
            // Which instance it is of shows elsewhere: all of them count.
            Name::Each(_) => {
                if let Some(for_each) = at.for_each {
                    self.draft(for_each, &[], None, found);
                }
            }
        }
    }

    fn draft(
        &self,
        draft: &'a Draft,
        steps: &[String],
        for_each: Option<&'a Draft>,
        found: &mut Ingredients,
    ) {
        match (&draft.kind, steps) {
            (DraftKind::Literal(_), _) => {}
            (DraftKind::Formula(formula), _) => {
                let steps = steps.iter().rev().cloned().collect();
                self.node(At { formula, for_each }, &formula.root, steps, found);
            }
            (DraftKind::Map(entries), [first, rest @ ..]) => {
                if let Some(entry) = entries.get(first) {
                    self.draft(entry, rest, for_each, found);
                }
            }
            (DraftKind::Map(entries), []) => {
                for entry in entries.values() {
                    self.draft(entry, &[], for_each, found);
                }
            }
            (DraftKind::List(items), _) => {
                for item in items {
                    self.draft(item, &[], for_each, found);
                }
            }
        }
    }

    /// What is sensitive of a resource. What else it is made of is kept and shown as the resource's own.
    fn resource(&self, at: At<'a>, usage: &'a ResourceUse, steps: &[String], found: &mut Ingredients) {
        if let Selector::Key(key) = &usage.selector {
            self.node(at, key, Vec::new(), found);
        }
        let holders = if usage.lookup { &self.lookups } else { &self.blocks };
        let Some(attributes) = holders.get(&usage.block) else {
            return;
        };
        found.sensitive |= match &usage.need {
            Need::Attribute(name, _) => attributes
                .get(name)
                .is_some_and(|value| is_sensitive(value, steps)),
            Need::OfElements(names) if !matches!(usage.selector, Selector::Whole) => names
                .keys()
                .filter_map(|name| attributes.get(name))
                .any(Value::has_secret),
            Need::OfElements(_) | Need::Everything => attributes.values().any(Value::has_secret),
        };
    }
}

/// Whether what these steps lead to is sensitive, or holds something that is.
fn is_sensitive(value: &Value, steps: &[String]) -> bool {
    match (value, steps) {
        (Value::Map(entries), [first, rest @ ..]) => {
            entries.get(first).is_some_and(|entry| is_sensitive(entry, rest))
        }
        _ => value.has_secret(),
    }
}
