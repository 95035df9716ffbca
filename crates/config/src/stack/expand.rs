//! `for_each` and `when`: from blocks to instances.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_core::{Diagnostic, ResourceAddress, Span, Value};

use super::blocks;
use super::context::Context;
use crate::language::{Block, Draft, DraftKind, Each, Evaluator, Instance, World};

/// One resource of the stack.
pub(crate) struct Unfolded {
    /// Position of its block.
    pub(crate) block: usize,
    pub(crate) address: ResourceAddress,
    pub(crate) each: Option<Arc<Each>>,
}

/// All resources in order of address, and those whose `when` is false. Tells `world` what there is.
pub(crate) fn expand(
    context: &mut Context<'_>,
    world: &mut World,
    blocks: &[blocks::Block<'_>],
) -> (Vec<Unfolded>, BTreeSet<ResourceAddress>) {
    let mut resources = Vec::new();
    let mut absent = BTreeSet::new();
    let mut found: BTreeMap<ResourceAddress, Block> = BTreeMap::new();
    for (position, block) in blocks.iter().enumerate() {
        let Some(for_each) = &block.for_each else {
            let present = present(context, world, block, None);
            match present {
                Some(true) => {
                    resources.push(Unfolded {
                        block: position,
                        address: block.address.clone(),
                        each: None,
                    });
                }
                Some(false) => {
                    absent.insert(block.address.clone());
                }
                None => {}
            }
            let block_state = present.map_or(Block::Unclear, |present| Block::One { present });
            found.insert(block.address.clone(), block_state);
            continue;
        };
        let value = context.evaluate(&Evaluator::new(world, None, None), for_each);
        let Some(entries) = entries(context, for_each, value) else {
            found.insert(block.address.clone(), Block::Unclear);
            if block.when.as_ref().is_some_and(|when| !uses_each(when)) {
                present(context, world, block, None);
            }
            continue;
        };
        let mut instances = BTreeMap::new();
        for each in entries {
            let address = block.address.with_key(each.key.as_str());
            let each = Arc::new(each);
            let present = present(context, world, block, Some(&each)).unwrap_or(true);
            instances.insert(
                each.key.clone(),
                Instance {
                    address: address.clone(),
                    present,
                },
            );
            if present {
                resources.push(Unfolded {
                    block: position,
                    address,
                    each: Some(each),
                });
            } else {
                absent.insert(address);
            }
        }
        found.insert(block.address.clone(), Block::Many(instances));
    }
    world.blocks = found;
    resources.sort_by(|left, right| left.address.cmp(&right.address));
    (resources, absent)
}

fn uses_each(draft: &Draft) -> bool {
    let mut used = false;
    draft.for_each_formula(&mut |formula| used |= formula.uses_each());
    used
}

/// Whether `when` holds; `None` when that is unclear, which is reported.
fn present(
    context: &mut Context<'_>,
    world: &World,
    block: &blocks::Block<'_>,
    each: Option<&Each>,
) -> Option<bool> {
    let Some(when) = &block.when else {
        return Some(true);
    };
    match context.evaluate(&Evaluator::new(world, None, each), when) {
        Value::Bool(truth) => Some(truth),
        Value::Unknown(_) => None,
        other => {
            let found = match &other {
                Value::Secret(_) => "a sensitive value, which would show in what is made",
                other => other.kind(),
            };
            context.add(
                Diagnostic::error("wrong-type", format!("`when` is true or false, found {found}"))
                    .at(when.span.clone(), "expected true or false"),
            );
            None
        }
    }
}

/// What `each` is for each instance; `None` when that is unclear, which is reported.
fn entries(context: &mut Context<'_>, draft: &Draft, value: Value) -> Option<Vec<Each>> {
    let wrong = |span: &Span, message: String| {
        Diagnostic::error("bad-for-each", message)
            .at(span.clone(), "")
            .help("`for_each` takes a list of texts, which are the keys, or a table")
    };
    let mut bad = false;
    let pairs: Vec<(String, Value)> = match value {
        Value::Unknown(_) => return None,
        Value::Map(entries) => entries.into_iter().collect(),
        Value::List(items) => {
            let mut pairs: Vec<(String, Value)> = Vec::with_capacity(items.len());
            let mut seen = BTreeSet::new();
            for (position, item) in items.into_iter().enumerate() {
                let span = match &draft.kind {
                    DraftKind::List(drafts) => drafts.get(position).map_or(&draft.span, |draft| &draft.span),
                    _ => &draft.span,
                };
                match item {
                    Value::String(key) if !seen.insert(key.clone()) => {
                        bad = true;
                        context.add(
                            Diagnostic::error(
                                "duplicate-key",
                                format!("`for_each` has the key `{key}` twice"),
                            )
                            .at(span.clone(), "")
                            .help("use `distinct(…)` if that is no mistake"),
                        );
                    }
                    Value::String(key) => pairs.push((key.clone(), Value::String(key))),
                    Value::Unknown(_) => bad = true,
                    other => {
                        bad = true;
                        context.add(wrong(
                            span,
                            format!("a key of `for_each` is a text, found {}", other.kind()),
                        ));
                    }
                }
            }
            pairs
        }
        other => {
            context.add(wrong(
                &draft.span,
                format!("`for_each` cannot be {}", other.kind()),
            ));
            return None;
        }
    };
    if pairs.iter().any(|(key, _)| key.is_empty()) {
        bad = true;
        context.add(wrong(&draft.span, "`for_each` has an empty key".to_owned()));
    }
    (!bad).then(|| {
        pairs
            .into_iter()
            .zip(0_i64..)
            .map(|((key, value), index)| Each { key, value, index })
            .collect()
    })
}
