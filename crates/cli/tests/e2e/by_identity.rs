//! Stacks named by their identity, without a file.

use crate::harness::{ACCOUNT, Project};

const FILE: &str = "stacks/small.toml";
const ID: &str = "small/test/one/us-east-1";

fn small(lifecycle: &str, role: &str, allowed: &str) -> String {
    format!(
        r#"
[stack]
name = "small"
environment = "test"
stage = "one"
region = "us-east-1"
assume_role = "{role}"
allowed_account_ids = ["{allowed}"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.private]
for_each = {{ a = "10.0.1.0/24", b = "10.0.2.0/24" }}
vpc_id = "${{ec2.vpc.main.id}}"
cidr_block = "${{each.value}}"

[logs.log_group.app]
log_group_name = "/small/app"
{lifecycle}

[output.vpc]
value = "${{ec2.vpc.main.id}}"
"#
    )
}

/// A project whose stack was applied, and whose file is gone.
fn without_file(lifecycle: &str) -> Project {
    let project = Project::sandbox();
    project.write(FILE, &small(lifecycle, "", ACCOUNT));
    project.stack("apply", FILE, &["-y"]).exits(0);
    std::fs::remove_file(project.root().join(FILE)).unwrap();
    project
}

#[test]
fn a_stack_is_destroyed_without_its_file() {
    let project = without_file("");
    project.stack("destroy", FILE, &["-y"]).exits(65);
    project.stack("destroy", ID, &[]).exits(64).says(["-y"]);
    let part = project
        .stack("destroy", ID, &["-y", "--target", "ec2.subnet.private[\"a\"]"])
        .exits(0);
    assert!(!part.stderr.contains("is gone"), "{part}");
    assert_eq!(project.held().ids("ec2.subnet").len(), 1);
    project
        .stack("destroy", ID, &["-y"])
        .exits(0)
        .says([format!("{ID} is gone").as_str()]);
    project.holds_nothing();
    // There is nothing left, and nothing to ask.
    project.stack("destroy", ID, &[]).exits(0);
}

#[test]
fn what_the_file_said_of_a_resources_life_holds_without_it() {
    let project = without_file("lifecycle = { prevent_destroy = true }");
    project.forget_requests();
    project
        .stack("destroy", ID, &["-y"])
        .exits(1)
        .says(["logs.log_group.app", "prevent_destroy"]);
    assert_eq!(project.requests().mutating_total, 0);

    let project = without_file("lifecycle = { retain = true }");
    let kept = project.stack("destroy", ID, &["-y"]).exits(0);
    assert!(!kept.stderr.contains("is gone"), "{kept}");
    let held = project.held();
    assert_eq!(held.ids("logs.log_group").len(), 1, "{held}");
    assert!(held.ids("ec2.vpc").is_empty(), "{held}");
}

/// The account and the role are those that the state was made with.
#[test]
fn without_the_file_aws_is_reached_as_it_was_last() {
    const OTHER_ACCOUNT: &str = "210987654321";
    let mut project = Project::sandbox();
    let endpoint = project.endpoint().to_owned();
    project = project
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/infra-deploy");
    project.write(FILE, &small("", &role, OTHER_ACCOUNT));
    project.infra(["apply", FILE, "-y"]).exits(0);
    std::fs::remove_file(project.root().join(FILE)).unwrap();
    project.forget_requests();
    project.infra(["destroy", ID, "-y"]).exits(0);
    let requests = project.requests();
    assert!(requests.mutating_total > 0);
    for request in &requests.mutating {
        assert_eq!(request.account, OTHER_ACCOUNT, "{request:?}");
    }
    project.holds_nothing();
    project.account = OTHER_ACCOUNT.to_owned();
    project.holds_nothing();
}

#[test]
fn another_account_is_refused_by_identity_too() {
    let mut project = Project::sandbox();
    let endpoint = project.endpoint().to_owned();
    project = project
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    project.write(FILE, &small("", "", ACCOUNT));
    project.infra(["apply", FILE, "-y"]).exits(0);
    let held = project.held().to_string();
    project = project.env("AWS_ACCESS_KEY_ID", "210987654321");
    project.forget_requests();
    project
        .infra(["destroy", ID, "-y"])
        .exits(1)
        .says([ACCOUNT, "210987654321", "AWS_PROFILE"]);
    let counts = project.requests().counts;
    assert!(counts.keys().all(|name| name.starts_with("sts.")), "{counts:?}");
    assert_eq!(project.held().to_string(), held);
}

