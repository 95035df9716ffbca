//! What a state store must do.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use infra_core::state::JournalEntry;
use infra_core::{
    Attributes, Connection, IllegalEntry, Intent, KeptKey, ResourceAddress, ResourceRecord, RunId,
    RunOutcome, RunSummary, SealingKey, SealingKeyId, StackId, State, Token,
};
use serde::{Deserialize, Serialize};

use crate::error::StateError;

/// A durable store of one stack's state: its snapshot, its journal and its runs, which only ever change
/// together.
///
/// The calls block, and one at a time is enough: the [`Journal`](crate::Journal) calls them from its own
/// thread. A store that can only keep whole documents folds a changeset's entries into its copy of the
/// state and writes that.
pub trait StateStore: Send + Sync + fmt::Debug {
    /// Where the state is, for messages.
    fn location(&self) -> String;

    /// All that is known now. The caller checks the integrity of the state.
    ///
    /// # Errors
    /// [`StateError::OtherFormat`] before anything else is looked at; [`StateError::Damaged`] for what
    /// cannot be read.
    fn load(&self) -> Result<StoredState, StateError>;

    /// Makes a changeset durable, all of it or nothing. After an error it is not known which; the store
    /// then takes no further changeset until it is opened again.
    ///
    /// # Errors
    /// [`StateError::LineageMismatch`] and [`StateError::SerialMoved`] when the store has moved on, and
    /// nothing is written; otherwise what the medium says.
    fn commit(&self, changes: &Changeset) -> Result<(), StateError>;

    /// The journal's entries of these serials that are kept, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError>;

    /// All runs in the order of their start. They outlive the journal's entries.
    ///
    /// # Errors
    /// When they cannot be read.
    fn history(&self) -> Result<Vec<RunRecord>, StateError>;

    /// Puts `state` in the place of what there is, atomically: for an import. The journal starts anew
    /// behind the state's serial; the runs and the sealing key stay.
    ///
    /// # Errors
    /// [`StateError::SerialMoved`] for an older state of the same lineage, which [`crate::import`] never
    /// makes; otherwise as for [`StateStore::commit`].
    fn replace_all(&self, state: &State) -> Result<(), StateError>;
}

/// What a store knows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredState {
    /// The fold of the journal.
    pub state: State,
    /// The key that whoever opened the store gave it for this state's secrets. It is not stored.
    pub sealing_key: SealingKey,
}

/// An empty state of `stack` with a new lineage.
pub fn new_state(stack: &StackId) -> State {
    State::new(stack.clone(), uuid::Uuid::new_v4().to_string())
}

/// One run of a command that may have changed something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The command in words, such as `apply`.
    pub command: String,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_unix_ms: u64,
    /// The serial of its first journal entry.
    pub first_serial: u64,
    /// How it ended; `None` while it runs, and for ever if it was killed.
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// In one word.
    pub outcome: RunOutcome,
    /// Its counts.
    pub summary: RunSummary,
    /// When, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// The serial of its last journal entry.
    pub last_serial: u64,
}

/// Journal entries that become durable together, with exactly the parts of the state that they touched, as
/// these are after the last entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Changeset {
    /// The lineage of the state that this changes.
    pub lineage: String,
    /// The serial that the store must have before.
    pub previous_serial: u64,
    /// The entries by serial, without a gap from `previous_serial + 1`.
    pub entries: Vec<(u64, JournalEntry)>,
    /// Records by address; `None`: removed.
    pub records: BTreeMap<ResourceAddress, Option<ResourceRecord>>,
    /// Deposed records by address; `None`: removed.
    pub deposed: BTreeMap<ResourceAddress, Option<Vec<ResourceRecord>>>,
    /// Open intents by token; `None`: closed.
    pub intents: BTreeMap<Token, Option<Intent>>,
    /// The outputs, if they changed.
    pub outputs: Option<Attributes>,
    /// How the stack is reached, if that changed.
    pub connection: Option<Connection>,
    /// The key that secrets are sealed with, if that changed.
    pub sealed_with: Option<SealingKeyId>,
    /// That key as KMS keeps it; nothing where it changed to one that KMS does not keep.
    pub kept_key: Option<KeptKey>,
    /// Runs that began or ended, by the time of their start and their id.
    pub runs: BTreeMap<(u64, RunId), RunRecord>,
}

