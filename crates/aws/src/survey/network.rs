//! What stands in the VPCs of the stack and is not declared.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{VpcLink, VpcLinkStatus};
use aws_sdk_ec2::types::{
    Filter, NatGateway, NatGatewayState, NetworkAcl, NetworkInterface, Reservation, RouteTable,
    SecurityGroup, State as EndpointState, Subnet, VpcEndpoint,
};
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, TargetGroup};
use futures::future::try_join_all;
use infra_provider::{ProviderResult, Standing};

use super::{Look, Thing, interfaces, rules};
use crate::errors::AwsResult;
use crate::services::apigatewayv2::common::all_pages;
use crate::services::ec2::common::{all_tags, filter};
use crate::services::elbv2::common as elbv2;
use crate::tags::Tags;

/// The type of the networks.
const VPC: &str = "ec2.vpc";

/// All items of a list: an expression that makes the call, the service, and the operation.
macro_rules! items {
    ($call:expr, $service:literal, $operation:literal) => {
        async {
            let items = $call.into_paginator().items().send();
            items
                .collect::<Result<Vec<_>, _>>()
                .await
                .aws($service, $operation)
        }
    };
}

mod gateways;

/// Everything in the VPCs that the state has, but for what the state has as well, what AWS makes with a VPC (its
/// main route table, default group and default list), and what follows something else.
pub async fn find(look: &Look<'_>) -> ProviderResult<Vec<Standing>> {
    let networks = Networks {
        look,
        vpcs: look.ids(VPC),
    };
    if networks.vpcs.is_empty() {
        return Ok(Vec::new());
    }
    let (inside, gateways, balancers, links, rules) = futures::try_join!(
        networks.inside(),
        networks.gateways(),
        networks.balancers(),
        networks.links(),
        rules::of_groups(look)
    )?;
    let subnets: BTreeSet<&str> = inside.subnets.iter().filter_map(Subnet::subnet_id).collect();
    let strangers =
        interfaces::strangers(look, &inside.interfaces, &inside.named_interfaces(), &links).await?;
    let mut found = inside.standing(look);
    found.extend(
        gateways
            .into_iter()
            .chain(balancers)
            .chain(rules)
            .chain(strangers),
    );
    found.extend(
        links
            .iter()
            .filter_map(|link| link_standing(look, link, &subnets)),
    );
    found.extend(rules::of_tables(look, &inside.tables));
    Ok(found)
}

struct Networks<'a> {
    look: &'a Look<'a>,
    vpcs: Vec<String>,
}

/// What EC2 lists by VPC.
struct Inside {
    instances: Vec<Reservation>,
    interfaces: Vec<NetworkInterface>,
    subnets: Vec<Subnet>,
    tables: Vec<RouteTable>,
    groups: Vec<SecurityGroup>,
    lists: Vec<NetworkAcl>,
    nat_gateways: Vec<NatGateway>,
    endpoints: Vec<VpcEndpoint>,
}

impl Networks<'_> {
    fn by(&self, name: &str) -> Filter {
        filter(name, self.vpcs.clone())
    }

    async fn inside(&self) -> ProviderResult<Inside> {
        let ec2 = &self.look.clients.ec2;
        let vpc = || self.by("vpc-id");
        let (instances, interfaces, subnets, tables, groups, lists, nat_gateways, endpoints) = futures::try_join!(
            items!(
                ec2.describe_instances().filters(vpc()),
                "ec2",
                "DescribeInstances"
            ),
            items!(
                ec2.describe_network_interfaces().filters(vpc()),
                "ec2",
                "DescribeNetworkInterfaces"
            ),
            items!(ec2.describe_subnets().filters(vpc()), "ec2", "DescribeSubnets"),
            items!(
                ec2.describe_route_tables().filters(vpc()),
                "ec2",
                "DescribeRouteTables"
            ),
            items!(
                ec2.describe_security_groups().filters(vpc()),
                "ec2",
                "DescribeSecurityGroups"
            ),
            items!(
                ec2.describe_network_acls().filters(vpc()),
                "ec2",
                "DescribeNetworkAcls"
            ),
            items!(
                ec2.describe_nat_gateways().filter(vpc()),
                "ec2",
                "DescribeNatGateways"
            ),
            items!(
                ec2.describe_vpc_endpoints().filters(vpc()),
                "ec2",
                "DescribeVpcEndpoints"
            ),
        )?;
        Ok(Inside {
            instances,
            interfaces,
            subnets,
            tables,
            groups,
            lists,
            nat_gateways,
            endpoints,
        })
    }

    /// Load balancers and target groups. Neither list can be filtered by VPC.
    async fn balancers(&self) -> ProviderResult<Vec<Standing>> {
        let client = &self.look.clients.elbv2;
        let (balancers, groups) = futures::try_join!(
            items!(client.describe_load_balancers(), "elbv2", "DescribeLoadBalancers"),
            items!(client.describe_target_groups(), "elbv2", "DescribeTargetGroups"),
        )?;
        let is_inside = |vpc: Option<&str>| self.vpcs.iter().any(|ours| Some(ours.as_str()) == vpc);
        let balancers: Vec<&LoadBalancer> = balancers
            .iter()
            .filter(|each| is_inside(each.vpc_id()))
            .filter(|each| !self.knows("elbv2.load_balancer", each.load_balancer_arn()))
            .collect();
        let groups: Vec<&TargetGroup> = groups
            .iter()
            .filter(|each| is_inside(each.vpc_id()))
            .filter(|each| !self.knows("elbv2.target_group", each.target_group_arn()))
            .collect();
        let arns: Vec<String> = balancers
            .iter()
            .filter_map(|each| each.load_balancer_arn())
            .chain(groups.iter().filter_map(|each| each.target_group_arn()))
            .map(str::to_owned)
            .collect();
        let tags = arns
            .chunks(elbv2::ARNS)
            .map(|arns| elbv2::tags_of(client, arns.to_vec()));
        let mut tags: BTreeMap<String, Tags> = try_join_all(tags).await?.into_iter().flatten().collect();
        let mut tags_of = |arn: Option<&str>| arn.and_then(|arn| tags.remove(arn)).unwrap_or_default();
        let mut found = Vec::new();
        for each in balancers {
            found.extend(self.look.standing(Thing {
                resource_type: "elbv2.load_balancer",
                id: each.load_balancer_arn(),
                tags: tags_of(each.load_balancer_arn()),
                said: each.load_balancer_name(),
                near: each.vpc_id(),
                created: each.created_time(),
            }));
        }
        for each in groups {
            found.extend(self.look.standing(Thing {
                resource_type: "elbv2.target_group",
                id: each.target_group_arn(),
                tags: tags_of(each.target_group_arn()),
                said: each.target_group_name(),
                near: each.vpc_id(),
                ..Thing::default()
            }));
        }
        Ok(found)
    }

    fn knows(&self, resource_type: &str, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.look.knows(resource_type, id))
    }

    /// All VPC links; a link tells its subnets, not its VPC.
    async fn links(&self) -> ProviderResult<Vec<VpcLink>> {
        all_pages!(self.look.clients.apigatewayv2.get_vpc_links(), "GetVpcLinks").await
    }
}

