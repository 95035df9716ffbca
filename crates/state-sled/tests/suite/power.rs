//! What SIGKILL cannot show, since the page cache survives it: writes that were not synced and so are lost
//! with the power, in any order.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use infra_state::{Journal, StateError};

use crate::bench::{
    Chance, Image, Place, asked, asked_seed, chance, image, known, open, restore, text_output,
};

/// The unit in which the system writes files back.
const PAGE: usize = 4096;
/// Losses of power that each case tries.
const CUTS_OF_A_CASE: u64 = 10;

/// What a disk may have between two moments: each page as it was or as it became, each file as long as before,
/// as after, or ending at a page between.
fn in_between(before: &Image, after: &Image, chance: &mut Chance) -> Image {
    let mut mixed = Image::new();
    let paths = before
        .keys()
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    for path in paths {
        let (old, new) = match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) => (old.as_slice(), new.as_slice()),
            // A file that came or went.
            (old, new) if chance.below(2) == 0 => match old.or(new) {
                Some(content) => {
                    mixed.insert(path.clone(), content.clone());
                    continue;
                }
                None => continue,
            },
            _ => continue,
        };
        let shorter = old.len().min(new.len());
        let longer = old.len().max(new.len());
        let pages = (longer - shorter) / PAGE;
        let length = match chance.below(3) {
            0 => old.len(),
            1 => new.len(),
            _ => (shorter + chance.below(pages + 1) * PAGE).min(longer),
        };
        // A page of a file that has grown and was not written is empty.
        let mut content = vec![0; length];
        for start in (0..length).step_by(PAGE) {
            let source = if chance.below(2) == 0 { old } else { new };
            let end = (start + PAGE).min(length).min(source.len());
            if let Some(page) = source.get(start..end) {
                content[start..end].copy_from_slice(page);
            }
        }
        mixed.insert(path.clone(), content);
    }
    mixed
}

/// What became of a state, by how often.
#[derive(Debug, Default)]
struct Landed {
    /// It ends with the acknowledged entry.
    before: u64,
    /// It has the next one as well.
    with: u64,
    /// It is refused as damaged: sled's own files cannot be put together from every mixture.
    refused: u64,
}

/// Loses power after an acknowledged entry and before the next one is, in many ways for each case.
fn lose_power(cases: Range<u64>, seed: u64) -> Landed {
    let mut landed = Landed::default();
    for case in cases {
        let mut chance = chance(seed, case);
        let place = Place::new();
        let journal = Journal::open(Arc::new(open(place.path()).unwrap())).unwrap();
        for number in 0..chance.below(30) {
            let size = [10, 300, 3_000, 30_000, 300_000][chance.below(5)];
            journal.append_blocking(text_output(number, size)).unwrap();
        }
        let before = image(&place.folder());
        let state = (*journal.snapshot()).clone();
        let last = [10, 5_000, 200_000][chance.below(3)];
        journal.append_blocking(text_output(7, last)).unwrap();
        let after = image(&place.folder());
        let next = (*journal.snapshot()).clone();
        drop(journal);
        for cut in 0..CUTS_OF_A_CASE {
            let told = format!("cut {cut} of case {case}, seed {seed}");
            let mut mixed = in_between(&before, &after, &mut chance);
            // The note follows what is durable: nothing of it is older than the last acknowledged entry.
            let note = PathBuf::from("committed");
            mixed.insert(note.clone(), before[&note].clone());
            // A folder of its own for each: a database that was closed is still held for a moment.
            let place = Place::new();
            fs::create_dir_all(place.folder()).unwrap();
            restore(&place.folder(), &mixed);
            let (found, journal) = match known(place.path()) {
                Ok(known) => known,
                Err(StateError::Damaged { .. }) => {
                    landed.refused += 1;
                    continue;
                }
                Err(error) => panic!("{told}: {error}"),
            };
            assert!(
                found == state || found == next,
                "{told}: serial {} where it was {} or one more",
                found.serial,
                state.serial
            );
            assert_eq!(journal.len() as u64, found.serial, "{told}");
            if found == next {
                landed.with += 1;
            } else {
                landed.before += 1;
            }
        }
    }
    landed
}

#[test]
fn after_a_loss_of_power_there_is_what_was_acknowledged_or_it_is_said_that_it_is_not() {
    let landed = lose_power(0..8, 1);
    assert!(
        landed.before > 0 && landed.with > 0 && landed.refused * 10 < landed.before,
        "{landed:?}"
    );
}

#[test]
#[ignore = "a long proof: cargo xtask prove --only power"]
fn power_lost_at_any_moment() {
    let Landed {
        before,
        with,
        refused,
    } = lose_power(asked(0..400), asked_seed());
    println!(
        "proof: power: {} losses of power in the middle of an entry, {before} left it out, {with} had it, {refused} were \
         refused as damaged, none had half of it or less than was acknowledged",
        before + with + refused
    );
}
