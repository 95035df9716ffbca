//! The store under observation.

use std::ops::RangeInclusive;

use infra_core::state::JournalEntry;
use infra_core::{Intent, Operation, State, Token};
use infra_state::testing::MemoryStore;
use infra_state::{Changeset, RunRecord, StateError, StateStore, StoredState, check};

use super::{Seen, Watch};

/// A store that holds every entry against the rules of a journal before it is written.
#[derive(Debug)]
pub struct WatchedStore {
    store: MemoryStore,
    watch: Watch,
    process: u64,
}

impl WatchedStore {
    /// The store as a new process opens it.
    pub fn open(store: MemoryStore, watch: Watch) -> Self {
        let process = watch.new_process();
        Self {
            store,
            watch,
            process,
        }
    }
}

impl StateStore for WatchedStore {
    fn location(&self) -> String {
        self.store.location()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        self.store.load()
    }

    fn commit(&self, changes: &Changeset) -> Result<(), StateError> {
        let mut seen = self.watch.lock();
        seen.holds_lease(self.process);
        for (serial, entry) in &changes.entries {
            seen.entry(*serial, entry);
        }
        let result = self.store.commit(changes);
        if result.is_err() {
            // All of it or nothing: which of both, only the store knows.
            seen.durable = self.store.load()?.state;
        }
        result
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        self.store.journal(serials)
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        self.store.history()
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        let mut seen = self.watch.lock();
        seen.holds_lease(self.process);
        let result = self.store.replace_all(state);
        seen.durable = self.store.load()?.state;
        result
    }
}

impl Seen {
    fn holds_lease(&mut self, process: u64) {
        let last = self.process;
        self.require(process == last, || {
            format!("process {process} writes although process {last} holds the stack")
        });
    }

    /// Holds one entry against the rules, and folds it.
    fn entry(&mut self, serial: u64, entry: &JournalEntry) {
        let expected = self.durable.serial + 1;
        self.require(serial == expected, || {
            format!("serial {serial} comes after {}", expected - 1)
        });
        match entry {
            JournalEntry::RunStarted { run, .. } => {
                let open: Vec<String> = self.durable.open_intents().map(in_words).collect();
                self.require(open.is_empty(), || {
                    format!("a run starts before what is open is settled: {open:?}")
                });
                let before = self.run.replace(run.clone());
                self.require(before.is_none(), || {
                    format!("{run} starts while {before:?} goes on")
                });
            }
            JournalEntry::RunEnded { run, .. } => {
                let before = self.run.take();
                self.require(before.as_ref() == Some(run), || {
                    format!("{run} ends and {before:?} was under way")
                });
            }
            JournalEntry::Intended(intent) => self.intended(intent),
            JournalEntry::Created { token, record } => {
                self.outcome(token, Operation::Create);
                let id = record.physical_id.as_str();
                let holder = self.durable.intents.get(token).map(|intent| {
                    let at = &intent.address;
                    (at.clone(), self.ids_at(at).iter().any(|other| other == id))
                });
                if let Some((address, true)) = holder {
                    self.broken
                        .push(format!("{address}: {id} was made although the state has it"));
                }
            }
            JournalEntry::Updated { token, record } => {
                self.outcome(token, Operation::Update);
                let intent = self.durable.intents.get(token);
                let same =
                    intent.is_none_or(|intent| intent.physical_id.as_ref() == Some(&record.physical_id));
                self.require(same, || {
                    format!("an update made {} of another thing", record.physical_id)
                });
            }
            JournalEntry::Learned { token, .. } => {
                let open = self.durable.intents.contains_key(token);
                self.require(open, || {
                    format!("something is learned of {token}, which is not open")
                });
            }
            JournalEntry::Deleted { token } => self.outcome(token, Operation::Delete),
            JournalEntry::NoEffect { token, .. } => {
                let open = self.durable.intents.contains_key(token);
                self.require(open, || format!("{token} ends and is not open"));
            }
            JournalEntry::Confirmed { address, record } => {
                let id = record.physical_id.as_str();
                // What a state from a backup does not know is found again.
                let may_be_new = self.durable.rebuilt || !self.durable.resources.contains_key(address);
                let fits = may_be_new || self.is_current(address, id);
                self.require(fits, || {
                    format!("{address} becomes {id} without a call that made it")
                });
            }
            JournalEntry::Forgotten { address, physical_id } => {
                let is_open = self
                    .durable
                    .open_intents()
                    .any(|intent| intent.physical_id.as_ref() == Some(physical_id));
                self.require(!is_open, || {
                    format!("{address}: {physical_id} is forgotten while a call for it is open")
                });
            }
            JournalEntry::Moved { from, to } => {
                self.broken
                    .push(format!("a run moves {from} to {to}, which only a person does"));
            }
            JournalEntry::Outputs { .. }
            | JournalEntry::Connected { .. }
            | JournalEntry::SealedWith { .. }
            | JournalEntry::Resealed { .. } => {}
        }
        if let Err(illegal) = self.durable.fold(entry) {
            self.broken.push(format!("illegal entry: {illegal}"));
        }
        // A dependency that the state does not have is one that is gone before what needed it was told so.
        let unsound = check(&self.durable, None)
            .into_iter()
            .filter(|problem| !["unknown-dependency", "dependency-cycle"].contains(&problem.code.as_str()));
        for problem in unsound {
            self.broken
                .push(format!("after entry {serial}: {}", problem.message));
        }
    }

