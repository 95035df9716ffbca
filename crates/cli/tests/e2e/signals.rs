//! Ctrl-C and its kin, at moments that are told: what is finished, what is stopped, what is said, and that the next
//! run goes on. Random moments are in `proof::signals`. The file is long because each story is told to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use infra_oci::{ImageBuilder, LayerFile};
use infra_sandbox::Faults;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Project, Run, Started, at_terminal};

const FILE: &str = "stacks/waiting.toml";

/// A NAT gateway takes AWS a minute and a half, and the group waits for it.
const STACK: &str = r#"[stack]
name = "waiting"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.public]
vpc_id = "${ec2.vpc.main.id}"
cidr_block = "10.0.1.0/24"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.eip.nat]

[ec2.nat_gateway.main]
subnet_id = "${ec2.subnet.public.id}"
allocation_id = "${ec2.eip.nat.id}"
depends_on = ["ec2.internet_gateway.main"]

[logs.log_group.after]
log_group_name = "/waiting/after"
depends_on = ["ec2.nat_gateway.main"]
"#;

/// What the stack is when nobody stops it.
const WHOLE: [(&str, usize); 7] = [
    ("ec2.eip", 1),
    ("ec2.internet_gateway", 1),
    ("ec2.nat_gateway", 1),
    ("ec2.network_interface", 1),
    ("ec2.subnet", 1),
    ("ec2.vpc", 1),
    ("logs.log_group", 1),
];

/// Signals that come closer together than this count as one.
const GAP: Duration = Duration::from_millis(150);

/// A machine that is taken away kills 10 seconds after it has asked.
const SOON: Duration = Duration::from_secs(10);

/// AWS's seconds that a gateway takes to come and to go: nothing of it happens unless the test lets time pass.
const LONG: f64 = 100_000.0;

fn slow_project() -> Project {
    let project = Project::sandbox();
    project.set_durations([
        ("ec2.nat_gateway.available", LONG),
        ("ec2.nat_gateway.deleted", LONG),
    ]);
    project.write(FILE, STACK);
    project
}

fn start(project: &Project, command: &str) -> Started {
    Started::of(&mut project.stack_command(command, FILE, &["-y"]))
}

/// Brings a project to its end by runs that nobody stops: the file as it is, and then nothing.
fn converges(project: &Project) {
    let mut apply = start(project, "apply");
    let_time_pass(project, &mut apply);
    apply.end().0.exits(0);
    project.stack("diff", FILE, &[]).exits(0).says(["No differences"]);
    let held = project.held();
    for (kind, count) in WHOLE {
        assert_eq!(held.ids(kind).len(), count, "{kind} of {held}");
    }
    let mut destroy = start(project, "destroy");
    let_time_pass(project, &mut destroy);
    destroy.end().0.exits(0);
    project.holds_nothing();
}

/// Lets a day pass whenever the run waits for something.
fn let_time_pass(project: &Project, run: &mut Started) {
    while let Some(line) = run.line() {
        if line.contains("waits for") {
            project.emulator().advance(LONG).unwrap();
        }
    }
}

/// What a run says when it was stopped.
#[track_caller]
fn says_how_to_go_on(run: Run, stopped: &[&str]) -> Run {
    run.exits(130)
        .says(stopped.iter().copied())
        .says(["apply cancelled after", "What was done is kept.", "Next:"])
        .says(["infra apply stacks/waiting.toml --sandbox     goes on from here"])
}

