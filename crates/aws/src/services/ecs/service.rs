//! `ecs.service`: keeps a number of tasks of a task definition running.
//!
//! Calls: CreateService (with a client token), UpdateService, DescribeServices (10 of a cluster), TagResource,
//! UntagResource, DeleteService (with force), and DescribeScalableTargets of Application Auto Scaling before
//! `desired_count` is changed. Whether a rollout succeeds is the business of `ecs.deployment`: nothing here waits for
//! it. A deleted service drains, and is then remembered as `INACTIVE` for hours: that is absent, and its name is free.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::{self as sdk, DeploymentRolloutState};

use super::common::{
    CapacityProviderShare, all_tags, cluster_of, describe_service, describe_services, for_create,
    service_name_and_cluster, strategy_from_sdk, strategy_to_sdk,
};
use super::deployment::primary;
use super::service_parts::{
    DeploymentAlarms, DeploymentConfiguration, DeploymentConfigurationField, LaunchType,
    NetworkConfiguration, PropagateTags, SchedulingStrategy, ServiceLoadBalancer, ServiceRegistry,
    load_balancers_from_sdk, load_balancers_to_sdk, network_from_sdk, network_to_sdk, registries_from_sdk,
    registries_to_sdk, rollout_from_sdk, rollout_to_sdk,
};
use super::service_rules;
use super::tagging::Ecs;
use super::volumes::Switch;
use crate::prelude::*;
use crate::together::{Stack, member, of_type};

/// With a change of these an update starts a rollout: those that AWS says to trigger a new deployment, and those that we
/// force one with.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
pub(super) const STARTS_ROLLOUT: &[&str] = &[
    "capacity_provider_strategy",
    "launch_type",
    "load_balancers",
    "network_configuration",
    "platform_version",
    "service_registries",
    "task_definition",
];

/// Keeps a number of tasks of a task definition running.
///
/// It is there as soon as AWS has noted it; `ecs.deployment` waits until its tasks run, also after an update that starts a
/// rollout because of something else than the task definition. Where no `ecs.deployment` names the service, nothing waits for
/// its rollouts, and nobody is told when ECS rolls one back: what the old tasks use is deleted as soon as AWS lets it go.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html")]
#[block(at_most_one(launch_type, capacity_provider_strategy))]
pub struct Service {
    /// The ARN of the cluster.
    #[attribute(
        immutable,
        pattern(
            "^arn:.*:cluster/",
            "is no ARN with `:cluster/`, as `${ecs.cluster.main.arn}` is"
        )
    )]
    pub cluster: String,
    /// Its name, unique in its cluster.
    #[attribute(immutable, length = 1..=255, alphabet("A-Za-z0-9_-", "letters, digits, underscores and hyphens"))]
    pub service_name: String,
    /// The ARN of the task definition, revision included.
    #[attribute(pattern(
        "^arn:.*:task-definition/[^:]+:[0-9]+$",
        "is no ARN of a task definition with its revision, as `${ecs.task_definition.app.arn}` is"
    ))]
    pub task_definition: String,
    /// Tasks to begin with. AWS's default is 1.
    ///
    /// A change of it in the file is applied, unless a scalable target exists for the service: from then on
    /// the number belongs to auto scaling. What auto scaling, or somebody by hand, made of it is no drift.
    // Auto scaling changes it all the time: it is compared with what was last applied only.
    #[attribute(write_only, range = 0..=2_147_483_647)]
    #[attribute(not_where(scheduling_strategy, "DAEMON"))]
    pub desired_count: Option<i32>,
    /// Where tasks run. AWS's default is the cluster's capacity provider strategy, and `EC2` when that has none.
    pub launch_type: Option<LaunchType>,
    /// Where tasks run, by shares, instead of `launch_type`.
    #[attribute(key = "capacity_provider", count = 0..=20)]
    pub capacity_provider_strategy: Option<Vec<CapacityProviderShare>>,
    /// The version of Fargate.
    #[attribute(default = "LATEST")]
    #[attribute(not_where(launch_type, "EC2", "EXTERNAL"))]
    pub platform_version: Option<String>,
    /// The network of the tasks; needed for network mode `awsvpc`, and so on Fargate.
    #[attribute(needed_where(launch_type, "FARGATE"))]
    pub network_configuration: Option<NetworkConfiguration>,
    /// Target groups that tasks are registered with.
    #[attribute(set)]
    pub load_balancers: Option<Vec<ServiceLoadBalancer>>,
    /// The registry of Cloud Map that tasks are registered with.
    #[attribute(set, count = 0..=1)]
    pub service_registries: Option<Vec<ServiceRegistry>>,
    /// How a rollout goes.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Seconds after a task's start in which failed health checks do not count; has to outlive the start.
    #[attribute(default = 0, range = 0..=2_147_483_647)]
    pub health_check_grace_period_seconds: Option<i32>,
    /// Whether `aws ecs execute-command` works. The task role needs `ssmmessages:*`.
    #[attribute(default = false)]
    pub enable_execute_command: Option<bool>,
    /// Whether tasks are tagged with the names of cluster and service.
    #[attribute(default = false)]
    pub enable_ecs_managed_tags: Option<bool>,
    /// Whose tags tasks get.
    #[attribute(default = "NONE")]
    pub propagate_tags: Option<PropagateTags>,
    /// Whether tasks are moved when availability zones have unlike many. AWS's default for new services is
    /// `ENABLED`.
    #[attribute(default = "ENABLED")]
    #[attribute(not_where("ENABLED", scheduling_strategy, "DAEMON"))]
    pub availability_zone_rebalancing: Option<Switch>,
    /// How many tasks there are.
    #[attribute(immutable, default = "REPLICA")]
    pub scheduling_strategy: Option<SchedulingStrategy>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The service's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use ServiceField as Field;

