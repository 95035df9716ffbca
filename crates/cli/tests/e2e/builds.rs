//! Images that are built: when they are, and what they are known by before.

mod docker;

use std::fs;
use std::path::Path;
use std::process::Command;

use infra_sandbox::{Faults, Kill};
use serde_json::json;

pub use self::docker::Docker;
use crate::harness::{ACCOUNT, Project, Reference, Run, bare_command};

pub const FILE: &str = "stacks/builds.toml";

const STACK: &str = r#"
[stack]
name        = "builds"
environment = "test"
stage       = "one"
region      = "us-east-1"

[ecr.repository.app]
repository_name = "builds/app"
force_delete    = true

[ecr.image.app]
repository_uri = "${ecr.repository.app.repository_uri}"
source         = { build = { context = "../app" } }

# Made anew when the image is another one, as a task definition is.
[infra.data.deployed]
triggers_replace = "${ecr.image.app.uri}"
lifecycle        = { create_before_destroy = true }

[output.uri]
value = "${ecr.image.app.uri}"

[output.deployed]
value = "${infra.data.deployed.id}"
"#;

fn output(project: &Project, name: &str) -> String {
    let run = project.stack("output", FILE, &[name]).exits(0);
    run.stdout.trim().to_owned()
}

#[test]
fn a_build_is_run_when_it_is_applied_and_only_if_what_it_is_made_of_has_changed() {
    let project = Project::sandbox();
    let docker = Docker::building(&project, &["one-old", "two-old"]);
    let project = project.env("PATH", docker.path());
    project.write(FILE, STACK);
    project.write("app/content", "one");
    project.write("app/Dockerfile", "FROM base\nCOPY content .\n");
    project.write("app/.dockerignore", "*.log\n");
    // Planning needs no build tool at all.
    let mut without = project.stack_command("plan", FILE, &[]);
    Run::of(without.env("PATH", project.root().join("app")))
        .exits(0)
        .says(["ecr.image.app"]);
    project.stack("plan", FILE, &[]).exits(0);
    project.stack("plan", FILE, &["--out", "plan.json"]).exits(0);
    assert_eq!(docker.calls(), Vec::<String>::new());

    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    let (uri, deployed) = (output(&project, "uri"), output(&project, "deployed"));

    // Another checkout of the same sources, and what the build does not get.
    for name in ["content", "Dockerfile"] {
        let path = project.root().join("app").join(name);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, mode).unwrap();
    }
    project.write("app/a.log", "much");
    project.write("app/.git/index", "times");
    project.stack("diff", FILE, &[]).exits(0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.calls(), Vec::<String>::new());

    // What comes out as the same image is pushed and rolled out by nobody.
    project.write("app/notes", "nothing that the image is made of");
    project
        .stack("diff", FILE, &[])
        .exits(2)
        .says(["ecr.image.app", "fingerprint"]);
    assert_eq!(docker.calls(), Vec::<String>::new());
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    assert_eq!(output(&project, "uri"), uri);
    assert_eq!(output(&project, "deployed"), deployed);
    project.stack("diff", FILE, &[]).exits(0);

    project.write("app/content", "two");
    project.stack("diff", FILE, &[]).exits(2);
    assert_eq!(docker.calls(), Vec::<String>::new());
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    assert_ne!(output(&project, "uri"), uri);
    assert_ne!(output(&project, "deployed"), deployed);
    project.stack("diff", FILE, &[]).exits(0);

    // Without the file that the build needs nothing is touched.
    fs::remove_file(project.root().join("app/Dockerfile")).unwrap();
    for command in ["plan", "apply"] {
        project
            .stack(command, FILE, &[])
            .exits(65)
            .says(["stacks/builds.toml", "there is no Dockerfile in it"]);
    }
}