#[test]
fn each_signal_does_more_while_something_is_waited_for() {
    let project = slow_project();

    // One: what is under way is finished, and nothing is begun.
    let mut run = start(&project, "apply");
    run.until("waits for NAT gateway available");
    run.signal(Signal::INT).until("Stopping: what is in flight");
    project.emulator().advance(LONG).unwrap();
    let (run, _) = run.end();
    let skipped = ["Done      5 created", "Skipped   1 step", "logs.log_group.after"];
    let run = says_how_to_go_on(run, &skipped);
    assert!(!run.stderr.contains("Stopped  "), "{run}");
    assert!(project.held().ids("logs.log_group").is_empty());
    converges(&project);

    // Two, of different kinds: the wait ends as well, long before the gateway works.
    let mut run = start(&project, "apply");
    run.until("waits for NAT gateway available");
    run.signal(Signal::INT).until("Stopping: what is in flight");
    thread::sleep(GAP);
    let (run, _) = run.signal(Signal::TERM).until("Stopping now").end();
    let stopped = [
        "Done      4 created",
        "Stopped   1 step",
        "ec2.nat_gateway.main create stopped",
        "while waiting for: NAT gateway available",
        "Skipped   1 step",
    ];
    let run = says_how_to_go_on(run, &stopped);
    assert!(!run.stderr.contains("Failed"), "{run}");
    // The next run waits for the same gateway.
    assert_eq!(project.held().ids("ec2.nat_gateway").len(), 1);
    let only = ["--target", "ec2.nat_gateway.main"];
    for (command, more) in [("diff", &[][..]), ("plan", &["--detailed-exitcode"])] {
        project
            .stack(command, FILE, &[&only[..], more].concat())
            .exits(2)
            .says([
                "Pending: what exists and does not work yet",
                "ec2.nat_gateway.main",
            ]);
    }
    project
        .stack("state history", FILE, &[])
        .exits(0)
        .says(["cancelled", "1 stopped"]);
    converges(&project);

    // One that says that a kill follows is as good as two: nobody has to wait for the gateway.
    for signal in [Signal::TERM, Signal::HUP] {
        let mut run = start(&project, "apply");
        run.until("waits for NAT gateway available");
        let (run, took) = run.signal(signal).until("Stopping now").end();
        assert!(took < SOON, "it took {took:?} after {signal:?}");
        let run = says_how_to_go_on(run, &stopped);
        assert!(!run.stderr.contains("Failed"), "{run}");
        assert_eq!(project.held().ids("ec2.nat_gateway").len(), 1);
        converges(&project);
    }

    // Three: at once, and without a summary.
    let mut run = start(&project, "apply");
    run.until("waits for NAT gateway available");
    for _ in 0..2 {
        run.signal(Signal::INT).until("Stopping");
        thread::sleep(GAP);
    }
    let (run, _) = run.signal(Signal::HUP).end();
    run.exits(130);
    converges(&project);

    // The same on the way down.
    let mut run = start(&project, "apply");
    let_time_pass(&project, &mut run);
    run.end().0.exits(0);
    let mut run = start(&project, "destroy");
    run.until("waits for NAT gateway deleted");
    run.signal(Signal::INT).until("Stopping");
    thread::sleep(GAP);
    let (run, _) = run.signal(Signal::INT).end();
    run.exits(130).says([
        "destroy cancelled after",
        "ec2.nat_gateway.main delete stopped",
        "infra destroy stacks/waiting.toml --sandbox   goes on from here",
    ]);
    converges(&project);
}

#[test]
fn what_is_not_answered_is_left_to_itself_and_found_by_the_next_run() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    let emulator = project.emulator();
    let silent = |only: &[&str], seed| Faults {
        seed,
        time_out: 1.0,
        time_out_seconds: 60.0,
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        ..Faults::default()
    };

    // Half of the requests that are not answered are carried out: by these seeds one is, and one is not.
    for seed in [1, 2] {
        emulator
            .set_faults(&silent(&["ec2.CreateNatGateway"], seed))
            .unwrap();
        let mut run = start(&project, "apply");
        run.until("ec2.nat_gateway.main: creating");
        // The call leaves right after that is told.
        thread::sleep(GAP);
        if seed == 1 {
            run.signal(Signal::INT).until("Stopping: what is in flight");
            thread::sleep(GAP);
            run.signal(Signal::INT);
        } else {
            run.signal(Signal::TERM);
        }
        let (run, took) = run.end();
        assert!(took < SOON, "it took {took:?} by seed {seed}: {run}");
        says_how_to_go_on(
            run,
            &["Stopped   1 step", "without AWS's answer", "first asks AWS"],
        );
        emulator.clear_faults().unwrap();
        project
            .stack("apply", FILE, &["-y"])
            .exits(0)
            .says(["an earlier run was cut off"]);
        converges(&project);
    }

    // Before anything is changed, the first signal is the end of it; and nobody is kept out afterwards.
    emulator
        .set_faults(&silent(&["sts.GetCallerIdentity"], 1))
        .unwrap();
    for (command, more) in [
        ("plan", &[][..]),
        ("diff", &[]),
        ("apply", &["-y"]),
        ("destroy", &["-y"]),
    ] {
        let mut run = Started::of(&mut project.stack_command(command, FILE, more));
        run.until("signing in to AWS");
        let (run, _) = run.signal(Signal::TERM).end();
        run.exits(130)
            .says(["stacks/waiting.toml: stopped before anything was changed"]);
    }
    emulator.clear_faults().unwrap();
    project.stack("apply", FILE, &["-y"]).exits(0);
    emulator.set_faults(&silent(&["ec2.Describe*"], 1)).unwrap();
    let mut command = project.stack_command("diff", FILE, &[]);
    let mut run = Started::of(command.arg("stacks/never.toml"));
    run.until("reading 6 resources");
    let (run, _) = run.signal(Signal::INT).end();
    run.exits(130).says([
        "stacks/waiting.toml: stopped before anything was changed.",
        "Not begun: stacks/never.toml.",
    ]);
    emulator.clear_faults().unwrap();
    converges(&project);
}

