//! What is to be made of a rollout by what AWS tells of it. What cannot be told is never a success.
//!
//! A rollout that ECS rolled back ends with a stable service, whose primary deployment is `COMPLETED`. That it was
//! another one shows by the list of service deployments; by the deployment that was begun, where this process began it;
//! and by the task definition of the service, which the engine holds against the wanted one before it takes a rollout
//! for done.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::types::{
    self as sdk, DeploymentRolloutState, ServiceDeploymentBrief, ServiceDeploymentStatus,
};
use aws_smithy_types::DateTime;
use infra_core::Health;

use crate::gaps::Optional;

/// A deployment that has begun, by AWS's own answer.
#[derive(Debug, Clone)]
pub struct Awaited {
    id: String,
    task_definition: Option<String>,
    created_at: DateTime,
}

/// What a run knows of its rollouts. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Rollouts {
    /// The list of service deployments.
    pub listed: Arc<Optional>,
    /// By service ARN: the deployment that this process has begun, or found under way as the only one.
    awaited: Arc<Mutex<BTreeMap<String, Awaited>>>,
}

impl Rollouts {
    /// Notes what AWS's own answer tells to have begun.
    pub fn has_begun(&self, service: &str, begun: &sdk::Deployment) {
        if let Some(begun) = Awaited::of(begun) {
            let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            awaited.insert(service.to_owned(), begun);
        }
    }

    /// The last one of a service.
    pub fn begun(&self, service: &str) -> Option<Awaited> {
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.get(service).cloned()
    }
}

/// The service's newest service deployment.
#[derive(Debug, Clone)]
pub enum Last {
    /// Not needed: the primary deployment tells enough.
    NotAsked,
    /// There is none that is as new as the primary deployment. AWS forgets them after some months.
    None,
    /// This one.
    Is(Box<ServiceDeploymentBrief>),
    /// The endpoint has no such list.
    CannotBeAsked,
}

/// A service deployment and the deployment in the service that belongs to it are not made at quite the same time.
const TOGETHER_SECONDS: i64 = 10;

impl Awaited {
    /// `None` when AWS does not tell enough to know it again.
    pub fn of(deployment: &sdk::Deployment) -> Option<Self> {
        Some(Self {
            id: deployment.id.clone()?,
            task_definition: deployment.task_definition.clone(),
            created_at: deployment.created_at?,
        })
    }

    /// Whether it is a rollout of this task definition.
    pub fn is_of(&self, task_definition: &str) -> bool {
        self.task_definition.as_deref() == Some(task_definition)
    }

    /// Whether `deployment` is this one.
    pub fn is(&self, deployment: &sdk::Deployment) -> bool {
        deployment.id() == Some(&self.id)
    }

    /// Whether a service deployment is as new as this deployment, and so tells what became of it, or of a later one.
    fn is_told_by(&self, last: &ServiceDeploymentBrief) -> bool {
        last.created_at
            .is_some_and(|at| at.secs() + TOGETHER_SECONDS >= self.created_at.secs())
    }

    /// Whether `service` is an answer from before this deployment began. It is not when its primary deployment
    /// is as new, nor when `last` tells what became of this one (after a rollback the older deployment is
    /// primary again).
    fn is_not_visible_in(&self, service: &sdk::Service, last: &Last) -> bool {
        let is_listed = service.deployments().iter().any(|one| self.is(one));
        let primary = service
            .deployments()
            .iter()
            .find(|one| one.status() == Some("PRIMARY"));
        let is_old = primary
            .and_then(|primary| primary.created_at())
            .is_some_and(|created_at| *created_at < self.created_at);
        let told = matches!(last, Last::Is(last) if self.is_told_by(last));
        !is_listed && is_old && !told
    }
}

