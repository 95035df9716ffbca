//! What becomes of a stack's outputs.

use std::collections::BTreeMap;

use infra_core::plan::{OutputChange, PlanMode};
use infra_core::stack::Output;
use infra_core::{AttributeKind, Diagnostic, EvaluationError, Value};

use crate::canonical::canonical;
use crate::decide::Decisions;
use crate::equality::same_stored;
use crate::graph::Graph;
use crate::input::PlanInput;
use crate::targets::Selected;

/// The outputs that change, secrets sealed. With targets only those are worked out that refer to nothing
/// else.
pub(crate) fn changes<'a>(
    input: &PlanInput<'a>,
    graph: &Graph<'a>,
    selected: &Selected,
    decisions: &mut Decisions,
) -> BTreeMap<String, OutputChange> {
    let whole = input.options.targets.is_empty();
    let before = &input.state.outputs;
    let mut after: BTreeMap<&String, Value> = BTreeMap::new();
    if whole {
        after.extend(before.keys().map(|name| (name, Value::Null)));
    }
    let outputs = match (input.options.mode, input.stack) {
        (PlanMode::Apply, Some(stack)) => Some(&stack.outputs),
        _ => None,
    };
    for (name, output) in outputs.into_iter().flatten() {
        let mut left_out = false;
        output.value.for_each_reference(&mut |reference| {
            left_out |= graph
                .index
                .get(&reference.address)
                .is_some_and(|&number| !selected.nodes[number]);
        });
        if left_out {
            continue;
        }
        match evaluate(graph, decisions, output) {
            Ok(Some(value)) => after.insert(name, value),
            Ok(None) => after.remove(name),
            Err(error) => {
                let message = format!("output {name} cannot be worked out: {error}");
                let diagnostic = Diagnostic::error("expression", message).at(output.span.clone(), "");
                decisions.errors.push(diagnostic);
                None
            }
        };
    }
    after
        .into_iter()
        .filter_map(|(name, after)| {
            let before = before.get(name).cloned().unwrap_or_default();
            (!same_stored(&before, &after, input.sealing_key)).then(|| {
                let after = after.sealed(input.sealing_key);
                (name.clone(), OutputChange { before, after })
            })
        })
        .collect()
}

/// An output's value; `None` when it is not known although nothing that it refers to changes.
fn evaluate(
    graph: &Graph<'_>,
    decisions: &Decisions,
    output: &Output,
) -> Result<Option<Value>, EvaluationError> {
    let value = output.value.evaluate(&decisions.scope)?;
    if value.has_unknown() {
        let mut changes = false;
        output.value.for_each_reference(&mut |reference| {
            changes |= decisions.is_changing(graph, reference);
        });
        if !changes {
            return Ok(None);
        }
    }
    Ok(Some(canonical(&AttributeKind::Any, output.sensitive, value)))
}