impl Resource for Service {
    const NAME: &'static str = "ecs.service";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:CreateService",
        "ecs:UpdateService",
        "ecs:DescribeServices",
        "ecs:DeleteService",
        "application-autoscaling:DescribeScalableTargets",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    ];
    const EXAMPLE: &'static str = r#"
[ecs.cluster.main]
cluster_name = "appname-ecs-cluster-dev02"

[ecs.task_definition.app]
family                   = "appname-dev02"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]
container_definitions    = [{ name = "app", image = "public.ecr.aws/nginx/nginx:stable" }]

[ecs.service.app]
cluster         = "${ecs.cluster.main.arn}"
service_name    = "appname-ecs-service-dev02"
task_definition = "${ecs.task_definition.app.arn}"
desired_count   = 2
launch_type     = "FARGATE"

[ecs.service.app.network_configuration]
subnets         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
security_groups = ["sg-0123456789abcdef0"]

[ecs.service.app.deployment_configuration]
deployment_circuit_breaker = { enable = true, rollback = true }
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::Cluster, Field::ServiceName],
        under: Some(("ecs.cluster", &[Field::Cluster])),
        waits: Waits {
            delete: Some(Wait::seconds("service drained", 60, 1200)),
            ..Waits::NONE
        },
        ..Rules::NONE
    };
    type Service = Ecs;

    fn validate(given: &PartialService, problems: &mut Problems) {
        service_rules::check(given, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let mut problems = Problems::default();
            service_rules::check_with_others(attributes, stack, &mut problems);
            let of_this = problems.into_vec().into_iter();
            found.extend(of_this.map(|problem| (address.clone(), problem)));
        }
        found
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialService>> {
        let is_daemon = spec.scheduling_strategy == Some(SchedulingStrategy::Daemon);
        let network = spec.network_configuration.as_ref().map(network_to_sdk);
        let strategy = spec.capacity_provider_strategy.as_deref().map(strategy_to_sdk);
        let rollout = spec.deployment_configuration.as_ref();
        let rollout = rollout.map(|rollout| rollout_to_sdk(rollout, spec.scheduling_strategy));
        let created = aws
            .ecs
            .create_service()
            .client_token(call.token.to_string())
            .cluster(&spec.cluster)
            .service_name(&spec.service_name)
            .task_definition(&spec.task_definition)
            .set_desired_count((!is_daemon).then(|| spec.desired_count.unwrap_or(1)))
            .set_launch_type(to_aws(spec.launch_type))
            .set_capacity_provider_strategy(strategy.transpose()?)
            .set_platform_version(spec.platform_version)
            .set_network_configuration(network.transpose()?)
            .set_load_balancers(spec.load_balancers.as_deref().map(load_balancers_to_sdk))
            .set_service_registries(spec.service_registries.as_deref().map(registries_to_sdk))
            .set_deployment_configuration(rollout.transpose()?)
            .set_health_check_grace_period_seconds(spec.health_check_grace_period_seconds)
            .set_enable_execute_command(spec.enable_execute_command)
            .set_enable_ecs_managed_tags(spec.enable_ecs_managed_tags)
            .set_propagate_tags(to_aws(spec.propagate_tags))
            .set_availability_zone_rebalancing(to_aws(spec.availability_zone_rebalancing))
            .set_scheduling_strategy(to_aws(spec.scheduling_strategy))
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("ecs", "CreateService")?;
        let made = created
            .service
            .ok_or_else(|| missing("ecs", "CreateService", "service"))?;
        Ok(observe(&made).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let services = describe_services(aws, ids).await?;
        Ok(services.iter().map(observe).collect())
    }

    /// One UpdateService with what changed; nothing when that changes nothing at AWS.
    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let (spec, arn) = (&update.spec, id.as_str());
        let (cluster, name) = service_name_and_cluster(arn)?;
        let mut count = update.only(Field::DesiredCount, spec.desired_count);
        if count.is_some() && is_scaled(aws, cluster, name).await? {
            count = None;
        }
        if count.is_none() && update.changes_only(&[Field::DesiredCount]) {
            return Ok(());
        }
        let is_moved = update.changes(Field::LaunchType) || update.changes(Field::CapacityProviderStrategy);
        let strategy = is_moved.then(|| strategy_to_sdk(&launch_change(spec, &update.prior)?));
        let platform = spec
            .platform_version
            .clone()
            .or_else(|| Some("LATEST".to_owned()));
        let network = update.only(Field::NetworkConfiguration, spec.network_configuration.clone());
        let network = network.map(|network| update.whole(Field::NetworkConfiguration, network));
        let balancers = load_balancers_to_sdk(spec.load_balancers.as_deref().unwrap_or_default());
        let registries = registries_to_sdk(spec.service_registries.as_deref().unwrap_or_default());
        let rollout = rollout_change(update)?;
        let grace = spec.health_check_grace_period_seconds.or(Some(0));
        let commands = spec.enable_execute_command.or(Some(false));
        let managed_tags = spec.enable_ecs_managed_tags.or(Some(false));
        let whose_tags = spec.propagate_tags.or(Some(PropagateTags::None));
        let rebalanced = match spec.scheduling_strategy {
            Some(SchedulingStrategy::Daemon) => Switch::Disabled,
            _ => Switch::Enabled,
        };
        let rebalancing = spec.availability_zone_rebalancing.or(Some(rebalanced));
        let answer = aws
            .ecs
            .update_service()
            .cluster(cluster)
            .service(arn)
            .set_desired_count(count)
            .set_task_definition(update.only(Field::TaskDefinition, Some(spec.task_definition.clone())))
            .set_capacity_provider_strategy(strategy.transpose()?)
            .set_force_new_deployment(is_moved.then_some(true))
            .set_platform_version(update.only(Field::PlatformVersion, platform))
            .set_network_configuration(network.as_ref().map(network_to_sdk).transpose()?)
            .set_load_balancers(update.only(Field::LoadBalancers, Some(balancers)))
            .set_service_registries(update.only(Field::ServiceRegistries, Some(registries)))
            .set_deployment_configuration(update.only(Field::DeploymentConfiguration, Some(rollout)))
            .set_health_check_grace_period_seconds(update.only(Field::HealthCheckGracePeriodSeconds, grace))
            .set_enable_execute_command(update.only(Field::EnableExecuteCommand, commands))
            .set_enable_ecs_managed_tags(update.only(Field::EnableEcsManagedTags, managed_tags))
            .set_propagate_tags(to_aws(update.only(Field::PropagateTags, whose_tags)))
            .set_availability_zone_rebalancing(to_aws(
                update.only(Field::AvailabilityZoneRebalancing, rebalancing),
            ))
            .send()
            .await
            .aws("ecs", "UpdateService")?;
        let begun = answer.service.as_ref().and_then(primary);
        let begun = begun.filter(|begun| begun.rollout_state() == Some(&DeploymentRolloutState::InProgress));
        let starts = update
            .changed
            .iter()
            .any(|name| STARTS_ROLLOUT.contains(&name.as_str()));
        if let (true, Some(begun)) = (starts, begun) {
            aws.rollouts.has_begun(arn, begun);
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ecs.delete_service().cluster(cluster_of(id.as_str())?);
        let deleted = call.service(id.as_str()).force(true).send().await;
        deleted.aws("ecs", "DeleteService").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialService) -> ProviderResult<Observations<Self>> {
        let (Some(cluster), Some(name)) = (given.cluster.as_str(), given.service_name.as_str()) else {
            return Ok(Observations::<Self>::new());
        };
        let there = describe_service(&aws.ecs, cluster, name).await?;
        // One that drains has let go of its name.
        let there = there.filter(|service| service.status() != Some("DRAINING"));
        Ok(there.iter().map(observe).collect())
    }
}

/// Whether auto scaling decides how many tasks there are.
async fn is_scaled(aws: &Clients, cluster: &str, name: &str) -> ProviderResult<bool> {
    let answer = aws
        .applicationautoscaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_ids(format!("service/{cluster}/{name}"))
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .send()
        .await
        .aws("applicationautoscaling", "DescribeScalableTargets")?;
    Ok(!answer.scalable_targets().is_empty())
}

/// How a rollout goes from now on. Alarms that are no longer wanted are written as none.
fn rollout_change(update: &Update<Service>) -> ProviderResult<sdk::DeploymentConfiguration> {
    let wanted = update.spec.deployment_configuration.clone().unwrap_or_default();
    let mut wanted = update.whole(Field::DeploymentConfiguration, wanted);
    let had_alarms = value_of(&update.prior, Field::DeploymentConfiguration)
        .is_some_and(|prior| member(prior, DeploymentConfigurationField::Alarms).is_some());
    if wanted.alarms.is_none() && had_alarms {
        wanted.alarms = Some(DeploymentAlarms::default());
    }
    rollout_to_sdk(&wanted, update.spec.scheduling_strategy)
}

/// The strategy that brings about what is wanted: an empty one goes back to the launch type that the
/// service was made with.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html>
fn launch_change(spec: &Service, prior: &Attributes) -> ProviderResult<Vec<CapacityProviderShare>> {
    if let Some(strategy) = spec
        .capacity_provider_strategy
        .as_ref()
        .filter(|all| !all.is_empty())
    {
        return Ok(strategy.clone());
    }
    let was = value_of(prior, Field::LaunchType).and_then(Value::as_str);
    match (was, spec.launch_type) {
        (Some(was), Some(wanted)) if was != wanted.as_str() => {
            let message = format!("AWS cannot change the launch type of a service from {was} in place");
            Err(ProviderError::new(ErrorClass::Invalid, message).hint(
                "set a `capacity_provider_strategy` instead, or apply with `--replace` and its address",
            ))
        }
        _ => Ok(Vec::new()),
    }
}

fn observe(service: &sdk::Service) -> Observation<Service> {
    let arn = service.service_arn().unwrap_or_default();
    let network = service.network_configuration().and_then(network_from_sdk);
    let rollout = service.deployment_configuration().map(rollout_from_sdk);
    let whose_tags = service.propagate_tags().map_or("NONE", |whose| whose.as_str());
    let observed = PartialService {
        cluster: service.cluster_arn().into(),
        service_name: service.service_name().into(),
        task_definition: service.task_definition().into(),
        desired_count: service.desired_count().into(),
        launch_type: told(service.launch_type()),
        capacity_provider_strategy: whole(&strategy_from_sdk(service.capacity_provider_strategy())),
        platform_version: service.platform_version().into(),
        network_configuration: network.map_or(Partial::Unset, |network| whole(&network)),
        load_balancers: whole(&load_balancers_from_sdk(service.load_balancers())),
        service_registries: whole(&registries_from_sdk(service.service_registries())),
        deployment_configuration: rollout.map_or(Partial::Unset, |rollout| whole(&rollout)),
        health_check_grace_period_seconds: service.health_check_grace_period_seconds().unwrap_or(0).into(),
        enable_execute_command: service.enable_execute_command().into(),
        enable_ecs_managed_tags: service.enable_ecs_managed_tags().into(),
        propagate_tags: told(Some(whose_tags)),
        availability_zone_rebalancing: told(service.availability_zone_rebalancing()),
        scheduling_strategy: told(service.scheduling_strategy()),
        tags: all_tags(service.tags()).into(),
        arn: arn.into(),
    };
    let health = match service.status() {
        Some(status @ "DRAINING") => Health::Deleting(status.to_owned()),
        _ => Health::Ready,
    };
    (PhysicalId::new(arn), Found { observed, health })
}

#[cfg(test)]
mod tests;
