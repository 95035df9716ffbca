//! Observers between the engine and what it works with. They hold every append and every call against rules of
//! their own, which know nothing of how the engine keeps them: the journal is legal and its fold sound, an
//! intent is durable before its call, nothing is changed twice at a time, nothing is made before what it needs
//! or deleted under what uses it.

mod providers;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use infra_core::{ResourceAddress, RunId, Stack, State, Token};
use infra_engine::RunRequest;
use infra_state::StateStore;
use infra_state::testing::MemoryStore;

pub use providers::WatchedProviders;
pub use store::WatchedStore;

/// What was seen of a stack's life so far. Clones see the same.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    /// Counts processes: only the last one may write.
    process: u64,
    /// What is durable, folded here and not by the store.
    durable: State,
    /// Tokens of all intents that ever were.
    tokens: BTreeSet<Token>,
    /// The run that is under way.
    run: Option<RunId>,
    /// What the file says in the run under way.
    stack: Option<Arc<Stack>>,
    /// What calls are changing right now.
    changing: BTreeSet<String>,
    /// Calls so far, by their names.
    calls: BTreeMap<String, u64>,
    /// Broken rules, in words.
    broken: Vec<String>,
    /// Whether the engine knows what the cloud has: it has looked, and what it was told is not old. Only then
    /// can it be held against that.
    knows: bool,
    /// Whether runs wait for everything to work.
    waits: bool,
}

impl Watch {
    /// Before anything happened.
    pub fn new(store: &MemoryStore) -> Self {
        Self(Arc::new(Mutex::new(Seen {
            process: 0,
            durable: store.load().expect("the state loads").state,
            tokens: BTreeSet::new(),
            run: None,
            stack: None,
            changing: BTreeSet::new(),
            calls: BTreeMap::new(),
            broken: Vec::new(),
            knows: true,
            waits: true,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process begins, which is the only one that may write from now on.
    pub fn new_process(&self) -> u64 {
        let mut seen = self.lock();
        seen.process += 1;
        seen.run = None;
        seen.changing.clear();
        seen.process
    }

    /// The state is another one from now on: it came from a backup.
    pub fn restored(&self, store: &MemoryStore) {
        self.lock().durable = store.load().expect("the state loads").state;
    }

    /// What the process is asked to do. `late`: what the cloud tells may be old.
    pub fn asked(&self, request: &RunRequest, waits: bool, late: bool) {
        let mut seen = self.lock();
        seen.stack = request.stack.clone();
        seen.waits = waits;
        seen.knows = request.refresh && !late;
    }

    /// Fails the test if a rule was broken, or if the store does not hold what was made durable.
    pub fn holds(&self, store: &MemoryStore) {
        let mut seen = self.lock();
        let stored = store.load().expect("the state loads").state;
        if stored != seen.durable {
            let problem = format!("the store holds {stored:#?} and not {:#?}", seen.durable);
            seen.broken.push(problem);
        }
        assert!(seen.broken.is_empty(), "rules were broken: {:#?}", seen.broken);
    }
}

impl Seen {
    fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(rule());
        }
    }

    /// The things that the state has at an address: the current one, then those that are still to go.
    fn ids_at(&self, address: &ResourceAddress) -> Vec<String> {
        let current = self.durable.resources.get(address).into_iter();
        let deposed = self.durable.deposed.get(address).into_iter().flatten();
        let all = current.chain(deposed);
        all.map(|record| record.physical_id.to_string()).collect()
    }

    fn is_current(&self, address: &ResourceAddress, id: &str) -> bool {
        let record = self.durable.resources.get(address);
        record.is_some_and(|record| record.physical_id.as_str() == id)
    }
}
