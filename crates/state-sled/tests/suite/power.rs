//! What SIGKILL cannot show, since the page cache survives it: writes that were not synced and so are lost
//! with the power, in any order.
//!
//! `INFRA_STATE_POWER_CUTS` sets how many losses of power there are, `INFRA_STATE_POWER_SEED` the first seed.

use std::sync::Arc;

use infra_state::{Journal, StateStore};

use crate::bench::{Chance, Image, Place, image, known, number, open, outputs, restore, text_output};

/// The unit in which the system writes files back.
const PAGE: usize = 4096;
/// Losses of power that are tried between two acknowledged entries.
const CUTS_OF_ONE_ENTRY: u64 = 10;

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

#[test]
fn a_loss_of_power_leaves_what_was_acknowledged_and_no_half_of_what_was_not() {
    let cuts = number("INFRA_STATE_POWER_CUTS", 100);
    let first_seed = number("INFRA_STATE_POWER_SEED", 1);
    let place = Place::new();
    let mut landed = [0_u64; 2];
    for cut in 0..cuts.div_ceil(CUTS_OF_ONE_ENTRY) {
        let mut chance = Chance(first_seed + cut);
        // A few entries, then one more: power is lost after the first of them are acknowledged and before the
        // last one is.
        let journal = Journal::open(Arc::new(open(place.path()).unwrap())).unwrap();
        for number in 0..chance.below(6) {
            let size = [10, 3_000, 30_000, 300_000][chance.below(4)];
            journal.append_blocking(text_output(number, size)).unwrap();
        }
        let before = image(&place.folder());
        let (state, serial) = ((*journal.snapshot()).clone(), journal.serial());
        let last = match chance.below(3) {
            0 => outputs(-1),
            1 => text_output(7, 5_000),
            _ => text_output(7, 200_000),
        };
        journal.append_blocking(last).unwrap();
        let after = image(&place.folder());
        let next = (*journal.snapshot()).clone();
        drop(journal);
        let closed = image(&place.folder());

        for again in 0..CUTS_OF_ONE_ENTRY {
            let told = format!("cut {cut}.{again}, INFRA_STATE_POWER_SEED={}", first_seed + cut);
            let mut mixed = in_between(&before, &after, &mut chance);
            // What is noted follows what is durable; nothing of it is older than the last acknowledged entry.
            let note = std::path::PathBuf::from("committed");
            mixed.insert(note.clone(), before[&note].clone());
            restore(&place.folder(), &mixed);
            let (found, journal) = known(place.path()).unwrap_or_else(|error| panic!("{told}: {error}"));
            assert!(
                found == state || found == next,
                "{told}: serial {} where it was {serial} or one more",
                found.serial
            );
            assert_eq!(journal.len() as u64, found.serial, "{told}");
            landed[usize::from(found == next)] += 1;
        }
        restore(&place.folder(), &closed);
        assert_eq!(open(place.path()).unwrap().load().unwrap().state, next);
    }
    println!(
        "{} losses of power: {} before the entry, {} with it",
        landed[0] + landed[1],
        landed[0],
        landed[1]
    );
    assert!(
        landed[0] > 0 && landed[1] > 0,
        "{landed:?}: one side was never tried"
    );
}
