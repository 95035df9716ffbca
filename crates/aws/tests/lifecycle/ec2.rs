//! Networks.

use infra_core::{ErrorClass, PhysicalId, Value};
use serde_json::{Value as Json, json};

use super::harness::{Cloud, attributes, tests};

tests! {
    vpc,
    subnet,
    internet_gateway,
    eip,
    nat_gateway,
    route_table,
    route,
    route_table_association,
    security_group,
    default_egress_leaves_a_declared_way_out_alone,
    security_group_rule,
    gateway_vpc_endpoint,
    interface_vpc_endpoint,
}

/// A VPC for one test, and its id.
async fn vpc_for(cloud: &Cloud, test: &str) -> Json {
    let wanted = json!({ "cidr_block": "10.90.0.0/16", "enable_dns_hostnames": true });
    made(cloud, "ec2.vpc", test, wanted).await
}

/// A resource that others need, and its id.
async fn made(cloud: &Cloud, type_name: &str, test: &str, wanted: Json) -> Json {
    let token = format!("{test}-{type_name}");
    let (id, _) = cloud.create(type_name, &token, &attributes(wanted)).await;
    json!(id.as_str())
}

async fn vpc(cloud: Cloud) {
    let wanted = json!({
        "cidr_block": "10.90.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true,
        "tags": { "Name": "main", "team": "a" },
    });
    let edit = json!({ "enable_dns_hostnames": false, "tags": { "Name": "other" } });
    cloud.lives("ec2.vpc", attributes(wanted), attributes(edit)).await;
}

async fn subnet(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "subnet").await;
    // The emulator has no host name options of subnets.
    let wanted = json!({
        "vpc_id": vpc, "cidr_block": "10.90.1.0/24", "availability_zone": "us-east-1a",
        "map_public_ip_on_launch": true, "tags": { "Name": "a" },
    });
    let edit = json!({ "map_public_ip_on_launch": false, "tags": { "Name": "b" } });
    cloud
        .lives("ec2.subnet", attributes(wanted.clone()), attributes(edit))
        .await;

    let there = made(&cloud, "ec2.subnet", "taken", wanted.clone()).await;
    let again = cloud.call("ec2.subnet", "again");
    let error = cloud
        .provider("ec2.subnet")
        .create(&again, &attributes(wanted))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::AlreadyExists, "{error}");
    let there = there.as_str().unwrap();
    let import = format!("`infra import stacks/lifecycle.toml ec2.subnet.under_test {there}`");
    assert!(error.hint.unwrap().contains(&import));
}

async fn internet_gateway(cloud: Cloud) {
    let first = vpc_for(&cloud, "igw-first").await;
    let second = vpc_for(&cloud, "igw-second").await;
    let wanted = json!({ "vpc_id": first, "tags": { "Name": "a" } });
    let edit = json!({ "vpc_id": second, "tags": {} });
    cloud
        .lives("ec2.internet_gateway", attributes(wanted), attributes(edit))
        .await;
}

async fn eip(cloud: Cloud) {
    let wanted = json!({ "domain": "vpc", "tags": { "Name": "a" } });
    let edit = json!({ "tags": { "team": "b" } });
    cloud.lives("ec2.eip", attributes(wanted), attributes(edit)).await;
}

async fn nat_gateway(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "nat").await;
    made(&cloud, "ec2.internet_gateway", "nat", json!({ "vpc_id": vpc })).await;
    let subnet = json!({ "vpc_id": vpc, "cidr_block": "10.90.0.0/24" });
    let subnet = made(&cloud, "ec2.subnet", "nat", subnet).await;
    let address = made(&cloud, "ec2.eip", "nat", json!({})).await;
    let wanted = json!({
        "subnet_id": subnet, "allocation_id": address, "connectivity_type": "public",
        "tags": { "Name": "a" },
    });
    let edit = json!({ "tags": { "Name": "b" } });
    cloud
        .lives("ec2.nat_gateway", attributes(wanted), attributes(edit))
        .await;
}

async fn route_table(cloud: Cloud) {
    let wanted = json!({ "vpc_id": vpc_for(&cloud, "table").await, "tags": { "Name": "a" } });
    let edit = json!({ "tags": { "Name": "b" } });
    cloud
        .lives("ec2.route_table", attributes(wanted), attributes(edit))
        .await;
}

