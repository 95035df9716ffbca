//! Protocols and ports, the way out that AWS makes, and how a change is asked for.

use super::*;
use serde_json::json;

use crate::services::testing::{refused, refused_together, stack};

/// The problems of an ingress rule from 10.0.0.0/8 with this protocol and these ports.
fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> String {
    let attributes =
        json!({ "ip_protocol": protocol, "from_port": from, "to_port": to, "cidr_ipv4": "10.0.0.0/8" });
    refused::<SecurityGroupRule>(attributes).join("; ")
}

#[test]
fn protocols_and_ports_fit() {
    for (protocol, from, to, said) in [
        ("tcp", Some(443), Some(443), ""),
        ("udp", Some(0), Some(65535), ""),
        ("icmp", Some(-1), Some(-1), ""),
        ("icmp", Some(8), Some(0), ""),
        ("-1", None, None, ""),
        ("50", None, None, ""),
        ("tcp", Some(80), None, ": protocol `tcp` needs `to_port`"),
        (
            "tcp",
            Some(81),
            Some(80),
            "from_port: the first port 81 is behind the last, 80",
        ),
        (
            "tcp",
            Some(-1),
            Some(70000),
            "from_port: -1 is out of range: ports are 0 to 65535; \
                 to_port: 70000 is out of range: ports are 0 to 65535",
        ),
        (
            "icmp",
            Some(-1),
            Some(0),
            "to_port: all ICMP types (-1) means all codes: set this to -1 too",
        ),
        (
            "-1",
            Some(0),
            None,
            "from_port: protocol `-1` has no ports: leave this out",
        ),
        ("6", Some(1), Some(1), ""),
        ("6", Some(1), None, ": protocol `tcp` needs `to_port`"),
        ("all", None, None, ""),
        ("TCP", Some(1), Some(1), ""),
        (
            "sctp",
            None,
            None,
            "ip_protocol: `sctp` is none of tcp, udp, icmp, icmpv6, -1 (all), or a number up to 255",
        ),
        (
            "icmpv6",
            Some(-1),
            Some(-1),
            "cidr_ipv4: icmpv6 goes over IPv6: set `cidr_ipv6`",
        ),
    ] {
        assert_eq!(ports(protocol, from, to), said, "{protocol} {from:?} {to:?}");
    }
}

#[test]
fn awss_own_way_out_is_not_declared_a_second_time() {
    let all = [
        ("type", "egress"),
        ("ip_protocol", "-1"),
        ("cidr_ipv4", "0.0.0.0/0"),
    ];
    let of = |group| [&[("security_group_id", group)], all.as_slice()].concat();
    let (open, closed) = (
        of("${ec2.security_group.open.id}"),
        of("${ec2.security_group.closed.id}"),
    );
    let stack = stack(&[
        ("ec2.security_group.open", &[]),
        ("ec2.security_group.closed", &[("default_egress", "false")]),
        ("ec2.security_group_rule.a", &open),
        ("ec2.security_group_rule.b", &closed),
    ]);
    assert_eq!(
        refused_together::<SecurityGroupRule>(&stack),
        [
            "ec2.security_group_rule.a: AWS makes this rule with ec2.security_group.open, and takes no rule twice"
        ]
    );
}

#[test]
fn a_change_is_asked_for_with_the_whole_rule() {
    let spec = SecurityGroupRule {
        direction: Direction::Egress,
        security_group_id: "sg-1".into(),
        ip_protocol: "-1".into(),
        from_port: None,
        to_port: None,
        cidr_ipv4: None,
        cidr_ipv6: None,
        prefix_list_id: None,
        referenced_security_group_id: Some("sg-2".into()),
        description: Some("to the others".into()),
        tags: None,
        id: None,
        arn: None,
    };
    let asked = request(&spec);
    assert_eq!((asked.from_port(), asked.to_port()), (Some(-1), Some(-1)));
    assert_eq!(asked.referenced_group_id(), Some("sg-2"));
    let made = permission(&spec);
    assert_eq!((made.from_port(), made.to_port()), (None, None));
    let [pair] = made.user_id_group_pairs() else {
        panic!("{made:?}");
    };
    assert_eq!(pair.description(), Some("to the others"));
}
