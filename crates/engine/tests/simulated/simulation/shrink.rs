//! A failing story cut down: the same with less, as long as it fails.

use infra_testkit::Faults;

use super::story::{Asked, End, Event, Story};

/// Tries to cut down at the most.
const TRIES: usize = 2_000;

/// The smallest story that still fails, by leaving out one thing after the other; with how it fails.
pub fn shrunk(story: Story, failure: String, fails: impl Fn(&Story) -> Option<String>) -> (Story, String) {
    let (mut story, mut failure) = (story, failure);
    let mut tries = 0;
    'smaller: loop {
        for candidate in smaller(&story) {
            tries += 1;
            if tries > TRIES {
                return (story, failure);
            }
            if let Some(found) = fails(&candidate) {
                (story, failure) = (candidate, found);
                continue 'smaller;
            }
        }
        return (story, failure);
    }
}

/// Stories with something less, those with much less first.
fn smaller(story: &Story) -> Vec<Story> {
    let mut found = Vec::new();
    let length = story.events.len();
    for size in [length / 2, length / 4, 1] {
        for start in (0..length).step_by(size.max(1)).filter(|_| size > 0) {
            let mut events = story.events.clone();
            events.drain(start..length.min(start + size));
            found.push(Story {
                events,
                ..story.clone()
            });
        }
    }
    // An edit told as if the stack had been so from the beginning.
    if let Some(Event::Edit(design)) = story.events.first() {
        found.push(Story {
            first: design.clone(),
            events: story.events[1..].to_vec(),
            ..story.clone()
        });
    }
    let blocks = designs(story)
        .iter()
        .map(|design| design.len())
        .max()
        .unwrap_or(0);
    for number in 0..blocks {
        found.push(redesigned(story, |design| design.without(number)));
        found.push(redesigned(story, |design| design.plain(number)));
    }
    let weather = |weather| Story {
        weather,
        ..story.clone()
    };
    found.push(weather(Faults::NONE));
    found.push(weather(Faults {
        fastest: story.weather.fastest,
        slowest: story.weather.slowest,
        seed: story.weather.seed,
        ..Faults::NONE
    }));
    found.push(weather(Faults {
        lateness: 1,
        ..story.weather
    }));
    found.push(weather(Faults {
        lingers_for: Faults::NONE.lingers_for,
        ..story.weather
    }));
    found.push(Story {
        parallelism: 1,
        ..story.clone()
    });
    for (position, event) in story.events.iter().enumerate() {
        let Event::Run(asked, end) = event else { continue };
        for simpler in [(Asked::Apply, *end), (*asked, End::Own)] {
            let mut events = story.events.clone();
            events[position] = Event::Run(simpler.0, simpler.1);
            found.push(Story {
                events,
                ..story.clone()
            });
        }
    }
    found.retain(|smaller| smaller != story);
    found
}

fn designs(story: &Story) -> Vec<&super::design::Design> {
    let edits = story.events.iter().filter_map(|event| match event {
        Event::Edit(design) => Some(design),
        _ => None,
    });
    [&story.first].into_iter().chain(edits).collect()
}

fn redesigned(story: &Story, change: impl Fn(&super::design::Design) -> super::design::Design) -> Story {
    let events = story.events.iter().map(|event| match event {
        Event::Edit(design) => Event::Edit(change(design)),
        other => other.clone(),
    });
    Story {
        first: change(&story.first),
        events: events.collect(),
        ..story.clone()
    }
}
