//! `ec2.security_group`: a firewall around network interfaces. Its rules are `ec2.security_group_rule`.
//!
//! A group is born with a rule that lets everything out: `default_egress` says whether that stays. It cannot be deleted
//! while a network interface or another group's rule uses it: DependencyViolation.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self as sdk, Filter, IpPermission, IpRange, ResourceType};

use super::common::{all_tags, arn, by_ids, filter, is_declared, ours, tags_of};
use super::group_rules;
use super::obstacles::{interfaces, of_group, of_interfaces};
use super::service::Ec2;
use crate::prelude::*;

/// A firewall around network interfaces.
///
/// Its rules are resources of their own (`ec2.security_group_rule`); rules that nobody declared are left
/// alone, but for AWS's own way out: see `default_egress`.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html")]
pub struct SecurityGroup {
    /// The group's name, which no other group of the VPC has.
    #[attribute(immutable, caseless, length = 1..=255, alphabet("A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-", "A-Z, a-z, 0-9, spaces and `._-:/()#,@[]+=&;{}!$*`"))]
    #[attribute(except("^(sg-.*|default)$", "is a name that only AWS gives"))]
    pub group_name: String,
    /// What the group is for. It cannot be changed later.
    #[attribute(immutable, length = 1..=255, alphabet("A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-", "A-Z, a-z, 0-9, spaces and `._-:/()#,@[]+=&;{}!$*`"))]
    pub description: String,
    /// The VPC, `vpc-…`.
    #[attribute(immutable)]
    pub vpc_id: String,
    /// Whether the rules that AWS makes with the group, which let everything out to `0.0.0.0/0` (and `::/0` where the
    /// VPC has IPv6), stay. Set it to false when `ec2.security_group_rule`s of type `egress` say what may go out.
    #[attribute(set_after_create, default = true)]
    pub default_egress: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The group's id, `sg-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The group's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use SecurityGroupField as Field;

impl Resource for SecurityGroup {
    const NAME: &'static str = "ec2.security_group";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSecurityGroup",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeNetworkInterfaces",
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:DeleteSecurityGroup",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.security_group.web]
group_name     = "web"
description    = "What browsers reach"
vpc_id         = "${ec2.vpc.main.id}"
default_egress = false
tags           = { Name = "web" }
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::VpcId, Field::GroupName],
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialSecurityGroup>> {
        let call = aws
            .ec2
            .create_security_group()
            .group_name(&spec.group_name)
            .description(&spec.description)
            .vpc_id(&spec.vpc_id)
            .tag_specifications(tags_of(call, ResourceType::SecurityGroup, spec.tags));
        let answer = call.send().await.aws("ec2", "CreateSecurityGroup")?;
        let id = answer.group_id;
        let id = id.ok_or_else(|| missing("ec2", "CreateSecurityGroup", "groupId"))?;
        let group = sdk::SecurityGroup::builder()
            .group_id(id)
            .group_name(spec.group_name)
            .description(spec.description)
            .vpc_id(spec.vpc_id);
        Ok(observe(aws, &group.build(), true).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        // With all their rules, which tell whose the way out is.
        let rules = group_rules::read(aws, ids.iter().map(ToString::to_string));
        let groups = by_ids(ids, "group-id", |by| describe(aws, by));
        let (mut groups, rules) = futures::try_join!(groups, rules)?;
        let of_aws = rules.values().filter(|rule| all_out(rule) && !is_declared(rule));
        let with_default: BTreeSet<&str> = of_aws.filter_map(|rule| rule.group_id()).collect();
        for (id, group) in &mut groups {
            group.observed.default_egress = with_default.contains(id.as_str()).into();
        }
        Ok(groups)
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let prior = value_of(&update.prior, Field::DefaultEgress).and_then(Value::as_bool);
        match (prior, update.spec.default_egress.unwrap_or(true)) {
            (Some(true), true) => Ok(()),
            (_, true) => restore_default_egress(aws, id.as_str()).await,
            (_, false) => revoke_default_egress(aws, id.as_str()).await,
        }
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_security_group().group_id(id.as_str());
        call.send().await.aws("ec2", "DeleteSecurityGroup").map(drop)
    }

    /// The interfaces that are in it, and other groups whose rules name it.
    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let of = |name: &str| filter(name, [id.as_str()]);
        let named = async |by: &str| {
            let call = aws.ec2.describe_security_groups().filters(of(by));
            let found = call.send().await.aws("ec2", "DescribeSecurityGroups")?;
            ProviderResult::Ok(found.security_groups.unwrap_or_default())
        };
        let (held, inward, outward) = futures::try_join!(
            interfaces(&aws.ec2, of("group-id")),
            named("ip-permission.group-id"),
            named("egress.ip-permission.group-id"),
        )?;
        let groups: BTreeSet<Obstacle> = inward
            .iter()
            .chain(&outward)
            .filter(|group| group.group_id() != Some(id.as_str()))
            .map(|group| of_group("a rule of security group", group))
            .collect();
        Ok(of_interfaces(&held).into_iter().chain(groups).collect())
    }

    async fn holders(aws: &Clients, given: &PartialSecurityGroup) -> ProviderResult<Observations<Self>> {
        let (Some(vpc), Some(name)) = (given.vpc_id.as_str(), given.group_name.as_str()) else {
            return Ok(Observations::<Self>::new());
        };
        // The filter by name has case, the names have none.
        let mut groups = describe(aws, vec![filter("vpc-id", [vpc])]).await?;
        groups.retain(|(_, found)| {
            let other = found.observed.group_name.as_str();
            other.is_some_and(|other| other.eq_ignore_ascii_case(name))
        });
        Ok(groups.into_iter().collect())
    }

