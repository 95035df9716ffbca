//! The process killed at every one of its requests that change something, before and after the request takes
//! effect; and killed again and again while it recovers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock};

use infra_sandbox::{Faults, Kill, KillMoment};

use super::asked::Asked;
use super::crew::{self, Proof};
use super::draws::Draws;
use super::judge::{self, Counts};
use super::others;
use super::stage::{Point, Stage};
use crate::harness::Run;

/// A way of the stack that is cut short.
struct Way {
    name: &'static str,
    stage: fn() -> Stage,
    /// Where it begins, by undisturbed runs from nothing.
    through: &'static [Point],
    to: Point,
}

const WAYS: &[Way] = &[
    Way {
        name: "create",
        stage: Stage::development,
        through: &[],
        to: Point::Original,
    },
    Way {
        name: "change",
        stage: Stage::development,
        through: &[Point::Original],
        to: Point::Changed,
    },
    Way {
        name: "change-back",
        stage: Stage::development,
        through: &[Point::Changed],
        to: Point::Original,
    },
    Way {
        name: "destroy",
        stage: Stage::development,
        through: &[Point::Original],
        to: Point::Nothing,
    },
    Way {
        name: "create-production",
        stage: Stage::production,
        through: &[],
        to: Point::Original,
    },
    Way {
        name: "destroy-production",
        stage: Stage::production,
        through: &[Point::Original],
        to: Point::Nothing,
    },
];

/// Cases of each way that are killed again and again.
const RELAYS: u64 = 12;

/// After at most so many requests that change something a run of a relay is killed.
const RELAY_STRETCH: u64 = 24;

/// A relay ends by itself long before that.
const RELAY_RUNS: usize = 200;

/// No run makes so many requests that change something.
const ENDLESS: u64 = 1000;

/// How a case of a way is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Once, at the n-th request.
    Once(KillMoment, u64),
    /// Again and again, at requests drawn for the case of this number.
    Relay(u64),
}

#[derive(Clone, Copy)]
struct Case {
    way: usize,
    how: How,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = WAYS[self.way].name;
        match self.how {
            How::Once(KillMoment::Before, at) => write!(formatter, "{way}/before/{at}"),
            How::Once(KillMoment::After, at) => write!(formatter, "{way}/after/{at}"),
            How::Relay(number) => write!(formatter, "{way}/relay/{number}"),
        }
    }
}

/// Cases of one way and kind, with numbers that go up until there are no more.
struct Series {
    of: fn(u64) -> How,
    way: usize,
    next: u64,
    /// The first number that there is no case of; known for certain once a run was not killed.
    end: u64,
}

struct Sweep {
    asked: Asked,
    series: Mutex<Vec<Series>>,
    /// What an account holds after each way when nothing disturbs it.
    clean: Vec<OnceLock<Counts>>,
    /// How many requests of each operation a run was killed at.
    kills: Mutex<BTreeMap<String, usize>>,
    /// How many things somebody else has made beside those of the stack.
    twins: Mutex<usize>,
}

impl Sweep {
    fn of(asked: Asked) -> Self {
        let once = [(|at| How::Once(KillMoment::Before, at)) as fn(u64) -> How, |at| {
            How::Once(KillMoment::After, at)
        }];
        let series = (0..WAYS.len()).flat_map(|way| {
            let series = move |of, next, end| Series { of, way, next, end };
            let [before, after] = once.map(|of| series(of, 1, ENDLESS));
            [before, after, series(How::Relay, 0, RELAYS)]
        });
        Self {
            asked,
            series: Mutex::new(series.collect()),
            clean: WAYS.iter().map(|_| OnceLock::new()).collect(),
            kills: Mutex::default(),
            twins: Mutex::default(),
        }
    }

