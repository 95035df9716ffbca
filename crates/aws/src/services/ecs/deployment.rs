//! `ecs.deployment`: the rollout of a task definition by a service, from its start to its end.
//!
//! Nothing at AWS is made by it: it stands for the last rollout of a service, and is the last node of a
//! stack. Calls: DescribeServices (10 of a cluster), ListServiceDeployments (for services whose rollout
//! has ended), UpdateService where the service has not begun this rollout by itself; to explain a failure
//! also ListTasks, DescribeTasks, DescribeTaskDefinition and GetLogEvents.
//!
//! A rollout that ECS rolled back ends with a stable service: its primary deployment is `COMPLETED`, only
//! of the former task definition. How it ended stands in the list of service deployments.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, CreatedAt, DeploymentRolloutState, ServiceDeploymentBrief};
use aws_smithy_types::DateTime;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError};
use infra_provider::{
    Call, Created, Following, Found, ProviderResult, Recognition, ResourceType, Traits, Update, Wait, Waits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{check_arn, check_task_definition_arn, cluster_of, describe_service, describe_services};
use super::explain;
use super::rollout::{Last, Rollouts, health_of};
use super::service::STARTS_ROLLOUT;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::gaps::{Optional, few_retries};
use crate::joined::Joined;
use crate::read::Observations;

/// The type.
pub struct Deployment {
    client: Client,
    services: Joined<sdk::Service>,
    logs: aws_sdk_cloudwatchlogs::Client,
    region: String,
    service_deployments: Optional,
    rollouts: Rollouts,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The ARN of the cluster.
    pub cluster: String,
    /// The ARN of the service.
    pub service: String,
    /// The ARN of the task definition, revision included, that the service has to run.
    pub task_definition: String,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    cluster: String,
    service: String,
    task_definition: Option<String>,
    /// The id of the service's primary deployment.
    deployment_id: Option<String>,
    /// How far it is: `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    rollout_state: Option<String>,
    /// Tasks that the deployment wants.
    desired_count: i32,
    /// Tasks of it that run.
    running_count: i32,
    /// Tasks of it that are about to run.
    pending_count: i32,
    /// Tasks of it that did not start or failed.
    failed_tasks: i32,
}

impl FromClients for Deployment {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecs.clone(),
            services: clients.services.clone(),
            logs: clients.logs.clone(),
            region: clients.region.clone(),
            service_deployments: Optional::default(),
            rollouts: clients.rollouts.clone(),
        }
    }
}

