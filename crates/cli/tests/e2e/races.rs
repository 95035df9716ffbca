//! Several commands on one stack at the same time: one works, and the others are told who does.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use infra_sandbox::Faults;
use serde_json::Value;

use crate::harness::{Project, Run};
use crate::proof::Asked;

const FILE: &str = "stacks/raced.toml";
const ID: &str = "raced/test/one/us-east-1";

/// Changes by its round alone.
fn stack(round: &str) -> String {
    format!(
        r#"
[stack]
name = "raced"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
tags = {{ Name = "{round}" }}

[ec2.subnet.a]
vpc_id = "${{ec2.vpc.main.id}}"
cidr_block = "10.0.1.0/24"
tags = {{ Vpc = "${{ec2.vpc.main.tags.Name}}" }}

[output.round]
value = "{round}"
"#
    )
}

/// The stack on a cloud whose answers take that long.
fn project(latency_ms: f64) -> Project {
    let project = Project::sandbox();
    project.write(FILE, &stack("zero"));
    let faults = Faults {
        latency_ms,
        ..Faults::default()
    };
    project.emulator().set_faults(&faults).unwrap();
    project
}

fn folder(project: &Project) -> PathBuf {
    project.emulator().running().state_dir.join(ID)
}

/// A run of the binary under way.
struct Racer {
    command: Command,
    child: Child,
}

impl Racer {
    fn start(mut command: Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { command, child }
    }

    /// An apply that has begun to change something.
    fn applying(project: &Project) -> Self {
        let mut racer = Self::start(project.stack_command("apply", FILE, &["-y", "--output=json"]));
        let mut events = BufReader::new(racer.child.stdout.take().unwrap()).lines();
        let started = events.any(|line| line.unwrap().contains("\"step_started\""));
        assert!(started, "the apply ended before it began");
        // The rest is read by nobody; a full pipe must not hold it up.
        std::thread::spawn(move || events.map_while(Result::ok).count());
        racer
    }

    fn end(self) -> Run {
        let output = self.child.wait_with_output().unwrap();
        Run::new(&self.command, &output)
    }

    fn kill(mut self) -> u32 {
        let pid = self.child.id();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        pid
    }
}

/// The word for who holds the stack.
fn named(pid: u32) -> String {
    format!(", process {pid} (`infra apply`), since 2")
}

/// Lets some applies of the same change begin at once; returns how many were refused.
fn race(project: &Project, racers: usize, round: &str) -> usize {
    project.write(FILE, &stack(round));
    project.forget_requests();
    let racers: Vec<Racer> = (0..racers)
        .map(|_| Racer::start(project.stack_command("apply", FILE, &["-y", "--lock-timeout=0"])))
        .collect();
    let pids: Vec<u32> = racers.iter().map(|racer| racer.child.id()).collect();
    let runs: Vec<(u32, Run)> = pids
        .iter()
        .copied()
        .zip(racers.into_iter().map(Racer::end))
        .collect();
    let mut refused = 0;
    for (pid, run) in &runs {
        if run.code == Some(0) {
            continue;
        }
        refused += 1;
        assert_eq!(run.code, Some(75), "{round}: {run}");
        assert!(
            run.stderr.contains(&format!("the stack {ID} is held by ")),
            "{round}: {run}"
        );
        let others = pids.iter().filter(|other| *other != pid);
        assert!(
            others.clone().any(|other| run.stderr.contains(&named(*other))),
            "{round}: none of {others:?} in {run}"
        );
        assert!(run.stderr.contains(" ago). Wait until it ends"), "{round}: {run}");
    }
    assert!(refused < runs.len(), "{round}: nobody worked");
    // What one of them does, and the others with nothing.
    let changes: Vec<String> = project
        .requests()
        .mutating
        .into_iter()
        .map(|request| request.operation)
        .collect();
    let is_first = changes.contains(&"CreateVpc".to_owned());
    let expected: &[&str] = if is_first {
        &["CreateVpc", "CreateSubnet"]
    } else {
        &["CreateTags", "CreateTags"]
    };
    assert_eq!(changes, expected, "{round}");
    let told = project.stack("output", FILE, &["round"]).exits(0);
    assert_eq!(told.stdout.trim(), round);
    refused
}

/// Races of so many applies each, one after the other on one stack; returns how many were refused.
fn races(project: &Project, rounds: Range<u64>, racers: usize) -> usize {
    let refused = rounds
        .map(|round| race(project, racers, &format!("round {round} of {racers}")))
        .sum();
    let held = project.held();
    let counts = (held.ids("ec2.vpc").len(), held.ids("ec2.subnet").len());
    assert_eq!(counts, (1, 1), "{held}");
    refused
}

#[test]
fn of_several_applies_one_works_at_a_time_and_the_others_say_who_holds_the_stack() {
    let project = project(150.0);
    races(&project, 0..2, 2);
    assert!(races(&project, 0..1, 8) >= 1, "nobody was refused");
}

