//! A state that is damaged or lost: a clear message, one command, and everything goes on as if nothing had been.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use infra_core::state::STATE_FORMAT_VERSION;

use crate::harness::{Project, Reference, Run};

const FILE: &str = "stacks/small.toml";

/// A VPC, and whatever comes after it.
fn small(more: &str) -> String {
    format!(
        r#"
[stack]
name = "small"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

{more}
"#
    )
}

const LATER: &str = r#"
[ec2.subnet.later]
for_each = ["a", "b*?"]
vpc_id = "${ec2.vpc.main.id}"
cidr_block = "${cidrsubnet(ec2.vpc.main.cidr_block, 8, each.index)}"

[ec2.route_table.later]
vpc_id = "${ec2.vpc.main.id}"

[ec2.route_table_association.later]
route_table_id = "${ec2.route_table.later.id}"
subnet_id = '${ec2.subnet.later["a"].id}'

[iam.role.later]
role_name = "small-later"

[iam.role.later.assume_role_policy_document]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]

[logs.log_group.later]
log_group_name = "/small/later"
"#;

fn project(more: &str) -> Project {
    let project = Project::sandbox();
    project.write(FILE, &small(more));
    project
}

/// The folder of the only stack of a project.
fn folder(project: &Project) -> PathBuf {
    let states = project.emulator().running().state_dir.clone();
    // One below the other for name, environment, stage and region.
    (0..4).fold(states, |folder, _| {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let inner: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        assert_eq!(inner.len(), 1, "{inner:?}");
        inner[0].clone()
    })
}

fn backups(project: &Project) -> Vec<PathBuf> {
    infra_state::backups(&folder(project).join("backups")).unwrap()
}

/// Makes the database unreadable.
fn garble(folder: &Path) {
    let path = folder.join("db/db");
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(500) {
        *byte ^= 0x55;
    }
    fs::write(&path, bytes).unwrap();
}

/// Makes the newest run unknown to database and backups, as a crash and a broken disk would.
fn forget_since(project: &Project, known: &[PathBuf]) {
    garble(&folder(project));
    for backup in backups(project) {
        if !known.contains(&backup) {
            fs::remove_file(backup).unwrap();
        }
    }
}

#[track_caller]
fn changes(project: &Project) -> Vec<String> {
    let requests = project.requests().mutating;
    requests.into_iter().map(|request| request.operation).collect()
}

fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn a_damaged_state_is_refused_by_all_and_rebuilt_by_one_command() {
    let project = project(LATER);
    project.stack("apply", FILE, &["-y"]).exits(0);
    let known = project.stack("state export", FILE, &[]).exits(0).stdout;
    garble(&folder(&project));
    project.forget_requests();
    let commands: [(&str, &[&str]); 7] = [
        ("apply", &["-y"]),
        ("plan", &[]),
        ("diff", &[]),
        ("destroy", &["-y"]),
        ("state list", &[]),
        ("output", &[]),
        ("state import", &["state.json"]),
    ];
    project.write("state.json", &known);
    for (command, more) in commands {
        let refused = project.stack(command, FILE, more).exits(1);
        let told = said(&refused);
        assert!(
            told.contains("is damaged: ")
                && told.contains(&format!("`infra state rebuild {FILE} --sandbox`")),
            "{refused}"
        );
        assert!(!told.contains("panicked"), "{refused}");
    }
    assert_eq!(project.requests().mutating_total, 0);

    let rebuilt = project.stack("state rebuild", FILE, &[]).exits(0);
    for part in [
        "is damaged: ",
        "The damaged database is kept in ",
        "set-aside-",
        "is rebuilt from the backup ",
        "after-apply.json",
        "it has 7 resources and serial ",
        "Next: `infra plan ",
    ] {
        assert!(rebuilt.stderr.contains(part), "{part}: {rebuilt}");
    }
    let now: Value = serde_json::from_str(&project.stack("state export", FILE, &[]).exits(0).stdout).unwrap();
    let before: Value = serde_json::from_str(&known).unwrap();
    assert_eq!(
        (&now["resources"], &now["lineage"]),
        (&before["resources"], &before["lineage"])
    );
    assert!(now["serial"].as_u64() > before["serial"].as_u64() && now["rebuilt"] == json!(true));
    project.stack("diff", FILE, &[]).exits(0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(changes(&project), [""; 0]);
    project
        .stack("state rebuild", FILE, &[])
        .exits(1)
        .says(["is sound", "nothing to rebuild"]);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn what_was_made_since_the_backup_is_found_by_its_tags_and_not_made_again() {
    let project = project("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    let known = backups(&project);
    project.write(FILE, &small(LATER));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let held = project.held();
    forget_since(&project, &known);

    let rebuilt = project.stack("state rebuild", FILE, &[]).exits(0);
    assert!(rebuilt.stderr.contains("it has 1 resources"), "{rebuilt}");
    assert!(rebuilt.stderr.contains("What the journal entries "), "{rebuilt}");
    project.forget_requests();
    let planned = project.stack("plan", FILE, &[]).exits(0);
    assert!(planned.stdout.contains("Nothing to do"), "{planned}");
    for address in [
        r#"ec2.subnet.later["b*?"]: found again"#,
        "ec2.route_table_association.later: found again",
        "iam.role.later: found again",
    ] {
        assert!(planned.stderr.contains(address), "{address}: {planned}");
    }
    let applied = project.stack("apply", FILE, &["-y"]).exits(0);
    let made: Vec<_> = changes(&project)
        .into_iter()
        .filter(|operation| operation.starts_with("Create") || operation.starts_with("Associate"))
        .collect();
    assert!(made.is_empty(), "{made:?}: {applied}");
    assert_eq!(project.held(), held);
    project.stack("diff", FILE, &[]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn a_destroy_finds_what_was_made_since_the_backup() {
    let project = project("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    let known = backups(&project);
    project.write(FILE, &small(LATER));
    project.stack("apply", FILE, &["-y"]).exits(0);
    forget_since(&project, &known);
    project.stack("state rebuild", FILE, &[]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

/// Nothing is left on this machine: the whole reference stack is found by what AWS tells.
#[test]
fn a_state_that_is_lost_altogether_is_found_again() {
    let reference = Reference::dev02_with_everything();
    reference.apply();
    let (held, before) = (reference.project.held(), reference.state());
    fs::remove_dir_all(folder(&reference.project)).unwrap();
    reference
        .run("state rebuild", &[])
        .exits(0)
        .says(["there was neither a state nor a backup"]);
    reference.apply();
    assert_eq!(reference.project.held(), held);
    let now = reference.state();
    for (address, record) in before.as_object().unwrap() {
        assert_eq!(now[address]["physical_id"], record["physical_id"], "{address}");
    }
    reference.differs_in_nothing();
    reference.run("destroy", &["-y"]).exits(0);
    // The zone and the certificate were there before.
    let left = reference
        .project
        .held()
        .counts()
        .keys()
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(!left.contains("ec2") && !left.contains("ecs"), "{left}");
}

#[test]
fn a_backup_of_ones_own_choice_and_one_that_is_damaged_itself() {
    let project = project("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &small(LATER));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let all = backups(&project);
    let newest = all.last().unwrap();
    fs::write(newest, "{\"format_version\": 1, \"sta").unwrap();
    garble(&folder(&project));
    let rebuilt = project.stack("state rebuild", FILE, &[]).exits(0);
    let name = newest.file_name().unwrap().to_string_lossy();
    assert!(
        rebuilt.stderr.contains(&format!("{name} cannot be used")),
        "{rebuilt}"
    );
    garble(&folder(&project));
    let first = all[0].to_string_lossy().into_owned();
    project
        .stack("state rebuild", FILE, &["--from", &first])
        .exits(0)
        .says([first.as_str(), "it has 0 resources"]);
    project.stack("apply", FILE, &["-y"]).exits(0);
    let held = project.held();
    assert_eq!(
        (held.ids("ec2.vpc").len(), held.ids("ec2.subnet").len()),
        (1, 2),
        "{held}"
    );
}

#[test]
fn a_state_that_may_not_be_used_is_told_before_anything_is_touched() {
    let project = project("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    let stack = folder(&project);
    let note = fs::read_to_string(stack.join("committed")).unwrap();
    project.write(FILE, &small(LATER));
    project.forget_requests();
    let refused = |expected: &[&str]| {
        for (command, more) in [("apply", &["-y"][..]), ("plan", &[]), ("destroy", &["-y"])] {
            let run = project.stack(command, FILE, more).exits(1);
            for part in expected {
                assert!(run.stderr.contains(part), "{part}: {run}");
            }
        }
        assert_eq!(project.requests().mutating_total, 0);
    };
    let ours = format!("\"format\":{STATE_FORMAT_VERSION}");
    assert!(note.contains(&ours), "{note}");
    fs::write(stack.join("committed"), note.replace(&ours, "\"format\":99")).unwrap();
    refused(&["has format 99", "use the newer infra that wrote it"]);
    project
        .stack("state rebuild", FILE, &[])
        .exits(1)
        .says(["has format 99"]);
    fs::write(stack.join("committed"), &note).unwrap();

    // Its note is gone: nobody knows whether it is whole.
    fs::remove_file(stack.join("committed")).unwrap();
    refused(&["its note `committed`", "infra state rebuild"]);
    fs::write(stack.join("committed"), &note).unwrap();

    // The database is gone, and the backups say that there was one.
    fs::rename(stack.join("db"), stack.join("elsewhere")).unwrap();
    fs::remove_file(stack.join("committed")).unwrap();
    refused(&[
        "its database is gone, of which there is a backup",
        "infra state rebuild",
    ]);
    fs::rename(stack.join("elsewhere"), stack.join("db")).unwrap();
    fs::write(stack.join("committed"), &note).unwrap();

    // The state of another stack in its place.
    let other = small(LATER).replace("stage = \"one\"", "stage = \"two\"");
    project.write("stacks/other.toml", &other);
    let place = project
        .emulator()
        .running()
        .state_dir
        .join("small/test/two/us-east-1");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(&stack, place).unwrap();
    for (command, more) in [("apply", &["-y"][..]), ("state rebuild", &[])] {
        project
            .stack(command, "stacks/other.toml", more)
            .exits(1)
            .says(["holds the state of the stack small/test/one/us-east-1, not of small/test/two/us-east-1"]);
    }
    assert_eq!(project.requests().mutating_total, 0);
}

/// A plan belongs to one state, not to another of the same name and serial.
#[test]
fn a_plan_of_another_lineage_is_refused() {
    let project = project("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &small(LATER));
    project.stack("plan", FILE, &["--out", "plan.json"]).exits(0);
    let text = project.stack("state export", FILE, &[]).exits(0).stdout;
    let mut other: Value = serde_json::from_str(&text).unwrap();
    other["lineage"] = json!("another");
    project.write("other.json", &other.to_string());
    project
        .stack("state import", FILE, &["other.json"])
        .exits(1)
        .says(["lineage another", "--force"]);
    project
        .stack("state import", FILE, &["other.json", "--force"])
        .exits(0);
    project.forget_requests();
    project
        .infra(["apply", "--plan", "plan.json", "-y"])
        .exits(1)
        .says(["make the plan again"]);
    assert_eq!(project.requests().mutating_total, 0);
    project.stack("apply", FILE, &["-y"]).exits(0);
}
