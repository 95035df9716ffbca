//! The key of sensitive values is where the state is not: another machine needs it, says so, and with it sees no
//! difference. The file is long because each machine tells its story to its end.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::harness::{ACCOUNT, Project, Run};

const FILE: &str = "stacks/sealed.toml";

const STACK: &str = r#"
[stack]
name        = "sealed"
environment = "test"
stage       = "one"
region      = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.password]
type      = "string"
sensitive = true
default   = ""

[ecs.task_definition.app]
family                   = "sealed"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]

[[ecs.task_definition.app.container_definitions]]
name        = "app"
image       = "public.ecr.aws/docker/library/busybox:stable"
environment = { PASSWORD = "${var.password}" }
"#;

/// A machine: a home, and perhaps a key that is given.
struct Machine<'a> {
    project: &'a Project,
    home: &'static str,
    key: Option<&'a str>,
}

impl Machine<'_> {
    fn run(&self, command: &str, password: &str, more: &[&str]) -> Run {
        let home = self.project.root().join(self.home);
        fs::create_dir_all(&home).unwrap();
        let mut command = self.project.stack_command(command, FILE, more);
        command.env("HOME", home).env("INFRA_VAR_password", password);
        if let Some(key) = self.key {
            command.env("INFRA_SEALING_KEY", key);
        }
        Run::of(&mut command)
    }
}

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else {
            all.extend(fs::read(&path).unwrap());
        }
    }
    all
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn another_machine_needs_the_key_and_sees_no_difference_with_it() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    let (password, other) = ("not-a-real-password", "nor-is-this-one");
    let machine = |home, key| Machine {
        project: &project,
        home,
        key,
    };
    let first = machine("first", None);
    let kept = project.root().join("first/.local/share/infra/sealing-key");
    // It is told when it is made, and not again.
    let told = "a key was made for this machine";
    let shown = kept.to_str().unwrap();
    first.run("plan", password, &[]).exits(0).says([told, shown]);
    let applied = first.run("apply", password, &["-y"]).exits(0);
    assert!(!applied.stderr.contains(told), "{applied}");

    // The key is nowhere near the state.
    let key = fs::read_to_string(&kept).unwrap().trim().to_owned();
    let raw = STANDARD.decode(&key).unwrap();
    let exported = first.run("state export", password, &[]).exits(0).stdout;
    let stored = bytes_below(&project.emulator().running().state_dir);
    for all in [exported.as_bytes(), &stored] {
        assert!(!holds(all, key.as_bytes()) && !holds(all, &raw));
        assert!(holds(all, b"hmac-sha256:"), "something is sealed");
    }

    // Without it nothing is compared, and nothing is changed.
    let second = machine("second", None);
    project.forget_requests();
    for (command, more) in [("plan", &[][..]), ("diff", &[]), ("apply", &["-y"])] {
        second.run(command, password, more).exits(1).says([
            "sealed with the key",
            "INFRA_SEALING_KEY",
            "nothing was compared",
            "`infra destroy stacks/sealed.toml --sandbox`",
        ]);
    }
    // A variable that was never filled in is not taken for none.
    for command in ["diff", "destroy"] {
        let empty = machine("second", Some("")).run(command, password, &[]);
        empty.exits(1).says(["INFRA_SEALING_KEY is set and empty"]);
    }
    assert_eq!(project.requests().mutating_total, 0);

    // With it the same secret is the same, and another is another.
    let with_key = machine("second", Some(&key));
    with_key.run("diff", password, &[]).exits(0);
    with_key.run("diff", other, &[]).exits(2);
    with_key
        .run("plan", password, &["--detailed-exitcode", "--no-refresh"])
        .exits(0);
    let broken = machine("second", Some("not base64!")).run("diff", password, &[]);
    let broken = broken.exits(1);
    assert!(broken.stderr.contains("INFRA_SEALING_KEY is no key"), "{broken}");
    assert!(!broken.stderr.contains("not base64!"), "{broken}");

    // A plan of one machine is carried out on another that has the key, and refused on one that has not.
    let plan = project.root().join("change.plan");
    let plan = plan.to_str().unwrap();
    first.run("plan", other, &["--out", plan]).exits(0);
    let apply = |machine: &Machine<'_>| {
        let mut command = project.command(["apply", "--plan", plan, "-y", "--sandbox"]);
        command
            .env("HOME", project.root().join(machine.home))
            .env("INFRA_VAR_password", other);
        if let Some(key) = machine.key {
            command.env("INFRA_SEALING_KEY", key);
        }
        Run::of(&mut command)
    };
    apply(&second).exits(1);
    apply(&with_key).exits(0);
    let definition = project.boto3(
        &json!({}),
        "found = client('ecs').describe_task_definition(taskDefinition='sealed')['taskDefinition']\n\
         result = found['containerDefinitions'][0]['environment']",
    );
    assert_eq!(definition, json!([{ "name": "PASSWORD", "value": other }]));
}

