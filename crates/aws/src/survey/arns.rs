//! From an ARN, as AWS's index of tags tells it, to a type and the id that the type reads by.

use infra_core::PhysicalId;

/// What the part of an ARN behind the account begins with, by service, and the type that this is.
const KINDS: &[(&str, &str, &str)] = &[
    ("apigateway", "/apis/", "apigatewayv2.api"),
    ("apigateway", "/domainnames/", "apigatewayv2.domain_name"),
    ("apigateway", "/vpclinks/", "apigatewayv2.vpc_link"),
    ("ecr", "repository/", "ecr.repository"),
    ("ecs", "cluster/", "ecs.cluster"),
    ("ecs", "service/", "ecs.service"),
    ("ecs", "task-definition/", "ecs.task_definition"),
    ("elasticloadbalancing", "listener/", "elbv2.listener"),
    ("elasticloadbalancing", "loadbalancer/app/", "elbv2.load_balancer"),
    ("elasticloadbalancing", "loadbalancer/net/", "elbv2.load_balancer"),
    ("elasticloadbalancing", "targetgroup/", "elbv2.target_group"),
    ("iam", "policy/", "iam.policy"),
    ("logs", "log-group:", "logs.log_group"),
];

/// EC2's ids tell the type; what its ARNs call the types varies.
const EC2_IDS: &[(&str, &str)] = &[
    ("eipalloc-", "ec2.eip"),
    ("igw-", "ec2.internet_gateway"),
    ("nat-", "ec2.nat_gateway"),
    ("rtb-", "ec2.route_table"),
    ("sg-", "ec2.security_group"),
    ("sgr-", "ec2.security_group_rule"),
    ("subnet-", "ec2.subnet"),
    ("vpc-", "ec2.vpc"),
    ("vpce-", "ec2.vpc_endpoint"),
];

/// The type of something with this id of EC2's; `None` when there is no such type.
pub fn type_of_ec2_id(id: &str) -> Option<&'static str> {
    EC2_IDS
        .iter()
        .find(|(start, _)| id.starts_with(start))
        .map(|(_, resource_type)| *resource_type)
}

/// The type and id of what an ARN names; `None` when there is no such type.
pub fn type_and_id(arn: &str) -> Option<(&'static str, PhysicalId)> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    if service == "ec2" {
        let id = resource.rsplit('/').next()?;
        return type_of_ec2_id(id).map(|resource_type| (resource_type, PhysicalId::new(id)));
    }
    let (_, start, resource_type) = KINDS
        .iter()
        .find(|(of, start, _)| *of == service && resource.starts_with(start))?;
    let rest = resource.strip_prefix(start)?;
    let id = match (*resource_type, rest.split_once("/stages/")) {
        ("apigatewayv2.api", Some((api, stage))) => {
            return Some(("apigatewayv2.stage", PhysicalId::composite([api, stage])));
        }
        ("logs.log_group", _) => rest.strip_suffix(":*").unwrap_or(rest),
        (known, _) if known.starts_with("apigatewayv2.") && rest.contains('/') => return None,
        (known, _) if known.starts_with("apigatewayv2.") || known.starts_with("ecr.") => rest,
        _ => arn,
    };
    Some((*resource_type, PhysicalId::new(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_become_the_ids_that_types_read_by() {
        let cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/main";
        let listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/main/50dc6c495c0c9188/f2f7dc8efc522ab2";
        let cases = [
            (
                "arn:aws:ec2:us-east-1:123456789012:natgateway/nat-1",
                Some(("ec2.nat_gateway", "nat-1")),
            ),
            (
                "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/vpce-1",
                Some(("ec2.vpc_endpoint", "vpce-1")),
            ),
            ("arn:aws:ec2:us-east-1:123456789012:volume/vol-1", None),
            (
                "arn:aws-cn:ecr:cn-north-1:123456789012:repository/team/app",
                Some(("ecr.repository", "team/app")),
            ),
            (
                "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/app:*",
                Some(("logs.log_group", "/ecs/app")),
            ),
            (
                "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/app",
                Some(("logs.log_group", "/ecs/app")),
            ),
            (cluster, Some(("ecs.cluster", cluster))),
            ("arn:aws:ecs:us-east-1:123456789012:task/main/0123", None),
            (listener, Some(("elbv2.listener", listener))),
            (
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/classic",
                None,
            ),
            (
                "arn:aws:apigateway:us-east-1::/apis/a1",
                Some(("apigatewayv2.api", "a1")),
            ),
            (
                "arn:aws:apigateway:us-east-1::/apis/a1/stages/$default",
                Some(("apigatewayv2.stage", "a1/$default")),
            ),
            (
                "arn:aws:apigateway:us-east-1::/domainnames/api.example.com",
                Some(("apigatewayv2.domain_name", "api.example.com")),
            ),
            ("arn:aws:apigateway:us-east-1::/apis/a1/routes/r1", None),
            ("arn:aws:s3:::bucket", None),
            ("nonsense", None),
        ];
        for (arn, expected) in cases {
            let found = type_and_id(arn);
            let found = found.as_ref().map(|(kind, id)| (*kind, id.as_str()));
            assert_eq!(found, expected, "{arn}");
        }
    }
}
