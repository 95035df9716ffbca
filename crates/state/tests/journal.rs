//! The journal over a store that fails, crashes, panics or is slow.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use infra_core::state::JournalEntry;
use infra_core::{Attributes, State, Value};
use infra_state::testing::{Failure, Gate, MemoryStore, legal_journal, record, sample_stack, sample_state};
use infra_state::{AppendError, Changeset, Journal, RunRecord, StateError, StateStore, StoredState};

fn outputs(number: i64) -> JournalEntry {
    JournalEntry::Outputs {
        values: Attributes::from([("number".to_owned(), Value::Integer(number))]),
    }
}

fn memory() -> MemoryStore {
    MemoryStore::new(&sample_stack())
}

fn serial(store: &MemoryStore) -> u64 {
    store.reopen().load().unwrap().state.serial
}

#[test]
fn a_failed_flush_ends_the_journal_and_what_was_acknowledged_stays() {
    // The failure of the third commit, and the serial that is stored afterwards.
    let cases = [
        (Failure::NoSpace, 2),
        (Failure::CrashBefore, 2),
        (Failure::CrashAfter, 3),
    ];
    for (failure, stored) in cases {
        for open in [Journal::open, Journal::open_inline] {
            let store = memory();
            store.fail_at(3, failure);
            let journal = open(Arc::new(store.clone())).unwrap();
            journal.append_blocking(outputs(1)).unwrap();
            journal.append_blocking(outputs(2)).unwrap();
            let first = journal.append_blocking(outputs(3)).unwrap_err();
            let later = journal.append_blocking(outputs(4)).unwrap_err();
            assert!(matches!(first, AppendError::Store(_)), "{first:?}");
            assert_eq!(first.to_string(), later.to_string());
            assert_eq!(store.commits(), 3, "nothing is written after a failure");
            assert_eq!(journal.close().unwrap_err().to_string(), first.to_string());
            assert_eq!(serial(&store), stored, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_flush_is_told_to_everybody_who_waits() {
    let store = memory();
    store.fail_at(1, Failure::NoSpace);
    let gate = Gate::shut(Arc::new(store.clone()));
    let journal = Arc::new(Journal::open(Arc::clone(&gate) as Arc<dyn StateStore>).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { journal.append(outputs(number)).await })
        })
        .collect();
    while journal.serial() < 50 {
        tokio::task::yield_now().await;
    }
    gate.open();
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
    }
    assert_eq!((store.commits(), serial(&store)), (1, 0));
}

#[tokio::test]
async fn the_queue_is_bounded_and_goes_on_when_there_is_room() {
    let store = memory();
    let gate = Gate::shut(Arc::new(store.clone()));
    let journal = Arc::new(Journal::open(Arc::clone(&gate) as Arc<dyn StateStore>).unwrap());
    let started = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..1500)
        .map(|number| {
            let (journal, started) = (Arc::clone(&journal), Arc::clone(&started));
            tokio::spawn(async move {
                started.fetch_add(1, Ordering::Relaxed);
                journal.append(outputs(number)).await
            })
        })
        .collect();
    // One thread: whoever has started has queued its entry, or waits for room.
    while started.load(Ordering::Relaxed) < 1500 {
        tokio::task::yield_now().await;
    }
    let queued = journal.serial();
    gate.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!((queued, serial(&store)), (1024, 1500));
}

#[tokio::test]
async fn an_append_that_nobody_awaits_any_more_is_still_in_order() {
    let store = memory();
    let gate = Gate::shut(Arc::new(store.clone()));
    let journal = Arc::new(Journal::open(Arc::clone(&gate) as Arc<dyn StateStore>).unwrap());
    let task = {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.append(outputs(1)).await })
    };
    while journal.serial() < 1 {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!(journal.append(outputs(2)).await.unwrap(), 2);
    let entries = journal.entries(0..=u64::MAX).unwrap();
    assert_eq!(entries, [(1, outputs(1)), (2, outputs(2))]);
}

