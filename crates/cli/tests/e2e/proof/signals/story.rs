//! What is stopped, when, how often, and in what weather.

use std::fmt;

use infra_sandbox::Faults;
use rustix::process::Signal;

use super::super::draws::Draws;
use super::super::stage::Point;

/// Signals that are further apart than 100 ms count one by one, on a busy machine too.
const SHORTEST_PAUSE_MS: u64 = 400;

/// A command that is stopped.
pub struct Way {
    pub command: &'static str,
    pub more: &'static [&'static str],
    /// Where it begins, by undisturbed runs from nothing.
    pub through: &'static [Point],
    /// The point whose file it is given.
    pub file: Point,
    /// Where the stack is after it.
    pub to: Point,
    /// What it ends with when it is not stopped.
    pub code: i32,
}

const APPLY: Way = Way {
    command: "apply",
    more: &["-y"],
    through: &[],
    file: Point::Original,
    to: Point::Original,
    code: 0,
};

pub const WAYS: &[Way] = &[
    APPLY,
    Way {
        through: &[Point::Original],
        file: Point::Changed,
        to: Point::Changed,
        ..APPLY
    },
    Way {
        command: "destroy",
        through: &[Point::Original],
        to: Point::Nothing,
        ..APPLY
    },
    Way {
        command: "plan",
        more: &[],
        through: &[Point::Original],
        file: Point::Changed,
        ..APPLY
    },
    Way {
        command: "diff",
        more: &[],
        through: &[Point::Original],
        file: Point::Changed,
        code: 2,
        ..APPLY
    },
];

impl Way {
    pub fn changes_something(&self) -> bool {
        self.through.last() != Some(&self.to)
    }
}

/// How AWS is meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Every answer takes a while, so that much is in flight.
    Slow,
    /// From the first signal on nothing is answered, though half of it is carried out.
    Silent,
}

/// What happens to a run.
pub struct Story {
    pub way: usize,
    /// After how many thousandths of an undisturbed run's requests, and how much later.
    pub moment: u64,
    pub delay_ms: u64,
    /// Each with the time until the next one.
    pub signals: Vec<(Signal, u64)>,
    pub weather: Weather,
    pub seed: u64,
}

impl Story {
    pub fn of(mut draws: Draws) -> Self {
        let way = draws.one_of(&[0, 0, 0, 1, 1, 1, 2, 2, 3, 4]);
        let count = draws.up_to(3);
        let kinds = [Signal::INT, Signal::INT, Signal::TERM, Signal::HUP];
        let signals = (0..count).map(|_| (draws.one_of(&kinds), SHORTEST_PAUSE_MS + draws.up_to(1_200)));
        let signals: Vec<_> = signals.collect();
        // Who asks by one Ctrl-C waits for what is in flight, and that would take as long as nothing is answered; where it
        // is answered, hardly a run is left to hear the second signal.
        let weathers = match signals[..] {
            [(Signal::INT, _)] => &[Weather::Fair, Weather::Slow][..],
            _ => &[
                Weather::Fair,
                Weather::Slow,
                Weather::Silent,
                Weather::Silent,
                Weather::Silent,
            ],
        };
        Self {
            way,
            moment: draws.up_to(1_000),
            delay_ms: draws.up_to(40),
            signals,
            weather: draws.one_of(weathers),
            seed: draws.number(),
        }
    }

    /// How far the first so many of its signals go: each is one level more, and one that says that a kill follows is
    /// the second level at least.
    pub fn level(&self, sent: usize) -> usize {
        self.signals.iter().take(sent).fold(0, |level, (signal, _)| {
            let least = if *signal == Signal::INT { 1 } else { 2 };
            (level + 1).max(least).min(3)
        })
    }

    pub fn way(&self) -> &'static Way {
        &WAYS[self.way]
    }

    pub fn faults(&self) -> Faults {
        let faults = Faults {
            seed: self.seed,
            ..Faults::default()
        };
        match self.weather {
            Weather::Fair => faults,
            Weather::Slow => Faults {
                latency_ms: 80.0,
                jitter_ms: 80.0,
                ..faults
            },
            Weather::Silent => Faults {
                time_out: 1.0,
                time_out_seconds: 30.0,
                ..faults
            },
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way { command, to, .. } = self.way();
        write!(
            formatter,
            "{command} to {to:?} in {:?} weather, {:?} at {} of 1000 requests",
            self.weather, self.signals, self.moment
        )
    }
}
