//! Images are not lost by a plan that nobody allows to lose them.

use serde_json::{Value, json};

use crate::harness::{Project, at_terminal};

const FILE: &str = "stacks/images.toml";
const ID: &str = "images/test/one/us-east-1";
const REPOSITORY: &str = "ecr.repository.app";
const ALLOWED: &str = "--allow-data-loss=ecr.repository.app";

/// A network and a repository; `setting` is a line of `[stack]`, `more` are lines of the repository.
fn stack(setting: &str, name: &str, more: &str) -> String {
    format!(
        r#"
[stack]
name = "images"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]
{setting}

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ecr.repository.app]
repository_name = "{name}"
{more}
"#
    )
}

/// The stack is there, and somebody pushed an image into its repository.
fn with_an_image(setting: &str, more: &str) -> Project {
    let project = Project::sandbox();
    project.write(FILE, &stack(setting, "one", more));
    project.stack("apply", FILE, &["-y"]).exits(0);
    push(&project);
    project
}

/// Somebody pushes an image, unless there is one.
fn push(project: &Project) {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [],
    });
    project.boto3(
        &json!({ "repositoryName": "one", "imageManifest": manifest.to_string(), "imageTag": "v1" }),
        "ecr = client('ecr')\n\
         if not ecr.list_images(repositoryName='one')['imageIds']: ecr.put_image(**given)\n\
         result = None",
    );
}

fn repositories(project: &Project) -> Value {
    project.boto3(
        &Value::Null,
        "result = [found['repositoryName'] for found in client('ecr').describe_repositories()['repositories']]",
    )
}

/// The command is refused, says what it would lose and all of these, and touches nothing.
#[track_caller]
fn is_refused(project: &Project, command: &str, says: &[&str]) {
    is_refused_for(project, command, FILE, says);
}

#[track_caller]
fn is_refused_for(project: &Project, command: &str, stack: &str, says: &[&str]) {
    project.forget_requests();
    let held = project.held();
    project
        .stack(command, stack, &["-y"])
        .exits(1)
        .says([
            "loses data: images",
            "the images that it holds would be lost",
            ALLOWED.replace('=', " ").as_str(),
        ])
        .says(["Nothing was changed: data would be lost."])
        .says(says.iter().copied());
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.held().to_string(), held.to_string());
}

#[test]
fn a_destroy_of_a_repository_with_images_is_refused_before_anything_is_touched() {
    let project = with_an_image("", "");
    is_refused(&project, "destroy", &["everything is to be destroyed"]);
    project
        .stack("destroy", FILE, &["-y", ALLOWED])
        .exits(0)
        .says(["Data is lost with ecr.repository.app."]);
    project.holds_nothing();
    // What was allowed is gone: that is no mistake.
    project.stack("destroy", FILE, &["-y", ALLOWED]).exits(0);
}

