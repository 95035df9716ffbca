//! The state changed by hand: `state rm` and `state mv`.

use crate::harness::{ACCOUNT, Project, at_terminal};

const FILE: &str = "stacks/edit.toml";
const ID: &str = "edit/test/one/us-east-1";

/// A network with a subnet in it, each named as given.
fn network(vpc: &str, subnet: &str) -> String {
    format!(
        r#"
[stack]
name = "edit"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["{ACCOUNT}"]

[ec2.vpc.{vpc}]
cidr_block = "10.0.0.0/16"

[ec2.subnet.{subnet}]
vpc_id = "${{ec2.vpc.{vpc}.id}}"
cidr_block = "10.0.1.0/24"

[logs.log_group.app]
log_group_name = "/edit/app"
"#
    )
}

fn applied() -> Project {
    let project = Project::sandbox();
    project.write(FILE, &network("main", "a"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project
}

fn backups(project: &Project) -> usize {
    let folder = project.emulator().running().state_dir.join(ID).join("backups");
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn what_is_forgotten_stays_at_aws_and_is_told_before() {
    let project = applied();
    let held = project.held();
    let vpc = held.ids("ec2.vpc")[0].to_owned();
    project.forget_requests();
    let before = backups(&project);
    // Nothing is done without a yes, nor with one of several that is not there.
    project
        .stack("state rm", ID, &["ec2.vpc.main"])
        .exits(64)
        .says(["-y", &vpc]);
    project
        .stack("state rm", ID, &["ec2.vpc.main", "ec2.vpc.other", "-y"])
        .exits(1)
        .says([
            "has no ec2.vpc.other",
            &format!("`infra state list {ID} --sandbox`"),
        ]);
    let listed = project.stack("state list", ID, &[]).exits(0).stdout;
    assert!(listed.contains(&vpc), "{listed}");
    assert_eq!(backups(&project), before);

    project
        .stack("state rm", ID, &["ec2.vpc.main", "-y"])
        .exits(0)
        .says([
            format!("ec2.vpc.main ({vpc}; account {ACCOUNT}, us-east-1)").as_str(),
            "stays as it is",
            "needed by what stays in the state: ec2.subnet.a",
            "Nothing at AWS was changed",
            "backups",
        ]);
    assert_eq!(backups(&project), before + 2);
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.held().to_string(), held.to_string());
    let listed = project.stack("state list", FILE, &[]).exits(0).stdout;
    assert!(
        !listed.contains("ec2.vpc.main") && listed.contains("ec2.subnet.a"),
        "{listed}"
    );
    let history = project.stack("state history", ID, &[]).exits(0).stdout;
    assert!(history.contains("state rm"), "{history}");

    // What is left of the state is whole: it goes out and in again, and the rest is destroyed as ever.
    let exported = project.stack("state export", ID, &[]).exits(0).stdout;
    project.write("state.json", &exported);
    project.stack("state import", ID, &["state.json"]).exits(0);
    project.stack("destroy", ID, &["-y"]).exits(0);
    let held = project.held();
    assert_eq!(held.ids("ec2.vpc"), [vpc.as_str()]);
    assert!(
        held.ids("ec2.subnet").is_empty() && held.ids("logs.log_group").is_empty(),
        "{held}"
    );
}

#[test]
fn what_was_forgotten_can_be_imported_again() {
    let project = applied();
    project
        .stack("state rm", FILE, &["logs.log_group.app", "-y"])
        .exits(0)
        .says([
            format!("The next `infra apply {FILE} --sandbox` makes anew").as_str(),
            &format!("`infra import {FILE} logs.log_group.app /edit/app --sandbox`"),
        ]);
    project.stack("plan", FILE, &[]).exits(0).says(["1 to create"]);
    project
        .stack("import", FILE, &["logs.log_group.app", "/edit/app"])
        .exits(0);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn what_is_moved_is_the_same_thing_at_another_address() {
    let project = applied();
    let held = project.held();
    project.forget_requests();
    project
        .stack("state mv", FILE, &["ec2.vpc.main", "ec2.vpc.core"])
        .exits(64)
        .says(["-y"]);
    for (from, to, why) in [
        ("ec2.vpc.other", "ec2.vpc.core", "has no ec2.vpc.other"),
        ("ec2.vpc.main", "ec2.subnet.b", "a resource keeps its type"),
        ("ec2.vpc.main", "network.vpc.b", "a resource keeps its type"),
        ("ec2.vpc.main", "ec2.vpc.main", "ec2.vpc.main is taken"),
    ] {
        project
            .stack("state mv", FILE, &[from, to, "-y"])
            .exits(1)
            .says([why]);
    }
    project
        .stack("state mv", FILE, &["ec2.vpc.main", "ec2.vpc.core", "-y"])
        .exits(0)
        .says([
            "does not declare ec2.vpc.core",
            "still declares ec2.vpc.main",
            "becomes ec2.vpc.core",
            "backups",
        ]);
    // Without the file there is nothing to hold it against.
    let moved = project
        .stack("state mv", ID, &["ec2.subnet.a", "ec2.subnet.b", "-y"])
        .exits(0);
    assert!(!moved.stderr.contains("declare"), "{moved}");
    project
        .stack("state mv", ID, &["ec2.subnet.b", "ec2.subnet.a", "-y"])
        .exits(0);
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.held().to_string(), held.to_string());

    // With the file changed as well there is no difference, and what depends on it depends on the new address.
    project.write(FILE, &network("core", "a"));
    project.stack("diff", FILE, &[]).exits(0);
    let shown = project.stack("state export", FILE, &[]).exits(0).stdout;
    assert!(!shown.contains("ec2.vpc.main"), "{shown}");
    // At the old address something new is made: the tag that the old one keeps deceives nobody.
    let both = format!(
        "{}\n[ec2.vpc.main]\ncidr_block = \"10.9.0.0/16\"\n",
        network("core", "a")
    );
    project.write(FILE, &both);
    project.stack("apply", FILE, &["-y"]).exits(0).says(["1 created"]);
    assert_eq!(project.held().ids("ec2.vpc").len(), 2);
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
    project
        .stack("state mv", FILE, &["ec2.vpc.main", "ec2.vpc.core", "-y"])
        .exits(1)
        .says(["ec2.vpc.core is taken", held.ids("ec2.vpc")[0]]);
    project.stack("destroy", ID, &["-y"]).exits(0);
    project.holds_nothing();
}

/// Application Auto Scaling was `autoscaling` before.
#[test]
fn what_has_a_former_name_of_its_type_is_taken_to_the_name_of_now() {
    let project = applied();
    let exported = project.stack("state export", FILE, &[]).exits(0).stdout;
    let mut state: serde_json::Value = serde_json::from_str(&exported).unwrap();
    state["resources"]["autoscaling.scalable_target.app"] = serde_json::json!({
        "physical_id": "ecs/ecs:service:DesiredCount/service/edit/app",
        "location": state["resources"]["ec2.vpc.main"]["location"],
        "applied": {},
        "observed": {},
        "dependencies": ["ec2.vpc.main"],
        "lifecycle": state["resources"]["ec2.vpc.main"]["lifecycle"],
        "status": "ready",
    });
    state["serial"] = (state["serial"].as_u64().unwrap() + 1).into();
    project.write("state.json", &state.to_string());
    project.stack("state import", FILE, &["state.json"]).exits(0);
    project.stack("plan", FILE, &[]).exits(65).says([
        "there is no resource type autoscaling.scalable_target",
        "`state mv` takes it to applicationautoscaling.scalable_target.app",
    ]);
    let (from, to) = (
        "autoscaling.scalable_target.app",
        "applicationautoscaling.scalable_target.app",
    );
    project
        .stack(
            "state mv",
            FILE,
            &[from, "applicationautoscaling.scaling_policy.app", "-y"],
        )
        .exits(1)
        .says(["a resource keeps its type"]);
    project.stack("state mv", FILE, &[from, to, "-y"]).exits(0);
    // AWS has none: the next apply forgets it.
    project.stack("apply", FILE, &["-y"]).exits(0).says([to]);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn a_stack_that_somebody_holds_is_not_edited() {
    let project = applied();
    let folder = project.emulator().running().state_dir.join(ID);
    let holder = serde_json::json!({
        "user": "alice", "host": "build-7", "machine": "another-machine", "boot": "another-boot", "pid": 4242,
        "started": "77", "command": "infra apply", "since_unix_ms": 1_700_000_000_000_u64,
    });
    std::fs::write(folder.join("lock"), holder.to_string()).unwrap();
    for (command, more) in [
        ("state rm", &["ec2.vpc.main", "-y"][..]),
        ("state mv", &["ec2.vpc.main", "ec2.vpc.core", "-y"]),
    ] {
        let more = [more, &["--lock-timeout=0"]].concat();
        project
            .stack(command, ID, &more)
            .exits(75)
            .says(["alice@build-7"]);
    }
    project.stack("state unlock", ID, &[]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn somebody_at_a_terminal_is_asked() {
    let project = applied();
    let command = project.stack_command("state rm", ID, &["logs.log_group.app"]);
    let ask = "Only `yes` is taken for a yes: ";
    for (answer, code, listed) in [("no\n", 130, true), ("\u{3}", 130, true), ("yes\n", 0, false)] {
        let seen = at_terminal(&project, &command, &[(ask, answer)]);
        assert_eq!(seen.code, code, "{}", seen.text);
        assert!(seen.text.contains("Really forget 1 resource of"), "{}", seen.text);
        let list = project.stack("state list", ID, &[]).exits(0).stdout;
        assert_eq!(
            list.contains("logs.log_group.app"),
            listed,
            "after {answer:?}: {list}"
        );
    }
}
