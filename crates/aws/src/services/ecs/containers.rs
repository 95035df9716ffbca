//! Containers of a task, as the file says them and as AWS says them.
//!
//! AWS fills in defaults (cpu 0, essential, protocol tcp, the host's port in network mode awsvpc) and leaves
//! others out; what is read back always has them, so that it does not matter which the file names.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;
use infra_provider::ProviderResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::incomplete;
use crate::choices::choices;

/// A container of a task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerDefinition {
    /// Its name within the task: at most 255 letters, digits, underscores and hyphens.
    pub name: String,
    /// The image, best with its digest.
    pub image: String,
    /// Where the credentials for a private registry other than ECR are.
    pub repository_credentials: Option<RepositoryCredentials>,
    /// Whether the task ends when this container does. AWS's default is true.
    #[schemars(extend("default" = true))]
    pub essential: Option<bool>,
    /// CPU units kept for it, 1024 for one vCPU. AWS's default is 0: its share of what the others leave.
    #[schemars(extend("default" = 0))]
    pub cpu: Option<i32>,
    /// Memory in MiB above which it is killed. At most the task's.
    pub memory: Option<i32>,
    /// Memory in MiB kept for it.
    pub memory_reservation: Option<i32>,
    /// The command, instead of the image's.
    pub command: Option<Vec<String>>,
    /// The entry point, instead of the image's.
    pub entry_point: Option<Vec<String>>,
    /// Environment variables by name. What is secret belongs into `secrets`.
    pub environment: Option<BTreeMap<String, String>>,
    /// Environment variables by name, each with the ARN of a secret (Secrets Manager) or parameter (Systems
    /// Manager) that its value comes from.
    pub secrets: Option<BTreeMap<String, String>>,
    /// Ports that it listens on.
    pub port_mappings: Option<Vec<PortMapping>>,
    /// Where its output goes.
    pub log_configuration: Option<LogConfiguration>,
    /// How ECS finds out whether it is healthy, from inside the container.
    pub health_check: Option<ContainerHealthCheck>,
    /// Containers that have to be in some state before this one starts.
    pub depends_on: Option<Vec<ContainerDependency>>,
    /// Volumes that it mounts.
    pub mount_points: Option<Vec<MountPoint>>,
    /// Whether its own file system cannot be written to. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub readonly_root_filesystem: Option<bool>,
    /// Whether it has the rights of root on the instance. AWS's default is false. Not on Fargate.
    #[schemars(extend("default" = false))]
    pub privileged: Option<bool>,
    /// User, and group if any, such as `1000:1000`.
    pub user: Option<String>,
    /// The folder that its command runs in.
    pub working_directory: Option<String>,
    /// Seconds to wait for what it depends on; at most 120 on Fargate.
    pub start_timeout: Option<i32>,
    /// Seconds between being asked to stop and being killed; at most 120 on Fargate. AWS's default is 30.
    pub stop_timeout: Option<i32>,
    /// Options of Linux.
    pub linux_parameters: Option<LinuxParameters>,
    /// Limits on resources.
    pub ulimits: Option<Vec<Ulimit>>,
    /// Docker labels by name.
    pub docker_labels: Option<BTreeMap<String, String>>,
    /// Makes it a log router for the others.
    pub firelens_configuration: Option<FirelensConfiguration>,
    /// Whether the image's tag is turned into a digest at the first rollout (`enabled`, AWS's default).
    #[schemars(extend("default" = "enabled"))]
    pub version_consistency: Option<VersionConsistency>,
}

/// Where credentials are.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryCredentials {
    /// The ARN of the secret with user name and password.
    pub credentials_parameter: String,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortMapping {
    /// The port that it listens on.
    pub container_port: i32,
    /// The port on the host: in network mode `awsvpc` the same, which is also AWS's default there.
    pub host_port: Option<i32>,
    /// AWS's default is `tcp`.
    #[schemars(extend("default" = "tcp"))]
    pub protocol: Option<TransportProtocol>,
    /// The name for Service Connect.
    pub name: Option<String>,
    /// What is spoken there, for Service Connect.
    pub app_protocol: Option<ApplicationProtocol>,
}

