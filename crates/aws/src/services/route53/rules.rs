//! Rules of records that need no call.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::collections::BTreeMap;

use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, ResourceAddress, Value};
use infra_provider::Clashing;

use super::names::plain;
use super::values::check_values;

/// A CNAME stands alone at its name, and all records of one name and type are chosen from in the same way; of those there is
/// one for a region, one primary and one secondary.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
/// <https://github.com/hashicorp/terraform-provider-aws/issues/1668> <https://github.com/boto/boto3/issues/1347>
pub const CLASHES: &[Clashing] = &[
    Clashing::OnlyOneHas {
        same: &["hosted_zone_id", "name"],
        attribute: "type",
        value: Some("CNAME"),
    },
    one_way_of_choosing("set_identifier"),
    one_way_of_choosing("weight"),
    one_way_of_choosing("region"),
    one_way_of_choosing("failover"),
    one_way_of_choosing("multi_value_answer"),
    only_one_for(&["region"]),
    only_one_for(&["failover"]),
];

const fn one_way_of_choosing(attribute: &'static str) -> Clashing {
    Clashing::OnlyOneHas {
        same: &["hosted_zone_id", "name", "type"],
        attribute,
        value: None,
    }
}

const fn only_one_for(at: &'static [&'static str]) -> Clashing {
    Clashing::Shared {
        same: &["hosted_zone_id", "name", "type"],
        at,
        owner: None,
    }
}

/// What makes a record one of several of its name and type.
const ROUTING: &[&str] = &["weight", "region", "failover", "multi_value_answer"];

/// Checks a whole record.
pub fn check(attributes: &Attributes, problems: &mut Problems) {
    if let Some(zone) = known_str(attributes, "hosted_zone_id")
        && zone.contains('/')
    {
        let id = zone.rsplit('/').next().unwrap_or_default();
        problems.at_with_help(
            "hosted_zone_id",
            format!("`{zone}` is no hosted zone's id"),
            format!("write \"{id}\""),
        );
    }
    if let Some(name) = known_str(attributes, "name") {
        check_name(name, problems);
    }
    check_parts(attributes, problems);
    check_routing(attributes, problems);
    if let Some(ttl) = known_integer(attributes, "ttl")
        && !(0..=2_147_483_647).contains(&ttl)
    {
        problems.at("ttl", format!("must be 0 to 2147483647 seconds, not {ttl}"));
    }
    if let Some(values) = attributes.get("resource_records").and_then(Value::as_list) {
        check_values(known_str(attributes, "type"), values, problems);
    }
    let target = attributes.get("alias_target").and_then(Value::as_map);
    if let Some(name) = target.and_then(|target| known_str(target, "dns_name")) {
        check_spelling("alias_target.dns_name", name, problems);
    }
}

fn is_set(attributes: &Attributes, name: &str) -> bool {
    attributes.get(name).is_some_and(|value| !value.is_null())
}

/// Route 53 has one spelling of a name; the file has to use it, or it would differ for ever.
fn check_spelling(path: &str, name: &str, problems: &mut Problems) {
    let spelled = plain(name);
    if spelled != name {
        problems.at_with_help(
            path,
            format!("`{name}` must be in lower case, without a dot at its end or codes such as \\052"),
            format!("write \"{spelled}\", or use lower() where it is a reference"),
        );
    }
}

fn check_name(name: &str, problems: &mut Problems) {
    check_spelling("name", name, problems);
    let name = plain(name);
    if name.len() > 255 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        problems.at(
            "name",
            format!("`{name}` is no name: 255 characters at most, 1 to 63 between two dots"),
        );
    }
}

/// Either values with a TTL, or an alias.
fn check_parts(attributes: &Attributes, problems: &mut Problems) {
    if is_set(attributes, "alias_target") {
        for name in ["ttl", "resource_records"] {
            if is_set(attributes, name) {
                problems.at(
                    name,
                    "an alias has no values and no TTL of its own: it takes its target's",
                );
            }
        }
        return;
    }
    match (is_set(attributes, "ttl"), is_set(attributes, "resource_records")) {
        (true, true) => {}
        (false, true) => problems.at("", "a record with `resource_records` needs `ttl`"),
        (true, false) => problems.at("", "a record with `ttl` needs `resource_records`"),
        (false, false) => problems.at(
            "",
            "a record needs `ttl` and `resource_records`, or `alias_target`",
        ),
    }
}

