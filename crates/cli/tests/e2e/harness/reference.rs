//! The reference stack, copied from the repository into a project.

use std::ffi::OsStr;
use std::process::Command;

use serde_json::{Value, json};

use super::project::{Cloud, Project};
use super::run::Run;

/// The reference stack of one stage in a project of its own.
pub struct Reference {
    /// The project.
    pub project: Project,
    /// The stack file.
    pub file: &'static str,
    variables: Vec<String>,
    has_domain: bool,
}

impl Reference {
    /// The development stage as it stands in the repository.
    pub fn dev02() -> Self {
        Self::on(Project::sandbox(), "stacks/dev02-us-east-1.toml")
    }

    /// The development stage with everything that the blueprint can do: endpoints and a domain of its own.
    pub fn dev02_with_everything() -> Self {
        let mut reference = Self::dev02();
        reference.set("enable_vpc_endpoints", "true");
        reference.set(
            "task_managed_policy_arns",
            r#"["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]"#,
        );
        reference.set("domain_name", "api.example.com");
        reference.make_domain();
        reference
    }

    /// Production: another region, another account and a role in it, three zones, a domain of its own.
    pub fn prod01() -> Self {
        let mut reference = Self::on(Project::sandbox(), "stacks/prod01-eu-west-1.toml");
        reference.project.account = "210987654321".to_owned();
        reference.project.region = "eu-west-1".to_owned();
        // It is production there, and stays; here it has to go.
        reference.set("force_delete_repository", "true");
        reference.make_domain();
        reference
    }

    /// A stack of the repository in this project.
    pub fn on(project: Project, file: &'static str) -> Self {
        for path in ["stacks", "examples/app/image"] {
            project.copy(path);
        }
        Self {
            project,
            file,
            variables: Vec::new(),
            has_domain: false,
        }
    }

    /// Sets a variable for all further runs.
    pub fn set(&mut self, name: &str, value: &str) {
        let start = format!("--var={name}=");
        self.variables.retain(|variable| !variable.starts_with(&start));
        self.variables.push(format!("{start}{value}"));
    }

    /// Empties account and state; what the stack takes for granted is made anew.
    pub fn start_over(&mut self) {
        self.project.emulator().reset().unwrap();
        if self.has_domain {
            self.make_domain();
        }
    }

    /// The zone and the certificate that the stack takes for granted.
    fn make_domain(&mut self) {
        self.has_domain = true;
        let made = self.project.boto3(
            &Value::Null,
            "acm = client('acm')\n\
             arn = acm.request_certificate(DomainName='api.example.com', ValidationMethod='DNS')['CertificateArn']\n\
             zone = client('route53').create_hosted_zone(Name='example.com', CallerReference='1')['HostedZone']['Id']\n\
             result = {'certificate': arn, 'zone': zone.removeprefix('/hostedzone/')}",
        );
        if matches!(self.project.cloud(), Cloud::Sandbox(_)) {
            // A certificate takes its time to be issued.
            self.project.emulator().advance(3600.0).unwrap();
        }
        self.set("acm_certificate_arn", made["certificate"].as_str().unwrap());
        self.set("hosted_zone_id", made["zone"].as_str().unwrap());
    }

    /// Runs a command on the stack.
    pub fn run(&self, command: &str, more: &[&str]) -> Run {
        self.run_file(command, self.file, more)
    }

    /// Runs a command on another file with the same variables.
    pub fn run_file(&self, command: &str, file: &str, more: &[&str]) -> Run {
        Run::of(&mut self.command_on(command, file, more))
    }

    /// The command line of a command on the stack.
    pub fn command(&self, command: &str, more: &[&str]) -> Command {
        self.command_on(command, self.file, more)
    }

    /// The command line of a command on another file with the same variables.
    pub fn command_on(&self, command: &str, file: &str, more: &[&str]) -> Command {
        let mut line = self.project.stack_command(command, file, more);
        line.args(self.variables.iter().map(OsStr::new));
        line
    }

    /// The resources that the state has, by address.
    #[track_caller]
    pub fn state(&self) -> Value {
        self.exported()["resources"].take()
    }

    /// The whole state as it is exported.
    #[track_caller]
    pub fn exported(&self) -> Value {
        let run = self.run("state export", &[]).exits(0);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// Applies, which has to succeed.
    #[track_caller]
    pub fn apply(&self) -> Run {
        self.run("apply", &["-y"]).exits(0)
    }

    /// Nothing may differ from the file, nor have drifted, nor be there without an address.
    #[track_caller]
    pub fn differs_in_nothing(&self) {
        self.run("diff", &["--unmanaged"])
            .exits(0)
            .says(["No differences", "Nothing unmanaged"]);
    }

    /// Applies again, which may change nothing and start no rollout.
    #[track_caller]
    pub fn applies_again_without_a_change(&self) {
        self.project.forget_requests();
        let run = self.apply();
        let requests = self.project.requests();
        // Taking a role changes nothing, but looks as if it did; signing in to the registry likewise.
        let changing: Vec<_> = requests
            .mutating
            .iter()
            .filter(|request| !["AssumeRole", "GetAuthorizationToken"].contains(&request.operation.as_str()))
            .collect();
        assert!(changing.is_empty(), "{changing:?} were called by {run}");
        // Not even something to note down: the first run has noted all that AWS says.
        run.says(["Nothing to do"]);
    }

    /// How many rollouts the service has had.
    #[track_caller]
    pub fn rollouts(&self) -> usize {
        let state = self.state();
        let given = json!({
            "cluster": state["ecs.cluster.main"]["physical_id"],
            "service": state["ecs.service.app"]["physical_id"],
        });
        let counted = self.project.boto3(
            &given,
            "result = len(list(pages('ecs', 'list_service_deployments', 'serviceDeployments', **given)))",
        );
        usize::try_from(counted.as_u64().unwrap()).unwrap()
    }

    /// One of the outputs.
    #[track_caller]
    pub fn output(&self, name: &str) -> String {
        self.run("output", &[name]).exits(0).stdout.trim().to_owned()
    }
}