choices! {
    /// TCP or UDP.
    TransportProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

choices! {
    /// What is spoken on a port.
    ApplicationProtocol {
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/2.
        Http2 = "http2",
        /// gRPC.
        Grpc = "grpc",
    }
}

choices! {
    /// Whether a tag is turned into a digest.
    VersionConsistency {
        /// It is.
        Enabled = "enabled",
        /// It is not.
        Disabled = "disabled",
    }
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfiguration {
    /// The driver; on Fargate `awslogs`, `awsfirelens` or `splunk`.
    pub log_driver: LogDriver,
    /// The driver's options: for `awslogs` `awslogs-group`, `awslogs-region` and `awslogs-stream-prefix`.
    pub options: Option<BTreeMap<String, String>>,
    /// Options by name, each with the ARN of a secret or parameter that its value comes from.
    pub secret_options: Option<BTreeMap<String, String>>,
}

choices! {
    /// A log driver.
    LogDriver {
        /// CloudWatch Logs.
        Awslogs = "awslogs",
        /// The log router of the task.
        Awsfirelens = "awsfirelens",
        /// Fluentd.
        Fluentd = "fluentd",
        /// Graylog.
        Gelf = "gelf",
        /// The instance's journal.
        Journald = "journald",
        /// Files on the instance.
        JsonFile = "json-file",
        /// Splunk.
        Splunk = "splunk",
        /// Syslog.
        Syslog = "syslog",
    }
}

/// How ECS finds out whether a container is healthy.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerHealthCheck {
    /// `["CMD", program, …]` or `["CMD-SHELL", command]`; it is healthy when that ends with 0.
    pub command: Vec<String>,
    /// Seconds between checks, 5 to 300. AWS's default is 30.
    #[schemars(extend("default" = 30))]
    pub interval: Option<i32>,
    /// Seconds that a check may take, 2 to 120. AWS's default is 5.
    #[schemars(extend("default" = 5))]
    pub timeout: Option<i32>,
    /// Failures in a row that make it unhealthy, 1 to 10. AWS's default is 3.
    #[schemars(extend("default" = 3))]
    pub retries: Option<i32>,
    /// Seconds after the start in which failures do not count, 0 to 300. AWS's default is 0.
    #[schemars(extend("default" = 0))]
    pub start_period: Option<i32>,
}

/// What has to be before a container starts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerDependency {
    /// The other container.
    pub container_name: String,
    /// The state that it has to be in.
    pub condition: ContainerCondition,
}

choices! {
    /// A state of a container.
    ContainerCondition {
        /// It has started.
        Start = "START",
        /// It has ended.
        Complete = "COMPLETE",
        /// It has ended with 0.
        Success = "SUCCESS",
        /// Its health check passes.
        Healthy = "HEALTHY",
    }
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MountPoint {
    /// The name of the task's volume.
    pub source_volume: String,
    /// Where it appears.
    pub container_path: String,
    /// Whether it cannot be written to. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub read_only: Option<bool>,
}

/// Options of Linux.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinuxParameters {
    /// Whether an init process passes on signals and reaps children. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub init_process_enabled: Option<bool>,
    /// Rights of the kernel that are added or taken away.
    pub capabilities: Option<KernelCapabilities>,
}

/// Rights of the kernel, such as `SYS_PTRACE`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelCapabilities {
    /// Added; on Fargate `SYS_PTRACE` only.
    pub add: Option<Vec<String>>,
    /// Taken away.
    pub drop: Option<Vec<String>>,
}

/// A limit on a resource.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ulimit {
    /// Which, such as `nofile`, the only one that Fargate knows.
    pub name: String,
    /// What a process starts with.
    pub soft_limit: i32,
    /// What it may raise that to.
    pub hard_limit: i32,
}

/// A log router.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirelensConfiguration {
    /// The router.
    #[serde(rename = "type")]
    pub kind: FirelensType,
    /// Its options.
    pub options: Option<BTreeMap<String, String>>,
}

choices! {
    /// A log router's program.
    FirelensType {
        /// Fluentd.
        Fluentd = "fluentd",
        /// Fluent Bit.
        Fluentbit = "fluentbit",
    }
}

/// For RegisterTaskDefinition.
///
/// # Errors
/// A required part is missing, which in a decoded one it never is.
pub fn to_sdk(containers: &[ContainerDefinition]) -> ProviderResult<Vec<sdk::ContainerDefinition>> {
    containers.iter().map(container_to_sdk).collect()
}

