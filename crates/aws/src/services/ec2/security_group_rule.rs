//! `ec2.security_group_rule`: lets traffic of one kind in or out of a security group.
//!
//! Calls: AuthorizeSecurityGroupIngress or …Egress, ModifySecurityGroupRules, DescribeSecurityGroupRules,
//! CreateTags, DeleteTags, RevokeSecurityGroupIngress or …Egress. A rule keeps its kind of source for life
//! (ModifySecurityGroupRules), so that of the sources only an IPv4 network changes in place: every change of
//! the kind touches one of the others.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleRequest.html>

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    self as sdk, IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use infra_core::types::{Problem, Problems, known, known_integer, known_str};
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, ResourceAddress, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    Place, check_cidr, check_cidr_v6, check_group_text, exactly_one, filter, is_declared, is_ours, is_set,
    of_type, ours, referenced, refusal, tag_specification, update_tags, user_tags,
};
use super::group_rules::GroupRules;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::Observations;
use crate::tags::Tags;

/// The attributes of which one says from where, or to where.
const SOURCES: &[&str] = &[
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "referenced_security_group_id",
];

/// The type.
pub struct SecurityGroupRule {
    client: Client,
    rules: GroupRules,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Whether it lets traffic in (`ingress`) or out (`egress`).
    #[serde(rename = "type")]
    pub direction: Direction,
    /// The security group that has the rule, `sg-…`.
    pub security_group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol by its number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port (tcp, udp), or the ICMP type, -1 being all. Only for these protocols, and needed there.
    pub from_port: Option<i32>,
    /// The last port (tcp, udp), or the ICMP code, -1 being all.
    pub to_port: Option<i32>,
    /// The IPv4 network that traffic comes from or goes to, such as `203.0.113.0/24`. One source is set.
    pub cidr_ipv4: Option<String>,
    /// The IPv6 network that traffic comes from or goes to.
    pub cidr_ipv6: Option<String>,
    /// The prefix list that traffic comes from or goes to, `pl-…`.
    pub prefix_list_id: Option<String>,
    /// The security group whose network interfaces traffic comes from or goes to, `sg-…`.
    pub referenced_security_group_id: Option<String>,
    /// What the rule is for: at most 255 of A-Z, a-z, 0-9, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// Which way traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the group.
    Ingress,
    /// Out of it.
    Egress,
}

/// What AWS tells.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Observed {
    #[serde(rename = "type")]
    direction: Direction,
    security_group_id: Option<String>,
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ipv4: Option<String>,
    cidr_ipv6: Option<String>,
    prefix_list_id: Option<String>,
    referenced_security_group_id: Option<String>,
    description: Option<String>,
    tags: Tags,
    /// The rule's id, `sgr-…`.
    id: String,
    /// The rule's ARN.
    arn: String,
}