#[test]
fn arguments_target_and_platform_are_reasons_to_build_as_files_are() {
    let project = Project::sandbox();
    let docker = Docker::building(&project, &["one-old"]);
    let project = project.env("PATH", docker.path());
    project.write("app/content", "one");
    project.write("app/Dockerfile", "FROM base\n");
    let with = |build: &str| {
        let text = STACK.replace(r#"context = "../app""#, &format!(r#"context = "../app"{build}"#));
        project.write(
            FILE,
            &format!(
                "{text}\n[variable.token]\ntype = \"string\"\nsensitive = true\ndefault = \"tok-first\"\n"
            ),
        );
    };
    with("");
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    for (build, path, argument) in [
        (
            r#", args = { MODE = "a" }"#,
            "source.build.args",
            "--build-arg MODE=a",
        ),
        (
            r#", args = { MODE = "b" }"#,
            "source.build.args",
            "--build-arg MODE=b",
        ),
        (
            r#", args = { REPOSITORY = "${ecr.repository.app.arn}" }"#,
            "source.build.args",
            "--build-arg REPOSITORY=arn:aws:ecr:",
        ),
        (
            r#", args = { TOKEN = "${var.token}" }"#,
            "source.build.args",
            "--build-arg TOKEN=tok-first",
        ),
        (r#", target = "run""#, "source.build.target", "--target run"),
        (
            r#", platform = "linux/amd64""#,
            "source.build.platform",
            "--platform linux/amd64",
        ),
        ("", "source.build.platform", "/app"),
    ] {
        with(build);
        project.stack("diff", FILE, &[]).exits(2).says([path]);
        assert_eq!(docker.calls(), Vec::<String>::new());
        project.stack("apply", FILE, &["-y"]).exits(0);
        let builds = docker.builds();
        assert!(builds.len() == 1 && builds[0].contains(argument), "{builds:?}");
        project.stack("diff", FILE, &[]).exits(0);
    }
    // A secret one is compared and is nowhere in clear.
    with(r#", args = { TOKEN = "${var.token}" }"#);
    let first = project.stack("apply", FILE, &["-y"]).exits(0);
    let mut other = project.stack_command("diff", FILE, &[]);
    let other = Run::of(other.env("INFRA_VAR_token", "tok-second")).exits(2);
    let state = project.stack("state export", FILE, &[]).exits(0);
    for run in [first, other, state] {
        assert!(!run.to_string().contains("tok-"), "{run}");
    }
    // With a fingerprint of one's own the files do not count.
    let text = STACK.replace("source  ", "fingerprint = \"${var.commit}\"\nsource  ");
    let commit = "\n[variable.commit]\ntype = \"string\"\ndefault = \"1\"\n";
    project.write(FILE, &format!("{text}{commit}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write("app/more", "1");
    project.stack("diff", FILE, &[]).exits(0);
    project.stack("diff", FILE, &["--var", "commit=2"]).exits(2);
    docker.calls();
}

/// A command in a checkout, as a job runs it that has an account.
fn job(project: &Project, docker: &Docker, checkout: &Path, arguments: &[&str]) -> Run {
    let mut command: Command = bare_command(checkout, arguments);
    command
        .env("PATH", docker.path())
        // Below it each job has a sealing key of its own, and so in what it builds.
        .env("HOME", checkout)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_ENDPOINT_URL", project.endpoint())
        .env("INFRA_ECR_REGISTRY", project.endpoint());
    Run::of(&mut command)
}

#[test]
fn a_plan_of_one_job_and_an_apply_of_another_agree_about_a_build() {
    let project = Project::sandbox();
    let docker = Docker::building(&project, &["one-old", "two-old"]);
    // The whole repository is what is built, with the state and the plan in it.
    let stack = STACK.replace("../app", "..");
    let [one, two] = ["one", "two"].map(|name| project.root().join(name));
    for checkout in ["one", "two"] {
        project.write(&format!("{checkout}/{FILE}"), &stack);
        project.write(&format!("{checkout}/content"), "one");
        project.write(&format!("{checkout}/Dockerfile"), "FROM base\n");
    }
    job(&project, &docker, &one, &["plan", FILE, "--out", "plan.json"]).exits(0);
    assert_eq!(docker.calls(), Vec::<String>::new());
    fs::copy(one.join("plan.json"), two.join("plan.json")).unwrap();
    job(&project, &docker, &two, &["apply", "--plan", "plan.json", "-y"]).exits(0);
    let builds = docker.builds();
    let in_two = format!(" {}", two.display());
    assert!(builds.len() == 1 && builds[0].contains(&in_two), "{builds:?}");
    for checkout in [&one, &two] {
        assert!(checkout.join(".local/share/infra/sealing-key").is_file());
    }
    let ignored = fs::read_to_string(docker.folder.join("ignored")).unwrap();
    assert!(ignored.contains("/.local/share/infra/sealing-key\n"), "{ignored}");
    assert!(ignored.contains("/plan.json\n"), "{ignored}");
    // The plan still lies there, and so does what tells of the run.
    let state = one.join("state");
    let state = state.to_str().unwrap();
    for checkout in [&one, &two] {
        job(
            &project,
            &docker,
            checkout,
            &["report", FILE, "--state-dir", state, "--output", "plain"],
        )
        .exits(0);
        job(&project, &docker, checkout, &["diff", FILE, "--state-dir", state]).exits(0);
    }

    // A job with other files than those that were planned touches nothing.
    let more = format!("{stack}\n[ecr.repository.more]\nrepository_name = \"builds/more\"\n");
    project.write("one/content", "two");
    for checkout in ["one", "two"] {
        project.write(&format!("{checkout}/{FILE}"), &more);
    }
    job(&project, &docker, &one, &["plan", FILE, "--out", "plan.json"]).exits(0);
    fs::copy(one.join("plan.json"), two.join("plan.json")).unwrap();
    project.forget_requests();
    job(&project, &docker, &two, &["apply", "--plan", "plan.json", "-y"])
        .exits(1)
        .says(["ecr.image.app", "are not those that were planned", "plan again"]);
    assert_eq!(docker.calls(), Vec::<String>::new());
    let counts = project.requests().counts;
    for mutating in ["registry.PutManifest", "ecr.CreateRepository"] {
        assert!(!counts.contains_key(mutating), "{counts:?}");
    }
    // What is left out of the run may be as it is.
    let only = ["--target", "ecr.repository.more"];
    job(
        &project,
        &docker,
        &one,
        &[&["plan", FILE, "--out", "plan.json"][..], &only].concat(),
    )
    .exits(0);
    fs::copy(one.join("plan.json"), two.join("plan.json")).unwrap();
    job(&project, &docker, &two, &["apply", "--plan", "plan.json", "-y"]).exits(0);
    assert_eq!(docker.calls(), Vec::<String>::new());
}

#[test]
fn redeploy_with_rebuild_takes_a_base_image_that_moved() {
    let project = Project::sandbox();
    let docker = Docker::building(&project, &["one-old", "one-new"]);
    let reference = Reference::on(project.env("PATH", docker.path()), "stacks/dev02-us-east-1.toml");
    reference
        .run("redeploy", &["-y", "--rebuild"])
        .exits(64)
        .says(["nothing to build"]);
    let path = reference.project.root().join(reference.file);
    let text = fs::read_to_string(path).unwrap();
    let built = text.replace(
        r#"layout = "../examples/app/image""#,
        r#"build = { context = "../app" }"#,
    );
    assert_ne!(built, text);
    reference.project.write(reference.file, &built);
    reference.project.write("app/content", "one");
    reference.project.write("app/Dockerfile", "FROM base\n");
    reference.apply();
    assert_eq!(docker.builds().len(), 1);
    let uri = reference.output("image_uri");

    docker.set("newest", "new");
    reference.differs_in_nothing();
    reference.run("redeploy", &["-y"]).exits(0);
    assert_eq!(docker.calls(), Vec::<String>::new());
    assert_eq!(
        (reference.output("image_uri"), reference.rollouts()),
        (uri.clone(), 2)
    );

    reference.run("redeploy", &["-y", "--rebuild"]).exits(0);
    let builds = docker.builds();
    assert!(builds.len() == 1 && builds[0].contains("--pull"), "{builds:?}");
    let newer = reference.output("image_uri");
    assert_ne!(newer, uri);
    assert_eq!(reference.rollouts(), 3);
    reference.differs_in_nothing();
    reference.applies_again_without_a_change();
    assert_eq!(docker.calls(), Vec::<String>::new());

    // With the same image again it is a rollout of the same.
    reference.run("redeploy", &["-y", "--rebuild"]).exits(0);
    assert_eq!(docker.builds().len(), 1);
    assert_eq!((reference.output("image_uri"), reference.rollouts()), (newer, 4));
    reference.differs_in_nothing();
}

/// The stack with a tag that may not be moved.
pub fn immutable() -> String {
    STACK
        .replace(
            "force_delete    = true",
            "force_delete    = true\nimage_tag_mutability = \"IMMUTABLE\"",
        )
        .replace("[ecr.image.app]", "[ecr.image.app]\nimage_tag = \"v1\"")
}

/// A project with sources to build, and how many requests that change something the first apply of its stack makes.
fn to_be_killed(stack: &str) -> (Project, Docker, u64) {
    let ready = || {
        let project = Project::sandbox();
        let docker = Docker::building(&project, &["one-old", "one-new"]);
        let project = project.env("PATH", docker.path());
        project.write(FILE, stack);
        project.write_image("image", "one");
        project.write("app/content", "one");
        project.write("app/Dockerfile", "FROM base\nCOPY content .\n");
        (project, docker)
    };
    let (counted, _docker) = ready();
    counted.forget_requests();
    counted.stack("apply", FILE, &["-y"]).exits(0);
    let requests = counted.requests();
    assert_eq!(requests.mutating.last().unwrap().operation, "PutManifest");
    let (project, docker) = ready();
    (project, docker, requests.mutating_total)
}

#[test]
fn a_build_that_does_not_repeat_itself_is_found_again_under_a_tag_that_may_not_be_moved() {
    let (project, docker, last) = to_be_killed(&immutable());
    project
        .emulator()
        .set_faults(&Faults::from(Kill::peer_after(last)))
        .unwrap();
    assert_eq!(project.stack("apply", FILE, &["-y"]).code, None);
    assert_eq!(docker.builds().len(), 1);
    // Another build of the same files gives another image.
    docker.set("base", "new");
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(docker.builds(), Vec::<String>::new());
    project.stack("diff", FILE, &[]).exits(0);
    let found = project.boto3(
        &json!({}),
        "result = [image['imageTags'] for image in pages('ecr', 'describe_images', 'imageDetails', repositoryName='builds/app')]",
    );
    assert_eq!(found, json!([["v1"]]));
}

#[test]
fn a_registry_that_is_gone_does_not_hold_the_stack_up() {
    let layout = STACK.replace(
        r#"{ build = { context = "../app" } }"#,
        r#"{ layout = "../image" }"#,
    );
    let (project, _docker, last) = to_be_killed(&layout);
    let registry = project.emulator().running().registry_url.clone();
    let with_registry = |command: &str, registry: &str| {
        let mut command = project.stack_command(command, FILE, &["-y"]);
        command.env("INFRA_ECR_REGISTRY", registry);
        Run::of(&mut command)
    };
    project
        .emulator()
        .set_faults(&Faults::from(Kill::peer_before(last)))
        .unwrap();
    assert_eq!(with_registry("apply", &registry).code, None);
    with_registry("destroy", "http://127.0.0.1:9")
        .exits(0)
        .says(["the registry does not say whether the image is there"]);
    with_registry("apply", &registry).exits(0);
}
