//! `ecs.service`: keeps a number of tasks of a task definition running.
//!
//! Calls: CreateService (with a client token), UpdateService, DescribeServices (10 of a cluster),
//! TagResource, UntagResource, DeleteService (with force), and DescribeScalableTargets of Application Auto
//! Scaling before `desired_count` is changed. Whether a rollout succeeds is the business of
//! `ecs.deployment`: nothing here waits for it. A deleted service drains, and is then remembered as
//! `INACTIVE` for hours: that is absent, and its name is free.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, DeploymentRolloutState};
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    CapacityProviderShare, all_tags, cluster_of, describe_service, describe_services, for_create,
    service_name_and_cluster, strategy_from_sdk, strategy_to_sdk, update_tags,
};
use super::deployment::primary;
use super::rollout::Rollouts;
use super::service_parts::{
    DeploymentConfiguration, LaunchType, NetworkConfiguration, PropagateTags, SchedulingStrategy,
    ServiceLoadBalancer, ServiceRegistry, load_balancers_from_sdk, load_balancers_to_sdk, network_from_sdk,
    network_to_sdk, registries_from_sdk, registries_to_sdk, rollout_from_sdk, rollout_to_sdk,
};
use super::service_rules;
use super::volumes::Switch;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::joined::Joined;
use crate::ownership::{Taken, made_by};
use crate::read::Observations;
use crate::tags::{Tags, without_reserved};
use crate::together::{Stack, of_type};

/// The type.
pub struct Service {
    client: Client,
    services: Joined<sdk::Service>,
    rollouts: Rollouts,
    autoscaling: aws_sdk_applicationautoscaling::Client,
}

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

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The ARN of the cluster.
    pub cluster: String,
    /// Its name: at most 255 letters, digits, underscores and hyphens, unique in its cluster.
    pub service_name: String,
    /// The ARN of the task definition, revision included.
    pub task_definition: String,
    /// Tasks to begin with. AWS's default is 1.
    ///
    /// A change of it in the file is applied, unless a scalable target exists for the service: from then on
    /// the number belongs to auto scaling. What auto scaling, or somebody by hand, made of it is no drift.
    pub desired_count: Option<i32>,
    /// Where tasks run. AWS's default is the cluster's capacity provider strategy, and `EC2` when that has none.
    pub launch_type: Option<LaunchType>,
    /// Where tasks run, by shares, instead of `launch_type`.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderShare>>,
    /// The version of Fargate. AWS's default is `LATEST`.
    #[schemars(extend("default" = "LATEST"))]
    pub platform_version: Option<String>,
    /// The network of the tasks; needed for network mode `awsvpc`, and so on Fargate.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Target groups that tasks are registered with.
    pub load_balancers: Option<Vec<ServiceLoadBalancer>>,
    /// Registries of Cloud Map that tasks are registered with.
    pub service_registries: Option<Vec<ServiceRegistry>>,
    /// How a rollout goes.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Seconds after a task's start in which failed health checks do not count; has to outlive the start.
    /// AWS's default is 0.
    #[schemars(extend("default" = 0))]
    pub health_check_grace_period_seconds: Option<i32>,
    /// Whether `aws ecs execute-command` works. AWS's default is false. The task role needs `ssmmessages:*`.
    #[schemars(extend("default" = false))]
    pub enable_execute_command: Option<bool>,
    /// Whether tasks are tagged with the names of cluster and service. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub enable_ecs_managed_tags: Option<bool>,
    /// Whose tags tasks get. AWS's default is `NONE`.
    #[schemars(extend("default" = "NONE"))]
    pub propagate_tags: Option<PropagateTags>,
    /// Whether tasks are moved when availability zones have unlike many. AWS's default for new services is
    /// `ENABLED`.
    #[schemars(extend("default" = "ENABLED"))]
    pub availability_zone_rebalancing: Option<Switch>,
    /// How many tasks there are. AWS's default is `REPLICA`.
    #[schemars(extend("default" = "REPLICA"))]
    pub scheduling_strategy: Option<SchedulingStrategy>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    cluster: String,
    service_name: String,
    task_definition: Option<String>,
    desired_count: i32,
    launch_type: Option<String>,
    capacity_provider_strategy: Vec<CapacityProviderShare>,
    platform_version: Option<String>,
    network_configuration: Option<NetworkConfiguration>,
    load_balancers: Vec<ServiceLoadBalancer>,
    service_registries: Vec<ServiceRegistry>,
    deployment_configuration: Option<DeploymentConfiguration>,
    health_check_grace_period_seconds: i32,
    enable_execute_command: bool,
    enable_ecs_managed_tags: bool,
    propagate_tags: String,
    availability_zone_rebalancing: Option<String>,
    scheduling_strategy: Option<String>,
    tags: Tags,
    /// The service's ARN.
    arn: String,
}

