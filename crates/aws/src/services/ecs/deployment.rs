//! `ecs.deployment`: the rollout of a task definition by a service, from its start to its end.
//!
//! Nothing at AWS is made by it: it stands for the last rollout of a service, and is the last node of a stack. Calls:
//! DescribeServices (10 of a cluster), ListServiceDeployments (for services whose rollout has ended), UpdateService
//! where the service has not begun this rollout by itself; to explain a failure also ListTasks, DescribeTasks,
//! DescribeTaskDefinition and GetLogEvents.
//!
//! A rollout that ECS rolled back ends with a stable service: its primary deployment is `COMPLETED`, only of the former
//! task definition. How it ended stands in the list of service deployments.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{self as sdk, CreatedAt, DeploymentRolloutState, ServiceDeploymentBrief};
use aws_smithy_types::DateTime;
use futures::future::try_join_all;
use infra_provider::Following;

use super::common::{cluster_of, describe_service, describe_services};
use super::explain;
use super::rollout::{Last, health_of};
use super::service::STARTS_ROLLOUT;
use super::tagging::Ecs;
use crate::gaps::few_retries;
use crate::prelude::*;

/// The rollout of a task definition by a service: done when its tasks run.
///
/// It fails when ECS gives the rollout up or rolls it back, and says why tasks stopped. A rollout that begins because
/// something else of the service changes, such as its network or load balancers, is waited for as well. What the old tasks
/// use is deleted only when it has ended well. Nothing is rolled out when the service runs the task definition already;
/// `infra redeploy` asks for a rollout all the same.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html")]
pub struct Deployment {
    /// The ARN of the cluster.
    #[attribute(
        immutable,
        pattern(
            "^arn:.*:cluster/",
            "is no ARN with `:cluster/`, as `${ecs.cluster.main.arn}` is"
        )
    )]
    pub cluster: String,
    /// The ARN of the service.
    #[attribute(
        immutable,
        pattern(
            "^arn:.*:service/",
            "is no ARN with `:service/`, as `${ecs.service.app.arn}` is"
        )
    )]
    pub service: String,
    /// The ARN of the task definition, revision included, that the service has to run.
    #[attribute(pattern(
        "^arn:.*:task-definition/[^:]+:[0-9]+$",
        "is no ARN of a task definition with its revision, as `${ecs.task_definition.app.arn}` is"
    ))]
    pub task_definition: String,
    /// The id of the service's primary deployment.
    #[attribute(computed, changes_on_update)]
    pub deployment_id: Option<String>,
    /// How far it is: `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    #[attribute(computed, changes_on_update)]
    pub rollout_state: Option<String>,
    /// Tasks that the deployment wants.
    #[attribute(computed, changes_on_update)]
    pub desired_count: Option<i32>,
    /// Tasks of it that run.
    #[attribute(computed, changes_on_update)]
    pub running_count: Option<i32>,
    /// Tasks of it that are about to run.
    #[attribute(computed, changes_on_update)]
    pub pending_count: Option<i32>,
    /// Tasks of it that did not start or failed.
    #[attribute(computed, changes_on_update)]
    pub failed_tasks: Option<i32>,
}

use DeploymentField as Field;

