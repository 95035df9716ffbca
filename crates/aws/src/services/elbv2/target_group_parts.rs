//! Parts of a target group: what its attributes take, and what AWS calls those that are settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::Protocol;
use super::settings::{Of, Setting, flag, number, text};
use crate::choices::choices;

choices! {
    /// What the targets of a group are.
    TargetType {
        /// Instances by id.
        Instance = "instance",
        /// Addresses; Fargate tasks.
        Ip = "ip",
        /// One Lambda function.
        Lambda = "lambda",
        /// One application load balancer behind a network load balancer.
        Alb = "alb",
    }
}

choices! {
    /// The version of HTTP between load balancer and targets.
    ProtocolVersion {
        /// HTTP/1.1.
        Http1 = "HTTP1",
        /// HTTP/2.
        Http2 = "HTTP2",
        /// gRPC.
        Grpc = "GRPC",
    }
}

choices! {
    /// Addresses of targets.
    TargetAddressType {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
    }
}

choices! {
    /// How a target is chosen for a request.
    Algorithm {
        /// One after the other.
        RoundRobin = "round_robin",
        /// The one with the fewest requests in flight.
        LeastOutstandingRequests = "least_outstanding_requests",
        /// At random, away from targets with anomalies.
        WeightedRandom = "weighted_random",
    }
}

choices! {
    /// Whether traffic goes to targets of all zones.
    CrossZone {
        /// Yes.
        On = "true",
        /// No.
        Off = "false",
        /// As the load balancer says.
        AsLoadBalancer = "use_load_balancer_configuration",
    }
}

/// How it is found out whether a target is healthy.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Whether targets are checked; only those of type `lambda` need not be.
    pub enabled: Option<bool>,
    /// The protocol of checks. AWS's default is HTTP, and TCP for network load balancers.
    pub protocol: Option<Protocol>,
    /// The port, or `traffic-port` for that of the traffic. AWS's default is `traffic-port`.
    #[schemars(extend("default" = "traffic-port"))]
    pub port: Option<String>,
    /// The path that is asked for. AWS's default is `/`. Checks by HTTP and HTTPS.
    #[schemars(extend("default" = "/"))]
    pub path: Option<String>,
    /// Seconds between two checks of a target, 5 to 300. AWS's default is 30.
    #[schemars(extend("default" = 30))]
    pub interval_seconds: Option<i64>,
    /// Seconds without an answer that count as failure, 2 to 120. AWS's default is 5 for HTTP and HTTPS, 10
    /// for TCP.
    pub timeout_seconds: Option<i64>,
    /// Successes in a row that make a target healthy, 2 to 10. AWS's default is 5.
    #[schemars(extend("default" = 5))]
    pub healthy_threshold_count: Option<i64>,
    /// Failures in a row that make a target unhealthy, 2 to 10. AWS's default is 2.
    #[schemars(extend("default" = 2))]
    pub unhealthy_threshold_count: Option<i64>,
    /// Status codes that count as success, such as `200` or `200-299,301`; those of gRPC with protocol
    /// version `GRPC`. AWS's default is `200`, and `12` for gRPC.
    pub matcher: Option<String>,
}

/// Whether a client's requests stay with one target.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stickiness {
    /// Whether they do. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub enabled: Option<bool>,
    /// What tells clients apart. AWS's default is `lb_cookie`, and `source_ip` for network load balancers.
    #[serde(rename = "type")]
    pub kind: Option<StickinessType>,
    /// Seconds that a client stays with its target, 1 to 604800, for type `lb_cookie`. AWS's default is 86400.
    #[schemars(extend("default" = 86400))]
    pub lb_cookie_duration_seconds: Option<i64>,
    /// The application's cookie, for type `app_cookie`.
    pub app_cookie_name: Option<String>,
    /// Seconds that a client stays with its target, 1 to 604800, for type `app_cookie`. AWS's default is 86400.
    #[schemars(extend("default" = 86400))]
    pub app_cookie_duration_seconds: Option<i64>,
}

choices! {
    /// What tells clients apart.
    StickinessType {
        /// A cookie of the load balancer.
        LbCookie = "lb_cookie",
        /// A cookie of the application.
        AppCookie = "app_cookie",
        /// The client's address; network load balancers.
        SourceIp = "source_ip",
        /// Client and target address and protocol; gateway load balancers.
        SourceIpDestIpProto = "source_ip_dest_ip_proto",
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
pub const SETTINGS: &[Setting] = &[
    number(
        "deregistration_delay_seconds",
        "deregistration_delay.timeout_seconds",
        "300",
    ),
    flag(
        "deregistration_delay_connection_termination_enabled",
        "deregistration_delay.connection_termination.enabled",
        "false",
    )
    .of(Of::Network),
    number("slow_start_seconds", "slow_start.duration_seconds", "0").of(Of::Application),
    text(
        "load_balancing_algorithm_type",
        "load_balancing.algorithm.type",
        "round_robin",
    )
    .of(Of::Application),
    text(
        "load_balancing_cross_zone_enabled",
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
    ),
    flag("preserve_client_ip_enabled", "preserve_client_ip.enabled", "")
        .without_default()
        .of(Of::Network),
    flag("proxy_protocol_v2_enabled", "proxy_protocol_v2.enabled", "false").of(Of::Network),
    flag("stickiness.enabled", "stickiness.enabled", "false"),
    text("stickiness.type", "stickiness.type", "").without_default(),
    number(
        "stickiness.lb_cookie_duration_seconds",
        "stickiness.lb_cookie.duration_seconds",
        "86400",
    ),
    text(
        "stickiness.app_cookie_name",
        "stickiness.app_cookie.cookie_name",
        "",
    ),
    number(
        "stickiness.app_cookie_duration_seconds",
        "stickiness.app_cookie.duration_seconds",
        "86400",
    ),
];
