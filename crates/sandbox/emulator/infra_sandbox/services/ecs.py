"""ECS clusters and task definitions, with Fargate's rules.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""

from datetime import datetime, timezone
from typing import Any

from ..call import Answer, AwsError, Call, operation, refuse
from ..tasks import ECR_IMAGE
from . import ecs_services, iam

FARGATE_MEMORY = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4096 + 1, 1024)),
    1024: set(range(2048, 8192 + 1, 1024)),
    2048: set(range(4096, 16384 + 1, 1024)),
    4096: set(range(8192, 30720 + 1, 1024)),
    8192: set(range(16384, 61440 + 1, 4096)),
    16384: set(range(32768, 122880 + 1, 8192)),
}

OWN_PROVIDERS = {"FARGATE", "FARGATE_SPOT"}


def client_error(message: str) -> AwsError:
    return refuse("ClientException", message)


# Clusters


def describe_cluster(call: Call, cluster: Any, include: list[str]) -> dict[str, Any]:
    backend = call.backend()
    services = [each for each in backend.services.values() if each.cluster_name == cluster.name]
    tasks = ecs_services.all_tasks(call, cluster)
    described = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(task.last_status == "RUNNING" for task in tasks),
        "pendingTasksCount": sum(task.last_status in ("PROVISIONING", "PENDING") for task in tasks),
        "activeServicesCount": sum(each.status == "ACTIVE" for each in services),
        "statistics": [],
        "tags": (cluster.tags or []) if "TAGS" in include else [],
        "settings": cluster.settings if "SETTINGS" in include else [],
        "configuration": cluster.configuration if "CONFIGURATIONS" in include else None,
        "capacityProviders": cluster.capacity_providers or [],
        "defaultCapacityProviderStrategy": cluster.default_capacity_provider_strategy or [],
        "serviceConnectDefaults": cluster.service_connect_defaults,
        "attachmentsStatus": "UPDATE_COMPLETE" if cluster.capacity_providers else None,
    }
    return {key: value for key, value in described.items() if value is not None}


ALL = ["TAGS", "SETTINGS", "CONFIGURATIONS"]


@operation("ecs", "CreateCluster")
def create_cluster(call: Call) -> dict[str, Any]:
    name = call.params.get("clusterName", "default")
    present = call.backend().clusters.get(name)
    ecs_services.check_service_role(call)
    # A cluster that is there is returned as it is, whatever the request says.
    if present is None or present.status != "ACTIVE":
        call.moto()
        present = call.backend().clusters[name]
    return {"cluster": describe_cluster(call, present, ALL)}


@operation("ecs", "DescribeClusters")
def describe_clusters(call: Call) -> dict[str, Any]:
    found, failures = call.backend().describe_clusters(call.params.get("clusters", []))
    include = call.params.get("include", [])
    return {
        "clusters": [describe_cluster(call, each, include) for each in found],
        "failures": [{"arn": each.arn, "reason": each.reason} for each in failures],
    }


@operation("ecs", "ListClusters")
def list_clusters(call: Call) -> dict[str, Any]:
    clusters = call.backend().clusters.values()
    return ecs_services.page(call, [each.arn for each in clusters if each.status == "ACTIVE"], "clusterArns", 100)


@operation("ecs", "UpdateClusterSettings", "UpdateCluster", "PutClusterCapacityProviders")
def update_cluster(call: Call) -> dict[str, Any]:
    params = call.params
    cluster = ecs_services.cluster_of(call)
    settings = {each["name"]: each["value"] for each in cluster.settings or []}
    settings |= {each["name"]: each["value"] for each in params.get("settings", [])}
    cluster.settings = [{"name": name, "value": value} for name, value in settings.items()]
    cluster.configuration = params.get("configuration", cluster.configuration)
    cluster.service_connect_defaults = params.get("serviceConnectDefaults", cluster.service_connect_defaults)
    if call.operation == "PutClusterCapacityProviders":
        check_capacity_providers(call, cluster)
        cluster.capacity_providers = params["capacityProviders"]
        cluster.default_capacity_provider_strategy = params["defaultCapacityProviderStrategy"]
    return {"cluster": describe_cluster(call, cluster, ALL)}


def check_capacity_providers(call: Call, cluster: Any) -> None:
    """Refuses providers that there are not, and to let go of one that a service uses.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html
    """
    wanted, backend = set(call.params["capacityProviders"]), call.backend()
    known = OWN_PROVIDERS | {each.name for each in backend.capacity_providers.values()}
    if wanted - known:
        raise ecs_services.invalid(
            "The specified capacity provider was not found. Specify a valid capacity provider and try again."
        )
    strategy = {each["capacityProvider"] for each in call.params["defaultCapacityProviderStrategy"]}
    if strategy - wanted:
        raise ecs_services.invalid(
            "The default capacity provider strategy cannot contain a capacity provider that is not associated with"
            f" the cluster: {', '.join(sorted(strategy - wanted))}"
        )
    for service in backend.services.values():
        used = {each["capacityProvider"] for each in service.fields.get("capacityProviderStrategy") or []}
        if service.cluster_name == cluster.name and service.status == "ACTIVE" and used - wanted:
            raise refuse("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")


@operation("ecs", "DeleteCluster")
def delete_cluster(call: Call) -> dict[str, Any]:
    backend = call.backend()
    cluster = backend._get_cluster(call.params["cluster"])
    if any(each.cluster_name == cluster.name and each.status != "INACTIVE" for each in backend.services.values()):
        raise refuse("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(task.last_status != "STOPPED" for task in ecs_services.all_tasks(call, cluster)):
        raise refuse("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    cluster.status = "INACTIVE"
    return {"cluster": describe_cluster(call, cluster, ALL)}


# Task definitions


def check_fargate(params: dict[str, Any]) -> None:
    if params.get("networkMode") != "awsvpc":
        raise client_error("Fargate only supports network mode 'awsvpc'.")
    try:
        cpu, memory = cpu_units(params["cpu"]), mebibytes(params["memory"])
    except (KeyError, ValueError):
        raise client_error("No Fargate configuration exists for given values: cpu and memory are required.") from None
    if memory not in FARGATE_MEMORY.get(cpu, set()):
        raise client_error(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS"
            " documentation for the valid values."
        )
    for container in params["containerDefinitions"]:
        options = container.get("logConfiguration") or {}
        if not params.get("executionRoleArn"):
            if ECR_IMAGE.fullmatch(container.get("image", "")):
                raise client_error("Fargate requires task definition to have execution role ARN to support ECR images.")
            if options.get("logDriver") == "awslogs":
                raise client_error(
                    "Fargate requires task definition to have execution role ARN to support log driver awslogs."
                )
        for mapping in container.get("portMappings", []):
            if mapping.get("hostPort", 0) not in (0, mapping.get("containerPort")):
                raise client_error(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
                )


def cpu_units(text: str) -> int:
    text = str(text).strip().lower()
    return int(float(text.removesuffix("vcpu")) * 1024) if text.endswith("vcpu") else int(text)


def mebibytes(text: str) -> int:
    text = str(text).strip().lower()
    return int(float(text.removesuffix("gb")) * 1024) if text.endswith("gb") else int(text)


def check_secrets(params: dict[str, Any]) -> None:
    """A secret's name is no other variable's. https://github.com/dagster-io/dagster/issues/11622"""
    for container in params["containerDefinitions"]:
        taken = {each["name"] for each in container.get("environment") or []}
        for each in container.get("secrets") or []:
            if each["name"] in taken:
                raise client_error(
                    "The secret name must be unique and not shared with any new or existing environment variables set"
                    f" on the container, such as '{each['name']}'."
                )
            taken.add(each["name"])


