//! AWS's rules for target groups that need no call.

use infra_core::types::{Problems, known, known_integer, known_str};
use infra_core::{Attributes, Value};

use super::common::{Protocol, check_name, check_range, known_protocol};
use super::settings::Of;
use super::target_group_parts::SETTINGS;

/// Checks a target group by itself.
pub fn check(attributes: &Attributes, problems: &mut Problems) {
    check_name(attributes, problems);
    let is_lambda = known_str(attributes, "target_type") == Some("lambda");
    let is_type_open = attributes.get("target_type").is_some_and(Value::has_unknown);
    for name in ["protocol", "port", "vpc_id"] {
        let is_set = attributes.get(name).is_some_and(|value| !value.is_null());
        if is_set == is_lambda && !is_type_open {
            let message = if is_lambda {
                "a target group of type `lambda` has none"
            } else {
                "is needed"
            };
            problems.at(name, message);
        }
    }
    let number = |name: &str| known_integer(attributes, name);
    check_range("port", number("port"), 1, 65_535, problems);
    let delay = "deregistration_delay_seconds";
    check_range(delay, number(delay), 0, 3600, problems);
    if let Some(seconds) = number("slow_start_seconds").filter(|seconds| *seconds != 0) {
        check_range("slow_start_seconds", Some(seconds), 30, 900, problems);
    }
    let protocol = known_protocol(attributes, "protocol");
    if let Some(protocol) = protocol {
        let wrong = if protocol.is_of_application() {
            Of::Network
        } else {
            Of::Application
        };
        for setting in SETTINGS.iter().filter(|setting| setting.of == wrong) {
            let name = setting.place().0;
            if known(attributes, name).is_some() {
                problems.at(
                    name,
                    format!("a target group of {} has no such setting", protocol.as_str()),
                );
            }
        }
        if !protocol.is_of_application() && known(attributes, "protocol_version").is_some() {
            problems.at("protocol_version", "is for the protocols HTTP and HTTPS");
        }
    }
    if let Some(check) = attributes.get("health_check").and_then(Value::as_map) {
        validate_check(check, protocol, problems);
    }
}

fn validate_check(check: &Attributes, protocol: Option<Protocol>, problems: &mut Problems) {
    let number = |name: &str| known_integer(check, name);
    for (name, lowest, highest) in [
        ("interval_seconds", 5, 300),
        ("timeout_seconds", 2, 120),
        ("healthy_threshold_count", 2, 10),
        ("unhealthy_threshold_count", 2, 10),
    ] {
        check_range(
            &format!("health_check.{name}"),
            number(name),
            lowest,
            highest,
            problems,
        );
    }
    if let (Some(timeout), Some(interval)) = (number("timeout_seconds"), number("interval_seconds"))
        && timeout >= interval
    {
        problems.at(
            "health_check.timeout_seconds",
            format!("has to be less than the interval of {interval} seconds"),
        );
    }
    let by = known_protocol(check, "protocol").or(match (check.get("protocol"), protocol) {
        (None, Some(protocol)) if protocol.is_of_application() => Some(Protocol::Http),
        (None, Some(_)) => Some(Protocol::Tcp),
        _ => None,
    });
    if let Some(by) = by.filter(|by| !by.is_of_application()) {
        for name in ["path", "matcher"] {
            if known(check, name).is_some() {
                let message = format!("a check by {} has none", by.as_str());
                problems.at(format!("health_check.{name}").as_str(), message);
            }
        }
    }
    if let Some(path) = known_str(check, "path").filter(|path| !path.starts_with('/')) {
        problems.at("health_check.path", format!("`{path}` does not start with `/`"));
    }
    if let Some(port) = known_str(check, "port")
        && port != "traffic-port"
        && port.parse::<u16>().map_or(true, |port| port == 0)
    {
        let message = format!("`{port}` is neither a port nor `traffic-port`");
        problems.at("health_check.port", message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::services::elbv2::target_group::TargetGroup;
    use crate::services::testing::check;

    #[test]
    fn protocol_and_health_check_are_checked() {
        let with = |more: Json| {
            let mut all = json!({ "name": "main", "protocol": "HTTP", "port": 80, "vpc_id": "vpc-1" });
            let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
                unreachable!()
            };
            all_of.extend(more);
            check::<TargetGroup>(all)
        };
        let check_of = |more: Json| with(json!({ "health_check": more }));
        assert_eq!(with(json!({})), Vec::<String>::new());
        assert_eq!(
            check::<TargetGroup>(json!({ "name": "main", "target_type": "lambda" })),
            Vec::<String>::new()
        );
        for (found, said) in [
            (
                check::<TargetGroup>(json!({ "name": "main", "protocol": "HTTP", "port": 80 })),
                "vpc_id: is needed",
            ),
            (with(json!({ "port": 0 })), "port: 0 is not between 1 and 65535"),
            (
                with(json!({ "protocol": "TCP", "slow_start_seconds": 30 })),
                "slow_start_seconds: a target group of TCP has no such setting",
            ),
            (
                with(json!({ "slow_start_seconds": 10 })),
                "slow_start_seconds: 10 is not between 30 and 900",
            ),
            (
                check_of(json!({ "interval_seconds": 5, "timeout_seconds": 5 })),
                "health_check.timeout_seconds: has to be less than the interval of 5 seconds",
            ),
            (
                check_of(json!({ "protocol": "TCP", "path": "/" })),
                "health_check.path: a check by TCP has none",
            ),
            (
                check_of(json!({ "path": "health" })),
                "health_check.path: `health` does not start with `/`",
            ),
            (
                check_of(json!({ "port": "http" })),
                "health_check.port: `http` is neither a port nor `traffic-port`",
            ),
            (
                check_of(json!({ "healthy_threshold_count": 1 })),
                "health_check.healthy_threshold_count: 1 is not between 2 and 10",
            ),
        ] {
            assert_eq!(found, [said]);
        }
    }
}
