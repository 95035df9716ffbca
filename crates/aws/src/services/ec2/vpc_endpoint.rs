//! `ec2.vpc_endpoint`: a private way from a VPC to a service.
//!
//! A gateway endpoint works at once; an interface endpoint takes a minute or two, and as long to go, and its network
//! interfaces keep its subnets and security groups in use until they are gone.

mod observed;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self as sdk, Filter, ResourceType};

use self::observed::{observe, state};
use super::common::{filter, ours, referenced, tags_of};
use super::service::Ec2;
use super::vpc::VpcField;
use crate::errors;
use crate::prelude::*;
use crate::together::of_type;

/// A private way from a VPC to a service of AWS, or of somebody else.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html")]
pub struct VpcEndpoint {
    /// The VPC, `vpc-…`.
    #[attribute(immutable)]
    pub vpc_id: String,
    /// The service, such as `com.amazonaws.us-east-1.s3`.
    #[attribute(immutable)]
    pub service_name: String,
    /// How the service is reached: through the route tables (`Gateway`, AWS's default, only S3 and DynamoDB),
    /// or through network interfaces in the subnets (`Interface`, `GatewayLoadBalancer`).
    #[attribute(immutable)]
    pub vpc_endpoint_type: Option<VpcEndpointType>,
    /// The route tables that get a route to a gateway endpoint.
    pub route_table_ids: Option<BTreeSet<String>>,
    /// The subnets that get a network interface, one in each availability zone.
    pub subnet_ids: Option<BTreeSet<String>>,
    /// The security groups around an interface endpoint's network interfaces. AWS's default is the VPC's
    /// default group.
    pub security_group_ids: Option<BTreeSet<String>>,
    /// Whether the service's ordinary DNS names lead to an interface endpoint inside the VPC. AWS's default is true for
    /// an interface endpoint. The VPC needs `enable_dns_support` and `enable_dns_hostnames` for that.
    pub private_dns_enabled: Option<bool>,
    /// The addresses that an interface endpoint has. AWS's default is that of the service and the subnets.
    pub ip_address_type: Option<IpAddressType>,
    /// The policy that says who may do what through the endpoint, as a table or as JSON text. AWS's default
    /// lets everybody do everything.
    #[attribute(policy)]
    pub policy_document: Option<serde_json::Value>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The endpoint's id, `vpce-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The endpoint's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The DNS names of an interface endpoint: that of the region first, then those of its zones, then the
    /// service's ordinary names.
    #[attribute(computed, changes_on_update)]
    pub dns_entries: Option<Vec<DnsEntry>>,
    /// The network interfaces, `eni-…`.
    #[attribute(computed, changes_on_update)]
    pub network_interface_ids: Option<BTreeSet<String>>,
    /// The prefix list of a gateway endpoint's service, `pl-…`: what a security group rule lets traffic to it
    /// out with.
    #[attribute(computed)]
    pub prefix_list_id: Option<String>,
}

use VpcEndpointField as Field;

choices! {
    /// How a service is reached.
    VpcEndpointType {
        /// Through routes.
        Gateway = "Gateway",
        /// Through a Gateway Load Balancer.
        GatewayLoadBalancer = "GatewayLoadBalancer",
        /// Through network interfaces.
        Interface = "Interface",
    }
}

choices! {
    /// The addresses that an endpoint has.
    IpAddressType {
        /// IPv4 and IPv6.
        Dualstack = "dualstack",
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
    }
}

/// A DNS name of an endpoint.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct DnsEntry {
    /// The name.
    pub dns_name: String,
    /// The Route 53 zone that the name is in, for alias records.
    pub hosted_zone_id: Option<String>,
}

impl Resource for VpcEndpoint {
    const NAME: &'static str = "ec2.vpc_endpoint";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateVpcEndpoint",
        "ec2:ModifyVpcEndpoint",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribePrefixLists",
        "ec2:DescribeSecurityGroups",
        "ec2:DeleteVpcEndpoints",
        // Private DNS names are a hosted zone that EC2 associates in the caller's name.
        "route53:AssociateVPCWithHostedZone",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.route_table.private]
vpc_id = "${ec2.vpc.main.id}"

