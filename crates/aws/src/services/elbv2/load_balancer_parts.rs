//! Parts of a load balancer: what its attributes take.

use crate::prelude::*;

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
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
pub struct SubnetMapping {
    /// The subnet.
    pub subnet_id: String,
    /// An elastic IP, for an internet-facing one.
    pub allocation_id: Option<String>,
    /// An address of the subnet, for an internal one.
    pub private_ipv4_address: Option<String>,
}

/// Logs to S3.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html"
)]
pub struct LogDelivery {
    /// Whether they are written.
    #[attribute(setting = "enabled", default = false)]
    pub enabled: Option<bool>,
    /// The bucket's name; in the same region.
    #[attribute(setting = "bucket")]
    #[attribute(needed_where(enabled, "true"))]
    pub bucket: Option<String>,
    /// The prefix of the objects' keys.
    #[attribute(setting = "prefix")]
    pub prefix: Option<String>,
}
