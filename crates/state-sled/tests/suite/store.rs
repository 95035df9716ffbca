//! The suite that every store must pass, and what is special to files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use infra_core::state::JournalEntry;
use infra_core::{Attributes, StackId, Value};
use infra_state::testing::{Bench, conformance, legal_journal, sample_stack};
use infra_state::{Journal, StateError, StateStore, unlock};
use infra_state_sled::{Mode, SledStore, stacks};
use proptest::prelude::*;

use crate::bench::{Place, files, open, outputs, request, written};

#[test]
fn sled_conforms() {
    conformance(Place::new);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_legal_journal_is_folded_the_same_after_reopening(
        choices in proptest::collection::vec(any::<u32>(), 0..120),
        cut in 0..120_usize,
    ) {
        let place = Place::new();
        let entries = legal_journal(&choices);
        let mut folded = place.open().unwrap().load().unwrap().state;
        let (first, second) = entries.split_at(cut.min(entries.len()));
        for part in [first, second] {
            let journal = Journal::open(place.open().unwrap()).unwrap();
            for entry in part {
                folded.fold(entry).unwrap();
                journal.append_blocking(entry.clone()).unwrap();
            }
            drop(journal);
            prop_assert_eq!(&place.open().unwrap().load().unwrap().state, &folded);
        }
    }
}

#[test]
fn a_state_is_made_only_where_it_is_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let state_dir = place.path().join("state");
    let existing = SledStore::open(&state_dir, &sample_stack(), &request(Mode::Existing));
    assert!(matches!(existing, Err(StateError::Absent { .. })));
    assert!(!state_dir.exists());
    assert!(stacks(&state_dir).unwrap().is_empty());
    let made = written(&state_dir, 3);
    let existing = SledStore::open(&state_dir, &sample_stack(), &request(Mode::Existing)).unwrap();
    assert_eq!(existing.load().unwrap().state, made);
    assert_eq!(stacks(&state_dir).unwrap(), [sample_stack()]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let state_dir = place.path().join("state");
    // Enough for sled to make every kind of file.
    let store = Arc::new(open(&state_dir).unwrap());
    let journal = Journal::open(store).unwrap();
    for number in 0..300 {
        let mut values = Attributes::new();
        values.insert("text".into(), Value::from("é".repeat(number * 300)));
        journal.append_blocking(JournalEntry::Outputs { values }).unwrap();
    }
    let check = |when: &str| {
        for path in files(place.path()) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{} {when}: {mode:o}", path.display());
        }
    };
    check("while it is open");
    drop(journal);
    check("when it is closed");
}

#[test]
fn a_second_process_is_told_who_holds_the_stack() {
    let place = Place::new();
    let first = open(place.0.path()).unwrap();
    let Err(error @ StateError::Held(_)) = open(place.0.path()) else {
        panic!("two hold the stack");
    };
    let message = error.to_string();
    for part in [
        "the stack appname/dev/dev02/us-east-1 is held by ",
        &format!("process {} (`infra apply`, run run-1)", std::process::id()),
        "ago). Wait until it ends, or stop process",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(
        unlock(first.folder(), &sample_stack()),
        Err(StateError::Held(_))
    ));
    drop(first);
    open(place.0.path()).unwrap();
}

#[test]
fn who_lost_the_lease_writes_no_more() {
    let place = Place::new();
    let journal = Journal::open(place.open().unwrap()).unwrap();
    journal.append_blocking(outputs(1)).unwrap();
    // What `unlock` does where locks are not shared.
    fs::write(place.folder().join("lock"), "").unwrap();
    let error = journal.append_blocking(outputs(2)).unwrap_err();
    assert!(error.to_string().contains("no longer holds the lease"), "{error}");
    drop(journal);
    assert_eq!(place.open().unwrap().load().unwrap().state.serial, 1);
}

