//! `ecs.task_definition`: one revision of what a task is made of.
//!
//! Calls: RegisterTaskDefinition, DescribeTaskDefinition (one each), ListTaskDefinitions, TagResource,
//! UntagResource, DeregisterTaskDefinition. A revision never changes: any change but that of tags registers
//! another one, and the old one is deregistered once nothing refers to it. Deregistered revisions stay as
//! `INACTIVE` for ever: that is absent.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use std::collections::BTreeSet;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, SortOrder, TaskDefinitionField, TaskDefinitionStatus};
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass, PhysicalId};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::check_name;
use super::common::{all_tags, for_create, update_tags};
use super::container_conversions as containers;
use super::containers::ContainerDefinition;
use super::fargate;
use super::volumes::{self, Volume};
use crate::catalogue::FromClients;
use crate::choices::choices;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::ownership::made_by;
use crate::read::{Observations, in_batches};
use crate::tags::{Tags, without_reserved};

/// Revisions of a family that are looked at for what a lost answer left: it is the newest, unless others
/// register revisions of the same family at the same time.
const NEWEST_REVISIONS: i32 = 20;

/// The type.
pub struct TaskDefinition {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name that all revisions share: at most 255 letters, digits, underscores and hyphens.
    pub family: String,
    /// CPU units of a task, 1024 for one vCPU. On Fargate 256, 512, 1024, 2048, 4096, 8192 or 16384.
    pub cpu: Option<i64>,
    /// Memory of a task in MiB; on Fargate the sizes depend on `cpu`.
    pub memory: Option<i64>,
    /// The network of a task; on Fargate `awsvpc`. AWS's default is `bridge`.
    pub network_mode: Option<NetworkMode>,
    /// Where it has to be able to run.
    pub requires_compatibilities: Option<BTreeSet<Compatibility>>,
    /// The role that ECS itself uses: for pulling the image, reading secrets, writing logs.
    pub execution_role_arn: Option<String>,
    /// The role of the containers.
    pub task_role_arn: Option<String>,
    /// The processor and operating system.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Disk space on Fargate. AWS's default is 20 GiB.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Whose processes the containers see: `task` for each other's.
    pub pid_mode: Option<PidMode>,
    /// Volumes that containers can mount.
    pub volumes: Option<Vec<Volume>>,
    /// The containers.
    pub container_definitions: Vec<ContainerDefinition>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

choices! {
    /// The network of a task.
    NetworkMode {
        /// A network interface of its own in a subnet.
        Awsvpc = "awsvpc",
        /// A network of Docker on the instance.
        Bridge = "bridge",
        /// The instance's.
        Host = "host",
        /// None.
        None = "none",
    }
}

choices! {
    /// Where tasks run.
    Compatibility {
        /// On instances of the account.
        Ec2 = "EC2",
        /// On Fargate.
        Fargate = "FARGATE",
        /// On machines outside of AWS.
        External = "EXTERNAL",
        /// On instances that ECS manages.
        ManagedInstances = "MANAGED_INSTANCES",
    }
}

choices! {
    /// Whose processes containers see.
    PidMode {
        /// The instance's; not on Fargate.
        Host = "host",
        /// Those of all containers of the task.
        Task = "task",
    }
}

/// Processor and operating system.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuntimePlatform {
    /// AWS's default is `X86_64`.
    #[schemars(extend("default" = "X86_64"))]
    pub cpu_architecture: Option<CpuArchitecture>,
    /// Such as `LINUX` or `WINDOWS_SERVER_2022_CORE`. AWS's default is `LINUX`.
    #[schemars(extend("default" = "LINUX"))]
    pub operating_system_family: Option<String>,
}

choices! {
    /// A processor.
    CpuArchitecture {
        /// Intel and AMD.
        X8664 = "X86_64",
        /// Graviton.
        Arm64 = "ARM64",
    }
}

