"""ECS services and tasks: what CreateService and UpdateService refuse, and what they set going."""

import re
from typing import Any

from .. import network, targets
from ..call import AwsError, Call, backend_of, operation
from ..rollout import Service, service_deployments
from ..tasks import Task
from ..world import store
from . import applicationautoscaling, iam

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
# (account, region, cluster, client token) → the name of the service it made
tokens: dict[tuple[str, str, str, str], str] = store()
# What UpdateService may change, and whether that alone starts a rollout.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
UPDATABLE = {
    "taskDefinition": True,
    "networkConfiguration": True,
    "platformVersion": True,
    "capacityProviderStrategy": False,
    "loadBalancers": True,
    "serviceRegistries": True,
    "deploymentConfiguration": False,
    "healthCheckGracePeriodSeconds": False,
    "enableExecuteCommand": False,
    "enableECSManagedTags": False,
    "propagateTags": False,
    "availabilityZoneRebalancing": False,
}


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def page(call: Call, items: list[Any], member: str, limit: int) -> dict[str, Any]:
    """One page of a list."""
    start = int(call.params.get("nextToken") or 0)
    size = min(call.params.get("maxResults") or limit, limit)
    result: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        result["nextToken"] = str(start + size)
    return result


def cluster_of(call: Call) -> Any:
    """The cluster that the request names; it has to be active."""
    cluster = call.backend()._get_cluster(call.params.get("cluster", "default"))
    if cluster.status != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "Cluster not found.", 400)
    return cluster


def service_of(call: Call, name: str) -> Service:
    cluster = cluster_of(call)
    service = call.backend().services.get(f"{cluster.name}:{name.split('/')[-1]}")
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.", 400)
    return service


def definition_of(call: Call, name: str, any_status: bool = False) -> Any | None:
    """A task definition by ARN, `family:revision`, or family (its latest active revision)."""
    family, _, revision = name.split("/")[-1].partition(":")
    revisions = call.backend().task_definitions.get(family, {})
    if revision:
        found = revisions.get(int(revision)) if revision.isdigit() else None
        return found if found is not None and (any_status or found.status == "ACTIVE") else None
    active = [number for number, each in revisions.items() if each.status == "ACTIVE"]
    return revisions[max(active)] if active else None


# What is refused


def check_service_role(call: Call) -> None:
    """The first use of ECS in an account makes its own role, which it then does not see yet."""
    if not iam.is_seen(iam.service_role(call, "ecs.amazonaws.com")):
        raise invalid(
            "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
        )


