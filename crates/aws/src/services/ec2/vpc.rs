//! `ec2.vpc`: a virtual private cloud.
//!
//! Calls: CreateVpc, ModifyVpcAttribute, DescribeVpcs, DescribeVpcAttribute, CreateTags, DeleteTags,
//! DeleteVpc; and where that is refused, what else stands in it. A VPC is pending for a moment after its creation, but its id is usable at once.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, AttributeBooleanValue, VpcAttributeName, VpcState};
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, Health, PhysicalId};
use infra_provider::{Call, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{FILTER_VALUES, filter, is_ours, ours, tag_specification, update_tags, user_tags};
use super::obstacles::{interfaces, of_group, of_interfaces, of_others};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct Vpc {
    client: Client,
    partition: String,
    region: String,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The IPv4 network of the VPC, between /16 and /28, such as `10.0.0.0/16`.
    pub cidr_block: String,
    /// Whether instances may run on shared hardware (`default`) or not (`dedicated`).
    pub instance_tenancy: Option<InstanceTenancy>,
    /// Whether the Amazon DNS server answers inside the VPC. AWS's default is true.
    #[schemars(extend("default" = true))]
    pub enable_dns_support: Option<bool>,
    /// Whether instances with a public address get a public DNS name. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub enable_dns_hostnames: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// Hardware of the instances in a VPC.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceTenancy {
    /// Shared, unless an instance asks otherwise.
    Default,
    /// Dedicated always.
    Dedicated,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    cidr_block: Option<String>,
    instance_tenancy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_dns_support: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_dns_hostnames: Option<bool>,
    tags: Tags,
    /// The VPC's id, `vpc-…`.
    id: String,
    /// The VPC's ARN.
    arn: String,
}

impl FromClients for Vpc {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            partition: clients.identity.partition.clone(),
            region: clients.region.clone(),
        }
    }
}

