//! What AWS keeps unique, holds on to or protects, at different addresses of one file: it is let go of before it is taken,
//! in one run, or said before anything is touched.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Project, Reference, Run};

pub const FILE: &str = "stacks/shop.toml";

pub const STACK: &str = r#"
[stack]
name                = "shop"
environment         = "test"
stage               = "one"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]
"#;

const NETWORK: &str = r#"
[ec2.vpc.main]
cidr_block           = "10.0.0.0/16"
enable_dns_hostnames = true

[ec2.subnet.main]
for_each          = { us-east-1a = "10.0.0.0/24", us-east-1b = "10.0.1.0/24" }
vpc_id            = "${ec2.vpc.main.id}"
availability_zone = "${each.key}"
cidr_block        = "${each.value}"
"#;

/// A stack whose file changes from one apply to the next.
pub struct Shop {
    pub project: Project,
    pub before: String,
}

impl Shop {
    /// The first version of the file, applied.
    pub fn new(common: &str, more: &str) -> Self {
        let project = Project::sandbox();
        let before = format!("{STACK}{common}");
        let shop = Self { project, before };
        shop.becomes(more);
        shop
    }

    /// The next version of the file: one apply makes it so, and leaves nothing to do.
    #[track_caller]
    pub fn becomes(&self, more: &str) -> Run {
        let applied = self.apply(more).exits(0);
        self.project.stack("diff", FILE, &[]).exits(0);
        applied
    }

    pub fn apply(&self, more: &str) -> Run {
        self.project.write(FILE, &format!("{}{more}", self.before));
        self.project.stack("apply", FILE, &["-y"])
    }

    /// The next version of the file cannot be: that is said, and nothing is touched.
    #[track_caller]
    pub fn cannot_become(&self, more: &str, said: &[&str]) {
        self.project.forget_requests();
        self.apply(more).exits(1).says(said.iter().copied());
        self.touched_nothing();
    }

    /// The next version of the file is a mistake by itself: `validate` says so, and so does whatever else reads it.
    #[track_caller]
    pub fn cannot_be(&self, more: &str, said: &[&str]) {
        let last = fs::read_to_string(self.project.root().join(FILE)).unwrap_or_else(|_| self.before.clone());
        self.project.write(FILE, &format!("{}{more}", self.before));
        self.project
            .stack("validate", FILE, &[])
            .exits(65)
            .says(said.iter().copied());
        self.project.forget_requests();
        self.apply(more).exits(65).says(said.iter().copied());
        self.touched_nothing();
        self.project.write(FILE, &last);
    }

    #[track_caller]
    pub fn touched_nothing(&self) {
        let asked = self.project.requests();
        assert_eq!(asked.mutating_total, 0, "{:?}", asked.mutating);
    }

    #[track_caller]
    pub fn ends(self) {
        self.project.stack("destroy", FILE, &["-y"]).exits(0);
        self.project.holds_nothing();
    }

    pub fn ask(&self, script: &str) -> Value {
        self.project.boto3(&json!({}), script)
    }
}

fn balancer(name: &str, more: &str) -> String {
    format!(
        r#"
[elbv2.load_balancer.{name}]
name    = "shop-{name}"
scheme  = "internal"
subnets = "${{[for subnet in ec2.subnet.main : subnet.id]}}"
{more}
"#
    )
}

fn group(name: &str, port: u16) -> String {
    format!(
        r#"
[elbv2.target_group.{name}]
name        = "shop-{name}"
target_type = "ip"
protocol    = "HTTP"
port        = {port}
vpc_id      = "${{ec2.vpc.main.id}}"
"#
    )
}

fn listener(name: &str, balancer: &str, port: u16, group: &str) -> String {
    format!(
        r#"
[elbv2.listener.{name}]
load_balancer_arn = "${{elbv2.load_balancer.{balancer}.arn}}"
port              = {port}
protocol          = "HTTP"
default_actions   = [{{ type = "forward", target_group_arn = "${{elbv2.target_group.{group}.arn}}" }}]
"#
    )
}

