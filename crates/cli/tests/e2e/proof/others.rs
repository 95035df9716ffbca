//! What somebody else has in the same account, equal to what the stack has: none of it is ever changed or deleted.

use infra_sandbox::{Clash, Foreign, Moment, Thing, Twin};
use serde_json::{Value, json};

use super::stage::Stage;

/// Operations whose equals stand by themselves: under nothing of the stack, which a delete would take along with it.
const FREE: &[&str] = &[
    "apigatewayv2.CreateApi",
    "ec2.AllocateAddress",
    "ec2.CreateInternetGateway",
    "ec2.CreateVpc",
    "ecs.RegisterTaskDefinition",
];

/// What can stand anywhere, also where nothing is removed.
const ALL: &[&str] = &["apigatewayv2.CreateApi", "ec2.*", "ecs.*"];

/// Just before each thing that the stack makes, somebody else makes its equal, wherever AWS takes both and tags tell
/// them apart. Only for runs that remove nothing: what is under a thing of the stack goes with it, or keeps it from
/// going.
pub fn plant_everywhere(stage: &Stage) {
    plant(stage, beside(ALL).into());
}

/// Equals of whatever the stack makes that stand by themselves, and of what it has made already.
pub fn plant_apart(stage: &Stage) {
    let things = vec![
        thing("ec2.CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})),
        thing("ec2.AllocateAddress", json!({"Domain": "vpc"})),
        thing("ec2.CreateInternetGateway", json!({})),
        thing(
            "apigatewayv2.CreateApi",
            json!({"Name": "appname-dev02", "ProtocolType": "HTTP"}),
        ),
        thing(
            "ecs.RegisterTaskDefinition",
            json!({
                "family": "appname-dev02",
                "containerDefinitions": [{"name": "app", "image": "app:theirs", "memory": 128}],
            }),
        ),
    ];
    let twins = vec![beside(FREE)];
    plant(stage, Foreign { twins, things });
}

/// Takes away what somebody else has, which has to be as they made it; returns how much that was.
#[track_caller]
pub fn are_left_alone(stage: &Stage) -> usize {
    let report = stage.reference.project.emulator().clear_foreign().unwrap();
    let touched: Vec<_> = report
        .planted
        .iter()
        .filter(|thing| !thing.by.is_empty())
        .collect();
    assert!(
        report.touched == 0 && touched.is_empty(),
        "it changed or deleted what is somebody else's: {touched:?}"
    );
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    report.planted.len()
}

fn plant(stage: &Stage, foreign: Foreign) {
    let report = stage.reference.project.emulator().plant(&foreign).unwrap();
    assert_eq!(
        (report.planted.len(), report.failed.len()),
        (foreign.things.len(), 0),
        "{:?}",
        report.failed
    );
}

fn beside(operations: &[&str]) -> Twin {
    Twin {
        clash: vec![Clash::Beside],
        ..Twin::of(operations.iter().copied())
    }
}

fn thing(operation: &str, parameters: Value) -> Thing {
    Thing {
        operation: operation.to_owned(),
        parameters,
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        at_mutating: 0,
        when: Moment::Before,
    }
}