impl Changeset {
    /// Nothing yet, on top of `state`.
    pub fn after(state: &State) -> Self {
        Self {
            lineage: state.lineage.clone(),
            previous_serial: state.serial,
            entries: Vec::new(),
            records: BTreeMap::new(),
            deposed: BTreeMap::new(),
            intents: BTreeMap::new(),
            outputs: None,
            connection: None,
            sealed_with: None,
            kept_key: None,
            runs: BTreeMap::new(),
        }
    }

    /// The serial that the store has afterwards.
    pub fn serial(&self) -> u64 {
        self.entries
            .last()
            .map_or(self.previous_serial, |(serial, _)| *serial)
    }

    /// Folds `entry` into `state` and takes note of what it touched. Returns its serial.
    ///
    /// # Errors
    /// When the entry cannot follow; then neither has changed.
    pub fn fold(&mut self, state: &mut State, entry: JournalEntry) -> Result<u64, IllegalEntry> {
        let touched = Touched::by(state, &entry);
        state.fold(&entry)?;
        for address in touched.addresses {
            if touched.deposed {
                self.deposed
                    .insert(address.clone(), state.deposed.get(&address).cloned());
            }
            let record = state.resources.get(&address).cloned();
            self.records.insert(address, record);
        }
        if let Some(token) = touched.token {
            let intent = state.intents.get(&token).cloned();
            self.intents.insert(token, intent);
        }
        if matches!(entry, JournalEntry::Outputs { .. }) {
            self.outputs = Some(state.outputs.clone());
        }
        if matches!(entry, JournalEntry::Connected { .. }) {
            self.connection.clone_from(&state.connection);
        }
        if matches!(entry, JournalEntry::Resealed { .. }) {
            self.take_all(state);
        }
        if matches!(
            entry,
            JournalEntry::SealedWith { .. } | JournalEntry::Resealed { .. }
        ) {
            self.sealed_with.clone_from(&state.sealed_with);
            self.kept_key.clone_from(&state.kept_key);
        }
        self.entries.push((state.serial, entry));
        Ok(state.serial)
    }

    /// Takes note of everything that may hold sealed values.
    fn take_all(&mut self, state: &State) {
        let records = state.resources.iter();
        self.records
            .extend(records.map(|(address, record)| (address.clone(), Some(record.clone()))));
        let deposed = state.deposed.iter();
        self.deposed
            .extend(deposed.map(|(address, records)| (address.clone(), Some(records.clone()))));
        let intents = state.intents.iter();
        self.intents
            .extend(intents.map(|(token, intent)| (token.clone(), Some(intent.clone()))));
        self.outputs = Some(state.outputs.clone());
    }
}

/// The addresses of what depends on one, deposed things included.
fn dependents<'a>(
    state: &'a State,
    on: &'a ResourceAddress,
) -> impl Iterator<Item = &'a ResourceAddress> + 'a {
    let current = state.resources.iter();
    let deposed = state
        .deposed
        .iter()
        .flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
    current
        .chain(deposed)
        .filter(|(_, record)| record.dependencies.contains(on))
        .map(|(address, _)| address)
}

/// The parts of a state that an entry changes.
struct Touched {
    addresses: Vec<ResourceAddress>,
    deposed: bool,
    token: Option<Token>,
}