impl FromClients for SecurityGroupRule {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            rules: GroupRules::new(clients),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for SecurityGroupRule {
    const NAME: &'static str = "ec2.security_group_rule";
    const DESCRIPTION: &'static str = "Lets traffic of one kind into a security group, or out of it.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:ModifySecurityGroupRules",
        "ec2:DescribeSecurityGroupRules",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupEgress",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.security_group.web]
group_name  = "web"
description = "What browsers reach"
vpc_id      = "${ec2.vpc.main.id}"

[ec2.security_group_rule.https]
type              = "ingress"
security_group_id = "${ec2.security_group.web.id}"
ip_protocol       = "tcp"
from_port         = 443
to_port           = 443
cidr_ipv4         = "0.0.0.0/0"
description       = "HTTPS from everywhere"
"#;
    const TRAITS: Traits = Traits {
        immutable: &[
            "type",
            "security_group_id",
            "cidr_ipv6",
            "prefix_list_id",
            "referenced_security_group_id",
        ],
        natural_key: &[
            "type",
            "security_group_id",
            "ip_protocol",
            "from_port",
            "to_port",
            "cidr_ipv4",
            "cidr_ipv6",
            "prefix_list_id",
            "referenced_security_group_id",
        ],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        exactly_one(attributes, SOURCES, "a source or destination", problems);
        if let Some(text) = known_str(attributes, "cidr_ipv4") {
            check_cidr("cidr_ipv4", text, 0, 32, problems);
        }
        if let Some(text) = known_str(attributes, "cidr_ipv6") {
            check_cidr_v6("cidr_ipv6", text, problems);
        }
        if let Some(text) = known_str(attributes, "description") {
            check_group_text("description", text, problems);
        }
        check_ports(attributes, problems);
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        of_type(stack, Self::NAME)
            .filter(|(_, attributes)| says_all_out(attributes))
            .filter_map(|(address, attributes)| {
                let (group, of) = referenced(stack, attributes, "security_group_id", "ec2.security_group")?;
                let stays = match of.get("default_egress") {
                    None | Some(Value::Null) => true,
                    Some(value) => value.as_bool() == Some(true),
                };
                let problem = Problem {
                    path: "".into(),
                    message: format!("AWS makes this rule with {group}, and takes no rule twice"),
                    help: Some(format!(
                        "leave this rule out, or set `default_egress = false` in {group}"
                    )),
                };
                // An IPv6 way out is AWS's own only where the VPC has IPv6 networks.
                let is_there = stays && known_str(attributes, "cidr_ipv4").is_some();
                is_there.then(|| (address.clone(), problem))
            })
            .collect()
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let tags = tag_specification(call, sdk::ResourceType::SecurityGroupRule, spec.tags.as_ref());
        let group = &spec.security_group_id;
        let (operation, made) = match spec.direction {
            Direction::Ingress => (
                "AuthorizeSecurityGroupIngress",
                self.client
                    .authorize_security_group_ingress()
                    .group_id(group)
                    .ip_permissions(permission(&spec))
                    .tag_specifications(tags)
                    .send()
                    .await
                    .aws("ec2", "AuthorizeSecurityGroupIngress")
                    .map(|answer| answer.security_group_rules),
            ),
            Direction::Egress => (
                "AuthorizeSecurityGroupEgress",
                self.client
                    .authorize_security_group_egress()
                    .group_id(group)
                    .ip_permissions(permission(&spec))
                    .tag_specifications(tags)
                    .send()
                    .await
                    .aws("ec2", "AuthorizeSecurityGroupEgress")
                    .map(|answer| answer.security_group_rules),
            ),
        };
        let made = match made {
            Ok(rules) => rules,
            Err(error) => return Err(self.refused(call, &spec, error).await),
        };
        let rule = made
            .and_then(|rules| rules.into_iter().next())
            .ok_or_else(|| missing("ec2", operation, "securityGroupRuleSet"))?;
        let (id, found) = self.observe(&rule);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let rules = self.rules.read(ids.iter().map(ToString::to_string)).await?;
        let wanted = ids.iter().filter_map(|id| rules.get(id.as_str()));
        Ok(wanted.map(|rule| self.observe(rule)).collect())
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let spec = &update.spec;
        if update.any(&["ip_protocol", "from_port", "to_port", "cidr_ipv4", "description"]) {
            let changed = SecurityGroupRuleUpdate::builder()
                .security_group_rule_id(id.as_str())
                .security_group_rule(request(spec))
                .build();
            self.client
                .modify_security_group_rules()
                .group_id(&spec.security_group_id)
                .security_group_rules(changed)
                .send()
                .await
                .aws("ec2", "ModifySecurityGroupRules")
                .map_err(refusal(call, "the rule's, sgr-…"))?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, id.as_str(), &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        let group = known_str(last, "security_group_id").map(str::to_owned);
        let direction = known_str(last, "type").map(str::to_owned);
        let (group, is_egress) = match (group, direction) {
            (Some(group), Some(direction)) => (group, direction == "egress"),
            _ => match self.find(id).await? {
                Some(rule) => (
                    rule.group_id.unwrap_or_default(),
                    rule.is_egress.unwrap_or_default(),
                ),
                None => return Ok(()),
            },
        };
        if is_egress {
            let revoke = self.client.revoke_security_group_egress().group_id(group);
            revoke
                .security_group_rule_ids(id.as_str())
                .send()
                .await
                .aws("ec2", "RevokeSecurityGroupEgress")
                .absent_is_none()?;
        } else {
            let revoke = self.client.revoke_security_group_ingress().group_id(group);
            revoke
                .security_group_rule_ids(id.as_str())
                .send()
                .await
                .aws("ec2", "RevokeSecurityGroupIngress")
                .absent_is_none()?;
        }
        Ok(())
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let rules = self.rules.found_by(ours(call)).await?;
        Ok(rules
            .into_iter()
            .filter(|rule| is_ours(call, rule.tags()))
            .find_map(|rule| rule.security_group_rule_id)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(group) = known_str(attributes, "security_group_id") else {
            return Ok(Vec::new());
        };
        let rules = self
            .rules
            .found_by(vec![filter("group-id", [group.to_owned()])])
            .await?;
        let there = rules.iter().map(|rule| self.observe(rule));
        Ok(there
            .filter(|(_, found)| is_the_same(attributes, &found.observed))
            .map(|(id, _)| id)
            .collect())
    }
}

impl SecurityGroupRule {
    async fn find(&self, id: &PhysicalId) -> ProviderResult<Option<sdk::SecurityGroupRule>> {
        let by = filter("security-group-rule-id", [id.to_string()]);
        Ok(self.rules.found_by(vec![by]).await?.pop())
    }

    /// What a refusal means. A way out to everywhere clashes with AWS's own until the group's
    /// `default_egress = false` has been carried out, which runs beside this.
    async fn refused(&self, call: &Call, spec: &Spec, error: ProviderError) -> ProviderError {
        if error.class != ErrorClass::AlreadyExists || !is_all_out(spec) {
            return refusal(call, "the rule's, sgr-…")(error);
        }
        let of_group = filter("group-id", [spec.security_group_id.clone()]);
        let rules = match self.rules.found_by(vec![of_group]).await {
            Ok(rules) => rules,
            Err(error) => return error,
        };
        let clashes = |rule: &&sdk::SecurityGroupRule| {
            rule.is_egress() == Some(true)
                && rule.ip_protocol() == Some("-1")
                && rule.cidr_ipv4() == spec.cidr_ipv4.as_deref()
                && rule.cidr_ipv6() == spec.cidr_ipv6.as_deref()
        };
        match rules.iter().find(clashes) {
            Some(rule) if is_declared(rule) => refusal(call, "the rule's, sgr-…")(error),
            _ => ProviderError {
                class: ErrorClass::DependencyNotReady,
                ..error
            }
            .hint("the group has AWS's own rule that says the same: set `default_egress = false` in it"),
        }
    }

    fn observe(&self, rule: &sdk::SecurityGroupRule) -> (PhysicalId, Found<Observed>) {
        let id = rule.security_group_rule_id().unwrap_or_default().to_owned();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let has_ports = rule.ip_protocol().is_some_and(has_ports);
        let observed = Observed {
            direction: match rule.is_egress() {
                Some(true) => Direction::Egress,
                _ => Direction::Ingress,
            },
            security_group_id: text(rule.group_id()),
            ip_protocol: text(rule.ip_protocol()),
            // Without ports AWS tells -1.
            from_port: rule.from_port().filter(|_| has_ports),
            to_port: rule.to_port().filter(|_| has_ports),
            cidr_ipv4: text(rule.cidr_ipv4()),
            cidr_ipv6: text(rule.cidr_ipv6()),
            prefix_list_id: text(rule.prefix_list_id()),
            referenced_security_group_id: text(
                rule.referenced_group_info().and_then(|group| group.group_id()),
            ),
            description: text(rule.description().filter(|text| !text.is_empty())),
            tags: user_tags(rule.tags()),
            arn: self.place.arn("security-group-rule", &id),
            id,
        };
        (PhysicalId::new(&observed.id), Found::ready(observed))
    }
}

/// Whether a rule lets the same through as these attributes ask for: AWS refuses a second one.
fn is_the_same(attributes: &Attributes, there: &Observed) -> bool {
    let text = |name: &str| known_str(attributes, name);
    let port = |name: &str| known_integer(attributes, name);
    let ends = [
        ("cidr_ipv4", &there.cidr_ipv4),
        ("cidr_ipv6", &there.cidr_ipv6),
        ("prefix_list_id", &there.prefix_list_id),
        (
            "referenced_security_group_id",
            &there.referenced_security_group_id,
        ),
    ];
    let direction = match there.direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
    };
    text("type") == Some(direction)
        && text("ip_protocol") == there.ip_protocol.as_deref()
        && port("from_port") == there.from_port.map(i64::from)
        && port("to_port") == there.to_port.map(i64::from)
        && ends.iter().all(|(name, there)| text(name) == there.as_deref())
}

/// Whether a protocol has ports, or types and codes.
fn has_ports(protocol: &str) -> bool {
    matches!(protocol, "tcp" | "udp") || is_icmp(protocol)
}

fn is_icmp(protocol: &str) -> bool {
    matches!(protocol, "icmp" | "icmpv6")
}

fn is_all_out(spec: &Spec) -> bool {
    spec.direction == Direction::Egress
        && spec.ip_protocol == "-1"
        && (spec.cidr_ipv4.as_deref() == Some("0.0.0.0/0") || spec.cidr_ipv6.as_deref() == Some("::/0"))
}

fn says_all_out(attributes: &Attributes) -> bool {
    let says = |name: &str, text: &str| known_str(attributes, name) == Some(text);
    says("type", "egress")
        && says("ip_protocol", "-1")
        && (says("cidr_ipv4", "0.0.0.0/0") || says("cidr_ipv6", "::/0"))
}

/// Protocols have one spelling at AWS, ports belong to some of them, and ICMP has types and codes instead.
fn check_ports(attributes: &Attributes, problems: &mut Problems) {
    let Some(protocol) = known_str(attributes, "ip_protocol") else {
        return;
    };
    let named = match protocol {
        "6" => Some("tcp"),
        "17" => Some("udp"),
        "1" => Some("icmp"),
        "58" => Some("icmpv6"),
        "all" | "any" => Some("-1"),
        _ => None,
    };
    let lower = protocol.to_lowercase();
    if let Some(name) = named.or((has_ports(&lower) && lower != protocol).then_some(lower.as_str())) {
        return problems.at(
            "ip_protocol",
            format!("AWS writes `{protocol}` as `{name}`: write it the same way"),
        );
    }
    if !has_ports(protocol) {
        if protocol != "-1" && protocol.parse::<u8>().is_err() {
            problems.at(
                "ip_protocol",
                format!("`{protocol}` is none of tcp, udp, icmp, icmpv6, -1 (all), or a number up to 255"),
            );
        }
        for name in ["from_port", "to_port"] {
            if is_set(attributes, name) {
                problems.at(
                    name,
                    format!("protocol `{protocol}` has no ports: leave this out"),
                );
            }
        }
        return;
    }
    for name in ["from_port", "to_port"] {
        if !is_set(attributes, name) {
            problems.at("", format!("protocol `{protocol}` needs `{name}`"));
        }
        let (range, what) = if is_icmp(protocol) {
            (-1..=255, "ICMP types and codes are -1 (all) to 255")
        } else {
            (0..=65535, "ports are 0 to 65535")
        };
        let number = known_integer(attributes, name);
        if let Some(number) = number.filter(|number| !range.contains(number)) {
            problems.at(name, format!("{number} is out of range: {what}"));
        }
    }
    let ends = (
        known_integer(attributes, "from_port"),
        known_integer(attributes, "to_port"),
    );
    if let (Some(from), Some(to)) = ends {
        if is_icmp(protocol) {
            if from == -1 && to != -1 {
                problems.at(
                    "to_port",
                    "all ICMP types (-1) means all codes: set this to -1 too",
                );
            }
        } else if from > to {
            problems.at(
                "from_port",
                format!("the first port {from} is behind the last, {to}"),
            );
        }
    }
    if protocol == "icmpv6" && known(attributes, "cidr_ipv4").is_some() {
        problems.at("cidr_ipv4", "icmpv6 goes over IPv6: set `cidr_ipv6`");
    }
}

/// The rule as the Authorize calls take it.
fn permission(spec: &Spec) -> IpPermission {
    let description = spec.description.clone();
    let made = IpPermission::builder()
        .ip_protocol(&spec.ip_protocol)
        .set_from_port(spec.from_port)
        .set_to_port(spec.to_port);
    let made = match (
        &spec.cidr_ipv4,
        &spec.cidr_ipv6,
        &spec.prefix_list_id,
        &spec.referenced_security_group_id,
    ) {
        (Some(network), ..) => made.ip_ranges(
            IpRange::builder()
                .cidr_ip(network)
                .set_description(description)
                .build(),
        ),
        (_, Some(network), ..) => made.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(network)
                .set_description(description)
                .build(),
        ),
        (_, _, Some(list), _) => made.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(list)
                .set_description(description)
                .build(),
        ),
        (.., Some(group)) => made.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(group)
                .set_description(description)
                .build(),
        ),
        _ => made,
    };
    made.build()
}

