"""ECS tasks on Fargate: from PROVISIONING to RUNNING, or to the reason why not, and to STOPPED.

Its subnet has to have a way to where the image is: the internet, or endpoints for ECR. A container whose image is
of this account's ECR starts only when ECR has that image. Images from anywhere else are there. A container with the environment variable SANDBOX_EXIT_CODE ends with that code soon after
its start, so that a crash can be tried.
"""

import re
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from . import network, targets
from .call import backend_of
from .services import ecr
from .world import timeline

ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
CRASH_VARIABLE = "SANDBOX_EXIT_CODE"


def now() -> datetime:
    return datetime.now(timezone.utc)


class Task:
    """One task. moto's own tag operations find `task_arn` and `tags`."""

    def __init__(
        self,
        cluster: Any,
        definition: Any,
        network_configuration: dict[str, Any],
        account: str,
        group: str,
        started_by: str,
        subnet_number: int = 0,
        tags: list[dict[str, str]] | None = None,
        launch: dict[str, Any] | None = None,
    ) -> None:
        self.account, self.region = account, cluster.region_name
        self.id = uuid.uuid4().hex
        self.cluster_arn, self.cluster_name = cluster.arn, cluster.name
        self.task_arn = cluster.arn.replace(":cluster/", ":task/") + f"/{self.id}"
        self.definition = definition
        self.task_definition_arn = definition.arn
        self.group, self.started_by, self.tags = group, started_by, tags or []
        self.launch = launch or {}
        self.last_status, self.desired_status = "PROVISIONING", "RUNNING"
        self.times: dict[str, datetime] = {"createdAt": now()}
        self.stop_code, self.stopped_reason = "", ""
        self.exit_codes: dict[str, int] = {}
        self.load_balancers: list[dict[str, Any]] = []
        self.on_running: Callable[[Task], None] = lambda task: None
        self.on_stopped: Callable[[Task], None] = lambda task: None
        vpc = network_configuration["awsvpcConfiguration"]
        subnet = vpc["subnets"][subnet_number % len(vpc["subnets"])]
        self.attachment_id = str(uuid.uuid4())
        self.public_address = vpc.get("assignPublicIp") == "ENABLED"
        description = f"arn:aws:ecs:{self.region}:{account}:attachment/{self.attachment_id}"
        is_public = vpc.get("assignPublicIp") == "ENABLED"
        self.interface = network.attach(
            account, self.region, subnet, vpc.get("securityGroups", []), description, is_public=is_public
        )
        self.zone = self.interface.subnet.availability_zone
        self.address = self.interface.private_ip_address

    # Life

    def start(self) -> None:
        """Sets the task on its way."""
        problem = self._pull_problem()
        timeline.after("ecs.task.pending", f"task {self.id} pending", self._pending)
        if problem is None:
            timeline.after("ecs.task.running", f"task {self.id} running", self._running)
        else:
            timeline.after(
                "ecs.task.pull_failed",
                f"task {self.id} fails to start",
                lambda: self._ended("TaskFailedToStart", problem),
            )

    def stop(self, code: str, reason: str) -> None:
        """Asks the task to stop: its targets drain first."""
        if self.desired_status == "STOPPED":
            return
        self.desired_status = "STOPPED"
        self.stop_code, self.stopped_reason = code, reason
        self.times["stoppingAt"] = now()
        if self.last_status == "RUNNING":
            self.last_status = "DEACTIVATING"
        self._deregister()
        timeline.after("ecs.task.stopped", f"task {self.id} stopped", lambda: self._ended(code, reason))

    def is_live(self) -> bool:
        """True until the task has been asked to stop, or has ended."""
        return self.desired_status == "RUNNING"

    def is_serving(self) -> bool:
        """True when the task runs and every load balancer finds it healthy."""
        return self.last_status == "RUNNING" and all(
            targets.is_healthy(each["targetGroupArn"], self.address, each["containerPort"])
            for each in self.load_balancers
        )

    def _pending(self) -> None:
        if self.is_live() and self.last_status == "PROVISIONING":
            self.last_status = "PENDING"
            self.times["pullStartedAt"] = now()

    def _running(self) -> None:
        # The image may have been deleted, or its repository, since the task was started.
        if not self.is_live():
            return
        problem = self._pull_problem()
        if problem is not None:
            self._ended("TaskFailedToStart", problem)
            return
        self.last_status = "RUNNING"
        self.times |= {"pullStoppedAt": now(), "startedAt": now(), "connectivityAt": now()}
        for each in self.load_balancers:
            targets.register(each["targetGroupArn"], self.address, each["containerPort"], answers=True)
        for container in self.definition.container_definitions:
            self._log(container, f"container {container['name']} started")
            for variable in container.get("environment") or []:
                if variable.get("name") == CRASH_VARIABLE:
                    self._crash_later(container, int(variable["value"]))
        self.on_running(self)

    def _crash_later(self, container: dict[str, Any], code: int) -> None:
        def crash() -> None:
            if self.is_live():
                self._log(container, f"container {container['name']} exits with code {code}")
                self.exit_codes[container["name"]] = code
                self._deregister()
                self._ended("EssentialContainerExited", "Essential container in task exited")

        timeline.after("ecs.task.crashed", f"task {self.id} crashes", crash)

    def _ended(self, code: str, reason: str) -> None:
        if self.last_status == "STOPPED":
            return
        self.last_status = self.desired_status = "STOPPED"
        self.stop_code, self.stopped_reason = code, reason
        self.times.setdefault("stoppingAt", now())
        self.times |= {"stoppedAt": now(), "executionStoppedAt": now()}
        network.detach(self.account, self.region, [self.interface.id])
        self.on_stopped(self)

    def _deregister(self) -> None:
        for each in self.load_balancers:
            targets.deregister(each["targetGroupArn"], self.address, each["containerPort"])

    def _pull_problem(self) -> str | None:
        """Why an image cannot be pulled, in AWS's words."""
        place = (self.account, self.region, self.interface.subnet.id)
        has_way_out = network.has_way_out(*place, self.public_address)
        for container in self.definition.container_definitions:
            found = ECR_IMAGE.fullmatch(container["image"])
            if found is None and not has_way_out:
                image = container["image"]
                return (
                    f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref"
                    f" {image}: failed to do request: dial tcp: i/o timeout"
                )
            if found and not has_way_out and not network.reaches(*place, ["ecr.api", "ecr.dkr", "s3"]):
                return (
                    "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull"
                    " registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR."
                    " Check your task network configuration."
                )
            if found is None or found["account"] != self.account:
                continue
            reference = found["digest"] or found["tag"] or "latest"
            if not ecr.image_exists(found["account"], found["region"], found["repository"], reference):
                image = container["image"]
                return (
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve"
                    f" ref {image}: {image}: not found"
                )
        return None

    def _log(self, container: dict[str, Any], message: str) -> None:
        """A line in the container's log stream, when it logs to a group that exists."""
        options = (container.get("logConfiguration") or {}).get("options") or {}
        logs = backend_of("logs", self.account, options.get("awslogs-region", self.region))
        group = logs.groups.get(options.get("awslogs-group"))
        if group is None:
            return
        stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{container['name']}/{self.id}"
        if stream not in group.streams:
            logs.create_log_stream(group.name, stream)
        event = {"timestamp": int(now().timestamp() * 1000), "message": message}
        logs.put_log_events(group.name, stream, [event])

    # Answers

    def describe(self, include: list[str]) -> dict[str, Any]:
        """The task as DescribeTasks shows it."""
        details = {
            "subnetId": self.interface.subnet.id,
            "networkInterfaceId": self.interface.id,
            "macAddress": self.interface.mac_address,
            # There in VPCs with DNS host names only.
            "privateDnsName": getattr(self.interface, "private_dns_name", None),
            "privateIPv4Address": self.address,
        }
        attached = {"PROVISIONING": "PRECREATED", "STOPPED": "DELETED"}.get(self.last_status, "ATTACHED")
        checked = any(each.get("healthCheck") for each in self.definition.container_definitions)
        described = {
            "taskArn": self.task_arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.task_definition_arn,
            "group": self.group,
            "startedBy": self.started_by,
            "lastStatus": self.last_status,
            "desiredStatus": self.desired_status,
            "connectivity": "CONNECTED" if "connectivityAt" in self.times else None,
            "healthStatus": "HEALTHY" if checked and self.last_status == "RUNNING" else "UNKNOWN",
            "availabilityZone": self.zone,
            "cpu": self.definition.cpu,
            "memory": self.definition.memory,
            "overrides": {"containerOverrides": []},
            "attachments": [
                {
                    "id": self.attachment_id,
                    "type": "ElasticNetworkInterface",
                    "status": attached,
                    "details": [{"name": name, "value": value} for name, value in details.items() if value],
                }
            ],
            "containers": [self._container(each) for each in self.definition.container_definitions],
            "stopCode": self.stop_code or None,
            "stoppedReason": self.stopped_reason or None,
            "platformFamily": "Linux",
            "platformVersion": "1.4.0",
            "version": 1,
            "tags": self.tags if "TAGS" in include else [],
        }
        return {key: value for key, value in (described | self.launch | self.times).items() if value is not None}

    def _container(self, definition: dict[str, Any]) -> dict[str, Any]:
        name = definition["name"]
        failed = self.stop_code == "TaskFailedToStart"
        described = {
            "containerArn": self.cluster_arn.replace(":cluster/", ":container/") + f"/{self.id}/{name}",
            "taskArn": self.task_arn,
            "name": name,
            "image": definition["image"],
            "lastStatus": {"PROVISIONING": "PENDING", "DEACTIVATING": "RUNNING"}.get(
                self.last_status, self.last_status
            ),
            "networkInterfaces": [{"attachmentId": self.attachment_id, "privateIpv4Address": self.address}],
            "exitCode": self.exit_codes.get(name),
            "reason": self.stopped_reason if failed else None,
            "cpu": str(definition.get("cpu", 0)),
        }
        return {key: value for key, value in described.items() if value is not None}
