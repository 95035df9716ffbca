//! A stack of `infra.data` alone: no account, no network, no emulator.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const STACK: &str = r#"
[stack]
name        = "appname"
environment = "dev"
stage       = "dev02"
region      = "us-east-1"

[variable.owner]
type    = "string"
default = "platform"

[infra.data.names]
input = { api = "${stack.name}-api", owner = "${var.owner}" }

[infra.data.users]
for_each         = ["one", "two"]
input            = "${each.value} of ${infra.data.names.output.owner}"
triggers_replace = "${infra.data.names.output.owner}"

[output.owner]
value = "${infra.data.names.output.owner}"

[output.first]
value = '${infra.data.users["one"].output}'

[output.id]
value = '${infra.data.users["one"].id}'
"#;

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn infra(folder: &TempDir, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output().unwrap();
    assert!(
        output.status.code().is_some_and(|code| code != 101),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[track_caller]
fn ends(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn a_stack_of_values_alone_needs_no_account() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("stack.toml"), STACK).unwrap();
    let output = |name: &str| {
        ends(&infra(&folder, &["output", "stack.toml", name]), 0)
            .trim()
            .to_owned()
    };

    ends(&infra(&folder, &["apply", "stack.toml", "-y"]), 0);
    ends(&infra(&folder, &["diff", "stack.toml"]), 0);
    assert_eq!(output("first"), "one of platform");
    let id = output("id");

    // Another value is a change; one that triggers a replacement gives another id.
    let variable = ["--var", "owner=me"];
    let with = |arguments: &[&'static str]| [arguments, &variable].concat();
    let diff = ends(&infra(&folder, &with(&["diff", "stack.toml"])), 2);
    assert!(diff.contains("infra.data.names"), "{diff}");
    ends(&infra(&folder, &with(&["apply", "stack.toml", "-y"])), 0);
    ends(&infra(&folder, &with(&["diff", "stack.toml"])), 0);
    assert_eq!(
        (output("owner"), output("first")),
        ("me".into(), "one of me".into())
    );
    assert_ne!(output("id"), id);

    ends(&infra(&folder, &["destroy", "stack.toml", "-y"]), 0);
    let left = ends(&infra(&folder, &["state", "list", "stack.toml"]), 0);
    assert!(!left.contains("infra.data"), "{left}");
}

#[test]
fn with_anything_at_aws_an_account_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let stack = format!("{STACK}\n[logs.log_group.app]\nlog_group_name = \"/app\"\n");
    fs::write(folder.path().join("stack.toml"), stack).unwrap();
    let failed = infra(&folder, &["apply", "stack.toml", "-y"]);
    ends(&failed, 1);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("credentials"), "{said}");
    assert!(!folder.path().join("state").exists(), "nothing was begun");
}

/// Commands that write data, of a stack that was applied.
const WRITING: [&[&str]; 13] = [
    &["--help"],
    &["--version"],
    &["completions", "bash"],
    &["schema"],
    &["schema", "infra.data", "--output", "json"],
    &["graph", "stack.toml"],
    &["plan", "stack.toml"],
    &["output", "stack.toml", "owner"],
    &["state", "list", "stack.toml"],
    &["state", "export", "stack.toml"],
    &["state", "history", "stack.toml", "--output", "json"],
    &["report", "stack.toml", "--out", "-"],
    &[
        "apply",
        "stack.toml",
        "-y",
        "--output",
        "json",
        "--var",
        "owner=full",
    ],
];

#[test]
fn data_that_cannot_be_written_are_a_failure_and_a_reader_that_has_gone_is_none() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("stack.toml"), STACK).unwrap();
    ends(&infra(&folder, &["apply", "stack.toml", "-y"]), 0);
    for arguments in WRITING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = command(&folder, arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left on device"), "{arguments:?}: {said}");
        assert!(!said.contains("broke down"), "{arguments:?}: {said}");

        let mut child = command(&folder, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let run = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("error"), "{arguments:?}: {said}");
    }
    // The run went on to its end all the same.
    let owner = ends(&infra(&folder, &["output", "stack.toml", "owner"]), 0);
    assert_eq!(owner.trim(), "full");
}
