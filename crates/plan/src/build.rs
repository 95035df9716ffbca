//! The planner: decisions, their order, and the plan that they make.

use std::collections::BTreeMap;

use infra_core::plan::{PLAN_FORMAT_VERSION, PlanMode, Reason, StepDependency};
use infra_core::{
    Action, Attributes, Change, DataAtStake, Diagnostic, Observation, Ownership, Plan, SealingKey, Step,
    StepId,
};

use crate::data_loss::Stakes;
use crate::decide::{Decision, Decisions, decide};
use crate::draft::Draft;
use crate::graph::{Graph, Node, Thing};
use crate::guard::forbidden;
use crate::input::PlanInput;
use crate::order::{Ordering, order};
use crate::outputs;
use crate::ownership::Marks;
use crate::refused::refused;
use crate::targets::{Selected, extend, select, unknown_addresses};
use crate::together;
use crate::under::to_go_with_their_parents;

/// Works out what is to be done.
///
/// # Errors
/// Everything that stands in the way, all at once: expressions that cannot be worked out, resources that
/// would be destroyed although their lifecycle forbids it, replacements that cannot go as asked.
pub fn plan(input: &PlanInput<'_>) -> Result<Plan, Vec<Diagnostic>> {
    if let Some(problem) = unsuitable(input) {
        return Err(vec![problem]);
    }
    let graph = Graph::new(input)?;
    let problems = unknown_addresses(input, &graph);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut selected = select(input, &graph);
    // Both grow with every round and are bounded by the number of resources; nearly always one round does.
    let mut delete_first = BTreeMap::new();
    let (mut decisions, steps, numbering) = loop {
        let mut decisions = decide(input, &graph, &selected, &delete_first);
        if !decisions.errors.is_empty() {
            decisions.errors.extend(forbidden(&graph, &decisions));
            return Err(decisions.errors);
        }
        if extend(input, &graph, &mut selected, &decisions) {
            continue;
        }
        let under_what_goes = to_go_with_their_parents(&graph, &decisions, &delete_first);
        if !under_what_goes.is_empty() {
            delete_first.extend(under_what_goes);
            continue;
        }
        match order(&graph, &selected, &mut decisions) {
            Ordering::Done(steps, numbering) => break (decisions, steps, numbering),
            Ordering::Again(more) => delete_first.extend(more),
            Ordering::Impossible(problem) => {
                let mut problems = forbidden(&graph, &decisions);
                problems.extend(refused(&graph, &decisions, input.held_names));
                problems.push(problem);
                return Err(problems);
            }
        }
    };
    let mut problems = forbidden(&graph, &decisions);
    problems.extend(refused(&graph, &decisions, input.held_names));
    if !problems.is_empty() {
        return Err(problems);
    }
    let outputs = outputs::changes(input, &graph, &selected, &mut decisions);
    if !decisions.errors.is_empty() {
        return Err(decisions.errors);
    }
    let (steps, numbering) = together::join(&graph, &decisions, steps, numbering);
    let steps = numbered(&graph, steps, &numbering);
    Ok(Plan {
        format_version: PLAN_FORMAT_VERSION,
        stack: input.state.stack.clone(),
        lineage: input.state.lineage.clone(),
        serial: input.state.serial,
        mode: input.options.mode,
        changes: changes(input, &graph, &selected, decisions),
        steps,
        outputs,
    })
}

fn unsuitable(input: &PlanInput<'_>) -> Option<Diagnostic> {
    match (input.options.mode, input.stack) {
        (PlanMode::Apply, None) => Some(
            Diagnostic::error("no-stack", "without a stack file there is nothing to apply")
                .help("without a file a stack can only be destroyed"),
        ),
        (_, Some(stack)) if stack.id != input.state.stack => Some(Diagnostic::error(
            "wrong-state",
            format!(
                "the state is that of {}, the file describes {}",
                input.state.stack, stack.id
            ),
        )),
        _ => None,
    }
}

/// The steps under their final numbers.
fn numbered(graph: &Graph<'_>, drafts: Vec<Draft<'_>>, numbering: &[usize]) -> Vec<Step> {
    let mut ids = vec![StepId(0); drafts.len()];
    for (number, &draft) in (0_u32..).zip(numbering) {
        ids[draft] = StepId(number);
    }
    let firsts = together::firsts(&drafts, &ids);
    numbering
        .iter()
        .map(|&position| {
            let draft = &drafts[position];
            let mut after: Vec<StepDependency> = draft
                .after
                .iter()
                .map(|edge| StepDependency {
                    step: ids[edge.to],
                    strength: edge.strength,
                })
                .collect();
            after.sort_unstable();
            Step {
                id: ids[position],
                address: graph.nodes[draft.node].address.clone(),
                operation: draft.operation,
                physical_id: draft.physical_id.cloned(),
                forced: draft.forced,
                after,
                together: firsts[position].map(|first| ids[first]),
            }
        })
        .collect()
}

fn changes(
    input: &PlanInput<'_>,
    graph: &Graph<'_>,
    selected: &Selected,
    decisions: Decisions,
) -> Vec<Change> {
    let stakes = Stakes::new(input);
    let mut changes = Vec::with_capacity(graph.nodes.len());
    let mut things = graph.things.iter().enumerate().peekable();
    for (number, (node, decision)) in graph.nodes.iter().zip(decisions.of).enumerate() {
        changes.extend(decision.map(|decision| {
            let data = stakes.of_decision(node, &decision);
            change(node, decision, data, input.sealing_key)
        }));
        while let Some((position, thing)) = things.next_if(|(_, thing)| thing.node == number) {
            if thing.deposed && selected.things[position] {
                changes.push(deposed(input, node, thing, stakes.of_deposed(node, thing)));
            }
        }
    }
    changes
}

fn change(node: &Node<'_>, decision: Decision, data: Option<DataAtStake>, key: &SealingKey) -> Change {
    let sealed = |wanted: Attributes| -> Attributes {
        wanted
            .into_iter()
            .map(|(name, value)| {
                let value = if value.has_secret() {
                    value.sealed(key)
                } else {
                    value
                };
                (name, value)
            })
            .collect()
    };
    Change {
        address: node.address.clone(),
        action: decision.action,
        reason: decision.reason,
        physical_id: node.physical_id().cloned(),
        attributes: decision
            .differences
            .into_iter()
            .map(|found| found.as_change(key))
            .collect(),
        drift: decision
            .drift
            .into_iter()
            .map(|found| found.as_drift(key))
            .collect(),
        replace_order: decision.order,
        data,
        ownership: decision.ownership,
        wanted: sealed(decision.wanted),
    }
}

fn deposed(input: &PlanInput<'_>, node: &Node<'_>, thing: &Thing<'_>, data: Option<DataAtStake>) -> Change {
    let action = match node.forgets_deposed(thing) {
        true => Action::Forget,
        false => Action::Delete,
    };
    let key = (node.address.clone(), thing.record.physical_id.clone());
    let ownership = match input.deposed_observations.get(&key) {
        Some(Observation::Present {
            health, stack_tag, ..
        }) => {
            let stack = &input.state.stack;
            Marks::new(stack, node.definition, thing.record, Some(stack_tag), health).ownership(action)
        }
        _ => Ownership::Ours,
    };
    Change {
        address: node.address.clone(),
        action,
        reason: Reason::Deposed,
        physical_id: Some(thing.record.physical_id.clone()),
        attributes: Vec::new(),
        drift: Vec::new(),
        replace_order: None,
        data,
        ownership,
        wanted: Attributes::new(),
    }
}
