//! What was acknowledged survives SIGKILL, in the middle of a flush, too.

use std::ops::Range;
use std::time::Duration;

use crate::bench::{Place, asked, asked_seed, chance, known, open};
use crate::writer::{Said, Writer, holds};

/// So many kills go by on one state before the next one begins anew.
const KILLS_OF_ONE_STATE: u64 = 25;

/// Kills a writer once for each case; returns how many entries were acknowledged.
fn kill(cases: Range<u64>, seed: u64) -> usize {
    let mut place = Place::new();
    let mut acknowledged = Vec::new();
    let mut all = 0;
    for case in cases {
        if case % KILLS_OF_ONE_STATE == 0 {
            place = Place::new();
            acknowledged.clear();
        }
        let told = format!("case {case}, seed {seed}");
        let mut chance = chance(seed, case);
        let mut writer = Writer::start(place.path(), case, |command| command);
        assert_eq!(writer.said(), Some(Said::Open), "{told}");
        let before = acknowledged.len();
        // Some entries, and then any moment up to a few flushes later, while more are on their way.
        for _ in 0..chance.below(40) {
            acknowledged.extend(writer.said());
        }
        std::thread::sleep(Duration::from_micros(chance.below(20_000) as u64));
        acknowledged.extend(writer.kill());
        all += acknowledged.len() - before;

        let store = open(place.path()).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert!(store.took_over().is_some(), "{told}: the hold of the dead writer");
        drop(store);
        let known = known(place.path()).unwrap_or_else(|error| panic!("{told}: {error}"));
        holds(&known, &acknowledged, &told);
    }
    all
}

#[test]
fn everything_acknowledged_survives_a_kill() {
    assert!(kill(0..15, 1) > 50);
}

#[test]
#[ignore = "a long proof: cargo xtask prove --only kill"]
fn killed_a_thousand_times() {
    let cases = asked(0..1000);
    let count = cases.end - cases.start;
    let acknowledged = kill(cases, asked_seed());
    println!(
        "proof: kill: {count} kills in the middle of writing, {acknowledged} acknowledged entries, all there"
    );
}
