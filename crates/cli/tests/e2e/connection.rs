//! AWS's standard environment: how AWS and registries are reached is found as AWS's own tools find it.

use std::fs;
use std::process::Command;

use crate::harness::{ACCOUNT, Listener, Project, Run, TlsFront, bare_command};
use tempfile::TempDir;

const FILE: &str = "stacks/connection.toml";

const STACK: &str = r#"
[stack]
name        = "connection"
environment = "test"
stage       = "one"
region      = "us-east-1"
allowed_account_ids = ["123456789012"]

[ecr.repository.app]
repository_name = "connection/app"
force_delete    = true

[ecr.image.app]
repository_uri = "${ecr.repository.app.repository_uri}"
source         = { layout = "../image" }
"#;

/// A project with an image to push, and a front before its emulator.
fn project_with_front() -> (Project, TlsFront) {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.write_image("image", "one");
    let folder = project.root().join("front");
    fs::create_dir(&folder).unwrap();
    let front = TlsFront::start(project.python(), &folder, project.endpoint());
    (project, front)
}

/// A command as whoever has an account runs it, without `--sandbox`.
fn signed_in(project: &Project, command: &str, more: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut arguments = vec![command, FILE];
    arguments.extend(more);
    let mut command = project.command(arguments);
    command
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .envs(environment.iter().copied());
    Run::of(&mut command)
}

#[test]
fn a_bundle_of_ones_own_is_taken_by_every_connection() {
    let (project, front) = project_with_front();
    let endpoint = front.endpoint();
    let authority = front.authority.to_str().unwrap();
    let reached = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("INFRA_ECR_REGISTRY", &endpoint),
    ];
    // Without it nobody is trusted, which does not pass by trying again.
    project.forget_requests();
    let started = std::time::Instant::now();
    signed_in(&project, "apply", &["-y"], &reached)
        .exits(1)
        .says(["UnknownIssuer", "AWS_CA_BUNDLE"]);
    assert!(started.elapsed().as_secs() < 10, "it was tried again");
    assert!(project.requests().counts.is_empty());

    project.write(
        ".aws/config",
        &format!("[profile net]\nca_bundle = {authority}\n"),
    );
    for named in [
        ("AWS_CA_BUNDLE", authority),
        ("AWS_PROFILE", "net"),
        ("SSL_CERT_FILE", authority),
    ] {
        project.forget_requests();
        let environment = [reached[0], reached[1], named];
        signed_in(&project, "apply", &["-y"], &environment).exits(0);
        signed_in(&project, "diff", &[], &environment).exits(0);
        let counts = project.requests().counts;
        for made in ["ecr.CreateRepository", "registry.PutManifest"] {
            assert_eq!(counts.get(made), Some(&1), "{named:?}: {counts:?}");
        }
        signed_in(&project, "destroy", &["-y"], &environment).exits(0);
    }
    // The machine's own do not count beside it.
    let other = [reached[0], ("AWS_CA_BUNDLE", "/nowhere/bundle.pem")];
    project.forget_requests();
    for command in ["plan", "apply"] {
        signed_in(&project, command, &[], &other)
            .exits(1)
            .says(["/nowhere/bundle.pem", "AWS_CA_BUNDLE"]);
    }
    assert!(project.requests().counts.is_empty());
}

#[test]
fn a_registry_with_an_unknown_authority_is_told_at_once_with_what_to_do() {
    let (project, front) = project_with_front();
    let mut command = project.stack_command("apply", FILE, &["-y"]);
    command.env("INFRA_ECR_REGISTRY", front.endpoint());
    let started = std::time::Instant::now();
    Run::of(&mut command)
        .exits(1)
        .says(["ecr.image.app", "UnknownIssuer", "AWS_CA_BUNDLE"]);
    assert!(started.elapsed().as_secs() < 15, "it was tried again");
    // The sandbox itself speaks no TLS, but what else is reached may.
    command.env("AWS_CA_BUNDLE", &front.authority);
    Run::of(&mut command).exits(0);
}

#[test]
fn everything_goes_through_the_proxy_that_the_environment_names() {
    let (project, front) = project_with_front();
    let authority = front.authority.to_str().unwrap();
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let proxy = Listener::proxy_to(&front);
        let with_password = proxy.url().replace("http://", "http://user:fake%40password@");
        let registry = format!("https://{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com");
        let environment = [
            (name, with_password.as_str()),
            ("AWS_CA_BUNDLE", authority),
            ("INFRA_ECR_REGISTRY", &registry),
        ];
        signed_in(&project, "apply", &["-y"], &environment).exits(0);
        signed_in(&project, "destroy", &["-y"], &environment).exits(0);
        let tunnels = proxy.tunnels();
        for host in [
            "sts.us-east-1.amazonaws.com:443",
            "api.ecr.us-east-1.amazonaws.com:443",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:443",
        ] {
            assert!(tunnels.iter().any(|tunnel| tunnel == host), "{tunnels:?}");
        }
        // `user:fake@password`
        for request in proxy.asked() {
            let lower = request.to_lowercase();
            assert!(
                lower.contains("proxy-authorization: basic dxnlcjpmywtlqhbhc3n3b3jk"),
                "{request}"
            );
        }
    }
}

/// A stack that is asked for nothing but who asks.
pub struct Asking {
    pub folder: TempDir,
}

