//! What means the same to AWS is no difference, in whatever way the file writes it; what does not is one.

use serde_json::json;

use crate::harness::Project;
use crate::order::FILE;

/// Each thing is written in a way in which AWS does not tell it back.
const STACK: &str = r#"[stack]
name                = "same"
environment         = "test"
stage               = "one"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]

# Empty unless somebody says something, as in any blueprint that is shared.
[variable.note]
type    = "string"
default = ""

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.security_group.web]
group_name  = "same-web"
description = "web"
vpc_id      = "${ec2.vpc.main.id}"

[ec2.security_group_rule.number]
type              = "ingress"
security_group_id = "${ec2.security_group.web.id}"
ip_protocol       = "6"
from_port         = 443
to_port           = 443
cidr_ipv4         = "10.1.0.0/16"
description       = "${var.note}"

[ec2.security_group_rule.upper]
type              = "ingress"
security_group_id = "${ec2.security_group.web.id}"
ip_protocol       = "UDP"
from_port         = 53
to_port           = 53
cidr_ipv4         = "10.1.0.0/16"

[ec2.security_group_rule.all]
type              = "ingress"
security_group_id = "${ec2.security_group.web.id}"
ip_protocol       = "all"
cidr_ipv4         = "10.2.0.0/16"

[iam.role.app]
role_name   = "same-app"
description = "${var.note}"

[iam.role.app.assume_role_policy_document]
Statement = [{ Sid = "", Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { AWS = "123456789012" } }]

[apigatewayv2.api.main]
name               = "same"
protocol_type      = "HTTP"
description        = "${var.note}"
cors_configuration = { allow_headers = ["X-Id", "Content-Type"], allow_methods = ["GET"], allow_origins = ["*"] }

[apigatewayv2.stage.main]
api_id      = "${apigatewayv2.api.main.id}"
stage_name  = "$default"
auto_deploy = true
description = "${var.note}"

[ecs.task_definition.app]
family                   = "same"
network_mode             = "bridge"
requires_compatibilities = ["EC2"]
task_role_arn            = "${var.note}"

[[ecs.task_definition.app.container_definitions]]
name              = "app"
image             = "public.ecr.aws/nginx/nginx:stable"
memory            = 128
user              = "${var.note}"
working_directory = "${var.note}"
port_mappings     = [{ container_port = 8080, host_port = 0 }, { container_port = 8081, protocol = "tcp" }]
mount_points      = []
environment       = { B = "", A = "1" }

[ecs.task_definition.own_address]
family                   = "same-own-address"
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]
cpu                      = 256
memory                   = 512

[[ecs.task_definition.own_address.container_definitions]]
name          = "app"
image         = "public.ecr.aws/nginx/nginx:stable"
port_mappings = [{ container_port = 9000, host_port = 9000 }, { container_port = 9001 }]

[ecr.repository.app]
repository_name = "same/app"

[ecr.lifecycle_policy.app]
repository_name       = "${ecr.repository.app.repository_name}"
lifecycle_policy_text = '{ "rules": [ { "action": { "type": "expire" }, "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5 } } ] }'

[route53.record.name]
hosted_zone_id     = "<zone>"
name               = "WWW.Example.com."
type               = "CNAME"
ttl                = 60
resource_records   = ["Shop.Example.NET."]
multi_value_answer = false

[route53.record.long]
hosted_zone_id   = "<zone>"
name             = "\\052.example.com"
type             = "AAAA"
ttl              = 60
resource_records = ["2001:DB8:0:0:0:0:0:1"]

[route53.record.texts]
hosted_zone_id   = "<zone>"
name             = "example.com"
type             = "TXT"
ttl              = 60
resource_records = ['"a@b"   "c"']
"#;