/// How far a service's primary deployment is, and whether it came to what was wanted.
pub fn health_of(
    service: &sdk::Service,
    primary: &sdk::Deployment,
    awaited: Option<&Awaited>,
    last: &Last,
) -> Health {
    if awaited.is_some_and(|awaited| awaited.is_not_visible_in(service, last)) {
        return Health::Pending("the new deployment is not visible yet".into());
    }
    match primary.rollout_state() {
        Some(DeploymentRolloutState::Failed) => {
            let reason = primary.rollout_state_reason().unwrap_or("no reason given");
            Health::Failed(format!("FAILED: {reason}"))
        }
        Some(DeploymentRolloutState::Completed) => completed(primary, awaited, last),
        Some(_) => Health::Pending(progress(primary)),
        // Only behind a Classic Load Balancer, and where ECS itself does not deploy: its tasks tell.
        None if is_steady(service, primary) => Health::Ready,
        None => Health::Pending(progress(primary)),
    }
}

/// A primary deployment that completed may be the one that ECS went back to.
fn completed(primary: &sdk::Deployment, awaited: Option<&Awaited>, last: &Last) -> Health {
    let replaced = awaited.filter(|awaited| !awaited.is(primary));
    let untold = || Health::Pending("AWS does not tell yet how the rollout ended".into());
    let last = match (last, replaced) {
        (Last::NotAsked | Last::None | Last::CannotBeAsked, None) => return Health::Ready,
        (Last::NotAsked | Last::None, Some(_)) => return untold(),
        (Last::CannotBeAsked, Some(awaited)) => {
            let there = primary.id().unwrap_or("another one");
            return Health::Failed(format!(
                "the deployment {} is no longer there, {there} is in its place, and this endpoint has no \
                 ListServiceDeployments that would tell why",
                awaited.id
            ));
        }
        (Last::Is(last), Some(awaited)) if !awaited.is_told_by(last) => return untold(),
        (Last::Is(last), _) => last,
    };
    match last.status() {
        Some(ServiceDeploymentStatus::Successful) => Health::Ready,
        Some(
            status @ (ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed),
        ) => {
            let reason = last.status_reason().filter(|reason| !reason.is_empty());
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            Health::Failed(format!("{}{reason}", status.as_str()))
        }
        Some(other) => Health::Pending(other.as_str().to_owned()),
        None => untold(),
    }
}

/// Whether a service runs what it is to run, and nothing else.
fn is_steady(service: &sdk::Service, primary: &sdk::Deployment) -> bool {
    service.deployments().len() == 1
        && primary.pending_count() == 0
        && primary.running_count() == primary.desired_count()
}