[ec2.vpc_endpoint.s3]
vpc_id            = "${ec2.vpc.main.id}"
service_name      = "com.amazonaws.${stack.region}.s3"
vpc_endpoint_type = "Gateway"
route_table_ids   = ["${ec2.route_table.private.id}"]
tags              = { Name = "s3" }
"#;
    const RULES: Rules<Field> = Rules {
        // One endpoint answers to a service's own names in a VPC, and a route table has one route to a service.
        // https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html
        // https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
        clashes: &[
            Clash::BothTrue {
                same: &[Field::VpcId, Field::ServiceName],
                attribute: Field::PrivateDnsEnabled,
            },
            Clash::Shared {
                same: &[Field::ServiceName],
                at: &["route_table_ids"],
                owner: None,
            },
        ],
        waits: Waits {
            create: Some(Wait::seconds("VPC endpoint available", 75, 600)),
            update: Some(Wait::seconds("VPC endpoint changed", 30, 600)),
            delete: Some(Wait::seconds("VPC endpoint deleted", 75, 900)),
            ..Waits::NONE
        },
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    fn validate(given: &PartialVpcEndpoint, problems: &mut Problems) {
        let kind = match given.vpc_endpoint_type {
            Partial::Unknown => return,
            Partial::Unset => VpcEndpointType::Gateway,
            Partial::Known(kind) => kind,
        };
        let with_dns =
            given.private_dns_enabled.is_set() && given.private_dns_enabled != Partial::Known(false);
        let (is_interface, is_gateway) = (
            kind == VpcEndpointType::Interface,
            kind == VpcEndpointType::Gateway,
        );
        for (field, is_set, fits) in [
            (Field::RouteTableIds, given.route_table_ids.has_any(), is_gateway),
            (Field::SubnetIds, given.subnet_ids.has_any(), !is_gateway),
            (
                Field::SecurityGroupIds,
                given.security_group_ids.has_any(),
                is_interface,
            ),
            (Field::PrivateDnsEnabled, with_dns, is_interface),
        ] {
            if is_set && !fits {
                let message = format!("an endpoint of type {} does not take this", kind.as_str());
                problems.at(field.name(), message);
            }
        }
        if let Some(service) = given.service_name.as_str()
            && is_gateway
            && ![".s3", ".s3express", ".dynamodb"]
                .iter()
                .any(|suffix| service.ends_with(suffix))
        {
            problems.at_with_help(
                Field::VpcEndpointType.name(),
                format!("{service} has no gateway endpoints, only S3 and DynamoDB do"),
                "set `vpc_endpoint_type = \"Interface\"`, `subnet_ids` and `security_group_ids`",
            );
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let private_dns = known(attributes, Field::PrivateDnsEnabled).and_then(Value::as_bool);
            let Some((vpc, of)) = referenced(stack, attributes, Field::VpcId, "ec2.vpc") else {
                continue;
            };
            let is_off = |field: VpcField, default: bool| match value_of(of, field) {
                None | Some(Value::Null) => !default,
                Some(value) => value.as_bool() == Some(false),
            };
            for (field, default) in [
                (VpcField::EnableDnsSupport, true),
                (VpcField::EnableDnsHostnames, false),
            ] {
                if private_dns == Some(true) && is_off(field, default) {
                    let name = field.name();
                    let problem = Problem {
                        path: Field::PrivateDnsEnabled.name().into(),
                        message: format!("private DNS names need `{name}` in {vpc}"),
                        help: Some(format!("set `{name} = true` in {vpc}")),
                    };
                    found.push((address.clone(), problem));
                }
            }
        }
        found
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialVpcEndpoint>> {
        let answer = aws
            .ec2
            .create_vpc_endpoint()
            .client_token(call.token.to_string())
            .vpc_id(&spec.vpc_id)
            .service_name(&spec.service_name)
            .set_vpc_endpoint_type(to_aws(spec.vpc_endpoint_type))
            .set_route_table_ids(spec.route_table_ids.map(ids))
            .set_subnet_ids(spec.subnet_ids.map(ids))
            .set_security_group_ids(spec.security_group_ids.map(ids))
            .set_private_dns_enabled(spec.private_dns_enabled)
            .set_ip_address_type(to_aws(spec.ip_address_type))
            .set_policy_document(spec.policy_document.as_ref().map(json_text))
            .tag_specifications(tags_of(call, ResourceType::VpcEndpoint, spec.tags))
            .send()
            .await
            .aws("ec2", "CreateVpcEndpoint")?;
        let made = answer.vpc_endpoint;
        let made = made.ok_or_else(|| missing("ec2", "CreateVpcEndpoint", "vpcEndpoint"))?;
        Ok(observe(aws, &made, None).into())
    }

    /// Asked for ids, EC2 fails when one is missing, and its filter by id is not found in every emulator. A region has so
    /// few endpoints that all of them are one page of a thousand.
    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let mut endpoints = describe(aws, Vec::new()).await?;
        endpoints.retain(|endpoint| {
            let id = endpoint.vpc_endpoint_id().unwrap_or_default();
            ids.iter().any(|wanted| wanted.as_str() == id) && state(endpoint) != "deleted"
        });
        let gateways = endpoints
            .iter()
            .filter(|endpoint| endpoint.vpc_endpoint_type() == Some(&sdk::VpcEndpointType::Gateway));
        let services = gateways.filter_map(|endpoint| endpoint.service_name().map(str::to_owned));
        let lists = prefix_lists(aws, services.collect()).await?;
        let list_of = |endpoint: &sdk::VpcEndpoint| lists.get(endpoint.service_name()?).cloned();
        let found = endpoints.iter();
        Ok(found.map(|one| observe(aws, one, list_of(one))).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let spec = &update.spec;
        let groups = match &spec.security_group_ids {
            None if update.changes(Field::SecurityGroupIds) => Some(default_groups(aws, &spec.vpc_id).await?),
            groups => groups.clone(),
        };
        let (add_tables, remove_tables) =
            difference(update, Field::RouteTableIds, spec.route_table_ids.as_ref());
        let (add_subnets, remove_subnets) = difference(update, Field::SubnetIds, spec.subnet_ids.as_ref());
        let (add_groups, remove_groups) = difference(update, Field::SecurityGroupIds, groups.as_ref());
        let policy = update.only(
            Field::PolicyDocument,
            spec.policy_document.as_ref().map(json_text),
        );
        let without_policy = update.only(Field::PolicyDocument, Some(policy.is_none()));
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html
        let is_interface = spec.vpc_endpoint_type == Some(VpcEndpointType::Interface);
        let private_dns = spec.private_dns_enabled.unwrap_or(is_interface);
        aws.ec2
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id.as_str())
            .set_add_route_table_ids(add_tables)
            .set_remove_route_table_ids(remove_tables)
            .set_add_subnet_ids(add_subnets)
            .set_remove_subnet_ids(remove_subnets)
            .set_add_security_group_ids(add_groups)
            .set_remove_security_group_ids(remove_groups)
            .set_private_dns_enabled(update.only(Field::PrivateDnsEnabled, Some(private_dns)))
            .set_ip_address_type(to_aws(update.only(Field::IpAddressType, spec.ip_address_type)))
            .set_policy_document(policy)
            .set_reset_policy(without_policy.filter(|is_gone| *is_gone))
            .send()
            .await
            .aws("ec2", "ModifyVpcEndpoint")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id.as_str());
        let answer = call.send().await.aws("ec2", "DeleteVpcEndpoints");
        let refused = match answer {
            Err(error) => error,
            Ok(answer) => {
                let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else {
                    return Ok(());
                };
                let message = error.message().unwrap_or("AWS gives no reason");
                errors::told("ec2", "DeleteVpcEndpoints", error.code(), message)
            }
        };
        // It may be a route of the endpoint that was not found: what counts is whether the endpoint is gone.
        if refused.class == ErrorClass::NotFound
            && !Self::read(aws, std::slice::from_ref(id)).await?.is_empty()
        {
            return Err(ProviderError {
                class: ErrorClass::DependencyViolation,
                ..refused
            });
        }
        Err(refused)
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialVpcEndpoint) -> ProviderResult<Observations<Self>> {
        let found = describe(aws, ours(call)).await?;
        Ok(found
            .iter()
            .map(|endpoint| observe(aws, endpoint, None))
            .collect())
    }
}

