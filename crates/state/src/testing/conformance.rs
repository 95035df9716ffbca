//! What every store must do.

use std::sync::Arc;

use infra_core::state::JournalEntry;
use infra_core::{
    Attributes, Operation, ResourceAddress, RunId, RunOutcome, RunSummary, State, Token, Value,
};

use super::gate::Gate;
use super::journals::{intent, legal_journal, record, sample_stack, sample_state};
use crate::error::{AppendError, StateError};
use crate::exchange::{export, import};
use crate::journal::Journal;
use crate::store::{Changeset, StateStore};

/// One place for one store of [`sample_stack`], which outlives the handles to it.
pub trait Bench {
    /// Opens the store, the first time a new and empty one. The handle before is dropped already.
    ///
    /// # Errors
    /// What the store says.
    fn open(&self) -> Result<Arc<dyn StateStore>, StateError>;

    /// Makes what is stored claim a format that no version knows yet. No handle is open.
    fn claim_newer_format(&self);

    /// Damages what is stored so that it cannot be read. No handle is open.
    fn damage(&self);

    /// Everything that is stored, as bytes, to look for what must not be there.
    fn stored_bytes(&self) -> Vec<u8>;
}

/// Runs every check, each in a new place.
///
/// # Panics
/// When the store breaks a rule.
pub fn conformance<B: Bench>(make: impl Fn() -> B) {
    a_new_store_is_empty_and_keeps_its_identity(&make());
    what_is_appended_is_there_after_reopening(&make());
    a_changeset_on_another_state_is_refused_and_changes_nothing(&make());
    an_illegal_entry_leaves_no_trace(&make());
    appends_at_the_same_time_share_flushes(&make());
    runs_are_remembered(&make());
    an_import_replaces_everything_but_the_runs(&make());
    a_newer_format_is_refused(&make());
    damage_is_told(&make());
    no_secret_is_stored_in_clear(&make());
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn open<B: Bench>(bench: &B) -> Arc<dyn StateStore> {
    bench.open().expect("the store opens")
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn journal(store: Arc<dyn StateStore>) -> Journal {
    Journal::open(store).expect("the journal opens")
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn loaded<B: Bench>(bench: &B) -> State {
    open(bench).load().expect("the state loads").state
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn append(journal: &Journal, entries: impl IntoIterator<Item = JournalEntry>) {
    for entry in entries {
        journal.append_blocking(entry).expect("the entry is appended");
    }
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn address() -> ResourceAddress {
    "ec2.vpc.main".parse().expect("an address")
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn a_new_store_is_empty_and_keeps_its_identity<B: Bench>(bench: &B) {
    let store = open(bench);
    let first = store.load().expect("a new state loads");
    assert!(first.state.is_empty() && first.state.serial == 0);
    assert_eq!(first.state.stack, sample_stack());
    assert!(!first.state.lineage.is_empty());
    assert!(store.history().expect("a history").is_empty());
    assert!(store.journal(0..=u64::MAX).expect("a journal").is_empty());
    drop(store);
    let again = open(bench).load().expect("it loads again");
    assert_eq!(again, first, "lineage and sealing key stay");
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn what_is_appended_is_there_after_reopening<B: Bench>(bench: &B) {
    // Every kind of entry many times, large records among them.
    let choices: Vec<u32> = (0..400_u32)
        .map(|number| number.wrapping_mul(2_654_435_761) >> 7)
        .collect();
    let entries = legal_journal(&choices);
    assert_eq!(entries.len(), choices.len());
    let mut folded = loaded(bench);
    for half in entries.chunks(entries.len() / 2) {
        let journal = journal(open(bench));
        append(&journal, half.iter().cloned());
        for entry in half {
            folded.fold(entry).expect("a legal entry");
        }
        assert_eq!(*journal.snapshot(), folded);
        drop(journal);
        assert_eq!(loaded(bench), folded);
    }
    let store = open(bench);
    let numbered = || (1..).zip(entries.iter().cloned());
    assert!(
        store
            .journal(0..=u64::MAX)
            .expect("a journal")
            .into_iter()
            .eq(numbered())
    );
    let some = store.journal(100..=110).expect("a part");
    assert!(some.into_iter().eq(numbered().skip(99).take(11)));
    #[expect(clippy::reversed_empty_ranges, reason = "an empty range is what is tested")]
    let none = store.journal(5..=4).expect("no part");
    assert!(none.is_empty());
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn a_changeset_on_another_state_is_refused_and_changes_nothing<B: Bench>(bench: &B) {
    let store = open(bench);
    let before = store.load().expect("it loads").state;
    let changes_after = |base: &State| {
        let mut state = base.clone();
        let mut changes = Changeset::after(&state);
        let confirmed = JournalEntry::Confirmed {
            address: address(),
            record: Box::new(record("vpc-1", &[])),
        };
        changes.fold(&mut state, confirmed).expect("a legal entry");
        changes
    };
    let mut other = before.clone();
    other.lineage = "other".into();
    assert!(matches!(
        store.commit(&changes_after(&other)),
        Err(StateError::LineageMismatch { .. })
    ));
    let mut moved = before.clone();
    moved.serial = 5;
    assert!(matches!(
        store.commit(&changes_after(&moved)),
        Err(StateError::SerialMoved {
            expected: 5,
            found: 0
        })
    ));
    assert_eq!(store.load().expect("it loads").state, before);
    assert!(store.journal(0..=u64::MAX).expect("a journal").is_empty());
    store
        .commit(&changes_after(&before))
        .expect("it still takes the right one");
    assert!(matches!(
        store.commit(&changes_after(&before)),
        Err(StateError::SerialMoved {
            expected: 0,
            found: 1
        })
    ));
}

fn an_illegal_entry_leaves_no_trace<B: Bench>(bench: &B) {
    let journal = journal(open(bench));
    let before = journal.snapshot();
    let gone = JournalEntry::Deleted {
        token: Token("nobody's".into()),
    };
    assert!(matches!(
        journal.append_blocking(gone),
        Err(AppendError::Illegal(_))
    ));
    assert_eq!(
        (journal.snapshot(), journal.statistics().flushes),
        (before.clone(), 0)
    );
    append(
        &journal,
        [JournalEntry::Outputs {
            values: Attributes::new(),
        }],
    );
    drop(journal);
    assert_eq!(loaded(bench).serial, before.serial + 1);
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn appends_at_the_same_time_share_flushes<B: Bench>(bench: &B) {
    const TASKS: u64 = 200;
    let gate = Gate::shut(open(bench));
    let journal = Arc::new(journal(Arc::clone(&gate) as Arc<dyn StateStore>));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut serials: Vec<u64> = runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let journal = Arc::clone(&journal);
                tokio::spawn(async move {
                    let address = address().with_key(number.to_string());
                    let token = format!("token-{number}");
                    let intent = intent(&token, &address, Operation::Create, None);
                    journal.append(JournalEntry::Intended(Box::new(intent))).await
                })
            })
            .collect();
        // One thread: when this task runs again, all others have queued their entry.
        while journal.serial() < TASKS {
            tokio::task::yield_now().await;
        }
        let flushes_before = journal.statistics().flushes;
        gate.open();
        assert_eq!(flushes_before, 0, "nobody was told yet");
        let mut serials = Vec::new();
        for task in tasks {
            serials.push(task.await.expect("a task").expect("it is appended"));
        }
        serials
    });
    serials.sort_unstable();
    assert!(serials.into_iter().eq(1..=TASKS));
    let statistics = journal.statistics();
    assert_eq!(statistics.entries, TASKS);
    assert!(statistics.flushes <= 2, "{} flushes", statistics.flushes);
    journal.close().expect("it closes");
    assert!(matches!(
        journal.append_blocking(JournalEntry::Outputs {
            values: Attributes::new()
        }),
        Err(AppendError::Closed)
    ));
    drop((journal, gate));
    assert_eq!(loaded(bench).intents.len() as u64, TASKS);
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn runs_are_remembered<B: Bench>(bench: &B) {
    let run = RunId("run-1".into());
    let started = |run: &RunId, at_unix_ms| JournalEntry::RunStarted {
        run: run.clone(),
        command: "apply".into(),
        at_unix_ms,
    };
    let first = journal(open(bench));
    append(
        &first,
        [
            started(&run, 1_000),
            JournalEntry::Outputs {
                values: Attributes::new(),
            },
            JournalEntry::RunEnded {
                run: run.clone(),
                outcome: RunOutcome::Completed,
                summary: RunSummary {
                    failed: 3,
                    ..RunSummary::default()
                },
                at_unix_ms: 2_000,
            },
            started(&RunId("run-0".into()), 3_000),
        ],
    );
    drop(first);
    let history = open(bench).history().expect("a history");
    assert_eq!(history.len(), 2);
    let end = history[0].end.as_ref().expect("it ended");
    assert_eq!((&history[0].run, history[0].first_serial), (&run, 1));
    assert_eq!(
        (end.outcome, end.summary.failed, end.at_unix_ms),
        (RunOutcome::Completed, 3, 2_000)
    );
    assert_eq!((history[0].command.as_str(), end.last_serial), ("apply", 3));
    assert_eq!(
        (history[1].run.0.as_str(), &history[1].end),
        ("run-0", &None),
        "it was killed"
    );
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn an_import_replaces_everything_but_the_runs<B: Bench>(bench: &B) {
    let first = journal(open(bench));
    append(
        &first,
        legal_journal(&[0, 15, 31, 4, 2, 15])
            .into_iter()
            .chain([JournalEntry::Outputs {
                values: Attributes::new(),
            }]),
    );
    let current = first.snapshot();
    drop(first);
    let text = export(&sample_state()).expect("an export");
    let imported = import(&text, &sample_stack(), Some(&current), true)
        .expect("an import")
        .state;
    let store = open(bench);
    store.replace_all(&imported).expect("it is replaced");
    let stored = store.load().expect("it loads");
    assert_eq!(stored.state, imported);
    let mut older = imported.clone();
    older.serial -= 1;
    assert!(matches!(
        store.replace_all(&older),
        Err(StateError::SerialMoved { .. })
    ));
    assert_eq!(store.load().expect("it loads").state, imported);
    drop(store);
    let second = journal(open(bench));
    assert_eq!(*second.snapshot(), imported);
    assert_eq!(second.history().expect("a history").len(), 1);
    append(
        &second,
        [JournalEntry::Outputs {
            values: Attributes::new(),
        }],
    );
    let entries = second.entries(0..=u64::MAX).expect("a journal");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].0, imported.serial + 1);
}

fn a_newer_format_is_refused<B: Bench>(bench: &B) {
    drop(open(bench));
    bench.claim_newer_format();
    let result = bench.open().and_then(|store| store.load());
    assert!(
        matches!(result, Err(StateError::OtherFormat { .. })),
        "{result:?}"
    );
}

fn damage_is_told<B: Bench>(bench: &B) {
    let first = journal(open(bench));
    append(&first, legal_journal(&(0..200).collect::<Vec<_>>()));
    drop(first);
    bench.damage();
    let result = bench.open().and_then(|store| store.load());
    let Err(error @ StateError::Damaged { .. }) = result else {
        unreachable!("the damage was not seen: {result:?}");
    };
    assert!(error.to_string().contains("infra state rebuild"), "{error}");
}

#[expect(clippy::expect_used, reason = "a check of the suite fails by panicking")]
fn no_secret_is_stored_in_clear<B: Bench>(bench: &B) {
    let first = journal(open(bench));
    let secret = Value::secret(Value::from("correct-horse-battery"));
    let with = |value: Value| JournalEntry::Outputs {
        values: Attributes::from([("password".to_owned(), Value::List(vec![value]))]),
    };
    let refused = first.append_blocking(with(secret.clone()));
    assert!(
        matches!(refused, Err(AppendError::ClearSecret { .. })),
        "{refused:?}"
    );
    append(&first, [with(secret.sealed(first.sealing_key()))]);
    let key = *first.sealing_key().bytes();
    let exported = export(&first.snapshot()).expect("an export");
    drop(first);
    assert!(exported.contains("hmac-sha256:"));
    assert!(
        !exported.as_bytes().windows(32).any(|bytes| bytes == key),
        "the key was exported"
    );
    let stored = bench.stored_bytes();
    let clear = b"correct-horse-battery";
    assert!(!stored.windows(clear.len()).any(|bytes| bytes == clear));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;

    struct MemoryBench(MemoryStore);

    impl Bench for MemoryBench {
        fn open(&self) -> Result<Arc<dyn StateStore>, StateError> {
            Ok(Arc::new(self.0.reopen()))
        }

        fn claim_newer_format(&self) {
            self.0.claim_format(99);
        }

        fn damage(&self) {
            self.0.damage();
        }

        fn stored_bytes(&self) -> Vec<u8> {
            format!("{:?}", self.0).into_bytes()
        }
    }

    #[test]
    fn the_store_in_memory_conforms() {
        conformance(|| MemoryBench(MemoryStore::new(&sample_stack())));
    }
}
