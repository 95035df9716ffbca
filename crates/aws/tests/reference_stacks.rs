//! The stacks under `stacks/` and the examples of all types, read with AWS's real types: nothing is called.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_aws::{AwsCatalogue, DOCUMENTS, LOOKUP_DOCUMENTS};
use infra_config::{DiskFiles, Files, Inputs, Loaded, MemoryFiles, load};
use infra_core::plan::Strength;
use infra_core::{ResourceAddress, Stack, Template, Value};

const DEV: &str = "dev02-us-east-1.toml";
const PROD: &str = "prod01-eu-west-1.toml";

/// Stack files of the project, with a text in the first one replaced by another.
struct Edited {
    file: PathBuf,
    from: String,
    to: String,
}

impl Files for Edited {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = DiskFiles.read(path)?;
        if path != self.file {
            return Ok(text);
        }
        assert!(
            text.contains(&self.from),
            "{} has no {}",
            path.display(),
            self.from
        );
        Ok(text.replacen(&self.from, &self.to, 1))
    }
}

fn path_of(stack: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../stacks")
        .canonicalize()
        .unwrap()
        .join(stack)
}

fn read(path: &Path, files: Arc<dyn Files>, variables: &[(&str, &str)]) -> Loaded {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let inputs = Inputs {
        files,
        variables: &variables,
        environment: &BTreeMap::new(),
    };
    load(path, &inputs, &AwsCatalogue)
}

/// What is said of a stack, one line each: place, message, help.
fn said(loaded: &Loaded) -> Vec<String> {
    let line = |found: &infra_core::Diagnostic| {
        let place = found
            .primary
            .as_ref()
            .map(|label| loaded.sources.place(&label.span))
            .unwrap_or_default();
        format!("{place}: {} ({})", found.message, found.help.join("; "))
    };
    loaded.diagnostics.iter().map(line).collect()
}

/// The stack, of which nothing is said.
fn good(stack: &str, variables: &[(&str, &str)]) -> Stack {
    faultless(read(&path_of(stack), Arc::new(DiskFiles), variables), stack)
}

fn faultless(loaded: Loaded, name: &str) -> Stack {
    assert!(
        loaded.diagnostics.is_empty(),
        "{name}:\n{}",
        said(&loaded).join("\n")
    );
    loaded.stack.unwrap()
}

fn address(text: &str) -> ResourceAddress {
    text.parse().unwrap()
}

/// How many resources a block has.
fn count(stack: &Stack, block: &str) -> usize {
    let block = address(block);
    stack
        .resources
        .keys()
        .filter(|address| address.block() == block)
        .count()
}

fn text_of<'a>(stack: &'a Stack, resource: &str, attribute: &str) -> &'a str {
    match &stack.resources[&address(resource)].attributes[attribute] {
        Template::Literal(Value::String(text)) => text,
        other => panic!("{resource}.{attribute} is {other:?}"),
    }
}

#[test]
fn the_stacks_are_faultless_and_differ_where_they_should() {
    let (dev, prod) = (good(DEV, &[]), good(PROD, &[]));
    assert_eq!(dev.allowed_account_ids, ["123456789012"]);
    assert_eq!(dev.assume_role, None);
    assert_eq!(
        prod.assume_role.as_deref(),
        Some("arn:aws:iam::210987654321:role/infra-deploy")
    );
    for (block, in_dev, in_prod) in [
        ("ec2.subnet.public", 2, 3),
        ("ec2.subnet.private", 2, 3),
        ("ec2.eip.nat", 1, 3),
        ("ec2.nat_gateway.main", 1, 3),
        ("ec2.route.nat", 2, 3),
        ("ec2.vpc_endpoint.s3", 0, 1),
        ("ec2.vpc_endpoint.interface", 0, 3),
        ("ec2.security_group.endpoints", 0, 1),
        ("iam.role_policy.task_execute_command", 1, 0),
        ("iam.role_policy_attachment.task", 0, 1),
        ("applicationautoscaling.scaling_policy.app", 2, 2),
        ("apigatewayv2.domain_name.main", 0, 1),
        ("apigatewayv2.api_mapping.main", 0, 1),
        ("route53.record.api", 0, 1),
        ("ecr.image.app", 1, 1),
        ("ecs.deployment.app", 1, 1),
    ] {
        assert_eq!(
            (count(&dev, block), count(&prod, block)),
            (in_dev, in_prod),
            "{block}"
        );
    }
    for (resource, attribute, name) in [
        ("ecr.repository.app", "repository_name", "appname-dev02-image"),
        ("ecs.cluster.main", "cluster_name", "appname-ecs-cluster-dev02"),
        ("ecs.service.app", "service_name", "appname-ecs-service-dev02"),
    ] {
        assert_eq!(text_of(&dev, resource, attribute), name);
    }
}

