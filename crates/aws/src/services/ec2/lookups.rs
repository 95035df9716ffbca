//! Lookups of networks that exist: VPCs, subnets, security groups.
//!
//! Calls: DescribeVpcs, DescribeSubnets, DescribeSecurityGroups, each with filters.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;
use infra_core::PhysicalId;
use infra_provider::{LookupType, ProviderResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{all_tags, filter};
use super::{security_group, subnet, vpc};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::lookups::{FoundThings, has_tags, read_as};
use crate::tags::Tags;

/// Filters by AWS's names; what is not given does not filter.
#[derive(Default)]
struct Filters(Vec<Filter>);

impl Filters {
    fn text(mut self, name: &str, value: Option<&String>) -> Self {
        self.0.extend(value.map(|value| filter(name, [literal(value)])));
        self
    }

    fn tags(mut self, tags: Option<&Tags>) -> Self {
        for (key, value) in tags.into_iter().flatten() {
            self.0.push(filter(&format!("tag:{key}"), [literal(value)]));
        }
        self
    }

    fn done(self) -> Option<Vec<Filter>> {
        Some(self.0).filter(|filters| !filters.is_empty())
    }
}

/// A value in which nothing is a pattern.
fn literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal
}

/// The ids of those that have all wanted tags. AWS filters by them; this holds where somebody does not.
macro_rules! ids {
    ($things:expr, $id:ident, $wanted:expr) => {
        $things
            .into_iter()
            .filter(|thing| has_tags($wanted, &all_tags(thing.tags())))
            .filter_map(|thing| thing.$id)
            .map(PhysicalId::new)
            .collect()
    };
}

macro_rules! from_clients {
    ($($lookup:ident of $module:ident::$resource_type:ident),+) => {
        $(
            /// The lookup.
            pub struct $lookup {
                client: Client,
                resource_type: $module::$resource_type,
            }

            impl FromClients for $lookup {
                fn from_clients(clients: &Clients) -> Self {
                    Self {
                        client: clients.ec2.clone(),
                        resource_type: $module::$resource_type::from_clients(clients),
                    }
                }
            }
        )+
    };
}

from_clients!(
    VpcLookup of vpc::Vpc,
    SubnetLookup of subnet::Subnet,
    SecurityGroupLookup of security_group::SecurityGroup
);

/// What a VPC is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcArguments {
    /// The VPC's id, `vpc-…`.
    pub id: Option<String>,
    /// Its IPv4 network, such as `10.0.0.0/16`.
    pub cidr_block: Option<String>,
    /// Whether it is the region's default VPC.
    pub is_default: Option<bool>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl LookupType for VpcLookup {
    const NAME: &'static str = "ec2.vpc";
    const DESCRIPTION: &'static str = "A virtual private cloud that exists.";
    const IAM_ACTIONS: &'static [&'static str] = &["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute"];
    const EXAMPLE: &'static str = r#"
[lookup.ec2.vpc.shared]
tags = { Name = "shared" }

[ec2.subnet.private]
vpc_id     = "${lookup.ec2.vpc.shared.id}"
cidr_block = "${cidrsubnet(lookup.ec2.vpc.shared.cidr_block, 8, 200)}"
"#;
    type Arguments = VpcArguments;
    type Observed = vpc::Observed;

    async fn find(&self, arguments: VpcArguments) -> ProviderResult<FoundThings<vpc::Observed>> {
        let is_default = arguments.is_default.map(|is_default| is_default.to_string());
        let filters = Filters::default()
            .text("vpc-id", arguments.id.as_ref())
            .text("cidr", arguments.cidr_block.as_ref())
            .text("is-default", is_default.as_ref())
            .tags(arguments.tags.as_ref());
        let call = self.client.describe_vpcs().set_filters(filters.done());
        let pages = call.into_paginator().items().send();
        let vpcs = pages.collect::<Result<Vec<_>, _>>().await;
        let vpcs = vpcs.aws("ec2", "DescribeVpcs")?;
        read_as(&self.resource_type, ids!(vpcs, vpc_id, arguments.tags.as_ref())).await
    }
}

