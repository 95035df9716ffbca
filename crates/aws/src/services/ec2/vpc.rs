//! `ec2.vpc`: a virtual private cloud.
//!
//! A VPC is pending for a moment after its creation, but its id is usable at once.

use aws_sdk_ec2::types::{self as sdk, Filter, ResourceType, VpcAttributeName, VpcState};
use futures::future::try_join_all;

use super::common::{all_tags, boolean, by_ids, filter, ours, tags_of};
use super::obstacles::{interfaces, of_group, of_interfaces, of_others};
use super::service::Ec2;
use crate::prelude::*;

/// A virtual private cloud: the network that everything else stands in.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html")]
pub struct Vpc {
    /// The IPv4 network of the VPC, such as `10.0.0.0/16`.
    #[attribute(immutable, cidr(4, 16..=28))]
    pub cidr_block: String,
    /// Whether instances may run on shared hardware (`default`) or not (`dedicated`).
    #[attribute(immutable)]
    pub instance_tenancy: Option<InstanceTenancy>,
    /// Whether the Amazon DNS server answers inside the VPC.
    #[attribute(set_after_create, default = true)]
    pub enable_dns_support: Option<bool>,
    /// Whether instances with a public address get a public DNS name.
    #[attribute(set_after_create, default = false)]
    #[attribute(
        not_where("true", enable_dns_support, "false"),
        source = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html"
    )]
    pub enable_dns_hostnames: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The VPC's id, `vpc-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The VPC's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use VpcField as Field;

choices! {
    /// Hardware of the instances in a VPC.
    InstanceTenancy {
        /// Shared, unless an instance asks otherwise.
        Default = "default",
        /// Dedicated always.
        Dedicated = "dedicated",
    }
}