impl ResourceType for Deployment {
    const NAME: &'static str = "ecs.deployment";
    const DESCRIPTION: &'static str =
        "The rollout of a task definition by a service: done when its tasks run.

It fails when ECS gives the rollout up or rolls it back, and says why tasks stopped. A rollout that begins because
something else of the service changes, such as its network or load balancers, is waited for as well. What the old tasks
use is deleted only when it has ended well. Nothing is rolled out when the service runs the task definition already;
`infra redeploy` asks for a rollout all the same.";
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
    const TRAITS: Traits = Traits {
        immutable: &["cluster", "service"],
        changes_on_update: &[
            "deployment_id",
            "rollout_state",
            "desired_count",
            "running_count",
            "pending_count",
            "failed_tasks",
        ],
        natural_key: &["service"],
        waits: Waits {
            create: Some(ROLLOUT),
            update: Some(ROLLOUT),
            ..Waits::NONE
        },
        recognition: Recognition::Shared,
        follows: Some(Following {
            through: "service",
            of: "ecs.service",
            starts: STARTS_ROLLOUT,
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        for (name, part, example) in [
            ("cluster", ":cluster/", "\"${ecs.cluster.main.arn}\""),
            ("service", ":service/", "\"${ecs.service.app.arn}\""),
        ] {
            check_arn(attributes, name, part, example, problems);
        }
        check_task_definition_arn(attributes, problems);
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        self.roll_out(&spec, false).await?;
        let id = PhysicalId::new(&spec.service);
        let mut there = self.read(std::slice::from_ref(&id)).await?;
        let found = there.remove(&id).ok_or_else(|| no_service(&spec))?;
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        self.read_again(ids, &[]).await
    }

    /// Where the deployment that completed last is still the primary one, nothing was rolled out since, or what was
    /// is taken back: the list of service deployments is not asked for.
    async fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<Observations<Observed>> {
        let services = describe_services(&self.client, &self.services, ids).await?;
        let there = services
            .iter()
            .filter(|service| service.status() != Some("DRAINING"));
        let completed: BTreeMap<&PhysicalId, &str> = ids
            .iter()
            .zip(last)
            .filter_map(|(id, last)| Some((id, (*last)?)))
            .filter(|(_, last)| known_str(last, "rollout_state") == Some("COMPLETED"))
            .filter_map(|(id, last)| Some((id, known_str(last, "deployment_id")?)))
            .collect();
        let found = try_join_all(there.map(async |service| {
            let observed = observe(service);
            let id = PhysicalId::new(&observed.service);
            let completed = completed.get(&id).copied();
            let health = self.health(service, completed).await?;
            ProviderResult::Ok((id, Found { observed, health }))
        }));
        Ok(found.await?.into_iter().collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        // Another definition is a rollout by itself, also where the service has it already.
        let forced = update.forced && !update.any(&["task_definition"]);
        self.roll_out(&update.spec, forced).await
    }

    /// A rollout that is over cannot be taken back; the service is deleted by itself.
    async fn delete(&self, _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let text = |name: &str| known_str(attributes, name);
        let (Some(cluster), Some(service)) = (text("cluster"), text("service")) else {
            return Ok(None);
        };
        let there = describe_service(&self.client, cluster, service).await?;
        Ok(there
            .filter(|there| there.status() != Some("DRAINING"))
            .filter(|there| there.task_definition() == text("task_definition"))
            .and_then(|there| there.service_arn)
            .map(PhysicalId::new))
    }

    async fn explain(&self, id: &PhysicalId) -> Option<String> {
        let cluster = cluster_of(id.as_str()).ok()?;
        let service = describe_service(&self.client, cluster, id.as_str())
            .await
            .ok()??;
        explain::explain(&self.client, &self.logs, &self.region, &service).await
    }
}

/// The default health check of a target group alone takes 5 times 30 seconds.
const ROLLOUT: Wait = Wait::seconds("rollout of the service", 120, 1200);

impl Deployment {
    /// Starts the rollout if it is not on its way or done already, or `forced`.
    async fn roll_out(&self, spec: &Spec, forced: bool) -> ProviderResult<()> {
        // What the service's own update has begun is the rollout, whatever became of it meanwhile.
        let begun = self.rollouts.begun(&spec.service);
        if begun.is_some_and(|begun| begun.is_of(&spec.task_definition)) {
            return Ok(());
        }
        let service = describe_service(&self.client, &spec.cluster, &spec.service).await?;
        let service = service.ok_or_else(|| no_service(spec))?;
        let is_wanted = service.task_definition() == Some(spec.task_definition.as_str());
        if is_wanted && !forced && !matches!(self.health(&service, None).await?, Health::Failed(_)) {
            if let [only] = service.deployments()
                && only.rollout_state() == Some(&DeploymentRolloutState::InProgress)
            {
                self.rollouts.has_begun(&spec.service, only);
            }
            return Ok(());
        }
        let answer = self
            .client
            .update_service()
            .cluster(&spec.cluster)
            .service(&spec.service)
            .task_definition(&spec.task_definition)
            // A new definition begins a rollout by itself; forced as well, it would begin two when `service` was
            // an answer from before the service's own update.
            .force_new_deployment(is_wanted)
            .send()
            .await
            .aws("ecs", "UpdateService")?;
        if let Some(begun) = answer.service.as_ref().and_then(primary) {
            self.rollouts.has_begun(&spec.service, begun);
        }
        Ok(())
    }

    /// `completed` is the id of a deployment that did.
    async fn health(&self, service: &sdk::Service, completed: Option<&str>) -> ProviderResult<Health> {
        let Some(primary) = primary(service) else {
            return Ok(Health::Pending("no primary deployment yet".into()));
        };
        let awaited = service.service_arn().and_then(|arn| self.rollouts.begun(arn));
        let is_awaited = awaited.as_ref().is_some_and(|awaited| awaited.is(primary));
        let last = match primary.rollout_state() {
            // One that ECS goes back from is never completed; only of another one it may be that ECS went back to it.
            Some(DeploymentRolloutState::Completed)
                if !is_awaited && (completed.is_none() || primary.id() != completed) =>
            {
                self.last_service_deployment(service, primary).await?
            }
            _ => Last::NotAsked,
        };
        Ok(health_of(service, primary, awaited.as_ref(), &last))
    }

    /// The newest service deployment of a service. It is at least as new as the primary deployment: a rollback
    /// makes the former one primary again, or makes a new one of it.
    async fn last_service_deployment(
        &self,
        service: &sdk::Service,
        primary: &sdk::Deployment,
    ) -> ProviderResult<Last> {
        if self.service_deployments.is_missing() {
            return Ok(Last::CannotBeAsked);
        }
        let since = primary
            .created_at()
            .map(|at| DateTime::from_secs(at.secs() - CLOCK_SECONDS));
        let mut newest: Option<ServiceDeploymentBrief> = None;
        let mut next_token = None;
        for _ in 0..PAGES {
            let answer = self
                .client
                .list_service_deployments()
                .set_cluster(service.cluster_arn.clone())
                .set_service(service.service_arn.clone())
                .set_created_at(since.map(|since| CreatedAt::builder().after(since).build()))
                .set_next_token(next_token)
                .customize()
                .config_override(aws_sdk_ecs::Config::builder().retry_config(few_retries()))
                .send()
                .await;
            let answer = self
                .service_deployments
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
}

fn created_at(deployment: &ServiceDeploymentBrief) -> Option<(i64, u32)> {
    let at = deployment.created_at()?;
    Some((at.secs(), at.subsec_nanos()))
}

/// Pages of service deployments that are read, of 20 each: nobody deploys more often in [`CLOCK_SECONDS`].
const PAGES: usize = 10;

/// How much earlier than its primary deployment a service deployment may say it was made.
const CLOCK_SECONDS: i64 = 600;

fn no_service(spec: &Spec) -> ProviderError {
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

fn observe(service: &sdk::Service) -> Observed {
    let primary = primary(service);
    Observed {
        cluster: service.cluster_arn().unwrap_or_default().to_owned(),
        service: service.service_arn().unwrap_or_default().to_owned(),
        task_definition: service.task_definition().map(str::to_owned),
        deployment_id: primary.and_then(|primary| primary.id.clone()),
        rollout_state: primary
            .and_then(|primary| primary.rollout_state())
            .map(|state| state.as_str().to_owned()),
        desired_count: primary.map_or(0, |primary| primary.desired_count()),
        running_count: primary.map_or(0, |primary| primary.running_count()),
        pending_count: primary.map_or(0, |primary| primary.pending_count()),
        failed_tasks: primary.map_or(0, |primary| primary.failed_tasks()),
    }
}
