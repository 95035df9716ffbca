//! `ec2.vpc_endpoint`: a private way from a VPC to a service.
//!
//! Calls: CreateVpcEndpoint (with a client token), ModifyVpcEndpoint, DescribeVpcEndpoints,
//! DescribePrefixLists, DescribeSecurityGroups, CreateTags, DeleteTags, DeleteVpcEndpoints. A gateway
//! endpoint works at once; an interface endpoint takes a minute or two, and as long to go, and its network
//! interfaces keep its subnets and security groups in use until they are gone.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types as sdk;
use infra_core::types::{Problem, Problems, known, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, Value};
use infra_provider::{
    Call, Clashing, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    Place, filter, is_ours, is_set, of_type, ours, referenced, refusal, tag_specification, update_tags,
    user_tags,
};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, missing, told};
use crate::read::Observations;
use crate::tags::Tags;

/// The type.
pub struct VpcEndpoint {
    client: Client,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC, `vpc-…`.
    pub vpc_id: String,
    /// The service, such as `com.amazonaws.us-east-1.s3`.
    pub service_name: String,
    /// How the service is reached: through the route tables (`Gateway`, AWS's default, only S3 and DynamoDB),
    /// or through network interfaces in the subnets (`Interface`, `GatewayLoadBalancer`).
    pub vpc_endpoint_type: Option<VpcEndpointType>,
    /// The route tables that get a route to a gateway endpoint.
    pub route_table_ids: Option<BTreeSet<String>>,
    /// The subnets that get a network interface, one in each availability zone.
    pub subnet_ids: Option<BTreeSet<String>>,
    /// The security groups around an interface endpoint's network interfaces. AWS's default is the VPC's
    /// default group.
    pub security_group_ids: Option<BTreeSet<String>>,
    /// Whether the service's ordinary DNS names lead to an interface endpoint inside the VPC. The VPC needs
    /// `enable_dns_support` and `enable_dns_hostnames` for that.
    #[schemars(extend("default" = false))]
    pub private_dns_enabled: Option<bool>,
    /// The addresses that an interface endpoint has. AWS's default is that of the service and the subnets.
    pub ip_address_type: Option<IpAddressType>,
    /// The policy that says who may do what through the endpoint, as a table or as JSON text. AWS's default
    /// lets everybody do everything.
    pub policy_document: Option<serde_json::Value>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum VpcEndpointType {
    /// Through routes.
    Gateway,
    /// Through a Gateway Load Balancer.
    GatewayLoadBalancer,
    /// Through network interfaces.
    Interface,
}

/// The addresses that an endpoint has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpAddressType {
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    vpc_id: Option<String>,
    service_name: Option<String>,
    vpc_endpoint_type: Option<String>,
    route_table_ids: BTreeSet<String>,
    subnet_ids: BTreeSet<String>,
    security_group_ids: BTreeSet<String>,
    private_dns_enabled: bool,
    ip_address_type: Option<String>,
    policy_document: Option<serde_json::Value>,
    tags: Tags,
    /// The endpoint's id, `vpce-…`.
    id: String,
    /// The endpoint's ARN.
    arn: String,
    /// The DNS names of an interface endpoint: that of the region first, then those of its zones, then the
    /// service's ordinary names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns_entries: Vec<DnsEntry>,
    /// The network interfaces, `eni-…`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    network_interface_ids: BTreeSet<String>,
    /// The prefix list of a gateway endpoint's service, `pl-…`: what a security group rule lets traffic to it
    /// out with.
    prefix_list_id: Option<String>,
}

/// A DNS name of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DnsEntry {
    /// The name.
    pub dns_name: String,
    /// The Route 53 zone that the name is in, for alias records.
    pub hosted_zone_id: Option<String>,
}

