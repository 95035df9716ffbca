//! Which attributes go together, and how a launch type is changed.

use serde_json::{Value as Json, json};

use super::*;
use crate::services::testing::{reference, refused, table};

const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/main";
const DEFINITION: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/app:1";

fn with(more: Json) -> Vec<String> {
    let mut all = json!({ "cluster": CLUSTER, "service_name": "app", "task_definition": DEFINITION });
    let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
        unreachable!()
    };
    all_of.extend(more);
    refused::<Service>(all)
}

#[test]
fn services_are_checked() {
    let daemon =
        |rollout: Json| json!({ "scheduling_strategy": "DAEMON", "deployment_configuration": rollout });
    for more in [
        daemon(json!({ "maximum_percent": 100 })),
        daemon(json!({ "minimum_healthy_percent": 50 })),
        json!({ "deployment_configuration": { "maximum_percent": 400 } }),
        json!({ "desired_count": 0 }),
        // Of a container's own health check, or of none.
        json!({ "health_check_grace_period_seconds": 30 }),
        json!({ "launch_type": "EC2", "capacity_provider_strategy": [] }),
    ] {
        assert_eq!(with(more), Vec::<String>::new());
    }
    for (more, said) in [
        (
            json!({ "cluster": "main" }),
            "cluster: `main` is no ARN with `:cluster/`, as `${ecs.cluster.main.arn}` is",
        ),
        (
            json!({ "task_definition": "app:1" }),
            "task_definition: `app:1` is no ARN of a task definition with its revision, as \
                 `${ecs.task_definition.app.arn}` is",
        ),
        (
            json!({ "task_definition": "arn:aws:ecs:us-east-1:123456789012:task-definition/app" }),
            "task_definition: `arn:aws:ecs:us-east-1:123456789012:task-definition/app` is no ARN of a task \
                 definition with its revision, as `${ecs.task_definition.app.arn}` is",
        ),
        (
            json!({ "launch_type": "FARGATE" }),
            "network_configuration: is needed where `launch_type` is `FARGATE`",
        ),
        (
            json!({ "launch_type": "EC2", "capacity_provider_strategy": [{ "capacity_provider": "a" }] }),
            "capacity_provider_strategy: only one of launch_type, capacity_provider_strategy may be set",
        ),
        (
            json!({ "scheduling_strategy": "DAEMON", "desired_count": 1 }),
            "desired_count: is not for `scheduling_strategy` `DAEMON`",
        ),
        (
            json!({ "network_configuration": { "subnets": [] } }),
            "network_configuration.subnets: 0 of them: AWS takes 1 to 16",
        ),
        (
            json!({ "deployment_configuration": { "maximum_percent": 100 } }),
            "deployment_configuration.maximum_percent: 100 has to be more than `minimum_healthy_percent`, 100, or \
             no task can be replaced",
        ),
        (
            daemon(json!({ "maximum_percent": 101 })),
            "deployment_configuration.maximum_percent: is at most 100 for a `DAEMON`, of which an instance has one \
             task",
        ),
        (
            daemon(json!({ "minimum_healthy_percent": 100 })),
            "deployment_configuration.maximum_percent: 100 has to be more than `minimum_healthy_percent`, 100, or \
             no task can be replaced",
        ),
        (
            json!({ "deployment_configuration": { "deployment_circuit_breaker": { "rollback": true } } }),
            "deployment_configuration.deployment_circuit_breaker.rollback: is only for `enable` `true`, not `false`",
        ),
        (
            json!({ "launch_type": "EC2", "platform_version": "1.4.0" }),
            "platform_version: is not for `launch_type` `EC2`",
        ),
        (
            json!({ "service_registries": [{ "registry_arn": "arn:r", "port": 80, "container_port": 80, "container_name": "app" }] }),
            "service_registries[0].container_port: only one of port, container_port may be set",
        ),
    ] {
        assert_eq!(with(more), [said]);
    }
}

#[test]
fn a_service_fits_its_task_definition_and_target_group() {
    let definition = json!({
        "network_mode": "awsvpc", "requires_compatibilities": ["EC2"],
        "container_definitions": [{ "name": "app", "port_mappings": [{ "container_port": 80 }] }],
    });
    let found = |name: &str, port: i64, group: &str, network: bool| {
        let mut service = table(json!({ "launch_type": "FARGATE" }));
        let mut balancer = table(json!({ "container_name": name, "container_port": port }));
        balancer.insert("target_group_arn".into(), reference("elbv2.target_group.app.arn"));
        service.insert("load_balancers".into(), Value::List(vec![Value::Map(balancer)]));
        service.insert("task_definition".into(), reference("ecs.task_definition.app.arn"));
        if network {
            let network = table(json!({ "subnets": ["subnet-1"] }));
            service.insert("network_configuration".into(), Value::Map(network));
        }
        let stack = Stack::from([
            ("ecs.service.app".parse().unwrap(), service),
            (
                "ecs.task_definition.app".parse().unwrap(),
                table(definition.clone()),
            ),
            (
                "elbv2.target_group.app".parse().unwrap(),
                table(json!({ "target_type": group })),
            ),
        ]);
        let found = Service::validate_together(&stack);
        let found = found.into_iter().map(|(_, problem)| problem.path.to_string());
        found.collect::<Vec<_>>()
    };
    assert_eq!(found("app", 80, "ip", true), ["launch_type"]);
    assert_eq!(
        found("app", 81, "instance", false),
        [
            "network_configuration",
            "launch_type",
            "load_balancers[0].target_group_arn",
            "load_balancers[0].container_port",
        ]
    );
    assert_eq!(
        found("web", 80, "ip", true),
        ["launch_type", "load_balancers[0].container_name"]
    );
}

#[test]
fn a_launch_type_is_changed_by_way_of_capacity_providers_only() {
    let spec = |more: Json| {
        let mut all = json!({ "cluster": CLUSTER, "service_name": "app", "task_definition": DEFINITION });
        let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
            unreachable!()
        };
        all_of.extend(more);
        serde_json::from_value::<Service>(all).unwrap()
    };
    let on_fargate = table(json!({ "launch_type": "FARGATE" }));
    let spot = spec(json!({ "capacity_provider_strategy": [{ "capacity_provider": "FARGATE_SPOT" }] }));
    assert_eq!(launch_change(&spot, &on_fargate).unwrap().len(), 1);
    let back = spec(json!({ "launch_type": "FARGATE" }));
    assert_eq!(launch_change(&back, &Attributes::new()).unwrap(), []);
    let other = spec(json!({ "launch_type": "EC2" }));
    assert!(
        launch_change(&other, &on_fargate)
            .unwrap_err()
            .message
            .contains("in place")
    );
}
