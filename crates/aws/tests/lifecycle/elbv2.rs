//! Load balancers.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;
use infra_core::{ErrorClass, PhysicalId};
use infra_provider::Update;
use serde_json::json;

use super::harness::{Cloud, attributes, tests};

tests! {
    load_balancer,
    a_load_balancer_that_is_not_ours_is_neither_adopted_nor_read_with_others_that_are_gone,
    target_group,
    listener,
    a_listener_that_answers_by_itself;
    sandbox_only:
    health_checks_go_back_to_their_own_defaults,
}

/// A VPC with two subnets in two zones, and a security group.
pub struct Network {
    pub vpc: String,
    pub subnets: [String; 2],
    pub group: String,
}

impl Network {
    /// Makes one with this second number in its addresses.
    pub async fn create(cloud: &Cloud, number: u8) -> Self {
        let wanted = attributes(json!({ "cidr_block": format!("10.{number}.0.0/16") }));
        let (vpc, _) = cloud
            .create("ec2.vpc", &format!("network-{number}"), &wanted)
            .await;
        let ec2 = &cloud.clients.ec2;
        let subnet = async |zone: &str, third: u8| {
            let made = ec2
                .create_subnet()
                .vpc_id(vpc.as_str())
                .availability_zone(zone)
                .cidr_block(format!("10.{number}.{third}.0/24"))
                .send()
                .await
                .unwrap();
            made.subnet.unwrap().subnet_id.unwrap()
        };
        let group = ec2
            .create_security_group()
            .vpc_id(vpc.as_str())
            .group_name("tasks")
            .description("tasks")
            .send()
            .await
            .unwrap();
        Self {
            subnets: [subnet("us-east-1a", 1).await, subnet("us-east-1b", 2).await],
            group: group.group_id.unwrap(),
            vpc: vpc.to_string(),
        }
    }
}

impl Network {
    /// Gives it a way to the internet, from where tasks have their images.
    pub async fn open(&self, cloud: &Cloud) {
        let ec2 = &cloud.clients.ec2;
        let made = ec2.create_internet_gateway().send().await.unwrap();
        let gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
        let attach = ec2.attach_internet_gateway().internet_gateway_id(&gateway);
        attach.vpc_id(&self.vpc).send().await.unwrap();
        let of_vpc = Filter::builder().name("vpc-id").values(&self.vpc).build();
        let found = ec2.describe_route_tables().filters(of_vpc).send().await.unwrap();
        let table = found.route_tables()[0].route_table_id().unwrap();
        let route = ec2.create_route().route_table_id(table).gateway_id(&gateway);
        let route = route.destination_cidr_block("0.0.0.0/0");
        route.send().await.unwrap();
    }
}

/// A load balancer with the target group that its one listener forwards to.
pub async fn behind_a_listener(cloud: &Cloud, network: &Network, name: &str) -> (PhysicalId, PhysicalId) {
    let balancer = attributes(json!({ "name": name, "scheme": "internal", "subnets": network.subnets }));
    let (balancer, _) = cloud.create("elbv2.load_balancer", name, &balancer).await;
    let group = attributes(json!({
        "name": name, "target_type": "ip", "protocol": "HTTP", "port": 80, "vpc_id": network.vpc,
    }));
    let (group, _) = cloud.create("elbv2.target_group", name, &group).await;
    (balancer, group)
}

async fn load_balancer(cloud: Cloud) {
    let network = Network::create(&cloud, 91).await;
    let wanted = json!({
        "name": "lifecycle-balancer", "type": "application", "scheme": "internal",
        "subnets": network.subnets, "security_groups": [network.group], "ip_address_type": "ipv4",
        "idle_timeout_seconds": 65, "drop_invalid_header_fields_enabled": true, "tags": { "team": "a" },
    });
    let edit = json!({
        "idle_timeout_seconds": 30, "deletion_protection_enabled": false, "tags": { "team": "b", "more": "c" },
        "access_logs": { "enabled": false },
    });
    cloud
        .lives("elbv2.load_balancer", attributes(wanted), attributes(edit))
        .await;
}

async fn a_load_balancer_that_is_not_ours_is_neither_adopted_nor_read_with_others_that_are_gone(
    cloud: Cloud,
) {
    let network = Network::create(&cloud, 92).await;
    let wanted = attributes(json!({
        "name": "lifecycle-foreign", "scheme": "internal", "subnets": network.subnets,
    }));
    let (id, observed) = cloud.create("elbv2.load_balancer", "first", &wanted).await;
    let provider = cloud.provider("elbv2.load_balancer");
    let call = cloud.call("elbv2.load_balancer", "second");
    let error = provider.create(&call, &wanted).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::AlreadyExists);
    let import = format!("`infra import stacks/lifecycle.toml elbv2.load_balancer.under_test {id}`");
    assert!(error.hint.unwrap().contains(&import));
    assert_eq!(provider.recover(&call, &wanted).await.unwrap(), None);
    // A create that is repeated with its token finds what it made.
    let again = provider
        .create(&cloud.call("elbv2.load_balancer", "first"), &wanted)
        .await;
    assert_eq!(again.unwrap().id, id);

    let gone = PhysicalId::new(id.as_str().replace("lifecycle-foreign", "lifecycle-gone"));
    let found = provider.read(&[gone, id.clone()]).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&id]);
    cloud.delete("elbv2.load_balancer", &id, &observed).await;
}

