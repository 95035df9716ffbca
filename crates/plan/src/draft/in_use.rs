//! What used an element of a list lets go of it before the list loses it.

use std::collections::BTreeSet;

use infra_core::Strength;

use super::{Because, Drafts};
use crate::decide::Decisions;
use crate::graph::Graph;
use crate::in_use::losses;

impl<'a> Drafts<'a> {
    /// An update that takes elements away comes after the deletes and updates of what used them. Returns the pairs of
    /// nodes, the user first, in which what needs the other still goes first.
    pub(super) fn in_use(&mut self, graph: &Graph<'a>, decisions: &Decisions) -> BTreeSet<(usize, usize)> {
        let mut reversed = BTreeSet::new();
        for loss in losses(graph, decisions) {
            let thing = &graph.things[loss.user];
            let update = self.updates[thing.node].filter(|_| !thing.deposed);
            let lets_go = update.filter(|_| !loss.is_still_used(graph, decisions));
            let removal = self.removals[loss.user];
            let (Some(shrinks), Some(first)) = (self.updates[loss.owner], removal.or(lets_go)) else {
                continue;
            };
            self.wait_for(shrinks, first, Strength::Ready, Because::InUse);
            if removal.is_none() {
                reversed.insert((thing.node, loss.owner));
            }
        }
        reversed
    }
}
