//! How commands are used, and saved plans.

use crate::harness::Project;

const FILE: &str = "stacks/small.toml";

fn small(cidr: &str, name: &str) -> String {
    format!(
        r#"
[stack]
name = "small"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "{cidr}"
tags = {{ Name = "{name}" }}

[output.vpc]
value = "${{ec2.vpc.main.id}}"
"#
    )
}

fn project() -> Project {
    let project = Project::sandbox();
    project.write(FILE, &small("10.0.0.0/16", "one"));
    project
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let project = project();
    project.forget_requests();
    project.stack("apply", FILE, &[]).exits(64).says(["-y"]);
    assert_eq!(project.requests().mutating_total, 0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.forget_requests();
    project.stack("destroy", FILE, &[]).exits(64).says(["-y"]);
    assert_eq!(project.requests().mutating_total, 0);
    // With nothing to do there is nothing to ask.
    project.stack("apply", FILE, &[]).exits(0);
}

#[test]
fn wrong_usage_is_told_by_its_exit_code() {
    let project = project();
    let cases: &[&[&str]] = &[
        &[],
        &["aply", FILE],
        &["apply"],
        &["apply", FILE, "--no-such-flag"],
        &["apply", FILE, "--target", "not an address"],
        &["apply", FILE, "--var", "no-value"],
        &["apply", FILE, "--parallelism", "0"],
        &["apply", FILE, "--plan", "plan.json"],
        &["validate", FILE, "--output", "xml"],
        &["plan", FILE, FILE, "--out", "plan.json"],
        &["graph"],
    ];
    for arguments in cases {
        project.infra(*arguments).exits(64);
    }
    project.infra(["--help"]).exits(0).says(["Usage"]);
    project.infra(["--version"]).exits(0).says(["infra "]);
}

/// The first cannot be opened, the second is no stack, and another machine holds the third: the fourth is looked at
/// all the same.
#[test]
fn one_bad_stack_does_not_keep_the_others_from_being_looked_at() {
    let project = project();
    let stage = |stage: &str| small("10.0.0.0/16", stage).replace("\"one\"", &format!("\"{stage}\""));
    for name in ["lost", "held", "good"] {
        project.write(&format!("stacks/{name}.toml"), &stage(name));
        project
            .stack("apply", &format!("stacks/{name}.toml"), &["-y"])
            .exits(0);
    }
    project.write("stacks/bad.toml", "[stack]\nname = 1\n");
    let states = project.emulator().running().state_dir.join("small/test");
    std::fs::remove_dir_all(states.join("lost/us-east-1/db")).unwrap();
    let holder = serde_json::json!({
        "user": "alice", "host": "build-7", "machine": "another-machine", "boot": "another-boot", "pid": 4242,
        "started": "77", "command": "infra apply", "since_unix_ms": 1_700_000_000_000_u64,
    });
    std::fs::write(states.join("held/us-east-1/lock"), holder.to_string()).unwrap();
    project.write(
        "stacks/good.toml",
        &stage("good").replace("Name = \"good\"", "Name = \"new\""),
    );

    let (lost, bad, held, good) = (
        "stacks/lost.toml",
        "stacks/bad.toml",
        "stacks/held.toml",
        "stacks/good.toml",
    );
    for command in ["diff", "plan"] {
        project
            .stack(command, lost, &[bad, held, good, "--lock-timeout=0"])
            .exits(65)
            .says([
                "stacks/lost.toml could not be looked at",
                "its database is gone",
                "stacks/bad.toml",
            ])
            .says(["alice@build-7", "\"good\" → \"new\""]);
    }
    let code = |files: &[&str], code: i32| {
        project
            .stack("diff", files[0], &[&files[1..], &["--lock-timeout=0"]].concat())
            .exits(code)
            .says(["\"good\" → \"new\""]);
    };
    code(&[lost, held, good], 1);
    code(&[held, good], 75);
    code(&[good, held], 75);
    project
        .stack("validate", bad, &[good])
        .exits(65)
        .says(["good.toml: valid"]);
    project
        .stack("apply", lost, &[held, good, "-y", "--lock-timeout=0"])
        .exits(1);
    project.stack("diff", good, &[]).exits(0);
}

/// Two stages of one application differ in nothing but their names, and so do their plans.
#[test]
fn of_several_stacks_each_plan_says_whose_it_is() {
    let project = project();
    let (one, two) = ("stacks/one.toml", "stacks/two.toml");
    for (file, stage) in [(one, "s1"), (two, "s2")] {
        let text = small("10.0.0.0/16", "x").replace("stage = \"one\"", &format!("stage = \"{stage}\""));
        project.write(file, &text);
    }
    let ids = ["small/test/s1/us-east-1", "small/test/s2/us-east-1"];
    let in_order = |text: &str, parts: &[&str]| {
        let places: Vec<Option<usize>> = parts.iter().map(|part| text.find(part)).collect();
        assert!(
            places.is_sorted() && places.iter().all(Option::is_some),
            "{parts:?} in {text}"
        );
    };
    let headings = ids.map(|id| format!("Stack {id}\n\n"));
    for (command, more, format, code) in [
        ("plan", &[][..], "plain", 0),
        ("diff", &[], "human", 2),
        ("apply", &["-y"], "human", 0),
        ("diff", &[], "plain", 0),
        ("destroy", &["-y"], "plain", 0),
    ] {
        let run = project
            .stack(command, one, &[&[two, "--output", format], more].concat())
            .exits(code);
        assert!(run.stdout.starts_with(&headings[0]), "{run}");
        in_order(&run.stdout, &[&headings[0], &format!("\n\n{}", headings[1])]);
    }
    for (command, more) in [("diff", &[][..]), ("apply", &["-y"]), ("destroy", &["-y"])] {
        let run = project.stack(command, one, &[&[two, "--output", "json"], more].concat());
        let lines = run.json();
        let stacks: Vec<&str> = lines
            .iter()
            .map(|line| line["stack"].as_str().unwrap_or_default())
            .collect();
        let of_second = stacks.iter().position(|stack| *stack == ids[1]).unwrap();
        assert!(stacks[..of_second].iter().all(|stack| *stack == ids[0]), "{run}");
        assert!(stacks[of_second..].iter().all(|stack| *stack == ids[1]), "{run}");
    }
    // A person who named one stack knows which it is.
    let run = project.stack("plan", one, &[]);
    assert!(!run.stdout.contains(ids[0]), "{run}");
}

#[test]
fn plan_tells_by_its_exit_code_when_asked() {
    let project = project();
    project.stack("plan", FILE, &[]).exits(0).says(["1 to create"]);
    project.stack("plan", FILE, &["--detailed-exitcode"]).exits(2);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("plan", FILE, &["--detailed-exitcode"]).exits(0);
}

#[test]
fn a_saved_plan_is_carried_out_as_it_was_saved() {
    let project = project();
    project.stack("plan", FILE, &["--out", "plan.json"]).exits(0);
    // What happens to the file afterwards is not in the plan.
    project.write(FILE, &small("10.9.0.0/16", "two"));
    project.infra(["apply", "--plan", "plan.json"]).exits(64);
    project.infra(["apply", "--plan", "plan.json", "-y"]).exits(0);
    let cidr = project.boto3(
        &serde_json::Value::Null,
        "result = [vpc['CidrBlock'] for vpc in pages('ec2', 'describe_vpcs', 'Vpcs') if not vpc['IsDefault']]",
    );
    assert_eq!(cidr, serde_json::json!(["10.0.0.0/16"]));
}

#[test]
fn a_saved_plan_is_refused_when_the_state_has_moved() {
    let project = project();
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &small("10.0.0.0/16", "two"));
    project.stack("plan", FILE, &["--out", "plan.json"]).exits(0);
    project.write(FILE, &small("10.0.0.0/16", "three"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.forget_requests();
    project
        .infra(["apply", "--plan", "plan.json", "-y"])
        .exits(1)
        .says(["state has moved", "make the plan again"]);
    assert_eq!(project.requests().mutating_total, 0);
}

#[test]
fn a_file_that_is_no_plan_is_refused() {
    let project = project();
    project.write("plan.json", "{}");
    project
        .infra(["apply", "--plan", "plan.json", "-y"])
        .exits(1)
        .says(["plan.json"]);
    project
        .infra(["apply", "--plan", "nowhere.json", "-y"])
        .exits(1)
        .says(["nowhere.json"]);
}

#[test]
fn a_destroy_asks_for_no_variable_that_it_does_not_need() {
    let project = Project::sandbox();
    let file = "stacks/given.toml";
    project.write(
        file,
        r#"
[stack]
name        = "given"
environment = "test"
stage       = "${var.stage}"
region      = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.stage]

[variable.networks]
type = "map(string)"

[ec2.vpc.main]
for_each   = "${var.networks}"
cidr_block = "${each.value}"
"#,
    );
    let networks = r#"networks={"a":"10.0.0.0/16"}"#;
    project
        .stack("apply", file, &["-y", "--var", "stage=one", "--var", networks])
        .exits(0);
    // What the stack is has to be known.
    let unnamed = project.stack("destroy", file, &["-y"]).exits(65);
    assert!(
        unnamed.stderr.contains("the variable `stage` has no value")
            && !unnamed.stderr.contains("`networks`"),
        "{unnamed}"
    );
    project
        .stack("plan", file, &["--var", "stage=one"])
        .exits(65)
        .says(["the variable `networks` has no value"]);
    project
        .stack("destroy", file, &["-y", "--var", "stage=one"])
        .exits(0);
    project.holds_nothing();
}
