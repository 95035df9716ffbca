//! Stacks, edits, faults and deaths by chance: whatever happens, the next apply makes of the stack what the file
//! says, nothing is lost or doubled, the plan after it is empty, and a destroy leaves nothing. Meanwhile every
//! append and every call is watched.
//!
//! A story follows from its seed alone, the order of what goes on side by side included. A failure names the
//! seed, cut down to the least that fails so, and the command that makes it again:
//!
//! ```text
//! INFRA_SIMULATION_SEED=17 cargo test -p infra-engine --test simulated simulation::every_story_ends_well
//! INFRA_SIMULATION_CASES=100000 cargo test --release -p infra-engine --test simulated simulation
//! ```

mod cases;
mod design;
mod life;
mod shrink;
mod story;

use self::cases::Property;
use self::life::Life;
use self::story::Story;

#[test]
fn every_story_ends_well() {
    let property = Property {
        test: "every_story_ends_well",
        cases: 300,
        story: Story::of,
    };
    property.holds(async |story| {
        let mut life = Life::begin(story);
        for event in &story.events {
            life.happen(event).await;
        }
        life.end().await;
    });
}