fn check_routing(attributes: &Attributes, problems: &mut Problems) {
    let used: Vec<&str> = ROUTING
        .iter()
        .copied()
        .filter(|name| is_set(attributes, name))
        .collect();
    if let [first, second, ..] = used.as_slice() {
        problems.at(*second, format!("cannot be together with `{first}`"));
    }
    match (is_set(attributes, "set_identifier"), used.first()) {
        (false, Some(name)) => problems.at(
            *name,
            "needs `set_identifier`, which tells records of the same name and type apart",
        ),
        (true, None) => problems.at("set_identifier", format!("needs one of {}", ROUTING.join(", "))),
        _ => {}
    }
    let is_alias = is_set(attributes, "alias_target");
    let is_primary = known_str(attributes, "failover") == Some("PRIMARY");
    if is_primary && !is_alias && !is_set(attributes, "health_check_id") {
        // https://github.com/kubernetes-sigs/external-dns/issues/2362
        problems.at(
            "failover",
            "a primary record with values needs `health_check_id`: Route 53 fails over when that says so",
        );
    }
    if is_alias && is_set(attributes, "multi_value_answer") {
        problems.at(
            "multi_value_answer",
            "an alias cannot be one of several that answer together",
        );
    }
    if let Some(weight) = known_integer(attributes, "weight")
        && !(0..=255).contains(&weight)
    {
        problems.at("weight", format!("must be 0 to 255, not {weight}"));
    }
}

