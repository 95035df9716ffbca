//! Lookups of networks that exist: VPCs, subnets, security groups.
//!
//! Calls: DescribeVpcs, DescribeSubnets, DescribeSecurityGroups, each with filters.

use aws_sdk_ec2::types::Filter;
use infra_provider::{Lookup, Things};

use super::common::{all_tags, filter};
use super::security_group::{self, SecurityGroup};
use super::subnet::{self, Subnet};
use super::vpc::{self, Vpc};
use crate::lookups::{has_tags, things};
use crate::prelude::*;

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

/// A virtual private cloud that exists.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct VpcLookup {
    /// The VPC's id, `vpc-…`.
    pub id: Option<String>,
    /// Its IPv4 network, such as `10.0.0.0/16`.
    pub cidr_block: Option<String>,
    /// Whether it is the region's default VPC.
    pub is_default: Option<bool>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl Lookup for VpcLookup {
    const NAME: &'static str = "ec2.vpc";
    const IAM_ACTIONS: &'static [&'static str] = &["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute"];
    const EXAMPLE: &'static str = r#"
[lookup.ec2.vpc.shared]
tags = { Name = "shared" }

[ec2.subnet.private]
vpc_id     = "${lookup.ec2.vpc.shared.id}"
cidr_block = "${cidrsubnet(lookup.ec2.vpc.shared.cidr_block, 8, 200)}"
"#;
    type Clients = Clients;
    type Found = Vpc;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Vpc>> {
        let is_default = arguments.is_default.map(|is_default| is_default.to_string());
        let filters = Filters::default()
            .text("vpc-id", arguments.id.as_ref())
            .text("cidr", arguments.cidr_block.as_ref())
            .text("is-default", is_default.as_ref())
            .tags(arguments.tags.as_ref());
        let mut found = vpc::describe(aws, filters.0).await?;
        found.retain(|vpc| {
            let tags = all_tags(vpc.tags());
            has_tags(arguments.tags.as_ref(), |key| tags.get(key))
        });
        things::<Vpc>(aws, found.into_iter().filter_map(|vpc| vpc.vpc_id)).await
    }
}

/// A subnet that exists. Look each up by what tells it from the others.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct SubnetLookup {
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

impl Lookup for SubnetLookup {
    const NAME: &'static str = "ec2.subnet";
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
    type Clients = Clients;
    type Found = Subnet;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Subnet>> {
        let filters = Filters::default()
            .text("subnet-id", arguments.id.as_ref())
            .text("vpc-id", arguments.vpc_id.as_ref())
            .text("availability-zone", arguments.availability_zone.as_ref())
            .text("cidr-block", arguments.cidr_block.as_ref())
            .tags(arguments.tags.as_ref());
        let mut found = subnet::describe(aws, filters.0).await?;
        found.retain(|(_, found)| has_tags(arguments.tags.as_ref(), |key| found.observed.tags.get(key)));
        things::<Subnet>(aws, found.into_iter().map(|(id, _)| id.to_string())).await
    }
}

/// A security group that exists.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct SecurityGroupLookup {
    /// The group's id, `sg-…`.
    pub id: Option<String>,
    /// Its name, which is its own within a VPC.
    pub group_name: Option<String>,
    /// The VPC that it is in, `vpc-…`.
    pub vpc_id: Option<String>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl Lookup for SecurityGroupLookup {
    const NAME: &'static str = "ec2.security_group";
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
    type Clients = Clients;
    type Found = SecurityGroup;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<SecurityGroup>> {
        let filters = Filters::default()
            .text("group-id", arguments.id.as_ref())
            .text("group-name", arguments.group_name.as_ref())
            .text("vpc-id", arguments.vpc_id.as_ref())
            .tags(arguments.tags.as_ref());
        let mut found = security_group::describe(aws, filters.0).await?;
        found.retain(|(_, found)| has_tags(arguments.tags.as_ref(), |key| found.observed.tags.get(key)));
        things::<SecurityGroup>(aws, found.into_iter().map(|(id, _)| id.to_string())).await
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