#[test]
fn a_newer_format_is_refused_before_anything_is_touched() {
    let place = Place::new();
    written(place.0.path(), 3);
    place.claim_newer_format();
    let before = place.stored_bytes();
    for mode in [Mode::Create, Mode::Existing] {
        let result = SledStore::open(place.0.path(), &sample_stack(), &request(mode));
        let Err(error @ StateError::OtherFormat { found: 99, .. }) = result else {
            panic!("{result:?}");
        };
        assert!(error.to_string().contains("has format 99"), "{error}");
    }
    assert!(place.stored_bytes() == before, "nothing was touched");
}

#[test]
fn a_bit_that_flips_anywhere_is_never_a_wrong_state() {
    let place = Place::new();
    // Several of sled's segments of half a MiB.
    let journal = Journal::open(place.open().unwrap()).unwrap();
    for number in 0..400 {
        let mut values = Attributes::new();
        values.insert("text".into(), Value::from(format!("{number} ").repeat(1000)));
        journal.append_blocking(JournalEntry::Outputs { values }).unwrap();
    }
    drop(journal);
    let all = |store: Arc<dyn StateStore>| Ok((store.load()?, store.journal(0..=u64::MAX)?));
    let sound = place.open().and_then(all).unwrap();
    let path = place.folder().join("db/db");
    let bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut damages = 0;
    for at in (0..end).step_by(end / 40) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&path, flipped).unwrap();
        match place.open().and_then(all) {
            // What is flipped may be of no use any more.
            Ok(found) => assert!(found == sound, "byte {at} of {end}"),
            Err(error) => {
                assert!(matches!(error, StateError::Damaged { .. }), "byte {at}: {error}");
                damages += 1;
            }
        }
    }
    assert!(damages > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_file_system_refuses_is_told_with_its_path() {
    let refused = open(Path::new("/sys")).unwrap_err();
    assert!(matches!(refused, StateError::ReadOnly { .. }), "{refused:?}");
    assert!(refused.to_string().contains("/sys/appname"), "{refused}");

    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let no_folder = open(&place.path().join("file")).unwrap_err();
    assert!(matches!(no_folder, StateError::Io { .. }), "{no_folder:?}");
}

#[test]
fn two_stacks_never_share_a_folder() {
    let place = tempfile::tempdir().unwrap();
    let parts = [
        ["a-b", "dev", "c"],
        ["a", "dev", "b-c"],
        ["a", "prod", "b-c"],
        ["a", "", "b-c"],
        ["a", "b-c", "dev"],
    ];
    let mut all: Vec<StackId> = parts
        .iter()
        .map(|[name, environment, stage]| StackId::new(name, environment, stage, "us-east-1").unwrap())
        .collect();
    let open = |stack: &StackId| SledStore::open(place.path(), stack, &request(Mode::Create)).unwrap();
    // All at once: none is held by another.
    let stores: Vec<SledStore> = all.iter().map(open).collect();
    for (store, stack) in stores.iter().zip(&all) {
        assert_eq!(store.load().unwrap().state.stack, *stack);
        assert!(
            store.folder().ends_with(stack.as_str()),
            "{}",
            store.folder().display()
        );
    }
    drop(stores);
    all.sort();
    assert_eq!(stacks(place.path()).unwrap(), all);
}

#[test]
fn a_state_that_an_earlier_infra_left_is_not_begun_anew() {
    let place = tempfile::tempdir().unwrap();
    let old = place.path().join("appname-dev02-us-east-1");
    fs::create_dir_all(old.join("db")).unwrap();
    fs::write(old.join("committed"), r#"{"format":1,"lineage":"x","serial":7}"#).unwrap();
    for mode in [Mode::Create, Mode::Existing] {
        let error = SledStore::open(place.path(), &sample_stack(), &request(mode)).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("appname-dev02-us-east-1 has format 1") && message.contains("`infra import`"),
            "{message}"
        );
    }
    assert!(stacks(place.path()).unwrap().is_empty());
}