/// What a subnet is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetArguments {
    /// The subnet's id, `subnet-…`.
    pub id: Option<String>,
    /// The VPC that it is in, `vpc-…`.
    pub vpc_id: Option<String>,
    /// Its availability zone, such as `us-east-1a`.
    pub availability_zone: Option<String>,
    /// Its IPv4 network, such as `10.0.1.0/24`.
    pub cidr_block: Option<String>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl LookupType for SubnetLookup {
    const NAME: &'static str = "ec2.subnet";
    const DESCRIPTION: &'static str = "A subnet that exists. Look each up by what tells it from the others.";
    const IAM_ACTIONS: &'static [&'static str] = &["ec2:DescribeSubnets"];
    const EXAMPLE: &'static str = r#"
[lookup.ec2.subnet.a]
availability_zone = "us-east-1a"
tags              = { tier = "private" }

[lookup.ec2.subnet.b]
availability_zone = "us-east-1b"
tags              = { tier = "private" }

[elbv2.load_balancer.main]
name    = "internal"
scheme  = "internal"
subnets = ["${lookup.ec2.subnet.a.id}", "${lookup.ec2.subnet.b.id}"]
"#;
    type Arguments = SubnetArguments;
    type Observed = subnet::Observed;

    async fn find(&self, arguments: SubnetArguments) -> ProviderResult<FoundThings<subnet::Observed>> {
        let filters = Filters::default()
            .text("subnet-id", arguments.id.as_ref())
            .text("vpc-id", arguments.vpc_id.as_ref())
            .text("availability-zone", arguments.availability_zone.as_ref())
            .text("cidr-block", arguments.cidr_block.as_ref())
            .tags(arguments.tags.as_ref());
        let call = self.client.describe_subnets().set_filters(filters.done());
        let pages = call.into_paginator().items().send();
        let subnets = pages.collect::<Result<Vec<_>, _>>().await;
        let subnets = subnets.aws("ec2", "DescribeSubnets")?;
        read_as(
            &self.resource_type,
            ids!(subnets, subnet_id, arguments.tags.as_ref()),
        )
        .await
    }
}

/// What a security group is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupArguments {
    /// The group's id, `sg-…`.
    pub id: Option<String>,
    /// Its name, which is its own within a VPC.
    pub group_name: Option<String>,
    /// The VPC that it is in, `vpc-…`.
    pub vpc_id: Option<String>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl LookupType for SecurityGroupLookup {
    const NAME: &'static str = "ec2.security_group";
    const DESCRIPTION: &'static str = "A security group that exists.";
    const IAM_ACTIONS: &'static [&'static str] =
        &["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"];
    const EXAMPLE: &'static str = r#"
[lookup.ec2.security_group.database]
group_name = "database"

[ec2.security_group_rule.from_app]
security_group_id = "${lookup.ec2.security_group.database.id}"
type              = "ingress"
ip_protocol       = "tcp"
from_port         = 5432
to_port           = 5432
cidr_ipv4         = "10.0.0.0/16"
"#;
    type Arguments = SecurityGroupArguments;
    type Observed = security_group::Observed;

    async fn find(
        &self,
        arguments: SecurityGroupArguments,
    ) -> ProviderResult<FoundThings<security_group::Observed>> {
        let filters = Filters::default()
            .text("group-id", arguments.id.as_ref())
            .text("group-name", arguments.group_name.as_ref())
            .text("vpc-id", arguments.vpc_id.as_ref())
            .tags(arguments.tags.as_ref());
        let call = self.client.describe_security_groups().set_filters(filters.done());
        let pages = call.into_paginator().items().send();
        let groups = pages.collect::<Result<Vec<_>, _>>().await;
        let groups = groups.aws("ec2", "DescribeSecurityGroups")?;
        read_as(
            &self.resource_type,
            ids!(groups, group_id, arguments.tags.as_ref()),
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn no_value_is_a_pattern() {
        assert_eq!(literal(r"a*b?c\d"), r"a\*b\?c\\d");
    }
}
