//! `ec2.subnet`: a range of a VPC's addresses in one availability zone.
//!
//! A subnet is pending for a moment after its creation, but its id is usable at once. It cannot be deleted while
//! network interfaces are in it, and AWS's own (of load balancers, VPC links, endpoints) go minutes after what they
//! belonged to: DependencyViolation.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self as sdk, Filter, ResourceType, SubnetState};
use ipnet::Ipv4Net;

use super::common::{all_tags, arn, boolean, by_ids, filter, identity, ours, referenced, tags_of};
use super::obstacles::in_interfaces;
use super::service::Ec2;
use super::vpc::VpcField;
use crate::prelude::*;
use crate::together::of_type;

/// A range of a VPC's addresses in one availability zone.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html")]
#[block(at_most_one(availability_zone, availability_zone_id))]
pub struct Subnet {
    /// The VPC, `vpc-…`.
    #[attribute(immutable)]
    pub vpc_id: String,
    /// The IPv4 network of the subnet, inside the VPC's. AWS keeps the first four addresses and the last one for
    /// itself.
    #[attribute(immutable, cidr(4, 16..=28))]
    pub cidr_block: String,
    /// The availability zone by name, such as `us-east-1a`. AWS picks one when neither this nor
    /// `availability_zone_id` is set.
    #[attribute(immutable, zone)]
    pub availability_zone: Option<String>,
    /// The availability zone by id, such as `use1-az1`, which means the same zone in every account.
    #[attribute(immutable)]
    pub availability_zone_id: Option<String>,
    /// Whether instances launched here get a public IPv4 address.
    #[attribute(set_after_create, default = false)]
    pub map_public_ip_on_launch: Option<bool>,
    /// What the host names of instances launched here are made of.
    #[attribute(set_after_create, default = "ip-name")]
    pub private_dns_hostname_type_on_launch: Option<HostnameType>,
    /// Whether the DNS server answers for names made of resource ids with A records.
    #[attribute(set_after_create, default = false)]
    pub enable_resource_name_dns_a_record_on_launch: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The subnet's id, `subnet-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The subnet's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use SubnetField as Field;

choices! {
    /// What an instance's private host name is made of.
    HostnameType {
        /// Its private IPv4 address.
        IpName = "ip-name",
        /// Its instance id.
        ResourceName = "resource-name",
    }
}

impl Resource for Subnet {
    const NAME: &'static str = "ec2.subnet";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSubnet",
        "ec2:ModifySubnetAttribute",
        "ec2:DescribeSubnets",
        "ec2:DescribeNetworkInterfaces",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::VpcId, Field::CidrBlock],
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html
        clashes: &[Clash::Overlap {
            same: &[Field::VpcId],
            attribute: Field::CidrBlock,
        }],
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut earlier: Vec<(&ResourceAddress, String, Ipv4Net)> = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let Some(network) = network(attributes, Field::CidrBlock) else {
                continue;
            };
            let mut problem = |message: String, help: Option<String>| {
                let path = Field::CidrBlock.name().into();
                found.push((address.clone(), Problem { path, message, help }));
            };
            let vpc = referenced(stack, attributes, Field::VpcId, "ec2.vpc");
            if let Some((vpc, Some(whole))) =
                vpc.map(|(vpc, of)| (vpc, self::network(of, VpcField::CidrBlock)))
                && !whole.contains(&network)
            {
                problem(
                    format!("{network} is not inside {whole} of {vpc}"),
                    Some(format!(
                        "work it out from the VPC's network: `${{cidrsubnet({vpc}.cidr_block, BITS, NUMBER)}}`"
                    )),
                );
            }
            let Some(vpc) = identity(attributes, Field::VpcId) else {
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

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialSubnet>> {
        let answer = aws
            .ec2
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .cidr_block(&spec.cidr_block)
            .set_availability_zone(spec.availability_zone)
            .set_availability_zone_id(spec.availability_zone_id)
            .tag_specifications(tags_of(call, ResourceType::Subnet, spec.tags))
            .send()
            .await
            .aws("ec2", "CreateSubnet")?;
        let subnet = answer
            .subnet
            .ok_or_else(|| missing("ec2", "CreateSubnet", "subnet"))?;
        Ok(observe(aws, &subnet).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        by_ids(ids, "subnet-id", |by| describe(aws, by)).await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        // One attribute a call is all that ModifySubnetAttribute takes.
        let modify = || aws.ec2.modify_subnet_attribute().subnet_id(id.as_str());
        let spec = &update.spec;
        let mut calls = Vec::new();
        if update.changes(Field::MapPublicIpOnLaunch) {
            let value = boolean(spec.map_public_ip_on_launch.unwrap_or(false));
            calls.push(modify().map_public_ip_on_launch(value));
        }
        if update.changes(Field::PrivateDnsHostnameTypeOnLaunch) {
            let value = spec
                .private_dns_hostname_type_on_launch
                .or(Some(HostnameType::IpName));
            calls.push(modify().set_private_dns_hostname_type_on_launch(to_aws(value)));
        }
        if update.changes(Field::EnableResourceNameDnsARecordOnLaunch) {
            let value = boolean(spec.enable_resource_name_dns_a_record_on_launch.unwrap_or(false));
            calls.push(modify().enable_resource_name_dns_a_record_on_launch(value));
        }
        for call in calls {
            call.send().await.aws("ec2", "ModifySubnetAttribute")?;
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_subnet().subnet_id(id.as_str());
        call.send().await.aws("ec2", "DeleteSubnet").map(drop)
    }

    /// Another subnet that merely overlaps is none that could be taken over.
    async fn holders(aws: &Clients, given: &PartialSubnet) -> ProviderResult<Observations<Self>> {
        let (Some(vpc), Some(network)) = (given.vpc_id.as_str(), given.cidr_block.as_str()) else {
            return Ok(Observations::<Self>::new());
        };
        let by = vec![filter("vpc-id", [vpc]), filter("cidr-block", [network])];
        Ok(describe(aws, by).await?.into_iter().collect())
    }

    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        in_interfaces(aws, filter("subnet-id", [id.as_str()])).await
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialSubnet) -> ProviderResult<Observations<Self>> {
        Ok(describe(aws, ours(call)).await?.into_iter().collect())
    }
}

pub(super) async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<Observation<Subnet>>> {
    let pages = aws.ec2.describe_subnets().set_filters(Some(by)).into_paginator();
    let subnets = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let subnets = subnets.aws("ec2", "DescribeSubnets")?;
    Ok(subnets.iter().map(|subnet| observe(aws, subnet)).collect())
}

fn observe(aws: &Clients, subnet: &sdk::Subnet) -> Observation<Subnet> {
    let id = subnet.subnet_id().unwrap_or_default();
    let names = subnet.private_dns_name_options_on_launch();
    let hostname_type = names.and_then(|names| names.hostname_type());
    let a_record = names.and_then(|names| names.enable_resource_name_dns_a_record());
    let told_arn = subnet.subnet_arn().map(str::to_owned);
    let observed = PartialSubnet {
        vpc_id: subnet.vpc_id().into(),
        cidr_block: subnet.cidr_block().into(),
        availability_zone: subnet.availability_zone().into(),
        availability_zone_id: subnet.availability_zone_id().into(),
        map_public_ip_on_launch: (subnet.map_public_ip_on_launch() == Some(true)).into(),
        private_dns_hostname_type_on_launch: told(hostname_type.or(Some(&sdk::HostnameType::IpName))),
        enable_resource_name_dns_a_record_on_launch: (a_record == Some(true)).into(),
        tags: all_tags(subnet.tags()).into(),
        id: id.into(),
        arn: told_arn.unwrap_or_else(|| arn(aws, "subnet", id)).into(),
    };
    let health = match subnet.state() {
        Some(SubnetState::Pending) => Health::Pending("pending".into()),
        Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
            Health::Failed(state.as_str().to_owned())
        }
        _ => Health::Ready,
    };
    (PhysicalId::new(id), Found { observed, health })
}

/// The known IPv4 network of a VPC or subnet.
fn network(attributes: &Attributes, field: impl FieldName) -> Option<Ipv4Net> {
    known_str(attributes, field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{refused_texts, refused_together, stack};

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
            assert_eq!(refused_texts::<Subnet>(&attributes), said);
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
            refused_together::<Subnet>(&stack),
            [
                "ec2.subnet.b: 10.0.0.128/25 of ec2.subnet.b overlaps 10.0.0.0/24 of ec2.subnet.a",
                "ec2.subnet.d: 10.1.0.0/24 is not inside 10.0.0.0/16 of ec2.vpc.main",
                "ec2.subnet.f: 10.0.0.0/16 of ec2.subnet.f overlaps 10.0.0.0/24 of ec2.subnet.e",
            ]
        );
    }
}
