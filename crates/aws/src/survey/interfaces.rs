//! Network interfaces: most follow something that is told of itself or declared, and are not told again.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::VpcLink;
use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceType as Kind};
use aws_sdk_ecs::types::{DesiredStatus, Task};
use futures::future::try_join_all;
use infra_provider::{ProviderResult, Standing};

use super::{Look, Thing};
use crate::errors::{AwsResult, Tolerate};
use crate::services::ec2::common::all_tags;
use crate::services::ecs::common::service_name_and_cluster;

/// The types of interfaces that follow something else. AWS tells NAT gateways' in two spellings.
const FOLLOWERS: &[&str] = &[
    "api_gateway_managed",
    "gateway_load_balancer",
    "gateway_load_balancer_endpoint",
    "load_balancer",
    "natGateway",
    "nat_gateway",
    "network_load_balancer",
    "transit_gateway",
    "vpc_endpoint",
];
/// DescribeTasks takes at most 100 tasks.
const TASKS: usize = 100;

/// The interfaces among these that follow nothing. `told` are those that something names as its own, `links` all VPC
/// links.
pub async fn strangers(
    look: &Look<'_>,
    interfaces: &[NetworkInterface],
    told: &BTreeSet<&str>,
    links: &[VpcLink],
) -> ProviderResult<Vec<Standing>> {
    let left: Vec<&NetworkInterface> = interfaces
        .iter()
        .filter(|interface| {
            !interface
                .network_interface_id()
                .is_some_and(|id| told.contains(id))
        })
        .filter(|interface| !follows(interface, links))
        .collect();
    let of_tasks = if left.iter().any(|interface| is_of_a_task(interface)) {
        of_services(look).await?
    } else {
        BTreeSet::new()
    };
    Ok(left
        .into_iter()
        .filter(|interface| {
            !interface
                .network_interface_id()
                .is_some_and(|id| of_tasks.contains(id))
        })
        .filter_map(|interface| {
            look.standing(Thing {
                resource_type: "ec2.network_interface",
                id: interface.network_interface_id(),
                tags: all_tags(interface.tag_set()),
                said: interface.description(),
                near: interface.vpc_id(),
                created: interface
                    .attachment()
                    .and_then(|attachment| attachment.attach_time()),
            })
        })
        .map(|standing| Standing {
            // ECS passes the tags of a service on to what its tasks stand on: they do not say who made this.
            claim: None,
            ..standing
        })
        .collect())
}

/// Whether an interface follows an instance, a gateway, an endpoint, a load balancer or a VPC link: each of these is
/// declared or told of itself, and those that are gone take their interfaces with them within minutes.
fn follows(interface: &NetworkInterface, links: &[VpcLink]) -> bool {
    let instance = interface
        .attachment()
        .and_then(|attachment| attachment.instance_id());
    if instance.is_some_and(|id| id.starts_with("i-")) {
        return true;
    }
    let description = interface.description().unwrap_or_default();
    let kind = interface.interface_type().map(Kind::as_str);
    if kind.is_some_and(|kind| FOLLOWERS.contains(&kind)) {
        return true;
    }
    if interface.requester_managed() != Some(true) {
        return false;
    }
    ["ELB app/", "ELB net/", "ELB gwy/"]
        .iter()
        .any(|start| description.starts_with(start))
        || links.iter().any(|link| {
            link.vpc_link_id()
                .is_some_and(|id| !id.is_empty() && description.contains(id))
        })
}

/// Whether ECS made it for a task: `arn:aws:ecs:us-east-1:123456789012:attachment/…`.
fn is_of_a_task(interface: &NetworkInterface) -> bool {
    let description = interface.description().unwrap_or_default();
    description.starts_with("arn:") && description.contains(":attachment/")
}

/// The interfaces of the tasks that declared services run, and of all tasks that are stopping in their clusters: a
/// service that was replaced leaves such for a while.
async fn of_services(look: &Look<'_>) -> ProviderResult<BTreeSet<String>> {
    let services = look.ids("ecs.service");
    let services: Vec<(&str, &str)> = services
        .iter()
        .filter_map(|arn| service_name_and_cluster(arn).ok())
        .collect();
    let groups: BTreeSet<(&str, String)> = services
        .iter()
        .map(|(cluster, name)| (*cluster, format!("service:{name}")))
        .collect();
    let clusters: BTreeSet<&str> = services.iter().map(|(cluster, _)| *cluster).collect();
    let tasks = try_join_all(clusters.iter().map(async |cluster| {
        let (running, stopping) = futures::try_join!(
            tasks(look, cluster, DesiredStatus::Running),
            tasks(look, cluster, DesiredStatus::Stopped)
        )?;
        let of_ours = running.into_iter().filter(|task| {
            let group = task.group().unwrap_or_default().to_owned();
            groups.contains(&(*cluster, group))
        });
        ProviderResult::Ok(of_ours.chain(stopping).collect::<Vec<_>>())
    }));
    let tasks = tasks.await?.into_iter().flatten();
    Ok(tasks
        .flat_map(|task| task.attachments.unwrap_or_default())
        .flat_map(|attachment| attachment.details.unwrap_or_default())
        .filter(|detail| detail.name() == Some("networkInterfaceId"))
        .filter_map(|detail| detail.value)
        .collect())
}

/// The tasks of a cluster; none when there is no such cluster.
async fn tasks(look: &Look<'_>, cluster: &str, desired: DesiredStatus) -> ProviderResult<Vec<Task>> {
    let pages = look
        .clients
        .ecs
        .list_tasks()
        .cluster(cluster)
        .desired_status(desired);
    let arns = pages
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let arns = arns.aws("ecs", "ListTasks").absent_is_none()?.unwrap_or_default();
    let described = try_join_all(arns.chunks(TASKS).map(async |arns| {
        let call = look.clients.ecs.describe_tasks().cluster(cluster);
        let answer = call.set_tasks(Some(arns.to_vec())).send().await;
        ProviderResult::Ok(answer.aws("ecs", "DescribeTasks")?.tasks.unwrap_or_default())
    }));
    Ok(described.await?.into_iter().flatten().collect())
}
