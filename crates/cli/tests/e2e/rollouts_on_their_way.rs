//! While a rollout is on its way, what the old tasks use stays, whatever is asked for meanwhile.

use serde_json::{Value, json};

use crate::harness::Reference;
use crate::rollouts::{edit, service};

/// More of AWS's seconds than any test takes.
const WITHOUT_END: f64 = 1e6;

const GROUP: &str = "ec2.security_group.tasks";

/// Where the blueprint declares it.
const GROUP_BLOCK: &str = "[ec2.security_group.tasks]\n";

/// Its name there, and another one.
const GROUP_NAME: &str = "group_name     = \"${local.prefix}-tasks\"";
const OTHER_GROUP_NAME: &str = "group_name     = \"${local.prefix}-workers\"";

/// A rule of the tasks' security group that nothing but the group is about.
const MORE: &str = r#"[ec2.security_group_rule.more]
type              = "ingress"
security_group_id = "${ec2.security_group.tasks.id}"
ip_protocol       = "tcp"
from_port         = 9000
to_port           = 9000
cidr_ipv4         = "10.0.0.0/8"

"#;

/// Tasks that start from now on do not get to run: the rollouts that bring them stay on their way.
fn hang(reference: &Reference) {
    reference
        .project
        .set_durations([("ecs.task.running", WITHOUT_END)]);
}

/// The end of [`hang`]: what hangs goes on now.
fn go_on(reference: &Reference) {
    reference.project.set_durations([("ecs.task.running", 40.0)]);
    reference.project.emulator().advance(WITHOUT_END).unwrap();
}

/// The names of the tasks' security groups, old and new, that there are.
fn groups(reference: &Reference) -> Value {
    reference.project.boto3(
        &Value::Null,
        "groups = client('ec2').describe_security_groups()['SecurityGroups']\n\
         names = [group['GroupName'].rsplit('-', 1)[-1] for group in groups]\n\
         result = sorted(name for name in names if name in ('tasks', 'workers'))",
    )
}

/// Moves the tasks into a new security group, of which the rollout stays on its way.
fn begin_rollout(reference: &mut Reference) {
    reference.set("container_environment", r#"{MORE="yes"}"#);
    edit(reference, GROUP_NAME, OTHER_GROUP_NAME);
    hang(reference);
    reference.run("apply", &["-y", "--no-wait"]).exits(0);
    assert_eq!(service(reference)["rollouts"][0], "IN_PROGRESS");
}

/// The reference stack in the middle of such a rollout.
fn on_its_way() -> Reference {
    let mut reference = Reference::dev02();
    reference.apply();
    begin_rollout(&mut reference);
    reference
}

#[test]
fn what_the_old_tasks_use_is_left_where_only_that_is_asked_for() {
    let reference = on_its_way();
    let target = ["-y", "--target", GROUP];
    let run = reference
        .run("apply", &["-y", "--no-wait", "--target", GROUP])
        .exits(0);
    for address in [GROUP, "ec2.security_group_rule.load_balancer_to_tasks"] {
        run.tells(&format!(
            "{address}: left: it is deleted by the next apply, when ecs.deployment.app has ended"
        ));
    }
    // The plan has said so before.
    run.tells(&format!(
        "Left to the next apply, when ecs.deployment.app has ended: {GROUP}"
    ));
    assert!(!run.stderr.contains(": deleted"), "{run}");
    assert_eq!(groups(&reference), json!(["tasks", "workers"]), "{run}");
    assert_eq!(service(&reference)["rollouts"][0], "IN_PROGRESS", "{run}");

    go_on(&reference);
    let run = reference.run("apply", &target).exits(0);
    run.tells(&format!("{GROUP}: deleted"));
    run.tells("ec2.security_group_rule.load_balancer_to_tasks: deleted");
    assert_eq!(groups(&reference), json!(["workers"]), "{run}");
    reference.apply();
    reference.applies_again_without_a_change();
}

#[test]
fn what_the_old_tasks_use_is_left_where_the_rollout_is_no_longer_declared() {
    let reference = on_its_way();
    edit(
        &reference,
        "[ecs.deployment.app]",
        "[ecs.deployment.app]\nwhen = false",
    );
    let run = reference.run("apply", &["-y", "--no-wait"]).exits(0);
    for address in [GROUP, "ecs.task_definition.app", "ecs.deployment.app"] {
        run.tells(&format!(
            "{address}: left: it is deleted by the next apply, when ecs.deployment.app has ended"
        ));
    }
    assert_eq!(groups(&reference), json!(["tasks", "workers"]), "{run}");

    go_on(&reference);
    reference.apply().tells(&format!("{GROUP}: deleted"));
    assert_eq!(groups(&reference), json!(["workers"]));
    reference.applies_again_without_a_change();
}

#[test]
fn a_redeploy_takes_the_place_of_a_rollout_that_hangs() {
    let reference = on_its_way();
    let before = reference.rollouts();
    // What hangs goes on hanging; tasks that start from now on do run.
    reference.project.set_durations([("ecs.task.running", 40.0)]);

    let run = reference.run("redeploy", &["-y"]).exits(0);
    assert_eq!(reference.rollouts(), before + 1, "{run}");
    run.tells(&format!("{GROUP}: deleted"));
    run.tells("ecs.task_definition.app: deleted");
    assert_eq!(service(&reference)["rollouts"][0], "SUCCESSFUL", "{run}");
    assert_eq!(groups(&reference), json!(["workers"]), "{run}");
    reference.applies_again_without_a_change();
}

#[test]
fn a_destroy_of_a_part_leaves_what_the_old_tasks_use() {
    let mut reference = Reference::dev02();
    edit(&reference, GROUP_BLOCK, &format!("{MORE}{GROUP_BLOCK}"));
    reference.apply();
    edit(&reference, MORE, "");
    begin_rollout(&mut reference);

    let rule = "ec2.security_group_rule.more";
    let target = ["-y", "--no-wait", "--target", rule];
    let run = reference.run("destroy", &target).exits(0);
    run.tells(&format!(
        "{rule}: left: it is deleted by the next apply, when ecs.deployment.app has ended"
    ));
    assert!(!run.stderr.contains(": deleted"), "{run}");
    assert_eq!(service(&reference)["rollouts"][0], "IN_PROGRESS", "{run}");

    go_on(&reference);
    let run = reference.run("destroy", &target).exits(0);
    run.tells(&format!("{rule}: deleted"));
    assert_eq!(groups(&reference), json!(["tasks", "workers"]), "{run}");
    reference.apply().tells(&format!("{GROUP}: deleted"));
    reference.applies_again_without_a_change();
}

#[test]
fn what_begins_in_the_apply_that_lets_go_of_the_rollout_is_followed_to_its_end() {
    let mut reference = Reference::dev02();
    reference.apply();
    reference.set("container_environment", r#"{MORE="yes"}"#);
    edit(&reference, GROUP_NAME, OTHER_GROUP_NAME);
    edit(
        &reference,
        "[ecs.deployment.app]",
        "[ecs.deployment.app]\nwhen = false",
    );
    let run = reference.apply();
    run.tells(&format!("{GROUP}: deleted"));
    run.tells("ecs.task_definition.app: deleted");
    assert_eq!(service(&reference)["rollouts"][0], "SUCCESSFUL", "{run}");
    assert_eq!(groups(&reference), json!(["workers"]), "{run}");
    reference.applies_again_without_a_change();
}
