//! One, two, three signals at any moment of any command: it ends as it should, each time within its time, nothing of
//! it is left running, and the next run goes on.

mod left;
mod story;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use self::left::{MARK, nothing_is_left_running};
use self::story::{Story, WAYS, Way, Weather};
use super::asked::Asked;
use super::crew::{self, Proof};
use super::draws::Draws;
use super::judge::{self, Counts};
use super::stage::{Point, Stage};
use crate::harness::{Project, Run, Started};

const CASES: u64 = 100;

/// What a command ends with that was asked to stop.
const CANCELLED: i32 = 130;

/// A machine that is taken away kills soon after SIGTERM: a run that waits for nothing any more is over by then.
const SECOND: Duration = Duration::from_secs(7);

/// The third signal ends it at once, which a busy machine may take its time for.
const THIRD: Duration = Duration::from_secs(3);

/// What a way comes to when nobody stops it.
struct Clean {
    counts: Counts,
    requests: u64,
}

#[derive(Default)]
struct Tally {
    /// Runs that were over before they heard anything.
    over: usize,
    /// Those that came to the first level, the second, the third.
    heard: [usize; 3],
    longest: [Duration; 3],
}

struct Signals {
    seed: u64,
    next: AtomicU64,
    end: u64,
    clean: Vec<OnceLock<Clean>>,
    tally: Mutex<Tally>,
}

/// A stack whose image is built by a program that takes a while.
struct Stand {
    stage: Stage,
    _tools: TempDir,
}

impl Stand {
    fn new() -> Self {
        let tools = TempDir::new().unwrap();
        let folder = tools.path();
        // What it is to build is a folder that is an image already.
        let script = format!(
            "#!/bin/sh\nset -e\ncase \"$1\" in\n\
             build) for context; do :; done; id=$(cksum < \"$context/index.json\" | cut -d' ' -f1); sleep 0.4;\n\
             tar -cf '{0}'/$id.tar -C \"$context\" .; echo sha256:$id > \"$3\";;\n\
             save) cp '{0}'/\"$6\".tar \"$5\";;\n*) exit 1;;\nesac\n",
            folder.display()
        );
        let podman = folder.join("podman");
        fs::write(&podman, script).unwrap();
        fs::set_permissions(&podman, PermissionsExt::from_mode(0o755)).unwrap();
        let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let project = Project::sandbox().env("PATH", path.into_string().unwrap());
        let stage = Stage::development_in(project);
        for point in [Point::Original, Point::Changed] {
            let file = stage.reference.project.root().join(stage.file(point));
            let text = fs::read_to_string(&file).unwrap();
            let (before, rest) = text.split_once("source = { layout = ").unwrap();
            let (context, after) = rest.split_once(" }").unwrap();
            let folder = file.parent().unwrap().join(context.trim_matches('"'));
            fs::write(folder.join("Dockerfile"), "FROM scratch\n").unwrap();
            let text = format!("{before}source = {{ build = {{ context = {context} }} }}{after}");
            fs::write(&file, text).unwrap();
        }
        Self { stage, _tools: tools }
    }
}

impl Signals {
    fn of(asked: &Asked) -> Self {
        let numbers = asked.numbers(0..CASES);
        Self {
            seed: asked.seed,
            next: AtomicU64::new(numbers.start),
            end: numbers.end,
            clean: WAYS.iter().map(|_| OnceLock::new()).collect(),
            tally: Mutex::default(),
        }
    }

    fn begin(stage: &mut Stage, way: &Way) {
        stage.empty();
        for point in way.through {
            stage.go(*point).exits(0);
        }
        stage.reference.project.forget_requests();
    }

    fn start(stage: &Stage, way: &Way, mark: &str) -> Started {
        let file = stage.file(way.file);
        let mut command = stage.reference.command_on(way.command, file, way.more);
        Started::of(command.env(MARK, mark))
    }

    fn clean(&self, stage: &mut Stage, way: usize) -> &Clean {
        self.clean[way].get_or_init(|| {
            let way = &WAYS[way];
            Self::begin(stage, way);
            let (run, _) = Self::start(stage, way, "undisturbed").end();
            run.exits(way.code);
            let requests = stage.reference.project.requests().total;
            let counts = judge::counts(&judge::held(stage));
            Clean { counts, requests }
        })
    }

    /// Starts the story's command and stops it. How it ended, how many signals it was sent, and how long it took
    /// after the last of them.
    fn stopped(&self, stage: &Stage, story: &Story, requests: u64, mark: &str) -> (Run, usize, Duration) {
        let project = &stage.reference.project;
        if story.weather == Weather::Slow {
            project.emulator().set_faults(&story.faults()).unwrap();
        }
        let mut run = Self::start(stage, story.way(), mark);
        let moment = (requests * story.moment).div_ceil(1_000);
        while project.requests().total < moment && !run.is_over() {
            thread::sleep(Duration::from_millis(3));
        }
        thread::sleep(Duration::from_millis(story.delay_ms));
        if story.weather == Weather::Silent {
            project.emulator().set_faults(&story.faults()).unwrap();
        }
        let mut sent = 0;
        for (nth, (signal, pause_ms)) in story.signals.iter().enumerate() {
            if run.is_over() {
                break;
            }
            run.signal(*signal);
            sent += 1;
            let since = Instant::now();
            let pause = Duration::from_millis(*pause_ms);
            while nth + 1 < story.signals.len() && since.elapsed() < pause && !run.is_over() {
                thread::sleep(Duration::from_millis(3));
            }
        }
        let (run, took) = run.end();
        project.emulator().clear_faults().unwrap();
        (run, sent, took)
    }