#[test]
fn what_is_known_of_a_stack_is_shown_without_its_file() {
    let project = without_file("");
    let stacks = project.infra(["state", "list", "--sandbox"]).exits(0).stdout;
    assert_eq!(stacks.trim(), ID);
    let listed = project.stack("state list", ID, &[]).exits(0);
    assert!(listed.stdout.contains("ec2.subnet.private[\"b\"]"), "{listed}");
    let held = project.held();
    let vpc = held.ids("ec2.vpc").remove(0);
    let address = "ec2.vpc.main";
    let shown = project.stack("state show", ID, &[address]).exits(0);
    assert!(shown.stdout.contains(vpc), "{shown}");
    let value = project.stack("output", ID, &["vpc"]).exits(0);
    assert_eq!(value.stdout.trim(), vpc);
    project
        .stack("output", ID, &["other"])
        .exits(1)
        .says(["no output other", "vpc"]);
    project.stack("report", ID, &["--out", "page.html"]).exits(0);
    assert!(project.root().join("page.html").is_file());
    let history = project.stack("state history", ID, &[]).exits(0);
    assert!(history.stdout.contains("apply"), "{history}");
    project
        .stack("state unlock", ID, &[])
        .exits(0)
        .says(["was free already"]);
    let sound = project.stack("state rebuild", ID, &[]).exits(1);
    assert!(sound.stderr.contains("is sound"), "{sound}");

    // The state moves by identity as well: out, away, and in again.
    let exported = project.stack("state export", ID, &[]).exits(0).stdout;
    project.write("state.json", &exported);
    let states = project.emulator().running().state_dir.join("small");
    std::fs::remove_dir_all(states).unwrap();
    project
        .stack("state list", ID, &[])
        .exits(1)
        .says(["no state of a stack"]);
    project.stack("state import", ID, &["state.json"]).exits(0);
    assert_eq!(
        project.stack("state list", ID, &[]).exits(0).stdout,
        listed.stdout
    );
    project.stack("destroy", ID, &["-y"]).exits(0);
    project.holds_nothing();
}

/// What was made after the newest backup is found by what the file declares: without it that is told.
#[test]
fn a_lost_state_is_rebuilt_and_its_stack_destroyed_without_the_file() {
    let project = without_file("");
    let folder = project.emulator().running().state_dir.join(ID);
    std::fs::remove_dir_all(folder.join("db")).unwrap();
    for (command, more) in [("state list", &[][..]), ("destroy", &["-y"]), ("output", &[])] {
        project
            .stack(command, ID, more)
            .exits(1)
            .says(["its database is gone", "infra state rebuild"]);
    }
    project
        .stack("state rebuild", ID, &[])
        .exits(0)
        .says(["it has 4 resources"]);
    project
        .stack("destroy", ID, &["-y"])
        .exits(0)
        .says(["stays at AWS when the stack is destroyed without it"]);
    project.holds_nothing();
}

#[test]
fn an_identity_that_no_state_has_is_told_with_those_that_there_are() {
    let project = without_file("");
    let other = "small/test/two/us-east-1";
    for (command, more) in [
        ("destroy", &["-y"][..]),
        ("output", &[]),
        ("report", &[]),
        ("state list", &[]),
        ("state show", &["ec2.vpc.main"]),
        ("state export", &[]),
        ("state history", &[]),
        ("state rebuild", &[]),
        ("state unlock", &[]),
    ] {
        project.stack(command, other, more).exits(1).says([
            format!("there is no stack file {other}, and no state of a stack with this identity").as_str(),
            format!("it has: {ID}").as_str(),
        ]);
    }
    let states = project.emulator().running().state_dir.join("small/test");
    assert!(!states.join("two").exists(), "looking made a state");
    // What is neither says what it could be.
    project
        .stack("destroy", "small/one/us-east-1", &["-y"])
        .exits(65)
        .says(["small/one/us-east-1"]);
    // Commands that need what a file declares take no identity.
    for command in ["plan", "diff"] {
        project
            .stack(command, ID, &[])
            .exits(65)
            .says([
                format!("{ID} is the identity of a stack, but this needs what its file declares").as_str(),
            ]);
    }
}

#[test]
fn a_file_of_that_name_comes_first() {
    let project = without_file("");
    project.write(ID, &small("", "", ACCOUNT).replace("\"one\"", "\"else\""));
    let listed = project.stack("state list", ID, &[]);
    listed
        .exits(1)
        .says(["is a file here", "small/test/else/us-east-1"]);
}
