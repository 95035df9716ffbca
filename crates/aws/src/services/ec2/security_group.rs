//! `ec2.security_group`: a firewall around network interfaces. Its rules are `ec2.security_group_rule`.
//!
//! Calls: CreateSecurityGroup, DescribeSecurityGroups, DescribeSecurityGroupRules,
//! RevokeSecurityGroupEgress, AuthorizeSecurityGroupEgress, CreateTags, DeleteTags, DeleteSecurityGroup.
//! A group is born with a rule that lets everything out: `default_egress` says whether that stays. It cannot
//! be deleted while a network interface or another group's rule uses it: DependencyViolation.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, IpPermission, IpRange};
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass, PhysicalId, Value};
use infra_provider::{Call, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    FILTER_VALUES, Place, check_group_text, filter, is_declared, is_ours, ours, refusal, tag_specification,
    update_tags, user_tags,
};
use super::group_rules::GroupRules;
use super::obstacles::{interfaces, of_group, of_interfaces};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct SecurityGroup {
    client: Client,
    rules: GroupRules,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The group's name, which no other group of the VPC has: at most 255 of A-Z, a-z, 0-9, spaces and
    /// `._-:/()#,@[]+=&;{}!$*`, not starting with `sg-`.
    pub group_name: String,
    /// What the group is for: at most 255 characters of the same alphabet. It cannot be changed later.
    pub description: String,
    /// The VPC, `vpc-…`.
    pub vpc_id: String,
    /// Whether the rules that AWS makes with the group, which let everything out to `0.0.0.0/0` (and `::/0`
    /// where the VPC has IPv6), stay. Set it to false when `ec2.security_group_rule`s of type `egress` say
    /// what may go out. AWS's default is true.
    #[schemars(extend("default" = true))]
    pub default_egress: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    group_name: Option<String>,
    description: Option<String>,
    vpc_id: Option<String>,
    default_egress: bool,
    tags: Tags,
    /// The group's id, `sg-…`.
    id: String,
    /// The group's ARN.
    arn: String,
}