fn container_to_sdk(container: &ContainerDefinition) -> ProviderResult<sdk::ContainerDefinition> {
    let c = container;
    let repository_credentials = c.repository_credentials.as_ref().map(|credentials| {
        sdk::RepositoryCredentials::builder()
            .credentials_parameter(&credentials.credentials_parameter)
            .build()
    });
    Ok(sdk::ContainerDefinition::builder()
        .name(&c.name)
        .image(&c.image)
        .set_repository_credentials(repository_credentials.transpose().map_err(incomplete)?)
        .set_essential(c.essential)
        .set_cpu(c.cpu)
        .set_memory(c.memory)
        .set_memory_reservation(c.memory_reservation)
        .set_command(c.command.clone())
        .set_entry_point(c.entry_point.clone())
        .set_environment(c.environment.as_ref().map(pairs))
        .set_secrets(c.secrets.as_ref().map(secrets).transpose()?)
        .set_port_mappings(c.port_mappings.as_deref().map(ports))
        .set_log_configuration(c.log_configuration.as_ref().map(logs).transpose()?)
        .set_health_check(c.health_check.as_ref().map(health_check).transpose()?)
        .set_depends_on(c.depends_on.as_deref().map(dependencies).transpose()?)
        .set_mount_points(c.mount_points.as_deref().map(mount_points))
        .set_readonly_root_filesystem(c.readonly_root_filesystem)
        .set_privileged(c.privileged)
        .set_user(c.user.clone())
        .set_working_directory(c.working_directory.clone())
        .set_start_timeout(c.start_timeout)
        .set_stop_timeout(c.stop_timeout)
        .set_linux_parameters(c.linux_parameters.as_ref().map(linux_parameters))
        .set_ulimits(c.ulimits.as_deref().map(ulimits).transpose()?)
        .set_docker_labels(c.docker_labels.clone().map(|labels| labels.into_iter().collect()))
        .set_firelens_configuration(c.firelens_configuration.as_ref().map(firelens).transpose()?)
        .set_version_consistency(c.version_consistency.map(|choice| choice.as_str().into()))
        .build())
}

fn pairs(environment: &BTreeMap<String, String>) -> Vec<sdk::KeyValuePair> {
    environment
        .iter()
        .map(|(name, value)| sdk::KeyValuePair::builder().name(name).value(value).build())
        .collect()
}

fn secrets(secrets: &BTreeMap<String, String>) -> ProviderResult<Vec<sdk::Secret>> {
    secrets
        .iter()
        .map(|(name, from)| {
            let secret = sdk::Secret::builder().name(name).value_from(from);
            secret.build().map_err(incomplete)
        })
        .collect()
}

fn ports(ports: &[PortMapping]) -> Vec<sdk::PortMapping> {
    ports
        .iter()
        .map(|port| {
            sdk::PortMapping::builder()
                .container_port(port.container_port)
                .set_host_port(port.host_port)
                .set_protocol(port.protocol.map(|protocol| protocol.as_str().into()))
                .set_name(port.name.clone())
                .set_app_protocol(port.app_protocol.map(|protocol| protocol.as_str().into()))
                .build()
        })
        .collect()
}

fn logs(logs: &LogConfiguration) -> ProviderResult<sdk::LogConfiguration> {
    sdk::LogConfiguration::builder()
        .log_driver(logs.log_driver.as_str().into())
        .set_options(logs.options.clone().map(|options| options.into_iter().collect()))
        .set_secret_options(logs.secret_options.as_ref().map(secrets).transpose()?)
        .build()
        .map_err(incomplete)
}

fn health_check(check: &ContainerHealthCheck) -> ProviderResult<sdk::HealthCheck> {
    sdk::HealthCheck::builder()
        .set_command(Some(check.command.clone()))
        .set_interval(check.interval)
        .set_timeout(check.timeout)
        .set_retries(check.retries)
        .set_start_period(check.start_period)
        .build()
        .map_err(incomplete)
}

fn dependencies(all: &[ContainerDependency]) -> ProviderResult<Vec<sdk::ContainerDependency>> {
    all.iter()
        .map(|one| {
            sdk::ContainerDependency::builder()
                .container_name(&one.container_name)
                .condition(one.condition.as_str().into())
                .build()
                .map_err(incomplete)
        })
        .collect()
}

fn mount_points(all: &[MountPoint]) -> Vec<sdk::MountPoint> {
    all.iter()
        .map(|one| {
            sdk::MountPoint::builder()
                .source_volume(&one.source_volume)
                .container_path(&one.container_path)
                .set_read_only(one.read_only)
                .build()
        })
        .collect()
}

