//! Images that come from another registry: one that cannot be looked at is no mistake of the stack file.

use infra_oci::{Credentials, Image, OpenOptions, PushOptions, Registry, Source, no_progress};
use infra_sandbox::DebianRegistry;

use crate::harness::Project;

const FILE: &str = "stacks/sources.toml";

const STACK: &str = r#"
[stack]
name        = "sources"
environment = "test"
stage       = "one"
region      = "us-east-1"

[ecr.repository.app]
repository_name = "sources/app"
force_delete    = true

[ecr.image.pinned]
repository_uri = "${ecr.repository.app.repository_uri}"
source         = { registry = "{host}/team/app@{digest}" }
image_tag      = "pinned"
platform       = "linux/amd64"
"#;

const TAGGED: &str = r#"
[ecr.image.tagged]
repository_uri = "${ecr.repository.app.repository_uri}"
source         = { registry = "{host}/team/app:v1" }
image_tag      = "tagged"

[infra.data.deployed]
triggers_replace = "${ecr.image.tagged.uri}"
"#;

const OTHER: &str = "\n[infra.data.other]\ninput = \"new\"\n";

/// Pushes an image of the project's as `team/app:v1`.
fn push(project: &Project, registry: &DebianRegistry) -> String {
    project.write_image("image", "one");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let source = Source::Layout(project.root().join("image"));
        let image = Image::open(&source, &OpenOptions::default()).await.unwrap();
        let credentials = Credentials::new(DebianRegistry::USERNAME, DebianRegistry::PASSWORD);
        Registry::new(registry.address(), Some(credentials))
            .unwrap()
            .push(
                &image,
                "team/app",
                &["v1".to_owned()],
                &PushOptions::default(),
                &no_progress(),
            )
            .await
            .unwrap();
        image.digest().to_string()
    })
}

#[test]
fn a_source_that_cannot_be_looked_at_is_told_and_stops_nothing_else() {
    let project = Project::sandbox();
    let registry = DebianRegistry::start(&project.root().join("registry")).unwrap();
    let digest = push(&project, &registry);
    let host = registry.address().trim_start_matches("http://").to_owned();
    let write = |parts: &[&str]| {
        let text = parts
            .concat()
            .replace("{host}", &host)
            .replace("{digest}", &digest);
        project.write(FILE, &text);
    };

    // Without a login.
    write(&[STACK, TAGGED]);
    for command in ["plan", "diff"] {
        let run = project.stack(command, FILE, &[]).exits(1);
        run.tells("ecr.image.tagged could not be looked at");
        run.tells("sign in");
    }
    let run = project.stack("apply", FILE, &["-y"]).exits(1);
    run.tells("ecr.image.pinned could not be looked at");
    project.holds_nothing();

    // A user name and a password as they are, for the whole host.
    let login = format!(
        r#"{{"credsStore": "", "auths": {{"{host}": {{"username": "{}", "password": "{}", "auth": null}}}}}}"#,
        DebianRegistry::USERNAME,
        DebianRegistry::PASSWORD
    );
    project.write(".docker/config.json", &login);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);

    // What is the same for ever needs no registry, what is not is told, and the rest is shown.
    drop(registry);
    write(&[STACK, TAGGED, OTHER]);
    let run = project.stack("diff", FILE, &[]).exits(1);
    run.tells("ecr.image.tagged could not be looked at");
    assert!(run.stdout.contains("infra.data.other"), "{run}");
    for unchanged in ["ecr.image.pinned", "infra.data.deployed"] {
        assert!(!run.stdout.contains(unchanged), "{run}");
    }
    for arguments in [("plan", &[][..]), ("apply", &["-y"])] {
        let run = project.stack(arguments.0, FILE, arguments.1).exits(1);
        run.tells("ecr.image.tagged could not be looked at");
        assert!(!run.stderr.contains("ecr.image.pinned could not"), "{run}");
    }
    write(&[STACK]);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);

    // What is wrong in the file still is.
    write(&[&STACK.replace("team/app@{digest}", "team/app@sha256:12")]);
    project.stack("plan", FILE, &[]).exits(65);
}
