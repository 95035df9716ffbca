//! AWS's rules for services that need no call.

use infra_core::AttributePath;

use super::common::check_strategy;
use super::containers::{ContainerDefinitionField as Container, PortMappingField};
use super::service::{PartialService, ServiceField as Field};
use super::service_parts::{
    DeploymentConfigurationField, LaunchType, PartialDeploymentConfiguration, SchedulingStrategy,
    ServiceLoadBalancerField as Balancer,
};
use super::task_definition::TaskDefinitionField as Definition;
use crate::prelude::*;
use crate::services::elbv2::target_group::TargetGroupField;
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
    let path = AttributePath::attribute(Field::DeploymentConfiguration.name());
    let path = path.name(DeploymentConfigurationField::MaximumPercent.name());
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
            path.clone(),
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
    let definition = meant(
        stack,
        value_of(attributes, Field::TaskDefinition),
        "ecs.task_definition",
    );
    let has_own_address =
        definition.is_some_and(|definition| known_str(definition, Definition::NetworkMode) == Some("awsvpc"));
    let other_mode = definition
        .and_then(|definition| known_str(definition, Definition::NetworkMode))
        .filter(|mode| *mode != "awsvpc");
    if let Some(mode) = other_mode
        && value_of(attributes, Field::NetworkConfiguration).is_some_and(|value| !value.is_null())
    {
        let message = format!("is for network mode `awsvpc`, and the task definition's is `{mode}`");
        problems.at(Field::NetworkConfiguration.name(), message);
    }
    if has_own_address && value_of(attributes, Field::NetworkConfiguration).is_none_or(Value::is_null) {
        let message = "the task definition's network mode is `awsvpc`, which needs one";
        problems.at(Field::NetworkConfiguration.name(), message);
    }
    if known_str(attributes, Field::LaunchType) == Some("FARGATE")
        && let Some(launch) =
            definition.and_then(|definition| value_of(definition, Definition::RequiresCompatibilities))
        && launch
            .as_list()
            .is_some_and(|all| !launch.has_unknown() && !all.contains(&Value::from("FARGATE")))
    {
        problems.at(
            Field::LaunchType.name(),
            "the task definition's `requires_compatibilities` has no FARGATE",
        );
    }
    for (position, balancer) in elements(attributes, Field::LoadBalancers).iter().enumerate() {
        let path = AttributePath::attribute(Field::LoadBalancers.name()).index(position);
        let path = |key: Balancer| path.name(key.name());
        let group = meant(
            stack,
            member(balancer, Balancer::TargetGroupArn),
            "elbv2.target_group",
        );
        let kind = group.map(|group| match value_of(group, TargetGroupField::TargetType) {
            None | Some(Value::Null) => Some("instance"),
            Some(kind) => kind.as_str(),
        });
        if let Some(kind) = kind.flatten().filter(|kind| has_own_address && *kind != "ip") {
            let message =
                format!("tasks of network mode `awsvpc` need a target group of type `ip`, not `{kind}`");
            problems.at(path(Balancer::TargetGroupArn), message);
        }
        let name = member_str(balancer, Balancer::ContainerName);
        let (Some(definition), Some(name)) = (definition, name) else {
            continue;
        };
        let containers = elements(definition, Definition::ContainerDefinitions);
        if containers.is_empty()
            || containers
                .iter()
                .any(|one| member_str(one, Container::Name).is_none())
        {
            continue;
        }
        let Some(container) = containers
            .iter()
            .find(|one| member_str(one, Container::Name) == Some(name))
        else {
            problems.at(
                path(Balancer::ContainerName),
                format!("the task definition has no container `{name}`"),
            );
            continue;
        };
        let mappings = match member(container, Container::PortMappings) {
            Some(mappings) if mappings.has_unknown() => continue,
            Some(mappings) => mappings.as_list().unwrap_or_default(),
            None => &[],
        };
        let port = member_integer(balancer, Balancer::ContainerPort);
        let is_mapped = |port: i64| {
            mappings
                .iter()
                .any(|mapping| member_integer(mapping, PortMappingField::ContainerPort) == Some(port))
        };
        if let Some(port) = port.filter(|port| !is_mapped(*port)) {
            problems.at(
                path(Balancer::ContainerPort),
                format!("the container `{name}` has no port {port} in its `port_mappings`"),
            );
        }
    }
}