/// A zone that is looked up by its name has records of that name and of names under it, and no CNAME of its own name.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CNAMEFormat>
pub fn check_zone(
    attributes: &Attributes,
    lookups: &BTreeMap<ResourceAddress, Attributes>,
    problems: &mut Problems,
) {
    let Some(Value::Unknown(unknown)) = attributes.get("hosted_zone_id") else {
        return;
    };
    let origin = unknown.origin.as_ref();
    let lookup = origin.filter(|origin| origin.address.type_name().to_string() == "route53.hosted_zone");
    let zone = lookup.and_then(|origin| known_str(lookups.get(&origin.address)?, "name"));
    let (Some(zone), Some(name)) = (zone.map(plain), known_str(attributes, "name").map(plain)) else {
        return;
    };
    let is_under = name
        .strip_suffix(&zone)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'));
    if !is_under {
        problems.at_with_help(
            "name",
            format!("`{name}` is not in the zone `{zone}`, and Route 53 takes no record of it there"),
            format!("write \"{name}.{zone}\""),
        );
    } else if name == zone && known_str(attributes, "type") == Some("CNAME") {
        problems.at_with_help(
            "type",
            format!("`{zone}` is the zone itself, which has records of its own, and a CNAME stands alone at its name"),
            "point to an AWS resource with `alias_target` and type A or AAAA, or use another name",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_checked_by_their_type() {
        let cases = [
            (
                json!({"hosted_zone_id": "Z1", "name": "*.example.com", "type": "A", "ttl": 60,
                    "resource_records": ["192.0.2.1"]}),
                vec![],
            ),
            (
                json!({"name": "a.example.com", "type": "A",
                    "alias_target": {"dns_name": "d-1.example.com", "hosted_zone_id": "Z2"}}),
                vec![],
            ),
            (
                json!({"hosted_zone_id": "/hostedzone/Z1", "name": "A.example.com.", "type": "A"}),
                vec![
                    "hosted_zone_id: `/hostedzone/Z1` is no hosted zone's id",
                    "name: `A.example.com.` must be in lower case, without a dot at its end or codes such as \
                     \\052",
                    ": a record needs `ttl` and `resource_records`, or `alias_target`",
                ],
            ),
            (
                json!({"type": "A", "ttl": 60, "alias_target": {"dns_name": "LB.example.com"}}),
                vec![
                    "ttl: an alias has no values and no TTL of its own: it takes its target's",
                    "alias_target.dns_name: `LB.example.com` must be in lower case, without a dot at its end \
                     or codes such as \\052",
                ],
            ),
            (
                json!({"type": "CNAME", "ttl": -1, "resource_records": ["a.example.com", "b c"]}),
                vec![
                    "ttl: must be 0 to 2147483647 seconds, not -1",
                    "resource_records: a CNAME record has exactly one value, not 2",
                    "resource_records: `b c` is no name",
                ],
            ),
            (
                json!({"type": "AAAA", "ttl": 60, "resource_records": ["2001:db8::1", "192.0.2.1"]}),
                vec!["resource_records: `192.0.2.1` is no IPv6 address"],
            ),
            (
                json!({"type": "TXT", "ttl": 60, "resource_records": ["\"a\" \"b\"", "a"]}),
                vec!["resource_records: `a` must be in quotation marks, such as \"\\\"v=spf1 -all\\\"\""],
            ),
            (
                json!({"type": "MX", "ttl": 60, "resource_records": ["10 mail.example.com", "mail"]}),
                vec!["resource_records: `mail` is no preference and host such as `10 mail.example.com`"],
            ),
            (
                json!({"type": "A", "ttl": 60, "resource_records": [], "weight": 300, "failover": "PRIMARY"}),
                vec![
                    "failover: cannot be together with `weight`",
                    "weight: needs `set_identifier`, which tells records of the same name and type apart",
                    "failover: a primary record with values needs `health_check_id`: Route 53 fails over when that \
                     says so",
                    "weight: must be 0 to 255, not 300",
                    "resource_records: a record needs one value at least",
                ],
            ),
            (
                json!({"name": "a..b", "ttl": 60, "resource_records": ["x"], "set_identifier": "a"}),
                vec![
                    "name: `a..b` is no name: 255 characters at most, 1 to 63 between two dots",
                    "set_identifier: needs one of weight, region, failover, multi_value_answer",
                ],
            ),
        ];
        for (attributes, said) in cases {
            let Value::Map(attributes) = Value::from(attributes) else {
                panic!("no table")
            };
            let mut problems = Problems::default();
            check(&attributes, &mut problems);
            let messages: Vec<String> = problems
                .into_vec()
                .into_iter()
                .map(|problem| format!("{}: {}", problem.path, problem.message))
                .collect();
            assert_eq!(messages, said);
        }
    }
    #[test]
    fn a_record_is_in_its_zone_and_no_cname_is_the_zone_itself() {
        let zone: ResourceAddress = "route53.hosted_zone.main".parse().unwrap();
        let table = |value| match Value::from(value) {
            Value::Map(attributes) => attributes,
            _ => panic!("no table"),
        };
        let lookups = BTreeMap::from([(zone.clone(), table(json!({"name": "Example.com."})))]);
        for (name, kind, said) in [
            ("example.com", "A", None),
            ("www.example.com", "CNAME", None),
            (
                "example.com",
                "CNAME",
                Some("type: `example.com` is the zone itself"),
            ),
            (
                "www.example.org",
                "A",
                Some("name: `www.example.org` is not in the zone `example.com`"),
            ),
            (
                "notexample.com",
                "A",
                Some("name: `notexample.com` is not in the zone"),
            ),
        ] {
            let mut attributes = table(json!({"name": name, "type": kind}));
            let origin = infra_core::Reference {
                address: zone.clone(),
                attribute: Some("id".to_owned()),
            };
            let unknown = infra_core::Unknown {
                origin: Some(Box::new(origin)),
            };
            attributes.insert("hosted_zone_id".to_owned(), Value::Unknown(unknown));
            let mut problems = Problems::default();
            check_zone(&attributes, &lookups, &mut problems);
            let found = problems.into_vec();
            let found = found
                .first()
                .map(|problem| format!("{}: {}", problem.path, problem.message));
            assert_eq!(found.is_some(), said.is_some(), "{name} {kind}");
            assert!(
                found.unwrap_or_default().starts_with(said.unwrap_or_default()),
                "{name} {kind}"
            );
        }
    }
}
