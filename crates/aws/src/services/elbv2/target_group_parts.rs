//! Parts of a target group: what its attributes take.

use super::common::Protocol;
use crate::prelude::*;

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
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"
)]
pub struct HealthCheck {
    /// Whether targets are checked; only those of type `lambda` need not be.
    pub enabled: Option<bool>,
    /// The protocol of checks. AWS's default is HTTP, and TCP for network load balancers. Not for targets of type
    /// `lambda`.
    pub protocol: Option<Protocol>,
    /// The port, or `traffic-port` for that of the traffic. Not for targets of type `lambda`.
    #[attribute(default = "traffic-port")]
    #[attribute(pattern(
        "^(traffic-port|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
        "is neither a port nor `traffic-port`"
    ))]
    pub port: Option<String>,
    /// The path that is asked for. Checks by HTTP and HTTPS.
    #[attribute(default = "/", length = 1..=1024, pattern("^/", "does not start with `/`"))]
    pub path: Option<String>,
    /// Seconds between two checks of a target. AWS's default is 30, and 35 for targets of type `lambda`.
    #[attribute(range = 5..=300)]
    pub interval_seconds: Option<i32>,
    /// Seconds without an answer that count as failure. AWS's default is 5 for application load balancers; for
    /// network load balancers 6 for checks by HTTP, 10 for those by HTTPS and TCP; 30 for targets of type `lambda`.
    #[attribute(range = 2..=120)]
    pub timeout_seconds: Option<i32>,
    /// Successes in a row that make a target healthy.
    #[attribute(default = 5, range = 2..=10)]
    pub healthy_threshold_count: Option<i32>,
    /// Failures in a row that make a target unhealthy.
    #[attribute(default = 2, range = 2..=10)]
    pub unhealthy_threshold_count: Option<i32>,
    /// Status codes that count as success, such as `200` or `200-299,301`: 200 to 499 for HTTP and HTTPS, 200 to 599
    /// for network load balancers. With protocol version `GRPC` those of gRPC, 0 to 99. AWS's default is `200`, `12` for
    /// gRPC, and `200-399` for network load balancers.
    pub matcher: Option<String>,
}

/// Whether a client's requests stay with one target.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html"
)]
pub struct Stickiness {
    /// Whether they do.
    #[attribute(setting = "enabled", default = false)]
    pub enabled: Option<bool>,
    /// What tells clients apart. AWS's default is `lb_cookie`, and `source_ip` for network load balancers.
    #[serde(rename = "type")]
    #[attribute(setting = "type")]
    pub kind: Option<StickinessType>,
    /// Seconds that a client stays with its target, for type `lb_cookie`.
    #[attribute(setting = "lb_cookie.duration_seconds", default = 86400, range = 1..=604_800)]
    #[attribute(only_where(type, "lb_cookie"))]
    pub lb_cookie_duration_seconds: Option<i32>,
    /// The application's cookie, for type `app_cookie`.
    #[attribute(setting = "app_cookie.cookie_name")]
    #[attribute(only_where(type, "app_cookie"), needed_where(type, "app_cookie"))]
    #[attribute(except("^AWSALB", "begins with `AWSALB`, as the load balancer's own cookies do"))]
    pub app_cookie_name: Option<String>,
    /// Seconds that a client stays with its target, for type `app_cookie`.
    #[attribute(setting = "app_cookie.duration_seconds", default = 86400, range = 1..=604_800)]
    #[attribute(only_where(type, "app_cookie"))]
    pub app_cookie_duration_seconds: Option<i32>,
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
