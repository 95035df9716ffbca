//! AWS's rules for load balancers that need no call.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::types::{Problem, Problems, known, known_integer, known_str};
use infra_core::{Attributes, Value};
use infra_provider::Staying;

use super::common::{check_name, check_range};
use super::load_balancer_parts::SETTINGS;
use super::settings::Of;
use crate::together::{Stack, elements, meant};

/// A load balancer stays in its VPC: AWS refuses subnets and groups of another one (`InvalidConfigurationRequest`).
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html>
pub const STAYS_IN: &[Staying] = &[
    in_vpc("subnets", "ec2.subnet"),
    in_vpc("subnet_mappings.subnet_id", "ec2.subnet"),
    in_vpc("security_groups", "ec2.security_group"),
];

const fn in_vpc(attribute: &'static str, names: &'static str) -> Staying {
    Staying {
        attribute,
        names,
        through: "vpc_id",
        own: "vpc_id",
    }
}

/// Checks a load balancer by itself.
pub fn check(attributes: &Attributes, problems: &mut Problems) {
    check_name(attributes, problems);
    if let Some(name) = known_str(attributes, "name").filter(|name| name.starts_with("internal-")) {
        problems.at(
            "name",
            format!("`{name}` starts with `internal-`, which AWS keeps for itself"),
        );
    }
    let is_network = known_str(attributes, "type") == Some("network");
    check_subnets(attributes, is_network, problems);
    let seconds = |name: &str| known_integer(attributes, name);
    check_range(
        "idle_timeout_seconds",
        seconds("idle_timeout_seconds"),
        1,
        4000,
        problems,
    );
    let keep_alive = "client_keep_alive_seconds";
    check_range(keep_alive, seconds(keep_alive), 60, 604_800, problems);
    // What neither type knows is no attribute at all, so only the other type's own ones are wrong.
    let wrong = if is_network { Of::Application } else { Of::Network };
    let foreign: BTreeSet<&str> = SETTINGS
        .iter()
        .filter(|setting| setting.of == wrong)
        .map(|setting| setting.place().0)
        .filter(|name| known(attributes, name).is_some())
        .collect();
    if attributes.get("type").is_none_or(|kind| !kind.has_unknown()) {
        let which = if is_network { "network" } else { "application" };
        for name in foreign {
            problems.at(
                name,
                format!("a load balancer of type `{which}` has no such setting"),
            );
        }
    }
    for name in ["access_logs", "connection_logs"] {
        let table = attributes.get(name).and_then(Value::as_map);
        let is_on = table
            .and_then(|table| table.get("enabled"))
            .and_then(Value::as_bool);
        if is_on == Some(true) && table.is_some_and(|table| !table.contains_key("bucket")) {
            problems.at(name, "logs need the `bucket` that they are written to");
        }
    }
}

fn check_subnets(attributes: &Attributes, is_network: bool, problems: &mut Problems) {
    let is_set = |name: &str| attributes.get(name).is_some_and(|value| !value.is_null());
    match (is_set("subnets"), is_set("subnet_mappings")) {
        (true, true) => problems.at("subnet_mappings", "takes the place of `subnets`: set one of them"),
        (false, false) => problems.at_with_help(
            "subnets",
            "a load balancer needs subnets",
            "name one subnet for each availability zone",
        ),
        _ => {}
    }
    let count = attributes
        .get("subnets")
        .and_then(Value::as_list)
        .map(<[Value]>::len);
    let is_application = !is_network && attributes.get("type").is_none_or(|kind| !kind.has_unknown());
    if is_application && count.is_some_and(|count| count < 2) {
        problems.at(
            "subnets",
            "an application load balancer needs subnets in two availability zones at least",
        );
    }
}

/// Two subnets of one zone, as far as the stack says which zones they are in.
pub fn check_zones(attributes: &Attributes, stack: &Stack) -> Option<Problem> {
    let mut by_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for subnet in elements(attributes, "subnets") {
        let subnet = meant(stack, Some(subnet), "ec2.subnet")?;
        *by_zone
            .entry(known_str(subnet, "availability_zone")?)
            .or_default() += 1;
    }
    let (zone, count) = by_zone.into_iter().find(|(_, count)| *count > 1)?;
    Some(Problem {
        path: "subnets".into(),
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
    use infra_provider::ResourceType;

    use crate::services::elbv2::load_balancer::LoadBalancer;
    use crate::services::testing::{check, reference};

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
                json!({ "name": "main" }),
                vec!["subnets: a load balancer needs subnets"],
            ),
            (
                json!({ "name": "main", "type": "network", "subnets": two, "http2_enabled": true }),
                vec!["http2_enabled: a load balancer of type `network` has no such setting"],
            ),
            (
                json!({ "name": "main", "subnets": two, "idle_timeout_seconds": 4001 }),
                vec!["idle_timeout_seconds: 4001 is not between 1 and 4000"],
            ),
            (
                json!({ "name": "main", "subnets": two, "access_logs": { "enabled": true } }),
                vec!["access_logs: logs need the `bucket` that they are written to"],
            ),
        ] {
            assert_eq!(check::<LoadBalancer>(attributes), said);
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