    fn count(&self, heard: usize, took: Duration) {
        let mut tally = self.tally.lock().unwrap();
        tally.heard[heard - 1] += 1;
        let longest = &mut tally.longest[heard - 1];
        *longest = took.max(*longest);
    }
}

/// The level that a run that was stopped has told of.
fn heard(run: &Run) -> usize {
    let said = |text: &str| run.stderr.contains(text);
    if said("Ended at once.") {
        3
    } else if said("Stopping now") {
        2
    } else {
        1
    }
}

/// It has to end in its time, and say what it left and how to go on.
fn ends_as_it_should(run: &Run, level: usize, took: Duration, way: &Way) {
    let heard = heard(run);
    assert!(
        heard <= level,
        "it was asked up to level {level}, and tells of {heard}"
    );
    let allowed = match heard {
        3 => Some(THIRD),
        2 => Some(SECOND),
        // It may have been over, or two signals may have come as one.
        _ => (level >= 2).then_some(SECOND),
    };
    assert!(
        allowed.is_none_or(|allowed| took <= allowed),
        "it went on for {took:?} after level {level}, and heard {heard}"
    );
    let cancelled = format!("{} cancelled after", way.command);
    let said: &[&str] = match (heard, way.changes_something()) {
        (3, _) => &["Ended at once."],
        (_, true) => &["stopped before anything was changed", &cancelled],
        (_, false) => &["stopped before anything was changed"],
    };
    assert!(
        said.iter().any(|text| run.stderr.contains(text)),
        "it says none of {said:?}"
    );
}

/// After one signal what is in flight is finished, but for what was about to be tried again, which is told.
fn what_is_open_is_told(run: &Run, intents: &Value) {
    for intent in judge::open_calls(intents) {
        let text = |name: &str| intent[name].as_str().unwrap();
        let told = format!("{} {} stopped", text("address"), text("operation"));
        assert!(
            run.stderr.contains(&told),
            "{told:?} is not in what it said: {run}"
        );
    }
}

impl Proof for Signals {
    type Stand = Stand;
    type Case = u64;

    fn stand(&self) -> Stand {
        Stand::new()
    }

    fn next(&self) -> Option<u64> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (next < self.end).then_some(next)
    }

    fn show(&self, stand: &mut Stand, case: &u64) {
        let story = Story::of(Draws::of(self.seed, &case.to_string()));
        let (stage, way) = (&mut stand.stage, story.way());
        let clean = self.clean(stage, story.way);
        Self::begin(stage, way);
        let mark = format!("{}-{case}", std::process::id());
        let (run, sent, took) = self.stopped(stage, &story, clean.requests, &mark);
        println!(
            "case {case}: {story}: {:?} after {sent} signals and {took:?}",
            run.code
        );
        nothing_is_left_running(&mark);
        if run.code == Some(CANCELLED) {
            self.count(heard(&run), took);
            let judged = std::panic::catch_unwind(|| ends_as_it_should(&run, story.level(sent), took, way));
            if judged.is_err() {
                panic!("{story}: {run}");
            }
            if way.changes_something() {
                if story.signals.len() == 1 && run.stderr.contains("cancelled after") {
                    what_is_open_is_told(&run, &stage.reference.exported()["intents"]);
                }
                stage.go(way.to).exits(0);
            }
        } else {
            assert_eq!(run.code, Some(way.code), "{story}: {run}");
            self.tally.lock().unwrap().over += 1;
        }
        judge::is_right(stage, way.to, &clean.counts);
    }

    fn happened(&self) -> String {
        let tally = self.tally.lock().unwrap();
        let ends: Vec<_> = ["level 1", "level 2", "level 3"]
            .iter()
            .zip(tally.heard.iter().zip(&tally.longest))
            .map(|(name, (count, longest))| format!("{count} after {name}, {longest:.1?} at the longest"))
            .collect();
        format!("{} were over before; stopped: {}", tally.over, ends.join("; "))
    }
}

fn prove(asked: &Asked) {
    crew::prove("signals", &Signals::of(asked), asked.workers);
}

#[test]
#[ignore = "half an hour: cargo xtask prove --only signals"]
fn a_hundred_runs_are_stopped() {
    prove(&Asked::of_environment());
}

#[test]
fn a_run_is_stopped() {
    prove(&Asked::only("5"));
}
