//! An AWS that shows late what was done: reads from before it, ids that it does not know yet, roles that other
//! services do not see.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Project, Reference};

/// Windows in AWS's seconds that come to a second or more here: longer than most of what happens between two
/// calls of one run, and than the time between two runs.
const LONG: &[(&str, f64)] = &[
    ("ec2.create.visible", 500.0),
    ("ec2.create.usable", 250.0),
    ("ec2.change.visible", 500.0),
    ("ec2.delete.visible", 250.0),
    ("ecs.create.visible", 500.0),
    ("ecs.change.visible", 500.0),
    ("ecs.delete.visible", 250.0),
    ("elbv2.create.visible", 500.0),
    ("elbv2.change.visible", 500.0),
    ("elbv2.delete.visible", 250.0),
    ("iam.create.visible", 500.0),
    ("iam.change.visible", 500.0),
    ("iam.delete.visible", 250.0),
    ("iam.role.usable", 1500.0),
    ("iam.service_linked_role.usable", 1000.0),
];

/// How often each operation that can change something has succeeded. `UpdateService` does not count: the rollout
/// asks for the definition again when it does not see yet that the service has it, which begins nothing.
fn changes(project: &Project) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in project.requests().mutating {
        if request.code.is_empty()
            && !["GetAuthorizationToken", "UpdateService"].contains(&request.operation.as_str())
        {
            *counts
                .entry(format!("{}.{}", request.service, request.operation))
                .or_default() += 1;
        }
    }
    counts
}

#[test]
fn what_aws_shows_late_is_neither_gone_nor_made_twice() {
    let prompt = Reference::dev02();
    prompt
        .project
        .set_durations(LONG.iter().map(|(name, _)| (*name, 0.0)));
    let late = Reference::dev02();
    late.project.set_durations(LONG.iter().copied());

    let mut carried_out = Vec::new();
    for mut reference in [prompt, late] {
        reference.project.forget_requests();
        reference.apply();
        // At once: what the looks of this tell is from before the end of that.
        reference.differs_in_nothing();
        let mut done = vec![changes(&reference.project)];

        reference.set("memory", "1024");
        reference.set("enable_vpc_endpoints", "true");
        reference.project.forget_requests();
        reference.apply();
        reference.differs_in_nothing();
        done.push(changes(&reference.project));
        assert_eq!(reference.rollouts(), 2);
        reference.applies_again_without_a_change();

        reference.project.forget_requests();
        reference.run("destroy", &["-y"]).exits(0).says(["is gone"]);
        done.push(changes(&reference.project));
        reference.project.emulator().advance(3600.0).unwrap();
        reference.project.holds_nothing();
        carried_out.push(done);
    }
    let late = carried_out.pop().unwrap();
    assert_eq!(late, carried_out[0], "late, and prompt");
}

#[test]
fn what_is_made_anew_under_its_name_waits_until_aws_has_let_the_old_one_go() {
    let mut reference = Reference::dev02();
    // 1 s.
    reference.project.set_durations([("elbv2.delete.visible", 500.0)]);
    reference.apply();
    // A target group's port cannot change, and its name stays.
    reference.set("container_port", "9090");
    reference
        .apply()
        .says(["elbv2.target_group.app", "AWS may still show what had this name"]);
    reference.differs_in_nothing();
    assert_eq!(
        reference.project.held().counts().get("elbv2.target_group"),
        Some(&1)
    );
}

