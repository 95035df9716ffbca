//! A damaged state is rebuilt, and a crash on the way leaves no other state than a damaged one.

use std::fs;
use std::time::Duration;

use infra_core::{RunId, State};
use infra_state::testing::{Bench as _, sample_stack};
use infra_state::{Rebuilt, StateError, StateStore, backup, read_backup, rebuild};
use infra_state_sled::{Rebuilding, SetAside};

use crate::bench::{Place, image, known, me, open, written};

fn begin(place: &Place) -> Result<Rebuilding, StateError> {
    Rebuilding::begin(place.path(), &sample_stack(), me(), Duration::ZERO)
}

/// As the command line does it.
fn rebuilt(place: &Place) -> (Rebuilt, SetAside) {
    let rebuilding = begin(place).unwrap();
    let newest = rebuilding.backups().unwrap().pop();
    let backup = newest.map(|path| read_backup(&path, &sample_stack()).unwrap());
    let rebuilt = rebuild(&sample_stack(), backup, &rebuilding, 0);
    let aside = rebuilding.finish(&rebuilt.state).unwrap();
    (rebuilt, aside)
}

fn content(state: &State) -> State {
    State {
        serial: 0,
        rebuilt: false,
        ..state.clone()
    }
}

#[test]
fn from_the_backup_alone() {
    let place = Place::new();
    let state = written(place.path(), 50);
    backup(&state, &place.backups(), &RunId("run".into())).unwrap();
    written(place.path(), 7);
    place.damage();
    let damaged = image(&place.folder().join("db"));
    let (rebuilt, aside) = rebuilt(&place);
    assert_eq!(content(&rebuilt.state), content(&state));
    assert_eq!((rebuilt.state.serial, rebuilt.lost), (58, Some((51, 57))));
    assert_eq!(known(place.path()).unwrap().0, rebuilt.state);
    let aside = aside.unwrap();
    assert!(
        image(&aside.join("db")) == damaged,
        "the damaged files are kept as they were"
    );
    assert!(
        fs::read_to_string(aside.join("committed"))
            .unwrap()
            .contains("\"serial\":57")
    );
    assert!(!place.folder().join("rebuilding").exists());
}

#[test]
fn with_all_that_can_still_be_read_of_the_journal() {
    let place = Place::new();
    let state = written(place.path(), 50);
    backup(&state, &place.backups(), &RunId("run".into())).unwrap();
    let last = written(place.path(), 7);
    fs::remove_file(place.folder().join("committed")).unwrap();
    let (rebuilt, _) = rebuilt(&place);
    assert_eq!(content(&rebuilt.state), content(&last));
    assert_eq!(
        (rebuilt.entries, rebuilt.lost, rebuilt.state.serial),
        (7, None, 58)
    );
    let store = open(place.path()).unwrap();
    assert!(store.load().unwrap().state.rebuilt);
    // It stays marked, and grows as any other does.
    drop(store);
    let grown = written(place.path(), 3);
    assert_eq!((grown.serial, grown.rebuilt), (61, true));
    assert_eq!(known(place.path()).unwrap().0, grown);
}

#[test]
fn from_nothing_where_nothing_is_left() {
    let place = Place::new();
    let (nothing, aside) = rebuilt(&place);
    assert_eq!(aside, None);
    assert!(nothing.state.is_empty() && nothing.state.rebuilt);
    assert_eq!(known(place.path()).unwrap().0, nothing.state);
}

#[test]
fn not_while_somebody_works_on_the_stack_and_not_of_another_stack() {
    let place = Place::new();
    written(place.path(), 5);
    let store = open(place.path()).unwrap();
    let held = begin(&place).unwrap_err();
    assert!(matches!(held, StateError::Held(_)), "{held:?}");
    drop(store);
    let other = infra_core::StackId::new("other", "", "dev", "us-east-1").unwrap();
    let place_of_other = place.path().join(other.as_str());
    fs::create_dir_all(place_of_other.parent().unwrap()).unwrap();
    fs::rename(place.folder(), place_of_other).unwrap();
    let before = image(place.path());
    let refused = Rebuilding::begin(place.path(), &other, me(), Duration::ZERO).unwrap_err();
    assert!(matches!(refused, StateError::OtherStack { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string().matches(sample_stack().as_str()).count(),
        1,
        "{refused}"
    );
    assert!(image(place.path()) == before);
}

/// Every file operation of the last part of a rebuild, undone from the end on: what a crash would leave.
#[test]
fn a_crash_on_the_way_leaves_a_state_that_is_still_refused() {
    let place = Place::new();
    let state = written(place.path(), 50);
    backup(&state, &place.backups(), &RunId("run".into())).unwrap();
    // Only the note is gone: the old database would be taken for sound if the new note spoke of what it has.
    fs::remove_file(place.folder().join("committed")).unwrap();
    let (rebuilt, aside) = rebuilt(&place);
    let (folder, aside) = (place.folder(), aside.unwrap());
    let refused = |when: &str| {
        let error = known(place.path()).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{when}: {error:?}");
    };
    fs::rename(folder.join("db"), folder.join("new")).unwrap();
    refused("the old one is away and the new one not there");
    fs::rename(aside.join("db"), folder.join("db")).unwrap();
    refused("the note is written and the old one still there");
    fs::rename(folder.join("db"), aside.join("db")).unwrap();
    fs::rename(folder.join("new"), folder.join("db")).unwrap();
    assert_eq!(known(place.path()).unwrap().0, rebuilt.state);
}
