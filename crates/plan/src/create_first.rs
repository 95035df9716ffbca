//! What stands in something that is made anew before the old one goes is made anew before its own old one goes, too:
//! until everything has moved, the old one is used, and does without nothing that it had. An earlier run may have made
//! that anew, and have left the old one.

use infra_core::Action;
use infra_core::plan::ReplaceOrder;

use crate::decide::{Decisions, refers_to_change};
use crate::graph::Graph;

/// Replacements that refer to something whose new one is made first are made first themselves, unless the two cannot be
/// side by side or the file says otherwise. Each comes after what it needs, so that one pass finds all.
pub(crate) fn with_what_is_made_anew(graph: &Graph<'_>, decisions: &mut Decisions) {
    for &number in &graph.order {
        let is_free = matches!(
            &decisions.of[number],
            Some(decision) if decision.action == Action::Replace
                && !decision.delete_first
                && !decision.creates_first()
        );
        let asked = graph.nodes[number]
            .resource
            .and_then(|resource| resource.lifecycle.create_before_destroy);
        if !is_free || asked == Some(false) {
            continue;
        }
        let moves = graph.needs[number].iter().any(|&(other, _)| {
            matches!(&decisions.of[other], Some(decision) if decision.creates_first())
                && refers_to_change(graph, &decisions.scope, number, other)
        });
        let moves = moves || stands_in_what_is_left(graph, number);
        if let (true, Some(decision)) = (moves, &mut decisions.of[number]) {
            decision.order = Some(ReplaceOrder::CreateThenDelete);
        }
    }
}

/// Whether a node's own thing needs one that an earlier run left, and has a new one of by now.
fn stands_in_what_is_left(graph: &Graph<'_>, number: usize) -> bool {
    let stored = graph.nodes[number].thing.map(|thing| &graph.stored[thing]);
    let mut left = stored.into_iter().flatten().map(|&other| &graph.things[other]);
    left.any(|other| other.deposed && graph.needs(number, other.node))
}
