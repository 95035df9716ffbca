//! The lease: who gets it, who is told what, and what is left behind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use infra_core::RunId;
use infra_state::testing::sample_stack;
use infra_state::{Holder, Lease, StateError, unlock};

fn me() -> Holder {
    Holder::this_process("infra apply", Some(RunId("run-1".into())))
}

fn elsewhere() -> Holder {
    Holder {
        user: "alice".into(),
        host: "build-7".into(),
        machine: "an-other-machine".into(),
        boot: "an-other-boot".into(),
        pid: 4242,
        since_unix_ms: 1_700_000_000_000,
        ..me()
    }
}

fn acquire(folder: &Path) -> Result<Lease, StateError> {
    Lease::acquire(folder, &sample_stack(), me(), Duration::ZERO)
}

fn leave_note(folder: &Path, holder: &Holder) {
    fs::write(folder.join("lock"), serde_json::to_string(holder).unwrap()).unwrap();
}

fn refusal(folder: &Path) -> String {
    match acquire(folder) {
        Err(error @ StateError::Held(_)) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn one_has_it_and_leaves_no_note_behind() {
    let folder = tempfile::tempdir().unwrap();
    let lease = acquire(folder.path()).unwrap();
    assert!(lease.took_over().is_none() && lease.still_held().is_ok());
    let note: Holder =
        serde_json::from_str(&fs::read_to_string(folder.path().join("lock")).unwrap()).unwrap();
    assert_eq!(note, *lease.holder());
    let message = refusal(folder.path());
    assert!(
        message.contains(&format!("stop process {}", std::process::id())),
        "{message}"
    );
    drop(lease);
    assert_eq!(fs::read_to_string(folder.path().join("lock")).unwrap(), "");
    assert!(acquire(folder.path()).unwrap().took_over().is_none());
}

#[test]
fn the_hold_of_a_dead_process_here_is_taken_over() {
    let other_container = Holder {
        host: "container-2".into(),
        ..me()
    };
    let before_a_restart = Holder {
        boot: "an-other-boot".into(),
        ..me()
    };
    for dead in [me(), other_container, before_a_restart] {
        let folder = tempfile::tempdir().unwrap();
        leave_note(folder.path(), &dead);
        let lease = acquire(folder.path()).unwrap();
        assert_eq!(lease.took_over(), Some(&dead));
    }
}

#[test]
fn the_hold_of_another_machine_is_respected_until_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    leave_note(folder.path(), &elsewhere());
    let message = refusal(folder.path());
    assert!(
        message.contains("is held by alice@build-7, process 4242 (`infra apply`, run run-1), since 2"),
        "{message}"
    );
    assert!(
        message.contains(
            "if that machine is gone, end the hold with `infra state unlock appname/dev/dev02/us-east-1`"
        ),
        "{message}"
    );

    let hours_ago = SystemTime::now() - Duration::from_secs(5 * 3600);
    let lock = File::options()
        .write(true)
        .open(folder.path().join("lock"))
        .unwrap();
    lock.set_modified(hours_ago).unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("no sign of life for 5 h"), "{message}");

    assert_eq!(unlock(folder.path(), &sample_stack()).unwrap(), Some(elsewhere()));
    assert_eq!(unlock(folder.path(), &sample_stack()).unwrap(), None);
    acquire(folder.path()).unwrap();
}

#[test]
fn a_live_hold_here_cannot_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let absent = unlock(folder.path(), &sample_stack());
    assert!(matches!(absent, Err(StateError::Absent { .. })), "{absent:?}");
    let lease = acquire(folder.path()).unwrap();
    let refused = unlock(folder.path(), &sample_stack());
    assert!(matches!(refused, Err(StateError::Held(_))), "{refused:?}");
    lease.still_held().unwrap();
}

#[test]
fn who_waits_gets_it_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let lease = acquire(folder.path()).unwrap();
    let path = folder.path().to_owned();
    let waiting =
        std::thread::spawn(move || Lease::acquire(&path, &sample_stack(), me(), Duration::from_secs(600)));
    drop(lease);
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_hold_that_was_ended_is_noticed_and_its_successor_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let lease = acquire(folder.path()).unwrap();
    leave_note(folder.path(), &elsewhere());
    let lost = lease.still_held().unwrap_err().to_string();
    assert!(lost.contains("alice@build-7"), "{lost}");
    drop(lease);
    assert!(refusal(folder.path()).contains("alice@build-7"));
    fs::remove_file(folder.path().join("lock")).unwrap();
    let lease = acquire(folder.path()).unwrap();
    fs::remove_file(folder.path().join("lock")).unwrap();
    assert!(
        lease
            .still_held()
            .unwrap_err()
            .to_string()
            .contains("removed the file")
    );
}

#[test]
fn a_note_cut_short_is_no_hold() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lock"), "{\"user\": \"al").unwrap();
    acquire(folder.path()).unwrap();
}