#[test]
#[ignore = "a quarter of an hour: cargo xtask prove --only races"]
fn a_hundred_races() {
    let rounds = Asked::of_environment().numbers(0..100);
    let count = rounds.end - rounds.start;
    let project = project(150.0);
    let of_two = races(&project, rounds.clone(), 2);
    let of_eight = races(&project, rounds, 8);
    println!(
        "proof: races: {count} of two applies with {of_two} refused, and {count} of eight with {of_eight} refused; each \
         change was made once"
    );
}

#[test]
fn who_died_is_followed_at_once_whoever_has_its_number_now() {
    let project = project(150.0);
    let dead = Racer::applying(&project).kill();
    let after = project.stack("apply", FILE, &["-y"]).exits(0);
    assert!(
        after.stderr.contains("ended without letting go of the stack")
            && after
                .stderr
                .contains(&format!(", process {dead} (`infra apply`)")),
        "{after}"
    );
    // The number of the dead one now belongs to this test.
    let note = serde_json::json!({
        "user": "somebody",
        "host": "here",
        "machine": "",
        "boot": std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim(),
        "pid": std::process::id(),
        "started": "1",
        "command": "infra apply",
        "since_unix_ms": 1_700_000_000_000_u64,
    });
    std::fs::write(folder(&project).join("lock"), note.to_string()).unwrap();
    project.stack("apply", FILE, &["-y"]).exits(0).says([format!(
        ", process {} (`infra apply`)",
        std::process::id()
    )
    .as_str()]);
    let held = project.held();
    assert_eq!(
        (held.ids("ec2.vpc").len(), held.ids("ec2.subnet").len()),
        (1, 1),
        "{held}"
    );
}

#[test]
fn the_hold_of_another_machine_is_respected_until_it_is_ended() {
    let project = project(0.0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    let note = serde_json::json!({
        "user": "alice",
        "host": "build-7",
        "machine": "another-machine",
        "boot": "another-boot",
        "pid": 4242,
        "started": "77",
        "command": "infra apply",
        "since_unix_ms": 1_700_000_000_000_u64,
    });
    let text = note.to_string();
    std::fs::write(folder(&project).join("lock"), &text).unwrap();
    project.write(FILE, &stack("one"));
    project.forget_requests();
    for command in ["apply", "destroy"] {
        let refused = project.stack(command, FILE, &["-y"]).exits(75);
        assert!(
            refused.stderr.contains(
                "is held by alice@build-7, process 4242 (`infra apply`), since 2023-11-14 22:13:20 UTC"
            ) && refused.stderr.contains("infra state unlock"),
            "{refused}"
        );
    }
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(
        std::fs::read_to_string(folder(&project).join("lock")).unwrap(),
        text
    );
    project
        .stack("state unlock", FILE, &[])
        .exits(0)
        .says(["it was held by alice@build-7"]);
    project.stack("apply", FILE, &["-y"]).exits(0);
}

#[test]
fn who_reads_beside_a_run_sees_what_was_known_before_and_who_plans_is_refused() {
    let project = project(0.0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &stack("one"));
    let applying = Racer::applying(&project);
    let pid = applying.child.id();
    signal("-STOP", pid);
    let readers: Vec<(&str, Racer)> = ["output", "state list", "state export", "plan"]
        .map(|command| {
            let line = project.stack_command(command, FILE, &["--lock-timeout=2"]);
            (command, Racer::start(line))
        })
        .into();
    let unlocked = project.stack("state unlock", FILE, &[]).exits(75);
    assert!(unlocked.stderr.contains(&named(pid)), "{unlocked}");
    for (command, reader) in readers {
        let run = reader.end();
        assert!(run.stderr.contains("waiting up to 2 s: "), "{command}: {run}");
        assert!(run.stderr.contains(&named(pid)), "{command}: {run}");
        if command == "plan" {
            run.exits(75);
            continue;
        }
        let run = run.exits(0);
        assert!(
            run.stderr
                .contains("This is what was known before: the backup of 2"),
            "{command}: {run}"
        );
        match command {
            "output" => assert!(run.stdout.contains("zero"), "{run}"),
            "state list" => assert!(run.stdout.contains("ec2.subnet.a"), "{run}"),
            _ => {
                let state: Value = serde_json::from_str(&run.stdout).unwrap();
                assert_eq!(state["outputs"]["round"], "zero");
            }
        }
    }
    signal("-CONT", pid);
    applying.end().exits(0);
    let now = project.stack("output", FILE, &["round"]).exits(0);
    assert_eq!((now.stdout.trim(), now.stderr.as_str()), ("one", ""));
}

fn signal(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// What takes a moment is waited for: nobody fails because of it.
#[test]
fn who_is_gone_in_a_moment_stands_in_nobodys_way() {
    let project = project(0.0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &stack("one"));
    let all: Vec<Racer> = ["output", "apply", "state list", "output", "state history", "diff"]
        .map(|command| {
            let more: &[&str] = if command == "apply" { &["-y"] } else { &[] };
            Racer::start(project.stack_command(command, FILE, more))
        })
        .into();
    for racer in all {
        let run = racer.end();
        assert!(matches!(run.code, Some(0 | 2)), "{run}");
    }
}
