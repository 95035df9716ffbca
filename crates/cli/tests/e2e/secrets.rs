//! A secret goes through everything that writes: what is kept and what is said never has it, and a change of it is
//! seen nevertheless.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_sandbox::{Faults, Kill};
use serde_json::json;

use crate::harness::{Project, Run};

const FILE: &str = "stacks/secrets.toml";

/// Fake, and of characters that are written in other ways in URLs, in JSON and in HTML.
const SECRETS: [&str; 3] = [
    "fake+secret=one@nowhere,only.for_tests",
    "fake+secret=two@nowhere,only.for_tests",
    "fake+secret=of=somebody@else,only.for_tests",
];

/// Where a secret may stand: in a tag, in a document, inside other text, in what AWS never shows back as it was
/// sent, in values of the file's own, in an output.
const STACK: &str = r#"
[stack]
name        = "secrets"
environment = "test"
stage       = "one"
region      = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.token]
type      = "string"
sensitive = true

[local]
header = "Bearer ${var.token}"

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
tags = { Token = "${var.token}" }

[iam.role.main]
role_name   = "secrets"
description = "${local.header}"
assume_role_policy_document = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }] }

[iam.role_policy.main]
role_name   = "${iam.role.main.role_name}"
policy_name = "main"
policy_document = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::bucket/${var.token}" }] }

[ecs.task_definition.main]
family = "secrets"
cpu    = 256
memory = 512
network_mode = "awsvpc"
requires_compatibilities = ["FARGATE"]
container_definitions = [{ name = "app", image = "public.ecr.aws/docker/library/busybox:stable", environment = { TOKEN = "${var.token}" } }]

[infra.data.main]
input = { header = "${local.header}", length = "${length(var.token)}" }

[output.token]
value     = "${infra.data.main.output.header}"
sensitive = true
"#;

/// AWS says in its refusal which zone it was asked for.
const REFUSED: &str = r#"
[ec2.subnet.refused]
vpc_id            = "${ec2.vpc.main.id}"
cidr_block        = "10.0.1.0/24"
availability_zone = "us-east-1-${var.token}"
"#;

/// All that was said so far.
struct Said<'a> {
    project: &'a Project,
    text: String,
    secret: &'static str,
}

impl Said<'_> {
    fn run(&mut self, command: &str, more: &[&str]) -> Run {
        let mut command = self.project.stack_command(command, FILE, more);
        command.env("INFRA_VAR_token", self.secret);
        self.keep(Run::of(&mut command))
    }

    fn keep(&mut self, run: Run) -> Run {
        let _ = writeln!(self.text, "{run}");
        run
    }
}

/// Everything below a folder but the stack files.
pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The ways in which a text is written.
pub(crate) fn forms(text: &str) -> Vec<Vec<u8>> {
    let in_url: String = text
        .bytes()
        .map(|byte| match byte {
            b'+' | b'=' | b'@' | b',' => format!("%{byte:02X}"),
            _ => char::from(byte).to_string(),
        })
        .collect();
    let in_base64 = STANDARD.encode(text);
    // Where it begins somewhere in a longer text, its base64 is another one but for what is in the middle.
    let shifted = [1, 2].map(|by| {
        let all = STANDARD.encode(format!("{}{text}", "x".repeat(by)));
        all[4..all.len() - 4].to_owned()
    });
    let unpadded = in_base64.trim_end_matches('=');
    let mut forms = vec![text.to_owned(), in_url, unpadded[..unpadded.len() - 1].to_owned()];
    forms.extend(shifted);
    forms.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Looks for the secrets wherever something was written.
#[track_caller]
fn are_nowhere(said: &Said<'_>) {
    let mut found = Vec::new();
    files(said.project.root(), &mut found);
    let written = found
        .iter()
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()));
    let spoken = ("what was said".to_owned(), said.text.clone().into_bytes());
    let all: Vec<_> = written.chain([spoken]).collect();
    assert!(
        all.iter().any(|(name, _)| name.ends_with("/db/db"))
            && all.iter().any(|(name, _)| name.ends_with(".jsonl"))
            && all.iter().any(|(name, _)| name.contains("/backups/")),
        "the state was not looked at"
    );
    for form in SECRETS.iter().flat_map(|secret| forms(secret)) {
        for (name, text) in &all {
            assert!(
                !contains(text, &form),
                "{} is in {name}",
                String::from_utf8_lossy(&form)
            );
        }
    }
}

/// Ways in which a file gives a secret: the lines of the stack file, those of a file that it includes, and where it stands.
const IN_FILES: [(&str, &str, &str); 7] = [
    (
        "[variable.pw]\nsensitive = true\ndefault = 'CANARY-7'",
        "",
        "secrets.toml:10:11",
    ),
    (
        "[variable.pw]\nsensitive = true\ntype = 'map(string)'\ndefault = { k = 'CANARY-7' }",
        "",
        "secrets.toml:11:17",
    ),
    (
        "[variable.pw]\nsensitive = true\ntype = 'list(string)'\n[values]\npw = ['CANARY-7']",
        "",
        "secrets.toml:12:7",
    ),
    (
        "[variable.pw]\nsensitive = true\ntype = 'map(string)'",
        "[values.pw]\ndb = 'CANARY-7'",
        "vault.toml:2:6",
    ),
    (
        "[variable.pw]\nsensitive = true\n[values]\npw = \"BEGIN\\nCANARY-7\\nEND\"",
        "",
        "secrets.toml:11:6",
    ),
    (
        "[variable.pw]\nsensitive = true\ndefault = 'CANARY-7-${env.HOME}'",
        "",
        "secrets.toml:10:11",
    ),
    (
        "[variable.pw]\nsensitive = true\ntype = 'integer'\ndefault = 135797531",
        "",
        "secrets.toml:11:11",
    ),
];

