//! Rollouts: which are waited for, what their failure means, and what is deleted only after them.

use serde_json::{Value, json};

use crate::harness::{ACCOUNT, Reference, Run};

const BLUEPRINT: &str = "stacks/blueprints/fargate-api.toml";

/// Another stack's image.
const OTHERS: &str = r#"[stack]
name = "others"
environment = "dev"
stage = "dev02"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ecr.repository.app]
repository_name = "others"

[ecr.image.app]
repository_uri = "${ecr.repository.app.repository_uri}"
image_tag = "one"
source = { layout = "../examples/app/image" }
"#;

/// The reference stack with an image that another stack keeps in the account.
fn with_an_image_of_others() -> Reference {
    let mut reference = Reference::dev02();
    let file = "stacks/others.toml";
    reference.project.write(file, OTHERS);
    reference.project.stack("apply", file, &["-y"]).exits(0);
    let image = format!("{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/others:one");
    reference.set("app_image", &image);
    reference
}

fn lose_the_image(reference: &Reference) {
    reference.project.boto3(
        &Value::Null,
        "ecr = client('ecr')\n\
         ecr.batch_delete_image(repositoryName='others', imageIds=[{'imageTag': 'one'}])",
    );
}

/// Changes the blueprint of the project.
pub(crate) fn edit(reference: &Reference, old: &str, new: &str) {
    let path = reference.project.root().join(BLUEPRINT);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "the blueprint has no {old}");
    reference.project.write(BLUEPRINT, &text.replace(old, new));
}

/// The service and the statuses of its rollouts, newest first.
pub(crate) fn service(reference: &Reference) -> Value {
    let state = reference.state();
    let given = json!({
        "cluster": state["ecs.cluster.main"]["physical_id"],
        "service": state["ecs.service.app"]["physical_id"],
    });
    reference.project.boto3(
        &given,
        "ecs = client('ecs')\n\
         found = ecs.describe_services(cluster=given['cluster'], services=[given['service']])['services'][0]\n\
         all = ecs.list_service_deployments(**given)['serviceDeployments']\n\
         definition = ecs.describe_task_definition(taskDefinition=found['taskDefinition'])['taskDefinition']\n\
         result = {'network': found['networkConfiguration']['awsvpcConfiguration'],\n\
                   'rollouts': [each['status'] for each in all],\n\
                   'definition': found['taskDefinition'], 'status': definition['status']}",
    )
}

/// Where in its log a run says this.
#[track_caller]
fn position(run: &Run, text: &str) -> usize {
    run.stderr
        .find(text)
        .unwrap_or_else(|| panic!("no `{text}` in {run}"))
}

