//! What fails, what it takes with it, and what it does not.

use crate::harness::{ACCOUNT, Project, Reference};

/// The policy comes later than the stack.
const STACK: &str = r#"[stack]
name = "failing"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.a]
vpc_id = "${ec2.vpc.main.id}"
cidr_block = "10.0.1.0/24"

[iam.role.app]
role_name = "failing-app"

[iam.role.app.assume_role_policy_document]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]

[iam.role_policy_attachment.late]
role_name = "${iam.role.app.role_name}"
policy_arn = "arn:aws:iam::123456789012:policy/late"

[logs.log_group.after]
log_group_name = "/failing/after"
depends_on = ["iam.role_policy_attachment.late"]
"#;

#[test]
fn what_fails_stops_only_what_needs_it() {
    let project = Project::sandbox();
    let file = "stacks/failing.toml";
    project.write(file, STACK);
    let line = 1 + STACK
        .lines()
        .position(|line| line == "[iam.role_policy_attachment.late]")
        .unwrap();
    let place = format!("{file}:{line}");

    let run = project.stack("apply", file, &["-y"]).exits(1);
    let summary = run
        .stderr
        .split_once("apply failed")
        .unwrap_or_else(|| panic!("no summary: {run}"))
        .1;
    for expected in [
        "iam.role_policy_attachment.late",
        "policy/late",
        "NoSuchEntity",
        "request",
        &place,
        "logs.log_group.after",
    ] {
        assert!(
            summary.contains(expected),
            "{expected:?} is not in the summary of {run}"
        );
    }
    // The request id is the one that the answer had.
    let failed = project
        .stack("apply", file, &["-y", "--output=json"])
        .exits(1)
        .json()
        .into_iter()
        .find(|event| event["event"] == "step_failed")
        .unwrap();
    let request = failed["error"]["request_id"].as_str().unwrap();
    assert!(!request.is_empty(), "{failed}");

    let held = project.held();
    assert_eq!(held.ids("ec2.subnet").len(), 1, "{held}");
    assert_eq!(held.ids("iam.role").len(), 1, "{held}");
    assert!(held.ids("logs.log_group").is_empty(), "{held}");

    project.boto3(
        &serde_json::Value::Null,
        "client('iam').create_policy(PolicyName='late', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': \
         [{'Effect': 'Allow', 'Action': 's3:ListAllMyBuckets', 'Resource': '*'}]}))",
    );
    project.forget_requests();
    project.stack("apply", file, &["-y"]).exits(0);
    let operations: Vec<_> = project
        .requests()
        .mutating
        .into_iter()
        .map(|request| request.operation)
        .collect();
    assert!(
        operations.contains(&"AttachRolePolicy".to_owned()),
        "{operations:?}"
    );
    for done in ["CreateVpc", "CreateSubnet", "CreateRole"] {
        assert!(!operations.contains(&done.to_owned()), "{operations:?}");
    }
    project.stack("diff", file, &[]).exits(0);

    project.stack("destroy", file, &["-y"]).exits(0);
    let held = project.held();
    assert_eq!(held.counts().into_iter().collect::<Vec<_>>(), [("iam.policy", 1)]);
}

#[test]
fn a_rollout_that_fails_fails_the_run() {
    let mut reference = Reference::dev02();
    let image = format!("{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/appname-dev02-image:nobody-pushed-this");
    reference.set("app_image", &image);
    reference.run("apply", &["-y"]).exits(1).says([
        "ecs.deployment.app",
        "CannotPullContainerError",
        "nobody-pushed-this",
        "apply failed",
    ]);
    // What is there is known, and goes.
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
