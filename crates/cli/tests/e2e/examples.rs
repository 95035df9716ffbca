//! The examples: each validates, applies, shows no difference, and goes again with all that it made.

use serde_json::Value;

use crate::harness::{Project, workspace};

/// A folder below `examples`, with its files in the order in which they are applied.
const EXAMPLES: [(&str, &[&str]); 3] = [
    ("minimal", &["stack.toml"]),
    ("two-services", &["stack.toml"]),
    ("existing-vpc", &["network.toml", "stack.toml"]),
];

/// The examples that take no stack file.
const WITHOUT_STACKS: [&str; 1] = ["app"];

fn lives(name: &str) {
    let (folder, files) = EXAMPLES.into_iter().find(|(folder, _)| *folder == name).unwrap();
    let project = Project::sandbox();
    project.copy("examples/app/image");
    project.copy(&format!("examples/{folder}"));
    // The first cluster of an account is refused until ECS sees its own role.
    project.boto3(
        &Value::Null,
        "client('iam').create_service_linked_role(AWSServiceName='ecs.amazonaws.com'); result = None",
    );
    project.emulator().advance(3600.0).unwrap();
    let before = project.held();
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("examples/{folder}/{file}"))
        .collect();
    for file in &files {
        project.infra(["validate", file]).exits(0);
        project.stack("apply", file, &["-y"]).exits(0);
        project.stack("diff", file, &[]).exits(0);
    }
    for file in files.iter().rev() {
        project.stack("destroy", file, &["-y"]).exits(0);
    }
    assert_eq!(project.held(), before, "{folder} leaves nothing");
}

#[test]
fn the_smallest_service() {
    lives("minimal");
}

#[test]
fn two_services_behind_one_load_balancer() {
    lives("two-services");
}

#[test]
fn a_service_in_a_network_of_others() {
    lives("existing-vpc");
}

#[test]
fn each_example_is_tried_and_listed() {
    let folder = workspace().join("examples");
    let listed = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        let tried = EXAMPLES.iter().any(|(folder, _)| *folder == name);
        assert!(
            tried || WITHOUT_STACKS.contains(&name.as_str()),
            "no test tries {name}"
        );
        assert!(listed.contains(&format!("({name}/")), "the list has no {name}");
    }
}
