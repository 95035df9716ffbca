//! What AWS deletes along with something else, or does not delete that with: it goes before it and comes after it.

use serde_json::json;

use crate::harness::Project;
use crate::order::{FILE, STACK, Shop};

const API: &str = r#"
[apigatewayv2.api.main]
name          = "main"
protocol_type = "HTTP"

[apigatewayv2.domain_name.main]
domain_name     = "api.example.com"
certificate_arn = "CERTIFICATE"
"#;

const CERTIFICATE: &str = "\
result = client('acm').request_certificate(DomainName='api.example.com', ValidationMethod='DNS')['CertificateArn']";

/// What is mapped, and which stages there are.
const MAPPED: &str = r#"
gateway = client('apigatewayv2')
api = gateway.get_apis()['Items'][0]['ApiId']
result = {
    'stages': sorted(stage['StageName'] for stage in gateway.get_stages(ApiId=api)['Items']),
    'mapped': [mapping['Stage'] for mapping in gateway.get_api_mappings(DomainName='api.example.com')['Items']],
}
"#;

fn stage(name: &str, at: &str) -> String {
    format!(
        "\n[apigatewayv2.stage.{at}]\napi_id = \"${{apigatewayv2.api.main.id}}\"\nstage_name = \"{name}\"\n"
    )
}

fn mapping(stage: &str) -> String {
    format!(
        "\n[apigatewayv2.api_mapping.main]\napi_id = \"${{apigatewayv2.api.main.id}}\"\n\
         domain_name = \"${{apigatewayv2.domain_name.main.domain_name}}\"\nstage = \"{stage}\"\n"
    )
}

#[test]
fn a_mapped_stage_is_replaced_renamed_and_moved_in_one_run() {
    let project = Project::sandbox();
    let certificate = project.boto3(&json!({}), CERTIFICATE);
    project.emulator().advance(3600.0).unwrap();
    let common = API.replace("CERTIFICATE", certificate.as_str().unwrap());
    let shop = Shop {
        project,
        before: format!("{STACK}{common}"),
    };
    let is_mapped = |to: &str| {
        let there = shop.project.boto3(&json!({}), MAPPED);
        assert_eq!(there, json!({ "stages": [to], "mapped": [to] }));
    };
    let replaced = || {
        let asked = ["-y", "--replace", "apigatewayv2.stage.main"];
        shop.project.stack("apply", FILE, &asked).exits(0);
        shop.project.stack("diff", FILE, &[]).exits(0);
    };
    shop.becomes(&(stage("x", "main") + &mapping("${apigatewayv2.stage.main.stage_name}")));
    replaced();
    is_mapped("x");
    // From here on the stage is named by a text.
    shop.becomes(&(stage("x", "main") + &mapping("x")));
    replaced();
    is_mapped("x");
    shop.becomes(&(stage("y", "main") + &mapping("y")));
    is_mapped("y");
    shop.becomes(&(stage("y", "other") + &mapping("y")));
    is_mapped("y");
    shop.project.forget_requests();
    let named = ["apigatewayv2.api_mapping.main still names what apigatewayv2.stage.other is now"];
    shop.apply(&(stage("z", "other") + &mapping("y")))
        .exits(65)
        .says(named);
    shop.touched_nothing();
    shop.becomes(&(stage("z", "other") + &mapping("z")));
    is_mapped("z");
}

/// A service, and a policy that names the target by texts.
const SCALED: &str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.main]
vpc_id     = "${ec2.vpc.main.id}"
cidr_block = "10.0.0.0/24"

[ecs.cluster.main]
cluster_name = "main"

[ecs.task_definition.app]
family                   = "app"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]
container_definitions    = [{ name = "app", image = "public.ecr.aws/nginx/nginx:stable" }]

[ecs.service.app]
cluster               = "${ecs.cluster.main.arn}"
service_name          = "app"
task_definition       = "${ecs.task_definition.app.arn}"
launch_type           = "FARGATE"
network_configuration = { subnets = ["${ec2.subnet.main.id}"] }

[applicationautoscaling.scaling_policy.app]
policy_name        = "cpu"
policy_type        = "TargetTrackingScaling"
service_namespace  = "ecs"
resource_id        = "service/main/app"
scalable_dimension = "ecs:service:DesiredCount"

[applicationautoscaling.scaling_policy.app.target_tracking_scaling_policy_configuration]
target_value                    = 60
predefined_metric_specification = { predefined_metric_type = "ECSServiceAverageCPUUtilization" }
"#;

#[test]
fn a_policy_comes_back_with_its_target_at_another_address() {
    let target = |name: &str| {
        format!(
            "\n[applicationautoscaling.scalable_target.{name}]\nservice_namespace = \"ecs\"\nresource_id = \"service/main/app\"\n\
             scalable_dimension = \"ecs:service:DesiredCount\"\nmin_capacity = 1\nmax_capacity = 4\n"
        )
    };
    let shop = Shop::new(SCALED, &target("one"));
    for name in ["two", "one"] {
        shop.becomes(&target(name));
        let there = shop.project.boto3(
            &json!({}),
            "policies = client('application-autoscaling').describe_scaling_policies(ServiceNamespace='ecs')\n\
             result = [policy['PolicyName'] for policy in policies['ScalingPolicies']]",
        );
        assert_eq!(there, json!(["cpu"]));
    }
}
