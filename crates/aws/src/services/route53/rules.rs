//! Rules of records that need no call.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::collections::BTreeMap;

use infra_core::types::Problems;
use infra_core::{Attributes, ResourceAddress, Value};
use infra_provider::{Clash, FieldName, Partial};

use super::lookups::HostedZoneLookupField;
use super::names::plain;
use super::record::{Failover, PartialRecord, RecordField as Field, RecordType};
use super::values::check_values;
use crate::fields::{known_str, value_of};

/// A CNAME stands alone at its name, and all records of one name and type are chosen from in the same way; of those there is
/// one for a region, one primary and one secondary.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
/// <https://github.com/hashicorp/terraform-provider-aws/issues/1668> <https://github.com/boto/boto3/issues/1347>
pub const CLASHES: &[Clash<Field>] = &[
    Clash::OnlyOneHas {
        same: &[Field::HostedZoneId, Field::Name],
        attribute: Field::Type,
        value: Some("CNAME"),
    },
    one_way_of_choosing(Field::SetIdentifier),
    one_way_of_choosing(Field::Weight),
    one_way_of_choosing(Field::Region),
    one_way_of_choosing(Field::Failover),
    one_way_of_choosing(Field::MultiValueAnswer),
    only_one_for(&["region"]),
    only_one_for(&["failover"]),
];

const fn one_way_of_choosing(attribute: Field) -> Clash<Field> {
    Clash::OnlyOneHas {
        same: &[Field::HostedZoneId, Field::Name, Field::Type],
        attribute,
        value: None,
    }
}

const fn only_one_for(at: &'static [&'static str]) -> Clash<Field> {
    Clash::Shared {
        same: &[Field::HostedZoneId, Field::Name, Field::Type],
        at,
        owner: None,
    }
}

/// What makes a record one of several of its name and type.
const ROUTING: &[Field] = &[
    Field::Weight,
    Field::Region,
    Field::Failover,
    Field::MultiValueAnswer,
];

/// Checks a whole record.
pub fn check(given: &PartialRecord, problems: &mut Problems) {
    if let Some(name) = given.name.as_str() {
        check_name(name, problems);
    }
    check_parts(given, problems);
    check_routing(given, problems);
    check_type(given, problems);
    check_known_values(given, problems);
}

fn check_name(name: &str, problems: &mut Problems) {
    let name = plain(name);
    if name.len() > 255 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        problems.at(
            Field::Name.name(),
            format!("`{name}` is no name: 255 characters at most, 1 to 63 between two dots"),
        );
    }
}

/// Either values with a TTL, or an alias.
fn check_parts(given: &PartialRecord, problems: &mut Problems) {
    let (ttl, values) = (given.ttl.is_set(), given.resource_records.is_set());
    if given.alias_target.is_set() {
        for (field, _) in [(Field::Ttl, ttl), (Field::ResourceRecords, values)]
            .iter()
            .filter(|(_, set)| *set)
        {
            let message = "an alias has no values and no TTL of its own: it takes its target's";
            problems.at(field.name(), message);
        }
        return;
    }
    match (ttl, values) {
        (true, true) => {}
        (false, true) => problems.at("", "a record with `resource_records` needs `ttl`"),
        (true, false) => problems.at("", "a record with `ttl` needs `resource_records`"),
        (false, false) => problems.at(
            "",
            "a record needs `ttl` and `resource_records`, or `alias_target`",
        ),
    }
}

fn check_routing(given: &PartialRecord, problems: &mut Problems) {
    let set = [
        given.weight.is_set(),
        given.region.is_set(),
        given.failover.is_set(),
        given.multi_value_answer.is_set(),
    ];
    let used = ROUTING.iter().zip(set).find(|(_, set)| *set);
    match (given.set_identifier.is_set(), used) {
        (false, Some((field, _))) => problems.at(
            field.name(),
            "needs `set_identifier`, which tells records of the same name and type apart",
        ),
        (true, None) => {
            let one_of = ROUTING.iter().map(|field| field.name()).collect::<Vec<_>>();
            problems.at(
                Field::SetIdentifier.name(),
                format!("needs one of {}", one_of.join(", ")),
            );
        }
        _ => {}
    }
    let is_alias = given.alias_target.is_set();
    let is_primary = given.failover.known() == Some(&Failover::Primary);
    if is_primary && !is_alias && !given.health_check_id.is_set() {
        // https://github.com/kubernetes-sigs/external-dns/issues/2362
        problems.at(
            Field::Failover.name(),
            "a primary record with values needs `health_check_id`: Route 53 fails over when that says so",
        );
    }
    if is_alias && given.multi_value_answer.is_set() {
        problems.at(
            Field::MultiValueAnswer.name(),
            "an alias cannot be one of several that answer together",
        );
    }
}

