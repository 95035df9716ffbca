//! The same life on an emulator that others wrote, unchanged, with the image in a real registry.
//!
//! Without a domain of its own: unchanged moto's domain names have no address that a record could name. What
//! else it cannot do, the stack file here leaves to AWS, each with the reason; nothing is asserted less.

use std::process::Command;

use infra_sandbox::DebianRegistry;
use serde_json::Value;

use crate::harness::{Cloud, Project, Reference};

const FILE: &str = "stacks/moto.toml";

/// Over the development stage: what unchanged moto loses when it is read back.
const STACK: &str = include_str!("moto.toml");

#[test]
fn the_development_stage_on_unchanged_moto() {
    let project = Project::moto();
    project.write(FILE, STACK);
    let digest = project.write_image("image", "one");
    let reference = Reference::on(project, FILE);

    reference.apply();
    reference.differs_in_nothing();
    let before = reference.project.held();
    let definition = reference.output("task_definition");
    let again = reference.run("apply", &["-y", "--output=json"]).exits(0).json();
    let calls: Vec<_> = again
        .iter()
        .filter(|line| line["event"] == "api_call" && line["mutating"] == true)
        .collect();
    assert!(calls.is_empty(), "the second apply called {calls:?}");
    assert_eq!(reference.project.held(), before);

    // The image is where it was pushed to, with the digest that it has on disk.
    let Cloud::Moto { registry, .. } = reference.project.cloud() else {
        unreachable!("this project has a registry");
    };
    let image = format!("docker://{}/appname-dev02-image:latest", registry.host());
    let read = |image: &str| {
        let output = Command::new("skopeo")
            .args(["inspect", "--tls-verify=false", "--creds"])
            .arg(format!(
                "{}:{}",
                DebianRegistry::USERNAME,
                DebianRegistry::PASSWORD
            ))
            .arg(image)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["Digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(read(&image), digest);

    // The same tag, other bytes.
    let changed = reference.project.write_image("image", "two");
    reference.run("diff", &[]).exits(2).says([changed.as_str()]);
    reference.apply();
    assert_eq!(read(&image), changed);
    assert!(reference.output("image_uri").ends_with(&changed));
    assert_ne!(reference.output("task_definition"), definition);
    reference.differs_in_nothing();

    // Drift of both kinds.
    let state = reference.state();
    crate::harness::by_hand(
        &reference.project,
        &state,
        &[
            "client('ec2').modify_vpc_attribute(VpcId=of('ec2.vpc.main')['id'], EnableDnsHostnames={'Value': False})",
            "client('logs').delete_log_group(logGroupName=of('logs.log_group.app')['physical_id'])",
            "client('iam').update_role(RoleName=of('iam.role.task')['physical_id'], Description='mine')",
        ],
    );
    reference.run("diff", &[]).exits(2).says([
        "ec2.vpc.main",
        "enable_dns_hostnames  true → false",
        "logs.log_group.app",
        "gone from AWS",
        r#""The application appname-dev02" → "mine""#,
    ]);
    reference.apply();
    reference.differs_in_nothing();

    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
