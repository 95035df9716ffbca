//! An endpoint as AWS tells it.

use std::collections::BTreeSet;

use aws_sdk_ec2::types as sdk;

use super::{PartialDnsEntry, PartialVpcEndpoint, VpcEndpoint};
use crate::prelude::*;
use crate::services::ec2::common::{all_tags, arn};

pub(super) fn observe(
    aws: &Clients,
    endpoint: &sdk::VpcEndpoint,
    prefix_list_id: Option<String>,
) -> Observation<VpcEndpoint> {
    let id = endpoint.vpc_endpoint_id().unwrap_or_default();
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
    let policy = endpoint.policy_document();
    let policy = policy.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()));
    let observed = PartialVpcEndpoint {
        vpc_id: endpoint.vpc_id().into(),
        service_name: endpoint.service_name().into(),
        vpc_endpoint_type: told(endpoint.vpc_endpoint_type()),
        route_table_ids: BTreeSet::from_iter(endpoint.route_table_ids().iter().cloned()).into(),
        subnet_ids: BTreeSet::from_iter(endpoint.subnet_ids().iter().cloned()).into(),
        security_group_ids: BTreeSet::from_iter(groups.map(str::to_owned)).into(),
        private_dns_enabled: (endpoint.private_dns_enabled() == Some(true)).into(),
        ip_address_type: told(endpoint.ip_address_type()),
        policy_document: policy.into(),
        tags: all_tags(endpoint.tags()).into(),
        id: id.into(),
        arn: arn(aws, "vpc-endpoint", id).into(),
        dns_entries: dns_entries(endpoint.dns_entries()).into(),
        network_interface_ids: BTreeSet::from_iter(endpoint.network_interface_ids().iter().cloned()).into(),
        prefix_list_id: prefix_list_id.into(),
    };
    let health = health(endpoint);
    (PhysicalId::new(id), Found { observed, health })
}

/// The state in small letters: EC2 spells it both ways.
pub(super) fn state(endpoint: &sdk::VpcEndpoint) -> String {
    endpoint
        .state()
        .map_or_else(String::new, |state| state.as_str().to_lowercase())
}

pub(super) fn health(endpoint: &sdk::VpcEndpoint) -> Health {
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
pub(super) fn dns_entries(entries: &[sdk::DnsEntry]) -> Vec<PartialDnsEntry> {
    let mut found: Vec<PartialDnsEntry> = entries
        .iter()
        .filter_map(|entry| {
            Some(PartialDnsEntry {
                dns_name: entry.dns_name()?.into(),
                hosted_zone_id: entry.hosted_zone_id().into(),
            })
        })
        .collect();
    found.sort_by_key(|entry| {
        let name = entry.dns_name.as_str().unwrap_or_default().to_owned();
        (!name.starts_with("vpce-"), name.len(), name)
    });
    found
}