/// Disk space.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EphemeralStorage {
    /// In GiB, 21 to 200.
    pub size_in_gib: i32,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    family: String,
    cpu: Option<i64>,
    memory: Option<i64>,
    network_mode: Option<String>,
    requires_compatibilities: BTreeSet<String>,
    execution_role_arn: Option<String>,
    task_role_arn: Option<String>,
    runtime_platform: Option<RuntimePlatform>,
    ephemeral_storage: Option<EphemeralStorage>,
    pid_mode: Option<String>,
    volumes: Vec<Volume>,
    container_definitions: Vec<ContainerDefinition>,
    tags: Tags,
    /// The ARN, which ends in the revision.
    arn: String,
    /// The revision's number.
    revision: i64,
}

impl FromClients for TaskDefinition {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecs.clone(),
        }
    }
}

impl ResourceType for TaskDefinition {
    const NAME: &'static str = "ecs.task_definition";
    const DESCRIPTION: &'static str =
        "One revision of what a task is made of: its containers and what they need.

Every change of anything but tags registers a new revision, and deregisters the old one when nothing
refers to it any more.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
        "ecs:TagResource",
        "ecs:UntagResource",
        "ecs:DeregisterTaskDefinition",
        "iam:PassRole",
    ];
    const EXAMPLE: &'static str = r#"
[ecs.task_definition.app]
family                   = "appname-dev02"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]
execution_role_arn       = "arn:aws:iam::123456789012:role/appname-dev02-execution"
runtime_platform         = { cpu_architecture = "ARM64" }

[[ecs.task_definition.app.container_definitions]]
name          = "app"
image         = "public.ecr.aws/nginx/nginx:stable"
port_mappings = [{ container_port = 80 }]
environment   = { STAGE = "dev02" }

