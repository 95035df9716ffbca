//! What values are made of: which environment variables reach something sensitive, since a saved plan keeps their
//! names and not their values, and which variables tell what the stack is.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::schema::{AttributeKind, AttributeSchema};

use super::blocks::Block;
use super::outputs;
use super::variables::Variable;
use crate::language::{Draft, Name, World};

/// The environment variables that stand in sensitive attributes, outputs and variables, directly or through locals.
pub(crate) fn sensitive(
    world: &World,
    blocks: &[Block<'_>],
    outputs: &BTreeMap<String, outputs::Read>,
    variables: &BTreeMap<String, Variable>,
) -> BTreeSet<String> {
    let mut reached = Reached::new(world);
    for block in blocks {
        let schema = block.definition.schema();
        for (name, draft) in &block.attributes {
            if schema.attributes.get(name).is_some_and(holds_sensitive) {
                reached.draft(draft, block.for_each.as_ref());
            }
        }
    }
    for output in outputs.values().filter(|output| output.sensitive) {
        reached.draft(&output.draft, None);
    }
    for variable in variables.values().filter(|variable| variable.sensitive) {
        if let Some(given) = &variable.value {
            reached.draft(&given.draft, None);
        }
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

/// Whether an attribute is sensitive, or a part of it is.
fn holds_sensitive(attribute: &AttributeSchema) -> bool {
    attribute.sensitive || kind_holds_sensitive(&attribute.kind)
}

fn kind_holds_sensitive(kind: &AttributeKind) -> bool {
    match kind {
        AttributeKind::List(element) | AttributeKind::Set(element) | AttributeKind::Map(element) => {
            kind_holds_sensitive(element)
        }
        AttributeKind::Object(members) => members.values().any(holds_sensitive),
        AttributeKind::KeyedList { element, .. } => element.values().any(holds_sensitive),
        _ => false,
    }
}

struct Reached<'a> {
    world: &'a World,
    locals: BTreeSet<&'a str>,
    environment: BTreeSet<String>,
}

impl<'a> Reached<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            locals: BTreeSet::new(),
            environment: BTreeSet::new(),
        }
    }

    /// Everything that a draft reads; `each` is what its `for_each` reads.
    fn draft(&mut self, draft: &Draft, for_each: Option<&Draft>) {
        let mut names = Vec::new();
        draft.for_each_formula(&mut |formula| {
            names.extend(formula.names.iter().map(|(name, _)| name.clone()));
        });
        for name in names {
            match name {
                Name::Environment(name) | Name::EnvironmentTable(name) => {
                    self.environment.insert(name);
                }
                Name::Each(_) => {
                    if let Some(for_each) = for_each {
                        self.draft(for_each, None);
                    }
                }
                // Locals may name each other, but go round in no circle that was not reported.
                Name::Local(name) => {
                    let world = self.world;
                    if let Some((name, local)) = world.locals.get_key_value(&name)
                        && self.locals.insert(name)
                    {
                        self.draft(&local.draft, None);
                    }
                }
                _ => {}
            }
        }
    }
}
