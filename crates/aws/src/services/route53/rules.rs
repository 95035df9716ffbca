//! Rules of records that need no call.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, Value};

use super::names::plain;

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
    if let Some(weight) = known_integer(attributes, "weight")
        && !(0..=255).contains(&weight)
    {
        problems.at("weight", format!("must be 0 to 255, not {weight}"));
    }
}

fn check_values(kind: Option<&str>, values: &[Value], problems: &mut Problems) {
    let path = "resource_records";
    if values.is_empty() {
        return problems.at(path, "a record needs one value at least");
    }
    if kind == Some("CNAME") && values.len() != 1 {
        problems.at(
            path,
            format!("a CNAME record has exactly one value, not {}", values.len()),
        );
    }
    for value in values.iter().filter_map(Value::as_str) {
        let wrong = match kind {
            Some("A") if value.parse::<Ipv4Addr>().is_err() => "is no IPv4 address",
            Some("AAAA") if value.parse::<Ipv6Addr>().is_err() => "is no IPv6 address",
            Some("TXT" | "SPF") if !(value.len() > 1 && value.starts_with('"') && value.ends_with('"')) => {
                "must be in quotation marks, such as \"\\\"v=spf1 -all\\\"\""
            }
            Some("MX") if !has_numbers(value, 1, 2) => {
                "is no preference and host such as `10 mail.example.com`"
            }
            Some("SRV") if !has_numbers(value, 3, 4) => {
                "is no priority, weight, port and host such as `1 10 5269 host.example.com`"
            }
            Some("CNAME" | "NS" | "PTR") if value.is_empty() || value.contains(char::is_whitespace) => {
                "is no name"
            }
            _ => continue,
        };
        problems.at(path, format!("`{value}` {wrong}"));
    }
}

/// Whether a value has so many words of which the first ones are numbers.
fn has_numbers(value: &str, numbers: usize, words: usize) -> bool {
    let parts: Vec<&str> = value.split_whitespace().collect();
    parts.len() == words && parts[..numbers].iter().all(|part| part.parse::<u16>().is_ok())
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
}