/// `1 of 2 tasks running, 1 pending, 3 failed`.
fn progress(primary: &sdk::Deployment) -> String {
    let mut text = format!(
        "{} of {} tasks running",
        primary.running_count(),
        primary.desired_count()
    );
    for (count, what) in [
        (primary.pending_count(), "pending"),
        (primary.failed_tasks(), "failed"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A primary deployment of this name, made then, in this state.
    fn deployment(id: &str, at: i64, state: Option<&str>) -> sdk::Deployment {
        sdk::Deployment::builder()
            .id(id)
            .status("PRIMARY")
            .created_at(DateTime::from_secs(at))
            .set_rollout_state(state.map(Into::into))
            .rollout_state_reason("tasks failed to start")
            .desired_count(2)
            .running_count(1)
            .failed_tasks(3)
            .build()
    }

    fn service(one: &sdk::Deployment) -> sdk::Service {
        sdk::Service::builder().deployments(one.clone()).build()
    }

    fn told(status: &str, at: i64) -> Last {
        let brief = ServiceDeploymentBrief::builder()
            .status(status.into())
            .status_reason("tripped")
            .created_at(DateTime::from_secs(at));
        Last::Is(Box::new(brief.build()))
    }

    #[test]
    fn a_rollout_is_done_only_when_that_can_be_told() {
        let failed = |text: &str| Health::Failed(text.to_owned());
        let pending = |text: &str| Health::Pending(text.to_owned());
        let untold = || pending("AWS does not tell yet how the rollout ended");
        let unseen = || pending("the new deployment is not visible yet");
        let ours = deployment("ecs-svc/2", 200, Some("COMPLETED"));
        let former = deployment("ecs-svc/1", 100, Some("COMPLETED"));
        let going_back = deployment("ecs-svc/3", 300, Some("COMPLETED"));
        let begun = Awaited::of(&ours).unwrap();
        let cases = [
            // Ours completed, and ECS goes back from none that did.
            (&ours, true, Last::NotAsked, Health::Ready),
            // Begun by another process: what became of the newest service deployment is what counts.
            (&ours, false, told("SUCCESSFUL", 200), Health::Ready),
            (
                &former,
                false,
                told("ROLLBACK_SUCCESSFUL", 200),
                failed("ROLLBACK_SUCCESSFUL: tripped"),
            ),
            (
                &former,
                false,
                told("ROLLBACK_FAILED", 200),
                failed("ROLLBACK_FAILED: tripped"),
            ),
            (&former, false, told("STOPPED", 200), failed("STOPPED: tripped")),
            (
                &former,
                false,
                told("ROLLBACK_IN_PROGRESS", 200),
                pending("ROLLBACK_IN_PROGRESS"),
            ),
            (
                &former,
                false,
                told("SOMETHING_NEW", 200),
                pending("SOMETHING_NEW"),
            ),
            (
                &former,
                false,
                Last::Is(Box::new(ServiceDeploymentBrief::builder().build())),
                untold(),
            ),
            // Nothing newer: it is as it was.
            (&former, false, Last::None, Health::Ready),
            // The task definition tells the rest, which the engine compares.
            (&ours, false, Last::CannotBeAsked, Health::Ready),
            // An answer from before ours began.
            (&former, true, Last::None, unseen()),
            (&former, true, Last::CannotBeAsked, unseen()),
            (&former, true, told("SUCCESSFUL", 150), unseen()),
            // ECS went back, to the former deployment or by a new one of the former definition.
            (
                &former,
                true,
                told("ROLLBACK_SUCCESSFUL", 199),
                failed("ROLLBACK_SUCCESSFUL: tripped"),
            ),
            (
                &going_back,
                true,
                told("ROLLBACK_SUCCESSFUL", 200),
                failed("ROLLBACK_SUCCESSFUL: tripped"),
            ),
            (&going_back, true, told("SUCCESSFUL", 100), untold()),
            (&going_back, true, Last::None, untold()),
            (
                &going_back,
                true,
                Last::CannotBeAsked,
                failed(
                    "the deployment ecs-svc/2 is no longer there, ecs-svc/3 is in its place, and this endpoint has no \
                     ListServiceDeployments that would tell why",
                ),
            ),
            // Somebody else rolled out after us, and well.
            (&going_back, true, told("SUCCESSFUL", 300), Health::Ready),
        ];
        for (primary, is_ours, last, health) in cases {
            let awaited = is_ours.then_some(&begun);
            assert_eq!(
                health_of(&service(primary), primary, awaited, &last),
                health,
                "{:?} begun by us: {is_ours}, {last:?}",
                primary.id()
            );
        }
    }

    #[test]
    fn a_deployment_on_its_way_is_neither() {
        for (state, health) in [
            (
                Some("IN_PROGRESS"),
                Health::Pending("1 of 2 tasks running, 3 failed".into()),
            ),
            (
                Some("FAILED"),
                Health::Failed("FAILED: tasks failed to start".into()),
            ),
            (None, Health::Pending("1 of 2 tasks running, 3 failed".into())),
        ] {
            let primary = deployment("ecs-svc/1", 100, state);
            assert_eq!(
                health_of(&service(&primary), &primary, None, &Last::NotAsked),
                health
            );
        }
        let steady = sdk::Deployment::builder()
            .status("PRIMARY")
            .desired_count(2)
            .running_count(2)
            .build();
        assert_eq!(
            health_of(&service(&steady), &steady, None, &Last::NotAsked),
            Health::Ready
        );
        let former = sdk::Deployment::builder()
            .status("ACTIVE")
            .running_count(1)
            .build();
        let with_former = sdk::Service::builder()
            .deployments(steady.clone())
            .deployments(former)
            .build();
        assert!(matches!(
            health_of(&with_former, &steady, None, &Last::NotAsked),
            Health::Pending(_)
        ));
    }
}