def check_roles(call: Call) -> None:
    """The roles of a definition have to be there. Of one that is not seen yet AWS says either thing: that it is
    not valid, or that the caller may not pass it."""
    for member in ("executionRoleArn", "taskRoleArn"):
        arn = call.params.get(member)
        role = iam.role_of(call, arn) if arn else None
        if arn and (role is None or not iam.is_seen(role) and member == "executionRoleArn"):
            raise client_error("Role is not valid")
        if arn and not iam.is_seen(role):
            user = f"arn:aws:iam::{call.account}:root"
            raise refuse(
                "AccessDeniedException",
                f"User: {user} is not authorized to perform: iam:PassRole on resource: {arn}",
            )


@operation("ecs", "RegisterTaskDefinition")
def register_task_definition(call: Call) -> Answer | dict[str, Any]:
    params = call.params
    check_roles(call)
    check_secrets(params)
    if "FARGATE" in params.get("requiresCompatibilities", []):
        check_fargate(params)
    result = call.moto()
    made = result["taskDefinition"]
    definition = call.backend().task_definitions[made["family"]][made["revision"]]
    definition.registered_at = datetime.now(timezone.utc)
    definition.registered_by = f"arn:aws:iam::{call.account}:root"
    definition.enable_fault_injection = params.get("enableFaultInjection", False)
    if "FARGATE" in params.get("requiresCompatibilities", []):
        definition.cpu, definition.memory = str(cpu_units(params["cpu"])), str(mebibytes(params["memory"]))
    for container in definition.container_definitions:
        complete(container, definition.network_mode)
    return {"taskDefinition": describe_definition(definition), "tags": definition.tags}


