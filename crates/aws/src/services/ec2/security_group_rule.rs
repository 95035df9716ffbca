//! `ec2.security_group_rule`: lets traffic of one kind in or out of a security group.
//!
//! Calls: AuthorizeSecurityGroupIngress or …Egress, ModifySecurityGroupRules, DescribeSecurityGroupRules, CreateTags,
//! DeleteTags, RevokeSecurityGroupIngress or …Egress. A rule keeps its kind of source for life
//! (ModifySecurityGroupRules), so that of the sources only an IPv4 network changes in place: every change of the kind
//! touches one of the others.

mod ports;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    self as sdk, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};

use self::ports::{check_ports, has_ports};
use super::common::{all_tags, arn, filter, is_declared, ours, referenced, tags_of};
use super::group_rules;
use super::security_group::SecurityGroupField;
use super::service::Ec2;
use crate::prelude::*;
use crate::together::of_type;

/// Lets traffic of one kind into a security group, or out of it.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleRequest.html")]
#[block(exactly_one(cidr_ipv4, cidr_ipv6, prefix_list_id, referenced_security_group_id))]
pub struct SecurityGroupRule {
    /// Whether it lets traffic in (`ingress`) or out (`egress`).
    #[serde(rename = "type")]
    #[attribute(immutable)]
    pub direction: Direction,
    /// The security group that has the rule, `sg-…`.
    #[attribute(immutable)]
    pub security_group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol by its number, or `-1` for all.
    // EC2 stores these four by name, in lower case, and no other: https://github.com/go-to-k/cdkd/pull/1650
    #[attribute(same(other_names("6" = "tcp", "17" = "udp", "1" = "icmp", "58" = "icmpv6", "all" = "-1")))]
    pub ip_protocol: String,
    /// The first port (tcp, udp), or the ICMP type, -1 being all. Only for these protocols, and needed there.
    pub from_port: Option<i32>,
    /// The last port (tcp, udp), or the ICMP code, -1 being all.
    pub to_port: Option<i32>,
    /// The IPv4 network that traffic comes from or goes to, such as `203.0.113.0/24`. One source is set.
    #[attribute(cidr(4, 0..=32))]
    pub cidr_ipv4: Option<String>,
    /// The IPv6 network that traffic comes from or goes to.
    #[attribute(immutable, cidr(6, 0..=128))]
    pub cidr_ipv6: Option<String>,
    /// The prefix list that traffic comes from or goes to, `pl-…`.
    #[attribute(immutable)]
    pub prefix_list_id: Option<String>,
    /// The security group whose network interfaces traffic comes from or goes to, `sg-…`.
    #[attribute(immutable)]
    pub referenced_security_group_id: Option<String>,
    /// What the rule is for.
    #[attribute(length = 0..=255, alphabet("A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-", "A-Z, a-z, 0-9, spaces and `._-:/()#,@[]+=&;{}!$*`"))]
    pub description: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The rule's id, `sgr-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The rule's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use SecurityGroupRuleField as Field;

choices! {
    /// Which way traffic goes.
    Direction {
        /// Into the group.
        Ingress = "ingress",
        /// Out of it.
        Egress = "egress",
    }
}

impl Resource for SecurityGroupRule {
    const NAME: &'static str = "ec2.security_group_rule";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:ModifySecurityGroupRules",
        "ec2:DescribeSecurityGroupRules",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[
            Field::Direction,
            Field::SecurityGroupId,
            Field::IpProtocol,
            Field::FromPort,
            Field::ToPort,
            Field::CidrIpv4,
            Field::CidrIpv6,
            Field::PrefixListId,
            Field::ReferencedSecurityGroupId,
        ],
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    fn validate(given: &PartialSecurityGroupRule, problems: &mut Problems) {
        check_ports(given, problems);
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        of_type(stack, Self::NAME)
            .filter(|(_, attributes)| says_all_out(attributes))
            .filter_map(|(address, attributes)| {
                let (group, of) =
                    referenced(stack, attributes, Field::SecurityGroupId, "ec2.security_group")?;
                let stays = match value_of(of, SecurityGroupField::DefaultEgress) {
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
                let is_there = stays && known_str(attributes, Field::CidrIpv4).is_some();
                is_there.then(|| (address.clone(), problem))
            })
            .collect()
    }

    async fn create(
        aws: &Clients,
        call: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialSecurityGroupRule>> {
        let tags = tags_of(call, ResourceType::SecurityGroupRule, spec.tags.clone());
        let made = match spec.direction {
            Direction::Ingress => {
                let call = aws.ec2.authorize_security_group_ingress();
                let call = call
                    .group_id(&spec.security_group_id)
                    .ip_permissions(permission(&spec));
                let answer = call.tag_specifications(tags).send().await;
                let answer = answer.aws("ec2", "AuthorizeSecurityGroupIngress");
                answer.map(|answer| answer.security_group_rules)
            }
            Direction::Egress => {
                let call = aws.ec2.authorize_security_group_egress();
                let call = call
                    .group_id(&spec.security_group_id)
                    .ip_permissions(permission(&spec));
                let answer = call.tag_specifications(tags).send().await;
                let answer = answer.aws("ec2", "AuthorizeSecurityGroupEgress");
                answer.map(|answer| answer.security_group_rules)
            }
        };
        let rules = match made {
            Ok(rules) => rules.unwrap_or_default(),
            Err(error) => return Err(refused(aws, &spec, error).await),
        };
        let rule = rules
            .first()
            .ok_or_else(|| missing("ec2", "AuthorizeSecurityGroup…", "securityGroupRuleSet"));
        Ok(observe(aws, rule?).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let rules = group_rules::read(aws, ids.iter().map(ToString::to_string)).await?;
        let wanted = ids.iter().filter_map(|id| rules.get(id.as_str()));
        Ok(wanted.map(|rule| observe(aws, rule)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let changed = SecurityGroupRuleUpdate::builder()
            .security_group_rule_id(id.as_str())
            .security_group_rule(request(&with_kept(update)));
        aws.ec2
            .modify_security_group_rules()
            .group_id(&update.spec.security_group_id)
            .security_group_rules(changed.build())
            .send()
            .await
            .aws("ec2", "ModifySecurityGroupRules")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        let group = known_str(last, Field::SecurityGroupId);
        let direction = known_str(last, Field::Direction);
        let (group, is_egress) = match (group, direction) {
            (Some(group), Some(direction)) => (group.to_owned(), direction == "egress"),
            _ => {
                let by = filter("security-group-rule-id", [id.as_str()]);
                let Some(rule) = group_rules::describe(&aws.ec2, vec![by]).await?.pop() else {
                    return Ok(());
                };
                (rule.group_id.unwrap_or_default(), rule.is_egress == Some(true))
            }
        };
        if is_egress {
            let revoke = aws.ec2.revoke_security_group_egress().group_id(group);
            let revoked = revoke.security_group_rule_ids(id.as_str()).send().await;
            revoked.aws("ec2", "RevokeSecurityGroupEgress").map(drop)
        } else {
            let revoke = aws.ec2.revoke_security_group_ingress().group_id(group);
            let revoked = revoke.security_group_rule_ids(id.as_str()).send().await;
            revoked.aws("ec2", "RevokeSecurityGroupIngress").map(drop)
        }
    }

    async fn left(
        aws: &Clients,
        call: &Call,
        _: &PartialSecurityGroupRule,
    ) -> ProviderResult<Observations<Self>> {
        let rules = group_rules::describe(&aws.ec2, ours(call)).await?;
        Ok(rules.iter().map(|rule| observe(aws, rule)).collect())
    }

    async fn holders(aws: &Clients, given: &PartialSecurityGroupRule) -> ProviderResult<Observations<Self>> {
        let Some(group) = given.security_group_id.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let rules = group_rules::describe(&aws.ec2, vec![filter("group-id", [group])]).await?;
        let there = rules.iter().map(|rule| observe(aws, rule));
        Ok(there
            .filter(|(_, found)| lets_through(&found.observed) == lets_through(given))
            .collect())
    }
}

/// What a rule lets through: AWS refuses a second one of the same.
fn lets_through(rule: &PartialSecurityGroupRule) -> PartialSecurityGroupRule {
    PartialSecurityGroupRule {
        security_group_id: Partial::Unset,
        description: Partial::Unset,
        tags: Partial::Unset,
        id: Partial::Unset,
        arn: Partial::Unset,
        ..rule.clone()
    }
}

/// What a refusal means. A way out to everywhere clashes with AWS's own until the group's
/// `default_egress = false` has been carried out, which runs beside this.
async fn refused(aws: &Clients, spec: &SecurityGroupRule, error: ProviderError) -> ProviderError {
    if error.class != ErrorClass::AlreadyExists || !is_all_out(spec) {
        return error;
    }
    let of_group = filter("group-id", [spec.security_group_id.as_str()]);
    let rules = match group_rules::describe(&aws.ec2, vec![of_group]).await {
        Ok(rules) => rules,
        Err(error) => return error,
    };
    let clashes = |rule: &&sdk::SecurityGroupRule| {
        rule.is_egress() == Some(true)
            && rule.ip_protocol() == Some("-1")
            && rule.cidr_ipv4() == spec.cidr_ipv4.as_deref()
            && rule.cidr_ipv6() == spec.cidr_ipv6.as_deref()
    };
    if rules.iter().find(clashes).is_some_and(is_declared) {
        return error;
    }
    ProviderError {
        class: ErrorClass::DependencyNotReady,
        ..error
    }
    .hint("the group has AWS's own rule that says the same: set `default_egress = false` in it")
}

fn observe(aws: &Clients, rule: &sdk::SecurityGroupRule) -> Observation<SecurityGroupRule> {
    let id = rule.security_group_rule_id().unwrap_or_default();
    let has_ports = rule.ip_protocol().is_some_and(has_ports);
    let direction = match rule.is_egress() {
        Some(true) => Direction::Egress,
        _ => Direction::Ingress,
    };
    let observed = PartialSecurityGroupRule {
        direction: direction.into(),
        security_group_id: rule.group_id().into(),
        ip_protocol: rule.ip_protocol().into(),
        // Without ports AWS tells -1.
        from_port: rule.from_port().filter(|_| has_ports).into(),
        to_port: rule.to_port().filter(|_| has_ports).into(),
        cidr_ipv4: rule.cidr_ipv4().into(),
        cidr_ipv6: rule.cidr_ipv6().into(),
        prefix_list_id: rule.prefix_list_id().into(),
        referenced_security_group_id: rule
            .referenced_group_info()
            .and_then(|group| group.group_id())
            .into(),
        description: rule.description().filter(|text| !text.is_empty()).into(),
        tags: all_tags(rule.tags()).into(),
        id: id.into(),
        arn: arn(aws, "security-group-rule", id).into(),
    };
    (PhysicalId::new(id), Found::ready(observed))
}

fn is_all_out(spec: &SecurityGroupRule) -> bool {
    spec.direction == Direction::Egress
        && spec.ip_protocol == "-1"
        && (spec.cidr_ipv4.as_deref() == Some("0.0.0.0/0") || spec.cidr_ipv6.as_deref() == Some("::/0"))
}

fn says_all_out(attributes: &Attributes) -> bool {
    let says = |field: Field, text: &str| known_str(attributes, field) == Some(text);
    let protocol = known_str(attributes, Field::IpProtocol).map(|text| Field::IpProtocol.as_told(text));
    says(Field::Direction, "egress")
        && protocol.as_deref() == Some("-1")
        && (says(Field::CidrIpv4, "0.0.0.0/0") || says(Field::CidrIpv6, "::/0"))
}

/// The rule as the Authorize calls take it.
fn permission(spec: &SecurityGroupRule) -> IpPermission {
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
/// A rule is written whole: what nobody declared of it stays as it is.
fn with_kept(update: &Update<SecurityGroupRule>) -> SecurityGroupRule {
    let mut spec = update.spec.clone();
    spec.description = update.kept(Field::Description, spec.description);
    if has_ports(&spec.ip_protocol) {
        spec.from_port = update.kept(Field::FromPort, spec.from_port);
        spec.to_port = update.kept(Field::ToPort, spec.to_port);
    }
    let is_named = [
        &spec.cidr_ipv6,
        &spec.prefix_list_id,
        &spec.referenced_security_group_id,
    ];
    if is_named.iter().all(|source| source.is_none()) {
        spec.cidr_ipv4 = update.kept(Field::CidrIpv4, spec.cidr_ipv4);
    }
    spec
}

fn request(spec: &SecurityGroupRule) -> SecurityGroupRuleRequest {
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
mod tests;