#[test]
fn right_after_a_change_by_apply_the_old_is_no_drift_and_a_change_by_hand_is() {
    let project = Project::sandbox();
    project.set_durations(LONG.iter().copied());
    let file = "stacks/network.toml";
    project.write(file, &network("one"));
    project.stack("apply", file, &["-y"]).exits(0);
    project.stack("diff", file, &[]).exits(0).says(["No differences"]);

    project.write(file, &network("two"));
    project.forget_requests();
    project.stack("apply", file, &["-y"]).exits(0);
    let vpc = project.boto3(
        &Value::Null,
        "result = [vpc['VpcId'] for vpc in pages('ec2', 'describe_vpcs', 'Vpcs') if not vpc['IsDefault']]",
    );
    project.stack("diff", file, &[]).exits(0).says(["No differences"]);
    let changes = changes(&project);
    assert_eq!(changes.get("ec2.CreateTags"), Some(&1), "{changes:?}");

    project.set_durations([("ec2.change.visible", 0.0)]);
    project.boto3(
        &json!({ "vpc": vpc[0] }),
        "client('ec2').create_tags(Resources=[given['vpc']], Tags=[{'Key': 'team', 'Value': 'three'}])",
    );
    project.stack("diff", file, &[]).exits(2).says(["three"]);
}

#[test]
fn what_aws_does_not_know_yet_is_not_gone_when_it_is_to_be_deleted() {
    let project = Project::sandbox();
    // 1.4 s.
    project.set_durations([("ec2.create.usable", 700.0)]);
    let file = "stacks/network.toml";
    project.write(file, &network("one"));
    project.stack("apply", file, &["-y"]).exits(0);
    project.stack("destroy", file, &["-y", "--no-refresh"]).exits(0);
    project.emulator().advance(3600.0).unwrap();
    project.holds_nothing();
}

fn network(team: &str) -> String {
    format!(
        r#"[stack]
name = "late"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
enable_dns_hostnames = true
tags = {{ team = "{team}" }}
"#
    )
}

/// A task definition with a role of its own, and, when it is asked for, one with a role that is no part of it.
const ROLES: &str = r#"
[stack]
name = "late"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.others]
type = "bool"
default = false

[iam.role.task]
role_name = "late-task"
assume_role_policy_document = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }] }

[ecs.task_definition.own]
family = "own"
cpu = 256
memory = 512
network_mode = "awsvpc"
requires_compatibilities = ["FARGATE"]
task_role_arn = "${iam.role.task.arn}"
container_definitions = [{ name = "app", image = "public.ecr.aws/nginx/nginx:stable" }]

[ecs.task_definition.others]
when = "${var.others}"
family = "others"
cpu = 256
memory = 512
network_mode = "awsvpc"
requires_compatibilities = ["FARGATE"]
task_role_arn = "arn:aws:iam::123456789012:role/others"
container_definitions = [{ name = "app", image = "public.ecr.aws/nginx/nginx:stable" }]
"#;

#[test]
fn a_role_that_never_becomes_visible_ends_the_apply_with_its_name() {
    let project = Project::sandbox();
    project.set_durations([("iam.role.usable", 1e6)]);
    let file = "stacks/roles.toml";
    project.write(file, ROLES);
    project.stack("apply", file, &["-y"]).exits(1).says([
        "ecs.task_definition.own",
        "iam:PassRole",
        "role/late-task",
        "AWS kept refusing it for",
        "what it needs is there: iam.role.task",
    ]);
    assert_eq!(project.requests().counts["iam.CreateRole"], 1);

    // What is denied for a role that this run has not made is denied for good.
    project.boto3(
        &Value::Null,
        "trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', \
         'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}]}\n\
         client('iam').create_role(RoleName='others', AssumeRolePolicyDocument=json.dumps(trust))",
    );
    project.forget_requests();
    project
        .stack(
            "apply",
            file,
            &["-y", "--var=others=true", "--target=ecs.task_definition.others"],
        )
        .exits(1)
        .says(["iam:PassRole", "role/others"]);
    assert_eq!(project.requests().counts["ecs.RegisterTaskDefinition"], 1);

    project.emulator().advance(1e6).unwrap();
    project.stack("apply", file, &["-y"]).exits(0);
    project.stack("diff", file, &[]).exits(0);
    assert_eq!(project.requests().counts.get("iam.CreateRole"), None);
}