#[test]
fn a_replacement_of_a_repository_with_images_is_refused_before_anything_is_touched() {
    let project = with_an_image("", "");
    let renamed = stack("", "two", "").replace("10.0.0.0/16\"", "10.0.0.0/16\"\ntags = { a = \"b\" }");
    project.write(FILE, &renamed);
    is_refused(
        &project,
        "apply",
        &[
            "images.toml:15:19",
            "set repository_name back to what it was",
            "lifecycle.allow_data_loss = true",
            "allow_data_loss = true in [stack]",
        ],
    );
    project.stack("plan", FILE, &[]).exits(0).says([
        "loses data: images",
        "warning",
        "--allow-data-loss ecr.repository.app",
    ]);
    project.stack("apply", FILE, &["-y", ALLOWED]).exits(0);
    assert_eq!(repositories(&project), json!(["two"]));
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn a_repository_with_images_that_the_file_drops_is_kept_until_that_is_allowed() {
    let project = with_an_image("", "");
    let whole = stack("", "one", "");
    let (without, _) = whole.split_once("[ecr").unwrap();
    project.write(FILE, without);
    is_refused(
        &project,
        "apply",
        &["the file no longer has it", "put it back into the file"],
    );
    let dropping = project.stack("diff", FILE, &["--output=json"]).exits(2);
    let addressed = |line: &&Value| line["address"] == REPOSITORY;
    let changes = dropping.json_of("change");
    let change = changes.iter().find(addressed).unwrap();
    assert_eq!(change["loses_data"], true);
    assert_eq!(
        change["data"],
        json!({ "what": "images", "held": "something", "allowed": false })
    );
    let comes_and_goes = "allow_data_loss = true\nallowed_account_ids";
    project.write(FILE, &without.replace("allowed_account_ids", comes_and_goes));
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(repositories(&project), json!([]));
}

#[test]
fn a_stage_or_a_resource_that_comes_and_goes_says_so_in_its_file() {
    let cases = [
        ("allow_data_loss = true", ""),
        ("", "lifecycle = { allow_data_loss = true }"),
        ("", "force_delete = true"),
    ];
    let protected = "lifecycle = { allow_data_loss = false }";
    let project = with_an_image("allow_data_loss = true", protected);
    is_refused(&project, "destroy", &[]);
    for (setting, more) in cases {
        project.write(FILE, &stack(setting, "one", more));
        project.stack("apply", FILE, &["-y"]).exits(0);
        push(&project);
        project
            .stack("destroy", FILE, &["-y"])
            .exits(0)
            .says(["loses data: images"]);
        project.holds_nothing();
    }
}

#[test]
fn what_the_file_keeps_a_destroy_keeps_although_that_was_never_applied() {
    for allowed in ["force_delete = true", "lifecycle = { allow_data_loss = true }"] {
        let project = with_an_image("allow_data_loss = true", allowed);
        let kept = "lifecycle = { allow_data_loss = false }";
        for more in [kept.to_owned(), format!("force_delete = true\n{kept}")] {
            project.write(FILE, &stack("allow_data_loss = true", "one", &more));
            is_refused(
                &project,
                "destroy",
                &["lifecycle.allow_data_loss = false counts more"],
            );
        }
        // Applied it counts for other replacements too.
        project.stack("apply", FILE, &["-y"]).exits(0);
        let renamed = stack(
            "allow_data_loss = true",
            "two",
            &format!("force_delete = true\n{kept}"),
        );
        project.write(FILE, &renamed);
        is_refused(&project, "apply", &[]);
        project.stack("destroy", FILE, &["-y", ALLOWED]).exits(0);
        project.holds_nothing();
    }
}

#[test]
fn leave_to_lose_the_data_of_what_is_nowhere_is_a_mistake() {
    let project = with_an_image("", "");
    for (command, named) in [
        ("apply", FILE),
        ("plan", FILE),
        ("destroy", FILE),
        ("destroy", ID),
    ] {
        let yes = ["-y", "--allow-data-loss=ecr.repository.ap"];
        let more = if command == "plan" { &yes[1..] } else { &yes[..] };
        project.forget_requests();
        project.stack(command, named, more).exits(65).says([
            "cannot allow data of ecr.repository.ap to be lost: neither the file nor the state has it",
            "did you mean `ecr.repository.app`?",
        ]);
        assert_eq!(project.requests().mutating_total, 0);
    }
    project.stack("destroy", ID, &["-y", ALLOWED]).exits(0);
    // Nothing is left of the stack that it could be said of.
    project.stack("destroy", FILE, &["-y", ALLOWED]).exits(0);
    project.holds_nothing();
}

#[test]
fn without_the_file_its_last_word_counts() {
    let project = with_an_image("", "");
    let gone = || std::fs::remove_file(project.root().join(FILE)).unwrap();
    gone();
    is_refused_for(&project, "destroy", ID, &["everything is to be destroyed"]);
    project.write(FILE, &stack("allow_data_loss = true", "one", ""));
    project.stack("apply", FILE, &["-y"]).exits(0);
    gone();
    project.stack("destroy", ID, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn a_repository_without_images_goes_unasked() {
    let project = Project::sandbox();
    project.write(FILE, &stack("", "one", ""));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let ran = project.stack("destroy", FILE, &["-y"]).exits(0);
    assert!(!format!("{ran}").contains("loses data"), "{ran}");
    project.holds_nothing();
}

/// Between a saved plan and its apply somebody pushes an image.
#[test]
fn a_saved_plan_is_refused_where_it_would_now_lose_data() {
    let project = Project::sandbox();
    project.write(FILE, &stack("", "one", ""));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, &stack("", "two", ""));
    project.stack("plan", FILE, &["--out=plan.json"]).exits(0);
    push(&project);
    project.forget_requests();
    project
        .infra(["apply", "--plan=plan.json", "-y"])
        .exits(1)
        .says(["loses data: images", "Nothing was changed: data would be lost."]);
    assert_eq!(project.requests().mutating_total, 0);
    project
        .infra(["apply", "--plan=plan.json", "-y", ALLOWED])
        .exits(0);
    assert_eq!(repositories(&project), json!(["two"]));
}

#[test]
fn whoever_is_asked_is_told_of_the_data() {
    let project = with_an_image("", "");
    let command = project.stack_command("destroy", FILE, &[ALLOWED]);
    let seen = at_terminal(
        &project,
        &command,
        &[("and lose the data of 1 resource?", "no\r")],
    );
    assert!(seen.text.contains("loses data"), "{}", seen.text);
    assert_eq!(repositories(&project), json!(["one"]));
}
