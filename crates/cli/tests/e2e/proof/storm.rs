//! Storms: throttled calls, errors of the server, connections reset, answers lost, time-outs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use infra_sandbox::{FaultReport, Faults};

use super::asked::Asked;
use super::crew::{self, Proof};
use super::draws::Draws;
use super::judge::{self, Counts};
use super::others;
use super::stage::{Point, Stage};
use crate::harness::Run;

/// Stories that are told: each is a stack's life with several runs.
const STORIES: u64 = 50;

/// What a run in a storm is told to have ended with, if not well.
const FAILED: i32 = 1;

fn storm(seed: u64) -> Faults {
    Faults {
        seed,
        latency_ms: 4.0,
        jitter_ms: 4.0,
        throttled: 0.10,
        server_error: 0.05,
        reset: 0.03,
        lost_answer: 0.03,
        time_out: 0.01,
        time_out_seconds: 1.0,
        ..Faults::default()
    }
}

#[derive(Default)]
struct Tally {
    runs: usize,
    /// Those that ended well in spite of the storm.
    by_themselves: usize,
    injected: BTreeMap<String, u64>,
    /// How many things somebody else had beside those of the stack.
    equals: usize,
}

struct Storm {
    seed: u64,
    next: AtomicU64,
    end: u64,
    /// What an account holds at the points of an undisturbed story, by the points so far.
    clean: Mutex<BTreeMap<Vec<Point>, Counts>>,
    tally: Mutex<Tally>,
}

impl Storm {
    fn of(asked: &Asked) -> Self {
        let numbers = asked.numbers(0..STORIES);
        Self {
            seed: asked.seed,
            next: AtomicU64::new(numbers.start),
            end: numbers.end,
            clean: Mutex::default(),
            tally: Mutex::default(),
        }
    }

    /// A stack that is made, changed some times, and removed.
    fn story(draws: &mut Draws) -> Vec<Point> {
        let mut points = vec![draws.one_of(&[Point::Original, Point::Changed])];
        for _ in 0..draws.up_to(3) {
            let last = points[points.len() - 1];
            points.push(match last {
                Point::Original => Point::Changed,
                Point::Changed | Point::Nothing => Point::Original,
            });
        }
        points.push(Point::Nothing);
        points
    }

    /// What the account holds at each point when the weather is fair.
    fn clean(&self, stage: &mut Stage, story: &[Point]) -> Vec<Counts> {
        let mut clean = self.clean.lock().unwrap();
        if !clean.contains_key(story) {
            stage.empty();
            for (index, point) in story.iter().enumerate() {
                stage.go(*point).exits(0);
                clean.insert(story[..=index].to_vec(), judge::counts(&judge::held(stage)));
            }
        }
        (1..=story.len())
            .map(|end| clean[&story[..end]].clone())
            .collect()
    }

    /// One run in a storm, and if it ended with an error, another one after it.
    fn weather(&self, stage: &Stage, to: Point, seed: u64) {
        let emulator = stage.reference.project.emulator();
        emulator.set_faults(&storm(seed)).unwrap();
        let run = stage.go(to);
        let report = emulator.clear_faults().unwrap();
        let is_well = run.code == Some(0);
        self.count(&report, is_well);
        if !is_well {
            let run = run.exits(FAILED);
            says_why(&run);
            println!("gave up: {}", reasons(&run).join(" | "));
            stage.go(to).exits(0);
        }
    }

    fn count(&self, report: &FaultReport, is_well: bool) {
        let mut tally = self.tally.lock().unwrap();
        tally.runs += 1;
        tally.by_themselves += usize::from(is_well);
        for (kind, count) in &report.injected {
            *tally.injected.entry(kind.clone()).or_default() += count;
        }
    }
}

/// The lines that say what failed.
fn reasons(run: &Run) -> Vec<&str> {
    let lines = run.stderr.lines().map(str::trim);
    lines
        .filter(|line| line.contains("FAILED") || line.starts_with("error:"))
        .collect()
}

/// What AWS or the network says in a storm.
const CAUSES: &[&str] = &[
    "request id",
    "answered with",
    "Connection reset",
    "connection closed",
    "timed out",
];

/// A run that failed has to say what AWS or the network said, and of which resource, unless it did not get that far.
#[track_caller]
fn says_why(run: &Run) {
    let began = run.stderr.contains("Failed ");
    let names_resource = run.stderr.lines().any(|line| {
        let failed = line.trim_start().strip_prefix("✖ ").unwrap_or_default();
        let address = failed.split_whitespace().next().unwrap_or_default();
        address.splitn(3, '.').count() == 3
    });
    let names_cause = CAUSES.iter().any(|cause| run.stderr.contains(cause));
    assert!(
        names_cause && (names_resource || !began),
        "it is not clear why {run}"
    );
}

impl Proof for Storm {
    type Stand = Stage;
    type Case = u64;

    fn stand(&self) -> Stage {
        Stage::development()
    }

    fn next(&self) -> Option<u64> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (next < self.end).then_some(next)
    }

    fn show(&self, stage: &mut Stage, case: &u64) {
        let mut draws = Draws::of(self.seed, &case.to_string());
        let story = Self::story(&mut draws);
        let clean = self.clean(stage, &story);
        stage.empty();
        for (point, clean) in story.iter().zip(&clean) {
            others::plant_apart(stage);
            self.weather(stage, *point, draws.number());
            self.tally.lock().unwrap().equals += others::are_left_alone(stage);
            judge::is_right(stage, *point, clean);
        }
    }

    fn happened(&self) -> String {
        let tally = self.tally.lock().unwrap();
        let injected: Vec<_> = tally
            .injected
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        format!(
            "{} of {} runs ended well by themselves, the others with the next run; {}; {} equals of somebody else's",
            tally.by_themselves,
            tally.runs,
            injected.join(", "),
            tally.equals
        )
    }
}

fn prove(asked: &Asked) {
    crew::prove("storm", &Storm::of(asked), asked.workers);
}

#[test]
#[ignore = "half an hour: cargo xtask prove --only storm"]
fn every_storm_passes() {
    prove(&Asked::of_environment());
}

#[test]
fn a_storm_passes() {
    prove(&Asked::only("0"));
}
