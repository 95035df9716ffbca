//! What a formula refers to, leaving out branches that are known not to be taken.

use std::collections::BTreeSet;

use hcl_edit::expr::BinaryOperator;
use infra_core::{Reference, ResourceAddress, Span, Value};

use super::bind::Binder;
use crate::language::{
    Block, Each, Evaluator, Formula, Name, Need, Node, NodeKind, ResourceUse, Selector, Wrong, no_key,
    text_of,
};

/// References in order, each once, and keys that are not there.
#[derive(Default)]
pub(super) struct Found {
    pub(super) references: Vec<(Reference, Span)>,
    seen: BTreeSet<Reference>,
    pub(super) wrong: Vec<(Wrong, Span)>,
}

impl Found {
    fn add(&mut self, reference: Reference, span: &Span) {
        if self.seen.insert(reference.clone()) {
            self.references.push((reference, span.clone()));
        }
    }
}

/// Finds what one formula refers to, leaving out branches that are known not to be taken.
pub(super) struct Collector<'a> {
    pub(super) binder: &'a Binder<'a>,
    pub(super) formula: &'a Formula,
    pub(super) each: Option<&'a Each>,
}

impl Collector<'_> {
    /// What is known of a part before AWS is asked. What is sensitive counts as unknown: it decides nothing that
    /// shows.
    fn known(&self, node: &Node) -> Option<Value> {
        let value = Evaluator::new(self.binder.world, None, self.each)
            .part(self.formula, node)
            .ok()?;
        (!matches!(value, Value::Unknown(_) | Value::Secret(_))).then_some(value)
    }

    pub(super) fn node(&self, node: &Node, found: &mut Found) {
        match &node.kind {
            NodeKind::Name(index) => {
                if let Some((Name::Local(name), range)) = self.formula.names.get(*index)
                    && self.binder.names.late_locals.contains(name)
                {
                    let span = self.formula.span(range);
                    for reference in self.binder.local(name).iter() {
                        found.add(reference.clone(), &span);
                    }
                }
            }
            NodeKind::Resource(index) => {
                if let Some(usage) = self.formula.resources.get(*index) {
                    self.resource(usage, found);
                }
            }
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                self.node(condition, found);
                match self.known(condition) {
                    Some(Value::Bool(true)) => self.node(yes, found),
                    Some(Value::Bool(false)) => self.node(no, found),
                    _ => {
                        self.node(yes, found);
                        self.node(no, found);
                    }
                }
            }
            NodeKind::Binary(operator, sides) => {
                let [left, right] = sides.as_ref();
                self.node(left, found);
                let stops = match operator {
                    BinaryOperator::And => Some(false),
                    BinaryOperator::Or => Some(true),
                    _ => None,
                };
                if stops.is_none() || self.known(left) != stops.map(Value::Bool) {
                    self.node(right, found);
                }
            }
            NodeKind::Call(call) => {
                for argument in &call.arguments {
                    self.node(argument, found);
                    if call.takes_first_only() {
                        let known = self.known(argument);
                        if known.is_some_and(|value| !value.is_null() && value.as_str() != Some("")) {
                            break;
                        }
                    }
                }
            }
            _ => node.for_each_part(&mut |part| self.node(part, found)),
        }
    }

    fn resource(&self, usage: &ResourceUse, found: &mut Found) {
        let span = self.formula.span(&usage.range);
        let mut add = |address: &ResourceAddress, single: bool| match &usage.need {
            Need::Attribute(name, _) => {
                found.add(
                    Reference {
                        address: address.clone(),
                        attribute: Some(name.clone()),
                    },
                    &span,
                );
            }
            Need::OfElements(names) if !single => {
                for name in names.keys() {
                    found.add(
                        Reference {
                            address: address.clone(),
                            attribute: Some(name.clone()),
                        },
                        &span,
                    );
                }
            }
            _ => found.add(
                Reference {
                    address: address.clone(),
                    attribute: None,
                },
                &span,
            ),
        };
        if usage.lookup {
            return add(&usage.block, true);
        }
        match (self.binder.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { present: true }), selector) => {
                add(&usage.block, matches!(selector, Selector::Whole));
            }
            (Some(Block::Many(instances)), Selector::Key(key)) => {
                if let Some(value) = self.known(key) {
                    let name = text_of(&value).unwrap_or_default();
                    match instances.get(&name) {
                        Some(instance) if instance.present => add(&instance.address, true),
                        Some(_) => {}
                        None => {
                            let wrong = no_key(usage, &name, instances.keys());
                            found.wrong.push((wrong, self.formula.span(&key.range)));
                        }
                    }
                } else {
                    // Which one it is shows only later.
                    instances
                        .values()
                        .filter(|one| one.present)
                        .for_each(|one| add(&one.address, true));
                }
            }
            (Some(Block::Many(instances)), _) => {
                instances
                    .values()
                    .filter(|one| one.present)
                    .for_each(|one| add(&one.address, false));
            }
            _ => {}
        }
        if let Selector::Key(key) = &usage.selector {
            self.node(key, found);
        }
    }
}