impl FromClients for Service {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecs.clone(),
            services: clients.services.clone(),
            rollouts: clients.rollouts.clone(),
            autoscaling: clients.autoscaling.clone(),
        }
    }
}

impl ResourceType for Service {
    const NAME: &'static str = "ecs.service";
    const DESCRIPTION: &'static str = "Keeps a number of tasks of a task definition running.

It is there as soon as AWS has noted it; `ecs.deployment` waits until its tasks run, also after an update that starts a
rollout because of something else than the task definition. Where no `ecs.deployment` names the service, nothing waits for
its rollouts, and nobody is told when ECS rolls one back: what the old tasks use is deleted as soon as AWS lets it go.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:CreateService",
        "ecs:UpdateService",
        "ecs:DescribeServices",
        "ecs:TagResource",
        "ecs:UntagResource",
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
    const TRAITS: Traits = Traits {
        immutable: &["cluster", "service_name", "scheduling_strategy"],
        // Auto scaling changes it all the time: it is compared with what was last applied only.
        write_only: &["desired_count"],
        sets: &["load_balancers", "service_registries"],
        keyed: &[("capacity_provider_strategy", "capacity_provider")],
        natural_key: &["cluster", "service_name"],
        waits: Waits {
            delete: Some(Wait::seconds("service drained", 60, 1200)),
            ..Waits::NONE
        },
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        service_rules::check(attributes, problems);
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

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let is_daemon = spec.scheduling_strategy == Some(SchedulingStrategy::Daemon);
        let strategy = spec.capacity_provider_strategy.as_deref();
        let rollout = spec.deployment_configuration.as_ref();
        let registries = spec.service_registries.as_deref();
        let created = self
            .client
            .create_service()
            .client_token(call.token.to_string())
            .cluster(&spec.cluster)
            .service_name(&spec.service_name)
            .task_definition(&spec.task_definition)
            .set_desired_count((!is_daemon).then(|| spec.desired_count.unwrap_or(1)))
            .set_launch_type(spec.launch_type.map(|kind| kind.as_str().into()))
            .set_capacity_provider_strategy(strategy.map(strategy_to_sdk).transpose()?)
            .set_platform_version(spec.platform_version.clone())
            .set_network_configuration(
                spec.network_configuration
                    .as_ref()
                    .map(network_to_sdk)
                    .transpose()?,
            )
            .set_load_balancers(spec.load_balancers.as_deref().map(load_balancers_to_sdk))
            .set_service_registries(registries.map(registries_to_sdk))
            .set_deployment_configuration(rollout.map(rollout_to_sdk).transpose()?)
            .set_health_check_grace_period_seconds(spec.health_check_grace_period_seconds)
            .set_enable_execute_command(spec.enable_execute_command)
            .set_enable_ecs_managed_tags(spec.enable_ecs_managed_tags)
            .set_propagate_tags(spec.propagate_tags.map(|whose| whose.as_str().into()))
            .set_availability_zone_rebalancing(
                spec.availability_zone_rebalancing
                    .map(|switch| switch.as_str().into()),
            )
            .set_scheduling_strategy(spec.scheduling_strategy.map(|strategy| strategy.as_str().into()))
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("ecs", "CreateService")
            .taken_by(call, &format!("the service `{}`", spec.service_name))?;
        let service = created
            .service
            .ok_or_else(|| missing("ecs", "CreateService", "service"))?;
        let mut found = observe(&service);
        found.observed.tags = spec.tags.unwrap_or_default();
        Ok(Created {
            id: PhysicalId::new(&found.observed.arn),
            found,
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let services = describe_services(&self.client, &self.services, ids).await?;
        let found = services.iter().map(observe);
        Ok(found
            .map(|found| (PhysicalId::new(&found.observed.arn), found))
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let arn = id.as_str();
        self.update_service(arn, &update).await?;
        if update.any(&["tags"]) {
            update_tags(&self.client, arn, &update.prior, update.spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_service()
            .cluster(cluster_of(id.as_str())?)
            .service(id.as_str())
            .force(true)
            .send()
            .await
            .aws("ecs", "DeleteService")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let name = known_str(attributes, "service_name");
        let (Some(cluster), Some(name)) = (known_str(attributes, "cluster"), name) else {
            return Ok(None);
        };
        let there = describe_service(&self.client, cluster, name).await?;
        Ok(there
            .filter(|service| service.status() != Some("DRAINING"))
            .filter(|service| made_by(call, all_tags(service.tags())))
            .and_then(|service| service.service_arn)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "service_name");
        let (Some(cluster), Some(name)) = (known_str(attributes, "cluster"), name) else {
            return Ok(Vec::new());
        };
        let there = describe_service(&self.client, cluster, name).await?;
        Ok(there
            .filter(|service| service.status() != Some("DRAINING"))
            .and_then(|service| service.service_arn)
            .map(PhysicalId::new)
            .into_iter()
            .collect())
    }
}

impl Service {
    /// One UpdateService with what changed; nothing when that changes nothing at AWS.
    async fn update_service(&self, arn: &str, update: &Update<Spec>) -> ProviderResult<()> {
        let spec = &update.spec;
        let (cluster, name) = service_name_and_cluster(arn)?;
        let mut call = self.client.update_service().cluster(cluster).service(arn);
        let mut is_empty = true;
        let mut has = |names: &[&str]| {
            let any = update.any(names);
            is_empty &= !any;
            any
        };
        if has(&["task_definition"]) {
            call = call.task_definition(&spec.task_definition);
        }
        if has(&["launch_type", "capacity_provider_strategy"]) {
            let strategy = strategy_to_sdk(&launch_change(spec, &update.prior)?)?;
            call = call
                .set_capacity_provider_strategy(Some(strategy))
                .force_new_deployment(true);
        }
        if has(&["platform_version"]) {
            call = call.platform_version(spec.platform_version.as_deref().unwrap_or("LATEST"));
        }
        if let (true, Some(network)) = (has(&["network_configuration"]), &spec.network_configuration) {
            call = call.network_configuration(network_to_sdk(network)?);
        }
        if has(&["load_balancers"]) {
            let all = spec.load_balancers.as_deref().unwrap_or_default();
            call = call.set_load_balancers(Some(load_balancers_to_sdk(all)));
        }
        if has(&["service_registries"]) {
            let all = spec.service_registries.as_deref().unwrap_or_default();
            call = call.set_service_registries(Some(registries_to_sdk(all)));
        }
        if has(&["deployment_configuration"]) {
            let rollout = spec.deployment_configuration.clone().unwrap_or_default();
            call = call.deployment_configuration(rollout_to_sdk(&rollout)?);
        }
        if has(&["health_check_grace_period_seconds"]) {
            let seconds = spec.health_check_grace_period_seconds.unwrap_or(0);
            call = call.health_check_grace_period_seconds(seconds);
        }
        if has(&["enable_execute_command"]) {
            call = call.enable_execute_command(spec.enable_execute_command.unwrap_or(false));
        }
        if has(&["enable_ecs_managed_tags"]) {
            call = call.enable_ecs_managed_tags(spec.enable_ecs_managed_tags.unwrap_or(false));
        }
        if has(&["propagate_tags"]) {
            let whose = spec.propagate_tags.unwrap_or(PropagateTags::None);
            call = call.propagate_tags(whose.as_str().into());
        }
        if has(&["availability_zone_rebalancing"]) {
            let switch = spec.availability_zone_rebalancing.unwrap_or(Switch::Enabled);
            call = call.availability_zone_rebalancing(switch.as_str().into());
        }
        if let (true, Some(count)) = (update.any(&["desired_count"]), spec.desired_count)
            && !self.is_scaled(cluster, name).await?
        {
            is_empty = false;
            call = call.desired_count(count);
        }
        if is_empty {
            return Ok(());
        }
        let answer = call.send().await.aws("ecs", "UpdateService")?;
        let begun = answer.service.as_ref().and_then(primary);
        let begun = begun.filter(|begun| begun.rollout_state() == Some(&DeploymentRolloutState::InProgress));
        if let (true, Some(begun)) = (update.any(STARTS_ROLLOUT), begun) {
            self.rollouts.has_begun(arn, begun);
        }
        Ok(())
    }

    /// Whether auto scaling decides how many tasks there are.
    async fn is_scaled(&self, cluster: &str, name: &str) -> ProviderResult<bool> {
        let answer = self
            .autoscaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(format!("service/{cluster}/{name}"))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .send()
            .await
            .aws("autoscaling", "DescribeScalableTargets")?;
        Ok(!answer.scalable_targets().is_empty())
    }
}

/// The strategy that brings about what is wanted: an empty one goes back to the launch type that the
/// service was made with.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html>
fn launch_change(spec: &Spec, prior: &Attributes) -> ProviderResult<Vec<CapacityProviderShare>> {
    if let Some(strategy) = spec
        .capacity_provider_strategy
        .as_ref()
        .filter(|all| !all.is_empty())
    {
        return Ok(strategy.clone());
    }
    let was = prior.get("launch_type").and_then(Value::as_str);
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

fn observe(service: &sdk::Service) -> Found<Observed> {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let network = service.network_configuration();
    let observed = Observed {
        cluster: service.cluster_arn().unwrap_or_default().to_owned(),
        service_name: service.service_name().unwrap_or_default().to_owned(),
        task_definition: text(service.task_definition()),
        desired_count: service.desired_count(),
        launch_type: text(service.launch_type().map(|kind| kind.as_str())),
        capacity_provider_strategy: strategy_from_sdk(service.capacity_provider_strategy()),
        platform_version: text(service.platform_version()),
        network_configuration: network.and_then(network_from_sdk),
        load_balancers: load_balancers_from_sdk(service.load_balancers()),
        service_registries: registries_from_sdk(service.service_registries()),
        deployment_configuration: service.deployment_configuration().map(rollout_from_sdk),
        health_check_grace_period_seconds: service.health_check_grace_period_seconds().unwrap_or(0),
        enable_execute_command: service.enable_execute_command(),
        enable_ecs_managed_tags: service.enable_ecs_managed_tags(),
        propagate_tags: service
            .propagate_tags()
            .map_or("NONE", |whose| whose.as_str())
            .to_owned(),
        availability_zone_rebalancing: text(
            service
                .availability_zone_rebalancing()
                .map(|switch| switch.as_str()),
        ),
        scheduling_strategy: text(service.scheduling_strategy().map(|strategy| strategy.as_str())),
        tags: without_reserved(all_tags(service.tags())),
        arn: service.service_arn().unwrap_or_default().to_owned(),
    };
    let health = match service.status() {
        Some(status @ "DRAINING") => Health::Deleting(status.to_owned()),
        _ => Health::Ready,
    };
    Found { observed, health }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::services::testing::{check, reference, table};

    const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/main";
    const DEFINITION: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/app:1";

    fn with(more: Json) -> Vec<String> {
        let mut all = json!({ "cluster": CLUSTER, "service_name": "app", "task_definition": DEFINITION });
        let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
            unreachable!()
        };
        all_of.extend(more);
        check::<Service>(all)
    }

    #[test]
    fn services_are_checked() {
        assert_eq!(with(json!({ "desired_count": 0 })), Vec::<String>::new());
        for (more, said) in [
            (
                json!({ "cluster": "main" }),
                "cluster: `main` is no ARN with `:cluster/`",
            ),
            (
                json!({ "task_definition": "app:1" }),
                "task_definition: `app:1` is no ARN with `:task-definition/`",
            ),
            (
                json!({ "task_definition": "arn:aws:ecs:us-east-1:123456789012:task-definition/app" }),
                "task_definition: `app` has no revision, such as `app:7`",
            ),
            (
                json!({ "launch_type": "FARGATE" }),
                "network_configuration: tasks on Fargate need one",
            ),
            (
                json!({ "launch_type": "EC2", "capacity_provider_strategy": [{ "capacity_provider": "a" }] }),
                "capacity_provider_strategy: takes the place of `launch_type`: set one of them",
            ),
            (
                json!({ "scheduling_strategy": "DAEMON", "desired_count": 1 }),
                "desired_count: a service of strategy DAEMON has one task on each instance",
            ),
            (
                json!({ "health_check_grace_period_seconds": 30 }),
                "health_check_grace_period_seconds: is for services with `load_balancers`",
            ),
            (
                json!({ "network_configuration": { "subnets": [] } }),
                "network_configuration.subnets: 0 of them: AWS takes 1 to 16",
            ),
            (
                json!({ "deployment_configuration": { "maximum_percent": 100 } }),
                "deployment_configuration.maximum_percent: has to be more than `minimum_healthy_percent`, or no \
                 task can be replaced",
            ),
            (
                json!({ "deployment_configuration": { "deployment_circuit_breaker": { "rollback": true } } }),
                "deployment_configuration.deployment_circuit_breaker.rollback: there is nothing to roll back \
                 without `enable = true`",
            ),
        ] {
            assert_eq!(with(more), [said]);
        }
    }

    #[test]
    fn a_service_fits_its_task_definition_and_target_group() {
        let definition = json!({
            "network_mode": "awsvpc", "requires_compatibilities": ["EC2"],
            "container_definitions": [{ "name": "app", "port_mappings": [{ "container_port": 80 }] }],
        });
        let found = |name: &str, port: i64, group: &str, network: bool| {
            let mut service = table(json!({ "launch_type": "FARGATE" }));
            let mut balancer = table(json!({ "container_name": name, "container_port": port }));
            balancer.insert("target_group_arn".into(), reference("elbv2.target_group.app.arn"));
            service.insert("load_balancers".into(), Value::List(vec![Value::Map(balancer)]));
            service.insert("task_definition".into(), reference("ecs.task_definition.app.arn"));
            if network {
                let network = table(json!({ "subnets": ["subnet-1"] }));
                service.insert("network_configuration".into(), Value::Map(network));
            }
            let stack = Stack::from([
                ("ecs.service.app".parse().unwrap(), service),
                (
                    "ecs.task_definition.app".parse().unwrap(),
                    table(definition.clone()),
                ),
                (
                    "elbv2.target_group.app".parse().unwrap(),
                    table(json!({ "target_type": group })),
                ),
            ]);
            let found = Service::validate_together(&stack);
            let found = found.into_iter().map(|(_, problem)| problem.path.to_string());
            found.collect::<Vec<_>>()
        };
        assert_eq!(found("app", 80, "ip", true), ["launch_type"]);
        assert_eq!(
            found("app", 81, "instance", false),
            [
                "network_configuration",
                "launch_type",
                "load_balancers[0].target_group_arn",
                "load_balancers[0].container_port",
            ]
        );
        assert_eq!(
            found("web", 80, "ip", true),
            ["launch_type", "load_balancers[0].container_name"]
        );
    }

    #[test]
    fn a_launch_type_is_changed_by_way_of_capacity_providers_only() {
        let spec = |more: Json| {
            let mut all = json!({ "cluster": CLUSTER, "service_name": "app", "task_definition": DEFINITION });
            let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
                unreachable!()
            };
            all_of.extend(more);
            serde_json::from_value::<Spec>(all).unwrap()
        };
        let on_fargate = table(json!({ "launch_type": "FARGATE" }));
        let spot = spec(json!({ "capacity_provider_strategy": [{ "capacity_provider": "FARGATE_SPOT" }] }));
        assert_eq!(launch_change(&spot, &on_fargate).unwrap().len(), 1);
        let back = spec(json!({ "launch_type": "FARGATE" }));
        assert_eq!(launch_change(&back, &Attributes::new()).unwrap(), []);
        let other = spec(json!({ "launch_type": "EC2" }));
        assert!(
            launch_change(&other, &on_fargate)
                .unwrap_err()
                .message
                .contains("in place")
        );
    }
}