async fn target_group(cloud: Cloud) {
    let network = Network::create(&cloud, 93).await;
    let wanted = json!({
        "name": "lifecycle-group", "target_type": "ip", "protocol": "HTTP", "port": 8080, "vpc_id": network.vpc,
        "health_check": { "path": "/health", "interval_seconds": 10, "timeout_seconds": 3, "matcher": "200-299" },
        "deregistration_delay_seconds": 30, "tags": { "team": "a" },
    });
    let edit = json!({
        "health_check": { "path": "/other", "unhealthy_threshold_count": 3 },
        "stickiness": { "enabled": true, "type": "lb_cookie", "lb_cookie_duration_seconds": 60 },
        "tags": { "more": "b" },
    });
    cloud
        .lives("elbv2.target_group", attributes(wanted), attributes(edit))
        .await;
}

/// What the file no longer says of a check goes back to AWS's default for what is checked. Unchanged moto has one for all.
async fn health_checks_go_back_to_their_own_defaults(cloud: Cloud) {
    let network = Network::create(&cloud, 102).await;
    for (name, wanted, edit) in [
        (
            "lifecycle-network",
            json!({
                "target_type": "ip", "protocol": "TCP", "port": 80, "vpc_id": network.vpc,
                "health_check": { "protocol": "HTTP", "timeout_seconds": 5, "matcher": "200" },
            }),
            json!({ "health_check": { "protocol": "HTTP" } }),
        ),
        (
            "lifecycle-lambda",
            json!({
                "target_type": "lambda",
                "health_check": { "enabled": true, "interval_seconds": 60, "timeout_seconds": 20 },
            }),
            json!({ "health_check": { "enabled": true } }),
        ),
    ] {
        let mut wanted = attributes(wanted);
        wanted.insert("name".into(), name.into());
        let of_default = {
            let mut plain = wanted.clone();
            plain.extend(attributes(edit.clone()));
            plain.insert("name".into(), format!("{name}-plain").into());
            let (plain, _) = cloud.create("elbv2.target_group", name, &plain).await;
            cloud.ready("elbv2.target_group", &plain).await.observed
        };
        let (id, observed) = cloud.create("elbv2.target_group", name, &wanted).await;
        wanted.extend(attributes(edit));
        let update = Update {
            spec: wanted,
            prior: observed.clone(),
            changed: BTreeSet::from(["health_check".to_owned()]),
            within: BTreeSet::new(),
            forced: false,
        };
        let call = cloud.call("elbv2.target_group", name);
        let provider = cloud.provider("elbv2.target_group");
        provider.update(&call, &id, update).await.unwrap();
        let now = cloud.ready("elbv2.target_group", &id).await.observed;
        assert_eq!(now["health_check"], of_default["health_check"], "{name}");
    }
}

async fn listener(cloud: Cloud) {
    let network = Network::create(&cloud, 94).await;
    let (balancer, group) = behind_a_listener(&cloud, &network, "lifecycle-listener").await;
    let other = attributes(json!({
        "name": "lifecycle-listener-2", "target_type": "ip", "protocol": "HTTP", "port": 80, "vpc_id": network.vpc,
    }));
    let (other, _) = cloud.create("elbv2.target_group", "listener-2", &other).await;
    let wanted = json!({
        "load_balancer_arn": balancer, "port": 80, "protocol": "HTTP",
        "default_actions": [{ "type": "forward", "target_group_arn": group }], "tags": { "team": "a" },
    });
    let edit = json!({
        "default_actions": [{ "type": "forward", "forward_config": { "target_groups": [
            { "target_group_arn": group, "weight": 9 }, { "target_group_arn": other, "weight": 1 },
        ] } }],
        "tags": {},
    });
    cloud
        .lives("elbv2.listener", attributes(wanted), attributes(edit))
        .await;
}

async fn a_listener_that_answers_by_itself(cloud: Cloud) {
    let network = Network::create(&cloud, 95).await;
    let (balancer, _) = behind_a_listener(&cloud, &network, "lifecycle-answer").await;
    let wanted = json!({
        "load_balancer_arn": balancer, "port": 80, "protocol": "HTTP",
        "default_actions": [{
            "type": "fixed-response",
            "fixed_response_config": { "status_code": "404", "content_type": "text/plain", "message_body": "no" },
        }],
    });
    let edit = json!({
        "port": 81,
        "default_actions": [{
            "type": "redirect",
            "redirect_config": { "protocol": "HTTPS", "port": "443", "status_code": "HTTP_301" },
        }],
    });
    cloud
        .lives("elbv2.listener", attributes(wanted), attributes(edit))
        .await;
}