impl Resource for Vpc {
    const NAME: &'static str = "ec2.vpc";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateVpc",
        "ec2:ModifyVpcAttribute",
        "ec2:DescribeVpcs",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeRouteTables",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeNetworkAcls",
        "ec2:DeleteVpc",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block           = "10.0.0.0/16"
enable_dns_hostnames = true
tags                 = { Name = "main" }
"#;
    const RULES: Rules<VpcField> = Rules::UNIQUE_IDS;
    type Service = Ec2;

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialVpc>> {
        let answer = aws
            .ec2
            .create_vpc()
            .cidr_block(&spec.cidr_block)
            .set_instance_tenancy(to_aws(spec.instance_tenancy))
            .tag_specifications(tags_of(call, ResourceType::Vpc, spec.tags))
            .send()
            .await
            .aws("ec2", "CreateVpc")?;
        let vpc = answer.vpc.ok_or_else(|| missing("ec2", "CreateVpc", "vpc"))?;
        Ok(observe(aws, &vpc, None).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        by_ids(ids, "vpc-id", async |by| {
            let vpcs = describe(aws, by).await?;
            let found = try_join_all(vpcs.iter().map(|vpc| with_dns(aws, vpc))).await?;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        // One attribute a call is all that ModifyVpcAttribute takes, and host names need DNS support first.
        let modify = || aws.ec2.modify_vpc_attribute().vpc_id(id.as_str());
        if update.changes(Field::EnableDnsSupport) {
            let enabled = boolean(update.spec.enable_dns_support.unwrap_or(true));
            let call = modify().enable_dns_support(enabled);
            call.send().await.aws("ec2", "ModifyVpcAttribute")?;
        }
        if update.changes(Field::EnableDnsHostnames) {
            let enabled = boolean(update.spec.enable_dns_hostnames.unwrap_or(false));
            let call = modify().enable_dns_hostnames(enabled);
            call.send().await.aws("ec2", "ModifyVpcAttribute")?;
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_vpc().vpc_id(id.as_str());
        call.send().await.aws("ec2", "DeleteVpc").map(drop)
    }

    /// Its interfaces, and what others have put into it: all that is ours has gone before it.
    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let by = |name: &str| filter(name, [id.as_str()]);
        let client = &aws.ec2;
        let (held, subnets, groups, tables, gateways, endpoints, lists) = futures::try_join!(
            interfaces(client, by("vpc-id")),
            async {
                let call = client.describe_subnets().filters(by("vpc-id"));
                call.send().await.aws("ec2", "DescribeSubnets")
            },
            async {
                let call = client.describe_security_groups().filters(by("vpc-id"));
                call.send().await.aws("ec2", "DescribeSecurityGroups")
            },
            async {
                let call = client.describe_route_tables().filters(by("vpc-id"));
                call.send().await.aws("ec2", "DescribeRouteTables")
            },
            async {
                let call = client
                    .describe_internet_gateways()
                    .filters(by("attachment.vpc-id"));
                call.send().await.aws("ec2", "DescribeInternetGateways")
            },
            async {
                let call = client.describe_vpc_endpoints().filters(by("vpc-id"));
                call.send().await.aws("ec2", "DescribeVpcEndpoints")
            },
            async {
                let call = client.describe_network_acls().filters(by("vpc-id"));
                call.send().await.aws("ec2", "DescribeNetworkAcls")
            },
        )?;
        let mut found = of_interfaces(&held);
        let subnets = subnets.subnets();
        found.extend(
            subnets
                .iter()
                .map(|subnet| of_others("subnet", subnet.subnet_id())),
        );
        let groups = groups.security_groups().iter();
        let others = groups.filter(|group| group.group_name() != Some("default"));
        found.extend(others.map(|group| of_group("security group", group)));
        let is_main = |table: &&sdk::RouteTable| {
            let mut associations = table.associations().iter();
            associations.any(|association| association.main() == Some(true))
        };
        let tables = tables.route_tables().iter().filter(|table| !is_main(table));
        found.extend(tables.map(|table| of_others("route table", table.route_table_id())));
        let gateways = gateways.internet_gateways().iter();
        found.extend(gateways.map(|gateway| of_others("internet gateway", gateway.internet_gateway_id())));
        let lists = lists.network_acls().iter();
        let lists = lists.filter(|list| list.is_default() != Some(true));
        found.extend(lists.map(|list| of_others("network ACL", list.network_acl_id())));
        // Those with interfaces are told by them.
        let endpoints = endpoints.vpc_endpoints().iter();
        let endpoints = endpoints.filter(|endpoint| endpoint.network_interface_ids().is_empty());
        let endpoints = endpoints.filter(|endpoint| endpoint.state() != Some(&sdk::State::Deleting));
        found.extend(endpoints.map(|endpoint| of_others("VPC endpoint", endpoint.vpc_endpoint_id())));
        Ok(found)
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialVpc) -> ProviderResult<Observations<Self>> {
        let vpcs = describe(aws, ours(call)).await?;
        Ok(vpcs.iter().map(|vpc| observe(aws, vpc, None)).collect())
    }
}

pub(super) async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<sdk::Vpc>> {
    let pages = aws.ec2.describe_vpcs().set_filters(Some(by)).into_paginator();
    let vpcs = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    vpcs.aws("ec2", "DescribeVpcs")
}

/// The VPC with its DNS attributes, which only DescribeVpcAttribute tells; `None` when it went meanwhile.
async fn with_dns(aws: &Clients, vpc: &sdk::Vpc) -> ProviderResult<Option<Observation<Vpc>>> {
    let id = vpc.vpc_id().unwrap_or_default();
    let attribute = async |name: VpcAttributeName| {
        let call = aws.ec2.describe_vpc_attribute().vpc_id(id).attribute(name);
        let told = call.send().await.aws("ec2", "DescribeVpcAttribute");
        told.absent_is_none()
    };
    let (support, host_names) = futures::try_join!(
        attribute(VpcAttributeName::EnableDnsSupport),
        attribute(VpcAttributeName::EnableDnsHostnames)
    )?;
    let (Some(support), Some(host_names)) = (support, host_names) else {
        return Ok(None);
    };
    let is_on = |value: Option<sdk::AttributeBooleanValue>| value.and_then(|it| it.value) == Some(true);
    let dns = (
        is_on(support.enable_dns_support),
        is_on(host_names.enable_dns_hostnames),
    );
    Ok(Some(observe(aws, vpc, Some(dns))))
}

fn observe(aws: &Clients, vpc: &sdk::Vpc, dns: Option<(bool, bool)>) -> Observation<Vpc> {
    let id = vpc.vpc_id().unwrap_or_default();
    let (partition, owner) = (&aws.identity.partition, vpc.owner_id().unwrap_or_default());
    let observed = PartialVpc {
        cidr_block: vpc.cidr_block().into(),
        instance_tenancy: told(vpc.instance_tenancy()),
        enable_dns_support: dns.map(|(support, _)| support).into(),
        enable_dns_hostnames: dns.map(|(_, host_names)| host_names).into(),
        tags: all_tags(vpc.tags()).into(),
        id: id.into(),
        // A VPC that is shared with the account is its owner's.
        arn: format!("arn:{partition}:ec2:{}:{owner}:vpc/{id}", aws.region).into(),
    };
    let health = match vpc.state() {
        Some(VpcState::Pending) => Health::Pending("pending".into()),
        _ => Health::Ready,
    };
    (PhysicalId::new(id), Found { observed, health })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn the_network_must_be_between_16_and_28() {
        assert_eq!(
            refused_texts::<Vpc>(&[("cidr_block", "10.0.0.0/16")]),
            Vec::<String>::new()
        );
        for (block, said) in [
            (
                "10.0.0.0/15",
                "cidr_block: 10.0.0.0/15 is too large: AWS takes /16 to /28",
            ),
            (
                "10.0.0.0/29",
                "cidr_block: 10.0.0.0/29 is too small: AWS takes /16 to /28",
            ),
            (
                "10.0.0.1/16",
                "cidr_block: 10.0.0.1/16 has bits behind its prefix: did you mean 10.0.0.0/16?",
            ),
            (
                "10.0.0/16",
                "cidr_block: `10.0.0/16` is no IPv4 network such as 10.0.0.0/16",
            ),
        ] {
            assert_eq!(refused_texts::<Vpc>(&[("cidr_block", block)]), [said]);
        }
    }
}
