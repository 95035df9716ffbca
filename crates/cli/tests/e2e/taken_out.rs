//! What is empty in a file means what is not there, and what is taken out of it is taken away at AWS: neither is ever
//! told as a difference, or as something that others changed.

use crate::harness::Project;

const FILE: &str = "stacks/taken-out.toml";

const STACK: &str = r#"
[stack]
name                = "taken-out"
environment         = "test"
stage               = "one"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.none]
type    = "string"
default = ""

[ec2.eip.main]
domain               = "vpc"
public_ipv4_pool     = "${var.none}"
network_border_group = "${var.none}"

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.subnet.a]
vpc_id            = "${ec2.vpc.main.id}"
cidr_block        = "10.0.0.0/24"
availability_zone = "us-east-1a"

[ec2.subnet.any]
vpc_id            = "${ec2.vpc.main.id}"
cidr_block        = "10.0.2.0/24"
availability_zone = "${var.none}"

[ec2.subnet.b]
vpc_id            = "${ec2.vpc.main.id}"
cidr_block        = "10.0.1.0/24"
availability_zone = "us-east-1b"

[ec2.nat_gateway.main]
subnet_id          = "${ec2.subnet.a.id}"
allocation_id      = "${ec2.eip.main.id}"
private_ip_address = "${var.none}"
depends_on         = ["ec2.internet_gateway.main"]

[elbv2.load_balancer.main]
name            = "taken-out"
scheme          = "internal"
subnets         = ["${ec2.subnet.a.id}", "${ec2.subnet.b.id}"]
security_groups = []
access_logs     = { enabled = false, bucket = "", prefix = "" }

[elbv2.target_group.main]
name       = "taken-out"
protocol   = "HTTP"
port       = 80
vpc_id     = "${ec2.vpc.main.id}"
stickiness = { enabled = true, type = "lb_cookie", app_cookie_name = "" }

[ecs.cluster.main]
cluster_name = "taken-out"
settings     = []

[apigatewayv2.api.main]
name          = "taken-out"
protocol_type = "HTTP"
version       = "v1" # OUT

[apigatewayv2.route.main]
api_id         = "${apigatewayv2.api.main.id}"
route_key      = "GET /"
operation_name = "first" # OUT
target         = "integrations/${apigatewayv2.integration.main.id}"

[apigatewayv2.integration.main]
api_id                 = "${apigatewayv2.api.main.id}"
integration_type       = "HTTP_PROXY"
integration_method     = "GET"
integration_uri        = "https://example.com"
description            = "first" # OUT
payload_format_version = "1.0"

[apigatewayv2.integration.main.request_parameters]
"append:header.x" = "y"
"append:header.z" = "y" # OUT
"#;

#[test]
fn what_is_empty_is_not_there_and_what_is_taken_out_is_taken_away() {
    let project = Project::sandbox();
    let without: Vec<&str> = STACK.lines().filter(|line| !line.ends_with("# OUT")).collect();
    for (text, changed) in [(STACK, 13), (&without.join("\n"), 3)] {
        project.write(FILE, text);
        let done = project.stack("apply", FILE, &["-y"]).exits(0);
        let verb = if text == STACK { "created" } else { "changed" };
        done.tells(&format!("{changed} {verb}"));
        project.stack("diff", FILE, &[]).exits(0);
    }
    let left = project.boto3(
        &serde_json::Value::Null,
        "gateway = client('apigatewayv2')\n\
         api = gateway.get_apis()['Items'][0]\n\
         route = gateway.get_routes(ApiId=api['ApiId'])['Items'][0]\n\
         integration = gateway.get_integrations(ApiId=api['ApiId'])['Items'][0]\n\
         result = [api.get('Version') or None, route.get('OperationName') or None,\n\
                   integration.get('Description') or None, sorted(integration['RequestParameters'])]",
    );
    assert_eq!(left, serde_json::json!([null, null, null, ["append:header.x"]]));
    project.stack("destroy", FILE, &["-y"]).exits(0);
}
