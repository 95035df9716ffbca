//! Resources and lookups as expressions see them.

use infra_core::value::Unknown;
use infra_core::{Attributes, Reference, ResourceAddress, Value, nearest};

use super::{At, Evaluator};
use crate::language::failure::{Failure, Wrong, failure};
use crate::language::formula::{Formula, Need, NodeKind, ResourceUse, Selector};
use crate::language::operators;
use crate::language::world::Block;

/// What the scope says of a resource.
enum Answer<'a> {
    Known(&'a Attributes),
    /// Not part of the stack.
    Absent,
    /// Nobody asked yet.
    Later,
}
use Answer::{Absent, Known, Later};

impl<'a> Evaluator<'a> {
    /// The value of a formula that is one attribute of one resource and nothing else: it is handed on as it
    /// is, unknown with its origin, or sealed.
    pub(super) fn exact_reference(&self, formula: &Formula) -> Result<Option<Value>, Failure> {
        let NodeKind::Resource(index) = formula.root.kind else {
            return Ok(None);
        };
        let at = At { formula, frame: None };
        if let Some(usage) = formula.resources.get(index)
            && let Need::Attribute(attribute, _) = &usage.need
            && let Some(address) = self.address(at, usage)?
        {
            return Ok(Some(match self.attributes(&address) {
                Known(attributes) => with_origin(attributes.get(attribute), &address, attribute),
                Absent => Value::Null,
                Later => origin(&address, attribute),
            }));
        }
        Ok(None)
    }

    /// The one resource that a use means; `None` when it means several, or cannot be told.
    fn address(&self, at: At<'_>, usage: &ResourceUse) -> Result<Option<ResourceAddress>, Failure> {
        if usage.lookup {
            let usable =
                matches!(usage.selector, Selector::Whole) && self.world.lookups.contains(&usage.block);
            return Ok(usable.then(|| usage.block.clone()));
        }
        match (self.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { .. }), Selector::Whole) => Ok(Some(usage.block.clone())),
            (Some(Block::Many(instances)), Selector::Key(key)) => match self.node(at, key)? {
                Value::Unknown(_) => Ok(None),
                value => {
                    let value = self
                        .open(&value)
                        .map_err(|wrong| failure(at.formula, key, wrong))?;
                    let name = operators::text_of(&value).unwrap_or_default();
                    match instances.get(&name) {
                        Some(instance) => Ok(Some(instance.address.clone())),
                        None => Err(failure(at.formula, key, no_key(usage, &name, instances.keys()))),
                    }
                }
            },
            _ => Ok(None),
        }
    }

    pub(super) fn resource(&self, at: At<'_>, usage: &ResourceUse) -> Result<Value, Failure> {
        if let Some(address) = self.address(at, usage)? {
            let need = match &usage.need {
                // The elements of one resource are its attributes.
                Need::OfElements(_) => &Need::Everything,
                need => need,
            };
            return Ok(self.instance(&address, need).unwrap_or(Value::Null));
        }
        match (self.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { .. }), Selector::All) if !usage.lookup => Ok(Value::List(
                self.instance(&usage.block, &usage.need).into_iter().collect(),
            )),
            (Some(Block::Many(instances)), Selector::All | Selector::Whole) if !usage.lookup => {
                let mut found = Vec::with_capacity(instances.len());
                for (key, one) in instances.iter().filter(|(_, one)| one.present) {
                    if let Some(value) = self.instance(&one.address, &usage.need) {
                        found.push((key, value));
                    }
                }
                Ok(match usage.selector {
                    Selector::All => Value::List(found.into_iter().map(|(_, value)| value).collect()),
                    _ => Value::Map(
                        found
                            .into_iter()
                            .map(|(key, value)| (key.clone(), value))
                            .collect(),
                    ),
                })
            }
            _ => Ok(Value::unknown()),
        }
    }

    /// What is needed of one resource; `None` when it is not part of the stack.
    fn instance(&self, address: &ResourceAddress, need: &Need) -> Option<Value> {
        let attributes = match self.attributes(address) {
            Known(attributes) => Some(attributes),
            Absent => return None,
            Later => None,
        };
        let get = |name: &str| match attributes {
            Some(attributes) => with_origin(attributes.get(name), address, name),
            None => origin(address, name),
        };
        Some(match need {
            Need::Attribute(name, _) => get(name),
            Need::OfElements(names) => {
                Value::Map(names.keys().map(|name| (name.clone(), get(name))).collect())
            }
            Need::Everything => match attributes {
                Some(attributes) => {
                    Value::Map(attributes.keys().map(|name| (name.clone(), get(name))).collect())
                }
                None => Value::unknown(),
            },
        })
    }

    fn attributes(&self, address: &ResourceAddress) -> Answer<'a> {
        match self.scope {
            Some(scope) => scope.attributes(address).map_or(Absent, Known),
            None if self.is_absent(address) => Absent,
            None => Later,
        }
    }

    fn is_absent(&self, address: &ResourceAddress) -> bool {
        match (self.world.blocks.get(&address.block()), address.key()) {
            (Some(Block::One { present }), None) => !present,
            (Some(Block::Many(instances)), Some(key)) => instances.get(key).is_some_and(|one| !one.present),
            _ => false,
        }
    }
}

/// An attribute's value; an unknown one that does not say where it comes from comes from here. What the scope
/// leaves out is not set.
fn with_origin(value: Option<&Value>, address: &ResourceAddress, attribute: &str) -> Value {
    match value {
        Some(Value::Unknown(Unknown { origin: None })) => origin(address, attribute),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn origin(address: &ResourceAddress, attribute: &str) -> Value {
    let reference = Reference {
        address: address.clone(),
        attribute: Some(attribute.to_owned()),
    };
    Value::Unknown(Unknown {
        origin: Some(Box::new(reference)),
    })
}

/// A key that a block with `for_each` does not have.
pub(crate) fn no_key<'a>(usage: &ResourceUse, key: &str, keys: impl Iterator<Item = &'a String>) -> Wrong {
    let keys: Vec<&str> = keys.map(String::as_str).collect();
    let wrong = Wrong::new(format!("`{}` has no such instance", usage.block)).because(format!("`{key}`"));
    match nearest(key, keys.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None if keys.is_empty() => wrong.help("its `for_each` is empty"),
        None => wrong.help(format!(
            "its keys are {}",
            crate::report::listed(&keys[..keys.len().min(12)])
        )),
    }
}