#[test]
fn whoever_is_in_front_of_a_terminal_is_heard() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    // The first run of all starts the emulator.
    project.emulator().stop().unwrap();
    let command = project.stack_command("apply", FILE, &[]);
    let asked = "Only `yes` is taken for a yes: ";

    let mut run = start(&project, "apply");
    let written = project.root().join(".infra/sandbox/instance.json");
    while !written.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let (run, _) = run.signal(Signal::TERM).end();
    run.exits(130).says(["stopped before anything was changed"]);
    // It goes on starting: the next run finds it, and Ctrl-C there does not reach it.
    let starting: Value = serde_json::from_slice(&fs::read(written).unwrap()).unwrap();
    let seen = at_terminal(&project, &command, &[(asked, "\u{3}")]);
    assert_eq!(seen.code, 130, "{}", seen.text);
    assert!(seen.text.contains("Nothing was changed."), "{}", seen.text);
    assert!(!seen.text.contains("starting the emulator"), "{}", seen.text);
    let running = project.infra(["sandbox", "status", "--output=json"]).exits(0);
    assert_eq!(running.json()[0]["pid"], starting["process"]["pid"]);
    let seen = at_terminal(&project, &command, &[(asked, "no\r")]);
    assert_eq!(seen.code, 130, "{}", seen.text);

    let went = at_terminal(&project, &command, &[(asked, "yes\r"), ("created vpc-", "\u{3}")]);
    assert_eq!(went.code, 130, "{}", went.text);
    for said in [
        "^C",
        "Stopping: what is in flight",
        "apply cancelled after",
        "Next:",
    ] {
        assert!(went.text.contains(said), "{said:?} is not in {}", went.text);
    }
    let seen = at_terminal(&project, &command, &[(asked, "yes\r")]);
    assert_eq!(seen.code, 0, "{}", seen.text);
    assert_eq!(
        project.infra(["sandbox", "status", "--output=json"]).stdout,
        running.stdout
    );
}

#[test]
fn a_reader_that_goes_away_and_a_terminal_that_is_closed_do_no_harm() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    // Nobody reads what it says.
    for (command, more, code) in [
        ("plan", &[][..], 0),
        ("apply", &["-y", "--output=json"], 0),
        ("diff", &["--output=human"], 0),
        ("state list", &[], 0),
    ] {
        let mut line = project.stack_command(command, FILE, more);
        let mut child = line
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        if command != "plan" {
            drop(child.stderr.take());
        }
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {told}");
        assert!(
            !told.contains("error") && !told.contains("broke down"),
            "{command}: {told}"
        );
    }
    let nothing_left = project.stack("diff", FILE, &[]).exits(0);
    assert!(nothing_left.stdout.contains("No differences"));

    // `nohup` says that a hang-up is to be ignored, and a shell that Ctrl-C is not meant for what is behind.
    let line = project.stack_command("destroy", FILE, &["-y"]);
    let mut quoted = String::from("trap '' HUP INT; exec");
    quoted.push_str(&format!(" '{}'", line.get_program().to_str().unwrap()));
    for argument in line.get_args() {
        quoted.push_str(&format!(" '{}'", argument.to_str().unwrap()));
    }
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &quoted])
        .current_dir(project.root())
        .env_clear();
    shell.envs(line.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut run = Started::of(&mut shell);
    run.until("deleting");
    run.signal(Signal::HUP);
    thread::sleep(GAP);
    let (run, _) = run.signal(Signal::INT).end();
    run.exits(0).says(["is gone"]);
    project.holds_nothing();
}