/// What records of a type cannot have.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
fn check_type(given: &PartialRecord, problems: &mut Problems) {
    let Partial::Known(kind) = given.r#type else {
        return;
    };
    let name = given.name.as_str().map(plain);
    if kind == RecordType::Ns && name.is_some_and(|name| name.starts_with("*.")) {
        let message = "an NS record is of one name: Route 53 takes no `*` in it";
        problems.at(Field::Name.name(), message);
    }
    let of_zones = matches!(kind, RecordType::Ns | RecordType::Ds);
    let set = [
        (Field::Weight, given.weight.is_set(), of_zones),
        (Field::Region, given.region.is_set(), of_zones),
        (Field::Failover, given.failover.is_set(), of_zones),
        (
            Field::MultiValueAnswer,
            given.multi_value_answer == Partial::Known(true),
            of_zones || kind == RecordType::Cname,
        ),
    ];
    for (field, _, _) in set
        .iter()
        .filter(|(_, is_set, is_refused)| *is_set && *is_refused)
    {
        problems.at(
            field.name(),
            format!("Route 53 has none of type {}", kind.as_str()),
        );
    }
}

/// The values that are known, by the form of the type.
fn check_known_values(given: &PartialRecord, problems: &mut Problems) {
    let kind = given.r#type.known().map(|kind| kind.as_str());
    let values = given.resource_records.known_elements();
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    check_values(kind, &values, problems);
}

/// A zone that is looked up by its name has records of that name and of names under it, and no CNAME of its own name.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CNAMEFormat>
pub fn check_zone(
    attributes: &Attributes,
    lookups: &BTreeMap<ResourceAddress, Attributes>,
    problems: &mut Problems,
) {
    let Some(Value::Unknown(unknown)) = value_of(attributes, Field::HostedZoneId) else {
        return;
    };
    let origin = unknown.origin.as_ref();
    let lookup = origin.filter(|origin| origin.address.type_name().to_string() == "route53.hosted_zone");
    let zone =
        lookup.and_then(|origin| known_str(lookups.get(&origin.address)?, HostedZoneLookupField::Name));
    let (Some(zone), Some(name)) = (zone.map(plain), known_str(attributes, Field::Name).map(plain)) else {
        return;
    };
    let is_under = name
        .strip_suffix(&zone)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'));
    if !is_under {
        problems.at_with_help(
            Field::Name.name(),
            format!("`{name}` is not in the zone `{zone}`, and Route 53 takes no record of it there"),
            format!("write \"{name}.{zone}\""),
        );
    } else if name == zone && known_str(attributes, Field::Type) == Some("CNAME") {
        problems.at_with_help(
            Field::Type.name(),
            format!("`{zone}` is the zone itself, which has records of its own, and a CNAME stands alone at its name"),
            "point to an AWS resource with `alias_target` and type A or AAAA, or use another name",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::route53::record::Record;
    use crate::services::testing::refused;

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
                json!({"hosted_zone_id": "/hostedzone/Z1", "name": "a.example.com", "type": "A", "ttl": 60,
                    "resource_records": ["192.0.2.1"]}),
                vec![],
            ),
            (
                json!({"name": "*.example.com", "type": "NS", "ttl": 60, "resource_records": ["ns.example.org"],
                    "weight": 1, "set_identifier": "a"}),
                vec![
                    "name: an NS record is of one name: Route 53 takes no `*` in it",
                    "weight: Route 53 has none of type NS",
                ],
            ),
            (
                json!({"type": "CNAME", "ttl": 60, "resource_records": ["b.example.com"],
                    "multi_value_answer": true, "set_identifier": "a"}),
                vec!["multi_value_answer: Route 53 has none of type CNAME"],
            ),
            (
                json!({"type": "A", "ttl": 60, "resource_records": ["192.0.2.1"], "region": "us-east-9",
                    "set_identifier": "a"}),
                vec!["region: `us-east-9` is no region that Route 53 knows"],
            ),
            (
                json!({"hosted_zone_id": "a/Z1", "name": "A.example.com.", "type": "A"}),
                vec![
                    "hosted_zone_id: `a/Z1` is no hosted zone's id",
                    ": a record needs `ttl` and `resource_records`, or `alias_target`",
                ],
            ),
            (
                json!({"type": "A", "ttl": 60, "alias_target": {"dns_name": "LB.example.com"}}),
                vec!["ttl: an alias has no values and no TTL of its own: it takes its target's"],
            ),
            (
                json!({"type": "CNAME", "ttl": -1, "resource_records": ["a.example.com", "b c"]}),
                vec![
                    "ttl: -1 is not between 0 and 2147483647",
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
                    "resource_records: 0 of them: AWS takes 1 to 400",
                    "weight: 300 is not between 0 and 255",
                    "failover: only one of weight, failover may be set",
                    "weight: needs `set_identifier`, which tells records of the same name and type apart",
                    "failover: a primary record with values needs `health_check_id`: Route 53 fails over when that says so",
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
            assert_eq!(refused::<Record>(attributes), said);
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