#[test]
fn a_rollout_that_another_network_begins_is_waited_for() {
    let reference = with_an_image_of_others();
    reference.apply();
    lose_the_image(&reference);
    edit(
        &reference,
        "assign_public_ip = \"DISABLED\"",
        "assign_public_ip = \"ENABLED\"",
    );

    reference
        .run("plan", &[])
        .exits(0)
        .tells("the update of ecs.service.app starts a rollout");
    reference.run("apply", &["-y"]).exits(1).says([
        "ecs.deployment.app",
        "ROLLBACK_SUCCESSFUL",
        "CannotPullContainerError",
        "apply failed",
    ]);
    let after = service(&reference);
    assert_eq!(
        after["rollouts"],
        json!(["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]),
        "{after}"
    );
    // ECS went back to the whole of what ran before.
    assert_eq!(after["network"]["assignPublicIp"], "DISABLED", "{after}");
    reference.run("diff", &[]).exits(2).says([
        "ecs.service.app",
        "network_configuration",
        "ROLLBACK_SUCCESSFUL",
    ]);
}

#[test]
fn each_rollout_that_goes_well_is_one_update_and_is_followed_to_its_end() {
    let reference = Reference::dev02();
    reference.apply();
    for (old, new) in [
        (
            "assign_public_ip = \"DISABLED\"",
            "assign_public_ip = \"ENABLED\"",
        ),
        (
            "launch_type     = \"FARGATE\"",
            "platform_version = \"1.4.0\"\nlaunch_type = \"FARGATE\"",
        ),
    ] {
        edit(&reference, old, new);
        let before = reference.rollouts();
        reference.apply().says(["ecs.deployment.app"]);
        assert_eq!(reference.rollouts(), before + 1, "{new}");
        assert_eq!(service(&reference)["rollouts"][0], "SUCCESSFUL", "{new}");
        reference.applies_again_without_a_change();
    }
    // What starts no rollout is not waited for.
    edit(
        &reference,
        "health_check_grace_period_seconds = 60",
        "health_check_grace_period_seconds = 90",
    );
    let before = reference.rollouts();
    let run = reference.apply();
    assert!(!run.stderr.contains("ecs.deployment.app"), "{run}");
    assert_eq!(reference.rollouts(), before);
}

#[test]
fn the_last_good_revision_stays_however_often_the_next_one_fails() {
    let mut reference = Reference::dev02();
    reference.apply();
    let good = service(&reference)["definition"].clone();

    reference.set("container_environment", r#"{SANDBOX_EXIT_CODE="3"}"#);
    for _ in 0..2 {
        let run = reference.run("apply", &["-y"]).exits(1);
        run.tells("ROLLBACK_SUCCESSFUL");
        let after = service(&reference);
        assert_eq!(after["definition"], good, "{run}");
        assert_eq!(after["status"], "ACTIVE", "the last good revision is gone: {run}");
    }
    // A good one takes over, and only then the others go.
    reference.set("container_environment", r#"{GOOD="yes"}"#);
    let run = reference.apply();
    let state = reference.exported();
    assert_eq!(state["deposed"], json!({}), "{run}");
    let after = service(&reference);
    assert_eq!(
        (&after["status"], &after["rollouts"][0]),
        (&json!("ACTIVE"), &json!("SUCCESSFUL"))
    );
    assert_ne!(after["definition"], good);
    reference.applies_again_without_a_change();
}

#[test]
fn without_waiting_what_the_old_tasks_use_is_left_to_the_next_apply() {
    let mut reference = Reference::dev02();
    reference.apply();
    reference.set("container_environment", r#"{MORE="yes"}"#);
    edit(
        &reference,
        "group_name     = \"${local.prefix}-tasks\"",
        "group_name     = \"${local.prefix}-workers\"",
    );
    let groups = |reference: &Reference| {
        let name = &reference.state()["ec2.security_group.tasks"]["observed"]["group_name"];
        let prefix = name
            .as_str()
            .unwrap()
            .strip_suffix("-workers")
            .unwrap()
            .to_owned();
        reference.project.boto3(
            &json!([format!("{prefix}-tasks"), format!("{prefix}-workers")]),
            "names = [{'Name': 'group-name', 'Values': given}]\n\
             result = len(client('ec2').describe_security_groups(Filters=names)['SecurityGroups'])",
        )
    };
    let run = reference.run("apply", &["-y", "--no-wait"]).exits(0);
    for address in ["ec2.security_group.tasks", "ecs.task_definition.app"] {
        run.tells(&format!(
            "{address}: left: it is deleted by the next apply, when ecs.deployment.app has ended"
        ));
        assert!(!run.stderr.contains(&format!("{address}: deleted")), "{run}");
    }
    run.tells("to the next apply, when ecs.deployment.app has ended");
    assert_eq!(groups(&reference), json!(2), "{run}");
    assert_eq!(
        service(&reference)["rollouts"].as_array().unwrap().len(),
        2,
        "{run}"
    );

    // A rollout that is begun meanwhile takes the place of the one on its way, which nobody waits for.
    reference.set("container_environment", r#"{MORE="still"}"#);
    let run = reference.run("apply", &["-y", "--no-wait"]).exits(0);
    run.tells("ecs.deployment.app: updat");
    for text in ["waiting for ecs.deployment.app", "ecs.deployment.app: is ready"] {
        assert!(!run.stderr.contains(text), "{run}");
    }
    assert_eq!(groups(&reference), json!(2), "{run}");
    assert_eq!(
        service(&reference)["rollouts"].as_array().unwrap().len(),
        3,
        "{run}"
    );

    let run = reference.apply();
    run.tells("ec2.security_group.tasks: deleted");
    run.tells("ecs.task_definition.app: deleted");
    assert_eq!(groups(&reference), json!(1), "{run}");
    assert_eq!(service(&reference)["rollouts"][0], "SUCCESSFUL", "{run}");
    reference.applies_again_without_a_change();
}

#[test]
fn a_security_group_that_is_made_anew_keeps_its_rules_until_the_tasks_have_moved() {
    let reference = Reference::dev02();
    reference.apply();
    edit(
        &reference,
        "group_name     = \"${local.prefix}-tasks\"",
        "group_name     = \"${local.prefix}-workers\"",
    );
    let run = reference.apply();
    let moved = position(&run, "ecs.deployment.app: updated");
    for rule in ["load_balancer_to_tasks", "tasks_from_load_balancer"] {
        let rule = format!("ec2.security_group_rule.{rule}");
        let (made, gone) = (format!("{rule}: created"), format!("{rule}: deleted"));
        assert!(position(&run, &made) < moved, "{made} late: {run}");
        assert!(moved < position(&run, &gone), "{gone} early: {run}");
    }
    assert!(
        moved < position(&run, "ec2.security_group.tasks: deleted"),
        "{run}"
    );
    reference.applies_again_without_a_change();
}