def check_network(call: Call, fields: dict[str, Any], definition: Any) -> None:
    vpc = (fields.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition.network_mode == "awsvpc" and not vpc:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not vpc:
        raise AwsError("SandboxNotImplemented", "the local emulator runs tasks with network mode awsvpc only", 400)
    if not vpc.get("subnets"):
        raise invalid("subnets can not be empty.")
    network.check(call, vpc["subnets"], vpc.get("securityGroups", []), "InvalidParameterException")


def check_load_balancers(call: Call, fields: dict[str, Any], definition: Any) -> None:
    groups = backend_of("elbv2", call.account, call.region).target_groups
    containers = {each["name"]: each for each in definition.container_definitions}
    for balancer in fields.get("loadBalancers") or []:
        arn, name, port = (balancer.get(key) for key in ("targetGroupArn", "containerName", "containerPort"))
        if name not in containers:
            raise invalid(f"The container {name} does not exist in the task definition.")
        if port not in [each.get("containerPort") for each in containers[name].get("portMappings", [])]:
            raise invalid(f"The container {name} did not have a container port {port} defined.")
        if arn not in groups:
            raise invalid(f"Unable to find the specified target group: {arn}")
        if definition.network_mode == "awsvpc" and groups[arn].target_type != "ip":
            raise invalid(
                f"The provided target group {arn} has target type {groups[arn].target_type}, which is incompatible"
                " with the awsvpc network mode specified in the task definition."
            )
        if not targets.has_load_balancer(call.account, call.region, arn):
            raise invalid(
                f"The target group with targetGroupArn {arn} does not have an associated load balancer."
            )


def check_launch(cluster: Any, fields: dict[str, Any], definition: Any) -> None:
    strategy = fields.get("capacityProviderStrategy") or []
    if strategy and fields.get("launchType"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    for each in strategy:
        if each["capacityProvider"] not in (cluster.capacity_providers or []):
            raise invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not"
                f" associated with the cluster: {each['capacityProvider']}"
            )
    if fields.get("launchType") == "FARGATE" and "FARGATE" not in definition.compatibilities:
        raise invalid("Task definition does not support launch_type FARGATE.")


def needed_definition(call: Call, fields: dict[str, Any]) -> Any:
    definition = definition_of(call, fields["taskDefinition"])
    if definition is None:
        raise AwsError("ClientException", "TaskDefinition not found or inactive.", 400)
    return definition


# Services


def check_percents(fields: dict[str, Any]) -> None:
    """https://github.com/aws/aws-cdk/issues/2209"""
    most = (fields.get("deploymentConfiguration") or {}).get("maximumPercent")
    if fields.get("schedulingStrategy") == "DAEMON" and most is not None and most > 100:
        raise invalid(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment "
            "configuration. Change the maximumPercent value to 100, and try again"
        )


@operation("ecs", "CreateService")
def create_service(call: Call) -> dict[str, Any]:
    fields, backend = dict(call.params), call.backend()
    cluster = cluster_of(call)
    name = fields["serviceName"]
    if not NAME.fullmatch(name):
        raise invalid(f"Invalid service name: {name}")
    check_service_role(call)
    present = backend.services.get(f"{cluster.name}:{name}")
    token = (*call.here, cluster.name, fields.pop("clientToken", ""))
    if present is not None and present.status != "INACTIVE":
        if token[-1] and tokens.get(token) == name and present.status == "ACTIVE":
            return {"service": present.describe(["TAGS"])}
        if present.status == "DRAINING":
            raise invalid("Unable to Start a service that is still Draining.")
        raise invalid("Creation of service was not idempotent.")
    definition = needed_definition(call, fields)
    check_percents(fields)
    check_launch(cluster, fields, definition)
    check_network(call, fields, definition)
    check_load_balancers(call, fields, definition)
    if token[-1]:
        tokens[token] = name
    service = Service(cluster, call.account, fields, definition)
    backend.services[f"{cluster.name}:{name}"] = service
    return {"service": service.describe(["TAGS"])}


@operation("ecs", "UpdateService")
def update_service(call: Call) -> dict[str, Any]:
    params = call.params
    service = service_of(call, params["service"])
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.", 400)
    changes = {key: params[key] for key in UPDATABLE if key in params}
    fields = service.fields | changes
    if "capacityProviderStrategy" in changes:
        fields.pop("launchType", None)
    definition = service.definition
    if "taskDefinition" in changes:
        definition = needed_definition(call, fields)
    if changes:
        check_percents(fields)
        check_network(call, fields, definition)
        check_load_balancers(call, fields, definition)
        check_launch(service.cluster, fields, definition)
    rollout = params.get("forceNewDeployment", False) or definition.arn != service.definition.arn
    for key, starts in UPDATABLE.items():
        if starts and key != "taskDefinition" and key in changes and changes[key] != service.fields.get(key):
            rollout = True
    service.fields, service.definition = fields, definition
    if rollout:
        service.desired_count = params.get("desiredCount", service.desired_count)
        service.deploy()
    elif "desiredCount" in params:
        service.scale(params["desiredCount"])
    return {"service": service.describe(["TAGS"])}


@operation("ecs", "DeleteService")
def delete_service(call: Call) -> dict[str, Any]:
    service = service_of(call, call.params["service"])
    if service.status == "INACTIVE":
        raise AwsError("ServiceNotFoundException", "Service not found.", 400)
    if service.desired_count > 0 and not call.params.get("force"):
        raise invalid("The service cannot be stopped while it is scaled above 0.")
    service.close()
    applicationautoscaling.forget(call, f"service/{service.cluster_name}/{service.name}")
    return {"service": service.describe(["TAGS"]) | {"status": "DRAINING"}}


@operation("ecs", "DescribeServices")
def describe_services(call: Call) -> dict[str, Any]:
    cluster, services = cluster_of(call), call.backend().services
    names = call.params["services"]
    if len(names) > 10:
        raise invalid("Services cannot have more than 10 elements.")
    include, found, failures = call.params.get("include", []), [], []
    for name in names:
        service = services.get(f"{cluster.name}:{name.split('/')[-1]}")
        if service is None:
            arn = name if name.startswith("arn:") else cluster.arn.replace(":cluster/", ":service/") + f"/{name}"
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(service.describe(include))
    return {"services": found, "failures": failures}


@operation("ecs", "ListServices")
def list_services(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call)
    arns = [
        each.arn
        for each in call.backend().services.values()
        if each.cluster_name == cluster.name and each.status != "INACTIVE"
    ]
    return page(call, sorted(arns), "serviceArns", 100)


# Service deployments


@operation("ecs", "ListServiceDeployments")
def list_service_deployments(call: Call) -> dict[str, Any]:
    service, wanted = service_of(call, call.params["service"]), call.params.get("status")
    records = [each for each in service_deployments.values() if each.service.arn == service.arn]
    briefs = [each.brief() for each in reversed(records) if not wanted or each.status in wanted]
    return page(call, briefs, "serviceDeployments", 100)


@operation("ecs", "DescribeServiceDeployments")
def describe_service_deployments(call: Call) -> dict[str, Any]:
    found, failures = [], []
    for arn in call.params["serviceDeploymentArns"]:
        if arn in service_deployments:
            found.append(service_deployments[arn].describe())
        else:
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"serviceDeployments": found, "failures": failures}