impl ResourceType for Vpc {
    const NAME: &'static str = "ec2.vpc";
    const DESCRIPTION: &'static str = "A virtual private cloud: the network that everything else stands in.";
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
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DeleteVpc",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block           = "10.0.0.0/16"
enable_dns_hostnames = true
tags                 = { Name = "main" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &["cidr_block", "instance_tenancy"],
        set_after_create: &["enable_dns_support", "enable_dns_hostnames"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(text) = known_str(attributes, "cidr_block") {
            super::common::check_cidr("cidr_block", text, 16, 28, problems);
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_vpc()
            .cidr_block(&spec.cidr_block)
            .set_instance_tenancy(spec.instance_tenancy.map(Into::into))
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::Vpc,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateVpc")?;
        let vpc = answer.vpc.ok_or_else(|| missing("ec2", "CreateVpc", "vpc"))?;
        let found = self.observe(&vpc, None);
        Ok(Created {
            id: PhysicalId::new(&found.observed.id),
            found,
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let pages = self
                .client
                .describe_vpcs()
                .filters(filter("vpc-id", ids))
                .into_paginator()
                .items()
                .send();
            let vpcs = pages
                .collect::<Result<Vec<_>, _>>()
                .await
                .aws("ec2", "DescribeVpcs")?;
            let found = try_join_all(vpcs.iter().map(|vpc| self.with_dns(vpc))).await?;
            Ok(found
                .into_iter()
                .flatten()
                .map(|found| (PhysicalId::new(&found.observed.id), found))
                .collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let value = |enabled: bool| AttributeBooleanValue::builder().value(enabled).build();
        // One attribute a call is all that ModifyVpcAttribute takes, and host names need DNS support first.
        if update.any(&["enable_dns_support"]) {
            let enabled = value(update.spec.enable_dns_support.unwrap_or(true));
            let call = self
                .client
                .modify_vpc_attribute()
                .vpc_id(id.as_str())
                .enable_dns_support(enabled);
            call.send().await.aws("ec2", "ModifyVpcAttribute")?;
        }
        if update.any(&["enable_dns_hostnames"]) {
            let enabled = value(update.spec.enable_dns_hostnames.unwrap_or(false));
            let call = self
                .client
                .modify_vpc_attribute()
                .vpc_id(id.as_str())
                .enable_dns_hostnames(enabled);
            call.send().await.aws("ec2", "ModifyVpcAttribute")?;
        }
        if update.any(&["tags"]) {
            update_tags(
                &self.client,
                id.as_str(),
                &update.prior,
                update.spec.tags.as_ref(),
            )
            .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_vpc()
            .vpc_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteVpc")
            .absent_is_none()?;
        Ok(())
    }

    /// Its interfaces, and what others have put into it: all that is ours has gone before it.
    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let by = |name: &str| filter(name, [id.to_string()]);
        let client = &self.client;
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

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_vpcs()
            .set_filters(Some(ours(call)))
            .send()
            .await;
        let vpcs = found.aws("ec2", "DescribeVpcs")?.vpcs.unwrap_or_default();
        Ok(vpcs
            .into_iter()
            .filter(|vpc| is_ours(call, vpc.tags()))
            .find_map(|vpc| vpc.vpc_id)
            .map(PhysicalId::new))
    }
}

impl Vpc {
    fn observe(&self, vpc: &sdk::Vpc, dns: Option<(bool, bool)>) -> Found<Observed> {
        let id = vpc.vpc_id().unwrap_or_default().to_owned();
        let owner = vpc.owner_id().unwrap_or_default();
        let observed = Observed {
            cidr_block: vpc.cidr_block().map(str::to_owned),
            instance_tenancy: vpc.instance_tenancy().map(|tenancy| tenancy.as_str().to_owned()),
            enable_dns_support: dns.map(|(support, _)| support),
            enable_dns_hostnames: dns.map(|(_, host_names)| host_names),
            tags: user_tags(vpc.tags()),
            arn: format!("arn:{}:ec2:{}:{owner}:vpc/{id}", self.partition, self.region),
            id,
        };
        let health = match vpc.state() {
            Some(VpcState::Pending) => Health::Pending("pending".into()),
            _ => Health::Ready,
        };
        Found { observed, health }
    }

    /// The VPC with its DNS attributes, which only DescribeVpcAttribute tells; `None` when it went meanwhile.
    async fn with_dns(&self, vpc: &sdk::Vpc) -> ProviderResult<Option<Found<Observed>>> {
        let attribute = async |name: VpcAttributeName| {
            let call = self
                .client
                .describe_vpc_attribute()
                .vpc_id(vpc.vpc_id().unwrap_or_default())
                .attribute(name);
            call.send()
                .await
                .aws("ec2", "DescribeVpcAttribute")
                .absent_is_none()
        };
        let (support, host_names) = futures::try_join!(
            attribute(VpcAttributeName::EnableDnsSupport),
            attribute(VpcAttributeName::EnableDnsHostnames)
        )?;
        let (Some(support), Some(host_names)) = (support, host_names) else {
            return Ok(None);
        };
        let is_on = |value: Option<&AttributeBooleanValue>| {
            value.and_then(AttributeBooleanValue::value) == Some(true)
        };
        Ok(Some(self.observe(
            vpc,
            Some((
                is_on(support.enable_dns_support()),
                is_on(host_names.enable_dns_hostnames()),
            )),
        )))
    }
}

impl From<InstanceTenancy> for sdk::Tenancy {
    fn from(tenancy: InstanceTenancy) -> Self {
        match tenancy {
            InstanceTenancy::Default => Self::Default,
            InstanceTenancy::Dedicated => Self::Dedicated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn the_network_must_be_between_16_and_28() {
        assert_eq!(
            problems::<Vpc>(&[("cidr_block", "10.0.0.0/16")]),
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
            assert_eq!(problems::<Vpc>(&[("cidr_block", block)]), [said]);
        }
    }
}
