//! Images and rollouts: a changed image is one of each, an unchanged one none.

use crate::harness::Reference;

fn with_image(content: &str) -> (Reference, String) {
    let reference = Reference::dev02();
    let digest = reference.project.write_image("image", content);
    let path = reference.project.root().join(reference.file);
    let text = std::fs::read_to_string(path)
        .unwrap()
        .replace("../examples/app/image", "../image");
    reference.project.write(reference.file, &text);
    (reference, digest)
}

fn counted(reference: &Reference, operation: &str) -> u64 {
    reference
        .project
        .requests()
        .counts
        .get(operation)
        .copied()
        .unwrap_or_default()
}

#[test]
fn a_changed_image_is_one_rollout_and_an_unchanged_one_none() {
    let (reference, first) = with_image("one");
    reference.apply();
    assert!(reference.output("image_uri").ends_with(&first));
    assert!(reference.output("task_definition").ends_with(":1"));
    assert_eq!(reference.rollouts(), 1);

    let second = reference.project.write_image("image", "two");
    assert_ne!(first, second);
    reference
        .run("diff", &[])
        .exits(2)
        .says(["ecr.image.app", &second]);
    reference.project.forget_requests();
    reference.apply();
    assert!(reference.output("image_uri").ends_with(&second));
    assert!(reference.output("task_definition").ends_with(":2"));
    assert_eq!(reference.rollouts(), 2);
    assert_eq!(counted(&reference, "ecs.RegisterTaskDefinition"), 1);
    assert_eq!(counted(&reference, "registry.PutManifest"), 1);
    // The tag, which did not change, names the new image.
    let given = serde_json::json!({ "repositoryName": "appname-dev02-image" });
    let tagged = reference.project.boto3(
        &given,
        "result = client('ecr').describe_images(imageIds=[{'imageTag': 'latest'}], **given)['imageDetails'][0]['imageDigest']",
    );
    assert_eq!(tagged, second.as_str());

    reference.differs_in_nothing();
    // The same bytes, written anew.
    reference.project.write_image("image", "two");
    reference.applies_again_without_a_change();
    assert_eq!(reference.rollouts(), 2);

    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}

#[test]
fn a_second_push_sends_no_blob() {
    let (mut reference, digest) = with_image("one");
    reference.apply();
    reference.set("image_tag", "again");
    reference.project.forget_requests();
    reference.apply();
    let requests = reference.project.requests();
    let sent: Vec<_> = requests
        .counts
        .keys()
        .filter(|operation| operation.starts_with("registry.") && operation.contains("Upload"))
        .collect();
    assert!(sent.is_empty(), "{sent:?}");
    assert!(reference.output("image_uri").ends_with(&digest));
    // The tasks name the digest, so another tag is no reason to roll out.
    assert_eq!(reference.rollouts(), 1);
    reference.differs_in_nothing();
}

#[test]
fn redeploy_is_a_rollout_of_the_same() {
    let (reference, digest) = with_image("one");
    reference.apply();
    reference.run("redeploy", &["-y"]).exits(0);
    assert_eq!(reference.rollouts(), 2);
    assert!(reference.output("image_uri").ends_with(&digest));
    assert!(reference.output("task_definition").ends_with(":1"));
    reference.differs_in_nothing();
}
