"""An ECS service and its rollouts.

A new deployment starts as many tasks beside the old ones as the maximum percentage lets it; old ones drain as far
as the minimum percentage lets them, as soon as new ones serve in their place or need their room. When those are gone and the service has been steady for a while, the deployment is COMPLETED. Tasks that fail
to start count; with the circuit breaker on, enough of them make the deployment FAILED, and with rollback on
the last completed deployment becomes the primary one again.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
"""

import itertools
import random
import uuid
from datetime import datetime
from typing import Any

from .tasks import Task, now
from .world import store, timeline

# What a service revision has, beside the task definition: a rollback brings all of it back.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-revision.html
OF_REVISION = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "launchType",
    "capacityProviderStrategy",
    "loadBalancers",
    "serviceRegistries",
)
# Service deployments by their ARN, oldest first.
service_deployments: dict[str, "ServiceDeployment"] = store()
EVENTS_KEPT = 100
STOPPED_TASKS_KEPT = 100
_revisions = itertools.count(random.randrange(10**18, 2 * 10**18))


class Deployment:
    """One entry of a service's `deployments`."""

    def __init__(self, service: "Service", definition: Any) -> None:
        self.id = f"ecs-svc/{random.randrange(10**18, 10**19)}"
        self.service, self.definition = service, definition
        self.status, self.rollout_state = "PRIMARY", "IN_PROGRESS"
        self.reason = f"ECS deployment {self.id} in progress."
        self.failed_tasks = 0
        self.desired_count = service.desired_count
        self.created_at = self.updated_at = now()
        self.revision_arn = service.arn.replace(":service/", ":service-revision/") + f"/{next(_revisions)}"
        self.launch = service.launch_fields()
        self.network_configuration = service.network_configuration
        # What the service said when it began.
        self.fields = {name: service.fields[name] for name in OF_REVISION if name in service.fields}
        self.completed_once = False
        # A deployment that was rolled back stays to be seen for a while.
        self.kept_listed = False

    def tasks(self) -> list[Task]:
        return [task for task in self.service.tasks if task.started_by == self.id]

    def live_tasks(self) -> list[Task]:
        return [task for task in self.tasks() if task.is_live()]

    def tasks_left(self) -> bool:
        """True while a task of it has not ended."""
        return any(task.last_status != "STOPPED" for task in self.tasks())

    def count(self, *statuses: str) -> int:
        return sum(task.last_status in statuses for task in self.tasks())

    def set_state(self, state: str, reason: str) -> None:
        self.rollout_state, self.reason, self.updated_at = state, reason, now()

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": self.status,
            "taskDefinition": self.definition.arn,
            "desiredCount": self.desired_count,
            "pendingCount": self.count("PROVISIONING", "PENDING"),
            "runningCount": self.count("RUNNING", "DEACTIVATING"),
            "failedTasks": self.failed_tasks,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "networkConfiguration": self.network_configuration,
            "platformFamily": "Linux",
            "rolloutState": self.rollout_state,
            "rolloutStateReason": self.reason,
        } | self.launch

    def revision(self) -> dict[str, Any]:
        return {
            "arn": self.revision_arn,
            "requestedTaskCount": self.desired_count,
            "runningTaskCount": self.count("RUNNING"),
            "pendingTaskCount": self.count("PROVISIONING", "PENDING"),
        }


class ServiceDeployment:
    """The lasting record of one rollout, for DescribeServiceDeployments."""

    def __init__(self, service: "Service", target: Deployment, sources: list[Deployment]) -> None:
        identity = uuid.uuid4().hex[:21]
        self.arn = service.arn.replace(":service/", ":service-deployment/") + f"/{identity}"
        self.service, self.target, self.sources = service, target, sources
        self.status, self.reason = "IN_PROGRESS", ""
        self.created_at = now()
        self.finished_at: datetime | None = None
        self.rollback: dict[str, Any] | None = None
        self.breaker = "MONITORING" if service.breaker()["enable"] else "DISABLED"
        self.threshold = service.failure_threshold()
        self.configuration = service.deployment_configuration

    def finish(self, status: str, reason: str = "") -> None:
        self.status, self.reason, self.finished_at = status, reason, now()
        if self.breaker == "MONITORING":
            self.breaker = "MONITORING_COMPLETE"

    def brief(self) -> dict[str, Any]:
        described = {
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service.arn,
            "clusterArn": self.service.cluster_arn,
            "createdAt": self.created_at,
            "startedAt": self.created_at,
            "finishedAt": self.finished_at,
            "targetServiceRevisionArn": self.target.revision_arn,
            "status": self.status,
            "statusReason": self.reason or None,
        }
        return {key: value for key, value in described.items() if value is not None}

    def describe(self) -> dict[str, Any]:
        described = self.brief() | {
            "updatedAt": now(),
            "sourceServiceRevisions": [each.revision() for each in self.sources],
            "targetServiceRevision": self.target.revision(),
            "deploymentConfiguration": self.configuration,
            "deploymentCircuitBreaker": {
                "status": self.breaker,
                "failureCount": self.target.failed_tasks,
                "threshold": self.threshold,
            },
            "rollback": self.rollback,
        }
        del described["targetServiceRevisionArn"]
        return {key: value for key, value in described.items() if value is not None}