#[test]
fn closing_writes_what_is_queued() {
    let store = memory();
    let gate = Gate::shut(Arc::new(store.clone()));
    let journal = Arc::new(Journal::open(Arc::clone(&gate) as Arc<dyn StateStore>).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for number in 0..20 {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { journal.append(outputs(number)).await });
        }
        while journal.serial() < 20 {
            tokio::task::yield_now().await;
        }
    });
    // The tasks are gone, their entries are not.
    drop(runtime);
    gate.open();
    journal.close().unwrap();
    assert_eq!(serial(&store), 20);
    assert!(matches!(
        journal.append_blocking(outputs(0)),
        Err(AppendError::Closed)
    ));
}

/// A store with a bug.
#[derive(Debug)]
struct Panicking(MemoryStore);

impl StateStore for Panicking {
    fn location(&self) -> String {
        self.0.location()
    }

    fn load(&self) -> Result<StoredState, StateError> {
        self.0.load()
    }

    fn commit(&self, _changes: &Changeset) -> Result<(), StateError> {
        panic!("a bug");
    }

    fn journal(&self, serials: RangeInclusive<u64>) -> Result<Vec<(u64, JournalEntry)>, StateError> {
        self.0.journal(serials)
    }

    fn history(&self) -> Result<Vec<RunRecord>, StateError> {
        self.0.history()
    }

    fn replace_all(&self, state: &State) -> Result<(), StateError> {
        self.0.replace_all(state)
    }
}

#[tokio::test]
async fn a_store_that_panics_keeps_nobody_waiting() {
    let journal = Journal::open(Arc::new(Panicking(memory()))).unwrap();
    for _ in 0..2 {
        let error = journal.append(outputs(1)).await.unwrap_err();
        assert!(
            matches!(error, AppendError::Store(StateError::WriterEnded)),
            "{error:?}"
        );
    }
    assert!(journal.close().is_err());
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let journal = Journal::open_inline(Arc::new(memory())).unwrap();
    journal.append_blocking(outputs(1)).unwrap();
    let snapshot = journal.snapshot();
    journal.append_blocking(outputs(2)).unwrap();
    assert_eq!((snapshot.serial, journal.serial()), (1, 2));
    assert_eq!(snapshot.outputs["number"], Value::Integer(1));
    assert_eq!(journal.statistics().flushes, 2);
}

#[test]
fn a_changeset_holds_exactly_what_was_touched() {
    let choices: Vec<u32> = (0..300_u32)
        .map(|number| number.wrapping_mul(2_654_435_761) >> 7)
        .collect();
    let mut state = State::new(sample_stack(), "lineage");
    for entry in legal_journal(&choices) {
        let before = state.clone();
        let mut changes = Changeset::after(&state);
        changes.fold(&mut state, entry.clone()).unwrap();
        assert_eq!(
            (changes.previous_serial, changes.serial()),
            (before.serial, state.serial)
        );
        for (address, record) in &state.resources {
            let touched = changes.records.contains_key(address);
            assert!(
                touched || before.resources.get(address) == Some(record),
                "{entry:?}"
            );
        }
        let keys = changes.records.len() + changes.deposed.len() + changes.intents.len();
        assert!(keys <= 3, "{entry:?} touches {keys} keys");
    }
}

#[test]
fn an_unsound_state_is_refused() {
    let mut state = sample_state();
    state.resources.insert("a.b.c".parse().unwrap(), record("", &[]));
    let error = Journal::open(Arc::new(MemoryStore::with_state(state))).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("is damaged: a.b.c has no id of AWS"),
        "{message}"
    );
}

#[test]
fn what_would_be_refused_when_read_is_refused_when_appended() {
    let store = memory();
    let journal = Journal::open_inline(Arc::new(store.clone())).unwrap();
    let nameless = JournalEntry::Confirmed {
        address: "a.b.c".parse().unwrap(),
        record: Box::new(record("", &[])),
    };
    let refused = journal.append_blocking(nameless).unwrap_err();
    assert!(matches!(refused, AppendError::Unsound(_)), "{refused:?}");
    journal.append_blocking(outputs(1)).unwrap();
    assert_eq!(serial(&store), 1);
}
