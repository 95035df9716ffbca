//! What AWS keeps unique is free before it is taken, at whatever address it was.

use infra_core::unique::Holders;
use infra_core::{Action, Strength};

use super::{Because, Drafts};
use crate::decide::Decisions;
use crate::graph::Graph;
use crate::unique::{keys_after, keys_of_thing};

/// A step after which something is free.
struct Freeing {
    step: usize,
    node: usize,
    thing: Option<usize>,
}

impl<'a> Drafts<'a> {
    /// A create or update that takes what AWS keeps unique comes after the delete or update that lets go of it. It
    /// also comes after the note that a thing with it is gone, or the state would have two addresses for the one that
    /// is made.
    pub(super) fn unique(&mut self, graph: &Graph<'a>, decisions: &Decisions) {
        let mut freed = Holders::new();
        for thing in 0..graph.things.len() {
            let node = graph.things[thing].node;
            let gone = self.removals[thing].or(self.forgets[thing]);
            let current = graph.nodes[node].thing == Some(thing);
            let updated = self.updates[node].filter(|_| current);
            let (Some(step), Some(keys)) = (gone.or(updated), keys_of_thing(graph, thing)) else {
                continue;
            };
            let kept = decisions.of[node]
                .as_ref()
                .filter(|_| gone.is_none())
                .and_then(|decision| keys_after(graph, node, decision));
            if kept.as_ref() != Some(&keys) {
                let thing = gone.map(|_| thing);
                freed.add(keys, Freeing { step, node, thing });
            }
        }
        for (number, decision) in decisions.of.iter().enumerate() {
            let Some(decision) = decision else { continue };
            let taking = match decision.action {
                Action::Create | Action::Replace => self.making[number],
                Action::Update => self.updates[number],
                _ => None,
            };
            let (Some(step), Some(keys)) = (taking, keys_after(graph, number, decision)) else {
                continue;
            };
            for (_, freeing) in freed.clashing(&keys) {
                // Nothing gets in its own way: an update keeps what it does not change.
                let is_current = freeing.thing.is_none() || freeing.thing == graph.nodes[number].thing;
                let is_own = freeing.node == number && is_current;
                if !is_own {
                    self.wait_for(step, freeing.step, Strength::Ready, Because::Name);
                }
            }
        }
    }
}
