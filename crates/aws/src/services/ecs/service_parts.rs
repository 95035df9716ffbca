//! Parts of a service, as the file says them and as AWS says them.

use std::collections::BTreeSet;

use aws_sdk_ecs::types as sdk;

use super::volumes::Switch;
use crate::errors::built;
use crate::prelude::*;

choices! {
    /// Where tasks run.
    LaunchType {
        /// On instances of the account.
        Ec2 = "EC2",
        /// On Fargate.
        Fargate = "FARGATE",
        /// On machines outside of AWS.
        External = "EXTERNAL",
    }
}

choices! {
    /// How many tasks there are.
    SchedulingStrategy {
        /// As many as wanted.
        Replica = "REPLICA",
        /// One on each instance; not on Fargate.
        Daemon = "DAEMON",
    }
}

choices! {
    /// Whose tags tasks get.
    PropagateTags {
        /// The task definition's.
        TaskDefinition = "TASK_DEFINITION",
        /// The service's.
        Service = "SERVICE",
        /// None.
        None = "NONE",
    }
}

/// The network of the tasks, for network mode `awsvpc`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html")]
pub struct NetworkConfiguration {
    /// The subnets that tasks run in.
    #[attribute(count = 1..=16)]
    pub subnets: BTreeSet<String>,
    /// Their security groups. AWS's default is that of the VPC.
    #[attribute(count = 0..=5)]
    pub security_groups: Option<BTreeSet<String>>,
    /// Whether tasks get a public address.
    #[attribute(default = "DISABLED")]
    pub assign_public_ip: Option<Switch>,
}

/// A target group that tasks are registered with.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html")]
pub struct ServiceLoadBalancer {
    /// The target group; a listener has to forward to it before the service is made.
    pub target_group_arn: String,
    /// The container.
    pub container_name: String,
    /// Its port.
    #[attribute(range = 0..=65_535)]
    pub container_port: i32,
}

/// A registry of Cloud Map that tasks are registered with.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRegistry.html")]
#[block(at_most_one(port, container_port))]
#[block(together(container_name, container_port))]
pub struct ServiceRegistry {
    /// The service of Cloud Map.
    pub registry_arn: String,
    /// The port, for an SRV record with network mode `awsvpc`.
    #[attribute(range = 0..=65_535)]
    #[attribute(nothing = 0)]
    pub port: Option<i32>,
    /// The container, for an SRV record.
    pub container_name: Option<String>,
    /// Its port, for an SRV record.
    #[attribute(range = 0..=65_535)]
    #[attribute(nothing = 0)]
    pub container_port: Option<i32>,
}

/// How a rollout goes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html")]
pub struct DeploymentConfiguration {
    /// Percent of the desired tasks that stay healthy during a rollout. AWS's default is 100, and 0 for a `DAEMON`.
    #[attribute(range = 0..=100)]
    pub minimum_healthy_percent: Option<i32>,
    /// Percent of the desired tasks that there may be during a rollout. AWS's default is 200; for a `DAEMON` it is 100,
    /// which is also the most.
    #[attribute(range = 0..=2_147_483_647)]
    pub maximum_percent: Option<i32>,
    /// What happens when tasks do not start.
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// Alarms that make a rollout fail.
    pub alarms: Option<DeploymentAlarms>,
}

/// What happens when tasks do not start.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html")]
pub struct CircuitBreaker {
    /// Whether the rollout fails then. AWS's default is false: ECS tries for ever.
    #[attribute(default = false)]
    pub enable: Option<bool>,
    /// Whether ECS then goes back to the last rollout that succeeded.
    #[attribute(default = false)]
    #[attribute(only_where("true", enable, "true"))]
    pub rollback: Option<bool>,
}

/// Alarms that make a rollout fail.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentAlarms.html")]
pub struct DeploymentAlarms {
    /// The alarms' names.
    pub alarm_names: BTreeSet<String>,
    /// Whether they are looked at.
    #[attribute(default = false)]
    pub enable: Option<bool>,
    /// Whether ECS then goes back to the last rollout that succeeded.
    #[attribute(default = false)]
    #[attribute(only_where("true", enable, "true"))]
    pub rollback: Option<bool>,
}

/// For a call.
///
/// # Errors
/// A required part is missing, which in a decoded one it never is.
pub fn network_to_sdk(network: &NetworkConfiguration) -> ProviderResult<sdk::NetworkConfiguration> {
    let vpc = sdk::AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.iter().cloned().collect()))
        .set_security_groups(network.security_groups.clone().map(Vec::from_iter))
        .set_assign_public_ip(to_aws(network.assign_public_ip.or(Some(Switch::Disabled))));
    let vpc = built(vpc.build())?;
    Ok(sdk::NetworkConfiguration::builder()
        .awsvpc_configuration(vpc)
        .build())
}