@operation("ecs", "DescribeServiceRevisions")
def describe_service_revisions(call: Call) -> dict[str, Any]:
    known = {each.target.revision_arn: each for each in service_deployments.values()}
    found, failures = [], []
    for arn in call.params["serviceRevisionArns"]:
        if arn not in known:
            failures.append({"arn": arn, "reason": "MISSING"})
            continue
        target, service = known[arn].target, known[arn].service
        images = [
            {"containerName": each["name"], "image": each["image"]}
            for each in target.definition.container_definitions
        ]
        found.append(
            {
                "serviceRevisionArn": arn,
                "serviceArn": service.arn,
                "clusterArn": service.cluster_arn,
                "taskDefinition": target.definition.arn,
                "platformFamily": "Linux",
                "loadBalancers": target.fields.get("loadBalancers") or [],
                "networkConfiguration": target.network_configuration,
                "containerImages": images,
                "createdAt": target.created_at,
            }
            | target.launch
        )
    return {"serviceRevisions": found, "failures": failures}


# Tasks


def all_tasks(call: Call, cluster: Any) -> list[Task]:
    """The tasks of a cluster: those of services, and those run by hand."""
    backend = call.backend()
    found = list(backend.tasks.get(cluster.name, {}).values())
    for service in backend.services.values():
        if service.cluster_name == cluster.name:
            found += service.tasks
    return found


@operation("ecs", "ListTasks")
def list_tasks(call: Call) -> dict[str, Any]:
    params = call.params
    cluster = cluster_of(call)
    found = [
        task
        for task in all_tasks(call, cluster)
        if task.desired_status == params.get("desiredStatus", "RUNNING")
        and params.get("startedBy", task.started_by) == task.started_by
        and params.get("family", task.definition.family) == task.definition.family
        and ("serviceName" not in params or task.group == f"service:{params['serviceName'].split('/')[-1]}")
    ]
    return page(call, [task.task_arn for task in found], "taskArns", 100)


@operation("ecs", "DescribeTasks")
def describe_tasks(call: Call) -> dict[str, Any]:
    cluster, names = cluster_of(call), call.params["tasks"]
    if not 0 < len(names) <= 100:
        raise invalid("Tasks must have between 1 and 100 elements.")
    known = {task.id: task for task in all_tasks(call, cluster)}
    include, found, failures = call.params.get("include", []), [], []
    for name in names:
        task = known.get(name.split("/")[-1])
        if task is None:
            failures.append({"arn": name, "reason": "MISSING"})
        else:
            found.append(task.describe(include))
    return {"tasks": found, "failures": failures}


@operation("ecs", "StopTask")
def stop_task(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call)
    wanted = call.params["task"].split("/")[-1]
    for task in all_tasks(call, cluster):
        if task.id == wanted:
            task.stop("UserInitiated", call.params.get("reason", "Task stopped by user"))
            return {"task": task.describe([])}
    raise invalid("The referenced task was not found.")


@operation("ecs", "RunTask")
def run_task(call: Call) -> dict[str, Any]:
    params = call.params
    cluster = cluster_of(call)
    check_service_role(call)
    definition = needed_definition(call, params)
    check_launch(cluster, params, definition)
    check_network(call, params, definition)
    started = []
    for number in range(params.get("count", 1)):
        task = Task(
            cluster,
            definition,
            params["networkConfiguration"],
            call.account,
            params.get("group", f"family:{definition.family}"),
            params.get("startedBy", ""),
            number,
            params.get("tags"),
            {"launchType": params.get("launchType", "FARGATE")},
        )
        call.backend().tasks.setdefault(cluster.name, {})[task.task_arn] = task
        task.start()
        started.append(task.describe(["TAGS"]))
    return {"tasks": started, "failures": []}
