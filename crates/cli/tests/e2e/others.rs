//! Others work in the same account: by hand, or with a pipeline of their own. What they did is told, made good where it
//! is ours, and left alone where the file says so.

use serde_json::{Value, json};

use crate::harness::Project;

const FILE: &str = "stacks/shop.toml";

const SERVICE: &str = r#"
[stack]
name                = "shop"
environment         = "test"
stage               = "one"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.memory]
type    = "integer"
default = 512

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.main]
for_each          = { us-east-1a = "10.0.0.0/24", us-east-1b = "10.0.1.0/24" }
vpc_id            = "${ec2.vpc.main.id}"
availability_zone = "${each.key}"
cidr_block        = "${each.value}"

[ecs.task_definition.app]
family                   = "shop"
cpu                      = 256
memory                   = "${var.memory}"
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]

[[ecs.task_definition.app.container_definitions]]
name          = "app"
image         = "public.ecr.aws/docker/library/busybox:stable"
port_mappings = [{ container_port = 8080 }]

[ecs.cluster.main]
cluster_name = "shop"

[ecs.service.app]
cluster               = "${ecs.cluster.main.arn}"
service_name          = "shop-app"
task_definition       = "${ecs.task_definition.app.arn}"
desired_count         = 1
launch_type           = "FARGATE"
network_configuration = { subnets = "${[for subnet in ec2.subnet.main : subnet.id]}", assign_public_ip = "ENABLED" }
"#;

const API: &str = r#"
[apigatewayv2.api.main]
name          = "shop"
protocol_type = "HTTP"

[apigatewayv2.stage.main]
api_id      = "${apigatewayv2.api.main.id}"
stage_name  = "$default"
auto_deploy = true
"#;

#[test]
fn a_cluster_and_an_api_deleted_with_all_that_is_in_them_are_made_again_and_destroyed() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{SERVICE}{API}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let delete = || {
        project.boto3(
            &json!({}),
            "import time\n\
             ecs, gateway = client('ecs'), client('apigatewayv2')\n\
             ecs.delete_service(cluster='shop', service='shop-app', force=True)\n\
             for _ in range(100):\n    \
                 try:\n        ecs.delete_cluster(cluster='shop'); break\n    \
                 except ecs.exceptions.ClusterContainsServicesException: time.sleep(0.1)\n\
             for api in gateway.get_apis()['Items']: gateway.delete_api(ApiId=api['ApiId'])\n\
             result = None",
        );
    };
    delete();
    project.stack("diff", FILE, &[]).exits(2);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);
    delete();
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn what_a_pipeline_rolls_out_stays_where_the_file_says_so() {
    let project = Project::sandbox();
    let lifecycle = "lifecycle = { ignore_changes = [\"task_definition\"] }\n";
    project.write(FILE, &format!("{SERVICE}{lifecycle}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.boto3(
        &json!({}),
        "ecs = client('ecs')\n\
         first = ecs.describe_task_definition(taskDefinition='shop:1')['taskDefinition']\n\
         containers = first['containerDefinitions']\n\
         containers[0]['image'] = 'public.ecr.aws/docker/library/busybox:latest'\n\
         new = ecs.register_task_definition(family='shop', cpu='256', memory='512', networkMode='awsvpc',\n    \
             requiresCompatibilities=['FARGATE'], containerDefinitions=containers)['taskDefinition']\n\
         ecs.update_service(cluster='shop', service='shop-app', taskDefinition=new['taskDefinitionArn'])\n\
         ecs.deregister_task_definition(taskDefinition='shop:1')\n\
         result = None",
    );
    let runs = || {
        let script = "found = client('ecs').describe_services(cluster='shop', services=['shop-app'])['services'][0]\n\
                      result = found['taskDefinition'].rsplit('/', 1)[-1]";
        project.boto3(&json!({}), script)
    };
    // The revision that the file made is gone.
    project.stack("diff", FILE, &[]).exits(2);
    for more in [&[][..], &["--var", "memory=1024"]] {
        project.stack("apply", FILE, &[&["-y"], more].concat()).exits(0);
        assert_eq!(runs(), Value::from("shop:2"));
        project.stack("diff", FILE, more).exits(0);
    }
}

#[test]
fn an_immutable_tag_that_a_pipeline_wrote_is_taken_and_never_moved() {
    const REPOSITORY: &str = r#"
[ecr.repository.app]
repository_name      = "shop/app"
image_tag_mutability = "IMMUTABLE"
"#;
    let stack = |name: &str| {
        let (head, _) = SERVICE.split_once("[variable.memory]").unwrap();
        head.replace("\"shop\"", &format!("\"{name}\""))
    };
    let image = |repository: &str, layout: &str| {
        format!(
            "[ecr.image.app]\nrepository_uri = \"${{{repository}.repository_uri}}\"\n\
             source = {{ layout = \"../{layout}\" }}\nimage_tag = \"v1\"\n"
        )
    };
    let project = Project::sandbox();
    project.write_image("one", "one");
    project.write_image("two", "two");
    project.write(FILE, &format!("{}{REPOSITORY}", stack("shop")));
    project.stack("apply", FILE, &["-y"]).exits(0);
    // The pipeline has a state of its own.
    let pipeline = "stacks/pipeline.toml";
    let lookup = "[lookup.ecr.repository.app]\nrepository_name = \"shop/app\"\n";
    project.write(
        pipeline,
        &format!(
            "{}{lookup}{}",
            stack("pipeline"),
            image("lookup.ecr.repository.app", "one")
        ),
    );
    project.stack("apply", pipeline, &["-y"]).exits(0);

    // Who has the tag is asked before a plan, whether the state knows of it or not.
    for (layout, code, said) in [
        ("two", 1, "the tag shop/app:v1 may not be moved"),
        ("one", 0, ""),
        ("two", 1, "the tag shop/app:v1 may not be moved"),
        ("one", 0, ""),
    ] {
        let image = image("ecr.repository.app", layout);
        project.write(FILE, &format!("{}{REPOSITORY}{image}", stack("shop")));
        let run = project.stack("apply", FILE, &["-y"]).exits(code);
        assert!(run.stderr.contains(said), "{run}");
    }
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn a_stage_waits_for_the_routes_that_its_settings_name() {
    let project = Project::sandbox();
    let more = r#"
[apigatewayv2.stage.main.route_settings."POST /orders"]
throttling_burst_limit = 5
throttling_rate_limit  = 2

[apigatewayv2.integration.main]
api_id             = "${apigatewayv2.api.main.id}"
integration_type   = "HTTP_PROXY"
integration_method = "ANY"
integration_uri    = "https://shop.example.com/{proxy}"

[apigatewayv2.route.orders]
api_id    = "${apigatewayv2.api.main.id}"
route_key = "POST /orders"
target    = "integrations/${apigatewayv2.integration.main.id}"
"#;
    let (head, _) = SERVICE.split_once("[variable.memory]").unwrap();
    project.write(FILE, &format!("{head}{API}{more}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);
}