fn linux_parameters(linux: &LinuxParameters) -> sdk::LinuxParameters {
    let capabilities = linux.capabilities.as_ref().map(|capabilities| {
        sdk::KernelCapabilities::builder()
            .set_add(capabilities.add.clone())
            .set_drop(capabilities.drop.clone())
            .build()
    });
    sdk::LinuxParameters::builder()
        .set_init_process_enabled(linux.init_process_enabled)
        .set_capabilities(capabilities)
        .build()
}

fn ulimits(all: &[Ulimit]) -> ProviderResult<Vec<sdk::Ulimit>> {
    all.iter()
        .map(|one| {
            sdk::Ulimit::builder()
                .name(one.name.as_str().into())
                .soft_limit(one.soft_limit)
                .hard_limit(one.hard_limit)
                .build()
                .map_err(incomplete)
        })
        .collect()
}

fn firelens(config: &FirelensConfiguration) -> ProviderResult<sdk::FirelensConfiguration> {
    sdk::FirelensConfiguration::builder()
        .r#type(config.kind.as_str().into())
        .set_options(
            config
                .options
                .clone()
                .map(|options| options.into_iter().collect()),
        )
        .build()
        .map_err(incomplete)
}

/// As AWS tells them, with AWS's defaults. `has_own_address`: in network mode `awsvpc` a port is the same on
/// the host.
pub fn from_sdk(containers: &[sdk::ContainerDefinition], has_own_address: bool) -> Vec<ContainerDefinition> {
    containers
        .iter()
        .map(|container| container_from_sdk(container, has_own_address))
        .collect()
}

