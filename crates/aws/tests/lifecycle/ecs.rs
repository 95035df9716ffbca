//! Clusters, task definitions, services and rollouts.

use std::collections::BTreeSet;

use infra_core::{Attributes, Health, PhysicalId, Value};
use infra_provider::Update;
use serde_json::json;

use super::elbv2::{Network, behind_a_listener};
use super::harness::{Cloud, attributes, tests};
use super::iam::task_role;

tests! {
    cluster_lives,
    task_definition,
    service,
    deployment;
    sandbox_only:
    a_daemon_goes_back_to_its_own_percentages,
    a_rollout_that_is_rolled_back_has_failed_until_another_one_succeeds,
}

/// A cluster.
pub async fn cluster(cloud: &Cloud, name: &str) -> PhysicalId {
    let wanted = attributes(json!({ "cluster_name": name }));
    cloud.create("ecs.cluster", name, &wanted).await.0
}

/// A task definition for Fargate.
pub fn definition(family: &str) -> Attributes {
    attributes(json!({
        "family": family, "cpu": 256, "memory": 512, "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "container_definitions": [{
            "name": "app", "image": "public.ecr.aws/nginx/nginx:stable",
            "port_mappings": [{ "container_port": 80 }],
        }],
    }))
}

async fn cluster_lives(cloud: Cloud) {
    let wanted = json!({
        "cluster_name": "lifecycle-cluster",
        "settings": [{ "name": "containerInsights", "value": "enabled" }],
        "tags": { "team": "a" },
    });
    let edit = json!({
        "settings": [{ "name": "containerInsights", "value": "disabled" }],
        "capacity_providers": ["FARGATE", "FARGATE_SPOT"],
        "default_capacity_provider_strategy": [{ "capacity_provider": "FARGATE", "weight": 1, "base": 1 }],
        "tags": { "team": "b" },
    });
    cloud
        .lives("ecs.cluster", attributes(wanted), attributes(edit))
        .await;
}

async fn task_definition(cloud: Cloud) {
    let wanted = json!({
        "family": "lifecycle-definition", "cpu": 256, "memory": 512, "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "execution_role_arn": task_role(&cloud, "lifecycle-execution").await,
        "task_role_arn": task_role(&cloud, "lifecycle-task").await,
        "runtime_platform": { "cpu_architecture": "ARM64", "operating_system_family": "LINUX" },
        "ephemeral_storage": { "size_in_gib": 30 },
        "volumes": [{ "name": "data" }, {
            "name": "shared",
            "efs_volume_configuration": { "file_system_id": "fs-0123456789abcdef0", "transit_encryption": "ENABLED" },
        }],
        "container_definitions": [
            {
                "name": "app", "image": "public.ecr.aws/nginx/nginx:stable", "cpu": 128, "memory": 256,
                "port_mappings": [{ "container_port": 80 }, { "container_port": 81, "protocol": "udp" }],
                "environment": { "B": "2", "A": "1" },
                "secrets": { "PASSWORD": "arn:aws:ssm:us-east-1:123456789012:parameter/password" },
                "mount_points": [{ "source_volume": "data", "container_path": "/data" }],
                "log_configuration": { "log_driver": "awslogs", "options": {
                    "awslogs-group": "/lifecycle", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app",
                } },
                "health_check": { "command": ["CMD-SHELL", "true"], "interval": 10 },
                "ulimits": [{ "name": "nofile", "soft_limit": 1024, "hard_limit": 2048 }],
                "linux_parameters": { "init_process_enabled": true },
                "readonly_root_filesystem": true, "stop_timeout": 60,
                "depends_on": [{ "container_name": "helper", "condition": "START" }],
            },
            { "name": "helper", "image": "public.ecr.aws/docker/library/busybox:stable", "essential": false },
        ],
        "tags": { "team": "a" },
    });
    let edit = json!({ "tags": { "team": "b" } });
    cloud
        .lives("ecs.task_definition", attributes(wanted), attributes(edit))
        .await;
}

