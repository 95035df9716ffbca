//! The whole life of the reference stack in the sandbox: up, nothing to do, changed and back, down, nothing left. No
//! request on the way has an input that AWS would refuse.

use crate::harness::Reference;

/// A change of every stage: what is updated in place, replaced, made and deleted.
const CHANGES: [(&str, &str); 5] = [
    ("cpu", "2048"),
    ("memory", "4096"),
    ("log_retention_in_days", "14"),
    ("health_check_path", "/ready"),
    ("throttling_rate_limit", "50"),
];

/// What every stage of the stack goes through.
fn lives(reference: &Reference) {
    reference.apply();
    reference.differs_in_nothing();
    asked_nothing_wrong(reference);
    let rollouts = reference.rollouts();
    assert_eq!(rollouts, 1, "one rollout came with the service");
    reference.applies_again_without_a_change();
    assert_eq!(
        reference.rollouts(),
        rollouts,
        "nothing changed, so nothing is rolled out"
    );
    changes(reference);
    destroys(reference);
    asked_nothing_wrong(reference);
}

/// Changes the stack and brings it back.
fn changes(reference: &Reference) {
    let changed: Vec<_> = CHANGES
        .map(|(name, value)| format!("--var={name}={value}"))
        .into();
    let changed: Vec<_> = changed.iter().map(String::as_str).collect();
    let run = reference
        .run("apply", &[&["-y"], changed.as_slice()].concat())
        .exits(0);
    run.says(["replaced", "changed"]);
    reference.run("diff", &changed).exits(0);
    reference.apply();
    reference.differs_in_nothing();
    assert_eq!(
        reference.rollouts(),
        3,
        "one with the service, one for each change"
    );
}

/// Nothing that was asked since the start is what no service takes.
fn asked_nothing_wrong(reference: &Reference) {
    let refused = reference.project.requests().refused_inputs;
    assert!(refused.is_empty(), "{refused:?}");
}

fn destroys(reference: &Reference) {
    reference.run("destroy", &["-y"]).exits(0).says(["is gone"]);
    reference.project.holds_nothing();
    reference.run("destroy", &["-y"]).exits(0);
}

#[test]
fn the_development_stage() {
    lives(&Reference::dev02());
}

#[test]
fn the_development_stage_with_endpoints_and_a_domain() {
    lives(&Reference::dev02_with_everything());
}

#[test]
fn production_in_its_own_account_and_region() {
    let reference = Reference::prod01();
    reference.apply();
    let held = reference.project.held();
    let counts = held.counts();
    for (kind, count) in [
        ("ec2.subnet", 6),
        ("ec2.nat_gateway", 3),
        ("ec2.vpc_endpoint", 4),
        ("ecs.task", 3),
        ("apigatewayv2.api_mapping", 1),
        ("route53.record", 1),
    ] {
        assert_eq!(counts.get(kind), Some(&count), "{kind} of {held}");
    }
    reference.differs_in_nothing();
    asked_nothing_wrong(&reference);
    reference.applies_again_without_a_change();
    changes(&reference);
    destroys(&reference);
    asked_nothing_wrong(&reference);
}

#[test]
fn what_it_made_can_be_looked_at() {
    let reference = Reference::dev02();
    reference.apply();

    let outputs = reference
        .run("output", &["--output=json"])
        .exits(0)
        .json_of("outputs");
    let values = &outputs[0]["values"];
    assert!(
        values["api_url"].as_str().unwrap().starts_with("https://"),
        "{values}"
    );
    assert!(
        values["image_uri"].as_str().unwrap().contains("@sha256:"),
        "{values}"
    );
    assert_eq!(values["cluster"], "appname-ecs-cluster-dev02");
    assert_eq!(values["service"], "appname-ecs-service-dev02");
    assert_eq!(reference.output("cluster"), "appname-ecs-cluster-dev02");

    let listed = reference
        .run("state list", &["--output=json"])
        .exits(0)
        .json_of("resource");
    let state = reference.state();
    assert_eq!(listed.len(), state.as_object().unwrap().len());
    for resource in &listed {
        let address = resource["address"].as_str().unwrap();
        assert_eq!(resource["physical_id"], state[address]["physical_id"]);
        assert_eq!(resource["status"], "ready", "{address}");
    }
    reference.run("state show", &["ec2.vpc.main"]).exits(0).says([
        "10.0.0.0/16",
        state["ec2.vpc.main"]["physical_id"].as_str().unwrap(),
    ]);
    reference.run("state history", &[]).exits(0).says(["apply"]);

    reference.run("graph", &[]).exits(0).says([
        "digraph",
        r#""ec2.subnet.private[\"us-east-1a\"]" -> "ec2.vpc.main""#,
        r#""ecs.deployment.app" -> "ecs.task_definition.app""#,
    ]);
    reference
        .run("graph", &["--format=mermaid"])
        .exits(0)
        .says(["ecs.deployment.app"]);
}

#[test]
fn destroy_needs_no_resource_in_the_file() {
    let reference = Reference::dev02();
    reference.apply();
    let bare = "stacks/bare.toml";
    reference.project.write(
        bare,
        r#"
[stack]
name = "appname"
environment = "dev"
stage = "dev02"
region = "us-east-1"
allowed_account_ids = ["123456789012"]
allow_data_loss = true
"#,
    );
    reference.run_file("destroy", bare, &["-y"]).exits(0);
    reference.project.holds_nothing();
}
