//! Nothing under `prevent_destroy` is deleted or replaced.

use infra_core::plan::Reason;
use infra_core::{Action, Diagnostic};

use crate::decide::{Decision, Decisions};
use crate::evaluate::place;
use crate::graph::{Graph, Node};
use crate::resolve::immutable_paths;

/// One error for each resource that the decisions would destroy although its lifecycle forbids it.
pub(crate) fn forbidden(graph: &Graph<'_>, decisions: &Decisions) -> Vec<Diagnostic> {
    graph
        .nodes
        .iter()
        .zip(&decisions.of)
        .filter_map(|(node, decision)| {
            let decision = decision.as_ref()?;
            let destroys = matches!(decision.action, Action::Delete | Action::Replace);
            let forbids = node
                .lifecycle()
                .is_some_and(|lifecycle| lifecycle.prevent_destroy);
            (destroys && forbids).then(|| refusal(node, decision))
        })
        .collect()
}

fn refusal(node: &Node<'_>, decision: &Decision) -> Diagnostic {
    let what = match decision.action {
        Action::Replace => "replaced",
        _ => "deleted",
    };
    let (why, help) = match (&decision.reason, &immutable_paths(&decision.differences)[..]) {
        // It does not go for the other's sake, but because it cannot follow.
        (Reason::DependencyReplaced { address }, [first, ..]) => (
            format!(
                "{address} is replaced, and {first} cannot be changed in place to what is in another one"
            ),
            format!("undo the change for which {address} has to be replaced"),
        ),
        (reason, _) => why(reason),
    };
    let message = format!(
        "{} would be {what} because {why}, but its lifecycle has prevent_destroy",
        node.address
    );
    let diagnostic = Diagnostic::error("prevent-destroy", message).help(help);
    let Some(resource) = node.resource else {
        return diagnostic.help("its prevent_destroy is in the state, as the file last had it: put the resource back, set prevent_destroy = false and apply, before it is taken out of the file");
    };
    let allow = "to let it be destroyed, take prevent_destroy out of its lifecycle";
    match &decision.reason {
        Reason::Immutable { attributes } if !attributes.is_empty() => {
            place(resource, &attributes[0], diagnostic)
        }
        _ => diagnostic.at(resource.span.clone(), ""),
    }
    .help(allow)
}

/// Why it would be destroyed, and what else could be done about it.
pub(crate) fn why(reason: &Reason) -> (String, String) {
    match reason {
        Reason::Immutable { attributes } => {
            let names: Vec<String> = attributes.iter().map(ToString::to_string).collect();
            let names = names.join(", ");
            (
                format!("{names} cannot be changed in place"),
                format!("set {names} back to what it was"),
            )
        }
        Reason::Broken { status } => (
            format!("AWS calls it `{status}`"),
            "look at it in AWS: if it is going away, wait until it is gone and run again".to_owned(),
        ),
        Reason::Undeclared => (
            "the file no longer has it".to_owned(),
            "put it back into the file".to_owned(),
        ),
        Reason::DependencyReplaced { address } => (
            format!("{address}, which it refers to, is replaced and has to be deleted first"),
            format!("change the name of {address}, so that both can exist side by side"),
        ),
        Reason::PlaceWanted { address } => (
            format!("{address} takes what it has, and it has to be deleted first"),
            "apply the change in two parts, with a value in between that nothing else has".to_owned(),
        ),
        Reason::PlaceTaken { address } => (
            format!("it takes what {address} has, and one call deletes both"),
            "apply the change in two parts, with a value in between that nothing else has".to_owned(),
        ),
        Reason::Follows { address } => (
            format!("the update of {address} begins what it stands for"),
            format!("undo the change of {address}"),
        ),
        Reason::Requested => (
            "it was asked to be replaced".to_owned(),
            "leave it out of what is to be replaced".to_owned(),
        ),
        Reason::Destroy => (
            "everything is to be destroyed".to_owned(),
            "name what is to be destroyed as targets".to_owned(),
        ),
        Reason::Deposed => (
            "it is left over from an earlier replacement".to_owned(),
            "set lifecycle.retain = true to let go of it and keep it at AWS".to_owned(),
        ),
        Reason::Unchanged | Reason::New | Reason::Vanished | Reason::Differs => {
            ("of a change".to_owned(), "undo the change".to_owned())
        }
    }
}
