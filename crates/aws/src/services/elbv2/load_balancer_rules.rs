//! AWS's rules for load balancers that need no call.

use std::collections::BTreeMap;

use infra_core::AttributePath;
use infra_provider::Stays;

use super::load_balancer::{LoadBalancerField as Field, PartialLoadBalancer};
use super::load_balancer_parts::{LoadBalancerType, SubnetMappingField};
use crate::prelude::*;
use crate::services::ec2::subnet::SubnetField;
use crate::together::{Stack, elements, meant};

/// A load balancer stays in its VPC: AWS refuses subnets and groups of another one (`InvalidConfigurationRequest`).
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html>
pub const STAYS_IN: &[Stays<Field>] = &[
    in_vpc("subnets", "ec2.subnet"),
    in_vpc("subnet_mappings.subnet_id", "ec2.subnet"),
    in_vpc("security_groups", "ec2.security_group"),
];

const fn in_vpc(at: &'static str, names: &'static str) -> Stays<Field> {
    Stays {
        at,
        names,
        through: "vpc_id",
        own: Field::VpcId,
    }
}

/// Checks a load balancer by itself.
pub fn check(given: &PartialLoadBalancer, problems: &mut Problems) {
    let is_application = matches!(
        given.kind,
        Partial::Unset | Partial::Known(LoadBalancerType::Application)
    );
    let few = given.subnets.known().is_some_and(|subnets| subnets.len() < 2);
    if few && is_application {
        let message = "an application load balancer needs subnets in two availability zones at least";
        problems.at(Field::Subnets.name(), message);
    }
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
    for (position, mapping) in given.subnet_mappings.known_elements() {
        if is_application && mapping.allocation_id.is_set() {
            let path = AttributePath::attribute(Field::SubnetMappings.name()).index(position);
            let message = "an application load balancer takes no elastic IP addresses";
            problems.at(path.name(SubnetMappingField::AllocationId.name()), message);
        }
    }
}

/// Two subnets of one zone, as far as the stack says which zones they are in.
pub fn check_zones(attributes: &Attributes, stack: &Stack) -> Option<Problem> {
    let mut by_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for subnet in elements(attributes, Field::Subnets) {
        let subnet = meant(stack, Some(subnet), "ec2.subnet")?;
        *by_zone
            .entry(known_str(subnet, SubnetField::AvailabilityZone)?)
            .or_default() += 1;
    }
    let (zone, count) = by_zone.into_iter().find(|(_, count)| *count > 1)?;
    Some(Problem {
        path: Field::Subnets.name().into(),
        message: format!(
            "{count} of these subnets are in {zone}: a load balancer takes one subnet of a zone"
        ),
        help: Some("name one subnet for each availability zone".into()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use infra_core::Value;
    use infra_provider::Resource;

    use crate::services::elbv2::load_balancer::LoadBalancer;
    use crate::services::testing::{reference, refused};

    #[test]
    fn names_subnets_and_settings_are_checked() {
        let two = json!(["subnet-1", "subnet-2"]);
        for (attributes, said) in [
            (json!({ "name": "main", "subnets": two }), vec![]),
            (
                json!({ "name": "a-name-of-more-than-32-characters", "subnets": two }),
                vec!["name: `a-name-of-more-than-32-characters` has 33 characters: AWS takes 1 to 32"],
            ),
            (
                json!({ "name": "internal-main", "subnets": two }),
                vec!["name: `internal-main` starts with `internal-`, which AWS keeps for itself"],
            ),
            (
                json!({ "name": "-main", "subnets": two }),
                vec!["name: `-main` may neither start nor end with a hyphen"],
            ),
            (
                json!({ "name": "my_main", "subnets": two }),
                vec!["name: `my_main` has `_` in it: AWS takes letters, digits and hyphens"],
            ),
            (
                json!({ "name": "main", "subnets": ["subnet-1"] }),
                vec![
                    "subnets: an application load balancer needs subnets in two availability zones at least",
                ],
            ),
            (
                json!({ "name": "main", "type": "network", "subnets": ["subnet-1"] }),
                vec![],
            ),
            (
                json!({ "name": "main", "subnet_mappings": [
                    { "subnet_id": "subnet-1", "allocation_id": "eipalloc-1" }, { "subnet_id": "subnet-2" },
                ] }),
                vec![
                    "subnet_mappings[0].allocation_id: an application load balancer takes no elastic IP addresses",
                ],
            ),
            (
                json!({ "name": "main", "type": "network", "subnets": two,
                    "ip_address_type": "dualstack-without-public-ipv4" }),
                vec!["ip_address_type: is not for `type` `network`"],
            ),
            (
                json!({ "name": "main" }),
                vec![": set one of subnets, subnet_mappings"],
            ),
            (
                json!({ "name": "main", "type": "network", "subnets": two, "http2_enabled": true }),
                vec!["http2_enabled: is only for `type` `application`, not `network`"],
            ),
            (
                json!({ "name": "main", "subnets": two, "idle_timeout_seconds": 4001 }),
                vec!["idle_timeout_seconds: 4001 is not between 1 and 4000"],
            ),
            (
                json!({ "name": "main", "subnets": two, "access_logs": { "enabled": true } }),
                vec!["access_logs.bucket: is needed where `enabled` is `true`"],
            ),
        ] {
            assert_eq!(refused::<LoadBalancer>(attributes), said);
        }
    }

    #[test]
    fn two_subnets_of_one_zone_are_refused() {
        let stack = |zones: [&str; 2]| -> Stack {
            let subnet = |zone: &str| Attributes::from([("availability_zone".into(), Value::from(zone))]);
            let subnets = vec![reference("ec2.subnet.a.id"), reference("ec2.subnet.b.id")];
            Stack::from([
                ("ec2.subnet.a".parse().unwrap(), subnet(zones[0])),
                ("ec2.subnet.b".parse().unwrap(), subnet(zones[1])),
                (
                    "elbv2.load_balancer.main".parse().unwrap(),
                    Attributes::from([("subnets".into(), Value::List(subnets))]),
                ),
            ])
        };
        assert_eq!(
            LoadBalancer::validate_together(&stack(["us-east-1a", "us-east-1b"])),
            []
        );
        let found = LoadBalancer::validate_together(&stack(["us-east-1a", "us-east-1a"]));
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .1
                .message
                .starts_with("2 of these subnets are in us-east-1a")
        );
    }
}
