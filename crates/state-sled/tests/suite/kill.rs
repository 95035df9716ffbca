//! What was acknowledged survives SIGKILL, in the middle of a flush, too.
//!
//! `INFRA_STATE_KILLS` sets how many kills there are, `INFRA_STATE_KILL_SEED` the seed of the first.

use std::time::Duration;

use crate::bench::{Chance, Place, known, number, open};
use crate::writer::{Said, Writer, holds};

/// So many kills go by on one state before the next one begins anew.
const KILLS_OF_ONE_STATE: u64 = 25;

#[test]
fn everything_acknowledged_survives_a_kill() {
    let (kills, first_seed) = (
        number("INFRA_STATE_KILLS", 20),
        number("INFRA_STATE_KILL_SEED", 1),
    );
    let mut place = Place::new();
    let mut acknowledged = Vec::new();
    let mut entries = 0;
    for kill in 0..kills {
        if kill % KILLS_OF_ONE_STATE == 0 {
            place = Place::new();
            acknowledged.clear();
        }
        let seed = first_seed + kill;
        let told = format!("kill {kill}, INFRA_STATE_KILL_SEED={seed}");
        let mut chance = Chance(seed);
        let mut writer = Writer::start(place.path(), seed, |command| command);
        assert_eq!(writer.said(), Some(Said::Open), "{told}");
        // Some entries, and then any moment up to a few flushes later, while more are on their way.
        for _ in 0..chance.below(40) {
            acknowledged.extend(writer.said());
        }
        std::thread::sleep(Duration::from_micros(chance.below(20_000) as u64));
        acknowledged.extend(writer.kill());

        let store = open(place.path()).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert!(store.took_over().is_some(), "{told}: the hold of the dead writer");
        drop(store);
        let known = known(place.path()).unwrap_or_else(|error| panic!("{told}: {error}"));
        holds(&known, &acknowledged, &told);
        entries = entries.max(known.0.serial);
    }
    println!("{kills} kills, up to {entries} journal entries in one state");
}
