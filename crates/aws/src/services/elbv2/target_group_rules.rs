//! AWS's rules for target groups that need no call, and that no field has by itself.

use infra_core::types::Problems;
use infra_provider::{FieldName, Partial};

use super::common::Protocol;
use super::target_group::{PartialTargetGroup, TargetGroupField as Field};
use super::target_group_parts::{HealthCheckField, PartialHealthCheck, TargetType};

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
    if let Some(check) = given.health_check.known() {
        check_health_check(check, protocol, problems);
    }
}

fn check_health_check(check: &PartialHealthCheck, protocol: Option<Protocol>, problems: &mut Problems) {
    let mut at = |field: HealthCheckField, message: String| {
        problems.at(
            format!("{}.{}", Field::HealthCheck.name(), field.name()).as_str(),
            message,
        );
    };
    let of_network = protocol.is_none_or(|protocol| !protocol.is_of_application());
    if let (Some(timeout), Some(interval)) = (check.timeout_seconds.known(), check.interval_seconds.known())
        && (timeout > interval || (timeout == interval && !of_network))
    {
        let bound = if of_network { "at most" } else { "less than" };
        let message = format!("has to be {bound} the interval of {interval} seconds");
        at(HealthCheckField::TimeoutSeconds, message);
    }
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