#[test]
fn tasks_start_when_they_have_a_way_out_and_their_listener() {
    let prod = good(PROD, &[]);
    let service = &prod.resources[&address("ecs.service.app")];
    for needed in [
        "ec2.nat_gateway.main[\"eu-west-1c\"]",
        "ec2.route.nat[\"eu-west-1c\"]",
        "ec2.vpc_endpoint.interface[\"ecr.dkr\"]",
        "elbv2.listener.http",
        "iam.role_policy_attachment.execution",
    ] {
        assert_eq!(
            service.dependencies.get(&address(needed)),
            Some(&Strength::Ready),
            "{needed}"
        );
    }
}

#[test]
fn ordinary_variations_are_faultless() {
    let long = Edited {
        file: path_of(DEV),
        from: "\"appname\"".into(),
        to: "\"a-name-that-is-longer-than-load-balancers-take\"".into(),
    };
    let long = faultless(read(&path_of(DEV), Arc::new(long), &[]), "a long name");
    let name = text_of(&long, "elbv2.load_balancer.main", "name");
    assert_eq!(name.len(), 32);
    assert!(name.starts_with("a-name-that-is-longer-t-"), "{name}");

    let given = good(
        DEV,
        &[(
            "app_image",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/other:1.0",
        )],
    );
    assert_eq!(count(&given, "ecr.image.app"), 0);
    assert_eq!(count(&given, "ecs.deployment.app"), 1);

    let inside = good(
        DEV,
        &[("enable_vpc_endpoints", "true"), ("vpc_cidr", "10.1.0.0/20")],
    );
    assert_eq!(count(&inside, "ec2.vpc_endpoint.interface"), 3);

    // A record that is made elsewhere.
    let elsewhere = good(PROD, &[("hosted_zone_id", "")]);
    assert_eq!(count(&elsewhere, "apigatewayv2.domain_name.main"), 1);
    assert_eq!(count(&elsewhere, "route53.record.api"), 0);

    good(
        DEV,
        &[
            ("cpu", "16384"),
            ("memory", "122880"),
            ("cpu_architecture", "ARM64"),
        ],
    );
    good(DEV, &[("container_environment", "{LOG_LEVEL = \"debug\"}")]);
}

#[test]
fn values_that_cannot_work_are_refused_before_aws_is_asked() {
    for (variables, expected) in [
        (vec![("cpu", "300")], "300"),
        (vec![("memory", "8192")], "8192"),
        (vec![("app_image", "no-tag")], "app_image"),
        (vec![("vpc_cidr", "10.0.0.0/28")], "vpc_cidr"),
        (vec![("availability_zones", "[\"us-east-1a\"]")], "subnets"),
        (vec![("log_retention_in_days", "8")], "log_retention_in_days"),
        (vec![("container_port", "0")], "0"),
        (
            vec![(
                "acm_certificate_arn",
                "arn:aws:acm:us-east-1:123456789012:certificate/x",
            )],
            "no domain name",
        ),
    ] {
        let loaded = read(&path_of(DEV), Arc::new(DiskFiles), &variables);
        assert!(loaded.stack.is_none(), "{variables:?} is taken");
        assert!(
            said(&loaded).iter().any(|line| line.contains(expected)),
            "{variables:?}: {:#?}",
            said(&loaded)
        );
    }
}

#[test]
fn every_example_of_a_type_is_faultless() {
    for (name, _, example) in DOCUMENTS {
        let text = format!("[stack]\nname = \"example\"\nstage = \"dev\"\nregion = \"us-east-1\"\n{example}");
        let path = PathBuf::from(format!("{name}.toml"));
        let files = MemoryFiles::new(BTreeMap::from([(path.clone(), text)]));
        let stack = faultless(read(&path, Arc::new(files), &[]), name);
        assert!(
            stack
                .resources
                .keys()
                .any(|address| address.type_name().to_string() == *name),
            "the example of {name} has none"
        );
    }
}

#[test]
fn every_example_of_a_lookup_is_faultless() {
    for (name, _, example) in LOOKUP_DOCUMENTS {
        let text = format!("[stack]\nname = \"example\"\nstage = \"dev\"\nregion = \"us-east-1\"\n{example}");
        let path = PathBuf::from(format!("{name}.toml"));
        let files = MemoryFiles::new(BTreeMap::from([(path.clone(), text)]));
        let stack = faultless(read(&path, Arc::new(files), &[]), name);
        assert!(
            stack
                .lookups
                .keys()
                .any(|address| address.type_name().to_string() == *name),
            "the example of {name} has none"
        );
    }
}
