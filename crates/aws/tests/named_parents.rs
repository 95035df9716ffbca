//! What AWS keeps under something else needs that, also where the file names it by a text: nothing is called.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use infra_aws::AwsCatalogue;
use infra_config::{Inputs, Loaded, MemoryFiles, load};
use infra_core::ResourceAddress;

const STACK: &str = r#"
[stack]
name                = "shop"
stage               = "t1"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]

[local]
prefix = "shop-${stack.stage}"

[iam.role.app]
role_name                   = "App"
assume_role_policy_document = { Statement = [{ Effect = "Allow", Principal = "*", Action = "sts:AssumeRole" }] }

[ecr.repository.app]
repository_name = "${local.prefix}/app"

[ecs.cluster.main]
cluster_name = "main"

[ecs.service.app]
cluster               = "${ecs.cluster.main.arn}"
service_name          = "app"
task_definition       = "arn:aws:ecs:us-east-1:123456789012:task-definition/app:1"
launch_type           = "FARGATE"
network_configuration = { subnets = ["subnet-1"] }

[applicationautoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/main/app"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 1
max_capacity       = 4

[apigatewayv2.domain_name.main]
domain_name     = "api.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
"#;

fn read(more: &str) -> Loaded {
    let file = Path::new("/shop/stack.toml");
    let files = MemoryFiles::new(BTreeMap::from([(file.to_path_buf(), format!("{STACK}{more}"))]));
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &BTreeMap::new(),
        environment: &BTreeMap::new(),
    };
    load(file, &inputs, &AwsCatalogue)
}

#[test]
fn what_is_named_by_a_text_is_needed_like_what_is_referred_to() {
    let policy = "policy_name = \"p\"\npolicy_document = { Statement = [{ Effect = \"Allow\", Action = \"*\", Resource = \"*\" }] }\n";
    let service = "service_name = \"web\"\nlaunch_type = \"FARGATE\"\n\
        task_definition = \"arn:aws:ecs:us-east-1:123456789012:task-definition/app:1\"\n\
        network_configuration = { subnets = [\"subnet-1\"] }\n";
    let scaling = "policy_name = \"cpu\"\npolicy_type = \"StepScaling\"\nservice_namespace = \"ecs\"\n\
        scalable_dimension = \"ecs:service:DesiredCount\"\n\
        step_scaling_policy_configuration = { adjustment_type = \"ExactCapacity\", \
        step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 1 }] }\n";
    let target = "service_namespace = \"ecs\"\nscalable_dimension = \"ecs:service:DesiredCount\"\n\
        min_capacity = 1\nmax_capacity = 2\n";
    let attached = "policy_arn = \"arn:aws:iam::aws:policy/ReadOnlyAccess\"\n";
    let rules = "lifecycle_policy_text = { rules = [{ rulePriority = 1, selection = { tagStatus = \"any\", \
        countType = \"imageCountMoreThan\", countNumber = 5 }, action = { type = \"expire\" } }] }";
    let mapping = "api_id = \"a\"\nstage = \"s\"\n";
    let cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/main";
    let elsewhere = "arn:aws:ecs:eu-west-1:123456789012:cluster/main";
    let of_others = "arn:aws:ecs:us-east-1:210987654321:cluster/main";
    for (child, through, text, more, parent) in [
        (
            "iam.role_policy.x",
            "role_name",
            "App",
            policy,
            Some("iam.role.app"),
        ),
        // IAM takes names that differ in case for the same.
        (
            "iam.role_policy.x",
            "role_name",
            "app",
            policy,
            Some("iam.role.app"),
        ),
        ("iam.role_policy.x", "role_name", "apps", policy, None),
        (
            "iam.role_policy_attachment.x",
            "role_name",
            "APP",
            attached,
            Some("iam.role.app"),
        ),
        (
            "ecr.lifecycle_policy.x",
            "repository_name",
            "shop-t1/app",
            rules,
            Some("ecr.repository.app"),
        ),
        (
            "ecr.lifecycle_policy.x",
            "repository_name",
            "${local.prefix}/app",
            rules,
            Some("ecr.repository.app"),
        ),
        ("ecr.lifecycle_policy.x", "repository_name", "app", rules, None),
        (
            "ecs.service.x",
            "cluster",
            cluster,
            service,
            Some("ecs.cluster.main"),
        ),
        ("ecs.service.x", "cluster", elsewhere, service, None),
        ("ecs.service.x", "cluster", of_others, service, None),
        (
            "applicationautoscaling.scaling_policy.x",
            "resource_id",
            "service/main/app",
            scaling,
            Some("applicationautoscaling.scalable_target.app"),
        ),
        (
            "applicationautoscaling.scaling_policy.x",
            "resource_id",
            "service/main/web",
            scaling,
            None,
        ),
        (
            "applicationautoscaling.scalable_target.app",
            "",
            "",
            "",
            Some("ecs.service.app"),
        ),
        (
            "applicationautoscaling.scalable_target.x",
            "resource_id",
            "service/other/app",
            target,
            None,
        ),
        (
            "apigatewayv2.api_mapping.x",
            "domain_name",
            "API.example.com",
            mapping,
            Some("apigatewayv2.domain_name.main"),
        ),
    ] {
        let block = match through {
            "" => String::new(),
            through => format!("\n[{child}]\n{through} = \"{text}\"\n{more}"),
        };
        let loaded = read(&block);
        let said: Vec<&str> = loaded
            .diagnostics
            .iter()
            .map(|found| found.message.as_str())
            .collect();
        assert!(said.is_empty(), "{block}: {said:?}");
        let stack = loaded.stack.unwrap();
        let child: ResourceAddress = child.parse().unwrap();
        let needed: Vec<String> = stack.resources[&child]
            .dependencies
            .keys()
            .map(ToString::to_string)
            .collect();
        assert_eq!(needed, Vec::from_iter(parent), "{block}");
    }
}

