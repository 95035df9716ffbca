//! Where a state is: disks that are full or read-only, folders of somebody else, and who may read its files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{ACCOUNT, Project, Run};

const FILE: &str = "stacks/small.toml";

const STACK: &str = r#"
[stack]
name = "small"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[output.vpc]
value = "${ec2.vpc.main.id}"
"#;

fn project() -> Project {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project
}

/// A command line on the project's cloud as on AWS itself, with a state folder of one's own choice.
fn with_state(project: &Project, command: &str, state_dir: &Path, more: &[&str]) -> Command {
    let mut arguments: Vec<&OsStr> = command.split(' ').map(OsStr::new).collect();
    arguments.extend([OsStr::new(FILE), OsStr::new("--state-dir"), state_dir.as_os_str()]);
    arguments.extend(more.iter().map(OsStr::new));
    let mut command = project.command(arguments);
    command
        .env("AWS_ENDPOINT_URL", project.endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

/// The same command line within a shell's words, which end with `"$@"`.
fn within(command: &Command, words: &str, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", words, "sh"])
        .args(arguments)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// Limited to files of that many bytes, as if the disk were full: without the signal that a shell's limit brings.
fn limited(command: &Command, bytes: u64) -> Command {
    let blocks = (bytes / 512).to_string();
    within(
        command,
        "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
        &[&blocks],
    )
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[track_caller]
fn refuses(run: Run, expected: &[&str]) {
    let run = run.exits(1);
    for part in expected {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
}

#[test]
fn a_full_disk_is_told_before_anything_is_touched() {
    let project = project();
    let state = project.root().join("state");
    project.forget_requests();
    for command in ["apply", "plan"] {
        let more: &[&str] = if command == "apply" { &["-y"] } else { &[] };
        for bytes in [0, 512] {
            let run = Run::of(&mut limited(&with_state(&project, command, &state, more), bytes));
            refuses(
                run,
                &[
                    "the disk is full, or a quota or limit",
                    "make room and run the command again",
                ],
            );
        }
    }
    assert_eq!(project.requests().mutating_total, 0);
    // There is room again.
    Run::of(&mut with_state(&project, "apply", &state, &["-y"])).exits(0);
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_run_stops_it_and_the_next_one_goes_on() {
    let project = Project::sandbox();
    let names: Vec<String> = (0..20).map(|number| format!("\"g{number}\"")).collect();
    let groups = format!(
        r#"
[ec2.security_group.many]
for_each = [{}]
group_name = "small-${{each.value}}"
description = "one of many"
vpc_id = "${{ec2.vpc.main.id}}"
"#,
        names.join(", ")
    );
    project.write(FILE, &format!("{STACK}{groups}"));
    for bytes in [15_000, 35_000] {
        let state = project.root().join(format!("state-{bytes}"));
        project.forget_requests();
        let filled = run(limited(&with_state(&project, "apply", &state, &["-y"]), bytes));
        let made = project.requests().mutating_total;
        refuses(
            filled,
            &[
                "the state cannot be written; the run was stopped",
                "the disk is full",
            ],
        );
        assert!((1..21).contains(&made), "{bytes}: {made} calls were made");
        // There is room again: what was in flight is settled, and the rest is made.
        run(with_state(&project, "apply", &state, &["-y"])).exits(0);
        let held = project.held();
        assert_eq!(held.ids("ec2.security_group").len(), 20, "{bytes}: {held}");
        run(with_state(&project, "diff", &state, &[])).exits(0);
        run(with_state(&project, "destroy", &state, &["-y"])).exits(0);
        project.holds_nothing();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_told_with_what_to_do() {
    let project = project();
    project.forget_requests();
    // Not even root makes folders there.
    let nowhere = with_state(&project, "apply", Path::new("/sys/states"), &["-y"]);
    refuses(run(nowhere), &["/sys/states", "not allowed", "--state-dir"]);
    project.write("file", "no folder");
    let file = project.root().join("file");
    refuses(run(with_state(&project, "apply", &file, &["-y"])), &["file"]);
    assert_eq!(project.requests().mutating_total, 0);
}

fn run(mut command: Command) -> Run {
    Run::of(&mut command)
}

#[cfg(target_os = "linux")]
#[test]
fn a_state_of_somebody_else_is_left_alone() {
    let project = project();
    let state = project.root().join("state");
    let foreign = if is_root() {
        // Root made it, nobody comes: `nobody` may enter the project, and nothing else.
        run(with_state(&project, "apply", &state, &["-y"])).exits(0);
        fs::set_permissions(project.root(), fs::Permissions::from_mode(0o755)).unwrap();
        // A copy, since `nobody` may not enter every folder that the program is built in.
        let command = with_state(&project, "apply", &state, &["-y"]);
        let copy = project.root().join("infra");
        fs::copy(command.get_program(), &copy).unwrap();
        let words = "copy=\"$1\"; shift 2; exec \"$copy\" \"$@\"";
        let mut command = within(&command, words, &[&copy.to_string_lossy()]);
        command.uid(65_534).gid(65_534);
        command
    } else {
        with_state(&project, "apply", Path::new("/root/state"), &["-y"])
    };
    project.forget_requests();
    refuses(
        run(foreign),
        &["not allowed (read-only or owned by another user)", "--state-dir"],
    );
    assert_eq!(project.requests().mutating_total, 0);
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        }
        found.push(path);
    }
}

#[test]
fn only_the_owner_can_read_what_is_written_whatever_the_umask() {
    let project = project();
    for umask in ["000", "077"] {
        let state = project.root().join(format!("state-{umask}"));
        let masked = |command: &str, more: &[&str]| {
            let command = with_state(&project, command, &state, more);
            run(within(&command, "umask \"$1\"; shift; exec \"$@\"", &[umask]))
        };
        masked("plan", &["--out", "plan.json"]).exits(0);
        masked("apply", &["-y"]).exits(0);
        masked("state export", &[]).exits(0);
        // The next commands find what others may read, as a careless copy leaves it.
        let stack = state.join("small/test/one/us-east-1");
        let mut all = Vec::new();
        below(&stack, &mut all);
        for path in all.iter().filter(|path| path.is_file()) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        fs::set_permissions(&stack, fs::Permissions::from_mode(0o777)).unwrap();
        masked("state list", &[]).exits(0);
        fs::write(stack.join("db/db"), "").unwrap();
        masked("state rebuild", &[]).exits(0);
        masked("destroy", &["-y"]).exits(0);

        let mut all = vec![state.clone(), project.root().join("plan.json")];
        below(&state, &mut all);
        let kinds = ["backups", "committed", "db", "lock", "set-aside-"];
        for kind in kinds {
            assert!(
                all.iter().any(|path| path.to_string_lossy().contains(kind)),
                "{kind}: {all:?}"
            );
        }
        for path in all {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{} under {umask}: {mode:o}", path.display());
        }
    }
}
