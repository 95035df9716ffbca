//! AWS's rules for services that need no call.

use super::common::check_strategy;
use super::service::{PartialService, ServiceField as Field};
use super::service_parts::{LaunchType, PartialDeploymentConfiguration, SchedulingStrategy};
use crate::prelude::*;
use crate::together::{Stack, elements, meant, member, member_integer, member_str};

/// Checks a service by itself.
pub fn check(given: &PartialService, problems: &mut Problems) {
    let mut at = |field: Field, message: &str| problems.at(field.name(), message);
    let is_fargate = given.launch_type == Partial::Known(LaunchType::Fargate);
    let is_daemon = given.scheduling_strategy == Partial::Known(SchedulingStrategy::Daemon);
    if is_daemon && is_fargate {
        at(
            Field::SchedulingStrategy,
            "Fargate has no instances that could have a daemon each",
        );
    }
    let strategy = Field::CapacityProviderStrategy.name();
    check_strategy(strategy, &given.capacity_provider_strategy, problems);
    if let Some(rollout) = given.deployment_configuration.known() {
        let strategy = match given.scheduling_strategy {
            Partial::Known(strategy) => Some(strategy),
            Partial::Unset => Some(SchedulingStrategy::Replica),
            Partial::Unknown => None,
        };
        if let Some(strategy) = strategy {
            check_rollout(rollout, strategy, problems);
        }
    }
}

fn check_rollout(
    rollout: &PartialDeploymentConfiguration,
    strategy: SchedulingStrategy,
    problems: &mut Problems,
) {
    let path = "deployment_configuration.maximum_percent";
    let percent = |given: &Partial<i32>, default: i32| match given {
        Partial::Known(percent) => Some(*percent),
        Partial::Unset => Some(default),
        Partial::Unknown => None,
    };
    let (lowest, highest) = strategy.percents();
    let lowest = percent(&rollout.minimum_healthy_percent, lowest);
    let highest = percent(&rollout.maximum_percent, highest);
    if highest.is_some_and(|highest| strategy == SchedulingStrategy::Daemon && highest > 100) {
        problems.at(
            path,
            "is at most 100 for a `DAEMON`, of which an instance has one task",
        );
    }
    if let (Some(lowest), Some(highest)) = (lowest, highest)
        && highest <= lowest
    {
        let message = format!(
            "{highest} has to be more than `minimum_healthy_percent`, {lowest}, or no task can be replaced"
        );
        problems.at(path, message);
    }
}

/// Checks a service with its task definition and target groups.
pub fn check_with_others(attributes: &Attributes, stack: &Stack, problems: &mut Problems) {
    let definition = meant(stack, attributes.get("task_definition"), "ecs.task_definition");
    let has_own_address =
        definition.is_some_and(|definition| known_str(definition, "network_mode") == Some("awsvpc"));
    let other_mode = definition
        .and_then(|definition| known_str(definition, "network_mode"))
        .filter(|mode| *mode != "awsvpc");
    if let Some(mode) = other_mode
        && attributes
            .get("network_configuration")
            .is_some_and(|value| !value.is_null())
    {
        let message = format!("is for network mode `awsvpc`, and the task definition's is `{mode}`");
        problems.at("network_configuration", message);
    }
    if has_own_address && attributes.get("network_configuration").is_none_or(Value::is_null) {
        let message = "the task definition's network mode is `awsvpc`, which needs one";
        problems.at("network_configuration", message);
    }
    if known_str(attributes, "launch_type") == Some("FARGATE")
        && let Some(launch) = definition.and_then(|definition| definition.get("requires_compatibilities"))
        && launch
            .as_list()
            .is_some_and(|all| !launch.has_unknown() && !all.contains(&Value::from("FARGATE")))
    {
        problems.at(
            "launch_type",
            "the task definition's `requires_compatibilities` has no FARGATE",
        );
    }
    for (position, balancer) in elements(attributes, "load_balancers").iter().enumerate() {
        let path = |name: &str| format!("load_balancers[{position}].{name}");
        let group = meant(stack, member(balancer, "target_group_arn"), "elbv2.target_group");
        let kind = group.map(|group| match group.get("target_type") {
            None | Some(Value::Null) => Some("instance"),
            Some(kind) => kind.as_str(),
        });
        if let Some(kind) = kind.flatten().filter(|kind| has_own_address && *kind != "ip") {
            let message =
                format!("tasks of network mode `awsvpc` need a target group of type `ip`, not `{kind}`");
            problems.at(path("target_group_arn").as_str(), message);
        }
        let name = member_str(balancer, "container_name");
        let (Some(definition), Some(name)) = (definition, name) else {
            continue;
        };
        let containers = elements(definition, "container_definitions");
        if containers.is_empty() || containers.iter().any(|one| member_str(one, "name").is_none()) {
            continue;
        }
        let Some(container) = containers
            .iter()
            .find(|one| member_str(one, "name") == Some(name))
        else {
            problems.at(
                path("container_name").as_str(),
                format!("the task definition has no container `{name}`"),
            );
            continue;
        };
        let mappings = match member(container, "port_mappings") {
            Some(mappings) if mappings.has_unknown() => continue,
            Some(mappings) => mappings.as_list().unwrap_or_default(),
            None => &[],
        };
        let port = member_integer(balancer, "container_port");
        let is_mapped = |port: i64| {
            mappings
                .iter()
                .any(|mapping| member_integer(mapping, "container_port") == Some(port))
        };
        if let Some(port) = port.filter(|port| !is_mapped(*port)) {
            problems.at(
                path("container_port").as_str(),
                format!("the container `{name}` has no port {port} in its `port_mappings`"),
            );
        }
    }
}