/// As AWS tells it.
pub fn network_from_sdk(network: &sdk::NetworkConfiguration) -> Option<NetworkConfiguration> {
    let vpc = network.awsvpc_configuration()?;
    let public = vpc
        .assign_public_ip()
        .and_then(|switch| switch.as_str().parse().ok());
    Some(NetworkConfiguration {
        subnets: vpc.subnets().iter().cloned().collect(),
        security_groups: Some(vpc.security_groups().iter().cloned().collect()),
        assign_public_ip: Some(public.unwrap_or(Switch::Disabled)),
    })
}

/// For a call.
pub fn load_balancers_to_sdk(all: &[ServiceLoadBalancer]) -> Vec<sdk::LoadBalancer> {
    all.iter()
        .map(|one| {
            sdk::LoadBalancer::builder()
                .target_group_arn(&one.target_group_arn)
                .container_name(&one.container_name)
                .container_port(one.container_port)
                .build()
        })
        .collect()
}

/// As AWS tells them.
pub fn load_balancers_from_sdk(all: &[sdk::LoadBalancer]) -> Vec<ServiceLoadBalancer> {
    all.iter()
        .map(|one| ServiceLoadBalancer {
            target_group_arn: one.target_group_arn().unwrap_or_default().to_owned(),
            container_name: one.container_name().unwrap_or_default().to_owned(),
            container_port: one.container_port().unwrap_or_default(),
        })
        .collect()
}

/// For a call.
pub fn registries_to_sdk(all: &[ServiceRegistry]) -> Vec<sdk::ServiceRegistry> {
    all.iter()
        .map(|one| {
            sdk::ServiceRegistry::builder()
                .registry_arn(&one.registry_arn)
                .set_port(one.port)
                .set_container_name(one.container_name.clone())
                .set_container_port(one.container_port)
                .build()
        })
        .collect()
}

/// As AWS tells them; a port of 0 is none.
pub fn registries_from_sdk(all: &[sdk::ServiceRegistry]) -> Vec<ServiceRegistry> {
    let port = |port: Option<i32>| port.filter(|port| *port != 0);
    all.iter()
        .map(|one| ServiceRegistry {
            registry_arn: one.registry_arn().unwrap_or_default().to_owned(),
            port: port(one.port()),
            container_name: one.container_name().map(str::to_owned),
            container_port: port(one.container_port()),
        })
        .collect()
}

impl SchedulingStrategy {
    /// AWS's defaults of `minimum_healthy_percent` and `maximum_percent`.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
    /// <https://github.com/aws/aws-cdk/issues/2209>
    pub const fn percents(self) -> (i32, i32) {
        match self {
            Self::Replica => (100, 200),
            Self::Daemon => (0, 100),
        }
    }
}

/// For a call: the whole configuration, with AWS's defaults for what the file does not say, so that what
/// the file no longer says goes back to them.
///
/// # Errors
/// A required part is missing, which in a decoded one it never is.
pub fn rollout_to_sdk(
    config: &DeploymentConfiguration,
    strategy: Option<SchedulingStrategy>,
) -> ProviderResult<sdk::DeploymentConfiguration> {
    let (lowest, highest) = strategy.unwrap_or(SchedulingStrategy::Replica).percents();
    let breaker = config.deployment_circuit_breaker.as_ref();
    let alarms = config.alarms.as_ref().map(|alarms| {
        sdk::DeploymentAlarms::builder()
            .set_alarm_names(Some(alarms.alarm_names.iter().cloned().collect()))
            .enable(alarms.enable.unwrap_or(false))
            .rollback(alarms.rollback.unwrap_or(false))
            .build()
    });
    Ok(sdk::DeploymentConfiguration::builder()
        .minimum_healthy_percent(config.minimum_healthy_percent.unwrap_or(lowest))
        .maximum_percent(config.maximum_percent.unwrap_or(highest))
        .deployment_circuit_breaker(
            sdk::DeploymentCircuitBreaker::builder()
                .enable(breaker.and_then(|breaker| breaker.enable).unwrap_or(false))
                .rollback(breaker.and_then(|breaker| breaker.rollback).unwrap_or(false))
                .build(),
        )
        .set_alarms(alarms.map(built).transpose()?)
        .build())
}

/// As AWS tells it.
pub fn rollout_from_sdk(config: &sdk::DeploymentConfiguration) -> DeploymentConfiguration {
    let breaker = config.deployment_circuit_breaker();
    DeploymentConfiguration {
        minimum_healthy_percent: config.minimum_healthy_percent(),
        maximum_percent: config.maximum_percent(),
        deployment_circuit_breaker: Some(CircuitBreaker {
            enable: Some(breaker.is_some_and(|breaker| breaker.enable())),
            rollback: Some(breaker.is_some_and(|breaker| breaker.rollback())),
        }),
        alarms: config.alarms().map(|alarms| DeploymentAlarms {
            alarm_names: alarms.alarm_names().iter().cloned().collect(),
            enable: Some(alarms.enable()),
            rollback: Some(alarms.rollback()),
        }),
    }
}
