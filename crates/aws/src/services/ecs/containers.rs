//! Containers of a task, as the file says them and as AWS says them.
//!
//! AWS fills in defaults (cpu 0, essential, protocol tcp, the host's port in network mode awsvpc) and leaves others
//! out; what is read back always has them, so that it does not matter which the file names.

use std::collections::BTreeMap;

use crate::prelude::*;

/// A container of a task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html")]
#[block(distinct_keys(environment, secrets))]
pub struct ContainerDefinition {
    /// Its name within the task.
    #[attribute(length = 1..=255, alphabet("A-Za-z0-9_-", "letters, digits, underscores and hyphens"))]
    pub name: String,
    /// The image, best with its digest.
    pub image: String,
    /// Where the credentials for a private registry other than ECR are.
    pub repository_credentials: Option<RepositoryCredentials>,
    /// Whether the task ends when this container does.
    #[attribute(default = true)]
    pub essential: Option<bool>,
    /// CPU units kept for it, 1024 for one vCPU. AWS's default is 0: its share of what the others leave.
    #[attribute(default = 0)]
    pub cpu: Option<i32>,
    /// Memory in MiB above which it is killed. At most the task's.
    #[attribute(range = 6..=2_147_483_647)]
    pub memory: Option<i32>,
    /// Memory in MiB kept for it.
    #[attribute(range = 6..=2_147_483_647)]
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
    #[attribute(set)]
    pub port_mappings: Option<Vec<PortMapping>>,
    /// Where its output goes.
    pub log_configuration: Option<LogConfiguration>,
    /// How ECS finds out whether it is healthy, from inside the container.
    pub health_check: Option<ContainerHealthCheck>,
    /// Containers that have to be in some state before this one starts.
    #[attribute(key = "container_name")]
    pub depends_on: Option<Vec<ContainerDependency>>,
    /// Volumes that it mounts.
    #[attribute(set)]
    pub mount_points: Option<Vec<MountPoint>>,
    /// Whether its own file system cannot be written to.
    #[attribute(default = false)]
    pub readonly_root_filesystem: Option<bool>,
    /// Whether it has the rights of root on the instance. Not on Fargate.
    #[attribute(default = false)]
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
    #[attribute(key = "name")]
    pub ulimits: Option<Vec<Ulimit>>,
    /// Docker labels by name.
    pub docker_labels: Option<BTreeMap<String, String>>,
    /// Makes it a log router for the others.
    pub firelens_configuration: Option<FirelensConfiguration>,
    /// Whether the image's tag is turned into a digest at the first rollout (`enabled`, AWS's default).
    #[attribute(default = "enabled")]
    pub version_consistency: Option<VersionConsistency>,
}

/// Where credentials are.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html")]
pub struct RepositoryCredentials {
    /// The ARN of the secret with user name and password.
    pub credentials_parameter: String,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html")]
pub struct PortMapping {
    /// The port that it listens on.
    #[attribute(range = 1..=65_535)]
    pub container_port: i32,
    /// The port on the host: in network mode `awsvpc` the same, which is also AWS's default there.
    #[attribute(nothing = 0)]
    pub host_port: Option<i32>,
    /// AWS's default is `tcp`.
    #[attribute(default = "tcp")]
    pub protocol: Option<TransportProtocol>,
    /// The name for Service Connect.
    #[attribute(length = 1..=64, alphabet("a-z0-9_-", "lower-case letters, digits, `_` and hyphens"))]
    #[attribute(except("^-", "starts with a hyphen"))]
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html")]
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html")]
pub struct ContainerHealthCheck {
    /// `["CMD", program, …]` or `["CMD-SHELL", command]`; it is healthy when that ends with 0.
    pub command: Vec<String>,
    /// Seconds between checks.
    #[attribute(default = 30, range = 5..=300)]
    pub interval: Option<i32>,
    /// Seconds that a check may take.
    #[attribute(default = 5, range = 2..=60)]
    pub timeout: Option<i32>,
    /// Failures in a row that make it unhealthy.
    #[attribute(default = 3, range = 1..=10)]
    pub retries: Option<i32>,
    /// Seconds after the start in which failures do not count.
    #[attribute(default = 0, range = 0..=300)]
    pub start_period: Option<i32>,
}

/// What has to be before a container starts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html")]
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_MountPoint.html")]
pub struct MountPoint {
    /// The name of the task's volume.
    pub source_volume: String,
    /// Where it appears.
    pub container_path: String,
    /// Whether it cannot be written to.
    #[attribute(default = false)]
    pub read_only: Option<bool>,
}

/// Options of Linux.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinuxParameters.html")]
pub struct LinuxParameters {
    /// Whether an init process passes on signals and reaps children.
    #[attribute(default = false)]
    pub init_process_enabled: Option<bool>,
    /// Rights of the kernel that are added or taken away.
    pub capabilities: Option<KernelCapabilities>,
}

/// Rights of the kernel, such as `SYS_PTRACE`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html")]
pub struct KernelCapabilities {
    /// Added; on Fargate `SYS_PTRACE` only.
    #[attribute(set)]
    pub add: Option<Vec<String>>,
    /// Taken away.
    #[attribute(set)]
    pub drop: Option<Vec<String>>,
}

/// A limit on a resource.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Ulimit.html")]
pub struct Ulimit {
    /// Which, such as `nofile`, the only one that Fargate knows.
    pub name: String,
    /// What a process starts with.
    pub soft_limit: i32,
    /// What it may raise that to.
    pub hard_limit: i32,
}

/// A log router.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_FirelensConfiguration.html")]
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