    fn intended(&mut self, intent: &Intent) {
        let address = &intent.address;
        let new = self.tokens.insert(intent.token.clone());
        self.require(new, || format!("the token {} is used again", intent.token));
        let others: Vec<String> = self
            .durable
            .open_intents()
            .filter(|other| other.address == *address && !(self.is_removal(other) || self.is_removal(intent)))
            .filter(|other| !may_be_one_call(other, intent))
            .chain(self.durable.open_intents().filter(|other| {
                other.physical_id.is_some()
                    && other.physical_id == intent.physical_id
                    && other.address.type_name() == address.type_name()
            }))
            .map(in_words)
            .collect();
        self.require(others.is_empty(), || {
            format!("{} while these are open: {others:?}", in_words(intent))
        });
        let id = intent.physical_id.as_ref().map(|id| id.as_str());
        let fits = match (intent.operation, id) {
            (Operation::Create, None) => true,
            (Operation::Update, Some(id)) => self.is_current(address, id),
            (Operation::Delete, Some(id)) => self.ids_at(address).iter().any(|own| own == id),
            _ => false,
        };
        self.require(fits, || {
            format!("{}: the state has no such thing", in_words(intent))
        });
    }

    /// Whether an intent is to remove something that was replaced: that goes on beside everything else.
    fn is_removal(&self, intent: &Intent) -> bool {
        let id = intent.physical_id.as_ref();
        intent.operation == Operation::Delete
            && id.is_some_and(|id| !self.is_current(&intent.address, id.as_str()))
    }

    fn outcome(&mut self, token: &Token, operation: Operation) {
        let intent = self.durable.intents.get(token);
        let fits = intent.is_some_and(|intent| intent.operation == operation);
        self.require(fits, || {
            format!("{token} ends as a {operation:?}, and no such intent is open")
        });
    }
}

/// `Delete net.part.a part-3`.
fn in_words(intent: &Intent) -> String {
    let id = intent.physical_id.as_ref().map(|id| format!(" {id}"));
    let id = id.unwrap_or_default();
    format!("{:?} {}{id}", intent.operation, intent.address)
}

/// Whether one call may make both.
fn may_be_one_call(one: &Intent, other: &Intent) -> bool {
    let definition = infra_testkit::catalogue().definition(one.address.type_name());
    let operations = [one.operation, other.operation];
    let are_both = operations.contains(&Operation::Delete) && operations.contains(&Operation::Create);
    are_both
        && one.run == other.run
        && definition.is_some_and(|definition| definition.schema().together.is_some())
}