async fn service(cloud: Cloud) {
    let network = Network::create(&cloud, 96).await;
    let (balancer, group) = behind_a_listener(&cloud, &network, "lifecycle-service").await;
    let listener = attributes(json!({
        "load_balancer_arn": balancer, "port": 80, "protocol": "HTTP",
        "default_actions": [{ "type": "forward", "target_group_arn": group }],
    }));
    cloud.create("elbv2.listener", "service", &listener).await;
    let family = definition("lifecycle-service");
    let (first, _) = cloud.create("ecs.task_definition", "service-1", &family).await;
    let (second, _) = cloud.create("ecs.task_definition", "service-2", &family).await;
    let mut wanted = attributes(json!({
        "cluster": cluster(&cloud, "lifecycle-service").await, "service_name": "app",
        "task_definition": first, "desired_count": 1, "launch_type": "FARGATE",
        "network_configuration": {
            "subnets": network.subnets, "security_groups": [network.group], "assign_public_ip": "DISABLED",
        },
        "load_balancers": [{ "target_group_arn": group, "container_name": "app", "container_port": 80 }],
        "tags": { "team": "a" },
    }));
    let mut edit = attributes(json!({
        "task_definition": second, "desired_count": 2, "tags": { "team": "b" },
    }));
    // Unchanged moto loses these on read back.
    if cloud.is_sandbox {
        wanted.extend(attributes(json!({
            "deployment_configuration": {
                "minimum_healthy_percent": 50, "maximum_percent": 150,
                "deployment_circuit_breaker": { "enable": true, "rollback": true },
            },
            "health_check_grace_period_seconds": 30, "enable_execute_command": true,
            "enable_ecs_managed_tags": true, "propagate_tags": "SERVICE",
            "availability_zone_rebalancing": "DISABLED",
        })));
        edit.extend(attributes(json!({
            "deployment_configuration": { "deployment_circuit_breaker": { "enable": true } },
            "health_check_grace_period_seconds": 60, "enable_execute_command": false,
        })));
    }
    cloud.lives("ecs.service", wanted, edit).await;
}

/// A daemon has percentages of its own, and AWS refuses those of other services. Unchanged moto takes any.
async fn a_daemon_goes_back_to_its_own_percentages(cloud: Cloud) {
    let network = Network::create(&cloud, 103).await;
    let mut family = definition("lifecycle-daemon");
    family.extend(attributes(json!({ "requires_compatibilities": ["EC2"] })));
    let (definition, _) = cloud.create("ecs.task_definition", "daemon", &family).await;
    let wanted = json!({
        "cluster": cluster(&cloud, "lifecycle-daemon").await, "service_name": "app",
        "task_definition": definition, "launch_type": "EC2", "scheduling_strategy": "DAEMON",
        "network_configuration": { "subnets": network.subnets, "security_groups": [network.group] },
        "availability_zone_rebalancing": "DISABLED",
        "deployment_configuration": { "minimum_healthy_percent": 50 },
    });
    let edit = json!({ "deployment_configuration": { "deployment_circuit_breaker": { "enable": true } } });
    cloud
        .lives("ecs.service", attributes(wanted), attributes(edit))
        .await;
}

/// A rollout is nothing at AWS that could be deleted, so its life is another one: it follows the service.
async fn deployment(cloud: Cloud) {
    let network = Network::create(&cloud, 97).await;
    network.open(&cloud).await;
    let cluster = cluster(&cloud, "lifecycle-deployment").await;
    let family = definition("lifecycle-deployment");
    let (first, _) = cloud.create("ecs.task_definition", "deployment-1", &family).await;
    let (second, _) = cloud.create("ecs.task_definition", "deployment-2", &family).await;
    let service = attributes(json!({
        "cluster": cluster, "service_name": "app", "task_definition": first, "desired_count": 1,
        "launch_type": "FARGATE",
        "network_configuration": {
            "subnets": network.subnets, "security_groups": [network.group], "assign_public_ip": "ENABLED",
        },
    }));
    let (service, _) = cloud.create("ecs.service", "deployment", &service).await;

    let rollout = |definition: &PhysicalId| {
        attributes(json!({ "cluster": cluster, "service": service, "task_definition": definition }))
    };
    let (id, observed) = cloud.create("ecs.deployment", "rollout", &rollout(&first)).await;
    assert_eq!(
        (id.as_str(), &observed["task_definition"]),
        (service.as_str(), &Value::from(first.as_str()))
    );
    let provider = cloud.provider("ecs.deployment");
    let call = cloud.call("ecs.deployment", "rollout");
    let found = async |definition: &PhysicalId| provider.recover(&call, &rollout(definition)).await;
    let (found_first, found_second) = (found(&first).await.unwrap(), found(&second).await.unwrap());
    assert_eq!((found_first, found_second), (Some(id.clone()), None));

    for forced in [false, true] {
        let update = Update {
            spec: rollout(&second),
            prior: observed.clone(),
            changed: BTreeSet::from(["task_definition".to_owned()]),
            within: BTreeSet::new(),
            forced,
        };
        provider.update(&call, &id, update).await.unwrap();
        let now = cloud.ready("ecs.deployment", &id).await;
        assert_eq!(now.observed["task_definition"], Value::from(second.as_str()));
        assert_eq!(now.health, Health::Ready);
    }
    // It is asked only after a failure, and then says what there is to say: nothing, or what the service said.
    provider.explain(&id).await;

    provider.delete(&call, &id, &observed).await.unwrap();
    cloud.delete("ecs.service", &service, &Attributes::new()).await;
    assert!(cloud.read("ecs.deployment", &id).await.is_none());
}

