//! Edits of a state by hand, for emergencies: what an edit would do, worked out before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::state::JournalEntry;
use infra_core::{Intent, ResourceAddress, ResourceRecord, State};

/// What has to be told before some addresses are forgotten, and the entries that do it.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// What AWS keeps, by the address that it had. The last value says whether it was replaced already.
    pub kept: Vec<(ResourceAddress, ResourceRecord, bool)>,
    /// Calls whose outcome nobody will look for any more.
    pub given_up: Vec<Intent>,
    /// What stays in the state and depends on what goes. From now on it depends on what that depended on.
    pub dependents: BTreeSet<ResourceAddress>,
    /// The entries, each legal after the ones before it.
    pub entries: Vec<JournalEntry>,
}

/// The state has nothing at this address, and no call for it is open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state has no {0}")]
pub struct NothingThere(pub ResourceAddress);

/// What forgetting all that these addresses stand for would do.
///
/// # Errors
/// [`NothingThere`] for the first of them that the state does not have.
pub fn removal(state: &State, addresses: &BTreeSet<ResourceAddress>) -> Result<Removal, NothingThere> {
    let given_up: Vec<Intent> = state
        .intents
        .values()
        .filter(|intent| addresses.contains(&intent.address))
        .cloned()
        .collect();
    let mut kept = Vec::new();
    for address in addresses {
        let current = state.resources.get(address).map(|record| (record, false));
        let deposed = state.deposed.get(address).into_iter().flatten();
        let before = kept.len();
        kept.extend(
            current
                .into_iter()
                .chain(deposed.map(|record| (record, true)))
                .map(|(record, deposed)| (address.clone(), record.clone(), deposed)),
        );
        if kept.len() == before && !given_up.iter().any(|intent| intent.address == *address) {
            return Err(NothingThere(address.clone()));
        }
    }
    let relinked: BTreeMap<ResourceAddress, ResourceRecord> = state
        .resources
        .iter()
        .filter(|(address, _)| !addresses.contains(address))
        .filter(|(_, record)| {
            record
                .dependencies
                .iter()
                .any(|needed| addresses.contains(needed))
        })
        .map(|(address, record)| {
            let mut record = record.clone();
            record.dependencies = without(state, addresses, &record.dependencies);
            record.dependencies.retain(|needed| needed != address);
            (address.clone(), record)
        })
        .collect();
    // A call is closed before that is forgotten which it was about, and what remains never depends on what is gone.
    let closed = given_up.iter().map(|intent| JournalEntry::NoEffect {
        token: intent.token.clone(),
        error: None,
        in_doubt_at_unix_ms: None,
    });
    let confirmed = relinked.iter().map(|(address, record)| JournalEntry::Confirmed {
        address: address.clone(),
        record: Box::new(record.clone()),
    });
    let forgotten = kept.iter().map(|(address, record, _)| JournalEntry::Forgotten {
        address: address.clone(),
        physical_id: record.physical_id.clone(),
    });
    let entries = closed.chain(confirmed).chain(forgotten).collect();
    Ok(Removal {
        kept,
        given_up,
        dependents: relinked.into_keys().collect(),
        entries,
    })
}

/// Dependencies with what goes replaced by what that depends on, each once, in their order: deletes keep theirs.
fn without(
    state: &State,
    gone: &BTreeSet<ResourceAddress>,
    dependencies: &[ResourceAddress],
) -> Vec<ResourceAddress> {
    let mut left: Vec<&ResourceAddress> = dependencies.iter().rev().collect();
    let mut seen = BTreeSet::new();
    let mut remaining = Vec::new();
    while let Some(next) = left.pop() {
        if !seen.insert(next) {
            continue;
        }
        if !gone.contains(next) {
            remaining.push(next.clone());
        } else if let Some(record) = state.resources.get(next) {
            left.extend(record.dependencies.iter().rev());
        }
    }
    remaining
}

#[cfg(test)]
mod tests {
    use infra_core::{Operation, PhysicalId};

    use super::*;
    use crate::check;
    use crate::testing::{intent, record, sample_stack};

    fn address(text: &str) -> ResourceAddress {
        text.parse().unwrap()
    }

    fn state() -> State {
        let mut state = State::new(sample_stack(), "lineage");
        for (text, id, needs) in [
            ("ec2.vpc.main", "vpc-1", &[][..]),
            ("ec2.subnet.a", "subnet-a", &["ec2.vpc.main"]),
            ("ec2.subnet.b", "subnet-b", &["ec2.vpc.main"]),
            (
                "elbv2.load_balancer.main",
                "lb",
                &["ec2.subnet.b", "ec2.subnet.a"],
            ),
            ("elbv2.listener.main", "listener", &["elbv2.load_balancer.main"]),
        ] {
            state.resources.insert(address(text), record(id, needs));
        }
        state.deposed.insert(
            address("ec2.subnet.a"),
            vec![record("subnet-old", &["ec2.vpc.main"])],
        );
        for (token, at, operation, id) in [
            ("one", "ec2.subnet.a", Operation::Update, Some("subnet-a")),
            ("two", "ec2.eip.nat", Operation::Create, None),
        ] {
            let id = id.map(PhysicalId::new);
            let intent = intent(token, &address(at), operation, id.as_ref());
            state.intents.insert(intent.token.clone(), intent);
        }
        state
    }

    #[test]
    fn what_is_forgotten_leaves_a_sound_state_and_the_order_of_deletes() {
        let mut state = state();
        let gone = BTreeSet::from(["ec2.subnet.a", "ec2.subnet.b"].map(address));
        let removal = removal(&state, &gone).unwrap();
        let kept: Vec<_> = removal
            .kept
            .iter()
            .map(|(_, record, deposed)| (record.physical_id.as_str(), *deposed))
            .collect();
        assert_eq!(
            kept,
            [("subnet-a", false), ("subnet-old", true), ("subnet-b", false)]
        );
        assert_eq!(removal.given_up.len(), 1);
        assert_eq!(
            removal.dependents,
            BTreeSet::from([address("elbv2.load_balancer.main")])
        );
        // Cut off anywhere, it leaves a state that a run can go on from.
        for entry in &removal.entries {
            state.fold(entry).unwrap();
            assert_eq!(check(&state, None), [], "after {entry:?}");
        }
        assert!(gone.iter().all(|gone| !state.resources.contains_key(gone)));
        assert!(state.deposed.is_empty());
        assert_eq!(state.intents.len(), 1, "the call that nobody named stays open");
        assert_eq!(
            state.resources[&address("elbv2.load_balancer.main")].dependencies,
            [address("ec2.vpc.main")]
        );
    }

    #[test]
    fn a_call_whose_outcome_is_not_known_can_be_given_up_alone() {
        let mut state = state();
        let removal = removal(&state, &BTreeSet::from([address("ec2.eip.nat")])).unwrap();
        assert!(removal.kept.is_empty());
        assert_eq!(removal.given_up[0].token.0, "two");
        for entry in &removal.entries {
            state.fold(entry).unwrap();
        }
        assert_eq!(state.intents.len(), 1);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let missing = address("ec2.subnet.c");
        assert_eq!(
            removal(
                &state(),
                &BTreeSet::from([address("ec2.subnet.a"), missing.clone()])
            ),
            Err(NothingThere(missing))
        );
    }
}