impl FromClients for SecurityGroup {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            rules: GroupRules::new(clients),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for SecurityGroup {
    const NAME: &'static str = "ec2.security_group";
    const DESCRIPTION: &'static str = "A firewall around network interfaces.\n\n\
        Its rules are resources of their own (`ec2.security_group_rule`); rules that nobody declared are \
        left alone, but for AWS's own way out: see `default_egress`.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSecurityGroup",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeNetworkInterfaces",
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:CreateTags",
        "ec2:DeleteTags",
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
    const TRAITS: Traits = Traits {
        immutable: &["group_name", "description", "vpc_id"],
        set_after_create: &["default_egress"],
        natural_key: &["vpc_id", "group_name"],
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
        caseless: &["group_name"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(name) = known_str(attributes, "group_name") {
            check_group_text("group_name", name, problems);
            if name.is_empty() {
                problems.at("group_name", "the name is empty");
            } else if name.starts_with("sg-") {
                problems.at("group_name", "names that start with `sg-` are AWS's");
            } else if name == "default" {
                problems.at(
                    "group_name",
                    "`default` is the group that AWS makes with every VPC",
                );
            }
        }
        if let Some(text) = known_str(attributes, "description") {
            check_group_text("description", text, problems);
            if text.is_empty() {
                problems.at("description", "AWS wants a description");
            }
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let tags = tag_specification(call, sdk::ResourceType::SecurityGroup, spec.tags.as_ref());
        let answer = self
            .client
            .create_security_group()
            .group_name(&spec.group_name)
            .description(&spec.description)
            .vpc_id(&spec.vpc_id)
            .tag_specifications(tags.clone())
            .send()
            .await
            .aws("ec2", "CreateSecurityGroup")
            .map_err(refusal(call, "the group's, sg-…"))?;
        let id = answer
            .group_id
            .ok_or_else(|| missing("ec2", "CreateSecurityGroup", "groupId"))?;
        let group = sdk::SecurityGroup::builder()
            .group_id(&id)
            .group_name(spec.group_name)
            .description(spec.description)
            .vpc_id(spec.vpc_id)
            .set_tags(tags.tags)
            .build();
        Ok(Created {
            id: PhysicalId::new(id),
            found: self.observe(&group, true),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let rules = self.rules.read(ids.clone());
            let pages = self
                .client
                .describe_security_groups()
                .filters(filter("group-id", ids))
                .into_paginator()
                .items()
                .send();
            // With all their rules, which tell whose the way out is.
            let (groups, rules) = futures::join!(pages.collect::<Result<Vec<_>, _>>(), rules);
            let (groups, rules) = (groups.aws("ec2", "DescribeSecurityGroups")?, rules?);
            let with_default: BTreeSet<&str> = rules
                .values()
                .filter(|rule| all_out(rule) && !is_declared(rule))
                .filter_map(sdk::SecurityGroupRule::group_id)
                .collect();
            Ok(groups
                .iter()
                .map(|group| {
                    let id = group.group_id().unwrap_or_default();
                    (
                        PhysicalId::new(id),
                        self.observe(group, with_default.contains(id)),
                    )
                })
                .collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["default_egress"]) {
            let prior = update.prior.get("default_egress").and_then(Value::as_bool);
            let wanted = update.spec.default_egress.unwrap_or(true);
            match (prior, wanted) {
                (Some(true), true) => {}
                (_, true) => self.restore_default_egress(id.as_str()).await?,
                (_, false) => self.revoke_default_egress(id.as_str()).await?,
            }
        }
        if update.any(&["tags"]) {
            let wanted = update.spec.tags.as_ref();
            update_tags(&self.client, id.as_str(), &update.prior, wanted).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_security_group()
            .group_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteSecurityGroup")
            .absent_is_none()?;
        Ok(())
    }

    /// The interfaces that are in it, and other groups whose rules name it.
    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let of = |name: &str| filter(name, [id.to_string()]);
        let named = async |by: &str| {
            let call = self.client.describe_security_groups().filters(of(by));
            let found = call.send().await.aws("ec2", "DescribeSecurityGroups")?;
            ProviderResult::Ok(found.security_groups.unwrap_or_default())
        };
        let (held, inward, outward) = futures::try_join!(
            interfaces(&self.client, of("group-id")),
            named("ip-permission.group-id"),
            named("egress.ip-permission.group-id"),
        )?;
        let groups: BTreeSet<Obstacle> = inward
            .iter()
            .chain(&outward)
            .filter(|group| group.group_id() != Some(id.as_str()))
            .map(|group| of_group("a rule of security group", group))
            .collect();
        let mut found = of_interfaces(&held);
        found.extend(groups);
        Ok(found)
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_security_groups()
            .set_filters(Some(ours(call)))
            .send()
            .await
            .aws("ec2", "DescribeSecurityGroups")?;
        let groups = found.security_groups.unwrap_or_default();
        Ok(groups
            .into_iter()
            .filter(|group| is_ours(call, group.tags()))
            .find_map(|group| group.group_id)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "group_name");
        let (Some(vpc), Some(name)) = (known_str(attributes, "vpc_id"), name) else {
            return Ok(Vec::new());
        };
        // The filter by name has case, the names have none.
        let pages = self
            .client
            .describe_security_groups()
            .filters(filter("vpc-id", [vpc.to_owned()]))
            .into_paginator();
        let groups = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let groups = groups.aws("ec2", "DescribeSecurityGroups")?.into_iter();
        let has_name = |group: &sdk::SecurityGroup| {
            let other = group.group_name();
            other.is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        let ids = groups.filter(has_name).filter_map(|group| group.group_id);
        Ok(ids.map(PhysicalId::new).collect())
    }
}

impl SecurityGroup {
    fn observe(&self, group: &sdk::SecurityGroup, default_egress: bool) -> Found<Observed> {
        let id = group.group_id().unwrap_or_default().to_owned();
        Found::ready(Observed {
            group_name: group.group_name().map(str::to_owned),
            description: group.description().map(str::to_owned),
            vpc_id: group.vpc_id().map(str::to_owned),
            default_egress,
            tags: user_tags(group.tags()),
            arn: self.place.arn("security-group", &id),
            id,
        })
    }

    /// The rules of these groups that let everything out, whoever made them.
    async fn all_out_of(&self, groups: Vec<String>) -> ProviderResult<Vec<sdk::SecurityGroupRule>> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let rules = self.rules.found_by(vec![filter("group-id", groups)]).await?;
        Ok(rules.into_iter().filter(all_out).collect())
    }

    /// Takes AWS's own way out away; a rule of the same meaning that a stack declares stays.
    async fn revoke_default_egress(&self, group: &str) -> ProviderResult<()> {
        let rules = self.all_out_of(vec![group.to_owned()]).await?;
        let (declared, of_aws): (Vec<_>, Vec<_>) = rules.into_iter().partition(is_declared);
        let revoke = self.client.revoke_security_group_egress().group_id(group);
        let revoke = if !of_aws.is_empty() {
            let ids = of_aws
                .into_iter()
                .filter_map(|rule| rule.security_group_rule_id)
                .collect();
            revoke.set_security_group_rule_ids(Some(ids))
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
    async fn restore_default_egress(&self, group: &str) -> ProviderResult<()> {
        let made = self
            .client
            .authorize_security_group_egress()
            .group_id(group)
            .ip_permissions(all_out_ipv4())
            .send()
            .await
            .aws("ec2", "AuthorizeSecurityGroupEgress");
        match made {
            Err(error) if error.class != ErrorClass::AlreadyExists => Err(error),
            _ => Ok(()),
        }
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
    use crate::services::testing::problems;

    #[test]
    fn names_and_descriptions_are_of_awss_alphabet() {
        let long = "x".repeat(256);
        for (name, text, said) in [
            ("group_name", "web (1)", ""),
            (
                "group_name",
                "sg-web",
                "group_name: names that start with `sg-` are AWS's",
            ),
            ("group_name", "", "group_name: the name is empty"),
            (
                "group_name",
                "default",
                "group_name: `default` is the group that AWS makes with every VPC",
            ),
            (
                "group_name",
                &long,
                "group_name: 256 characters are too many: AWS takes 255",
            ),
            (
                "description",
                "browsers' way in",
                "description: AWS does not take `'` here: only A-Z, a-z, 0-9, spaces and \
                 ._-:/()#,@[]+=&;{}!$*",
            ),
        ] {
            assert_eq!(
                problems::<SecurityGroup>(&[(name, text)]).join("; "),
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