/// The rule as ModifySecurityGroupRules takes it: always whole.
fn request(spec: &Spec) -> SecurityGroupRuleRequest {
    let all = (!has_ports(&spec.ip_protocol)).then_some(-1);
    SecurityGroupRuleRequest::builder()
        .ip_protocol(&spec.ip_protocol)
        .set_from_port(spec.from_port.or(all))
        .set_to_port(spec.to_port.or(all))
        .set_cidr_ipv4(spec.cidr_ipv4.clone())
        .set_cidr_ipv6(spec.cidr_ipv6.clone())
        .set_prefix_list_id(spec.prefix_list_id.clone())
        .set_referenced_group_id(spec.referenced_security_group_id.clone())
        .set_description(spec.description.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{problems_in, stack, together};

    /// The problems of an ingress rule from 10.0.0.0/8 with this protocol and these ports.
    fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> String {
        let port = |port: Option<i64>| port.map_or(Value::Null, Value::Integer);
        let attributes = Attributes::from([
            ("ip_protocol".into(), Value::from(protocol)),
            ("from_port".into(), port(from)),
            ("to_port".into(), port(to)),
            ("cidr_ipv4".into(), Value::from("10.0.0.0/8")),
        ]);
        problems_in::<SecurityGroupRule>(&attributes).join("; ")
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
            (
                "6",
                Some(1),
                Some(1),
                "ip_protocol: AWS writes `6` as `tcp`: write it the same way",
            ),
            (
                "TCP",
                Some(1),
                Some(1),
                "ip_protocol: AWS writes `TCP` as `tcp`: write it the same way",
            ),
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
            together::<SecurityGroupRule>(&stack),
            [
                "ec2.security_group_rule.a: AWS makes this rule with ec2.security_group.open, and takes no rule twice"
            ]
        );
    }

    #[test]
    fn a_change_is_asked_for_with_the_whole_rule() {
        let spec = Spec {
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
}