def complete(container: dict[str, Any], network_mode: str) -> None:
    """Fills in what AWS fills in."""
    container.setdefault("systemControls", [])
    for mapping in container.get("portMappings", []):
        mapping.setdefault("protocol", "tcp")
        if network_mode == "awsvpc":
            mapping["hostPort"] = mapping.get("containerPort")
    if container.get("healthCheck"):
        container["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3} | container["healthCheck"]


def describe_definition(definition: Any) -> dict[str, Any]:
    """A task definition as AWS shows it; what was not given is left out."""
    members = {
        "taskDefinitionArn": definition.arn,
        "containerDefinitions": definition.container_definitions,
        "family": definition.family,
        "taskRoleArn": getattr(definition, "task_role_arn", None),
        "executionRoleArn": getattr(definition, "execution_role_arn", None),
        "networkMode": definition.network_mode,
        "revision": definition.revision,
        "volumes": definition.volumes,
        "status": definition.status,
        "requiresAttributes": [],
        "placementConstraints": definition.placement_constraints,
        "compatibilities": definition.compatibilities,
        "runtimePlatform": definition.runtime_platform,
        "requiresCompatibilities": definition.requires_compatibilities,
        "cpu": definition.cpu,
        "memory": definition.memory,
        "pidMode": definition.pid_mode,
        "ipcMode": definition.ipc_mode,
        "proxyConfiguration": definition.proxy_configuration,
        "registeredAt": getattr(definition, "registered_at", None),
        "registeredBy": getattr(definition, "registered_by", None),
        "deregisteredAt": getattr(definition, "deregistered_at", None),
        "ephemeralStorage": definition.ephemeral_storage,
        "enableFaultInjection": getattr(definition, "enable_fault_injection", False),
    }
    return {key: value for key, value in members.items() if value is not None}


@operation("ecs", "DescribeTaskDefinition")
def describe_task_definition(call: Call) -> dict[str, Any]:
    definition = ecs_services.definition_of(call, call.params["taskDefinition"], any_status=True)
    if definition is None:
        raise client_error("Unable to describe task definition.")
    result = {"taskDefinition": describe_definition(definition)}
    if "TAGS" in call.params.get("include", []):
        result["tags"] = definition.tags
    return result


@operation("ecs", "DeregisterTaskDefinition")
def deregister_task_definition(call: Call) -> dict[str, Any]:
    definition = call.backend().deregister_task_definition(call.params["taskDefinition"])
    definition.deregistered_at = datetime.now(timezone.utc)
    return {"taskDefinition": describe_definition(definition)}


@operation("ecs", "DescribeCapacityProviders")
def describe_capacity_providers(call: Call) -> dict[str, Any] | Answer:
    names = set(call.params.get("capacityProviders", []))
    own = names & OWN_PROVIDERS
    if not own or names - own:
        return call.forward()
    arn = f"arn:aws:ecs:{call.region}:{call.account}:capacity-provider/"
    return {
        "capacityProviders": [
            {"capacityProviderArn": arn + name, "name": name, "status": "ACTIVE", "tags": []} for name in sorted(own)
        ],
        "failures": [],
    }
