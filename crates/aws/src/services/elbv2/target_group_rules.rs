//! AWS's rules for target groups that need no call, and that no field has by itself.

use std::ops::RangeInclusive;

use infra_core::types::Problems;
use infra_provider::{FieldName, Partial};

use super::common::Protocol;
use super::health_checks::Checked;
use super::target_group::{PartialTargetGroup, TargetGroupField as Field};
use super::target_group_parts::{
    Algorithm, HealthCheckField, PartialHealthCheck, PartialStickiness, ProtocolVersion, StickinessField,
    StickinessType, TargetType,
};

/// Checks a target group by itself.
pub fn check(given: &PartialTargetGroup, problems: &mut Problems) {
    if let Some(seconds) = given.slow_start_seconds.known()
        && *seconds != 0
        && !(30..=900).contains(seconds)
    {
        problems.at(
            Field::SlowStartSeconds.name(),
            format!("{seconds} is not between 30 and 900"),
        );
    }
    let protocol = given.protocol.known().copied();
    let is_alb = given.target_type == Partial::Known(TargetType::Alb);
    if let Some(other) = protocol.filter(|protocol| is_alb && *protocol != Protocol::Tcp) {
        let message = format!(
            "a target group of type `alb` takes TCP only, not {}",
            other.as_str()
        );
        problems.at(Field::Protocol.name(), message);
    }
    let keeps_address = protocol.filter(|protocol| matches!(protocol, Protocol::Udp | Protocol::TcpUdp));
    if let (Some(protocol), Partial::Known(false)) = (keeps_address, given.preserve_client_ip_enabled) {
        let message = format!("cannot be off for {}", protocol.as_str());
        problems.at(Field::PreserveClientIpEnabled.name(), message);
    }
    let starts_slowly = given
        .slow_start_seconds
        .known()
        .is_some_and(|seconds| *seconds > 0);
    if let Some(other) = given.load_balancing_algorithm_type.known()
        && starts_slowly
        && *other != Algorithm::RoundRobin
    {
        let message = format!("goes with `round_robin` only, not with `{}`", other.as_str());
        problems.at(Field::SlowStartSeconds.name(), message);
    }
    let is_lambda = given.target_type == Partial::Known(TargetType::Lambda);
    let of_application = match protocol {
        Some(protocol) => Some(protocol.is_of_application()),
        None => is_lambda.then_some(true),
    };
    if let (Some(of_application), Some(stickiness)) = (of_application, given.stickiness.known()) {
        check_stickiness(stickiness, of_application, problems);
    }
    if let Some(check) = given.health_check.known() {
        let never_off = matches!(given.target_type, Partial::Unset | Partial::Known(_)) && !is_lambda;
        if never_off && check.enabled == Partial::Known(false) {
            at_check(
                HealthCheckField::Enabled,
                "only targets of type `lambda` go unchecked",
                problems,
            );
        }
        check_health_check(given, check, protocol, problems);
        let is_grpc = given.protocol_version == Partial::Known(ProtocolVersion::Grpc);
        let codes = match of_application {
            _ if given.protocol_version.is_unknown() => None,
            Some(true) if is_grpc => Some(0..=99),
            Some(true) => Some(200..=499),
            Some(false) => Some(200..=599),
            None => None,
        };
        if let (Some(codes), Some(matcher)) = (codes, check.matcher.as_str()) {
            check_codes(matcher, codes, problems);
        }
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
fn check_stickiness(given: &PartialStickiness, of_application: bool, problems: &mut Problems) {
    let Some(kind) = given.kind.known() else { return };
    let is_cookie = matches!(kind, StickinessType::LbCookie | StickinessType::AppCookie);
    if is_cookie != of_application {
        let balancers = if of_application {
            "an application"
        } else {
            "a network"
        };
        let message = format!(
            "{balancers} load balancer does not tell clients apart by `{}`",
            kind.as_str()
        );
        let path = format!("{}.{}", Field::Stickiness.name(), StickinessField::Kind.name());
        problems.at(path.as_str(), message);
    }
}

/// Codes such as `200` or `200-299,301`.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html>
fn check_codes(matcher: &str, codes: RangeInclusive<u16>, problems: &mut Problems) {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| codes.contains(code));
    let is_part = |part: &str| match part.split_once('-') {
        Some((first, last)) => code(first).is_some_and(|first| Some(first) <= code(last)),
        None => code(part).is_some(),
    };
    if let Some(wrong) = matcher.split(',').find(|part| !is_part(part)) {
        let (lowest, highest) = (codes.start(), codes.end());
        let message = format!("`{wrong}` is no code, and no range of codes, of {lowest} to {highest}");
        at_check(HealthCheckField::Matcher, &message, problems);
    }
}

fn at_check(field: HealthCheckField, message: &str, problems: &mut Problems) {
    let path = format!("{}.{}", Field::HealthCheck.name(), field.name());
    problems.at(path.as_str(), message);
}

/// The time for an answer and the time between two checks, with AWS's defaults for what is not said.
fn check_times(given: &PartialTargetGroup, check: &PartialHealthCheck, problems: &mut Problems) {
    let is_lambda = given.target_type == Partial::Known(TargetType::Lambda);
    let checked = Checked {
        target_type: given.target_type.known().copied(),
        protocol: given.protocol.known().copied(),
        version: given.protocol_version.known().copied(),
        by: check.protocol.known().copied(),
    };
    let of_network = !checked.is_of_application() || (checked.protocol.is_none() && !is_lambda);
    let default = checked.defaults();
    let known = |given: &Partial<i32>, default: Option<i32>| match given {
        Partial::Known(seconds) => Some(*seconds),
        // Of network load balancers AWS's word on what it does with its own default is not known.
        Partial::Unset if !of_network => default,
        _ => None,
    };
    let (Some(timeout), Some(interval)) = (
        known(&check.timeout_seconds, default.timeout_seconds),
        known(&check.interval_seconds, default.interval_seconds),
    ) else {
        return;
    };
    if timeout > interval || (timeout == interval && !of_network) {
        let bound = if of_network { "at most" } else { "less than" };
        let own = if check.timeout_seconds.is_set() {
            String::new()
        } else {
            format!(": AWS's default is {timeout}")
        };
        let message = format!("has to be {bound} the interval of {interval} seconds{own}");
        at_check(HealthCheckField::TimeoutSeconds, &message, problems);
    }
}

fn check_health_check(
    given: &PartialTargetGroup,
    check: &PartialHealthCheck,
    protocol: Option<Protocol>,
    problems: &mut Problems,
) {
    if given.target_type == Partial::Known(TargetType::Lambda) {
        // https://github.com/cloudtools/troposphere/issues/1375
        for (field, is_set) in [
            (HealthCheckField::Protocol, check.protocol.is_set()),
            (HealthCheckField::Port, check.port.is_set()),
        ] {
            if is_set {
                at_check(field, "is not for targets of type `lambda`", problems);
            }
        }
    }
    let mut at = |field: HealthCheckField, message: String| at_check(field, &message, problems);
    if let Partial::Known(by) = check.protocol {
        let by_http = by.is_of_application();
        if !by_http && by != Protocol::Tcp {
            at(
                HealthCheckField::Protocol,
                format!("nothing is checked by {}", by.as_str()),
            );
        } else if let Some(protocol) = protocol.filter(|protocol| protocol.is_of_application() && !by_http) {
            let message = format!(
                "targets of {} are checked by HTTP or HTTPS, not by TCP",
                protocol.as_str()
            );
            at(HealthCheckField::Protocol, message);
        }
    }
    check_times(given, check, problems);
    let mut at = |field: HealthCheckField, message: String| at_check(field, &message, problems);
    let by = match (check.protocol, protocol) {
        (Partial::Known(by), _) => Some(by),
        (Partial::Unset, Some(protocol)) if protocol.is_of_application() => Some(Protocol::Http),
        (Partial::Unset, Some(_)) => Some(Protocol::Tcp),
        _ => None,
    };
    if let Some(by) = by.filter(|by| !by.is_of_application()) {
        let message = format!("a check by {} has none", by.as_str());
        if check.path.known().is_some() {
            at(HealthCheckField::Path, message.clone());
        }
        if check.matcher.known().is_some() {
            at(HealthCheckField::Matcher, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::services::elbv2::target_group::TargetGroup;
    use crate::services::testing::refused;

    #[test]
    fn protocol_and_health_check_are_checked() {
        let with = |more: Json| {
            let mut all = json!({ "name": "main", "protocol": "HTTP", "port": 80, "vpc_id": "vpc-1" });
            let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
                unreachable!()
            };
            all_of.extend(more);
            refused::<TargetGroup>(all)
        };
        let check_of = |more: Json| with(json!({ "health_check": more }));
        assert_eq!(with(json!({})), Vec::<String>::new());
        assert_eq!(
            refused::<TargetGroup>(json!({ "name": "main", "target_type": "lambda" })),
            Vec::<String>::new()
        );
        let network = |timeout: i64| {
            let check = json!({ "interval_seconds": 10, "timeout_seconds": timeout });
            with(json!({ "protocol": "TCP", "health_check": check }))
        };
        assert_eq!(network(10), Vec::<String>::new());
        for (found, said) in [
            (
                network(11),
                "health_check.timeout_seconds: has to be at most the interval of 10 seconds",
            ),
            (
                refused::<TargetGroup>(json!({ "name": "main", "protocol": "HTTP", "port": 80 })),
                "vpc_id: is needed where `target_type` is `instance`",
            ),
            (with(json!({ "port": 0 })), "port: 0 is not between 1 and 65535"),
            (
                with(json!({ "protocol": "TCP", "slow_start_seconds": 30 })),
                "slow_start_seconds: is only for `protocol` `HTTP` or `HTTPS`, not `TCP`",
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
                check_of(json!({ "interval_seconds": 5 })),
                "health_check.timeout_seconds: has to be less than the interval of 5 seconds: AWS's default is 5",
            ),
            (
                check_of(json!({ "timeout_seconds": 30 })),
                "health_check.timeout_seconds: has to be less than the interval of 30 seconds",
            ),
            (
                check_of(json!({ "protocol": "TLS" })),
                "health_check.protocol: nothing is checked by TLS",
            ),
            (
                check_of(json!({ "protocol": "TCP" })),
                "health_check.protocol: targets of HTTP are checked by HTTP or HTTPS, not by TCP",
            ),
            (
                with(json!({ "protocol": "UDP", "health_check": { "protocol": "UDP" } })),
                "health_check.protocol: nothing is checked by UDP",
            ),
            (
                refused::<TargetGroup>(json!({
                    "name": "main", "target_type": "lambda", "health_check": { "enabled": true, "port": "80" },
                })),
                "health_check.port: is not for targets of type `lambda`",
            ),
            (
                with(json!({ "protocol": "TCP", "health_check": { "protocol": "TCP", "path": "/" } })),
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