    async fn left(
        aws: &Clients,
        call: &Call,
        _: &PartialSecurityGroup,
    ) -> ProviderResult<Observations<Self>> {
        Ok(describe(aws, ours(call)).await?.into_iter().collect())
    }
}

pub(super) async fn describe(
    aws: &Clients,
    by: Vec<Filter>,
) -> ProviderResult<Vec<Observation<SecurityGroup>>> {
    let pages = aws.ec2.describe_security_groups().set_filters(Some(by));
    let groups = pages.into_paginator().items().send();
    let groups = groups.collect::<Result<Vec<_>, _>>().await;
    let groups = groups.aws("ec2", "DescribeSecurityGroups")?;
    Ok(groups.iter().map(|group| observe(aws, group, false)).collect())
}

fn observe(aws: &Clients, group: &sdk::SecurityGroup, default_egress: bool) -> Observation<SecurityGroup> {
    let id = group.group_id().unwrap_or_default();
    let observed = PartialSecurityGroup {
        group_name: group.group_name().into(),
        description: group.description().into(),
        vpc_id: group.vpc_id().into(),
        default_egress: default_egress.into(),
        tags: all_tags(group.tags()).into(),
        id: id.into(),
        arn: arn(aws, "security-group", id).into(),
    };
    (PhysicalId::new(id), Found::ready(observed))
}

/// Takes AWS's own way out away; a rule of the same meaning that a stack declares stays.
async fn revoke_default_egress(aws: &Clients, group: &str) -> ProviderResult<()> {
    let mut rules = group_rules::describe(&aws.ec2, vec![filter("group-id", [group])]).await?;
    rules.retain(all_out);
    let (declared, of_aws): (Vec<_>, Vec<_>) = rules.into_iter().partition(is_declared);
    let revoke = aws.ec2.revoke_security_group_egress().group_id(group);
    let revoke = if !of_aws.is_empty() {
        let ids = of_aws.into_iter().filter_map(|rule| rule.security_group_rule_id);
        revoke.set_security_group_rule_ids(Some(ids.collect()))
    } else if declared.is_empty() {
        // The rules of a group that has just been made may not be told yet: then by what it says.
        revoke.ip_permissions(all_out_ipv4())
    } else {
        return Ok(());
    };
    match revoke.send().await.aws("ec2", "RevokeSecurityGroupEgress") {
        // The rule is gone. That the group is not found means no such thing: it is not visible yet.
        Err(error) if error.code.as_deref() == Some("InvalidPermission.NotFound") => Ok(()),
        revoked => revoked.map(drop),
    }
}

/// Makes AWS's own way out again.
async fn restore_default_egress(aws: &Clients, group: &str) -> ProviderResult<()> {
    let call = aws.ec2.authorize_security_group_egress().group_id(group);
    let made = call.ip_permissions(all_out_ipv4()).send().await;
    match made.aws("ec2", "AuthorizeSecurityGroupEgress") {
        Err(error) if error.class != ErrorClass::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

const EVERYWHERE: &str = "0.0.0.0/0";
const EVERYWHERE_IPV6: &str = "::/0";

/// What AWS's own rule says.
fn all_out_ipv4() -> IpPermission {
    IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(IpRange::builder().cidr_ip(EVERYWHERE).build())
        .build()
}

/// Whether a rule lets everything out to everywhere, by IPv4 or by IPv6.
pub(crate) fn all_out(rule: &sdk::SecurityGroupRule) -> bool {
    let everywhere = rule.cidr_ipv4() == Some(EVERYWHERE) || rule.cidr_ipv6() == Some(EVERYWHERE_IPV6);
    rule.is_egress() == Some(true) && rule.ip_protocol() == Some("-1") && everywhere
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn names_and_descriptions_are_of_awss_alphabet() {
        let long = "x".repeat(256);
        for (name, text, said) in [
            ("group_name", "web (1)", ""),
            (
                "group_name",
                "sg-web",
                "group_name: `sg-web` is a name that only AWS gives",
            ),
            (
                "group_name",
                "default",
                "group_name: `default` is a name that only AWS gives",
            ),
            (
                "group_name",
                "",
                "group_name: `` has 0 characters: AWS takes 1 to 255",
            ),
            (
                "description",
                &long,
                &format!("description: `{long}` has 256 characters: AWS takes 1 to 255"),
            ),
            (
                "description",
                "browsers' way in",
                "description: `browsers' way in` has `'` in it: AWS takes A-Z, a-z, 0-9, spaces and \
                 `._-:/()#,@[]+=&;{}!$*`",
            ),
        ] {
            assert_eq!(
                refused_texts::<SecurityGroup>(&[(name, text)]).join("; "),
                said,
                "{text}"
            );
        }
    }

    #[test]
    fn only_everything_to_everywhere_is_awss_own_way_out() {
        let rule = |egress: bool, protocol: &str, network: &str| {
            sdk::SecurityGroupRule::builder()
                .is_egress(egress)
                .ip_protocol(protocol)
                .cidr_ipv4(network)
                .build()
        };
        for (rule, expected) in [
            (rule(true, "-1", "0.0.0.0/0"), true),
            (rule(false, "-1", "0.0.0.0/0"), false),
            (rule(true, "tcp", "0.0.0.0/0"), false),
            (rule(true, "-1", "10.0.0.0/8"), false),
        ] {
            assert_eq!(all_out(&rule), expected, "{rule:?}");
        }
    }
}
