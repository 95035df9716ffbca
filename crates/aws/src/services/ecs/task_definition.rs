//! `ecs.task_definition`: one revision of what a task is made of.
//!
//! A revision never changes: any change but that of tags registers another one, and the old one is deregistered once
//! nothing refers to it. Deregistered revisions stay as `INACTIVE` for ever: that is absent.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{self as sdk, SortOrder, TaskDefinitionStatus};
use futures::future::try_join_all;

use super::common::{all_tags, for_create};
use super::container_conversions as containers;
use super::containers::ContainerDefinition;
use super::fargate;
use super::tagging::Ecs;
use super::volumes::{self, Volume};
use crate::prelude::*;

/// Revisions of a family that are looked at for what a lost answer left: it is the newest, unless others
/// register revisions of the same family at the same time.
const NEWEST_REVISIONS: i32 = 20;

/// One revision of what a task is made of: its containers and what they need.
///
/// Every change of anything but tags registers a new revision, and deregisters the old one when nothing
/// refers to it any more.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html")]
pub struct TaskDefinition {
    /// The name that all revisions share.
    #[attribute(immutable, length = 1..=255, alphabet("A-Za-z0-9_-", "letters, digits, underscores and hyphens"))]
    pub family: String,
    /// CPU units of a task, 1024 for one vCPU. On Fargate 256, 512, 1024, 2048, 4096, 8192 or 16384.
    #[attribute(immutable)]
    pub cpu: Option<i64>,
    /// Memory of a task in MiB; on Fargate the sizes depend on `cpu`.
    #[attribute(immutable)]
    pub memory: Option<i64>,
    /// The network of a task; on Fargate `awsvpc`. AWS's default is `bridge`.
    #[attribute(immutable)]
    pub network_mode: Option<NetworkMode>,
    /// Where it has to be able to run.
    #[attribute(immutable)]
    pub requires_compatibilities: Option<BTreeSet<Compatibility>>,
    /// The role that ECS itself uses: for pulling the image, reading secrets, writing logs.
    #[attribute(immutable)]
    pub execution_role_arn: Option<String>,
    /// The role of the containers.
    #[attribute(immutable)]
    pub task_role_arn: Option<String>,
    /// The processor and operating system.
    #[attribute(immutable)]
    pub runtime_platform: Option<RuntimePlatform>,
    /// Disk space on Fargate. AWS's default is 20 GiB.
    #[attribute(immutable)]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Whose processes the containers see: `task` for each other's.
    #[attribute(immutable)]
    pub pid_mode: Option<PidMode>,
    /// Volumes that containers can mount.
    #[attribute(immutable, key = "name")]
    pub volumes: Option<Vec<Volume>>,
    /// The containers.
    #[attribute(immutable, key = "name", count = 1..=100)]
    pub container_definitions: Vec<ContainerDefinition>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The ARN, which ends in the revision.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The revision's number.
    #[attribute(computed)]
    pub revision: Option<i64>,
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html")]
pub struct RuntimePlatform {
    /// AWS's default is `X86_64`.
    #[attribute(default = "X86_64")]
    pub cpu_architecture: Option<CpuArchitecture>,
    /// Such as `LINUX` or `WINDOWS_SERVER_2022_CORE`.
    #[attribute(default = "LINUX")]
    pub operating_system_family: Option<OsFamily>,
}

choices! {
    /// An operating system.
    OsFamily {
        /// Linux.
        Linux = "LINUX",
        /// Windows Server 2016, whole.
        Windows2016Full = "WINDOWS_SERVER_2016_FULL",
        /// Windows Server 2004, without a desktop.
        Windows2004Core = "WINDOWS_SERVER_2004_CORE",
        /// Windows Server 20H2, without a desktop.
        Windows20H2Core = "WINDOWS_SERVER_20H2_CORE",
        /// Windows Server 2019, without a desktop.
        Windows2019Core = "WINDOWS_SERVER_2019_CORE",
        /// Windows Server 2019, whole.
        Windows2019Full = "WINDOWS_SERVER_2019_FULL",
        /// Windows Server 2022, without a desktop.
        Windows2022Core = "WINDOWS_SERVER_2022_CORE",
        /// Windows Server 2022, whole.
        Windows2022Full = "WINDOWS_SERVER_2022_FULL",
        /// Windows Server 2025, without a desktop.
        Windows2025Core = "WINDOWS_SERVER_2025_CORE",
        /// Windows Server 2025, whole.
        Windows2025Full = "WINDOWS_SERVER_2025_FULL",
    }
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html")]
pub struct EphemeralStorage {
    /// In GiB.
    #[attribute(range = 21..=200)]
    pub size_in_gib: i32,
}

impl Resource for TaskDefinition {
    const NAME: &'static str = "ecs.task_definition";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
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
    const RULES: Rules<TaskDefinitionField> = Rules {
        create_before_destroy: true,
        ..Rules::UNIQUE_IDS
    };
    type Service = Ecs;

    fn validate(given: &PartialTaskDefinition, problems: &mut Problems) {
        fargate::check(given, problems);
    }

    async fn create(
        aws: &Clients,
        call: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialTaskDefinition>> {
        let launch = spec.requires_compatibilities.map(|all| {
            let all = all.into_iter().map(|one| one.as_str().into());
            all.collect()
        });
        let platform = spec.runtime_platform.map(|platform| {
            sdk::RuntimePlatform::builder()
                .set_cpu_architecture(to_aws(platform.cpu_architecture))
                .set_operating_system_family(to_aws(platform.operating_system_family))
                .build()
        });
        let storage = spec.ephemeral_storage.map(|storage| storage.size_in_gib);
        let storage = storage.map(|size| sdk::EphemeralStorage::builder().size_in_gib(size).build());
        let registered = aws
            .ecs
            .register_task_definition()
            .family(&spec.family)
            .set_cpu(spec.cpu.map(|cpu| cpu.to_string()))
            .set_memory(spec.memory.map(|memory| memory.to_string()))
            .set_network_mode(to_aws(spec.network_mode))
            .set_requires_compatibilities(launch)
            .set_execution_role_arn(spec.execution_role_arn)
            .set_task_role_arn(spec.task_role_arn)
            .set_runtime_platform(platform)
            .set_ephemeral_storage(storage)
            .set_pid_mode(to_aws(spec.pid_mode))
            .set_volumes(spec.volumes.as_deref().map(volumes::to_sdk).transpose()?)
            .set_container_definitions(Some(containers::to_sdk(&spec.container_definitions)?))
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("ecs", "RegisterTaskDefinition")?;
        let made = registered.task_definition;
        let made = made.ok_or_else(|| missing("ecs", "RegisterTaskDefinition", "task definition"))?;
        Ok(observe(&made, Tags::new()).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(ids.iter().map(|id| describe(aws, id.as_str()))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ecs.deregister_task_definition().task_definition(id.as_str());
        match call.send().await.aws("ecs", "DeregisterTaskDefinition") {
            Err(error) if error.class == ErrorClass::Invalid && error.message.contains("inactive") => Ok(()),
            done => done.map(drop),
        }
    }

    async fn left(
        aws: &Clients,
        _: &Call,
        given: &PartialTaskDefinition,
    ) -> ProviderResult<Observations<Self>> {
        let Some(family) = given.family.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let newest = aws
            .ecs
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc)
            .max_results(NEWEST_REVISIONS)
            .send()
            .await
            .aws("ecs", "ListTaskDefinitions")?;
        let arns = newest.task_definition_arns.unwrap_or_default();
        Self::read(aws, &arns.into_iter().map(PhysicalId::new).collect::<Vec<_>>()).await
    }
}

/// A revision; `None` when it is not there or deregistered.
async fn describe(aws: &Clients, arn: &str) -> ProviderResult<Option<Observation<TaskDefinition>>> {
    let call = aws.ecs.describe_task_definition().task_definition(arn);
    let answer = call.include(sdk::TaskDefinitionField::Tags).send().await;
    let answer = answer.aws("ecs", "DescribeTaskDefinition").absent_is_none()?;
    let there = answer
        .as_ref()
        .and_then(|answer| Some((answer.task_definition()?, answer.tags())));
    let active = there.filter(|(there, _)| there.status() == Some(&TaskDefinitionStatus::Active));
    Ok(active.map(|(there, tags)| observe(there, all_tags(tags))))
}

fn observe(definition: &sdk::TaskDefinition, tags: Tags) -> Observation<TaskDefinition> {
    let arn = definition.task_definition_arn().unwrap_or_default();
    let network_mode: Partial<NetworkMode> = told(definition.network_mode());
    let has_own_address = network_mode == Partial::Known(NetworkMode::Awsvpc);
    let launch = definition.requires_compatibilities().iter();
    let launch: BTreeSet<Compatibility> = launch.filter_map(|one| one.as_str().parse().ok()).collect();
    let platform = definition
        .runtime_platform()
        .map(|platform| PartialRuntimePlatform {
            cpu_architecture: told(platform.cpu_architecture().or(Some(&sdk::CpuArchitecture::X8664))),
            operating_system_family: told(platform.operating_system_family().or(Some(&sdk::OsFamily::Linux))),
        });
    let storage = definition
        .ephemeral_storage()
        .map(|storage| PartialEphemeralStorage {
            size_in_gib: storage.size_in_gib().into(),
        });
    let containers = containers::from_sdk(definition.container_definitions(), has_own_address);
    let observed = PartialTaskDefinition {
        family: definition.family().into(),
        cpu: told(definition.cpu()),
        memory: told(definition.memory()),
        network_mode,
        requires_compatibilities: launch.into(),
        execution_role_arn: definition.execution_role_arn().into(),
        task_role_arn: definition.task_role_arn().into(),
        runtime_platform: platform.into(),
        ephemeral_storage: storage.into(),
        pid_mode: told(definition.pid_mode()),
        volumes: whole(&volumes::from_sdk(definition.volumes())),
        container_definitions: whole(&containers),
        tags: tags.into(),
        arn: arn.into(),
        revision: i64::from(definition.revision()).into(),
    };
    (PhysicalId::new(arn), Found::ready(observed))
}
