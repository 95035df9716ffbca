//! Tags of a repository that lets none of them pass to another image.

use crate::builds::{Docker, FILE, immutable};
use crate::harness::Project;
use crate::order::STACK;

#[test]
fn a_tag_that_may_not_be_moved_is_told_in_the_plan_and_not_by_the_push() {
    let project = Project::sandbox();
    let docker = Docker::building(&project, &["one-old", "two-old"]);
    let project = project.env("PATH", docker.path());
    project.write(FILE, &immutable());
    project.write("app/content", "one");
    project.write("app/Dockerfile", "FROM base\nCOPY content .\n");
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    project.stack("diff", FILE, &[]).exits(0);

    project.write("app/content", "two");
    // What the file says besides is not begun, either.
    let changed = immutable().replace("[output.uri]", "[infra.data.more]\n\n[output.uri]");
    project.write(FILE, &changed);
    project.forget_requests();
    for (command, more) in [("plan", &[][..]), ("diff", &[]), ("apply", &["-y"])] {
        project.stack(command, FILE, more).exits(1).says([
            "builds.toml",
            "image_tag = \"v1\"",
            "ecr.image.app is made anew from something else than what has the image_tag `v1`",
            "image_tag_mutability is IMMUTABLE",
            "give it another image_tag, such as one with the commit in it",
            "or set image_tag_mutability = \"MUTABLE\" in ecr.repository.app",
        ]);
    }
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(docker.calls(), Vec::<String>::new());

    // The same files are built again, and give the same image.
    project.write("app/content", "one");
    let again = ["-y", "--replace", "ecr.image.app"];
    project.stack("apply", FILE, &again).exits(0);
    assert_eq!(docker.builds().len(), 1);

    project.write("app/content", "two");
    project.stack("apply", FILE, &again).exits(1);
    for ways in [
        changed.replace("\"v1\"", "\"v2\""),
        changed.replace("\"IMMUTABLE\"", "\"MUTABLE\""),
    ] {
        project.write(FILE, &ways);
        project.stack("apply", FILE, &["-y"]).exits(0);
        project.stack("diff", FILE, &[]).exits(0);
    }
}

/// A repository and an image of it.
fn pushed(mutability: &str, images: &[(&str, &str, &str)]) -> String {
    let mut file = format!(
        r#"
[ecr.repository.app]
repository_name      = "tagged"
image_tag_mutability = "{mutability}"
force_delete         = true
"#
    );
    for (name, layout, tag) in images {
        file.push_str(&format!(
            r#"
[ecr.image.{name}]
repository_uri = "${{ecr.repository.app.repository_uri}}"
image_tag      = "{tag}"
source         = {{ layout = "../{layout}" }}
"#
        ));
    }
    file
}

#[test]
fn a_tag_that_somebody_elses_image_has_is_told_before_anything_is_pushed() {
    let project = Project::sandbox();
    let file = "stacks/tags.toml";
    let write = |mutability: &str, images: &[(&str, &str, &str)]| {
        project.write(file, &format!("{STACK}{}", pushed(mutability, images)));
    };
    let first = project.write_image("a", "one");
    let theirs = project.write_image("b", "two");
    write("IMMUTABLE", &[("app", "a", "v9"), ("other", "b", "v2")]);
    project.stack("apply", file, &["-y"]).exits(0);
    // The stack knows nothing of it any more, and AWS has it.
    project
        .stack("state rm", file, &["ecr.image.other", "-y"])
        .exits(0);
    write("IMMUTABLE", &[("app", "a", "v9")]);
    project.forget_requests();
    project.stack("plan", file, &[]).exits(0);
    let unchanged = project.requests().counts.get("ecr.DescribeImages").copied();
    assert_eq!(unchanged, Some(1));

    write("IMMUTABLE", &[("app", "a", "v2")]);
    project.forget_requests();
    for (command, more) in [("plan", &[][..]), ("apply", &["-y"])] {
        project.stack(command, file, more).exits(1).says([
            "tags.toml",
            "image_tag      = \"v2\"",
            &format!("ecr.image.app would give the image_tag `v2` to {first}, but {theirs} has it in ecr.repository.app"),
            "give it another image_tag",
        ]);
    }
    assert_eq!(project.requests().mutating_total, 0);

    write("MUTABLE", &[("app", "a", "v2")]);
    let moves = format!("ecr.image.app takes the image_tag `v2` away from {theirs}");
    for (command, more) in [("plan", &[][..]), ("apply", &["-y"])] {
        project.stack(command, file, more).exits(0).says([moves.as_str()]);
    }
    project.stack("diff", file, &[]).exits(0);
}

#[test]
fn one_tag_of_two_different_images_is_a_mistake_of_the_file() {
    let project = Project::sandbox();
    let file = "stacks/tags.toml";
    project.write_image("a", "one");
    project.write_image("b", "two");
    let twice = pushed("MUTABLE", &[("app", "a", "v1"), ("other", "b", "v1")]);
    project.write(file, &format!("{STACK}{twice}"));
    project.stack("validate", file, &[]).exits(65).says([
        "ecr.image.other and ecr.image.app cannot both have the image_tag `v1` of one ecr.repository",
    ]);
    let same = pushed("MUTABLE", &[("app", "a", "v1"), ("other", "a", "v1")]);
    project.write(file, &format!("{STACK}{same}"));
    project.stack("validate", file, &[]).exits(0);
}
