//! HTTP APIs, their VPC links and domain names.

use infra_core::{Attributes, PhysicalId};
use serde_json::json;

use super::harness::{Cloud, attributes};

async fn api(cloud: &Cloud, name: &str) -> (PhysicalId, Attributes) {
    let wanted = attributes(json!({ "name": name, "protocol_type": "HTTP" }));
    cloud.create("apigatewayv2.api", name, &wanted).await
}

#[tokio::test]
async fn an_api() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let wanted = json!({
        "name": "lifecycle", "protocol_type": "HTTP", "description": "of a test",
        "disable_execute_api_endpoint": true,
        "cors_configuration": {
            "allow_origins": ["https://example.com"], "allow_methods": ["GET", "POST"],
            "allow_headers": ["content-type"], "max_age": 300,
        },
        "tags": { "team": "a", "old": "b" },
    });
    let edit = json!({
        "name": "lifecycle-2", "description": "of the same test", "disable_execute_api_endpoint": false,
        "cors_configuration": null, "tags": { "team": "b" },
    });
    cloud
        .lives("apigatewayv2.api", attributes(wanted), attributes(edit))
        .await;
}

#[tokio::test]
async fn many_apis_are_read_together() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let (id, last) = api(&cloud, "one-of-many").await;
    let mut ids: Vec<PhysicalId> = (0..4)
        .map(|number| PhysicalId::new(format!("missing{number}")))
        .collect();
    ids.push(id.clone());
    let found = cloud.provider("apigatewayv2.api").read(&ids).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&id]);
    assert_eq!(found[&id].observed, last);
    cloud.delete("apigatewayv2.api", &id, &last).await;
}

#[tokio::test]
async fn vpc_link() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let wanted = json!({
        "name": "lifecycle", "subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"],
        "tags": { "team": "a", "old": "b" },
    });
    let edit = json!({ "name": "lifecycle-2", "tags": { "team": "b" } });
    cloud
        .lives("apigatewayv2.vpc_link", attributes(wanted), attributes(edit))
        .await;
}

#[tokio::test]
async fn integration() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let (api_id, api_last) = api(&cloud, "integrated").await;
    let wanted = json!({
        "api_id": api_id.as_str(), "integration_type": "HTTP_PROXY", "integration_method": "ANY",
        "integration_uri": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/1/2",
        "connection_type": "VPC_LINK", "connection_id": "link", "payload_format_version": "1.0",
        "timeout_in_millis": 20_000, "request_parameters": { "overwrite:path": "$request.path" },
        "tls_config": { "server_name_to_verify": "example.com" }, "description": "of a test",
    });
    // The emulator keeps parameters that were removed, where AWS removes those that are sent empty.
    let edit = json!({
        "timeout_in_millis": 10_000, "description": "of the same test",
        "request_parameters": { "overwrite:path": "/x", "append:header.a": "b" },
    });
    cloud
        .lives(
            "apigatewayv2.integration",
            attributes(wanted.clone()),
            attributes(edit),
        )
        .await;

    // Of two equal ones the one that no route uses is what a lost create left.
    let wanted = attributes(wanted);
    let (used, used_last) = cloud.create("apigatewayv2.integration", "a", &wanted).await;
    let [_, used_id] = used.parts().unwrap();
    let route = attributes(json!({
        "api_id": api_id.as_str(), "route_key": "$default", "target": format!("integrations/{used_id}"),
    }));
    let (route_id, route_last) = cloud.create("apigatewayv2.route", "a", &route).await;
    let (lost, lost_last) = cloud.create("apigatewayv2.integration", "b", &wanted).await;
    let provider = cloud.provider("apigatewayv2.integration");
    let call = cloud.call("apigatewayv2.integration", "b");
    assert_eq!(
        provider.recover(&call, &wanted).await.unwrap().as_ref(),
        Some(&lost)
    );
    let found = provider.read(&[used.clone(), lost.clone()]).await.unwrap();
    assert_eq!(found.len(), 2);

    cloud.delete("apigatewayv2.route", &route_id, &route_last).await;
    cloud.delete("apigatewayv2.integration", &used, &used_last).await;
    cloud.delete("apigatewayv2.integration", &lost, &lost_last).await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}