    /// Runs towards a point with a kill waiting for it. `None` when it was killed.
    ///
    /// What a run that was killed before had under way counts for the next one's kill too, which finds nobody to
    /// kill if that is the request that it waits for.
    fn cut_short(&self, stage: &Stage, to: Point, at_mutating: u64, when: KillMoment) -> Option<Run> {
        let emulator = stage.reference.project.emulator();
        let kill = Kill {
            when,
            ..Kill::peer_before(at_mutating)
        };
        emulator.set_faults(&Faults::from(kill)).unwrap();
        let run = stage.go(to);
        let report = emulator.clear_faults().unwrap().kill.unwrap();
        assert_eq!(report.killed, run.code.is_none(), "{report:?}, and {run}");
        if report.killed {
            *self.kills.lock().unwrap().entry(report.operation).or_default() += 1;
            return None;
        }
        Some(run)
    }

    /// Kills as the case says, and lets a run end. Returns whether there was anything to kill.
    fn disturb(&self, stage: &Stage, case: &Case) -> bool {
        let to = WAYS[case.way].to;
        match case.how {
            How::Once(when, at) => {
                let left = self.cut_short(stage, to, at, when);
                let was_killed = left.is_none();
                left.unwrap_or_else(|| stage.go(to)).exits(0);
                was_killed
            }
            How::Relay(_) => {
                let mut draws = Draws::of(self.asked.seed, &case.to_string());
                for _ in 0..RELAY_RUNS {
                    let when = draws.one_of(&[KillMoment::Before, KillMoment::After]);
                    let at = draws.up_to(RELAY_STRETCH);
                    if let Some(run) = self.cut_short(stage, to, at, when) {
                        run.exits(0);
                        return true;
                    }
                }
                panic!("{RELAY_RUNS} runs were killed and not one got to the end")
            }
        }
    }

    /// Brings an empty account to where a way begins.
    fn begin(stage: &mut Stage, way: &Way) {
        stage.empty();
        for point in way.through {
            stage.go(*point).exits(0);
        }
    }
}

impl Proof for Sweep {
    type Stand = BTreeMap<usize, Stage>;
    type Case = Case;

    fn stand(&self) -> Self::Stand {
        BTreeMap::new()
    }

    fn next(&self) -> Option<Case> {
        let mut series = self.series.lock().unwrap();
        series.iter_mut().find_map(|series| {
            while series.next < series.end {
                let case = Case {
                    way: series.way,
                    how: (series.of)(series.next),
                };
                series.next += 1;
                if self.asked.includes(&case.to_string()) {
                    return Some(case);
                }
            }
            None
        })
    }

    fn show(&self, stand: &mut Self::Stand, case: &Case) {
        let way = &WAYS[case.way];
        // Another way's emulator is of no use any more.
        stand.retain(|kept, _| *kept == case.way);
        let stage = stand.entry(case.way).or_insert_with(way.stage);
        let clean = self.clean[case.way].get_or_init(|| {
            Self::begin(stage, way);
            stage.go(way.to).exits(0);
            judge::counts(&judge::held(stage))
        });
        Self::begin(stage, way);
        stage.reference.project.forget_requests();
        if way.through.is_empty() {
            others::plant_everywhere(stage);
        } else {
            others::plant_apart(stage);
        }
        let was_killed = self.disturb(stage, case);
        *self.twins.lock().unwrap() += others::are_left_alone(stage);
        if was_killed {
            judge::is_right(stage, way.to, clean);
        } else if let How::Once(_, at) = case.how {
            let mut series = self.series.lock().unwrap();
            let of_case = |series: &&mut Series| series.way == case.way && (series.of)(at) == case.how;
            let series = series.iter_mut().find(of_case).unwrap();
            series.end = series.end.min(at);
        }
    }

    fn happened(&self) -> String {
        let kills = self.kills.lock().unwrap();
        let total: usize = kills.values().sum();
        let twins = self.twins.lock().unwrap();
        format!(
            "{total} kills at {} operations, {twins} equals of somebody else's",
            kills.len()
        )
    }
}

fn prove(asked: Asked) {
    let workers = asked.workers;
    crew::prove("sweep", &Sweep::of(asked), workers);
}

#[test]
#[ignore = "an hour: cargo xtask prove --only sweep"]
fn killed_at_every_change() {
    prove(Asked::of_environment());
}

#[test]
fn killed_at_some_changes() {
    prove(Asked::only(
        "create/after/27, change/before/20, change/after/38, destroy/after/30",
    ));
}
