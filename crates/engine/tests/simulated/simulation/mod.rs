//! Stacks, edits, faults and deaths by chance: whatever happens, the next apply makes of the stack what the file
//! says, nothing is lost or doubled, the plan after it is empty, and a destroy leaves nothing. Meanwhile every
//! append and every call is watched.
//!
//! A story follows from its number and the seed alone, the order of what goes on side by side included. A failure
//! names the story, cut down to the least that fails so, and the command that makes it again.

mod cases;
mod design;
mod life;
mod shrink;
mod story;

use self::cases::Cases;
use self::life::Life;

fn end_well(cases: &Cases) {
    cases.end_well(async |story| {
        let mut life = Life::begin(story);
        for event in &story.events {
            life.happen(event).await;
        }
        life.end().await;
    });
}

#[test]
fn every_story_ends_well() {
    end_well(&Cases::asked_or_first(300));
}

#[test]
#[ignore = "minutes with optimisation: cargo xtask prove --only simulation"]
fn a_hundred_thousand_stories() {
    end_well(&Cases::asked_or_first(100_000));
}
