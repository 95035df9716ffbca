//! Tags of a repository that lets none of them pass to another image.

use crate::builds::{Docker, FILE, immutable};
use crate::harness::Project;

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
        project.stack(command, FILE, more).exits(65).says([
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
    project.stack("apply", FILE, &again).exits(65);
    for ways in [
        changed.replace("\"v1\"", "\"v2\""),
        changed.replace("\"IMMUTABLE\"", "\"MUTABLE\""),
    ] {
        project.write(FILE, &ways);
        project.stack("apply", FILE, &["-y"]).exits(0);
        project.stack("diff", FILE, &[]).exits(0);
    }
}
