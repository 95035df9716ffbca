//! What happens in the life of a stack, by chance.

use std::fmt;
use std::time::Duration;

use infra_core::ErrorClass;
use infra_testkit::{Chance, Faults};

use super::design::{Design, FILES};

/// A stack and what happens to it. All of it follows from the seed, or is what was left of that when it was cut
/// down.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Decides the order in which what goes on side by side advances.
    pub schedule: u64,
    pub parallelism: usize,
    pub weather: Faults,
    pub first: Design,
    pub events: Vec<Event>,
}

/// Something that happens. Numbers pick what it happens to, of what there is then.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The file changes.
    Edit(Design),
    /// A run, with what the user asked for, and what becomes of it.
    Run(Asked, End),
    /// Somebody changes a thing by hand.
    Drift(u64, u8),
    /// Somebody removes a thing by hand.
    Vanish(u64),
    /// A file that images are made from changes.
    Rebuild(usize),
    /// From now on a call for a resource is refused.
    Refuse(u64, &'static str, ErrorClass),
    /// From now on what is made for a resource does not work.
    Doom(u64),
    /// What was refused is allowed, and what did not work does.
    Relent,
    /// Time passes, in seconds.
    Pass(u64),
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked {
    Apply,
    /// For one resource and what it needs.
    ApplyOne(u64),
    /// With one resource replaced.
    Replace(u64),
    /// With one resource updated whatever differs.
    Redeploy(u64),
    /// Without asking the cloud what it has.
    ApplyBlindly,
    /// Without waiting for what nothing else waits for.
    ApplyHastily,
    Destroy,
    /// One resource and what needs it.
    DestroyOne(u64),
}

/// What becomes of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// It comes to its own end.
    Own,
    /// The process dies at a changing call, before or after its effect.
    DiesAtCall(u64, bool),
    /// The process dies at a write of the state, before or after it is durable.
    DiesAtWrite(u64, bool),
    /// There is no space for a write of the state.
    NoSpace(u64),
    /// It is killed after so many milliseconds.
    Killed(u64),
    /// The user asks to stop after so many milliseconds, so often.
    Stopped(u64, u8),
}

impl Story {
    /// The story of a seed.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, &["story"]);
        let spice = if chance.percent(25) { 12 } else { 0 };
        let first = Design::random(&mut chance, spice);
        let (mut events, mut design) = (Vec::new(), first.clone());
        for _ in 0..=chance.below(5) {
            if chance.percent(65) {
                design = design.edited(&mut chance, spice);
                events.push(Event::Edit(design.clone()));
            }
            while chance.percent(25) {
                events.push(meanwhile(&mut chance));
            }
            events.push(Event::Run(asked(&mut chance, spice), end(&mut chance)));
        }
        Self {
            schedule: chance.number(),
            parallelism: 1 + chance.below(12) as usize,
            weather: weather(&mut chance),
            first,
            events,
        }
    }

    /// Whether all that can happen is that the file changes and is applied, so that every run has to go well.
    pub fn is_calm(&self) -> bool {
        let is_harmless = |event: &Event| match event {
            Event::Edit(_) | Event::Rebuild(_) | Event::Pass(_) => true,
            Event::Run(_, end) => *end == End::Own,
            _ => false,
        };
        let harmless = Faults {
            seed: self.weather.seed,
            fastest: self.weather.fastest,
            slowest: self.weather.slowest,
            ..Faults::NONE
        };
        self.weather == harmless && self.events.iter().all(is_harmless)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.weather)?;
        writeln!(f, "schedule {}, parallelism {}", self.schedule, self.parallelism)?;
        writeln!(f, "{:?}", self.first.written())?;
        for event in &self.events {
            match event {
                Event::Edit(design) => writeln!(f, "Edit {:?}", design.written())?,
                event => writeln!(f, "{event:?}")?,
            }
        }
        Ok(())
    }
}

fn meanwhile(chance: &mut Chance) -> Event {
    let any = chance.number();
    match chance.below(20) {
        0..=4 => Event::Drift(any, chance.below(4) as u8),
        5..=8 => Event::Vanish(any),
        9..=10 => Event::Rebuild(chance.below(FILES.len() as u64) as usize),
        11..=13 => {
            use ErrorClass::{AlreadyExists, Denied, DependencyNotReady, Invalid, Other, Quota, Throttled};
            let operation = chance.pick(&["create", "update", "delete"]);
            let classes = [
                Denied,
                Invalid,
                Quota,
                Other,
                Throttled,
                DependencyNotReady,
                AlreadyExists,
            ];
            let class = chance.pick(if operation == "create" {
                &classes
            } else {
                &classes[..6]
            });
            Event::Refuse(any, operation, class)
        }
        14..=15 => Event::Doom(any),
        16..=17 => Event::Relent,
        _ => Event::Pass(chance.pick(&[1, 5, 60, 1000])),
    }
}

fn asked(chance: &mut Chance, spice: u8) -> Asked {
    let any = chance.number();
    match chance.below(20) {
        0..=11 => Asked::Apply,
        // Of what a stack holds on to, no file would have all after a part of it was applied.
        12 if spice == 0 => Asked::ApplyOne(any),
        13 => Asked::Replace(any),
        14 => Asked::Redeploy(any),
        15 => Asked::ApplyBlindly,
        16 => Asked::ApplyHastily,
        12 | 17..=18 => Asked::Destroy,
        _ => Asked::DestroyOne(any),
    }
}

fn end(chance: &mut Chance) -> End {
    let after = chance.percent(50);
    let some_time = |chance: &mut Chance| {
        let longest = chance.pick(&[300, 3_000, 30_000, 300_000]);
        chance.below(longest)
    };
    match chance.below(20) {
        0..=6 => End::Own,
        7..=11 => End::DiesAtCall(1 + chance.below(16), after),
        12..=14 => End::DiesAtWrite(1 + chance.below(40), after),
        15 => End::NoSpace(1 + chance.below(40)),
        16..=17 => End::Killed(some_time(chance)),
        _ => End::Stopped(some_time(chance), 1 + chance.below(2) as u8),
    }
}

fn weather(chance: &mut Chance) -> Faults {
    let seed = chance.number();
    let slow = Faults {
        seed,
        fastest: Duration::from_millis(20),
        slowest: Duration::from_secs(2),
        ..Faults::NONE
    };
    let late = Duration::from_millis(chance.below(6_000));
    match chance.below(10) {
        0..=1 => Faults { seed, ..Faults::NONE },
        2..=3 => slow,
        4..=5 => Faults::stormy(seed),
        6 => Faults {
            stale_for: late,
            ..Faults::stormy(seed)
        },
        7 => Faults {
            lateness: 2 + chance.below(5) as u8,
            lingers_for: late * 5,
            ..slow
        },
        8 => Faults {
            lateness: 2 + chance.below(3) as u8,
            lingers_for: late * 5,
            ..Faults::stormy(seed)
        },
        _ => Faults {
            stale_for: late,
            ..slow
        },
    }
}