/// The stage is named within its API, of which nothing is known but its address.
#[test]
fn a_stage_is_named_within_the_api_that_is_referred_to() {
    let apis = ["a", "b"].map(|name| {
        format!(
            "\n[apigatewayv2.api.{name}]\nname = \"{name}\"\nprotocol_type = \"HTTP\"\n\
             [apigatewayv2.stage.{name}]\napi_id = \"${{apigatewayv2.api.{name}.id}}\"\nstage_name = \"x\"\n"
        )
    });
    for (api, stage, needed) in [
        ("a", "x", vec!["apigatewayv2.api.a", "apigatewayv2.stage.a"]),
        ("b", "x", vec!["apigatewayv2.api.b", "apigatewayv2.stage.b"]),
        ("a", "y", vec!["apigatewayv2.api.a"]),
    ] {
        let mapping = format!(
            "\n[apigatewayv2.api_mapping.x]\ndomain_name = \"www.example.com\"\n\
             api_id = \"${{apigatewayv2.api.{api}.id}}\"\nstage = \"{stage}\"\n"
        );
        let stack = read(&(apis.concat() + &mapping)).stack.unwrap();
        let child: ResourceAddress = "apigatewayv2.api_mapping.x".parse().unwrap();
        let dependencies = stack.resources[&child].dependencies.keys();
        assert_eq!(
            dependencies.map(ToString::to_string).collect::<Vec<_>>(),
            needed,
            "{mapping}"
        );
    }
}

#[test]
fn a_circle_by_way_of_a_name_says_the_name() {
    let loaded = read(
        "\n[iam.role_policy.x]\nrole_name = \"app\"\npolicy_name = \"p\"\npolicy_document = { Statement = [{ Effect = \"Allow\", Action = \"*\", Resource = \"*\" }] }\n\
         [iam.role.b]\nrole_name = \"b\"\nassume_role_policy_document = { Statement = [{ Effect = \"Allow\", Principal = \"*\", Action = \"sts:AssumeRole\" }] }\ndepends_on = [\"iam.role_policy.y\"]\n\
         [iam.role_policy.y]\nrole_name = \"b\"\npolicy_name = \"p\"\npolicy_document = { Statement = [{ Effect = \"Allow\", Action = \"*\", Resource = \"*\" }] }\n",
    );
    let cycle = loaded
        .diagnostics
        .iter()
        .find(|found| found.code == "cycle")
        .unwrap();
    let labels = cycle.primary.iter().chain(&cycle.related);
    let said: Vec<&str> = labels.map(|label| label.text.as_str()).collect();
    assert_eq!(
        said,
        [
            "`iam.role.b` needs `iam.role_policy.y`",
            "`iam.role_policy.y` is under `iam.role.b`, which it names by \"b\"",
        ]
    );
}