async fn route(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "route").await;
    let table = made(&cloud, "ec2.route_table", "route", json!({ "vpc_id": vpc })).await;
    let gateway = made(&cloud, "ec2.internet_gateway", "route", json!({ "vpc_id": vpc })).await;
    let subnet = json!({ "vpc_id": vpc, "cidr_block": "10.90.0.0/24" });
    let subnet = made(&cloud, "ec2.subnet", "route", subnet).await;
    let nat = json!({ "subnet_id": subnet, "connectivity_type": "private" });
    let nat = made(&cloud, "ec2.nat_gateway", "route", nat).await;

    let wanted = json!({
        "route_table_id": table, "destination_cidr_block": "0.0.0.0/0", "gateway_id": gateway,
    });
    let edit = json!({ "gateway_id": null, "nat_gateway_id": nat });
    cloud
        .lives("ec2.route", attributes(wanted.clone()), attributes(edit))
        .await;

    // A route with another target is not taken for what a lost answer left, nor taken over.
    made(&cloud, "ec2.route", "taken", wanted.clone()).await;
    let mut other = attributes(wanted);
    other.remove("gateway_id");
    other.insert("nat_gateway_id".into(), Value::from(nat));
    let (provider, call) = (cloud.provider("ec2.route"), cloud.call("ec2.route", "other"));
    assert_eq!(provider.recover(&call, &other).await.unwrap(), None);
    let error = provider.create(&call, &other).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::AlreadyExists, "{error}");
}

async fn route_table_association(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "association").await;
    let subnet = json!({ "vpc_id": vpc, "cidr_block": "10.90.0.0/24" });
    let subnet = made(&cloud, "ec2.subnet", "association", subnet).await;
    let first = made(&cloud, "ec2.route_table", "first", json!({ "vpc_id": vpc })).await;
    let second = made(&cloud, "ec2.route_table", "second", json!({ "vpc_id": vpc })).await;
    let wanted = json!({ "subnet_id": subnet, "route_table_id": first });
    let edit = json!({ "route_table_id": second });
    let type_name = "ec2.route_table_association";
    // After the edit nothing is left that `recover` would take for this intent's.
    cloud
        .lives(type_name, attributes(wanted.clone()), attributes(edit))
        .await;

    made(&cloud, type_name, "taken", wanted.clone()).await;
    let holders = cloud.provider(type_name).holders(&attributes(wanted)).await;
    assert_eq!(holders.unwrap(), [PhysicalId::new(subnet.as_str().unwrap())]);
}

async fn security_group(cloud: Cloud) {
    let wanted = json!({
        "group_name": "web", "description": "What browsers reach",
        "vpc_id": vpc_for(&cloud, "group").await, "default_egress": false, "tags": { "Name": "a" },
    });
    let edit = json!({ "default_egress": true, "tags": { "Name": "b" } });
    cloud
        .lives("ec2.security_group", attributes(wanted), attributes(edit))
        .await;
}

async fn default_egress_leaves_a_declared_way_out_alone(cloud: Cloud) {
    let (group_type, rule_type) = ("ec2.security_group", "ec2.security_group_rule");
    let group = json!({
        "group_name": "out", "description": "x", "vpc_id": vpc_for(&cloud, "out").await,
    });
    let group = made(&cloud, group_type, "out", group).await;
    let rule = attributes(json!({
        "type": "egress", "security_group_id": group, "ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0",
    }));
    let call = cloud.call(rule_type, "out");
    let early = cloud.provider(rule_type).create(&call, &rule).await;
    assert_eq!(early.unwrap_err().class, ErrorClass::DependencyNotReady);

    let id = PhysicalId::new(group.as_str().unwrap());
    let update = |default_egress: bool| infra_provider::Update {
        spec: attributes(json!({
            "group_name": "out", "description": "x", "vpc_id": "vpc-0", "default_egress": default_egress,
        })),
        prior: attributes(json!({})),
        changed: ["default_egress".to_owned()].into(),
        within: [].into(),
        forced: false,
    };
    let (groups, group_call) = (cloud.provider(group_type), cloud.call(group_type, "out"));
    groups.update(&group_call, &id, update(false)).await.unwrap();
    let made = cloud.provider(rule_type).create(&call, &rule).await.unwrap();
    groups.update(&group_call, &id, update(false)).await.unwrap();
    assert!(cloud.read(rule_type, &made.id).await.is_some());
    let seen = cloud.read(group_type, &id).await.unwrap().observed;
    assert_eq!(seen["default_egress"], Value::Bool(false));
}