impl Asking {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let stack = STACK.split("[ecr").next().unwrap();
        let stack = format!("{stack}[ec2.vpc.main]\ncidr_block = \"10.0.0.0/16\"\n");
        fs::write(folder.path().join("stack.toml"), stack).unwrap();
        Self { folder }
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = bare_command(self.folder.path(), ["plan", "stack.toml"]);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKEFAKE")
            .env("AWS_SECRET_ACCESS_KEY", "testing");
        command
    }
}

#[test]
fn an_error_says_which_proxy_was_used() {
    let asking = Asking::new();
    let refusing = Listener::refusing();
    for (proxy, attempts) in [
        (refusing.url().replace("http://", "http://user:fake@"), "2"),
        ("http://user:fake@127.0.0.1:9".to_owned(), "1"),
    ] {
        let mut command = asking.command();
        command
            .env("HTTPS_PROXY", &proxy)
            .env("AWS_MAX_ATTEMPTS", attempts);
        let host = proxy.rsplit_once('@').unwrap().1;
        let run = Run::of(&mut command).exits(1);
        let run = run.says([
            "GetCallerIdentity",
            &format!("through the proxy http://{host} of HTTPS_PROXY"),
            "NO_PROXY",
        ]);
        assert!(!run.to_string().contains("fake@"), "{run}");
    }
    // The user's attempts count, not those of the program.
    assert_eq!(refusing.tunnels(), vec!["sts.us-east-1.amazonaws.com:443"; 2]);
}

/// Names and values, or names and contents.
pub type Pairs = &'static [(&'static str, &'static str)];

/// What is set and what stands in the profile file, with `{one}` and `{two}` for two endpoints; what is asked: the name
/// of an endpoint, or the host of a tunnel. Which counts before which:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
const ENDPOINTS: [(Pairs, &str, &str); 15] = [
    (&[], "", "sts.us-east-1.amazonaws.com:443"),
    (&[("AWS_ENDPOINT_URL", "{one}")], "", "one"),
    (
        &[("AWS_ENDPOINT_URL", "{one}"), ("AWS_ENDPOINT_URL_STS", "{two}")],
        "",
        "two",
    ),
    (
        &[("AWS_ENDPOINT_URL_EC2", "{two}")],
        "",
        "sts.us-east-1.amazonaws.com:443",
    ),
    (&[], "[default]\nendpoint_url = {one}\n", "one"),
    (
        &[],
        "[default]\nservices = local\n[services local]\nsts =\n  endpoint_url = {two}\n",
        "two",
    ),
    (
        &[("AWS_ENDPOINT_URL", "{one}")],
        "[default]\nservices = local\n[services local]\nsts =\n  endpoint_url = {two}\n",
        "one",
    ),
    (
        &[("AWS_PROFILE", "other")],
        "[profile other]\nendpoint_url = {two}\n[default]\nendpoint_url = {one}\n",
        "two",
    ),
    (
        &[("AWS_DEFAULT_PROFILE", "other")],
        "[profile other]\nendpoint_url = {two}\n[default]\nendpoint_url = {one}\n",
        "two",
    ),
    (
        &[
            ("AWS_ENDPOINT_URL", "{one}"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ],
        "",
        "sts.us-east-1.amazonaws.com:443",
    ),
    (
        &[],
        "[default]\nendpoint_url = {one}\nignore_configured_endpoint_urls = true\n",
        "sts.us-east-1.amazonaws.com:443",
    ),
    (
        &[("AWS_USE_FIPS_ENDPOINT", "true")],
        "",
        "sts-fips.us-east-1.amazonaws.com:443",
    ),
    (
        &[],
        "[default]\nuse_fips_endpoint = true\n",
        "sts-fips.us-east-1.amazonaws.com:443",
    ),
    (
        &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
        "",
        "sts.us-east-1.api.aws:443",
    ),
    (
        &[
            ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
        ],
        "",
        "sts-fips.us-east-1.api.aws:443",
    ),
];

#[test]
fn aws_is_asked_where_environment_and_profile_say() {
    let asking = Asking::new();
    for (variables, config, expected) in ENDPOINTS {
        let [one, two, proxy] = [(); 3].map(|()| Listener::refusing());
        let filled = |text: &str| text.replace("{one}", &one.url()).replace("{two}", &two.url());
        asking.write(".aws/config", &filled(config));
        let mut command = asking.command();
        command.env("HTTPS_PROXY", proxy.url());
        // What is on this machine is asked directly.
        command.env("HTTP_PROXY", proxy.url());
        command.env("AWS_MAX_ATTEMPTS", "1");
        for (name, value) in variables {
            command.env(name, filled(value));
        }
        let run = Run::of(&mut command).exits(1);
        let asked = |listener: &Listener| {
            let requests = listener.asked();
            requests
                .iter()
                .filter(|request| request.contains("GetCallerIdentity"))
                .count()
        };
        let found: Vec<String> = [("one", &one), ("two", &two)]
            .iter()
            .filter(|(_, listener)| asked(listener) > 0)
            .map(|(name, _)| (*name).to_owned())
            .chain(proxy.tunnels())
            .collect();
        assert_eq!(found, [expected], "{variables:?} {config}: {run}");
    }
}

#[test]
fn what_is_set_for_aws_is_nothing_to_the_sandbox() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.write_image("image", "one");
    let elsewhere = Listener::refusing();
    let mut command = project.stack_command("apply", FILE, &["-y"]);
    command
        .envs(
            ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_STS"]
                .map(|name| (name, elsewhere.url())),
        )
        .envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, elsewhere.url())))
        .envs(["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"].map(|name| (name, "true")))
        .env("AWS_PROFILE", "nobodys");
    Run::of(&mut command).exits(0);
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}
