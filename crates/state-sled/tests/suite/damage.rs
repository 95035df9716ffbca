//! A database that was damaged behind our back: never a wrong state, and always a way out.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use infra_core::RunId;
use infra_state::testing::{Bench as _, sample_stack};
use infra_state::{Journal, StateError, StateStore, backup};
use infra_state_sled::{Mode, SledStore};

use crate::bench::{
    Chance, Image, Place, asked, asked_seed, chance, image, known, open, outputs, request, restore,
    text_output, written,
};

/// A state of some segments of sled's (half a MiB each), and how its files were at an earlier moment.
fn grown(place: &Place) -> (Image, Image) {
    let journal = Journal::open(place.open().unwrap()).unwrap();
    for number in 0..150 {
        journal.append_blocking(text_output(number, 5_000)).unwrap();
    }
    drop(journal);
    let earlier = image(&place.folder());
    let journal = Journal::open(place.open().unwrap()).unwrap();
    for number in 0..150 {
        journal.append_blocking(text_output(number, 5_000)).unwrap();
    }
    // As at the end of a run: where the database and the note are both wrong, this is who knows.
    backup(&journal.snapshot(), &place.backups(), &RunId("run".into())).unwrap();
    drop(journal);
    (earlier, image(&place.folder()))
}

/// Damages what a disk has, by chance, and says how.
fn damaged(sound: &Image, earlier: &Image, chance: &mut Chance) -> (Image, String) {
    let mut image = sound.clone();
    let data = PathBuf::from("db/db");
    let mut told = Vec::new();
    for _ in 0..=chance.below(2) {
        let bytes = image.get_mut(&data).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        let at = chance.below(used);
        let page = at / 4096 * 4096;
        let end = (page + 4096).min(bytes.len());
        match chance.below(9) {
            0 => {
                bytes.truncate(at);
                told.push(format!("cut off at {at}"));
            }
            1 => {
                bytes[at] ^= 1 << chance.below(8);
                told.push(format!("a bit flipped at {at}"));
            }
            2 => {
                bytes[page..end].fill(0);
                told.push(format!("a page zeroed at {page}"));
            }
            3 => {
                let until = (at + 1 + chance.below(2000)).min(bytes.len());
                for byte in &mut bytes[at..until] {
                    *byte = chance.next() as u8;
                }
                told.push(format!("noise from {at} to {until}"));
            }
            4 => {
                bytes.truncate(used.saturating_sub(chance.below(5000)));
                told.push(format!("the end cut off to {}", bytes.len()));
            }
            5 => {
                let old = &earlier[&data];
                let end = end.min(old.len());
                if page < end {
                    bytes[page..end].copy_from_slice(&old[page..end]);
                }
                told.push(format!("an old page at {page}"));
            }
            6 => {
                let others: Vec<PathBuf> = image
                    .keys()
                    .filter(|path| path.starts_with("db"))
                    .cloned()
                    .collect();
                let gone = others[chance.below(others.len())].clone();
                told.push(format!("{} removed", gone.display()));
                image.remove(&gone);
                if gone == data {
                    break;
                }
            }
            7 => {
                let all: Vec<PathBuf> = earlier.keys().cloned().collect();
                let old = all[chance.below(all.len())].clone();
                told.push(format!("{} as it was earlier", old.display()));
                let content = earlier[&old].clone();
                image.insert(old, content);
            }
            _ => {
                image.remove(&PathBuf::from("committed"));
                told.push("the note removed".to_owned());
            }
        }
    }
    (image, told.join(", "))
}

/// Damages a database once for each case; returns how often that was noticed, and how often it made no
/// difference.
fn damage(cases: Range<u64>, seed: u64) -> [u64; 2] {
    let place = Place::new();
    let (earlier, sound) = grown(&place);
    let all = known(place.path()).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for case in cases {
        let (image, what) = damaged(&sound, &earlier, &mut chance(seed, case));
        let told = format!("case {case}, seed {seed}: {what}");
        // A folder of its own for each: sled may go on holding what it could not read.
        let place = Place::new();
        fs::create_dir_all(place.folder()).unwrap();
        restore(&place.folder(), &image);
        match known(place.path()) {
            Ok(found) => {
                let (serial, was) = (found.0.serial, all.0.serial);
                assert!(
                    found == all,
                    "{told}: a state with serial {serial} in the place of {was}"
                );
                harmless += 1;
            }
            Err(error @ StateError::Damaged { .. }) => {
                let message = error.to_string();
                assert!(message.contains("infra state rebuild"), "{told}: {message}");
                noticed += 1;
            }
            Err(other) => panic!("{told}: {other:?}"),
        }
    }
    [noticed, harmless]
}

#[test]
fn whatever_is_damaged_it_is_noticed_or_makes_no_difference() {
    let [noticed, harmless] = damage(0..60, 1);
    assert!(noticed > 15 && harmless > 0, "{noticed} and {harmless}");
}