/// What the file says, what it says instead of that, and whose difference that is; none: it means the same.
const EDITS: &[(&str, &str, Option<&str>)] = &[
    (
        "container_port = 9001",
        "container_port = 9001, host_port = 9001",
        None,
    ),
    ("ip_protocol       = \"6\"", "ip_protocol       = \"tcp\"", None),
    (
        "ip_protocol       = \"6\"",
        "ip_protocol       = \"17\"",
        Some("ec2.security_group_rule.number"),
    ),
    ("ip_protocol       = \"UDP\"", "ip_protocol       = \"17\"", None),
    ("ip_protocol       = \"all\"", "ip_protocol       = \"-1\"", None),
    (
        "ip_protocol       = \"all\"",
        "ip_protocol       = \"50\"",
        Some("ec2.security_group_rule.all"),
    ),
    (
        "AWS = \"123456789012\"",
        "AWS = \"arn:aws:iam::123456789012:root\"",
        None,
    ),
    (
        "AWS = \"123456789012\"",
        "AWS = \"123456789013\"",
        Some("iam.role.app"),
    ),
    (
        "Action = [\"sts:AssumeRole\"]",
        "Action = \"sts:AssumeRole\"",
        None,
    ),
    (
        "[\"X-Id\", \"Content-Type\"]",
        "[\"content-type\", \"x-id\"]",
        None,
    ),
    (
        "[\"X-Id\", \"Content-Type\"]",
        "[\"content-type\"]",
        Some("apigatewayv2.api.main"),
    ),
    (
        "host_port = 0",
        "host_port = 8080",
        Some("ecs.task_definition.app"),
    ),
    (", host_port = 0", "", None),
    ("task_role_arn            = \"${var.note}\"\n", "", None),
    (
        "user              = \"${var.note}\"",
        "user              = \"1000\"",
        Some("ecs.task_definition.app"),
    ),
    ("B = \"\"", "B = \"2\"", Some("ecs.task_definition.app")),
    ("B = \"\", ", "", Some("ecs.task_definition.app")),
    ("WWW.Example.com.", "www.example.com", None),
    ("Shop.Example.NET.", "shop.example.net", None),
    (
        "Shop.Example.NET.",
        "shop.example.org",
        Some("route53.record.name"),
    ),
    ("multi_value_answer = false\n", "", None),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1", None),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::2", Some("route53.record.long")),
    ("\"a@b\"   \"c\"", "\"a\\100b\" \"c\"", None),
    ("\"a@b\"   \"c\"", "\"A@b\" \"c\"", Some("route53.record.texts")),
    ("\"countNumber\": 5", "\"countNumber\": 5.0", None),
    (
        "\"countNumber\": 5",
        "\"countNumber\": 6",
        Some("ecr.lifecycle_policy.app"),
    ),
];

#[test]
fn what_means_the_same_is_no_difference_and_a_change_is() {
    let project = Project::sandbox();
    let made = project.boto3(
        &json!({}),
        "made = client('route53').create_hosted_zone(Name='example.com', CallerReference='1')\n\
         result = made['HostedZone']['Id'].rsplit('/', 1)[-1]",
    );
    let stack = STACK.replace("<zone>", made.as_str().unwrap());
    project.write(FILE, &stack);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &[]).exits(0);
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(project.requests().mutating_total, 0);

    let differs = |text: &str, more: &[&str]| {
        project.write(FILE, text);
        let run = project.stack("diff", FILE, &[&["--output", "json"], more].concat());
        let changes = run.json_of("change").into_iter();
        let changes = changes.filter(|change| change["action"] != "no_op");
        let addresses: Vec<String> = changes
            .map(|change| change["address"].as_str().unwrap().to_owned())
            .collect();
        run.exits(if addresses.is_empty() { 0 } else { 2 });
        addresses
    };
    for (before, after, expected) in EDITS {
        assert!(stack.contains(before), "{before}");
        let found = differs(&stack.replacen(before, after, 1), &[]);
        assert_eq!(
            found,
            Vec::from_iter(expected.map(str::to_owned)),
            "{before} -> {after}"
        );
    }

    // What is said after all is set, and taken away again.
    let stack = stack.replace("task_role_arn            = \"${var.note}\"\n", "");
    for note in [&["--var", "note=about"][..], &[]] {
        assert!(!differs(&stack, note).is_empty());
        project.stack("apply", FILE, &[&["-y"], note].concat()).exits(0);
        project.stack("diff", FILE, note).exits(0);
    }
}