/// Tasks that crash: the circuit breaker trips and ECS goes back to what ran before, which leaves the service
/// stable. Unchanged moto has no tasks that could fail.
async fn a_rollout_that_is_rolled_back_has_failed_until_another_one_succeeds(cloud: Cloud) {
    let network = Network::create(&cloud, 101).await;
    network.open(&cloud).await;
    let cluster = cluster(&cloud, "lifecycle-rollback").await;
    let good = definition("lifecycle-rollback");
    let mut bad = good.clone();
    let group = attributes(json!({ "log_group_name": "/lifecycle/rollback" }));
    cloud.create("logs.log_group", "rollback", &group).await;
    bad.extend(attributes(json!({
        "execution_role_arn": task_role(&cloud, "lifecycle-rollback").await,
        "container_definitions": [{
            "name": "app", "image": "public.ecr.aws/nginx/nginx:stable",
            "environment": { "SANDBOX_EXIT_CODE": "3" },
            "log_configuration": { "log_driver": "awslogs", "options": {
                "awslogs-group": "/lifecycle/rollback", "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "app",
            } },
        }],
    })));
    let (good, _) = cloud.create("ecs.task_definition", "rollback-1", &good).await;
    let (bad, _) = cloud.create("ecs.task_definition", "rollback-2", &bad).await;
    let service = attributes(json!({
        "cluster": cluster, "service_name": "app", "task_definition": good, "desired_count": 1,
        "launch_type": "FARGATE",
        "network_configuration": {
            "subnets": network.subnets, "security_groups": [network.group], "assign_public_ip": "ENABLED",
        },
        "deployment_configuration": { "deployment_circuit_breaker": { "enable": true, "rollback": true } },
    }));
    let (service, _) = cloud.create("ecs.service", "rollback", &service).await;
    let rollout = |definition: &PhysicalId| {
        attributes(json!({ "cluster": cluster, "service": service, "task_definition": definition }))
    };
    let (id, observed) = cloud.create("ecs.deployment", "rollback", &rollout(&good)).await;
    let completed = cloud.ready("ecs.deployment", &id).await.observed;

    let provider = cloud.provider("ecs.deployment");
    let call = cloud.call("ecs.deployment", "rollback");
    let roll_out = async |definition: &PhysicalId| {
        let update = Update {
            spec: rollout(definition),
            prior: observed.clone(),
            changed: BTreeSet::from(["task_definition".to_owned()]),
            within: BTreeSet::new(),
            forced: false,
        };
        provider.update(&call, &id, update).await.unwrap();
    };
    roll_out(&bad).await;
    let found = cloud.settled("ecs.deployment", &id).await;
    let Health::Failed(reason) = &found.health else {
        panic!("{:?}", found.health)
    };
    assert!(reason.starts_with("ROLLBACK_SUCCESSFUL"), "{reason}");
    // For a later run that left the former deployment working nothing has happened: it is as it was.
    let mut rolled_back = completed.clone();
    rolled_back.insert("deployment_id".into(), Value::from("ecs-svc/1"));
    for (last, expected) in [(&completed, Health::Ready), (&rolled_back, found.health.clone())] {
        let later = cloud.later().await;
        let again = later
            .provider("ecs.deployment")
            .read_again(std::slice::from_ref(&id), &[Some(last)])
            .await;
        assert_eq!(again.unwrap()[&id].health, expected);
    }
    // AWS has the former task definition again.
    assert_eq!(found.observed["task_definition"], Value::from(good.as_str()));
    let why = provider.explain(&id).await.unwrap();
    assert!(
        why.contains("Essential container in task exited (app: exit code 3)"),
        "{why}"
    );
    assert!(why.contains("\n  container app exits with code 3"), "{why}");

    // Wanting what was gone back to needs a rollout that succeeds, or the failure would stay for ever.
    roll_out(&good).await;
    assert_eq!(
        cloud.ready("ecs.deployment", &id).await.observed["rollout_state"],
        Value::from("COMPLETED")
    );
    cloud.delete("ecs.service", &service, &Attributes::new()).await;
}