#[test]
fn a_destroy_that_deletion_protection_refuses_touches_nothing() {
    let rest = group("app", 8080) + &listener("http", "main", 80, "app");
    let file = |protected: bool| {
        let more = format!("deletion_protection_enabled = {protected}");
        balancer("main", &more) + &rest
    };
    let shop = Shop::new(NETWORK, &file(true));
    shop.project.forget_requests();
    shop.project
        .stack("destroy", FILE, &["-y"])
        .exits(1)
        .says(["elbv2.load_balancer.main", "deletion_protection_enabled = true"]);
    shop.touched_nothing();
    // Nor does a change that would replace it, or a file without it.
    shop.cannot_become(
        &file(true).replace("internal", "internet-facing"),
        &["would be replaced", "deletion_protection_enabled = true"],
    );
    shop.cannot_become(
        &group("app", 8080),
        &["would be deleted", "deletion_protection_enabled = true"],
    );
    shop.becomes(&file(false));
    shop.ends();
}

const CLUSTER: &str = r#"
[ecs.task_definition.app]
family                   = "shop"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]

[[ecs.task_definition.app.container_definitions]]
name          = "app"
image         = "public.ecr.aws/docker/library/busybox:stable"
port_mappings = [{ container_port = 8080 }]
"#;

#[test]
fn a_service_lets_go_of_a_capacity_provider_before_its_cluster_does() {
    let file = |providers: &str, used: &str| {
        format!(
            r#"
[ecs.cluster.main]
cluster_name       = "shop"
capacity_providers = {providers}

[ecs.service.app]
cluster                    = "${{ecs.cluster.main.arn}}"
service_name               = "shop-app"
task_definition            = "${{ecs.task_definition.app.arn}}"
desired_count              = 1
capacity_provider_strategy = [{{ capacity_provider = "{used}", weight = 1 }}]
network_configuration      = {{ subnets = "${{[for subnet in ec2.subnet.main : subnet.id]}}", assign_public_ip = "ENABLED" }}
"#
        )
    };
    let common = format!("{NETWORK}{CLUSTER}");
    let shop = Shop::new(&common, &file(r#"["FARGATE", "FARGATE_SPOT"]"#, "FARGATE_SPOT"));
    shop.cannot_become(
        &file(r#"["FARGATE"]"#, "FARGATE_SPOT"),
        &["ecs.cluster.main would lose FARGATE_SPOT", "ecs.service.app"],
    );
    shop.becomes(&file(r#"["FARGATE"]"#, "FARGATE"));
    // What comes is there before it is used.
    shop.becomes(&file(r#"["FARGATE", "FARGATE_SPOT"]"#, "FARGATE_SPOT"));
    shop.ends();
}

#[test]
fn rules_move_up_and_change_places() {
    let rules = |networks: &[&str]| -> String {
        networks
            .iter()
            .enumerate()
            .map(|(position, network)| {
                format!(
                    r#"
[ec2.security_group_rule.number{position}]
type              = "ingress"
security_group_id = "${{ec2.security_group.web.id}}"
ip_protocol       = "tcp"
from_port         = 443
to_port           = 443
cidr_ipv4         = "{network}"
"#
                )
            })
            .collect()
    };
    let group = r#"
[ec2.security_group.web]
group_name  = "shop-web"
description = "web"
vpc_id      = "${ec2.vpc.main.id}"
"#;
    let common = format!("{NETWORK}{group}");
    let shop = Shop::new(&common, &rules(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]));
    shop.becomes(&rules(&["10.2.0.0/16", "10.3.0.0/16"]));
    shop.becomes(&rules(&["10.3.0.0/16", "10.2.0.0/16"]));
    shop.becomes(&rules(&["10.4.0.0/16", "10.3.0.0/16", "10.2.0.0/16"]));
    shop.becomes(&rules(&["10.2.0.0/16", "10.4.0.0/16", "10.3.0.0/16"]));
    shop.cannot_be(
        &rules(&["10.2.0.0/16", "10.2.0.0/16"]),
        &["ec2.security_group_rule.number1", "10.2.0.0/16"],
    );
    shop.ends();
}

#[test]
fn listeners_change_ports_and_load_balancers() {
    let common = format!(
        "{NETWORK}{}{}{}{}",
        balancer("one", ""),
        balancer("two", ""),
        group("a", 8080),
        group("b", 8081)
    );
    let shop = Shop::new(
        &common,
        &(listener("x", "one", 80, "a") + &listener("y", "one", 81, "b")),
    );
    shop.becomes(&(listener("x", "one", 81, "a") + &listener("y", "one", 80, "b")));
    // A target group serves one load balancer only: the listener of another one comes when those of the first are gone.
    shop.becomes(&(listener("x", "one", 81, "a") + &listener("z", "two", 80, "b")));
    shop.becomes(&(listener("x", "one", 81, "b") + &listener("z", "two", 80, "a")));
    shop.cannot_be(
        &(listener("x", "one", 81, "b") + &listener("z", "two", 80, "b")),
        &[
            "elbv2.listener.z and elbv2.listener.x",
            "cannot exist side by side",
        ],
    );
    shop.ends();
}

#[test]
fn a_listener_makes_way_for_a_target_group_of_the_same_name() {
    let rest = balancer("main", "") + &listener("http", "main", 80, "app");
    let common = format!("{NETWORK}{rest}");
    let shop = Shop::new(&common, &group("app", 8080));
    shop.becomes(&group("app", 9090));
    let ports = shop
        .ask("result = [each['Port'] for each in client('elbv2').describe_target_groups()['TargetGroups']]");
    assert_eq!(ports, json!([9090]));
    shop.ends();
}

#[test]
fn a_network_comes_when_those_that_it_overlaps_are_gone() {
    let subnets = |all: &[(&str, &str)]| -> String {
        all.iter()
            .map(|(name, network)| {
                format!(
                    "\n[ec2.subnet.{name}]\nvpc_id = \"${{ec2.vpc.other.id}}\"\ncidr_block = \"{network}\"\n"
                )
            })
            .collect()
    };
    let vpc = "[ec2.vpc.other]\ncidr_block = \"10.1.0.0/16\"\n";
    let shop = Shop::new(
        vpc,
        &subnets(&[("a", "10.1.0.0/24"), ("b", "10.1.1.0/24"), ("c", "10.1.8.0/24")]),
    );
    shop.becomes(&subnets(&[("wide", "10.1.0.0/23"), ("c", "10.1.8.0/22")]));
    shop.becomes(&subnets(&[("wide", "10.1.8.0/22"), ("c", "10.1.0.0/23")]));
    // The parent is replaced, and its networks with it.
    let shop = Shop {
        before: shop.before.replace("10.1.", "10.2."),
        ..shop
    };
    shop.becomes(&subnets(&[("wide", "10.2.8.0/22"), ("new", "10.2.0.0/23")]));
    shop.ends();
}

#[test]
fn an_endpoint_at_another_address_takes_over_names_and_routes() {
    let endpoints = |names: &str, routes: &str| {
        format!(
            r#"
[ec2.vpc_endpoint.{names}]
vpc_id              = "${{ec2.vpc.main.id}}"
service_name        = "com.amazonaws.us-east-1.logs"
vpc_endpoint_type   = "Interface"
subnet_ids          = "${{[for subnet in ec2.subnet.main : subnet.id]}}"
private_dns_enabled = true

[ec2.vpc_endpoint.{routes}]
vpc_id            = "${{ec2.vpc.main.id}}"
service_name      = "com.amazonaws.us-east-1.s3"
vpc_endpoint_type = "Gateway"
route_table_ids   = ["${{ec2.route_table.main.id}}"]
"#
        )
    };
    let table = "[ec2.route_table.main]\nvpc_id = \"${ec2.vpc.main.id}\"\n";
    let common = format!("{NETWORK}{table}");
    let shop = Shop::new(&common, &endpoints("logs", "s3"));
    shop.becomes(&endpoints("names", "routes"));
    shop.ends();
}

#[test]
fn the_reference_stack_takes_another_port() {
    let mut reference = Reference::dev02();
    reference.apply();
    reference.set("container_port", "9090");
    reference.apply();
    reference.differs_in_nothing();
    let there = reference.project.boto3(
        &json!({}),
        "elb, ecs = client('elbv2'), client('ecs')\n\
         balancers = elb.describe_load_balancers()['LoadBalancers']\n\
         listeners = [one for each in balancers\n    \
             for one in elb.describe_listeners(LoadBalancerArn=each['LoadBalancerArn'])['Listeners']]\n\
         cluster = ecs.list_clusters()['clusterArns'][0]\n\
         services = ecs.describe_services(cluster=cluster, services=ecs.list_services(cluster=cluster)['serviceArns'])\n\
         result = [len(listeners), [each['Port'] for each in elb.describe_target_groups()['TargetGroups']],\n    \
             [[each['status'], each['loadBalancers'][0]['containerPort']] for each in services['services']]]",
    );
    assert_eq!(there, json!([1, [9090], [["ACTIVE", 9090]]]));
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