#[test]
fn no_plan_is_saved_with_a_secret_that_stands_in_a_file() {
    let project = Project::sandbox();
    let begin = STACK.split_once("\n\n").unwrap().0;
    for (lines, vault, place) in IN_FILES {
        let stack =
            format!("include = ['vault.toml']{begin}\n{lines}\n[infra.data.main]\ninput = '${{var.pw}}'\n");
        project.write(FILE, &stack);
        project.write("stacks/vault.toml", vault);
        let is_one_text = !lines.contains("type =");
        // What the file says is there, also where something else is used.
        for given in [&[][..], &["--var", "pw=another"]] {
            if given.is_empty() || is_one_text {
                let saving = [&["--out", "saved.json"], given].concat();
                let refused = project.stack("plan", FILE, &saving).exits(1);
                let refused = refused.says(["variable pw is sensitive", place, "INFRA_VAR_pw"]);
                for secret in ["CANARY", "135797531"] {
                    assert!(!format!("{refused}").contains(secret), "{refused}");
                }
                assert!(!project.root().join("saved.json").exists(), "{lines}");
            }
        }
    }
    // A short one is in many words, and no file gives it.
    project.write(
        FILE,
        &format!("{begin}\n[variable.pw]\nsensitive = true\n[infra.data.main]\ninput = '${{var.pw}}'\n"),
    );
    let saving = ["--out", "saved.json", "--var", "pw=a"];
    project.stack("plan", FILE, &saving).exits(0);
}

#[test]
fn a_secret_is_found_nowhere_and_its_change_is_seen() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{STACK}{REFUSED}"));
    let mut said = Said {
        project: &project,
        text: String::new(),
        secret: SECRETS[0],
    };

    // A plan, shown and saved; a run that AWS refuses with the secret in its words.
    said.run("plan", &[]).exits(0).says(["(sensitive)"]);
    said.run("plan", &["--output", "json", "--out", "saved.json"])
        .exits(0);
    said.run("apply", &["-y"])
        .exits(1)
        .says(["ec2.subnet.refused", "Value ((sensitive))"]);
    said.run("apply", &["-y", "--output", "json"]).exits(1);
    are_nowhere(&said);

    // A run that is killed, the one that goes on, and everything that shows something.
    project.write(FILE, STACK);
    let kill = Kill::peer_before(1);
    project.emulator().set_faults(&Faults::from(kill)).unwrap();
    said.secret = SECRETS[1];
    let killed = said.run("apply", &["-y"]);
    assert_eq!(killed.code, None, "{killed}");
    project.emulator().clear_faults().unwrap();
    said.secret = SECRETS[0];
    said.run("apply", &["-y"]).exits(0);
    for (command, more) in [
        ("diff", &[][..]),
        ("apply", &["-y", "--output", "json"]),
        ("output", &[]),
        ("output", &["--output", "json"]),
        ("graph", &[]),
        ("state list", &[]),
        ("state show", &["infra.data.main"]),
        ("state show", &["ec2.vpc.main", "--output", "json"]),
        ("state export", &[]),
        ("state history", &[]),
        ("report", &["--out", "report.html"]),
    ] {
        said.run(command, more).exits(0);
    }
    said.run("output", &["token"])
        .exits(1)
        .says(["it cannot be shown"]);
    are_nowhere(&said);

    // Another secret is a change, and nobody is told which.
    said.secret = SECRETS[1];
    let changed = said.run("diff", &[]).exits(2);
    for address in [
        "ec2.vpc.main",
        "iam.role.main",
        "iam.role_policy.main",
        "ecs.task_definition.main",
        "infra.data.main",
    ] {
        assert!(changed.stdout.contains(address), "{address} is not in {changed}");
    }
    said.run("diff", &["--output", "json"]).exits(2);
    said.run("apply", &["-y"]).exits(0);
    said.run("diff", &[]).exits(0);

    // So is what somebody else puts in its place.
    let vpc = project.held().ids("ec2.vpc")[0].to_owned();
    project.boto3(
        &json!({ "vpc": vpc, "secret": SECRETS[2] }),
        "client('ec2').create_tags(Resources=[given['vpc']], Tags=[{'Key': 'Token', 'Value': given['secret']}])\nresult = None",
    );
    said.run("diff", &[])
        .exits(2)
        .says(["ec2.vpc.main", "(sensitive)"]);
    said.run("diff", &["--output", "json"]).exits(2);
    said.run("apply", &["-y", "--output", "json"]).exits(0);
    said.run("diff", &[]).exits(0);
    said.run("destroy", &["-y"]).exits(0);
    are_nowhere(&said);
    project.holds_nothing();
}
