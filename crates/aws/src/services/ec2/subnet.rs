//! `ec2.subnet`: a range of a VPC's addresses in one availability zone.
//!
//! Calls: CreateSubnet, ModifySubnetAttribute, DescribeSubnets, CreateTags, DeleteTags, DeleteSubnet. A
//! subnet is pending for a moment after its creation, but its id is usable at once. It cannot be deleted
//! while network interfaces are in it, and AWS's own (of load balancers, VPC links, endpoints) go minutes
//! after what they belonged to: DependencyViolation.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, SubnetState};
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, Health, PhysicalId, ResourceAddress};
use infra_provider::{
    Call, Clashing, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update,
};
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    FILTER_VALUES, Place, boolean, check_cidr, exactly_one, filter, identity, is_ours, is_set, of_type, ours,
    referenced, refusal, tag_specification, update_tags, user_tags,
};
use super::obstacles::{interfaces, of_interfaces};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct Subnet {
    client: Client,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC, `vpc-…`.
    pub vpc_id: String,
    /// The IPv4 network of the subnet, between /16 and /28 and inside the VPC's. AWS keeps the first four
    /// addresses and the last one for itself.
    pub cidr_block: String,
    /// The availability zone by name, such as `us-east-1a`. AWS picks one when neither this nor
    /// `availability_zone_id` is set.
    pub availability_zone: Option<String>,
    /// The availability zone by id, such as `use1-az1`, which means the same zone in every account.
    pub availability_zone_id: Option<String>,
    /// Whether instances launched here get a public IPv4 address. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub map_public_ip_on_launch: Option<bool>,
    /// What the host names of instances launched here are made of. AWS's default is `ip-name`.
    #[schemars(extend("default" = "ip-name"))]
    pub private_dns_hostname_type_on_launch: Option<HostnameType>,
    /// Whether the DNS server answers for names made of resource ids with A records. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub enable_resource_name_dns_a_record_on_launch: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What an instance's private host name is made of.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameType {
    /// Its private IPv4 address.
    IpName,
    /// Its instance id.
    ResourceName,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    vpc_id: Option<String>,
    cidr_block: Option<String>,
    availability_zone: Option<String>,
    availability_zone_id: Option<String>,
    map_public_ip_on_launch: bool,
    private_dns_hostname_type_on_launch: String,
    enable_resource_name_dns_a_record_on_launch: bool,
    tags: Tags,
    /// The subnet's id, `subnet-…`.
    id: String,
    /// The subnet's ARN.
    arn: String,
}

