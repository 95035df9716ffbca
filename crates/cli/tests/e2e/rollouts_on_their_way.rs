//! While a rollout is on its way, what the old tasks use stays, whatever is asked for meanwhile.

use serde_json::{Value, json};

use crate::harness::Reference;
use crate::rollouts::{edit, service};

/// More of AWS's seconds than any test takes.
const WITHOUT_END: f64 = 1e6;

const GROUP: &str = "ec2.security_group.tasks";

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

/// The reference stack in the middle of a rollout that moves its tasks into a new security group.
fn on_its_way() -> Reference {
    let mut reference = Reference::dev02();
    reference.apply();
    reference.set("container_environment", r#"{MORE="yes"}"#);
    edit(
        &reference,
        "group_name     = \"${local.prefix}-tasks\"",
        "group_name     = \"${local.prefix}-workers\"",
    );
    hang(&reference);
    reference.run("apply", &["-y", "--no-wait"]).exits(0);
    assert_eq!(service(&reference)["rollouts"][0], "IN_PROGRESS");
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
