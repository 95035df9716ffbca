//! Parts of a load balancer: what its attributes take, and what AWS calls those that are settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{Of, Setting, flag, number, text};
use crate::choices::choices;

choices! {
    /// The kind of load balancer.
    LoadBalancerType {
        /// HTTP and HTTPS.
        Application = "application",
        /// TCP, TLS and UDP.
        Network = "network",
    }
}

choices! {
    /// Who can reach a load balancer.
    Scheme {
        /// Everybody on the internet.
        InternetFacing = "internet-facing",
        /// Whoever is in the VPC or connected to it.
        Internal = "internal",
    }
}

choices! {
    /// Addresses of a load balancer.
    IpAddressType {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv4 and IPv6.
        Dualstack = "dualstack",
        /// IPv6, and private IPv4 addresses.
        DualstackWithoutPublicIpv4 = "dualstack-without-public-ipv4",
    }
}

choices! {
    /// What happens with a request's `X-Forwarded-For`.
    HeaderProcessing {
        /// The client's address is added.
        Append = "append",
        /// It stays as it is.
        Preserve = "preserve",
        /// It is removed.
        Remove = "remove",
    }
}

choices! {
    /// How requests that may be smuggling are treated.
    DesyncMitigation {
        /// Those that are known to be dangerous are refused.
        Defensive = "defensive",
        /// All pass.
        Monitor = "monitor",
        /// Only what the RFC allows passes.
        Strictest = "strictest",
    }
}

/// A subnet with addresses of the load balancer in it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetMapping {
    /// The subnet.
    pub subnet_id: String,
    /// An elastic IP, for an internet-facing one.
    pub allocation_id: Option<String>,
    /// An address of the subnet, for an internal one.
    #[serde(rename = "private_ipv4_address")]
    pub private_ipv4_address: Option<String>,
}

/// Logs to S3.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogDelivery {
    /// Whether they are written. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub enabled: Option<bool>,
    /// The bucket's name; in the same region.
    pub bucket: Option<String>,
    /// The prefix of the objects' keys.
    pub prefix: Option<String>,
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
pub const SETTINGS: &[Setting] = &[
    number("idle_timeout_seconds", "idle_timeout.timeout_seconds", "60").of(Of::Application),
    number("client_keep_alive_seconds", "client_keep_alive.seconds", "3600").of(Of::Application),
    flag(
        "deletion_protection_enabled",
        "deletion_protection.enabled",
        "false",
    ),
    flag(
        "load_balancing_cross_zone_enabled",
        "load_balancing.cross_zone.enabled",
        "false",
    )
    .of(Of::Network),
    flag("http2_enabled", "routing.http2.enabled", "true").of(Of::Application),
    flag(
        "drop_invalid_header_fields_enabled",
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
    )
    .of(Of::Application),
    flag(
        "preserve_host_header_enabled",
        "routing.http.preserve_host_header.enabled",
        "false",
    )
    .of(Of::Application),
    text(
        "xff_header_processing_mode",
        "routing.http.xff_header_processing.mode",
        "append",
    )
    .of(Of::Application),
    flag(
        "xff_client_port_enabled",
        "routing.http.xff_client_port.enabled",
        "false",
    )
    .of(Of::Application),
    flag(
        "x_amzn_tls_version_and_cipher_suite_enabled",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
    )
    .of(Of::Application),
    text(
        "desync_mitigation_mode",
        "routing.http.desync_mitigation_mode",
        "defensive",
    )
    .of(Of::Application),
    flag("waf_fail_open_enabled", "waf.fail_open.enabled", "false").of(Of::Application),
    flag("zonal_shift_enabled", "zonal_shift.config.enabled", "false"),
    flag("access_logs.enabled", "access_logs.s3.enabled", "false"),
    text("access_logs.bucket", "access_logs.s3.bucket", ""),
    text("access_logs.prefix", "access_logs.s3.prefix", ""),
    flag("connection_logs.enabled", "connection_logs.s3.enabled", "false").of(Of::Application),
    text("connection_logs.bucket", "connection_logs.s3.bucket", "").of(Of::Application),
    text("connection_logs.prefix", "connection_logs.s3.prefix", "").of(Of::Application),
];