/// Beside what holds a secret, what holds none.
const WITH_A_LOG_GROUP: &str = r#"
[logs.log_group.app]
log_group_name = "sealed"

[output.password]
value     = "${var.password}"
sensitive = true
"#;

#[test]
fn a_stack_whose_key_is_lost_can_be_listed_forgotten_and_destroyed() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{STACK}{WITH_A_LOG_GROUP}"));
    let password = "not-a-real-password";
    let machine = |home| Machine {
        project: &project,
        home,
        key: None,
    };
    let (first, second) = (machine("first"), machine("second"));
    first.run("apply", password, &["-y"]).exits(0);
    let other_key = "sealed with the key";
    second.run("apply", password, &["-y"]).exits(1).says([other_key]);

    let listed = second.run("state list", password, &[]).exits(0).stdout;
    assert!(listed.contains("ecs.task_definition.app"), "{listed}");
    // A destroy of a part needs none of what is sealed, and leaves it as it is.
    let part = ["-y", "--target", "logs.log_group.app"];
    second
        .run("destroy", password, &part)
        .exits(0)
        .says(["they are not needed here"]);
    let planned = first.run("plan", password, &["--output", "json"]).exits(0).stdout;
    assert!(planned.contains("logs.log_group.app"), "{planned}");
    first.run("apply", password, &["-y"]).exits(0);
    first.run("diff", password, &[]).exits(0);

    second
        .run("state rm", password, &["logs.log_group.app", "-y"])
        .exits(0);
    let mut by_identity = project.command(["destroy", "sealed/test/one/us-east-1", "-y", "--sandbox"]);
    by_identity.env("HOME", project.root().join("second"));
    Run::of(&mut by_identity).exits(0).says(["is gone"]);
    let found = project.boto3(
        &json!({}),
        "result = client('ecs').list_task_definitions(familyPrefix='sealed')['taskDefinitionArns']",
    );
    assert_eq!(found, json!([]));
    // What was sealed is gone with it, and so the state is good for a key of its own.
    second.run("plan", password, &[]).exits(0);
}

#[test]
fn a_plan_that_nobody_could_carry_out_is_not_saved() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.write("no-folder", "");
    let plan = project.root().join("change.plan");
    let mut command = project.stack_command("plan", FILE, &["--out", plan.to_str().unwrap()]);
    command
        .env("HOME", project.root().join("no-folder"))
        .env("INFRA_VAR_password", "not-a-real-password");
    Run::of(&mut command)
        .exits(1)
        .says(["cannot be kept", "INFRA_SEALING_KEY"]);
    assert!(!plan.exists());
}

/// Without a folder for the key, and with one that cannot be written.
#[test]
fn a_key_that_cannot_be_kept_is_told_before_anything_is_touched() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.write("no-folder", "");
    for home in [None, Some(project.root().join("no-folder"))] {
        for (name, more) in [("apply", &["-y"][..]), ("plan", &[]), ("destroy", &["-y"])] {
            let mut command = project.stack_command(name, FILE, more);
            command
                .env_remove("HOME")
                .env("INFRA_VAR_password", "not-a-real-password");
            if let Some(home) = &home {
                command.env("HOME", home);
            }
            project.forget_requests();
            let run = Run::of(&mut command);
            assert_eq!(project.requests().mutating_total, 0);
            match name {
                "destroy" => run.exits(0),
                _ => run.exits(i32::from(name == "apply")).says([
                    "nothing was changed",
                    "cannot be kept",
                    "INFRA_SEALING_KEY",
                ]),
            };
        }
    }
    project.holds_nothing();
}