/// A build tool that does not end by itself, and is deaf to being asked.
fn stubborn_builder(project: &Project) -> (PathBuf, thread::JoinHandle<Vec<u8>>) {
    let tools = project.root().join("tools");
    fs::create_dir(&tools).unwrap();
    let image = ImageBuilder::new("amd64")
        .layer(vec![LayerFile::new("srv/content", "built")])
        .build()
        .unwrap();
    image.write_archive(&tools.join("image.tar")).unwrap();
    let fifo = tools.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let script = format!(
        "#!/bin/sh\nTOOLS='{}'\ncase \"$1\" in\nbuild) trap '' INT TERM HUP; exec 3> $TOOLS/fifo; echo building; \
         sleep 1000;;\nsave) cp $TOOLS/image.tar \"$5\";;\n*) exit 1;;\nesac\n",
        tools.display()
    );
    let podman = tools.join("podman");
    fs::write(&podman, script).unwrap();
    fs::set_permissions(&podman, PermissionsExt::from_mode(0o755)).unwrap();
    // It can be read to its end once no process of the build has it open any more.
    (tools, thread::spawn(move || fs::read(fifo).unwrap()))
}

const IMAGE: &str = r#"
[ecr.repository.app]
repository_name = "waiting"
force_delete = true

[ecr.image.app]
repository_uri = "${ecr.repository.app.repository_uri}"
source = { build = { context = "." } }
"#;

#[test]
fn a_build_is_ended_with_the_run_that_it_is_for() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{STACK}{IMAGE}"));
    project.write("stacks/Dockerfile", "FROM scratch\n");
    let (tools, all_gone) = stubborn_builder(&project);
    let path = std::env::join_paths([tools.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
    let mut command = project.stack_command("apply", FILE, &["-y", "--output=json"]);
    let mut run = Started::of(command.env("PATH", &path));
    run.until("building");
    // The build is finished, then waited for no more; the third signal is the end.
    for _ in 0..2 {
        run.signal(Signal::INT).until("cancelling");
        thread::sleep(GAP);
    }
    let (run, _) = run.signal(Signal::TERM).end();
    run.exits(130).says(["Ended at once."]);
    assert_eq!(all_gone.join().unwrap(), b"");
    assert_eq!(project.held().ids("ecr.image").len(), 0);
}

#[test]
fn a_push_that_is_stopped_is_taken_up_again() {
    let project = Project::sandbox();
    let layout = r#"source = { layout = "../image" }"#;
    project.write(
        FILE,
        &format!(
            "{STACK}{}",
            IMAGE.replace("source = { build = { context = \".\" } }", layout)
        ),
    );
    let digest = project.write_image("image", "pushed");
    let emulator = project.emulator();
    for operation in ["registry.PutManifest", "registry.StartUpload", "registry.*"] {
        let silent = Faults {
            seed: 3,
            time_out: 1.0,
            time_out_seconds: 60.0,
            only: vec![operation.to_owned()],
            ..Faults::default()
        };
        emulator.set_faults(&silent).unwrap();
        let mut run = start(&project, "apply");
        run.until("ecr.image.app: creating");
        // Whatever else there is to do is done meanwhile.
        run.until("logs.log_group.after: created");
        run.signal(Signal::INT).until("Stopping");
        thread::sleep(GAP);
        let (run, _) = run.signal(Signal::TERM).end();
        says_how_to_go_on(run, &["ecr.image.app create stopped"]);
        emulator.clear_faults().unwrap();
        project.stack("apply", FILE, &["-y"]).exits(0);
        project.stack("diff", FILE, &[]).exits(0);
        let images = project.held().ids("ecr.image").join(" ");
        assert_eq!(images.matches(&digest).count(), 1, "{operation}: {images}");
        project.stack("destroy", FILE, &["-y"]).exits(0);
        project.holds_nothing();
    }
}
