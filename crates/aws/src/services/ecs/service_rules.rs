//! AWS's rules for services that need no call.

use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, Value};

use super::cluster::{check_name, check_strategy};
use super::common::{check_arn, check_task_definition_arn};
use crate::together::{Stack, elements, meant, member, member_integer, member_str};

/// Checks a service by itself.
pub fn check(attributes: &Attributes, problems: &mut Problems) {
    check_name(attributes, "service_name", problems);
    check_arn(
        attributes,
        "cluster",
        ":cluster/",
        "\"${ecs.cluster.main.arn}\"",
        problems,
    );
    check_task_definition_arn(attributes, problems);
    check_strategy(attributes, "capacity_provider_strategy", problems);
    let is_set = |name: &str| attributes.get(name).is_some_and(|value| !value.is_null());
    if is_set("launch_type") && is_set("capacity_provider_strategy") {
        problems.at(
            "capacity_provider_strategy",
            "takes the place of `launch_type`: set one of them",
        );
    }
    let is_fargate = known_str(attributes, "launch_type") == Some("FARGATE");
    if is_fargate && !is_set("network_configuration") {
        problems.at("network_configuration", "tasks on Fargate need one");
    }
    let is_daemon = known_str(attributes, "scheduling_strategy") == Some("DAEMON");
    if is_daemon && is_fargate {
        problems.at(
            "scheduling_strategy",
            "Fargate has no instances that could have a daemon each",
        );
    }
    if is_daemon && is_set("desired_count") {
        problems.at(
            "desired_count",
            "a service of strategy DAEMON has one task on each instance",
        );
    }
    if let Some(count) = known_integer(attributes, "desired_count").filter(|count| *count < 0) {
        problems.at("desired_count", format!("{count} is less than none"));
    }
    let grace = "health_check_grace_period_seconds";
    if known_integer(attributes, grace).is_some_and(|seconds| seconds > 0)
        && attributes
            .get("load_balancers")
            .is_none_or(|all| all.as_list().is_some_and(<[Value]>::is_empty))
    {
        problems.at(grace, "is for services with `load_balancers`");
    }
    validate_network(attributes, problems);
    validate_rollout(attributes, problems);
}

fn validate_network(attributes: &Attributes, problems: &mut Problems) {
    let Some(network) = attributes.get("network_configuration") else {
        return;
    };
    for (name, lowest, highest) in [("subnets", 1, 16), ("security_groups", 0, 5)] {
        let count = member(network, name).and_then(Value::as_list).map(<[Value]>::len);
        if let Some(count) = count.filter(|count| !(lowest..=highest).contains(count)) {
            let path = format!("network_configuration.{name}");
            problems.at(
                path.as_str(),
                format!("{count} of them: AWS takes {lowest} to {highest}"),
            );
        }
    }
}

fn validate_rollout(attributes: &Attributes, problems: &mut Problems) {
    let Some(rollout) = attributes.get("deployment_configuration") else {
        return;
    };
    let path = |name: &str| format!("deployment_configuration.{name}");
    let lowest = member_integer(rollout, "minimum_healthy_percent");
    let highest = member_integer(rollout, "maximum_percent");
    for (name, value, most) in [
        ("minimum_healthy_percent", lowest, 100),
        ("maximum_percent", highest, 200),
    ] {
        if let Some(value) = value.filter(|value| !(0..=most).contains(value)) {
            problems.at(
                path(name).as_str(),
                format!("{value} is not between 0 and {most}"),
            );
        }
    }
    if highest.is_some_and(|highest| highest <= lowest.unwrap_or(100)) {
        let message = "has to be more than `minimum_healthy_percent`, or no task can be replaced";
        problems.at(path("maximum_percent").as_str(), message);
    }
    let breaker = member(rollout, "deployment_circuit_breaker");
    let is = |name: &str| {
        breaker
            .and_then(|breaker| member(breaker, name))
            .and_then(Value::as_bool)
    };
    if is("rollback") == Some(true) && is("enable") != Some(true) {
        let is_open = breaker
            .and_then(|breaker| member(breaker, "enable"))
            .is_some_and(Value::has_unknown);
        if !is_open {
            let message = "there is nothing to roll back without `enable = true`";
            problems.at(path("deployment_circuit_breaker.rollback").as_str(), message);
        }
    }
}

/// Checks a service with its task definition and target groups.
pub fn check_with_others(attributes: &Attributes, stack: &Stack, problems: &mut Problems) {
    let definition = meant(stack, attributes.get("task_definition"), "ecs.task_definition");
    let has_own_address =
        definition.is_some_and(|definition| known_str(definition, "network_mode") == Some("awsvpc"));
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
