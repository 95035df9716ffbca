//! The environment of a CI job is full of credentials: what no file names is found nowhere, whatever is run.

use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use crate::harness::{Project, Run};
use crate::secrets::{contains, files, forms};

const FILE: &str = "stacks/environment.toml";

/// Names as CI servers, shells and AWS have them, with fake values.
const CANARIES: [(&str, &str); 13] = [
    ("AWS_SESSION_TOKEN", "fake+session=token@nowhere,one"),
    ("AWS_SECRET_ACCESS_KEY", "fake+secret=key@nowhere,two"),
    ("CI_JOB_TOKEN", "fake+ci=job@nowhere,three"),
    ("GITHUB_TOKEN", "fake+github=token@nowhere,four"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "fake+oidc=token@nowhere,five"),
    (
        "CORPORATE_PROXY",
        "http://user:fake+proxy=password@nowhere.invalid,six",
    ),
    ("DATABASE_URL", "postgres://user:fake+db=pw@nowhere,seven"),
    ("INFRA_VAR_token", "fake+variable=token@nowhere,eight"),
    ("AWS_ACCESS_KEY_ID", "AKIAFAKECANARYTENTEN"),
    ("HTTPS_PROXY", "http://user:fake%2Bproxy%3Deleven@127.0.0.1:9"),
    // Named by the file, but only where it is sensitive.
    ("HEADER", "fake+header=value@nowhere,nine"),
    // The same, as a part of a longer text: of an output's, and of one that holds another secret.
    ("DATABASE_PASSWORD", "fake+db=pw@nowhere,twelve"),
    ("QUEUE_USER", "fake+queue=user@nowhere,thirteen"),
];

/// Parts of them that are secret by themselves.
const PARTS: [&str; 2] = ["fake%2Bproxy%3Deleven", "fake+proxy=eleven"];

/// For people, for logs and for programs.
const FORMATS: [&str; 3] = ["human", "plain", "json"];

const STACK: &str = r#"
[stack]
name        = "environment"
environment = "test"
stage       = "one"
region      = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.token]
sensitive = true

[local]
header = "Bearer ${lookup(env, \"HEADER\", \"-\")}"

[infra.data.main]
input = { who = "${lookup(env, \"WHO\", \"nobody\")}", shell = "${env.LANG}", token = "${var.token}" }

[infra.data.queue]
input = { url = "amqp://${env.QUEUE_USER}:${var.token}@nowhere", who = "${lookup(env, \"WHO\", \"nobody\")}" }

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[output.header]
value     = "${local.header}"
sensitive = true

[output.database]
value     = "postgres://user:${env.DATABASE_PASSWORD}@nowhere"
sensitive = true
"#;

#[test]
fn what_no_file_names_of_the_environment_is_found_nowhere() {
    let temporary = TempDir::new().unwrap();
    let mut project = Project::sandbox().env("TMPDIR", temporary.path().to_str().unwrap());
    for (name, value) in CANARIES.iter().chain(&[("WHO", "somebody")]) {
        project = project.env(name, *value);
    }
    project.write(FILE, STACK);
    let mut said = String::new();
    let mut keep = |run: Run| {
        let _ = writeln!(said, "{run}");
        run
    };
    for format in FORMATS {
        for (command, more) in [
            ("validate", &[][..]),
            ("graph", &[]),
            ("plan", &[]),
            ("plan", &["--out", "saved.json"]),
        ] {
            keep(project.stack(command, FILE, &[more, &["--output", format]].concat())).exits(0);
        }
    }
    // Without the values that the plan does not hold it cannot be carried out; with them, it is.
    let saved = |project: &Project| project.command(["apply", "--plan", "saved.json", "-y"]);
    for name in ["HEADER", "DATABASE_PASSWORD", "QUEUE_USER"] {
        keep(Run::of(saved(&project).env_remove(name)))
            .exits(1)
            .says([&*format!("environment variable {name}"), "not in the plan"]);
    }
    // What may be kept comes from the plan.
    keep(Run::of(saved(&project).env("WHO", "another"))).exits(0);
    let exported = keep(project.stack("state export", FILE, &[])).exits(0).stdout;
    project.write("exported.json", &exported);
    for format in FORMATS {
        for (command, more) in [
            ("diff", &[][..]),
            ("apply", &["-y"]),
            ("output", &[]),
            ("state list", &[]),
            ("state show", &["infra.data.main"]),
            ("state export", &[]),
            ("state import", &["exported.json"]),
            ("state history", &[]),
            ("report", &["--out", "report.html"]),
        ] {
            keep(project.stack(command, FILE, &[more, &["--output", format]].concat())).exits(0);
        }
        keep(project.infra(["schema", "--output", format])).exits(0);
        keep(project.infra(["sandbox", "status", "--output", format])).exits(0);
    }
    keep(project.infra(["completions", "bash"])).exits(0);
    for format in FORMATS {
        let form = ["--output", format];
        keep(project.stack("import", FILE, &[&["ec2.vpc.other", "vpc-0"][..], &form].concat())).exits(1);
        keep(project.stack("redeploy", FILE, &[&["-y"][..], &form].concat())).exits(64);
        keep(project.stack("destroy", FILE, &[&["-y"][..], &form].concat())).exits(0);
        keep(project.stack("apply", FILE, &[&["-y"][..], &form].concat())).exits(0);
    }
    // What stands beside a secret is as clear as it would be alone.
    let queue = keep(project.stack("state show", FILE, &["infra.data.queue"])).exits(0);
    assert!(queue.stdout.contains("somebody"), "{queue}");
    keep(project.stack("diff", FILE, &[])).exits(0);
    keep(project.stack("destroy", FILE, &["-y"])).exits(0);
    project.write(FILE, &STACK.replace("env.LANG", "jsonencode(env)"));
    keep(project.stack("plan", FILE, &["--out", "whole.json"]))
        .exits(65)
        .says(["`env` cannot be used as a whole", "env.NAME"]);

    // A function says what it was given.
    let refused = STACK.replace("\"${local.header}\"", "\"${cidrsubnet(env.HEADER, 8, 1)}\"");
    project.write(FILE, &refused);
    for more in [&[][..], &["--output", "json"]] {
        keep(project.stack("plan", FILE, more))
            .exits(65)
            .says(["`cidrsubnet`", "(sensitive)"]);
    }

    let mut paths = Vec::new();
    files(project.root(), &mut paths);
    files(temporary.path(), &mut paths);
    let mut written: Vec<(String, Vec<u8>)> = paths
        .iter()
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    written.push(("what was said".to_owned(), said.into_bytes()));
    let plan = written.iter().find(|(name, _)| name.ends_with("/saved.json"));
    assert!(
        plan.is_some_and(|(_, text)| contains(text, b"somebody")),
        "the plan was not looked at"
    );
    for form in CANARIES
        .iter()
        .map(|(_, value)| value)
        .chain(&PARTS)
        .flat_map(|value| forms(value))
    {
        for (name, text) in &written {
            assert!(
                !contains(text, &form),
                "{} is in {name}",
                String::from_utf8_lossy(&form)
            );
        }
    }
}