impl Resource for Deployment {
    const NAME: &'static str = "ecs.deployment";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:DescribeServices",
        "ecs:ListServiceDeployments",
        "ecs:UpdateService",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        "ecs:DescribeTaskDefinition",
        "logs:GetLogEvents",
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
cluster               = "${ecs.cluster.main.arn}"
service_name          = "appname-ecs-service-dev02"
task_definition       = "${ecs.task_definition.app.arn}"
desired_count         = 2
launch_type           = "FARGATE"
network_configuration = { subnets = ["subnet-0123456789abcdef0"] }

[ecs.deployment.app]
cluster         = "${ecs.cluster.main.arn}"
service         = "${ecs.service.app.arn}"
task_definition = "${ecs.task_definition.app.arn}"
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::Service],
        waits: Waits {
            create: Some(ROLLOUT),
            update: Some(ROLLOUT),
            ..Waits::NONE
        },
        recognition: Recognition::Shared,
        follows: Some(Following {
            through: Field::Service,
            of: "ecs.service",
            starts: STARTS_ROLLOUT,
        }),
        ..Rules::NONE
    };
    type Service = Ecs;

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialDeployment>> {
        roll_out(aws, &spec, false).await?;
        let id = PhysicalId::new(&spec.service);
        let mut there = Self::read(aws, std::slice::from_ref(&id)).await?;
        let found = there.remove(&id).ok_or_else(|| no_service(&spec))?;
        Ok(Created { id, found })
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        Self::read_again(aws, ids, &[]).await
    }

    /// Where the deployment that completed last is still the primary one, nothing was rolled out since, or what was
    /// is taken back: the list of service deployments is not asked for.
    async fn read_again(
        aws: &Clients,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<Observations<Self>> {
        let services = describe_services(aws, ids).await?;
        let there = services
            .iter()
            .filter(|service| service.status() != Some("DRAINING"));
        let completed: BTreeMap<&str, &str> = ids
            .iter()
            .zip(last)
            .filter_map(|(id, last)| Some((id.as_str(), (*last)?)))
            .filter(|(_, last)| known_str(last, Field::RolloutState) == Some("COMPLETED"))
            .filter_map(|(id, last)| Some((id, known_str(last, Field::DeploymentId)?)))
            .collect();
        let found = try_join_all(there.map(async |service| {
            let arn = service.service_arn().unwrap_or_default();
            let health = health(aws, service, completed.get(arn).copied()).await?;
            let observed = observe(service);
            ProviderResult::Ok((PhysicalId::new(arn), Found { observed, health }))
        }));
        Ok(found.await?.into_iter().collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        // Another definition is a rollout by itself, also where the service has it already.
        let forced = update.forced && !update.changes(Field::TaskDefinition);
        roll_out(aws, &update.spec, forced).await
    }

    /// A rollout that is over cannot be taken back; the service is deleted by itself.
    async fn delete(_: &Clients, _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }

    /// What is there is the service; that it has the definition tells that the rollout was begun.
    async fn left(aws: &Clients, _: &Call, given: &PartialDeployment) -> ProviderResult<Observations<Self>> {
        let (Some(cluster), Some(service)) = (given.cluster.as_str(), given.service.as_str()) else {
            return Ok(Observations::<Self>::new());
        };
        let there = describe_service(&aws.ecs, cluster, service).await?;
        let there = there.filter(|there| there.status() != Some("DRAINING"));
        let there = there.filter(|there| there.task_definition() == given.task_definition.as_str());
        let found = there.iter().map(|there| {
            let arn = there.service_arn().unwrap_or_default();
            (PhysicalId::new(arn), Found::ready(observe(there)))
        });
        Ok(found.collect())
    }

    async fn explain(aws: &Clients, id: &PhysicalId) -> Option<String> {
        let cluster = cluster_of(id.as_str()).ok()?;
        let service = describe_service(&aws.ecs, cluster, id.as_str()).await.ok()??;
        explain::explain(&aws.ecs, &aws.logs, &aws.region, &service).await
    }
}

/// The default health check of a target group alone takes 5 times 30 seconds.
const ROLLOUT: Wait = Wait::seconds("rollout of the service", 120, 1200);

/// Starts the rollout if it is not on its way or done already, or `forced`.
async fn roll_out(aws: &Clients, spec: &Deployment, forced: bool) -> ProviderResult<()> {
    // What the service's own update has begun is the rollout, whatever became of it meanwhile.
    let begun = aws.rollouts.begun(&spec.service);
    if begun.is_some_and(|begun| begun.is_of(&spec.task_definition)) {
        return Ok(());
    }
    let service = describe_service(&aws.ecs, &spec.cluster, &spec.service).await?;
    let service = service.ok_or_else(|| no_service(spec))?;
    let is_wanted = service.task_definition() == Some(spec.task_definition.as_str());
    if is_wanted && !forced && !matches!(health(aws, &service, None).await?, Health::Failed(_)) {
        if let [only] = service.deployments()
            && only.rollout_state() == Some(&DeploymentRolloutState::InProgress)
        {
            aws.rollouts.has_begun(&spec.service, only);
        }
        return Ok(());
    }
    let answer = aws
        .ecs
        .update_service()
        .cluster(&spec.cluster)
        .service(&spec.service)
        .task_definition(&spec.task_definition)
        // A new definition begins a rollout by itself; forced as well, it would begin two when `service` was
        // an answer from before the service's own update.
        .set_force_new_deployment(is_wanted.then_some(true))
        .send()
        .await
        .aws("ecs", "UpdateService")?;
    if let Some(begun) = answer.service.as_ref().and_then(primary) {
        aws.rollouts.has_begun(&spec.service, begun);
    }
    Ok(())
}

/// `completed` is the id of a deployment that did.
async fn health(aws: &Clients, service: &sdk::Service, completed: Option<&str>) -> ProviderResult<Health> {
    let Some(primary) = primary(service) else {
        return Ok(Health::Pending("no primary deployment yet".into()));
    };
    let awaited = service.service_arn().and_then(|arn| aws.rollouts.begun(arn));
    let is_awaited = awaited.as_ref().is_some_and(|awaited| awaited.is(primary));
    let last = match primary.rollout_state() {
        // One that ECS goes back from is never completed; only of another one it may be that ECS went back to it.
        Some(DeploymentRolloutState::Completed)
            if !is_awaited && (completed.is_none() || primary.id() != completed) =>
        {
            last_service_deployment(aws, service, primary).await?
        }
        _ => Last::NotAsked,
    };
    Ok(health_of(service, primary, awaited.as_ref(), &last))
}

/// The newest service deployment of a service. It is at least as new as the primary deployment: a rollback
/// makes the former one primary again, or makes a new one of it.
async fn last_service_deployment(
    aws: &Clients,
    service: &sdk::Service,
    primary: &sdk::Deployment,
) -> ProviderResult<Last> {
    if aws.rollouts.listed.is_missing() {
        return Ok(Last::CannotBeAsked);
    }
    let since = primary
        .created_at()
        .map(|at| DateTime::from_secs(at.secs() - CLOCK_SECONDS));
    let mut newest: Option<ServiceDeploymentBrief> = None;
    let mut next_token = None;
    for _ in 0..PAGES {
        let answer = aws
            .ecs
            .list_service_deployments()
            .set_cluster(service.cluster_arn.clone())
            .set_service(service.service_arn.clone())
            .set_created_at(since.map(|since| CreatedAt::builder().after(since).build()))
            .set_next_token(next_token)
            .customize()
            .config_override(aws_sdk_ecs::Config::builder().retry_config(few_retries()))
            .send()
            .await;
        let answer = aws
            .rollouts
            .listed
            .answer(answer, "ecs", "ListServiceDeployments")?;
        let Some(answer) = answer else {
            return Ok(Last::CannotBeAsked);
        };
        next_token = answer.next_token;
        let page = answer.service_deployments.unwrap_or_default();
        newest = page.into_iter().chain(newest).max_by_key(created_at);
        if next_token.is_none() {
            break;
        }
    }
    Ok(newest.map_or(Last::None, |newest| Last::Is(Box::new(newest))))
}

fn created_at(deployment: &ServiceDeploymentBrief) -> Option<(i64, u32)> {
    let at = deployment.created_at()?;
    Some((at.secs(), at.subsec_nanos()))
}

/// Pages of service deployments that are read, of 20 each: nobody deploys more often in [`CLOCK_SECONDS`].
const PAGES: usize = 10;

/// How much earlier than its primary deployment a service deployment may say it was made.
const CLOCK_SECONDS: i64 = 600;

fn no_service(spec: &Deployment) -> ProviderError {
    let message = format!(
        "there is no service {} that could roll out anything",
        spec.service
    );
    ProviderError::new(ErrorClass::NotFound, message)
}

/// The deployment that the service is working towards.
pub(super) fn primary(service: &sdk::Service) -> Option<&sdk::Deployment> {
    service
        .deployments()
        .iter()
        .find(|deployment| deployment.status() == Some("PRIMARY"))
}

fn observe(service: &sdk::Service) -> PartialDeployment {
    let primary = primary(service);
    PartialDeployment {
        cluster: service.cluster_arn().into(),
        service: service.service_arn().into(),
        task_definition: service.task_definition().into(),
        deployment_id: primary.and_then(|primary| primary.id()).into(),
        rollout_state: told(primary.and_then(|primary| primary.rollout_state())),
        desired_count: primary.map_or(0, |primary| primary.desired_count()).into(),
        running_count: primary.map_or(0, |primary| primary.running_count()).into(),
        pending_count: primary.map_or(0, |primary| primary.pending_count()).into(),
        failed_tasks: primary.map_or(0, |primary| primary.failed_tasks()).into(),
    }
}