impl FromClients for Subnet {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for Subnet {
    const NAME: &'static str = "ec2.subnet";
    const DESCRIPTION: &'static str = "A range of a VPC's addresses in one availability zone.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSubnet",
        "ec2:ModifySubnetAttribute",
        "ec2:DescribeSubnets",
        "ec2:DescribeNetworkInterfaces",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DeleteSubnet",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.public]
vpc_id                  = "${ec2.vpc.main.id}"
cidr_block              = "${cidrsubnet(ec2.vpc.main.cidr_block, 8, 0)}"
availability_zone       = "us-east-1a"
map_public_ip_on_launch = true
tags                    = { Name = "public" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &[
            "vpc_id",
            "cidr_block",
            "availability_zone",
            "availability_zone_id",
        ],
        set_after_create: &[
            "map_public_ip_on_launch",
            "private_dns_hostname_type_on_launch",
            "enable_resource_name_dns_a_record_on_launch",
        ],
        natural_key: &["vpc_id", "cidr_block"],
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html
        clashes: &[Clashing::Overlap {
            same: &["vpc_id"],
            attribute: "cidr_block",
        }],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(text) = known_str(attributes, "cidr_block") {
            check_cidr("cidr_block", text, 16, 28, problems);
        }
        let zone = ["availability_zone", "availability_zone_id"];
        if zone.iter().any(|name| is_set(attributes, name)) {
            exactly_one(attributes, &zone, "the availability zone", problems);
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut earlier: Vec<(&ResourceAddress, String, Ipv4Net)> = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let Some(network) = network(attributes) else {
                continue;
            };
            let mut problem = |message: String, help: Option<String>| {
                let path = "cidr_block".into();
                found.push((address.clone(), Problem { path, message, help }));
            };
            let vpc = referenced(stack, attributes, "vpc_id", "ec2.vpc");
            if let Some((vpc, Some(whole))) = vpc.map(|(vpc, of)| (vpc, self::network(of)))
                && !whole.contains(&network)
            {
                problem(
                    format!("{network} is not inside {whole} of {vpc}"),
                    Some(format!(
                        "work it out from the VPC's network: `${{cidrsubnet({vpc}.cidr_block, BITS, NUMBER)}}`"
                    )),
                );
            }
            let Some(vpc) = identity(attributes, "vpc_id") else {
                continue;
            };
            for (other, _, taken) in earlier
                .iter()
                .filter(|(_, of, taken)| *of == vpc && (taken.contains(&network) || network.contains(taken)))
            {
                problem(
                    format!("{network} of {address} overlaps {taken} of {other}"),
                    Some("subnets of one VPC share no address".into()),
                );
            }
            earlier.push((address, vpc, network));
        }
        found
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .cidr_block(&spec.cidr_block)
            .set_availability_zone(spec.availability_zone)
            .set_availability_zone_id(spec.availability_zone_id)
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::Subnet,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateSubnet")
            .map_err(refusal(call, "the subnet's, subnet-…"))?;
        let subnet = answer
            .subnet
            .ok_or_else(|| missing("ec2", "CreateSubnet", "subnet"))?;
        let (id, found) = self.observe(&subnet);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let pages = self
                .client
                .describe_subnets()
                .filters(filter("subnet-id", ids))
                .into_paginator()
                .items()
                .send();
            let subnets = pages
                .collect::<Result<Vec<_>, _>>()
                .await
                .aws("ec2", "DescribeSubnets")?;
            Ok(subnets.iter().map(|subnet| self.observe(subnet)).collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        // One attribute a call is all that ModifySubnetAttribute takes.
        let modify = || self.client.modify_subnet_attribute().subnet_id(id.as_str());
        let spec = &update.spec;
        let mut calls = Vec::new();
        if update.any(&["map_public_ip_on_launch"]) {
            let value = boolean(spec.map_public_ip_on_launch.unwrap_or(false));
            calls.push(modify().map_public_ip_on_launch(value));
        }
        if update.any(&["private_dns_hostname_type_on_launch"]) {
            let value = spec.private_dns_hostname_type_on_launch;
            calls.push(
                modify().private_dns_hostname_type_on_launch(value.unwrap_or(HostnameType::IpName).into()),
            );
        }
        if update.any(&["enable_resource_name_dns_a_record_on_launch"]) {
            let value = boolean(spec.enable_resource_name_dns_a_record_on_launch.unwrap_or(false));
            calls.push(modify().enable_resource_name_dns_a_record_on_launch(value));
        }
        for call in calls {
            call.send().await.aws("ec2", "ModifySubnetAttribute")?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, id.as_str(), &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_subnet()
            .subnet_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteSubnet")
            .absent_is_none()?;
        Ok(())
    }

    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let found = interfaces(&self.client, filter("subnet-id", [id.to_string()])).await?;
        Ok(of_interfaces(&found))
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_subnets()
            .set_filters(Some(ours(call)))
            .send()
            .await;
        let subnets = found.aws("ec2", "DescribeSubnets")?.subnets.unwrap_or_default();
        Ok(subnets
            .into_iter()
            .filter(|subnet| is_ours(call, subnet.tags()))
            .find_map(|subnet| subnet.subnet_id)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let network = known_str(attributes, "cidr_block");
        let (Some(vpc), Some(network)) = (known_str(attributes, "vpc_id"), network) else {
            return Ok(Vec::new());
        };
        // Another subnet that merely overlaps is none that could be taken over.
        let found = self
            .client
            .describe_subnets()
            .filters(filter("vpc-id", [vpc.to_owned()]))
            .filters(filter("cidr-block", [network.to_owned()]))
            .send()
            .await;
        let subnets = found.aws("ec2", "DescribeSubnets")?.subnets.unwrap_or_default();
        let ids = subnets.into_iter().filter_map(|subnet| subnet.subnet_id);
        Ok(ids.map(PhysicalId::new).collect())
    }
}

impl Subnet {
    fn observe(&self, subnet: &sdk::Subnet) -> (PhysicalId, Found<Observed>) {
        let id = subnet.subnet_id().unwrap_or_default().to_owned();
        let names = subnet.private_dns_name_options_on_launch();
        let observed = Observed {
            vpc_id: subnet.vpc_id().map(str::to_owned),
            cidr_block: subnet.cidr_block().map(str::to_owned),
            availability_zone: subnet.availability_zone().map(str::to_owned),
            availability_zone_id: subnet.availability_zone_id().map(str::to_owned),
            map_public_ip_on_launch: subnet.map_public_ip_on_launch() == Some(true),
            private_dns_hostname_type_on_launch: names
                .and_then(|names| names.hostname_type())
                .unwrap_or(&sdk::HostnameType::IpName)
                .as_str()
                .to_owned(),
            enable_resource_name_dns_a_record_on_launch: names
                .and_then(|names| names.enable_resource_name_dns_a_record())
                == Some(true),
            tags: user_tags(subnet.tags()),
            arn: subnet
                .subnet_arn()
                .map_or_else(|| self.place.arn("subnet", &id), str::to_owned),
            id,
        };
        let health = match subnet.state() {
            Some(SubnetState::Pending) => Health::Pending("pending".into()),
            Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
                Health::Failed(state.as_str().to_owned())
            }
            _ => Health::Ready,
        };
        (PhysicalId::new(&observed.id), Found { observed, health })
    }
}

/// The known IPv4 network of a VPC or subnet.
fn network(attributes: &Attributes) -> Option<Ipv4Net> {
    known_str(attributes, "cidr_block")?.parse().ok()
}

impl From<HostnameType> for sdk::HostnameType {
    fn from(kind: HostnameType) -> Self {
        match kind {
            HostnameType::IpName => Self::IpName,
            HostnameType::ResourceName => Self::ResourceName,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{problems, stack, together};

    #[test]
    fn one_subnet_is_between_16_and_28_and_in_one_zone() {
        for (attributes, said) in [
            (vec![("cidr_block", "10.0.1.0/24")], vec![]),
            (
                vec![("cidr_block", "10.0.1.0/29")],
                vec!["cidr_block: 10.0.1.0/29 is too small: AWS takes /16 to /28"],
            ),
            (
                vec![
                    ("availability_zone", "us-east-1a"),
                    ("availability_zone_id", "use1-az1"),
                ],
                vec!["availability_zone_id: only one of availability_zone, availability_zone_id may be set"],
            ),
        ] {
            assert_eq!(problems::<Subnet>(&attributes), said);
        }
    }

    #[test]
    fn subnets_are_inside_their_vpc_and_beside_each_other() {
        let stack = stack(&[
            ("ec2.vpc.main", &[("cidr_block", "10.0.0.0/16")]),
            ("ec2.vpc.other", &[("cidr_block", "10.0.0.0/16")]),
            (
                "ec2.subnet.a",
                &[("vpc_id", "${ec2.vpc.main.id}"), ("cidr_block", "10.0.0.0/24")],
            ),
            (
                "ec2.subnet.b",
                &[("vpc_id", "${ec2.vpc.main.id}"), ("cidr_block", "10.0.0.128/25")],
            ),
            (
                "ec2.subnet.c",
                &[("vpc_id", "${ec2.vpc.other.id}"), ("cidr_block", "10.0.0.0/24")],
            ),
            (
                "ec2.subnet.d",
                &[("vpc_id", "${ec2.vpc.main.id}"), ("cidr_block", "10.1.0.0/24")],
            ),
            (
                "ec2.subnet.e",
                &[("vpc_id", "vpc-1"), ("cidr_block", "10.0.0.0/24")],
            ),
            (
                "ec2.subnet.f",
                &[("vpc_id", "vpc-1"), ("cidr_block", "10.0.0.0/16")],
            ),
        ]);
        assert_eq!(
            together::<Subnet>(&stack),
            [
                "ec2.subnet.b: 10.0.0.128/25 of ec2.subnet.b overlaps 10.0.0.0/24 of ec2.subnet.a",
                "ec2.subnet.d: 10.1.0.0/24 is not inside 10.0.0.0/16 of ec2.vpc.main",
                "ec2.subnet.f: 10.0.0.0/16 of ec2.subnet.f overlaps 10.0.0.0/24 of ec2.subnet.e",
            ]
        );
    }
}
