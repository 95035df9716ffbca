//! A state from the newest backup and what is left of a damaged store.

use infra_core::state::JournalEntry;
use infra_core::{Severity, StackId, State};

use crate::integrity::{check, check_entry};
use crate::store::new_state;

/// What can still be read of a damaged store. Nothing of it needs to be there, but what is there is right.
pub trait Remains {
    /// The lineage of its state.
    fn lineage(&self) -> Option<String>;

    /// The highest serial that is known to have been acknowledged.
    fn acknowledged(&self) -> Option<u64>;

    /// The journal's entry with this serial.
    fn entry(&self, serial: u64) -> Option<JournalEntry>;

    /// The whole state, as far as it can be read.
    fn state(&self) -> Option<State>;
}

/// A state that may take a damaged one's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// The state, marked as rebuilt. Its serial is new to plans, backups and the store.
    pub state: State,
    /// The journal entries that could still be read and came on top of the backup.
    pub entries: u64,
    /// The serials of the acknowledged entries that nothing tells of any more, first and last.
    pub lost: Option<(u64, u64)>,
}

/// The state that `backup`, or without one an empty state, becomes by those journal entries behind it that
/// can still be read, up to the first that is missing. Without a backup and with a journal that does not
/// reach back to its beginning, what the store has of the state is taken. `known` is the highest serial
/// that is known from elsewhere, such as the name of a backup that cannot be read.
pub fn rebuild(stack: &StackId, backup: Option<State>, remains: &dyn Remains, known: u64) -> Rebuilt {
    let mut state = backup.unwrap_or_else(|| begin(stack, remains));
    let before = state.serial;
    if remains.lineage().is_some_and(|lineage| lineage == state.lineage) {
        while let Some(entry) = remains.entry(state.serial + 1) {
            if check_entry(&entry).is_some() || state.fold(&entry).is_err() {
                break;
            }
        }
    }
    let reached = state.serial;
    let acknowledged = remains.acknowledged().unwrap_or(0).max(known);
    state.serial = reached.max(acknowledged) + 1;
    state.rebuilt = true;
    Rebuilt {
        state,
        entries: reached - before,
        lost: (acknowledged > reached).then_some((reached + 1, acknowledged)),
    }
}

fn begin(stack: &StackId, remains: &dyn Remains) -> State {
    let empty = State {
        lineage: remains.lineage().unwrap_or_else(|| new_state(stack).lineage),
        ..new_state(stack)
    };
    if remains.entry(1).is_some() {
        return empty;
    }
    let whole = remains.state().filter(|state| {
        check(state, Some(stack))
            .iter()
            .all(|problem| problem.severity != Severity::Error)
    });
    whole.unwrap_or(empty)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{legal_journal, sample_stack, sample_state};

    #[derive(Default)]
    struct Left {
        lineage: Option<String>,
        acknowledged: Option<u64>,
        entries: BTreeMap<u64, JournalEntry>,
        state: Option<State>,
    }

    impl Remains for Left {
        fn lineage(&self) -> Option<String> {
            self.lineage.clone()
        }

        fn acknowledged(&self) -> Option<u64> {
            self.acknowledged
        }

        fn entry(&self, serial: u64) -> Option<JournalEntry> {
            self.entries.get(&serial).cloned()
        }

        fn state(&self) -> Option<State> {
            self.state.clone()
        }
    }

    /// The states after each entry of a journal, from the empty one on, and what a store had of it.
    fn history() -> (Vec<State>, Left) {
        let choices: Vec<u32> = (0..60)
            .map(|number: u32| number.wrapping_mul(2_654_435_761))
            .collect();
        let mut states = vec![State::new(sample_stack(), "lineage")];
        let mut entries = BTreeMap::new();
        for entry in legal_journal(&choices) {
            let mut next = states.last().unwrap().clone();
            next.fold(&entry).unwrap();
            entries.insert(next.serial, entry);
            states.push(next);
        }
        let remains = Left {
            lineage: Some("lineage".into()),
            acknowledged: Some(entries.len() as u64),
            entries,
            state: None,
        };
        (states, remains)
    }

    fn content(state: &State) -> State {
        State {
            serial: 0,
            rebuilt: false,
            ..state.clone()
        }
    }

    #[test]
    fn what_can_be_read_comes_on_top_of_the_backup() {
        let (states, mut remains) = history();
        let last = states.len() as u64 - 1;
        assert!(last > 20);
        let rebuilt = |backup: Option<u64>, remains: &Left| {
            rebuild(
                &sample_stack(),
                backup.map(|serial| states[serial as usize].clone()),
                remains,
                0,
            )
        };
        for backup in [None, Some(0), Some(7), Some(last)] {
            let all = rebuilt(backup, &remains);
            assert_eq!(content(&all.state), content(&states[last as usize]));
            assert_eq!(
                (all.state.serial, all.state.rebuilt, all.lost),
                (last + 1, true, None)
            );
            assert_eq!(all.entries, last - backup.unwrap_or(0));
        }
        remains.entries.remove(&15);
        let some = rebuilt(Some(7), &remains);
        assert_eq!(content(&some.state), content(&states[14]));
        assert_eq!((some.entries, some.lost), (7, Some((15, last))));
        // A newer backup reaches beyond the hole.
        let more = rebuilt(Some(16), &remains);
        assert_eq!(content(&more.state), content(&states[last as usize]));
        // Of another lineage, the entries say nothing.
        remains.lineage = Some("other".into());
        let none = rebuilt(Some(7), &remains);
        assert_eq!(content(&none.state), content(&states[7]));
    }

    #[test]
    fn an_entry_that_cannot_follow_ends_it() {
        let (states, mut remains) = history();
        let wrong = JournalEntry::Deleted {
            token: infra_core::Token("nobody's".into()),
        };
        remains.entries.insert(10, wrong);
        let rebuilt = rebuild(&sample_stack(), None, &remains, 0);
        assert_eq!(content(&rebuilt.state), content(&states[9]));
        assert_eq!(rebuilt.lost, Some((10, states.len() as u64 - 1)));
    }

    #[test]
    fn without_a_backup_the_stores_own_state_is_taken_and_without_that_an_empty_one() {
        let mut state = sample_state();
        let mut remains = Left {
            lineage: Some(state.lineage.clone()),
            state: Some(state.clone()),
            ..Left::default()
        };
        let rebuilt = rebuild(&sample_stack(), None, &remains, 40);
        assert_eq!(content(&rebuilt.state), content(&state));
        assert_eq!((rebuilt.state.serial, rebuilt.lost), (41, Some((10, 40))));
        state.stack = StackId::new("other", "", "dev", "us-east-1").unwrap();
        remains.state = Some(state);
        let rebuilt = rebuild(&sample_stack(), None, &remains, 0);
        assert!(rebuilt.state.is_empty() && rebuilt.state.rebuilt);
        assert_eq!(rebuilt.state.stack, sample_stack());
    }
}
