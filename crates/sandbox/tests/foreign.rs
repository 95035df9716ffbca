//! Things of somebody else's, through their Rust interface.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use infra_sandbox::{
    Clash, Foreign, Moment, PlantedState, Sandbox, SandboxError, StartOptions, TemporarySandbox, Thing, Twin,
};
use serde_json::json;

/// Asks EC2; returns what it answers.
fn ec2(sandbox: &TemporarySandbox, body: &str) -> String {
    let host = sandbox.running().endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_somebody_else_makes_is_watched_and_taken_away() {
    let root = tempfile::tempdir().unwrap();
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = StartOptions {
        time_scale: Some(0.0),
        ..StartOptions::default()
    };
    let venv = Sandbox::new(project.canonicalize().unwrap());
    let sandbox = TemporarySandbox::start(root.path(), venv.venv(), &options).unwrap();
    let cluster = Thing {
        operation: "ecs.CreateCluster".to_owned(),
        parameters: json!({"clusterName": "shop"}),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        at_mutating: 1,
        when: Moment::After,
    };
    let planted = sandbox
        .plant(&Foreign {
            twins: vec![Twin::of(["ec2.*"])],
            things: vec![cluster],
        })
        .unwrap();
    assert_eq!(
        (planted.planted.len(), planted.met.as_slice()),
        (0, [0].as_slice())
    );

    ec2(
        &sandbox,
        "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16",
    );
    let report = sandbox.foreign().unwrap();
    assert_eq!((report.touched, report.failed.as_slice()), (0, [].as_slice()));
    let [twin, thing] = report.planted.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (twin.kind.as_str(), twin.clash, twin.is_twin, twin.state),
        ("ec2.vpc", Clash::Beside, true, PlantedState::Untouched)
    );
    assert_eq!(
        (thing.kind.as_str(), thing.is_twin, thing.at_mutating),
        ("ecs.cluster", false, 1)
    );

    let id = &twin.ids[0];
    ec2(
        &sandbox,
        &format!("Action=DeleteVpc&Version=2016-11-15&VpcId={id}"),
    );
    let report = sandbox.clear_foreign().unwrap();
    assert_eq!(report.touched, 1);
    let twin = &report.planted[0];
    assert_eq!(
        (twin.state, twin.by.as_str(), twin.by_mutating),
        (PlantedState::Deleted, "ec2.DeleteVpc", 2)
    );
    assert_eq!(sandbox.foreign().unwrap().planted, []);

    let error = sandbox.plant(&Twin::of(["s3.*"]).into()).unwrap_err();
    assert!(
        matches!(&error, SandboxError::Answer { status: 400, body, .. } if body.contains("s3.*")),
        "{error}"
    );
}