async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<sdk::VpcEndpoint>> {
    let by = Some(by).filter(|by| !by.is_empty());
    let pages = aws.ec2.describe_vpc_endpoints().set_filters(by).into_paginator();
    let endpoints = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    endpoints.aws("ec2", "DescribeVpcEndpoints")
}

/// The prefix lists of services with gateway endpoints, by the service's name.
async fn prefix_lists(aws: &Clients, services: BTreeSet<String>) -> ProviderResult<BTreeMap<String, String>> {
    if services.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pages = aws
        .ec2
        .describe_prefix_lists()
        .filters(filter("prefix-list-name", services));
    let lists = pages.into_paginator().items().send();
    let lists = lists.collect::<Result<Vec<_>, _>>().await;
    let lists = lists.aws("ec2", "DescribePrefixLists")?.into_iter();
    Ok(lists
        .filter_map(|list| Some((list.prefix_list_name?, list.prefix_list_id?)))
        .collect())
}

/// The VPC's default security group, which AWS gives an endpoint that names none.
async fn default_groups(aws: &Clients, vpc: &str) -> ProviderResult<BTreeSet<String>> {
    let call = aws.ec2.describe_security_groups();
    let call = call
        .filters(filter("vpc-id", [vpc]))
        .filters(filter("group-name", ["default"]));
    let found = call.send().await.aws("ec2", "DescribeSecurityGroups")?;
    let groups = found.security_groups.unwrap_or_default();
    Ok(groups.into_iter().filter_map(|group| group.group_id).collect())
}

fn ids(set: BTreeSet<String>) -> Vec<String> {
    set.into_iter().collect()
}

/// What has to be added and what removed to get from the observed ids to the wanted ones; nothing of what is not to
/// change.
fn difference(
    update: &Update<VpcEndpoint>,
    field: Field,
    wanted: Option<&BTreeSet<String>>,
) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let there = update.prior.get(field.name()).and_then(Value::as_list);
    let there: BTreeSet<&str> = there.into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted: BTreeSet<&str> = wanted.into_iter().flatten().map(String::as_str).collect();
    let only = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
        let ids: Vec<String> = these.difference(those).map(|id| (*id).to_owned()).collect();
        update.only(field, Some(ids)).filter(|ids| !ids.is_empty())
    };
    (only(&wanted, &there), only(&there, &wanted))
}

/// A JSON document that the file gives as a table or as text.
fn json_text(document: &serde_json::Value) -> String {
    match document {
        serde_json::Value::String(text) => text.clone(),
        table => table.to_string(),
    }
}

#[cfg(test)]
mod tests;