impl Inside {
    /// The interfaces that gateways and endpoints name as theirs.
    fn named_interfaces(&self) -> BTreeSet<&str> {
        let gateways = self
            .nat_gateways
            .iter()
            .flat_map(NatGateway::nat_gateway_addresses);
        let gateways = gateways.filter_map(|address| address.network_interface_id());
        let endpoints = self.endpoints.iter().flat_map(VpcEndpoint::network_interface_ids);
        gateways.chain(endpoints.map(String::as_str)).collect()
    }

    fn standing(&self, look: &Look<'_>) -> Vec<Standing> {
        let mut found = Vec::new();
        for instance in self.instances.iter().flat_map(Reservation::instances) {
            let state = instance.state().and_then(|state| state.name());
            if state.is_some_and(|state| ["terminated", "shutting-down"].contains(&state.as_str())) {
                continue;
            }
            found.extend(look.standing(Thing {
                resource_type: "ec2.instance",
                id: instance.instance_id(),
                tags: all_tags(instance.tags()),
                near: instance.vpc_id(),
                created: instance.launch_time(),
                ..Thing::default()
            }));
        }
        for subnet in &self.subnets {
            found.extend(look.standing(Thing {
                resource_type: "ec2.subnet",
                id: subnet.subnet_id(),
                tags: all_tags(subnet.tags()),
                said: subnet.cidr_block(),
                near: subnet.vpc_id(),
                ..Thing::default()
            }));
        }
        for table in self.tables.iter().filter(|table| !is_main(table)) {
            found.extend(look.standing(Thing {
                resource_type: "ec2.route_table",
                id: table.route_table_id(),
                tags: all_tags(table.tags()),
                near: table.vpc_id(),
                ..Thing::default()
            }));
        }
        for group in self
            .groups
            .iter()
            .filter(|group| group.group_name() != Some("default"))
        {
            found.extend(look.standing(Thing {
                resource_type: "ec2.security_group",
                id: group.group_id(),
                tags: all_tags(group.tags()),
                said: group.group_name(),
                near: group.vpc_id(),
                ..Thing::default()
            }));
        }
        for list in self.lists.iter().filter(|list| list.is_default() != Some(true)) {
            found.extend(look.standing(Thing {
                resource_type: "ec2.network_acl",
                id: list.network_acl_id(),
                tags: all_tags(list.tags()),
                near: list.vpc_id(),
                ..Thing::default()
            }));
        }
        for gateway in &self.nat_gateways {
            if matches!(
                gateway.state(),
                Some(NatGatewayState::Deleting | NatGatewayState::Deleted)
            ) {
                continue;
            }
            found.extend(look.standing(Thing {
                resource_type: "ec2.nat_gateway",
                id: gateway.nat_gateway_id(),
                tags: all_tags(gateway.tags()),
                near: gateway.vpc_id(),
                created: gateway.create_time(),
                ..Thing::default()
            }));
        }
        for endpoint in &self.endpoints {
            if matches!(
                endpoint.state(),
                Some(EndpointState::Deleting | EndpointState::Deleted)
            ) {
                continue;
            }
            found.extend(look.standing(Thing {
                resource_type: "ec2.vpc_endpoint",
                id: endpoint.vpc_endpoint_id(),
                tags: all_tags(endpoint.tags()),
                said: endpoint.service_name(),
                near: endpoint.vpc_id(),
                created: endpoint.creation_timestamp(),
            }));
        }
        found
    }
}

fn link_standing(look: &Look<'_>, link: &VpcLink, subnets: &BTreeSet<&str>) -> Option<Standing> {
    let inside = link
        .subnet_ids()
        .iter()
        .find(|id| subnets.contains(id.as_str()))?;
    if link.vpc_link_status() == Some(&VpcLinkStatus::Deleting) {
        return None;
    }
    look.standing(Thing {
        resource_type: "apigatewayv2.vpc_link",
        id: link.vpc_link_id(),
        tags: link
            .tags()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        said: link.name(),
        near: Some(inside),
        created: link.created_date(),
    })
}

/// Whether it is the table that a VPC's subnets follow unless they follow another, which AWS makes with the VPC.
fn is_main(table: &RouteTable) -> bool {
    table.associations().iter().any(|each| each.main() == Some(true))
}
