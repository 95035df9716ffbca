//! Which registry gets ECR's token: ECR's own hosts in the token's region, and this machine.
//!
//! The token of GetAuthorizationToken is a password for every repository of the account. A repository's URI comes from
//! a file, so what stands there is held against the names that AWS gives its registries:
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>,
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html#ecr-dual-stack-endpoints>.

use std::net::IpAddr;

/// The suffixes of AWS's partitions: partition, suffix of IPv4 names, suffix of dual-stack names.
/// <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>
const SUFFIXES: [(&str, &str, &str); 8] = [
    ("aws", "amazonaws.com", "on.aws"),
    ("aws-cn", "amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    ("aws-us-gov", "amazonaws.com", "on.aws"),
    ("aws-eusc", "amazonaws.eu", "on.amazonwebservices.eu"),
    ("aws-iso", "c2s.ic.gov", "on.aws.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov", "on.aws.scloud"),
    ("aws-iso-e", "cloud.adc-e.uk", "on.cloud-aws.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov", "on.aws.hci.ic.gov"),
];

/// Whose a registry's address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistryHost {
    /// ECR's, in the region of the token.
    Ecr,
    /// ECR's, in a region whose token is another.
    EcrOfAnotherRegion,
    /// This machine: the sandbox, or a registry that somebody runs here.
    Loopback,
    /// Anybody's.
    Other,
}

/// Whose `address` is: a host with or without scheme and port.
pub(super) fn registry_host(address: &str, region: &str, partition: &str) -> RegistryHost {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (rest, ""),
    };
    let host = host.to_ascii_lowercase();
    if is_loopback(&host) {
        return RegistryHost::Loopback;
    }
    let ours = SUFFIXES.iter().find(|(name, _, _)| *name == partition);
    let Some(at) = ours.and_then(|(_, ipv4, dual)| region_of(&host, ipv4, dual)) else {
        return RegistryHost::Other;
    };
    match (scheme, port) {
        ("https", "" | "443") if at == region => RegistryHost::Ecr,
        ("https", "" | "443") => RegistryHost::EcrOfAnotherRegion,
        _ => RegistryHost::Other,
    }
}

/// The region of a name of the form `<account>.dkr.ecr[-fips].<region>.<suffix>`, or its dual-stack form
/// `<account>.dkr-ecr[-fips].<region>.<suffix>`.
fn region_of<'a>(host: &'a str, ipv4: &str, dual: &str) -> Option<&'a str> {
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let forms = [
        ("dkr.ecr.", ipv4),
        ("dkr.ecr-fips.", ipv4),
        ("dkr-ecr.", dual),
        ("dkr-ecr-fips.", dual),
    ];
    let region = forms
        .into_iter()
        .find_map(|(prefix, suffix)| rest.strip_prefix(prefix)?.strip_suffix(suffix)?.strip_suffix('.'))?;
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.bytes().all(is_region)).then_some(region)
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::RegistryHost::{Ecr, EcrOfAnotherRegion, Loopback, Other};
    use super::*;

    #[test]
    fn the_token_goes_to_ecr_and_to_this_machine_only() {
        let cases = [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", Ecr),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", Ecr),
            ("123456789012.dkr-ecr.us-east-1.on.aws", Ecr),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", Ecr),
            ("https://123456789012.dkr.ecr.us-east-1.amazonaws.com", Ecr),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com:443", Ecr),
            ("123456789012.DKR.ECR.us-east-1.AmazonAWS.com", Ecr),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", EcrOfAnotherRegion),
            ("127.0.0.1:5000", Loopback),
            ("http://127.0.0.1:5000", Loopback),
            ("http://localhost:5000", Loopback),
            ("http://[::1]:5000", Loopback),
            ("[::1]", Loopback),
            // Look-alikes.
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example", Other),
            ("123456789012.dkr.ecr.us-east-1.evil.example", Other),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com.cn", Other),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com:8443", Other),
            ("http://123456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com@evil.example", Other),
            ("user:x@123456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("evil.example/123456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("evil.example#123456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("12345678901.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("1234567890123.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("a23456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("x.123456789012.dkr.ecr.us-east-1.amazonaws.com", Other),
            ("123456789012.dkr.ecr.x.us-east-1.amazonaws.com", Other),
            ("123456789012.dkr.ecr..amazonaws.com", Other),
            ("123456789012.dkr.ecr.us-east-1amazonaws.com", Other),
            ("123456789012.dkr.ecr.us-east-1.on.aws", Other),
            ("123456789012.dkr-ecr.us-east-1.amazonaws.com", Other),
            ("public.ecr.aws", Other),
            ("s3.us-east-1.amazonaws.com", Other),
            ("127.0.0.1.evil.example", Other),
            ("localhost.evil.example", Other),
            ("10.0.0.1:5000", Other),
            ("", Other),
        ];
        for (address, expected) in cases {
            assert_eq!(registry_host(address, "us-east-1", "aws"), expected, "{address}");
        }
    }

    #[test]
    fn each_partition_has_names_of_its_own() {
        let cases = [
            (
                "aws-cn",
                "cn-north-1",
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                Ecr,
            ),
            (
                "aws-cn",
                "cn-north-1",
                "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
                Ecr,
            ),
            (
                "aws-cn",
                "cn-north-1",
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
                Other,
            ),
            (
                "aws-us-gov",
                "us-gov-west-1",
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                Ecr,
            ),
            (
                "aws-unheard-of",
                "x-1",
                "123456789012.dkr.ecr.x-1.amazonaws.com",
                Other,
            ),
        ];
        for (partition, region, address, expected) in cases {
            assert_eq!(registry_host(address, region, partition), expected, "{address}");
        }
    }
}