#[test]
fn a_stack_without_secrets_needs_no_key() {
    let project = Project::sandbox();
    project.write(FILE, &STACK.replace("sensitive = true\n", ""));
    let machine = |home| Machine {
        project: &project,
        home,
        key: None,
    };
    machine("first").run("apply", "in-clear", &["-y"]).exits(0);
    machine("second").run("diff", "in-clear", &[]).exits(0);
}

/// As whoever has an account, whose endpoint is the emulator's.
fn signed_in(project: &Project, home: &str, arguments: &[&str], password: &str) -> Run {
    let home = project.root().join(home);
    fs::create_dir_all(&home).unwrap();
    let mut command = project.command(arguments);
    command
        .env("HOME", home)
        .env("INFRA_VAR_password", password)
        .env("AWS_ENDPOINT_URL", project.endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    Run::of(&mut command)
}

#[test]
fn a_key_of_kms_keeps_the_key_and_every_machine_that_may_use_it_has_it() {
    let project = Project::sandbox();
    let key = project.boto3(
        &json!({}),
        "result = client('kms').create_key()['KeyMetadata']['Arn']\n\
         client('kms').create_alias(AliasName='alias/infra', TargetKeyId=result)",
    );
    let key = key.as_str().unwrap();
    project.write(
        FILE,
        &format!("{STACK}{WITH_A_LOG_GROUP}[state]\nsealing_key = \"alias/infra\"\n"),
    );
    let (password, other) = ("not-a-real-password", "nor-is-this-one");
    let run = |home: &str, arguments: &[&str], password: &str| signed_in(&project, home, arguments, password);
    project.forget_requests();
    // A plan writes nothing, whatever KMS gives it.
    run("first", &["plan", FILE], password).exits(0);
    let exported = run("first", &["state", "export", FILE], password).exits(0).stdout;
    let state: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!((&state["serial"], &state["kept_key"]), (&json!(0), &json!(null)));
    project.forget_requests();
    run("first", &["plan", FILE, "--out", "first.plan"], password).exits(0);
    run("second", &["apply", "--plan", "first.plan", "-y"], password).exits(0);
    run("third", &["diff", FILE], password).exits(0);
    run("third", &["diff", FILE], other).exits(2);
    let counts = project.requests().counts;
    assert_eq!(counts.get("kms.GenerateDataKey"), Some(&1), "{counts:?}");
    assert_eq!(counts.get("kms.Decrypt"), Some(&3), "{counts:?}");
    // No machine has a key of its own, and the state has it as KMS alone can read it.
    for home in ["first", "second", "third"] {
        assert!(!project.root().join(home).join(".local").exists());
    }
    let exported = run("first", &["state", "export", FILE], password).exits(0).stdout;
    let state: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(state["kept_key"]["kms_key"], key);
    assert!(!exported.contains(password));

    // The state says which it is, also where the file does not.
    project.write(FILE, &format!("{STACK}{WITH_A_LOG_GROUP}"));
    run("fourth", &["diff", FILE], password).exits(0);

    // Who may not use it compares nothing, and can still remove everything.
    project.boto3(
        &json!({ "key": key }),
        "result = client('kms').disable_key(KeyId=given['key'].split('/')[-1])['ResponseMetadata']['HTTPStatusCode']",
    );
    run("first", &["diff", FILE], password)
        .exits(1)
        .says(["cannot be had from", key, "is disabled"]);
    run("first", &["destroy", "sealed/test/one/us-east-1", "-y"], "")
        .exits(0)
        .says(["are not needed here", "is gone"]);
}

#[test]
fn a_key_of_kms_that_is_not_there_is_told_before_anything_is_touched() {
    let project = Project::sandbox();
    project.write(
        FILE,
        &format!("{STACK}[state]\nsealing_key = \"alias/missing\"\n"),
    );
    project.forget_requests();
    signed_in(&project, "first", &["apply", FILE, "-y"], "not-a-real-password")
        .exits(1)
        .says(["cannot be had from alias/missing", "NotFoundException"]);
    assert_eq!(project.requests().counts.get("ecs.RegisterTaskDefinition"), None);
    project.write(
        FILE,
        &format!("{STACK}[state]\nsealing_key = \"missing\"\nseal = 1\n"),
    );
    signed_in(&project, "first", &["validate", FILE], "")
        .exits(65)
        .says([
            "`missing` names no key of KMS",
            "stacks/sealed.toml",
            "no key `seal`",
            "alias/infra",
        ]);
}

#[test]
fn the_sandbox_says_that_it_does_without_the_key_of_kms() {
    let project = Project::sandbox();
    project.write(
        FILE,
        &format!("{STACK}[state]\nsealing_key = \"alias/missing\"\n"),
    );
    let machine = Machine {
        project: &project,
        home: "first",
        key: None,
    };
    for (command, more) in [("apply", &["-y"][..]), ("diff", &[])] {
        machine
            .run(command, "not-a-real-password", more)
            .exits(0)
            .says(["the sandbox does without alias/missing"]);
    }
    let counts = project.requests().counts;
    assert!(!counts.keys().any(|name| name.starts_with("kms.")), "{counts:?}");
}

#[test]
fn an_apply_seals_all_with_the_key_that_the_file_names_and_nobody_needs_the_old_one() {
    let project = Project::sandbox();
    let keys = project.boto3(
        &json!({}),
        "kms = client('kms')\n\
         result = [kms.create_key()['KeyMetadata']['KeyId'] for _ in range(2)]\n\
         kms.create_alias(AliasName='alias/one', TargetKeyId=result[0])\n\
         kms.create_alias(AliasName='alias/two', TargetKeyId=result[1])",
    );
    let disable = |number: usize| {
        let disabled = "client('kms').disable_key(KeyId=given['key'])\nresult = True";
        project.boto3(&json!({ "key": keys[number] }), disabled);
    };
    let write = |key: Option<&str>| {
        let state = key.map_or_else(String::new, |key| format!("[state]\nsealing_key = \"{key}\"\n"));
        project.write(FILE, &format!("{STACK}{WITH_A_LOG_GROUP}{state}"));
    };
    let run = |home: &str, arguments: &[&str], password: &str| signed_in(&project, home, arguments, password);
    let state = || -> serde_json::Value {
        let exported = run("first", &["state", "export", FILE], "x").exits(0).stdout;
        serde_json::from_str(&exported).unwrap()
    };
    let seals = || -> Vec<String> {
        let text = state().to_string();
        let found = text.split("hmac-sha256:").skip(1);
        found.map(|rest| rest.chars().take(64).collect()).collect()
    };
    let (password, other) = ("not-a-real-password", "nor-is-this-one");
    let all_anew = |before: &[String]| {
        let after = seals();
        assert!(!after.is_empty() && after.len() >= before.len(), "{after:?}");
        assert!(
            after.iter().all(|seal| !before.contains(seal)),
            "{before:?} {after:?}"
        );
    };

    write(None);
    run("first", &["apply", FILE, "-y"], password).exits(0);
    let of_machine = seals();

    // From the machine's key to one of KMS: whoever has both can do it, although nothing else is to be done.
    write(Some("alias/one"));
    run("second", &["apply", FILE, "-y"], password)
        .exits(1)
        .says(["sealed with the key", "nothing was compared"]);
    run("first", &["plan", FILE, "--detailed-exitcode"], password).exits(0);
    assert_eq!(seals(), of_machine, "a plan writes nothing");
    run("first", &["apply", FILE, "-y"], password).exits(0);
    all_anew(&of_machine);
    run("second", &["diff", FILE], password).exits(0);
    run("second", &["diff", FILE], other).exits(2);
    assert!(!project.root().join("second/.local").exists());
    let of_one = seals();

    // From one key of KMS to another, in a run that changes what is sealed.
    write(Some("alias/two"));
    run("second", &["apply", FILE, "-y"], other).exits(0);
    all_anew(&of_one);
    disable(0);
    run("third", &["diff", FILE], other).exits(0);
    let of_two = seals();

    // And back to that of the machine.
    write(None);
    run("first", &["apply", FILE, "-y"], other).exits(0);
    all_anew(&of_two);
    assert_eq!(state()["kept_key"], json!(null));
    disable(1);
    run("first", &["diff", FILE], other).exits(0);
    run("first", &["diff", FILE], password).exits(2);
    run("second", &["diff", FILE], other)
        .exits(1)
        .says(["sealed with the key"]);
}
