//! What AWS makes of a health check that says nothing, which depends on what is checked and how.

use super::common::Protocol;
use super::target_group_parts::{HealthCheck, ProtocolVersion, TargetType};

/// What decides about the defaults of a health check.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checked {
    /// What targets are.
    pub target_type: Option<TargetType>,
    /// The target group's protocol; a Lambda function has none.
    pub protocol: Option<Protocol>,
    /// The version of HTTP.
    pub version: Option<ProtocolVersion>,
    /// What it is checked by, if that is said.
    pub by: Option<Protocol>,
}

impl Checked {
    /// Whether it is behind an application load balancer.
    pub fn is_of_application(self) -> bool {
        self.protocol.is_none_or(Protocol::is_of_application)
    }

    /// AWS's defaults.
    ///
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html>
    pub fn defaults(self) -> HealthCheck {
        let is_lambda = self.target_type == Some(TargetType::Lambda);
        let is_grpc = self.version == Some(ProtocolVersion::Grpc);
        let of_group = match self.is_of_application() {
            true => Protocol::Http,
            false => Protocol::Tcp,
        };
        let by = self.by.unwrap_or(of_group);
        let by_http = by.is_of_application();
        let timeout = match by {
            _ if is_lambda => 30,
            _ if self.is_of_application() => 5,
            Protocol::Http => 6,
            _ => 10,
        };
        let path = match is_grpc {
            true => "/AWS.ALB/healthcheck",
            false => "/",
        };
        let codes = match is_grpc {
            true => "12",
            false if self.is_of_application() => "200",
            false => "200-399",
        };
        HealthCheck {
            enabled: Some(!is_lambda),
            // A function is called, wherever it is: AWS refuses a protocol of its check, and a port.
            // https://github.com/cloudtools/troposphere/issues/1375
            protocol: (!is_lambda).then_some(by),
            port: (!is_lambda).then(|| "traffic-port".into()),
            path: by_http.then(|| path.into()),
            interval_seconds: Some(if is_lambda { 35 } else { 30 }),
            timeout_seconds: Some(timeout),
            healthy_threshold_count: Some(5),
            unhealthy_threshold_count: Some(2),
            matcher: by_http.then(|| codes.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_depend_on_what_is_checked_and_how() {
        let of = |protocol: &str, by: &str| Checked {
            protocol: protocol.parse().ok(),
            by: by.parse().ok(),
            ..Checked::default()
        };
        let lambda = Checked {
            target_type: Some(TargetType::Lambda),
            ..Checked::default()
        };
        let grpc = Checked {
            version: Some(ProtocolVersion::Grpc),
            ..of("HTTP", "")
        };
        for (checked, protocol, interval, timeout, matcher) in [
            (of("HTTP", ""), Some(Protocol::Http), 30, 5, Some("200")),
            (of("HTTPS", "HTTPS"), Some(Protocol::Https), 30, 5, Some("200")),
            (grpc, Some(Protocol::Http), 30, 5, Some("12")),
            (of("TCP", ""), Some(Protocol::Tcp), 30, 10, None),
            (of("TCP", "HTTP"), Some(Protocol::Http), 30, 6, Some("200-399")),
            (of("UDP", "HTTPS"), Some(Protocol::Https), 30, 10, Some("200-399")),
            (lambda, None, 35, 30, Some("200")),
        ] {
            let found = checked.defaults();
            let times = (found.interval_seconds, found.timeout_seconds);
            assert_eq!(found.protocol, protocol, "{checked:?}");
            assert_eq!(times, (Some(interval), Some(timeout)), "{checked:?}");
            assert_eq!(found.matcher.as_deref(), matcher, "{checked:?}");
            assert_eq!(found.port.is_some(), protocol.is_some(), "{checked:?}");
            assert_eq!(found.enabled, Some(protocol.is_some()), "{checked:?}");
        }
    }
}