#[test]
#[ignore = "a long proof: cargo xtask prove --only damage"]
fn damaged_in_any_way() {
    let [noticed, harmless] = damage(asked(0..3000), asked_seed());
    println!(
        "proof: damage: {} databases damaged, {noticed} refused and {harmless} as if nothing had been, none wrong",
        noticed + harmless
    );
}

type Loss = fn(&Place);

#[test]
fn a_database_that_lost_something_is_not_used() {
    let cases: [(&str, Loss); 9] = [
        ("its database is gone, which held 50", |place| {
            fs::remove_dir_all(place.folder().join("db")).unwrap();
        }),
        (
            "its database is gone, of which there is a backup with serial 50",
            |place| {
                fs::remove_dir_all(place.folder().join("db")).unwrap();
                fs::remove_file(place.folder().join("committed")).unwrap();
            },
        ),
        ("journal entries", |place| {
            fs::write(place.folder().join("db/db"), "").unwrap();
        }),
        ("lost all of 50 journal entries", |place| {
            fs::remove_dir_all(place.folder().join("db")).unwrap();
            fs::remove_file(place.folder().join("committed")).unwrap();
            fs::create_dir(place.folder().join("db")).unwrap();
            fs::write(place.folder().join("db/db"), "").unwrap();
        }),
        ("lost the journal entries 51 to 57", |place| {
            place.rewrite_committed(|text| text.replace("\"serial\":50", "\"serial\":57"));
        }),
        ("its note `committed` of what was acknowledged is gone", |place| {
            fs::remove_file(place.folder().join("committed")).unwrap();
        }),
        ("its note `committed` of what was acknowledged is gone", |place| {
            fs::write(place.folder().join("committed"), "{\"form").unwrap();
        }),
        ("", |place| {
            // The end of sled's log: it drops that without a word.
            let path = place.folder().join("db/db");
            let mut bytes = fs::read(&path).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes[end - 400..=end].fill(0x55);
            fs::write(&path, bytes).unwrap();
        }),
        ("", |place| {
            let path = place.folder().join("db/conf");
            fs::write(
                &path,
                "version: 99.99\nsegment_size: 1\nuse_compression: false\n\0\0\0\0",
            )
            .unwrap();
        }),
    ];
    for (number, (expected, lose)) in cases.into_iter().enumerate() {
        let place = Place::new();
        let state = written(place.path(), 50);
        backup(&state, &place.backups(), &RunId("run".into())).unwrap();
        lose(&place);
        for mode in [Mode::Create, Mode::Existing] {
            let request = request(mode);
            let result =
                SledStore::open(place.path(), &sample_stack(), &request).and_then(|store| store.load());
            let Err(error @ StateError::Damaged { .. }) = result else {
                panic!("case {number}: {result:?}");
            };
            let message = error.to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("infra state rebuild"), "{message}");
        }
    }
}

/// The note's own copy of the truth can be old as well: then the backups tell.
#[test]
fn a_database_and_a_note_from_before_are_told_by_the_backup() {
    let place = Place::new();
    written(place.path(), 30);
    let earlier = image(&place.folder());
    let later = written(place.path(), 20);
    backup(&later, &place.backups(), &RunId("run".into())).unwrap();
    let with_backup: Image = image(&place.folder())
        .into_iter()
        .filter(|(path, _)| path.starts_with("backups"))
        .chain(earlier)
        .collect();
    restore(&place.folder(), &with_backup);
    let error = known(place.path()).unwrap_err().to_string();
    assert!(
        error.contains("lost the journal entries 31 to 50, for there is a backup of that serial"),
        "{error}"
    );
}

#[test]
fn files_of_two_states_do_not_mix() {
    let (one, other) = (Place::new(), Place::new());
    written(one.path(), 5);
    written(other.path(), 5);
    let note = image(&other.folder())[&PathBuf::from("committed")].clone();
    fs::write(one.folder().join("committed"), note).unwrap();
    let error = known(one.path()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error:?}");
    assert!(
        error.to_string().contains("files of two states were mixed"),
        "{error}"
    );
}

#[test]
fn a_state_of_another_lineage_may_be_imported_and_an_interruption_is_no_damage() {
    let place = Place::new();
    let mut state = written(place.path(), 5);
    state.lineage = "another".into();
    state.serial = 9;
    let before = image(&place.folder())[&PathBuf::from("committed")].clone();
    let store = open(place.path()).unwrap();
    store.replace_all(&state).unwrap();
    drop(store);
    assert_eq!(known(place.path()).unwrap().0, state);
    // The process dies between the database and the note: the note announces the new lineage.
    let text = String::from_utf8(before).unwrap();
    let announced = text.trim_end().replacen('}', ",\"next_lineage\":\"another\"}", 1);
    fs::write(place.folder().join("committed"), announced).unwrap();
    assert_eq!(known(place.path()).unwrap().0, state);
    Journal::open(Arc::new(open(place.path()).unwrap()))
        .unwrap()
        .append_blocking(outputs(1))
        .unwrap();
}
