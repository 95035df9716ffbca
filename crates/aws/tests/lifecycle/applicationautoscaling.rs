//! Scalable targets and scaling policies.

use infra_core::{Attributes, ErrorClass};
use serde_json::json;

use super::ecs::{cluster, definition};
use super::elbv2::Network;
use super::harness::{Cloud, attributes, tests};

tests! {
    scalable_target,
    scaling_policy,
    what_is_there_is_not_overwritten,
}

/// A service; returns what scalable targets call it.
async fn service(cloud: &Cloud, name: &str, number: u8) -> String {
    let network = Network::create(cloud, number).await;
    let (definition, _) = cloud.create("ecs.task_definition", name, &definition(name)).await;
    let wanted = attributes(json!({
        "cluster": cluster(cloud, name).await, "service_name": "app", "task_definition": definition,
        "launch_type": "FARGATE",
        "network_configuration": { "subnets": network.subnets, "security_groups": [network.group] },
    }));
    cloud.create("ecs.service", name, &wanted).await;
    format!("service/{name}/app")
}

fn target(resource: &str) -> Attributes {
    attributes(json!({
        "service_namespace": "ecs", "resource_id": resource, "scalable_dimension": "ecs:service:DesiredCount",
        "min_capacity": 1, "max_capacity": 3,
    }))
}

async fn scalable_target(cloud: Cloud) {
    let resource = service(&cloud, "lifecycle-target", 98).await;
    let mut wanted = target(&resource);
    let mut edit = attributes(json!({
        "max_capacity": 5, "suspended_state": { "scheduled_scaling_suspended": true },
    }));
    // Unchanged moto knows no tags of scalable targets.
    if cloud.is_sandbox {
        wanted.extend(attributes(json!({ "tags": { "team": "a", "old": "x" } })));
        edit.extend(attributes(json!({ "tags": { "team": "b" } })));
    }
    cloud
        .lives("applicationautoscaling.scalable_target", wanted, edit)
        .await;
}

async fn scaling_policy(cloud: Cloud) {
    let resource = service(&cloud, "lifecycle-policy", 99).await;
    let (_, _) = cloud
        .create(
            "applicationautoscaling.scalable_target",
            "policy",
            &target(&resource),
        )
        .await;
    let wanted = attributes(json!({
        "policy_name": "cpu", "policy_type": "TargetTrackingScaling", "service_namespace": "ecs",
        "resource_id": resource, "scalable_dimension": "ecs:service:DesiredCount",
        "target_tracking_scaling_policy_configuration": {
            "target_value": 60.0, "scale_in_cooldown": 300, "scale_out_cooldown": 60,
            "predefined_metric_specification": { "predefined_metric_type": "ECSServiceAverageCPUUtilization" },
        },
    }));
    // Unchanged moto adds a second policy instead of changing the one that is there.
    let edit = attributes(json!({
        "target_tracking_scaling_policy_configuration": {
            "target_value": 70.0, "disable_scale_in": true,
            "predefined_metric_specification": { "predefined_metric_type": "ECSServiceAverageCPUUtilization" },
        },
    }));
    let edit = if cloud.is_sandbox { edit } else { Attributes::new() };
    cloud
        .lives("applicationautoscaling.scaling_policy", wanted, edit)
        .await;
}

async fn what_is_there_is_not_overwritten(cloud: Cloud) {
    let resource = service(&cloud, "lifecycle-foreign", 100).await;
    let wanted = target(&resource);
    cloud
        .create("applicationautoscaling.scalable_target", "first", &wanted)
        .await;
    let provider = cloud.provider("applicationautoscaling.scalable_target");
    let call = cloud.call("applicationautoscaling.scalable_target", "second");
    let error = provider.create(&call, &wanted).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::AlreadyExists);
}
