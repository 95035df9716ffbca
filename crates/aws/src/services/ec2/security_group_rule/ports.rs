//! Which ports a protocol has.

use super::{Field, PartialSecurityGroupRule};
use crate::prelude::*;

/// Whether a protocol has ports, or types and codes.
pub(super) fn has_ports(protocol: &str) -> bool {
    matches!(protocol, "tcp" | "udp") || is_icmp(protocol)
}

fn is_icmp(protocol: &str) -> bool {
    matches!(protocol, "icmp" | "icmpv6")
}

/// Ports belong to some protocols, and ICMP has types and codes instead.
pub(super) fn check_ports(given: &PartialSecurityGroupRule, problems: &mut Problems) {
    let Some(protocol) = given.ip_protocol.as_str() else {
        return;
    };
    let protocol = Field::IpProtocol.as_told(protocol);
    let protocol = protocol.as_ref();
    let ports = [(Field::FromPort, given.from_port), (Field::ToPort, given.to_port)];
    if !has_ports(protocol) {
        if protocol != "-1" && protocol.parse::<u8>().is_err() {
            let message =
                format!("`{protocol}` is none of tcp, udp, icmp, icmpv6, -1 (all), or a number up to 255");
            problems.at(Field::IpProtocol.name(), message);
        }
        for (field, _) in ports.iter().filter(|(_, port)| port.is_set()) {
            let message = format!("protocol `{protocol}` has no ports: leave this out");
            problems.at(field.name(), message);
        }
        return;
    }
    let is_icmp = is_icmp(protocol);
    let (range, what) = if is_icmp {
        (-1..=255, "ICMP types and codes are -1 (all) to 255")
    } else {
        (0..=65535, "ports are 0 to 65535")
    };
    for (field, port) in ports {
        let name = field.name();
        match port {
            Partial::Unset => problems.at("", format!("protocol `{protocol}` needs `{name}`")),
            Partial::Known(number) if !range.contains(&number) => {
                problems.at(name, format!("{number} is out of range: {what}"));
            }
            _ => {}
        }
    }
    if let (Partial::Known(from), Partial::Known(to)) = (given.from_port, given.to_port) {
        if is_icmp && from == -1 && to != -1 {
            let message = "all ICMP types (-1) means all codes: set this to -1 too";
            problems.at(Field::ToPort.name(), message);
        } else if !is_icmp && from > to {
            let message = format!("the first port {from} is behind the last, {to}");
            problems.at(Field::FromPort.name(), message);
        }
    }
    if protocol == "icmpv6" && given.cidr_ipv4.known().is_some() {
        problems.at(Field::CidrIpv4.name(), "icmpv6 goes over IPv6: set `cidr_ipv6`");
    }
}