async fn security_group_rule(cloud: Cloud) {
    let group = json!({
        "group_name": "web", "description": "x", "vpc_id": vpc_for(&cloud, "rule").await,
    });
    let group = made(&cloud, "ec2.security_group", "rule", group).await;
    // The emulator changes ports and descriptions of a rule, but never its network.
    let wanted = json!({
        "type": "ingress", "security_group_id": group, "ip_protocol": "tcp", "from_port": 443,
        "to_port": 443, "cidr_ipv4": "203.0.113.0/24", "description": "HTTPS", "tags": { "Name": "a" },
    });
    let edit = json!({ "from_port": 8080, "to_port": 8081, "description": "test", "tags": {} });
    cloud
        .lives(
            "ec2.security_group_rule",
            attributes(wanted.clone()),
            attributes(edit),
        )
        .await;
    let from_group = json!({
        "type": "egress", "security_group_id": group, "ip_protocol": "-1",
        "referenced_security_group_id": group,
    });
    cloud
        .lives(
            "ec2.security_group_rule",
            attributes(from_group),
            attributes(json!({})),
        )
        .await;

    made(&cloud, "ec2.security_group_rule", "taken", wanted.clone()).await;
    let call = cloud.call("ec2.security_group_rule", "again");
    let provider = cloud.provider("ec2.security_group_rule");
    let error = provider.create(&call, &attributes(wanted)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::AlreadyExists, "{error}");
}

async fn gateway_vpc_endpoint(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "gateway-endpoint").await;
    let table = made(&cloud, "ec2.route_table", "endpoint", json!({ "vpc_id": vpc })).await;
    let policy = |action: &str| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*" }],
        })
    };
    let wanted = json!({
        "vpc_id": vpc, "service_name": "com.amazonaws.us-east-1.s3", "vpc_endpoint_type": "Gateway",
        "route_table_ids": [table], "policy_document": policy("s3:GetObject"), "tags": { "Name": "a" },
    });
    // The emulator does not move the routes when the route tables change, and then cannot delete the endpoint.
    let edit = json!({ "policy_document": policy("s3:*"), "tags": { "Name": "b" } });
    let type_name = "ec2.vpc_endpoint";
    cloud
        .lives(type_name, attributes(wanted.clone()), attributes(edit))
        .await;
    let (_, seen) = cloud.create(type_name, "with-list", &attributes(wanted)).await;
    assert!(seen["prefix_list_id"].as_str().unwrap().starts_with("pl-"));
}

async fn interface_vpc_endpoint(cloud: Cloud) {
    let vpc = vpc_for(&cloud, "interface-endpoint").await;
    let mut subnets = Vec::new();
    for (network, zone) in [("10.90.0.0/24", "us-east-1a"), ("10.90.1.0/24", "us-east-1b")] {
        let subnet = json!({ "vpc_id": vpc, "cidr_block": network, "availability_zone": zone });
        subnets.push(made(&cloud, "ec2.subnet", &format!("endpoint-{zone}"), subnet).await);
    }
    let group = json!({ "group_name": "endpoint", "description": "x", "vpc_id": vpc });
    let group = made(&cloud, "ec2.security_group", "endpoint", group).await;
    // The emulator loses the address type and cannot change private DNS.
    let wanted = json!({
        "vpc_id": vpc, "service_name": "com.amazonaws.us-east-1.ecr.api",
        "vpc_endpoint_type": "Interface", "subnet_ids": [subnets[0]], "security_group_ids": [group],
        "private_dns_enabled": true, "tags": { "Name": "a" },
    });
    let edit = json!({ "subnet_ids": subnets, "tags": {} });
    cloud
        .lives("ec2.vpc_endpoint", attributes(wanted), attributes(edit))
        .await;
}