impl Touched {
    /// Looked up in the state before the fold: an outcome names only its token.
    fn by(state: &State, entry: &JournalEntry) -> Self {
        let of_intent = |token: &Token, deposed| Self {
            addresses: state
                .intents
                .get(token)
                .map(|intent| intent.address.clone())
                .into_iter()
                .collect(),
            deposed,
            token: Some(token.clone()),
        };
        match entry {
            JournalEntry::Intended(intent) => Self {
                addresses: Vec::new(),
                deposed: false,
                token: Some(intent.token.clone()),
            },
            JournalEntry::Created { token, .. } | JournalEntry::Deleted { token } => of_intent(token, true),
            JournalEntry::Updated { token, .. } => of_intent(token, false),
            JournalEntry::NoEffect { token, .. } | JournalEntry::Learned { token, .. } => Self {
                addresses: Vec::new(),
                ..of_intent(token, false)
            },
            JournalEntry::Confirmed { address, .. } => Self {
                addresses: vec![address.clone()],
                deposed: false,
                token: None,
            },
            JournalEntry::Forgotten { address, .. } => Self {
                addresses: vec![address.clone()],
                deposed: true,
                token: None,
            },
            JournalEntry::Moved { from, to } => Self {
                addresses: dependents(state, from).chain([from, to]).cloned().collect(),
                deposed: true,
                token: None,
            },
            JournalEntry::RunStarted { .. }
            | JournalEntry::RunEnded { .. }
            | JournalEntry::Connected { .. }
            | JournalEntry::SealedWith { .. }
            | JournalEntry::Resealed { .. }
            | JournalEntry::Outputs { .. } => Self {
                addresses: Vec::new(),
                deposed: false,
                token: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Value;

    use super::*;
    use crate::testing::{record, sample_stack};

    #[test]
    fn what_is_resealed_is_all_that_holds_a_seal() {
        let sealed = |seal: &str| Value::Secret(infra_core::Secret::Sealed(seal.to_owned()));
        let address: ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let mut state = State::new(sample_stack(), "lineage");
        let mut one = record("vpc-1", &[]);
        one.applied.insert("a".into(), Value::List(vec![sealed("old")]));
        state.deposed.insert(address.clone(), vec![one.clone()]);
        one.observed.insert("b".into(), sealed("unknown"));
        state.resources.insert(address.clone(), one);
        state.outputs.insert("c".into(), sealed("old"));
        let mut changes = Changeset::after(&state);
        let entry = JournalEntry::Resealed {
            key: SealingKeyId("next".into()),
            kept: None,
            seals: BTreeMap::from([("old".to_owned(), "new".to_owned())]),
        };
        changes.fold(&mut state, entry).unwrap();
        let mut seals = Vec::new();
        state.for_each_seal(|seal| seals.push(seal.clone()));
        // Each record of these tests has one of its own.
        seals.retain(|seal| seal != "hmac-sha256:00");
        assert_eq!(seals, ["new", "unknown", "new", "new"]);
        assert_eq!(changes.records[&address].as_ref(), state.resources.get(&address));
        assert_eq!(changes.deposed[&address].as_ref(), state.deposed.get(&address));
        assert_eq!(changes.outputs.as_ref(), Some(&state.outputs));
        assert_eq!(changes.sealed_with, Some(SealingKeyId("next".into())));
    }

    /// A store writes only what a changeset names.
    #[test]
    fn a_move_touches_both_addresses_and_whatever_depends_on_the_old_one() {
        let address = |text: &str| text.parse::<ResourceAddress>().unwrap();
        let mut state = State::new(sample_stack(), "lineage");
        for (text, needs) in [
            ("ec2.vpc.main", &[][..]),
            ("ec2.subnet.a", &["ec2.vpc.main"]),
            ("ec2.eip.nat", &[]),
        ] {
            state.resources.insert(address(text), record(text, needs));
        }
        let old = record("subnet-old", &["ec2.vpc.main"]);
        state.deposed.insert(address("ec2.subnet.b"), vec![old]);
        let mut changes = Changeset::after(&state);
        let entry = JournalEntry::Moved {
            from: address("ec2.vpc.main"),
            to: address("ec2.vpc.core"),
        };
        changes.fold(&mut state, entry).unwrap();
        assert_eq!(changes.records.get(&address("ec2.vpc.main")), Some(&None));
        for text in ["ec2.vpc.core", "ec2.subnet.a"] {
            let written = changes.records[&address(text)].as_ref();
            assert_eq!(written, state.resources.get(&address(text)), "{text}");
        }
        assert!(!changes.records.contains_key(&address("ec2.eip.nat")));
        let written = changes.deposed[&address("ec2.subnet.b")].as_ref().unwrap();
        assert_eq!(written[0].dependencies, [address("ec2.vpc.core")]);
    }
}