fn container_from_sdk(c: &sdk::ContainerDefinition, has_own_address: bool) -> ContainerDefinition {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let ports = c.port_mappings().iter();
    ContainerDefinition {
        name: c.name().unwrap_or_default().to_owned(),
        image: c.image().unwrap_or_default().to_owned(),
        repository_credentials: c
            .repository_credentials()
            .map(|credentials| RepositoryCredentials {
                credentials_parameter: credentials.credentials_parameter().to_owned(),
            }),
        essential: Some(c.essential().unwrap_or(true)),
        cpu: Some(c.cpu()),
        memory: c.memory(),
        memory_reservation: c.memory_reservation(),
        command: Some(c.command().to_vec()),
        entry_point: Some(c.entry_point().to_vec()),
        environment: Some(
            c.environment()
                .iter()
                .filter_map(|pair| Some((pair.name.clone()?, pair.value.clone().unwrap_or_default())))
                .collect(),
        ),
        secrets: Some(secrets_from_sdk(c.secrets())),
        port_mappings: Some(ports.map(|port| port_from_sdk(port, has_own_address)).collect()),
        log_configuration: c.log_configuration().and_then(logs_from_sdk),
        health_check: c.health_check().map(|check| ContainerHealthCheck {
            command: check.command().to_vec(),
            interval: check.interval().or(Some(30)),
            timeout: check.timeout().or(Some(5)),
            retries: check.retries().or(Some(3)),
            start_period: check.start_period().or(Some(0)),
        }),
        depends_on: Some(
            c.depends_on()
                .iter()
                .filter_map(|one| {
                    Some(ContainerDependency {
                        container_name: one.container_name().to_owned(),
                        condition: one.condition().as_str().parse().ok()?,
                    })
                })
                .collect(),
        ),
        mount_points: Some(
            c.mount_points()
                .iter()
                .map(|one| MountPoint {
                    source_volume: one.source_volume().unwrap_or_default().to_owned(),
                    container_path: one.container_path().unwrap_or_default().to_owned(),
                    read_only: Some(one.read_only().unwrap_or(false)),
                })
                .collect(),
        ),
        readonly_root_filesystem: Some(c.readonly_root_filesystem().unwrap_or(false)),
        privileged: Some(c.privileged().unwrap_or(false)),
        user: text(c.user()),
        working_directory: text(c.working_directory()),
        start_timeout: c.start_timeout(),
        stop_timeout: c.stop_timeout(),
        linux_parameters: c.linux_parameters().map(|linux| LinuxParameters {
            init_process_enabled: Some(linux.init_process_enabled().unwrap_or(false)),
            capabilities: linux.capabilities().map(|capabilities| KernelCapabilities {
                add: Some(capabilities.add().to_vec()),
                drop: Some(capabilities.drop().to_vec()),
            }),
        }),
        ulimits: Some(
            c.ulimits()
                .iter()
                .map(|one| Ulimit {
                    name: one.name().as_str().to_owned(),
                    soft_limit: one.soft_limit(),
                    hard_limit: one.hard_limit(),
                })
                .collect(),
        ),
        docker_labels: Some(c.docker_labels().into_iter().flatten().map(owned).collect()),
        firelens_configuration: c.firelens_configuration().and_then(|config| {
            Some(FirelensConfiguration {
                kind: config.r#type().as_str().parse().ok()?,
                options: Some(config.options().into_iter().flatten().map(owned).collect()),
            })
        }),
        version_consistency: c
            .version_consistency()
            .map_or(Some(VersionConsistency::Enabled), |choice| {
                choice.as_str().parse().ok()
            }),
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn secrets_from_sdk(secrets: &[sdk::Secret]) -> BTreeMap<String, String> {
    secrets
        .iter()
        .map(|secret| (secret.name().to_owned(), secret.value_from().to_owned()))
        .collect()
}

fn port_from_sdk(port: &sdk::PortMapping, has_own_address: bool) -> PortMapping {
    let container_port = port.container_port().unwrap_or_default();
    let host_port = port.host_port().filter(|port| *port != 0);
    PortMapping {
        container_port,
        host_port: host_port.or_else(|| has_own_address.then_some(container_port)),
        protocol: port.protocol().map_or(Some(TransportProtocol::Tcp), |protocol| {
            protocol.as_str().parse().ok()
        }),
        name: port.name().map(str::to_owned),
        app_protocol: port
            .app_protocol()
            .and_then(|protocol| protocol.as_str().parse().ok()),
    }
}

fn logs_from_sdk(logs: &sdk::LogConfiguration) -> Option<LogConfiguration> {
    Some(LogConfiguration {
        log_driver: logs.log_driver().as_str().parse().ok()?,
        options: Some(logs.options().into_iter().flatten().map(owned).collect()),
        secret_options: Some(secrets_from_sdk(logs.secret_options())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_aws_leaves_out_is_its_default() {
        let port = sdk::PortMapping::builder().container_port(8080).build();
        let told = sdk::ContainerDefinition::builder()
            .name("app")
            .image("nginx")
            .port_mappings(port)
            .build();
        let [container] = from_sdk(&[told], true).try_into().unwrap();
        assert_eq!((container.essential, container.cpu), (Some(true), Some(0)));
        let expected = json!({ "container_port": 8080, "host_port": 8080, "protocol": "tcp" });
        let port = container.port_mappings.unwrap().remove(0);
        let told: PortMapping = serde_json::from_value(expected).unwrap();
        assert_eq!(port, told);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted: ContainerDefinition = serde_json::from_value(json!({
            "name": "app", "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:00",
            "repository_credentials": { "credentials_parameter": "arn:secret" },
            "essential": false, "cpu": 128, "memory": 256, "memory_reservation": 128,
            "command": ["serve"], "entry_point": ["/entry"],
            "environment": { "A": "1", "B": "2" }, "secrets": { "PASSWORD": "arn:secret" },
            "port_mappings": [{
                "container_port": 80, "host_port": 80, "protocol": "udp", "name": "web", "app_protocol": "http2",
            }],
            "log_configuration": {
                "log_driver": "awslogs", "options": { "awslogs-group": "app" }, "secret_options": {},
            },
            "health_check": {
                "command": ["CMD", "true"], "interval": 10, "timeout": 2, "retries": 2, "start_period": 5,
            },
            "depends_on": [{ "container_name": "log", "condition": "START" }],
            "mount_points": [{ "source_volume": "data", "container_path": "/data", "read_only": true }],
            "readonly_root_filesystem": true, "privileged": false, "user": "1000", "working_directory": "/",
            "start_timeout": 30, "stop_timeout": 60,
            "linux_parameters": {
                "init_process_enabled": true, "capabilities": { "add": ["SYS_PTRACE"], "drop": [] },
            },
            "ulimits": [{ "name": "nofile", "soft_limit": 1024, "hard_limit": 4096 }],
            "docker_labels": { "a": "b" },
            "firelens_configuration": { "type": "fluentbit", "options": { "a": "b" } },
            "version_consistency": "disabled",
        }))
        .unwrap();
        let told = to_sdk(std::slice::from_ref(&wanted)).unwrap();
        assert_eq!(from_sdk(&told, true), [wanted]);
    }
}
