//! What is in the way of a delete that AWS refuses: asked once waiting has gone on for a while, told once, and said in
//! the error at the end. What stays until somebody removes it ends the waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, ResourceAddress, listed};
use infra_provider::{Obstacle, Provider};
use tokio::time::Instant;

use super::StepRun;
use crate::retry::{Pace, Tries};

/// Obstacles that are named before the rest is only counted.
const NAMED: usize = 8;

/// What is known of what is in the way of one delete.
pub(super) struct Obstacles {
    /// How long it is waited before AWS is asked, from one look to the next.
    pause: Duration,
    /// When AWS is asked next; `None` before the first refusal.
    next: Option<Instant>,
    /// All that was told.
    told: BTreeSet<String>,
    /// As of the last look.
    found: Vec<Obstacle>,
    /// What stays, as of the look before.
    stayed: BTreeSet<PhysicalId>,
}

impl Obstacles {
    pub fn new(pace: &Pace) -> Self {
        Self {
            pause: pace.obstacles_after,
            next: None,
            told: BTreeSet::new(),
            found: Vec::new(),
            stayed: BTreeSet::new(),
        }
    }

    /// Whether AWS is to be asked now: when waiting has gone on for a while, and again ever more rarely.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let next = *self.next.get_or_insert(now + self.pause);
        if now < next {
            return false;
        }
        self.pause *= 2;
        self.next = Some(now + self.pause);
        true
    }

    /// Takes what a look found; the ids of what stayed since the look before.
    fn take(&mut self, found: Vec<Obstacle>) -> BTreeSet<PhysicalId> {
        let stays: BTreeSet<PhysicalId> = found
            .iter()
            .filter(|obstacle| obstacle.stays)
            .map(|obstacle| obstacle.id.clone())
            .collect();
        let still = stays.intersection(&self.stayed).cloned().collect();
        (self.stayed, self.found) = (stays, found);
        still
    }

    /// What of it was not told yet.
    fn news(&mut self) -> Vec<String> {
        let mut news = Vec::new();
        for obstacle in &self.found {
            if self.told.insert(obstacle.what.clone()) {
                news.push(obstacle.what.clone());
            }
        }
        let more = news.len().saturating_sub(NAMED);
        if more > 0 {
            news.truncate(NAMED);
            news.push(format!("{more} more"));
        }
        news
    }

    /// The refusal where these stay.
    fn blocked(&self, error: ProviderError, stays: &BTreeSet<PhysicalId>) -> ProviderError {
        let mut ids: Vec<&str> = stays.iter().map(PhysicalId::as_str).collect();
        ids.truncate(NAMED);
        let ids = ids.join(", ");
        let hint = match stays.len() {
            1 => format!(
                "no waiting helps: {ids} is not of this stack, and stays. Remove it, and run it again"
            ),
            _ => format!(
                "no waiting helps: {ids} are not of this stack, and stay. Remove them, and run it again"
            ),
        };
        let error = self.named_in(error);
        ProviderError {
            class: ErrorClass::Blocked,
            ..error
        }
        .hint(hint)
    }

    /// The refusal with what was in the way when AWS was last asked.
    pub fn named_in(&self, mut error: ProviderError) -> ProviderError {
        let names: Vec<&str> = self.found.iter().map(|obstacle| obstacle.what.as_str()).collect();
        if names.is_empty() {
            return error;
        }
        let end = error.message.trim_end_matches('.').len();
        error.message.truncate(end);
        error.message.push_str("; in the way: ");
        error.message.push_str(&listed(&names, NAMED));
        error
    }
}

/// What to do about what a thing still has, each with the address that it has in the state.
fn what_to_do(address: &ResourceAddress, found: &[(&str, Option<&ResourceAddress>)]) -> Option<String> {
    let others = found.iter().filter(|(_, own)| own.is_none());
    let others: Vec<&str> = others.map(|(what, _)| *what).collect();
    let own = found
        .iter()
        .filter_map(|(what, own)| Some(format!("{what} ({})", (*own)?)));
    let own: Vec<String> = own.collect();
    let mut hints = Vec::new();
    if !others.is_empty() {
        let others = listed(&others, NAMED);
        hints.push(format!(
            "the state does not know {others}: take that away, or import it into the stack"
        ));
    }
    if !own.is_empty() {
        let own = listed(&own, NAMED);
        hints.push(format!(
            "of this stack itself it still has {own}: have that refer to {address}, by an expression or `depends_on`, apply \
             that alone, and run this again"
        ));
    }
    (!hints.is_empty()).then(|| hints.join("; "))
}