class Service:
    """A service. moto's own parts find `arn`, `name`, `tags` and the cluster's names on it."""

    def __init__(self, cluster: Any, account: str, fields: dict[str, Any], definition: Any) -> None:
        self.account, self.region = account, cluster.region_name
        self.cluster, self.cluster_name, self.cluster_arn = cluster, cluster.name, cluster.arn
        self.name = fields["serviceName"]
        self.arn = cluster.arn.replace(":cluster/", ":service/") + f"/{self.name}"
        self.physical_resource_id = self.arn
        self.status, self.created_at = "ACTIVE", now()
        self.tags = fields.get("tags") or []
        self.task_sets: list[Any] = []
        self.fields = fields
        self.definition = definition
        self.desired_count = fields.get("desiredCount", 0)
        self.tasks: list[Task] = []
        self.deployments: list[Deployment] = []
        self.events: list[dict[str, Any]] = []
        self._launched = 0
        self.deploy()

    # What is asked for

    @property
    def network_configuration(self) -> dict[str, Any]:
        given = self.fields.get("networkConfiguration") or {}
        vpc = {"assignPublicIp": "DISABLED", "securityGroups": []} | given.get("awsvpcConfiguration", {})
        return {"awsvpcConfiguration": vpc}

    @property
    def deployment_configuration(self) -> dict[str, Any]:
        daemon = self.fields.get("schedulingStrategy") == "DAEMON"
        defaults = {
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "maximumPercent": 100 if daemon else 200,
            "minimumHealthyPercent": 0 if daemon else 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        }
        return defaults | (self.fields.get("deploymentConfiguration") or {})

    def breaker(self) -> dict[str, bool]:
        return self.deployment_configuration["deploymentCircuitBreaker"]

    def failure_threshold(self) -> int:
        """Half of the desired count, but at least 3 and at most 200."""
        return min(max(-(-self.desired_count // 2), 3), 200)

    def launch_fields(self) -> dict[str, Any]:
        strategy = self.fields.get("capacityProviderStrategy")
        chosen = {"capacityProviderStrategy": strategy} if strategy else {"launchType": self.launch_type}
        return chosen | {"platformVersion": "1.4.0"}

    @property
    def launch_type(self) -> str:
        return self.fields.get("launchType") or "FARGATE"

    # Rollouts

    def primary(self) -> Deployment:
        return next(each for each in self.deployments if each.status == "PRIMARY")

    def deploy(self) -> None:
        """Starts a rollout of what the service now says."""
        former = list(self.deployments)
        for each in former:
            if each.status == "PRIMARY":
                each.status, each.updated_at = "ACTIVE", now()
        for record in self._open_records():
            record.finish("STOPPED", "A new service deployment replaced this one.")
        deployment = Deployment(self, self.definition)
        self.deployments = [deployment] + [each for each in former if each.tasks_left() or each.kept_listed]
        record = ServiceDeployment(self, deployment, [each for each in former if each.tasks()])
        service_deployments[record.arn] = record
        self.reconcile()

    def scale(self, count: int) -> None:
        """Changes the desired count within the present deployment."""
        self.desired_count = count
        self.primary().desired_count = count
        if count == 0:
            self._stop(self.tasks, "Scaling activity initiated by the desired count of 0")
        self.reconcile()

    def close(self) -> None:
        """Drains the service for good."""
        self.status = "DRAINING"
        self.desired_count = 0
        for deployment in self.deployments:
            deployment.desired_count = 0
        for record in self._open_records():
            record.finish("STOPPED", "The service was deleted.")
        self._stop(self.tasks, "Scaling activity initiated by deletion of the service")
        self._check_closed()

    def reconcile(self) -> None:
        """Starts and stops tasks until there are as many as wanted."""
        if self.status != "ACTIVE":
            return
        deployment = self.primary()
        if deployment.rollout_state != "FAILED":
            self._roll(deployment)
        surplus = deployment.live_tasks()[deployment.desired_count :]
        self._stop(surplus, f"Scaling activity initiated by (deployment {deployment.id})")
        self._check()

    def _roll(self, deployment: Deployment) -> None:
        """Stops old tasks and starts new ones as far as the percentages let it."""
        configuration, wanted = self.deployment_configuration, deployment.desired_count
        most = wanted * configuration["maximumPercent"] // 100
        least = -(-wanted * configuration["minimumHealthyPercent"] // 100)
        live = deployment.live_tasks()
        older = [task for task in self.tasks if task.is_live() and task.started_by != deployment.id]
        serving = sum(task.is_serving() for task in live)
        spare = serving + sum(task.is_serving() for task in older) - least
        missing = wanted - len(live)
        surplus = max(len(older) - (wanted - serving), missing - max(most - len(live) - len(older), 0))
        # Those that do not serve go first: they cost nothing.
        for task in sorted(older, key=Task.is_serving)[: max(surplus, 0)]:
            if task.is_serving():
                if spare <= 0:
                    break
                spare -= 1
            self._stop([task], f"Scaling activity initiated by (deployment {deployment.id})")
        room = most - sum(task.is_live() for task in self.tasks)
        for _ in range(min(missing, room)):
            self._launch(deployment)

    def _launch(self, deployment: Deployment) -> None:
        tags = list(self.tags) if self.fields.get("propagateTags") == "SERVICE" else []
        if self.fields.get("enableECSManagedTags"):
            tags += [
                {"key": "aws:ecs:clusterName", "value": self.cluster_name},
                {"key": "aws:ecs:serviceName", "value": self.name},
            ]
        task = Task(
            self.cluster,
            deployment.definition,
            deployment.network_configuration,
            self.account,
            f"service:{self.name}",
            deployment.id,
            self._launched,
            tags,
            {"launchType": self.launch_type, "enableExecuteCommand": bool(self.fields.get("enableExecuteCommand"))},
        )
        self._launched += 1
        task.load_balancers = list(self.fields.get("loadBalancers") or [])
        task.on_running = lambda _: self._after_health_check()
        task.on_stopped = lambda stopped: self._task_stopped(deployment, stopped)
        self.tasks.append(task)
        self.event(f"(service {self.name}) has started 1 tasks: (task {task.id}).")
        task.start()

    def _stop(self, tasks: list[Task], reason: str) -> None:
        for task in [each for each in tasks if each.is_live()]:
            self.event(f"(service {self.name}) has stopped 1 running tasks: (task {task.id}).")
            task.stop("ServiceSchedulerInitiated", reason)

    def _after_health_check(self) -> None:
        timeline.after("elbv2.target.healthy", f"service {self.name} looks at its targets", self._check)

    def _task_stopped(self, deployment: Deployment, task: Task) -> None:
        if task.stop_code in ("TaskFailedToStart", "EssentialContainerExited"):
            deployment.failed_tasks += 1
            deployment.updated_at = now()
            self.event(f"(service {self.name}) (task {task.id}) failed: {task.stopped_reason}")
            breaker = self.breaker()
            in_rollout = deployment.status == "PRIMARY" and deployment.rollout_state == "IN_PROGRESS"
            if breaker["enable"] and in_rollout and deployment.failed_tasks >= self.failure_threshold():
                self._fail(deployment)
        stopped = [each for each in self.tasks if each.last_status == "STOPPED"]
        for each in stopped[:-STOPPED_TASKS_KEPT]:
            self.tasks.remove(each)
        timeline.after("ecs.task.retried", f"service {self.name} replaces tasks", self.reconcile)
        self._check()
        self._check_closed()

    def _check(self) -> None:
        """Looks whether the present rollout has come to its next stage."""
        if self.status != "ACTIVE":
            return
        deployment = self.primary()
        if deployment.rollout_state == "FAILED":
            return
        self._roll(deployment)
        serving = [task for task in deployment.live_tasks() if task.is_serving()]
        if len(serving) < deployment.desired_count:
            return
        older = [each for each in self.deployments if each is not deployment]
        for each in older:
            each.desired_count = 0
            self._stop(each.tasks(), f"Scaling activity initiated by (deployment {deployment.id})")
        self.deployments = [
            each
            for each in self.deployments
            if each is deployment or each.tasks_left() or each.kept_listed
        ]
        if deployment.rollout_state == "IN_PROGRESS" and not any(each.tasks_left() for each in older):

            def steady() -> None:
                if deployment.status == "PRIMARY" and deployment.rollout_state == "IN_PROGRESS":
                    serving = [task for task in deployment.live_tasks() if task.is_serving()]
                    if self.status == "ACTIVE" and len(serving) >= deployment.desired_count:
                        self._complete(deployment)

            timeline.after("ecs.deployment.steady", f"service {self.name} steady", steady)

    def _complete(self, deployment: Deployment) -> None:
        deployment.set_state("COMPLETED", f"ECS deployment {deployment.id} completed.")
        deployment.completed_once = True
        self.event(f"(service {self.name}) (deployment {deployment.id}) deployment completed.")
        self.event(f"(service {self.name}) has reached a steady state.")
        for record in self._open_records():
            record.finish("ROLLBACK_SUCCESSFUL" if record.rollback else "SUCCESSFUL", record.reason)

    def _fail(self, deployment: Deployment) -> None:
        deployment.set_state("FAILED", "ECS deployment circuit breaker: tasks failed to start.")
        self.event(
            f"(service {self.name}) (deployment {deployment.id}) deployment failed: tasks failed to start."
        )
        self._stop(deployment.tasks(), f"Deployment {deployment.id} failed")
        reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
        records = self._open_records()
        for record in records:
            record.breaker = "TRIGGERED"
        last = next((each for each in self.deployments if each.completed_once), None)
        if not self.breaker()["rollback"]:
            for record in records:
                record.finish("STOPPED", "The circuit breaker threshold was exceeded.")
            return
        if last is None:
            for record in records:
                record.finish("ROLLBACK_FAILED", f"{reason} There is no completed deployment to roll back to.")
            return
        deployment.status, deployment.kept_listed = "ACTIVE", True
        deployment.desired_count = 0
        last.status, last.desired_count = "PRIMARY", self.desired_count
        last.set_state(
            "IN_PROGRESS", f"ECS deployment circuit breaker: rolling back to deploymentId {last.id}."
        )
        self.deployments.sort(key=lambda each: each is not last)
        self.definition = last.definition
        self.fields = {name: value for name, value in self.fields.items() if name not in OF_REVISION} | last.fields
        self.event(f"(service {self.name}) rolling back to deployment {last.id}.")
        for record in records:
            record.status, record.reason = "ROLLBACK_IN_PROGRESS", reason
            record.rollback = {"reason": reason, "startedAt": now(), "serviceRevisionArn": last.revision_arn}

        def unlist() -> None:
            deployment.kept_listed = False
            if deployment.status == "ACTIVE" and not deployment.tasks_left():
                self.deployments = [each for each in self.deployments if each is not deployment]

        timeline.after("ecs.deployment.failed_listed", f"deployment {deployment.id} no longer listed", unlist)
        self.reconcile()

    def _open_records(self) -> list[ServiceDeployment]:
        return [
            each for each in service_deployments.values() if each.service is self and each.finished_at is None
        ]

    def _check_closed(self) -> None:
        if self.status == "DRAINING" and all(task.last_status == "STOPPED" for task in self.tasks):
            self.status = "INACTIVE"
            self.deployments = []

    def event(self, message: str) -> None:
        self.events.insert(0, {"id": str(uuid.uuid4()), "createdAt": now(), "message": message})
        del self.events[EVENTS_KEPT:]

    # Answers

    def describe(self, include: list[str]) -> dict[str, Any]:
        """The service as DescribeServices shows it."""
        balanced = bool(self.fields.get("loadBalancers"))
        described = {
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "status": self.status,
            "loadBalancers": self.fields.get("loadBalancers") or [],
            "serviceRegistries": self.fields.get("serviceRegistries") or [],
            "desiredCount": self.desired_count,
            "runningCount": sum(task.last_status in ("RUNNING", "DEACTIVATING") for task in self.tasks),
            "pendingCount": sum(task.last_status in ("PROVISIONING", "PENDING") for task in self.tasks),
            "platformVersion": self.fields.get("platformVersion", "LATEST"),
            "platformFamily": "Linux",
            "taskDefinition": self.definition.arn,
            "deploymentConfiguration": self.deployment_configuration,
            "deployments": [each.describe() for each in self.deployments],
            "events": self.events,
            "createdAt": self.created_at,
            "createdBy": f"arn:aws:iam::{self.account}:root",
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": self.network_configuration,
            "healthCheckGracePeriodSeconds": self.fields.get("healthCheckGracePeriodSeconds", 0 if balanced else None),
            "schedulingStrategy": self.fields.get("schedulingStrategy", "REPLICA"),
            "deploymentController": self.fields.get("deploymentController") or {"type": "ECS"},
            "enableECSManagedTags": bool(self.fields.get("enableECSManagedTags")),
            "propagateTags": self.fields.get("propagateTags", "NONE"),
            "enableExecuteCommand": bool(self.fields.get("enableExecuteCommand")),
            "availabilityZoneRebalancing": self.fields.get("availabilityZoneRebalancing", "ENABLED"),
            "roleArn": self._role() if balanced else None,
            "tags": self.tags if "TAGS" in include else None,
        }
        described |= {key: value for key, value in self.launch_fields().items() if key != "platformVersion"}
        return {key: value for key, value in described.items() if value is not None}

    def _role(self) -> str:
        return f"arn:aws:iam::{self.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"

