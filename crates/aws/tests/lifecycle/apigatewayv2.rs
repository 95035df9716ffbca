//! HTTP APIs, their VPC links and domain names.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerSchemeEnum, ProtocolEnum, RedirectActionConfig,
    RedirectActionStatusCodeEnum,
};
use infra_core::{Attributes, ErrorClass, PhysicalId};
use serde_json::json;

use super::harness::{Cloud, attributes, pause, tests};

tests! {
    an_api,
    many_apis_are_read_together,
    vpc_link,
    integration,
    route,
    stage,
    domain_name_and_api_mapping,
}

/// A network with a load balancer for private integrations.
struct Network {
    subnets: Vec<String>,
    group: String,
    listener: String,
}

impl Network {
    /// Another one in each run, since an emulator may outlive a run that failed.
    async fn make(cloud: &Cloud, name: &str) -> Self {
        let name = &format!("{name}-{}", std::process::id());
        let ec2 = &cloud.clients.ec2;
        let vpc = ec2.create_vpc().cidr_block("10.91.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        let mut subnets = Vec::new();
        for (zone, block) in [("us-east-1a", "10.91.1.0/24"), ("us-east-1b", "10.91.2.0/24")] {
            let subnet = ec2
                .create_subnet()
                .vpc_id(&vpc)
                .cidr_block(block)
                .availability_zone(zone);
            let subnet = subnet.send().await.unwrap().subnet.unwrap();
            subnets.push(subnet.subnet_id.unwrap());
        }
        let group = ec2
            .create_security_group()
            .vpc_id(&vpc)
            .group_name(name)
            .description("of a test");
        let group = group.send().await.unwrap().group_id.unwrap();
        let elbv2 = &cloud.clients.elbv2;
        let balancer = elbv2
            .create_load_balancer()
            .name(name)
            .scheme(LoadBalancerSchemeEnum::Internal)
            .set_subnets(Some(subnets.clone()))
            .security_groups(&group)
            .send()
            .await
            .unwrap();
        let balancer = balancer.load_balancers()[0].load_balancer_arn().unwrap();
        let redirect = RedirectActionConfig::builder()
            .status_code(RedirectActionStatusCodeEnum::Http302)
            .host("example.com")
            .build();
        let action = Action::builder()
            .r#type(ActionTypeEnum::Redirect)
            .redirect_config(redirect)
            .build();
        let listener = elbv2
            .create_listener()
            .load_balancer_arn(balancer)
            .protocol(ProtocolEnum::Http)
            .port(80)
            .default_actions(action)
            .send()
            .await
            .unwrap();
        Self {
            subnets,
            group,
            listener: listener.listeners()[0].listener_arn().unwrap().to_owned(),
        }
    }
}

async fn api(cloud: &Cloud, name: &str) -> (PhysicalId, Attributes) {
    let wanted = attributes(json!({ "name": name, "protocol_type": "HTTP" }));
    cloud.create("apigatewayv2.api", name, &wanted).await
}

async fn an_api(cloud: Cloud) {
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

async fn many_apis_are_read_together(cloud: Cloud) {
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

async fn vpc_link(cloud: Cloud) {
    let network = Network::make(&cloud, "linked").await;
    let wanted = json!({
        "name": "lifecycle", "subnet_ids": network.subnets, "security_group_ids": [network.group],
        "tags": { "team": "a", "old": "b" },
    });
    let edit = json!({ "name": "lifecycle-2", "tags": { "team": "b" } });
    cloud
        .lives("apigatewayv2.vpc_link", attributes(wanted), attributes(edit))
        .await;
}

async fn integration(cloud: Cloud) {
    let network = Network::make(&cloud, "integrated").await;
    let link = attributes(json!({ "name": "integrated", "subnet_ids": network.subnets }));
    let (link_id, link_last) = cloud.create("apigatewayv2.vpc_link", "integrated", &link).await;
    let (api_id, api_last) = api(&cloud, "integrated").await;
    let wanted = json!({
        "api_id": api_id.as_str(), "integration_type": "HTTP_PROXY", "integration_method": "ANY",
        "integration_uri": network.listener, "connection_type": "VPC_LINK",
        "connection_id": link_id.as_str(), "payload_format_version": "1.0",
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

    if cloud.is_sandbox {
        for (kind, id, last) in [
            ("apigatewayv2.integration", &used, &used_last),
            ("apigatewayv2.vpc_link", &link_id, &link_last),
        ] {
            let refused = cloud.provider(kind).delete(&call, id, last).await.unwrap_err();
            assert_eq!(refused.class, ErrorClass::DependencyViolation, "{refused}");
        }
    }
    cloud.delete("apigatewayv2.route", &route_id, &route_last).await;
    cloud.delete("apigatewayv2.integration", &used, &used_last).await;
    cloud.delete("apigatewayv2.integration", &lost, &lost_last).await;
    cloud.delete("apigatewayv2.vpc_link", &link_id, &link_last).await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}

async fn route(cloud: Cloud) {
    let (api_id, api_last) = api(&cloud, "routed").await;
    let mut targets = Vec::new();
    for uri in ["https://example.com/one", "https://example.com/two"] {
        let integration = attributes(json!({
            "api_id": api_id.as_str(), "integration_type": "HTTP_PROXY", "integration_method": "ANY",
            "integration_uri": uri,
        }));
        let (id, _) = cloud.create("apigatewayv2.integration", uri, &integration).await;
        let [_, id] = id.parts().unwrap();
        targets.push(format!("integrations/{id}"));
    }
    let wanted = json!({
        "api_id": api_id.as_str(), "route_key": "ANY /{proxy+}", "target": targets[0],
        "operation_name": "everything",
    });
    let edit = json!({ "route_key": "GET /pets/{id}", "target": targets[1] });
    cloud
        .lives("apigatewayv2.route", attributes(wanted.clone()), attributes(edit))
        .await;

    let provider = cloud.provider("apigatewayv2.route");
    let missing = PhysicalId::composite([api_id.as_str(), "missing"]);
    let (id, last) = cloud
        .create("apigatewayv2.route", "again", &attributes(wanted.clone()))
        .await;
    if cloud.is_sandbox {
        let call = cloud.call("apigatewayv2.route", "twice");
        let taken = provider.create(&call, &attributes(wanted)).await.unwrap_err();
        assert_eq!(taken.class, ErrorClass::AlreadyExists, "{taken}");
    }
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

/// Plain moto answers UpdateStage with 500 and knows no tags of stages after their creation.
async fn stage(cloud: Cloud) {
    let (api_id, api_last) = api(&cloud, "staged").await;
    // Settings are for routes that exist.
    for key in ["GET /pets", "GET /cats"] {
        let route = attributes(json!({ "api_id": api_id.as_str(), "route_key": key }));
        cloud.create("apigatewayv2.route", key, &route).await;
    }
    let wanted = json!({
        "api_id": api_id.as_str(), "stage_name": "$default", "auto_deploy": true, "description": "of a test",
        "access_log_settings": {
            "destination_arn": "arn:aws:logs:us-east-1:123456789012:log-group:/lifecycle:*",
            "format": "$context.requestId $context.status",
        },
        "default_route_settings": { "throttling_burst_limit": 100, "throttling_rate_limit": 50.5 },
        "route_settings": { "GET /pets": { "throttling_burst_limit": 10 } },
        "stage_variables": { "color": "blue" }, "tags": { "team": "a" },
    });
    let edit = if cloud.is_sandbox {
        json!({
            "auto_deploy": false, "description": "of the same test", "access_log_settings": null,
            "default_route_settings": { "throttling_burst_limit": 200, "throttling_rate_limit": 50.5 },
            "route_settings": { "GET /cats": { "throttling_burst_limit": 20 } },
            "stage_variables": { "shape": "round" }, "tags": { "team": "b", "new": "c" },
        })
    } else {
        json!({})
    };
    cloud
        .lives("apigatewayv2.stage", attributes(wanted), attributes(edit))
        .await;
    cloud.delete("apigatewayv2.api", &api_id, &api_last).await;
}

/// Waits until a certificate can be used.
async fn issued(cloud: &Cloud, arn: &str) {
    for _ in 0..300 {
        let request = cloud.clients.acm.describe_certificate().certificate_arn(arn);
        let found = request.send().await.unwrap().certificate.unwrap();
        if found.status.is_some_and(|status| status.as_str() == "ISSUED") {
            return;
        }
        pause().await;
    }
    panic!("{arn} was not issued");
}

/// Plain moto answers UpdateDomainName and UpdateApiMapping with 500.
async fn domain_name_and_api_mapping(cloud: Cloud) {
    let request = cloud
        .clients
        .acm
        .request_certificate()
        .domain_name("*.example.com");
    let requested = request.send().await.unwrap();
    let certificate = requested.certificate_arn.unwrap();
    // Unchanged moto takes a minute over that, and does not ask.
    if cloud.is_sandbox {
        issued(&cloud, &certificate).await;
    }
    let domain = |name: &str| {
        attributes(json!({
            "domain_name": name, "certificate_arn": certificate, "endpoint_type": "REGIONAL",
            "security_policy": "TLS_1_2", "tags": { "team": "a" },
        }))
    };
    let edit_if_possible = |edit: serde_json::Value| {
        if cloud.is_sandbox {
            attributes(edit)
        } else {
            Attributes::new()
        }
    };
    let edit = edit_if_possible(json!({ "ip_address_type": "dualstack", "tags": { "new": "c" } }));
    cloud
        .lives("apigatewayv2.domain_name", domain("life.example.com"), edit)
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