[ecs.task_definition.app.container_definitions.log_configuration]
log_driver = "awslogs"
options    = { awslogs-group = "/ecs/appname", awslogs-region = "us-east-1", awslogs-stream-prefix = "app" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &[
            "family",
            "cpu",
            "memory",
            "network_mode",
            "requires_compatibilities",
            "execution_role_arn",
            "task_role_arn",
            "runtime_platform",
            "ephemeral_storage",
            "pid_mode",
            "volumes",
            "container_definitions",
        ],
        sets: &[
            "container_definitions.port_mappings",
            "container_definitions.mount_points",
            "container_definitions.linux_parameters.capabilities.add",
            "container_definitions.linux_parameters.capabilities.drop",
        ],
        keyed: &[
            ("container_definitions", "name"),
            ("container_definitions.depends_on", "container_name"),
            ("container_definitions.ulimits", "name"),
            ("volumes", "name"),
        ],
        create_before_destroy: true,
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_name(attributes, "family", problems);
        fargate::check(attributes, problems);
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let launch = spec.requires_compatibilities.map(|all| {
            let all = all.into_iter().map(|one| one.as_str().into());
            all.collect()
        });
        let platform = spec.runtime_platform.map(|platform| {
            sdk::RuntimePlatform::builder()
                .set_cpu_architecture(platform.cpu_architecture.map(|one| one.as_str().into()))
                .set_operating_system_family(platform.operating_system_family.map(|one| one.as_str().into()))
                .build()
        });
        let storage = spec.ephemeral_storage.map(|storage| {
            sdk::EphemeralStorage::builder()
                .size_in_gib(storage.size_in_gib)
                .build()
        });
        let registered = self
            .client
            .register_task_definition()
            .family(&spec.family)
            .set_cpu(spec.cpu.map(|cpu| cpu.to_string()))
            .set_memory(spec.memory.map(|memory| memory.to_string()))
            .set_network_mode(spec.network_mode.map(|mode| mode.as_str().into()))
            .set_requires_compatibilities(launch)
            .set_execution_role_arn(spec.execution_role_arn)
            .set_task_role_arn(spec.task_role_arn)
            .set_runtime_platform(platform)
            .set_ephemeral_storage(storage)
            .set_pid_mode(spec.pid_mode.map(|mode| mode.as_str().into()))
            .set_volumes(spec.volumes.as_deref().map(volumes::to_sdk).transpose()?)
            .set_container_definitions(Some(containers::to_sdk(&spec.container_definitions)?))
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("ecs", "RegisterTaskDefinition")?;
        let definition = registered
            .task_definition
            .ok_or_else(|| missing("ecs", "RegisterTaskDefinition", "task definition"))?;
        let observed = observe(&definition, spec.tags.unwrap_or_default());
        Ok(Created::new(observed.arn.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, 1, async |arns| {
            let mut found = Vec::new();
            for arn in arns {
                if let Some((definition, tags)) = self.describe(&arn).await? {
                    let observed = observe(&definition, without_reserved(tags));
                    found.push((PhysicalId::new(arn), Found::ready(observed)));
                }
            }
            Ok(found)
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["tags"]) {
            update_tags(
                &self.client,
                id.as_str(),
                &update.prior,
                update.spec.tags.as_ref(),
            )
            .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let done = self
            .client
            .deregister_task_definition()
            .task_definition(id.as_str())
            .send()
            .await
            .aws("ecs", "DeregisterTaskDefinition")
            .absent_is_none();
        match done {
            Err(error) if error.class == ErrorClass::Invalid && error.message.contains("inactive") => Ok(()),
            done => done.map(|_| ()),
        }
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(family) = known_str(attributes, "family") else {
            return Ok(None);
        };
        let newest = self
            .client
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc)
            .max_results(NEWEST_REVISIONS)
            .send()
            .await
            .aws("ecs", "ListTaskDefinitions")?;
        for arn in newest.task_definition_arns.unwrap_or_default() {
            if let Some((_, tags)) = self.describe(&arn).await?
                && made_by(call, tags.clone())
            {
                return Ok(Some(PhysicalId::new(arn)));
            }
        }
        Ok(None)
    }
}

impl TaskDefinition {
    /// A revision with all its tags; `None` when it is not there or deregistered.
    async fn describe(&self, arn: &str) -> ProviderResult<Option<(sdk::TaskDefinition, Tags)>> {
        let answer = self
            .client
            .describe_task_definition()
            .task_definition(arn)
            .include(TaskDefinitionField::Tags)
            .send()
            .await
            .aws("ecs", "DescribeTaskDefinition")
            .absent_is_none()?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        let tags = all_tags(answer.tags());
        Ok(answer
            .task_definition
            .filter(|definition| definition.status() == Some(&TaskDefinitionStatus::Active))
            .map(|definition| (definition, tags)))
    }
}

fn observe(definition: &sdk::TaskDefinition, tags: Tags) -> Observed {
    let network_mode = definition.network_mode().map(|mode| mode.as_str().to_owned());
    let has_own_address = network_mode.as_deref() == Some("awsvpc");
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    let launch = definition.requires_compatibilities().iter();
    Observed {
        family: definition.family().unwrap_or_default().to_owned(),
        cpu: number(definition.cpu()),
        memory: number(definition.memory()),
        network_mode,
        requires_compatibilities: launch.map(|one| one.as_str().to_owned()).collect(),
        execution_role_arn: definition.execution_role_arn().map(str::to_owned),
        task_role_arn: definition.task_role_arn().map(str::to_owned),
        runtime_platform: definition.runtime_platform().map(|platform| RuntimePlatform {
            cpu_architecture: platform
                .cpu_architecture()
                .map_or(Some(CpuArchitecture::X8664), |one| one.as_str().parse().ok()),
            operating_system_family: Some(
                platform
                    .operating_system_family()
                    .map_or("LINUX", |one| one.as_str())
                    .to_owned(),
            ),
        }),
        ephemeral_storage: definition.ephemeral_storage().map(|storage| EphemeralStorage {
            size_in_gib: storage.size_in_gib(),
        }),
        pid_mode: definition.pid_mode().map(|mode| mode.as_str().to_owned()),
        volumes: volumes::from_sdk(definition.volumes()),
        container_definitions: containers::from_sdk(definition.container_definitions(), has_own_address),
        tags,
        arn: definition.task_definition_arn().unwrap_or_default().to_owned(),
        revision: i64::from(definition.revision()),
    }
}