impl FromClients for VpcEndpoint {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for VpcEndpoint {
    const NAME: &'static str = "ec2.vpc_endpoint";
    const DESCRIPTION: &'static str = "A private way from a VPC to a service of AWS, or of somebody else.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateVpcEndpoint",
        "ec2:ModifyVpcEndpoint",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribePrefixLists",
        "ec2:DescribeSecurityGroups",
        "ec2:CreateTags",
        "ec2:DeleteTags",
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
    const TRAITS: Traits = Traits {
        immutable: &["vpc_id", "service_name", "vpc_endpoint_type"],
        policies: &["policy_document"],
        changes_on_update: &["dns_entries", "network_interface_ids"],
        // One endpoint answers to a service's own names in a VPC, and a route table has one route to a service.
        // https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html
        // https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
        clashes: &[
            Clashing::BothTrue {
                same: &["vpc_id", "service_name"],
                attribute: "private_dns_enabled",
            },
            Clashing::Shared {
                same: &["service_name"],
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
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        let kind = match attributes.get("vpc_endpoint_type") {
            Some(kind) if kind.has_unknown() => return,
            _ => known_str(attributes, "vpc_endpoint_type").unwrap_or("Gateway"),
        };
        let elsewhere: &[&str] = match kind {
            "Gateway" => &["subnet_ids", "security_group_ids", "private_dns_enabled"],
            "GatewayLoadBalancer" => &["route_table_ids", "security_group_ids", "private_dns_enabled"],
            _ => &["route_table_ids"],
        };
        for name in elsewhere.iter().filter(|name| is_set(attributes, name)) {
            let is_off = known(attributes, name).and_then(Value::as_bool) == Some(false);
            if !is_off {
                problems.at(*name, format!("an endpoint of type {kind} does not take this"));
            }
        }
        if let Some(service) = known_str(attributes, "service_name")
            && kind == "Gateway"
            && ![".s3", ".s3express", ".dynamodb"]
                .iter()
                .any(|suffix| service.ends_with(suffix))
        {
            problems.at_with_help(
                "vpc_endpoint_type",
                format!("{service} has no gateway endpoints, only S3 and DynamoDB do"),
                "set `vpc_endpoint_type = \"Interface\"`, `subnet_ids` and `security_group_ids`",
            );
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let private_dns = known(attributes, "private_dns_enabled").and_then(Value::as_bool);
            let Some((vpc, of)) = referenced(stack, attributes, "vpc_id", "ec2.vpc") else {
                continue;
            };
            let is_off = |name: &str, default: bool| match of.get(name) {
                None | Some(Value::Null) => !default,
                Some(value) => value.as_bool() == Some(false),
            };
            for (name, default) in [("enable_dns_support", true), ("enable_dns_hostnames", false)] {
                if private_dns == Some(true) && is_off(name, default) {
                    let problem = Problem {
                        path: "private_dns_enabled".into(),
                        message: format!("private DNS names need `{name}` in {vpc}"),
                        help: Some(format!("set `{name} = true` in {vpc}")),
                    };
                    found.push((address.clone(), problem));
                }
            }
        }
        found
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_vpc_endpoint()
            .client_token(call.token.to_string())
            .vpc_id(&spec.vpc_id)
            .service_name(&spec.service_name)
            .set_vpc_endpoint_type(spec.vpc_endpoint_type.map(Into::into))
            .set_route_table_ids(spec.route_table_ids.map(ids))
            .set_subnet_ids(spec.subnet_ids.map(ids))
            .set_security_group_ids(spec.security_group_ids.map(ids))
            .set_private_dns_enabled(spec.private_dns_enabled)
            .set_ip_address_type(spec.ip_address_type.map(Into::into))
            .set_policy_document(spec.policy_document.as_ref().map(json_text))
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::VpcEndpoint,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateVpcEndpoint")
            .map_err(dns_not_ready)
            .map_err(refusal(call, "the endpoint's, vpce-…"))?;
        let endpoint = answer
            .vpc_endpoint
            .ok_or_else(|| missing("ec2", "CreateVpcEndpoint", "vpcEndpoint"))?;
        let (id, found) = self.observe(&endpoint, None);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        // Asked for ids, EC2 fails when one is missing, and its filter by id is not found in every emulator.
        // A region has so few endpoints that all of them are one page of a thousand.
        let pages = self
            .client
            .describe_vpc_endpoints()
            .into_paginator()
            .items()
            .send();
        let mut endpoints = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .aws("ec2", "DescribeVpcEndpoints")?;
        endpoints.retain(|endpoint| {
            let id = endpoint.vpc_endpoint_id().unwrap_or_default();
            ids.iter().any(|wanted| wanted.as_str() == id) && state(endpoint) != "deleted"
        });
        let gateways = endpoints
            .iter()
            .filter(|endpoint| endpoint.vpc_endpoint_type() == Some(&sdk::VpcEndpointType::Gateway))
            .filter_map(|endpoint| endpoint.service_name().map(str::to_owned))
            .collect();
        let lists = self.prefix_lists(gateways).await?;
        Ok(endpoints
            .iter()
            .map(|endpoint| {
                let service = endpoint.service_name().unwrap_or_default();
                self.observe(endpoint, lists.get(service).cloned())
            })
            .collect())
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let Update { spec, prior, .. } = &update;
        let names = [
            "route_table_ids",
            "subnet_ids",
            "security_group_ids",
            "private_dns_enabled",
            "ip_address_type",
            "policy_document",
        ];
        if update.any(&names) {
            let mut modify = self.client.modify_vpc_endpoint().vpc_endpoint_id(id.as_str());
            if update.any(&["route_table_ids"]) {
                let (add, remove) = difference(prior, "route_table_ids", spec.route_table_ids.as_ref());
                modify = modify
                    .set_add_route_table_ids(add)
                    .set_remove_route_table_ids(remove);
            }
            if update.any(&["subnet_ids"]) {
                let (add, remove) = difference(prior, "subnet_ids", spec.subnet_ids.as_ref());
                modify = modify.set_add_subnet_ids(add).set_remove_subnet_ids(remove);
            }
            if update.any(&["security_group_ids"]) {
                let wanted = match &spec.security_group_ids {
                    Some(groups) => groups.clone(),
                    None => self.default_groups(&spec.vpc_id).await?,
                };
                let (add, remove) = difference(prior, "security_group_ids", Some(&wanted));
                modify = modify
                    .set_add_security_group_ids(add)
                    .set_remove_security_group_ids(remove);
            }
            if update.any(&["private_dns_enabled"]) {
                modify = modify.private_dns_enabled(spec.private_dns_enabled.unwrap_or(false));
            }
            if update.any(&["ip_address_type"]) {
                modify = modify.set_ip_address_type(spec.ip_address_type.map(Into::into));
            }
            if update.any(&["policy_document"]) {
                modify = match &spec.policy_document {
                    Some(policy) => modify.policy_document(json_text(policy)),
                    None => modify.reset_policy(true),
                };
            }
            modify
                .send()
                .await
                .aws("ec2", "ModifyVpcEndpoint")
                .map_err(dns_not_ready)
                .map_err(refusal(call, "the endpoint's, vpce-…"))?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, id.as_str(), prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let answer = self
            .client
            .delete_vpc_endpoints()
            .vpc_endpoint_ids(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteVpcEndpoints");
        let refused = match answer {
            Err(error) => Some(error),
            Ok(answer) => answer.unsuccessful().first().and_then(|item| {
                let error = item.error()?;
                let message = error.message().unwrap_or("AWS gives no reason");
                Some(told("ec2", "DeleteVpcEndpoints", error.code(), message))
            }),
        };
        match refused {
            None => Ok(()),
            // It may be a route of the endpoint that was not found: what counts is whether the endpoint is gone.
            Some(error) if error.class == ErrorClass::NotFound => {
                let there = self.read(std::slice::from_ref(id)).await?;
                if there.is_empty() { Ok(()) } else { Err(error) }
            }
            Some(error) => Err(error),
        }
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_vpc_endpoints()
            .set_filters(Some(ours(call)))
            .send()
            .await
            .aws("ec2", "DescribeVpcEndpoints")?;
        let endpoints = found.vpc_endpoints.unwrap_or_default();
        Ok(endpoints
            .into_iter()
            .filter(|endpoint| is_ours(call, endpoint.tags()))
            .filter(|endpoint| !matches!(state(endpoint).as_str(), "deleting" | "deleted"))
            .find_map(|endpoint| endpoint.vpc_endpoint_id)
            .map(PhysicalId::new))
    }
}

impl VpcEndpoint {
    /// The prefix lists of services, by the services' names.
    async fn prefix_lists(&self, services: BTreeSet<String>) -> ProviderResult<BTreeMap<String, String>> {
        if services.is_empty() {
            return Ok(BTreeMap::new());
        }
        let pages = self
            .client
            .describe_prefix_lists()
            .filters(filter("prefix-list-name", services))
            .into_paginator()
            .items()
            .send();
        let lists = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .aws("ec2", "DescribePrefixLists")?;
        Ok(lists
            .into_iter()
            .filter_map(|list| Some((list.prefix_list_name?, list.prefix_list_id?)))
            .collect())
    }

    /// The group that AWS gives an endpoint when none is named: the default one of its VPC.
    async fn default_groups(&self, vpc: &str) -> ProviderResult<BTreeSet<String>> {
        let found = self
            .client
            .describe_security_groups()
            .filters(filter("vpc-id", [vpc.to_owned()]))
            .filters(filter("group-name", ["default".to_owned()]))
            .send()
            .await
            .aws("ec2", "DescribeSecurityGroups")?;
        let groups = found.security_groups.unwrap_or_default();
        Ok(groups.into_iter().filter_map(|group| group.group_id).collect())
    }

    fn observe(
        &self,
        endpoint: &sdk::VpcEndpoint,
        prefix_list_id: Option<String>,
    ) -> (PhysicalId, Found<Observed>) {
        let id = endpoint.vpc_endpoint_id().unwrap_or_default().to_owned();
        let observed = Observed {
            vpc_id: endpoint.vpc_id().map(str::to_owned),
            service_name: endpoint.service_name().map(str::to_owned),
            vpc_endpoint_type: endpoint.vpc_endpoint_type().map(|kind| kind.as_str().to_owned()),
            route_table_ids: endpoint.route_table_ids().iter().cloned().collect(),
            subnet_ids: endpoint.subnet_ids().iter().cloned().collect(),
            security_group_ids: endpoint
                .groups()
                .iter()
                .filter_map(|group| group.group_id().map(str::to_owned))
                .collect(),
            private_dns_enabled: endpoint.private_dns_enabled() == Some(true),
            ip_address_type: endpoint.ip_address_type().map(|kind| kind.as_str().to_owned()),
            policy_document: endpoint
                .policy_document()
                .map(|text| serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text))),
            tags: user_tags(endpoint.tags()),
            arn: self.place.arn("vpc-endpoint", &id),
            dns_entries: dns_entries(endpoint.dns_entries()),
            network_interface_ids: endpoint.network_interface_ids().iter().cloned().collect(),
            prefix_list_id,
            id,
        };
        let health = health(endpoint);
        (PhysicalId::new(&observed.id), Found { observed, health })
    }
}

/// The state in small letters: EC2 spells it both ways.
fn state(endpoint: &sdk::VpcEndpoint) -> String {
    endpoint
        .state()
        .map_or_else(String::new, |state| state.as_str().to_lowercase())
}

fn health(endpoint: &sdk::VpcEndpoint) -> Health {
    let state = state(endpoint);
    match state.as_str() {
        "pending" => Health::Pending(state),
        "pendingacceptance" => {
            Health::Pending("pendingAcceptance: the service's owner has to accept it".into())
        }
        "deleting" | "deleted" => Health::Deleting(state),
        "failed" | "rejected" | "expired" => {
            let error = endpoint.last_error();
            let code = error.and_then(|error| error.code());
            let message = error
                .and_then(|error| error.message())
                .or(endpoint.failure_reason());
            let reason: Vec<&str> = [Some(state.as_str()), code, message]
                .into_iter()
                .flatten()
                .collect();
            Health::Failed(reason.join(": "))
        }
        _ => Health::Ready,
    }
}

/// The names of the endpoint itself, the shortest (that of the region) first, then those of the service:
/// EC2 gives no order.
fn dns_entries(entries: &[sdk::DnsEntry]) -> Vec<DnsEntry> {
    let mut found: Vec<DnsEntry> = entries
        .iter()
        .filter_map(|entry| {
            Some(DnsEntry {
                dns_name: entry.dns_name()?.to_owned(),
                hosted_zone_id: entry.hosted_zone_id().map(str::to_owned),
            })
        })
        .collect();
    found.sort_by_key(|entry| {
        let name = entry.dns_name.clone();
        (!name.starts_with("vpce-"), name.len(), name)
    });
    found
}

fn ids(set: BTreeSet<String>) -> Vec<String> {
    set.into_iter().collect()
}

/// The ids to add and to remove to get from the observed ones to the wanted ones; `None` where there are none.
fn difference(
    prior: &Attributes,
    name: &str,
    wanted: Option<&BTreeSet<String>>,
) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let there: BTreeSet<&str> = prior
        .get(name)
        .and_then(Value::as_list)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let wanted: BTreeSet<&str> = wanted.into_iter().flatten().map(String::as_str).collect();
    let only = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
        let ids: Vec<String> = these.difference(those).map(|id| (*id).to_owned()).collect();
        (!ids.is_empty()).then_some(ids)
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

/// The VPC's DNS attributes are set right after the VPC was made, which runs beside this.
fn dns_not_ready(error: ProviderError) -> ProviderError {
    if error.message.contains("enableDnsSupport") || error.message.contains("enableDnsHostnames") {
        return ProviderError {
            class: ErrorClass::DependencyNotReady,
            ..error
        }
        .hint("set `enable_dns_support` and `enable_dns_hostnames` in the VPC");
    }
    error
}

impl From<VpcEndpointType> for sdk::VpcEndpointType {
    fn from(kind: VpcEndpointType) -> Self {
        match kind {
            VpcEndpointType::Gateway => Self::Gateway,
            VpcEndpointType::GatewayLoadBalancer => Self::GatewayLoadBalancer,
            VpcEndpointType::Interface => Self::Interface,
        }
    }
}

impl From<IpAddressType> for sdk::IpAddressType {
    fn from(kind: IpAddressType) -> Self {
        match kind {
            IpAddressType::Dualstack => Self::Dualstack,
            IpAddressType::Ipv4 => Self::Ipv4,
            IpAddressType::Ipv6 => Self::Ipv6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{problems, stack, together};

    #[test]
    fn each_type_takes_its_own_attributes() {
        let s3 = ("service_name", "com.amazonaws.us-east-1.s3");
        let ecr = ("service_name", "com.amazonaws.us-east-1.ecr.api");
        let interface = ("vpc_endpoint_type", "Interface");
        for (attributes, said) in [
            (vec![s3, ("route_table_ids", "rtb-1")], ""),
            (vec![ecr, interface, ("subnet_ids", "subnet-1")], ""),
            (
                vec![ecr],
                "vpc_endpoint_type: com.amazonaws.us-east-1.ecr.api has no gateway endpoints, \
                 only S3 and DynamoDB do",
            ),
            (
                vec![s3, ("subnet_ids", "subnet-1")],
                "subnet_ids: an endpoint of type Gateway does not take this",
            ),
            (
                vec![s3, interface, ("route_table_ids", "rtb-1")],
                "route_table_ids: an endpoint of type Interface does not take this",
            ),
        ] {
            assert_eq!(problems::<VpcEndpoint>(&attributes).join("; "), said);
        }
    }

    #[test]
    fn private_names_need_the_vpcs_dns() {
        let endpoint = |vpc| [("vpc_id", vpc), ("private_dns_enabled", "true")];
        let stack = stack(&[
            ("ec2.vpc.plain", &[]),
            ("ec2.vpc.named", &[("enable_dns_hostnames", "true")]),
            ("ec2.vpc_endpoint.a", &endpoint("${ec2.vpc.plain.id}")),
            ("ec2.vpc_endpoint.b", &endpoint("${ec2.vpc.named.id}")),
        ]);
        assert_eq!(
            together::<VpcEndpoint>(&stack),
            ["ec2.vpc_endpoint.a: private DNS names need `enable_dns_hostnames` in ec2.vpc.plain"]
        );
    }

    #[test]
    fn states_are_understood_in_either_spelling() {
        let error = sdk::LastError::builder().code("Limit").message("no more").build();
        for (state, expected) in [
            ("available", Health::Ready),
            ("Available", Health::Ready),
            ("Pending", Health::Pending("pending".into())),
            ("deleting", Health::Deleting("deleting".into())),
            ("Failed", Health::Failed("failed: Limit: no more".into())),
        ] {
            let endpoint = sdk::VpcEndpoint::builder()
                .state(state.into())
                .last_error(error.clone())
                .build();
            assert_eq!(health(&endpoint), expected, "{state}");
        }
    }

    #[test]
    fn the_name_of_the_region_comes_first() {
        let entries: Vec<_> = [
            "ecr.us-east-1.amazonaws.com",
            "vpce-1-a-us-east-1b.ecr.us-east-1.vpce.amazonaws.com",
            "vpce-1-a.ecr.us-east-1.vpce.amazonaws.com",
            "vpce-1-a-us-east-1a.ecr.us-east-1.vpce.amazonaws.com",
        ]
        .iter()
        .map(|name| sdk::DnsEntry::builder().dns_name(*name).build())
        .collect();
        let names: Vec<String> = dns_entries(&entries)
            .into_iter()
            .map(|entry| entry.dns_name)
            .collect();
        assert_eq!(
            names,
            [
                "vpce-1-a.ecr.us-east-1.vpce.amazonaws.com",
                "vpce-1-a-us-east-1a.ecr.us-east-1.vpce.amazonaws.com",
                "vpce-1-a-us-east-1b.ecr.us-east-1.vpce.amazonaws.com",
                "ecr.us-east-1.amazonaws.com",
            ]
        );
    }

    #[test]
    fn only_differences_are_added_and_removed() {
        let prior = Attributes::from([("subnet_ids".into(), Value::from(vec!["a", "b"]))]);
        let wanted = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
        assert_eq!(
            difference(&prior, "subnet_ids", Some(&wanted)),
            (Some(vec!["c".into()]), Some(vec!["a".into()]))
        );
        assert_eq!(
            difference(&prior, "subnet_ids", None),
            (None, Some(vec!["a".into(), "b".into()]))
        );
        assert_eq!(difference(&prior, "route_table_ids", None), (None, None));
    }

    #[test]
    fn private_dns_waits_for_the_vpcs_attributes() {
        let error = |message: &str| dns_not_ready(ProviderError::new(ErrorClass::Invalid, message)).class;
        assert_eq!(
            error(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for vpc-1"
            ),
            ErrorClass::DependencyNotReady
        );
        assert_eq!(error("no"), ErrorClass::Invalid);
    }
}
