//! What others added to declared things: rules of security groups and routes of route tables.

use aws_sdk_ec2::types::{RouteOrigin, RouteTable, SecurityGroupRule};
use futures::future::try_join_all;
use infra_core::PhysicalId;
use infra_provider::{ProviderResult, Standing};

use super::{Look, Thing};
use crate::services::ec2::common::{FILTER_VALUES, all_tags, filter};
use crate::services::ec2::group_rules;
use crate::services::ec2::security_group::all_out;

/// The rules of declared groups that nobody declared. AWS's own way out is an attribute of its group.
pub async fn of_groups(look: &Look<'_>) -> ProviderResult<Vec<Standing>> {
    let groups = look.ids("ec2.security_group");
    let lists = groups
        .chunks(FILTER_VALUES)
        .map(|groups| group_rules::describe(&look.clients.ec2, vec![filter("group-id", groups.to_vec())]));
    let rules = try_join_all(lists).await?.into_iter().flatten();
    Ok(rules
        .filter(|rule| !all_out(rule))
        .filter_map(|rule| {
            look.standing(Thing {
                resource_type: "ec2.security_group_rule",
                id: rule.security_group_rule_id(),
                tags: all_tags(rule.tags()),
                said: Some(&in_words(&rule)),
                near: rule.group_id(),
                ..Thing::default()
            })
        })
        .collect())
}

/// `ingress tcp 22 from 0.0.0.0/0`
fn in_words(rule: &SecurityGroupRule) -> String {
    let (direction, preposition) = match rule.is_egress() {
        Some(true) => ("egress", "to"),
        _ => ("ingress", "from"),
    };
    let protocol = match rule.ip_protocol() {
        Some("-1") | None => "everything",
        Some(protocol) => protocol,
    };
    let ports = match (rule.from_port(), rule.to_port()) {
        (Some(-1) | None, _) | (_, None) => String::new(),
        (Some(from), Some(to)) if from == to => format!(" {from}"),
        (Some(from), Some(to)) => format!(" {from}-{to}"),
    };
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    let peer = rule
        .cidr_ipv4()
        .or(rule.cidr_ipv6())
        .or(rule.prefix_list_id())
        .or(group);
    format!(
        "{direction} {protocol}{ports} {preposition} {}",
        peer.unwrap_or("nobody")
    )
}

/// The routes of declared tables that nobody declared, but for those that AWS makes itself: the VPC's own, those of
/// gateway endpoints, and those that a virtual private gateway propagates.
pub fn of_tables(look: &Look<'_>, tables: &[RouteTable]) -> Vec<Standing> {
    let declared = tables
        .iter()
        .filter_map(|table| Some((table, table.route_table_id()?)))
        .filter(|(_, id)| look.knows("ec2.route_table", id));
    declared
        .flat_map(|(table, id)| table.routes().iter().map(move |route| (id, route)))
        .filter(|(_, route)| matches!(route.origin(), Some(RouteOrigin::CreateRoute)))
        .filter_map(|(table, route)| {
            let of_endpoint = route
                .gateway_id()
                .is_some_and(|gateway| gateway.starts_with("vpce-"));
            if of_endpoint && route.destination_prefix_list_id().is_some() {
                return None;
            }
            let destination = route
                .destination_cidr_block()
                .or(route.destination_ipv6_cidr_block())
                .or(route.destination_prefix_list_id())?;
            let target = [
                route.gateway_id(),
                route.nat_gateway_id(),
                route.transit_gateway_id(),
                route.vpc_peering_connection_id(),
                route.network_interface_id(),
                route.instance_id(),
                route.egress_only_internet_gateway_id(),
            ];
            let target = target.into_iter().flatten().next().unwrap_or("nowhere");
            look.standing(Thing {
                resource_type: "ec2.route",
                id: Some(PhysicalId::composite([table, destination]).as_str()),
                said: Some(&format!("{destination} to {target}")),
                near: Some(table),
                ..Thing::default()
            })
        })
        .collect()
}
