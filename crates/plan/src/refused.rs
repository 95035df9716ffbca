//! What AWS would surely refuse, told before anything is touched.

use infra_core::plan::Reason;
use infra_core::unique::{Holders, Keys};
use infra_core::{Action, Diagnostic, Value};

use crate::decide::{Decision, Decisions};
use crate::graph::{Found, Graph, Node};
use crate::in_use::losses;
use crate::input::HeldNames;
use crate::name_stays::names_that_stay;
use crate::under;
use crate::unique::{keys_after, keys_of_thing};

/// One error for everything that cannot go well as it is decided.
pub(crate) fn refused(graph: &Graph<'_>, decisions: &Decisions, held_names: &HeldNames) -> Vec<Diagnostic> {
    let mut errors = protected(graph, decisions);
    errors.extend(clashing(graph, decisions));
    errors.extend(still_used(graph, decisions));
    errors.extend(under::refused(graph, decisions));
    errors.extend(names_that_stay(graph, decisions, held_names));
    errors
}

/// Whether what is there has its deletion protection on: the attribute that says so.
pub(crate) fn protection<'a>(graph: &Graph<'a>, number: usize) -> Option<&'a str> {
    let node = &graph.nodes[number];
    let name = node.definition?.schema().protected_by.as_deref()?;
    match node.found {
        Found::Present { attributes, .. } => {
            (attributes.get(name).and_then(Value::as_bool) == Some(true)).then_some(name)
        }
        _ => None,
    }
}

fn protected(graph: &Graph<'_>, decisions: &Decisions) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for (number, decision) in decisions.of.iter().enumerate() {
        let node = &graph.nodes[number];
        let Some(decision) = decision else { continue };
        let stays = node.lifecycle().is_some_and(|lifecycle| lifecycle.retain);
        let what = match decision.action {
            Action::Delete => "deleted",
            Action::Replace if !stays => "replaced",
            _ => continue,
        };
        let Some(name) = protection(graph, number) else {
            continue;
        };
        let address = node.address;
        let message =
            format!("{address} would be {what}, but it has {name} = true at AWS, which refuses every delete");
        let help = match node.resource {
            Some(_) => format!("set {name} = false in {address}, apply that alone, and run this again"),
            None if decision.reason == Reason::Destroy => {
                format!("set {name} = false in {address}, apply, and destroy then")
            }
            None => {
                format!("put {address} back into the file with {name} = false, apply, and take it out then")
            }
        };
        let error = Diagnostic::error("deletion-protected", message).help(help);
        errors.push(at(node, error));
    }
    errors
}

/// Two resources of which AWS takes only one: both in the file, or one in the file and the other let go of.
fn clashing(graph: &Graph<'_>, decisions: &Decisions) -> Vec<Diagnostic> {
    let mut standing: Holders<'_, (usize, bool)> = Holders::new();
    let mut errors = Vec::new();
    let after: Vec<Option<Keys<'_>>> = decisions
        .of
        .iter()
        .enumerate()
        .map(|(number, decision)| keys_after(graph, number, decision.as_ref()?))
        .collect();
    for (number, node) in graph.nodes.iter().enumerate() {
        let Some(decision) = &decisions.of[number] else {
            continue;
        };
        if let Some(keys) = &after[number] {
            standing.add(keys.clone(), (number, false));
        }
        let stays = matches!(node.found, Found::Present { .. }) && is_let_go(node, decision);
        if let (true, Some(keys)) = (stays, node.thing.and_then(|thing| keys_of_thing(graph, thing))) {
            standing.add(keys, (number, true));
        }
    }
    for (number, decision) in decisions.of.iter().enumerate() {
        let (Some(decision), Some(keys)) = (decision, &after[number]) else {
            continue;
        };
        let before = graph.nodes[number]
            .thing
            .and_then(|thing| keys_of_thing(graph, thing));
        let takes = match decision.action {
            Action::Create | Action::Replace => true,
            Action::Update => before.as_ref() != Some(keys),
            _ => false,
        };
        if !takes {
            continue;
        }
        for (held, (other, is_let_go)) in standing.clashing(keys) {
            // Two that are both new are told once.
            let is_told = *other > number && !is_let_go && takes_too(graph, decisions, *other, held);
            if *other == number || is_told {
                continue;
            }
            errors.push(clash(graph, number, *other, keys, held, *is_let_go));
        }
    }
    errors
}

fn is_let_go(node: &Node<'_>, decision: &Decision) -> bool {
    let retain = node.lifecycle().is_some_and(|lifecycle| lifecycle.retain);
    decision.action == Action::Forget || (decision.action == Action::Replace && retain)
}

/// Whether a resource has these keys only after its steps.
fn takes_too(graph: &Graph<'_>, decisions: &Decisions, number: usize, keys: &Keys<'_>) -> bool {
    let Some(decision) = &decisions.of[number] else {
        return false;
    };
    match decision.action {
        Action::Create | Action::Replace => true,
        Action::Update => {
            let thing = graph.nodes[number].thing;
            thing.and_then(|thing| keys_of_thing(graph, thing)).as_ref() != Some(keys)
        }
        _ => false,
    }
}

fn clash(
    graph: &Graph<'_>,
    number: usize,
    other: usize,
    keys: &Keys<'_>,
    held: &Keys<'_>,
    is_let_go: bool,
) -> Diagnostic {
    let (one, two) = (&graph.nodes[number], &graph.nodes[other]);
    let what = keys.in_words(held);
    let (one_address, two_address) = (one.address, two.address);
    let (message, help) = if is_let_go {
        (
            format!(
                "{one_address} would take what {two_address} has, which is let go of and stays at AWS: {what}"
            ),
            "take something else, or have the other one deleted",
        )
    } else {
        (
            format!("{one_address} and {two_address} cannot exist side by side at AWS: {what}"),
            "change one of them, or take it out of the file",
        )
    };
    let mut error = at(one, Diagnostic::error("taken-twice", message)).help(help);
    if let Some(resource) = two.resource {
        error = error.see(resource.span.clone(), "the other one");
    }
    error
}

fn still_used(graph: &Graph<'_>, decisions: &Decisions) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for loss in losses(graph, decisions) {
        if !loss.is_still_used(graph, decisions) {
            continue;
        }
        let (owner, user) = (
            &graph.nodes[loss.owner],
            &graph.nodes[graph.things[loss.user].node],
        );
        let elements = loss.elements.join(", ");
        let message = format!(
            "{} would lose {elements} from {}, but {} uses it, and AWS refuses that",
            owner.address, loss.rule.attribute, user.address
        );
        let help = format!(
            "take {elements} out of {} too, or leave it in {}",
            user.address, owner.address
        );
        let mut error = at(owner, Diagnostic::error("still-used", message)).help(help);
        if let Some(resource) = user.resource {
            error = error.see(resource.span.clone(), "used here");
        }
        errors.push(error);
    }
    errors
}

fn at(node: &Node<'_>, error: Diagnostic) -> Diagnostic {
    match node.resource {
        Some(resource) => error.at(resource.span.clone(), ""),
        None => error,
    }
}