impl StepRun {
    /// Finds out what is in the way of a call that was refused because of it, when it is time to, and always when it is not
    /// made `again`. What is new is told. Answers the error to end with: the last one, or where something in the way stays,
    /// so that no waiting helps but only somebody who removes it.
    pub(super) async fn look_at_obstacles(
        &self,
        provider: &dyn Provider,
        (id, last): (&PhysicalId, &Attributes),
        obstacles: &mut Obstacles,
        error: &ProviderError,
        tries: &Tries,
        again: Option<Duration>,
    ) -> Option<ProviderError> {
        if error.class == ErrorClass::Blocked {
            let found = self
                .shared
                .cancellation
                .answer(provider.in_the_way(id, last))
                .await;
            let found = found.unwrap_or_default();
            let hint = self.whose(&found)?;
            obstacles.take(found);
            return Some(obstacles.named_in(error.clone()).hint(hint));
        }
        if error.class != ErrorClass::DependencyViolation {
            return None;
        }
        if obstacles.is_due() || again.is_none() {
            let asked = provider.in_the_way(id, last);
            // Not to be told what is in the way is no reason to give up what is waited for.
            let found = self.shared.cancellation.answer(asked).await.unwrap_or_default();
            let stays = obstacles.take(self.not_of_the_stack(found));
            for what in obstacles.news() {
                self.shared.reporter.send(EventKind::Note {
                    address: self.address.clone(),
                    text: format!("in the way: {what}"),
                });
            }
            if !stays.is_empty() {
                return Some(obstacles.blocked(error.clone(), &stays));
            }
        }
        again.is_none().then(|| {
            let hint = format!(
                "it was tried for {} s: when nothing is in the way any more, run it again",
                tries.elapsed().as_secs()
            );
            obstacles.named_in(error.clone()).hint(hint)
        })
    }

    /// What to do about what no waiting takes out of the way, by what the state knows of it; `None`: there is no such thing.
    fn whose(&self, found: &[Obstacle]) -> Option<String> {
        let state = self.shared.journal.snapshot();
        let current = state.resources.iter();
        let deposed = state.deposed.iter();
        let deposed =
            deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
        let own: BTreeMap<&PhysicalId, &ResourceAddress> = current
            .chain(deposed)
            .map(|(address, record)| (&record.physical_id, address))
            .collect();
        let whose = found
            .iter()
            .map(|obstacle| (obstacle.what.as_str(), own.get(&obstacle.id).copied()));
        what_to_do(&self.address, &whose.collect::<Vec<_>>())
    }

    /// What the state has may be on its way out in this very run: of that it is not said that it stays.
    fn not_of_the_stack(&self, mut found: Vec<Obstacle>) -> Vec<Obstacle> {
        let state = self.shared.journal.snapshot();
        let records = state.resources.values().chain(state.deposed.values().flatten());
        let known: BTreeSet<&PhysicalId> = records.map(|record| &record.physical_id).collect();
        for obstacle in &mut found {
            obstacle.stays &= !known.contains(&obstacle.id);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_foreign_only_where_the_state_does_not_know_it() {
        let address = |text: &str| text.parse::<ResourceAddress>().unwrap();
        let (role, policy) = (address("iam.role.app"), address("iam.role_policy.app"));
        let others = "the state does not know policy q: take that away, or import it into the stack";
        let own = "of this stack itself it still has policy p (iam.role_policy.app): have that refer to iam.role.app, by an \
                   expression or `depends_on`, apply that alone, and run this again";
        let cases = [
            (vec![], None),
            (vec![("policy q", None)], Some(others.to_owned())),
            (vec![("policy p", Some(&policy))], Some(own.to_owned())),
            (
                vec![("policy p", Some(&policy)), ("policy q", None)],
                Some(format!("{others}; {own}")),
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(what_to_do(&role, &found), expected);
        }
    }
}