#[tokio::test]
async fn route() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let (api_id, api_last) = api(&cloud, "routed").await;
    let wanted = json!({
        "api_id": api_id.as_str(), "route_key": "ANY /{proxy+}", "target": "integrations/one",
        "operation_name": "everything",
    });
    let edit = json!({ "route_key": "GET /pets/{id}", "target": "integrations/two" });
    cloud
        .lives("apigatewayv2.route", attributes(wanted.clone()), attributes(edit))
        .await;

    let provider = cloud.provider("apigatewayv2.route");
    let missing = PhysicalId::composite([api_id.as_str(), "missing"]);
    let (id, last) = cloud
        .create("apigatewayv2.route", "again", &attributes(wanted))
        .await;
    let gone = PhysicalId::composite(["gone", "a"]);
    let gone_too = PhysicalId::composite(["gone", "b"]);
    let found = provider
        .read(&[id.clone(), missing, gone, gone_too])
        .await
        .unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&id]);
    assert!(provider.read(&[PhysicalId::new("no-composite")]).await.is_err());
    cloud.delete("apigatewayv2.route", &id, &last).await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}

/// Changes of stages are no part of it: the emulator answers UpdateStage with 500 and knows no tags of stages
/// after their creation.
#[tokio::test]
async fn stage() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let (api_id, api_last) = api(&cloud, "staged").await;
    let wanted = json!({
        "api_id": api_id.as_str(), "stage_name": "$default", "auto_deploy": true, "description": "of a test",
        "access_log_settings": {
            "destination_arn": "arn:aws:logs:us-east-1:123456789012:log-group:/lifecycle",
            "format": "$context.requestId $context.status",
        },
        "default_route_settings": { "throttling_burst_limit": 100, "throttling_rate_limit": 50.5 },
        "route_settings": { "GET /pets": { "throttling_burst_limit": 10 } },
        "stage_variables": { "color": "blue" }, "tags": { "team": "a" },
    });
    cloud
        .lives("apigatewayv2.stage", attributes(wanted), Attributes::new())
        .await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}

/// The emulator answers UpdateDomainName and UpdateApiMapping with 500, so nothing is changed here.
#[tokio::test]
async fn domain_name_and_api_mapping() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555";
    let domain = |name: &str| {
        attributes(json!({
            "domain_name": name, "certificate_arn": certificate, "endpoint_type": "REGIONAL",
            "security_policy": "TLS_1_2", "tags": { "team": "a" },
        }))
    };
    cloud
        .lives(
            "apigatewayv2.domain_name",
            domain("life.example.com"),
            Attributes::new(),
        )
        .await;

    let elsewhere = attributes(json!({
        "domain_name": "far.example.com",
        "certificate_arn": certificate.replace("us-east-1", "eu-west-1"),
    }));
    let call = cloud.call("apigatewayv2.domain_name", "far");
    let provider = cloud.provider("apigatewayv2.domain_name");
    let refused = provider.create(&call, &elsewhere).await.unwrap_err();
    assert!(refused.message.contains("is in eu-west-1"), "{refused}");

    let (api_id, api_last) = api(&cloud, "mapped").await;
    let stage = attributes(json!({ "api_id": api_id.as_str(), "stage_name": "dev" }));
    let (stage_id, stage_last) = cloud.create("apigatewayv2.stage", "mapped", &stage).await;
    let wanted = domain("api.example.com");
    let (domain_id, domain_last) = cloud.create("apigatewayv2.domain_name", "mapped", &wanted).await;
    let mapping = json!({
        "api_id": api_id.as_str(), "domain_name": domain_id.as_str(), "stage": "dev",
        "api_mapping_key": "v1",
    });
    cloud
        .lives("apigatewayv2.api_mapping", attributes(mapping), Attributes::new())
        .await;
    cloud
        .delete("apigatewayv2.domain_name", &domain_id, &domain_last)
        .await;
    cloud.delete("apigatewayv2.stage", &stage_id, &stage_last).await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}
