"""What others may have made in an account, by the operation that makes it: how its twin is made, what it is like,
and how it goes.

A kind's `clash` is what AWS answers to a request that makes the same again:
`refused`, that it is there already; `returned`, what is there, which its tags tell apart; `untold`, as if nothing
had been there; `beside`, a second one, since nothing of it has to be unique.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
Values = dict[str, Any]

REFUSED, RETURNED, UNTOLD, BESIDE = "refused", "returned", "untold", "beside"
GONE = re.compile(r"NotFound|NoSuch|DoesNotExist|ResourceNotFoundException|ClusterNotFoundException")
TAGS = {"made-by": "somebody else"}
# Between the ids of what one request makes.
SEPARATOR = "\n"
# What says whose a request is, which no second one repeats.
TOKENS = ("ClientToken", "clientToken", "CallerReference", "IdempotencyToken", "ClientRequestToken")


@dataclass(frozen=True)
class Kind:
    """A kind of thing that others may have made."""

    # The type and the parts of the id as a listing of an account has them.
    name: str
    clash: str
    # What a thing's id is, of the parameters of its request and the answer.
    id_of: Callable[[Values, Values], str]
    # What it is like, by its id; None when it is not there.
    look: Callable[[Clients, str], Any]
    remove: Callable[[Clients, str], Any]
    # Makes it in another way than by the same request.
    make: Callable[[Clients, Values], Values] | None = None


KINDS: dict[str, Kind] = {}


def kind(operation: str, name: str, clash: str, id_of: Any, remove: Any, make: Any = None) -> Callable[[Any], Any]:
    """Has the function tell what things are like that the operation makes."""

    def register(look: Any) -> Any:
        KINDS[operation] = Kind(name, clash, id_of, look, remove, make)
        return look

    return register


def twin_of(operation_model: Any, params: Values, tags: dict[str, str]) -> Values:
    """The parameters with which somebody else makes the same with these tags."""
    made = {name: value for name, value in params.items() if name not in TOKENS}
    members = operation_model.input_shape.members
    for name in ("Tags", "tags"):
        if name in members:
            made.pop(name, None)
            if tags:
                made[name] = in_the_form_of(members[name], tags)
    if "TagSpecifications" in made:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        made["TagSpecifications"] = [each | {"Tags": pairs} for each in made["TagSpecifications"]] if tags else []
    return made


def in_the_form_of(shape: Any, tags: dict[str, str]) -> Any:
    """Tags in the form that an operation takes them."""
    if shape.type_name == "map":
        return dict(tags)
    upper = "Key" in shape.member.members
    names = ("Key", "Value") if upper else ("key", "value")
    return [dict(zip(names, pair, strict=True)) for pair in tags.items()]


def one(call: Callable[..., Values], key: str, /, **params: Any) -> Any:
    """What a read has under `key`, or the only one of the list there; None when it is not there."""
    try:
        found = call(**params).get(key)
    except ClientError as error:
        if GONE.search(error.response["Error"]["Code"]):
            return None
        raise
    if isinstance(found, list):
        return found[0] if found else None
    return found


def members(thing: Values | None, *names: str) -> Values | None:
    """Those members of a thing that only whoever made it changes."""
    return None if thing is None else {name: thing[name] for name in names if name in thing}


def at(*path: str | int) -> Callable[[Values, Values], str]:
    """An id that the answer has there."""
    return lambda _, answer: functools.reduce(lambda value, key: value[key], path, answer)


def param(*names: str) -> Callable[[Values, Values], str]:
    """An id made of parameters."""
    return lambda params, _: "/".join(str(params[name]) for name in names)


# EC2


def ec2_by_id(operation: str, read: str, key: str, of: str, name: str, id_name: str, delete: str, clash: str, *kept: str):
    """A kind of EC2's that is read and deleted by its id."""

    def look(clients: Clients, id: str) -> Values | None:
        # Every read of EC2 that takes ids has the list's name; only allocations are named otherwise.
        found = one(getattr(clients("ec2"), read), key, **{ID_LISTS.get(id_name, f"{id_name}s"): [id]})
        if found is None or found.get("State") in ("deleted", "deleting"):
            return None
        return members(found, *kept, "Tags")

    path: tuple[str | int, ...] = (of, id_name) if of else (id_name,)
    remove = lambda clients, id: getattr(clients("ec2"), delete)(**{id_name: id})  # noqa: E731
    kind(f"ec2.{operation}", name, clash, at(*path), remove)(look)


ID_LISTS: dict[str, str] = {}
ec2_by_id("CreateVpc", "describe_vpcs", "Vpcs", "Vpc", "ec2.vpc", "VpcId", "delete_vpc", BESIDE, "CidrBlock")
ec2_by_id(
    *("CreateSubnet", "describe_subnets", "Subnets", "Subnet", "ec2.subnet", "SubnetId", "delete_subnet", REFUSED),
    *("CidrBlock", "VpcId", "AvailabilityZone", "MapPublicIpOnLaunch"),
)
ec2_by_id(
    *("CreateSecurityGroup", "describe_security_groups", "SecurityGroups", "", "ec2.security_group", "GroupId"),
    *("delete_security_group", REFUSED),
    *("GroupName", "VpcId", "Description", "IpPermissions", "IpPermissionsEgress"),
)
ec2_by_id(
    *("AllocateAddress", "describe_addresses", "Addresses", "", "ec2.eip", "AllocationId", "release_address", BESIDE),
    *("PublicIp", "AssociationId"),
)
ec2_by_id(
    *("CreateInternetGateway", "describe_internet_gateways", "InternetGateways", "InternetGateway"),
    *("ec2.internet_gateway", "InternetGatewayId", "delete_internet_gateway", BESIDE, "Attachments"),
)
ec2_by_id(
    *("CreateRouteTable", "describe_route_tables", "RouteTables", "RouteTable", "ec2.route_table", "RouteTableId"),
    *("delete_route_table", BESIDE, "VpcId", "Routes", "Associations"),
)


def attach_another_gateway(clients: Clients, params: Values) -> Values:
    ec2 = clients("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=params["VpcId"])
    return {"InternetGatewayId": gateway}


def detach_and_delete_gateway(clients: Clients, id: str) -> None:
    ec2 = clients("ec2")
    gateway = one(ec2.describe_internet_gateways, "InternetGateways", InternetGatewayIds=[id])
    for each in gateway["Attachments"]:
        ec2.detach_internet_gateway(InternetGatewayId=id, VpcId=each["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=id)


@kind(
    *("ec2.AttachInternetGateway", "ec2.internet_gateway", REFUSED, at("InternetGatewayId"), detach_and_delete_gateway),
    attach_another_gateway,
)
def attached_gateway(clients: Clients, id: str) -> Values | None:
    found = one(clients("ec2").describe_internet_gateways, "InternetGateways", InternetGatewayIds=[id])
    return members(found, "Attachments", "Tags")


def route_of(params: Values, _: Values) -> str:
    destinations = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return f"{params['RouteTableId']}/" + next(params[name] for name in destinations if name in params)


def destination_of(id: str) -> tuple[str, str, str]:
    """Table, name of the parameter, and destination of a route."""
    table, destination = id.split("/", 1)
    if destination.startswith("pl-"):
        return table, "DestinationPrefixListId", destination
    return table, "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock", destination


def delete_route(clients: Clients, id: str) -> None:
    table, name, destination = destination_of(id)
    clients("ec2").delete_route(RouteTableId=table, **{name: destination})


@kind("ec2.CreateRoute", "ec2.route", REFUSED, route_of, delete_route)
def route(clients: Clients, id: str) -> Values | None:
    table, name, destination = destination_of(id)
    found = one(clients("ec2").describe_route_tables, "RouteTables", RouteTableIds=[table])
    routes = found["Routes"] if found else []
    return next((each for each in routes if each.get(name) == destination), None)


def associate_the_main_table(clients: Clients, params: Values) -> Values:
    """Somebody else has given the subnet another table, the VPC's own one."""
    ec2 = clients("ec2")
    wanted = one(ec2.describe_route_tables, "RouteTables", RouteTableIds=[params["RouteTableId"]])
    main = [{"Name": "vpc-id", "Values": [wanted["VpcId"]]}, {"Name": "association.main", "Values": ["true"]}]
    table = one(ec2.describe_route_tables, "RouteTables", Filters=main)["RouteTableId"]
    return ec2.associate_route_table(RouteTableId=table, **{k: v for k, v in params.items() if k != "RouteTableId"})


@kind(
    *("ec2.AssociateRouteTable", "ec2.route_table_association", REFUSED, at("AssociationId")),
    lambda clients, id: clients("ec2").disassociate_route_table(AssociationId=id),
    associate_the_main_table,
)
def association(clients: Clients, id: str) -> Values | None:
    tables = clients("ec2").describe_route_tables()["RouteTables"]
    found = [each for table in tables for each in table["Associations"] if each["RouteTableAssociationId"] == id]
    return members(found[0], "RouteTableId", "SubnetId", "GatewayId") if found else None


def revoke(clients: Clients, id: str) -> None:
    ec2 = clients("ec2")
    for each in id.split(SEPARATOR):
        rule = one(ec2.describe_security_group_rules, "SecurityGroupRules", SecurityGroupRuleIds=[each])
        revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
        revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[each])


for _operation in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):

    @kind(
        *(f"ec2.{_operation}", "ec2.security_group_rule", REFUSED),
        lambda _, answer: SEPARATOR.join(each["SecurityGroupRuleId"] for each in answer["SecurityGroupRules"]),
        revoke,
    )
    def rules(clients: Clients, id: str) -> list[Values] | None:
        read = clients("ec2").describe_security_group_rules
        found = [one(read, "SecurityGroupRules", SecurityGroupRuleIds=[each]) for each in id.split(SEPARATOR)]
        return None if None in found else found


# ELB


def balancing(operation: str, read: str, key: str, name: str, clash: str, arns: str, arn: str, delete: str, *kept: str):
    """A kind of ELB's, which is read and deleted by its ARN."""

    def look(clients: Clients, id: str) -> Values | None:
        elbv2 = clients("elbv2")
        found = members(one(getattr(elbv2, read), key, **{arns: [id]}), *kept)
        if found is not None:
            found["Tags"] = one(elbv2.describe_tags, "TagDescriptions", ResourceArns=[id])["Tags"]
        return found

    remove = lambda clients, id: getattr(clients("elbv2"), delete)(**{arn: id})  # noqa: E731
    kind(f"elbv2.{operation}", name, clash, at(key, 0, arn), remove)(look)


balancing(
    *("CreateLoadBalancer", "describe_load_balancers", "LoadBalancers", "elbv2.load_balancer", RETURNED),
    *("LoadBalancerArns", "LoadBalancerArn", "delete_load_balancer"),
    *("LoadBalancerName", "Scheme", "Type", "AvailabilityZones", "SecurityGroups"),
)
balancing(
    *("CreateTargetGroup", "describe_target_groups", "TargetGroups", "elbv2.target_group", RETURNED),
    *("TargetGroupArns", "TargetGroupArn", "delete_target_group"),
    *("TargetGroupName", "Protocol", "Port", "HealthCheckPath", "HealthCheckIntervalSeconds", "Matcher"),
)
balancing(
    *("CreateListener", "describe_listeners", "Listeners", "elbv2.listener", RETURNED),
    *("ListenerArns", "ListenerArn", "delete_listener", "LoadBalancerArn", "Port", "Protocol", "DefaultActions"),
)
balancing(
    *("CreateRule", "describe_rules", "Rules", "elbv2.rule", REFUSED),
    *("RuleArns", "RuleArn", "delete_rule", "Priority", "Conditions", "Actions"),
)


# ECS


@kind(
    *("ecs.CreateCluster", "ecs.cluster", RETURNED, at("cluster", "clusterArn")),
    lambda clients, id: clients("ecs").delete_cluster(cluster=id),
)
def cluster(clients: Clients, id: str) -> Values | None:
    found = one(clients("ecs").describe_clusters, "clusters", clusters=[id], include=["TAGS", "SETTINGS", "CONFIGURATIONS"])
    if found is None or found["status"] != "ACTIVE":
        return None
    return members(found, "tags", "settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy")


@kind(
    *("ecs.CreateService", "ecs.service", REFUSED, at("service", "serviceArn")),
    lambda clients, id: clients("ecs").delete_service(cluster=id.split("/")[1], service=id, force=True),
)
def service(clients: Clients, id: str) -> Values | None:
    # …:service/CLUSTER/NAME
    read = clients("ecs").describe_services
    found = one(read, "services", cluster=id.split("/")[1], services=[id], include=["TAGS"])
    if found is None or found["status"] != "ACTIVE":
        return None
    return members(found, "taskDefinition", "desiredCount", "networkConfiguration", "loadBalancers", "tags")


@kind(
    *("ecs.RegisterTaskDefinition", "ecs.task_definition", BESIDE, at("taskDefinition", "taskDefinitionArn")),
    lambda clients, id: clients("ecs").deregister_task_definition(taskDefinition=id),
)
def task_definition(clients: Clients, id: str) -> Values | None:
    answer = clients("ecs").describe_task_definition(taskDefinition=id, include=["TAGS"])
    is_there = answer["taskDefinition"]["status"] == "ACTIVE"
    return {"tags": answer.get("tags", [])} if is_there else None


# ECR


@kind(
    *("ecr.CreateRepository", "ecr.repository", REFUSED, param("repositoryName")),
    lambda clients, id: clients("ecr").delete_repository(repositoryName=id, force=True),
)
def repository(clients: Clients, id: str) -> Values | None:
    ecr = clients("ecr")
    found = one(ecr.describe_repositories, "repositories", repositoryNames=[id])
    if found is None:
        return None
    images = ecr.list_images(repositoryName=id)["imageIds"]
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    kept = ("createdAt", "imageTagMutability", "imageScanningConfiguration")
    return members(found, *kept) | {"tags": tags, "images": images}


@kind(
    *("ecr.PutLifecyclePolicy", "ecr.lifecycle_policy", UNTOLD, param("repositoryName")),
    lambda clients, id: clients("ecr").delete_lifecycle_policy(repositoryName=id),
)
def lifecycle_policy(clients: Clients, id: str) -> str | None:
    return one(clients("ecr").get_lifecycle_policy, "lifecyclePolicyText", repositoryName=id)


# IAM


@kind(
    *("iam.CreatePolicy", "iam.policy", REFUSED, at("Policy", "Arn")),
    lambda clients, id: clients("iam").delete_policy(PolicyArn=id),
)
def policy(clients: Clients, id: str) -> Values | None:
    found = one(clients("iam").get_policy, "Policy", PolicyArn=id)
    return members(found, "PolicyId", "DefaultVersionId", "Description", "Tags")


@kind(
    *("iam.CreateRole", "iam.role", REFUSED, param("RoleName")),
    lambda clients, id: clients("iam").delete_role(RoleName=id),
)
def role(clients: Clients, id: str) -> Values | None:
    found = one(clients("iam").get_role, "Role", RoleName=id)
    kept = ("RoleId", "AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "PermissionsBoundary", "Tags")
    return members(found, *kept)


def role_and_policy(id: str) -> Values:
    name, policy = id.split("/", 1)
    return {"RoleName": name, "PolicyArn" if policy.startswith("arn:") else "PolicyName": policy}


@kind(
    *("iam.PutRolePolicy", "iam.role_policy", UNTOLD, param("RoleName", "PolicyName")),
    lambda clients, id: clients("iam").delete_role_policy(**role_and_policy(id)),
)
def role_policy(clients: Clients, id: str) -> Any:
    return one(clients("iam").get_role_policy, "PolicyDocument", **role_and_policy(id))


@kind(
    *("iam.AttachRolePolicy", "iam.role_policy_attachment", UNTOLD, param("RoleName", "PolicyArn")),
    lambda clients, id: clients("iam").detach_role_policy(**role_and_policy(id)),
)
def role_policy_attachment(clients: Clients, id: str) -> Values | None:
    wanted = role_and_policy(id)
    attached = one_page(clients("iam").list_attached_role_policies, "AttachedPolicies", RoleName=wanted["RoleName"])
    return next((each for each in attached if each["PolicyArn"] == wanted["PolicyArn"]), None)


def one_page(call: Callable[..., Values], key: str, /, **params: Any) -> list[Any]:
    """A list that one page holds; empty when what it is of is not there."""
    try:
        return call(**params).get(key) or []
    except ClientError as error:
        if GONE.search(error.response["Error"]["Code"]):
            return []
        raise


# Logs


@kind(
    *("logs.CreateLogGroup", "logs.log_group", REFUSED, param("logGroupName")),
    lambda clients, id: clients("logs").delete_log_group(logGroupName=id),
)
def log_group(clients: Clients, id: str) -> Values | None:
    logs = clients("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=id)["logGroups"]
    found = next((each for each in groups if each["logGroupName"] == id), None)
    if found is None:
        return None
    tags = logs.list_tags_log_group(logGroupName=id)["tags"]
    return members(found, "creationTime", "retentionInDays", "kmsKeyId") | {"tags": tags}


# Route 53. One request makes many records; each part of the id is one of them.


def make_records(clients: Clients, params: Values) -> Values:
    changes = [each for each in params["ChangeBatch"]["Changes"] if each["Action"] != "DELETE"]
    if not changes:
        return {"Records": []}
    zone = params["HostedZoneId"]
    clients("route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [each | {"Action": "CREATE"} for each in changes]}
    )
    records = [each["ResourceRecordSet"] for each in changes]
    plain = zone.removeprefix("/hostedzone/")
    return {"Records": [f"/hostedzone/{plain} {each['Name'].rstrip('.')}. {each['Type']}" for each in records]}


def records_of(clients: Clients, id: str) -> dict[str, list[Values]]:
    """The records that there are under each part of an id."""
    found: dict[str, list[Values]] = {}
    for part in id.split(SEPARATOR):
        zone, name, type = part.split(" ")
        records = clients("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        all_records = [each for page in records for each in page["ResourceRecordSets"]]
        found[part] = [each for each in all_records if each["Name"] == name and each["Type"] == type]
    return found


def delete_records(clients: Clients, id: str) -> None:
    for part, records in records_of(clients, id).items():
        changes = [{"Action": "DELETE", "ResourceRecordSet": each} for each in records]
        if changes:
            zone = part.split(" ")[0]
            clients("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


@kind(
    *("route53.ChangeResourceRecordSets", "route53.record", REFUSED),
    lambda _, answer: SEPARATOR.join(answer["Records"]),
    delete_records,
    make_records,
)
def records(clients: Clients, id: str) -> Values | None:
    found = records_of(clients, id)
    return found if all(found.values()) else None


# API Gateway


def under_api(operation: str, name: str, clash: str, read: str, delete: str, key: str, *kept: str) -> None:
    """A kind that belongs to an API, and has an id or a name there."""

    def look(clients: Clients, id: str) -> Values | None:
        api, own = id.split("/", 1)
        found = one_of(getattr(clients("apigatewayv2"), read), ApiId=api, **{key: own})
        return members(found, *kept, "Tags")

    def remove(clients: Clients, id: str) -> None:
        api, own = id.split("/", 1)
        getattr(clients("apigatewayv2"), delete)(ApiId=api, **{key: own})

    id_of = lambda params, answer: f"{params['ApiId']}/{answer[key]}"  # noqa: E731
    kind(f"apigatewayv2.{operation}", name, clash, id_of, remove)(look)


def one_of(call: Callable[..., Values], /, **params: Any) -> Values | None:
    """The answer to a read itself; None when there is nothing."""
    try:
        return call(**params)
    except ClientError as error:
        if GONE.search(error.response["Error"]["Code"]):
            return None
        raise


under_api(
    *("CreateRoute", "apigatewayv2.route", REFUSED, "get_route", "delete_route", "RouteId"),
    *("RouteKey", "Target", "AuthorizationType"),
)
under_api(
    *("CreateStage", "apigatewayv2.stage", REFUSED, "get_stage", "delete_stage", "StageName"),
    *("AutoDeploy", "DefaultRouteSettings", "AccessLogSettings", "StageVariables"),
)
under_api(
    *("CreateIntegration", "apigatewayv2.integration", BESIDE, "get_integration", "delete_integration"),
    *("IntegrationId", "IntegrationUri", "IntegrationType", "ConnectionId"),
)


@kind(
    *("apigatewayv2.CreateApi", "apigatewayv2.api", BESIDE, at("ApiId")),
    lambda clients, id: clients("apigatewayv2").delete_api(ApiId=id),
)
def api(clients: Clients, id: str) -> Values | None:
    found = one_of(clients("apigatewayv2").get_api, ApiId=id)
    return members(found, "Name", "ProtocolType", "Description", "CorsConfiguration", "Tags")


@kind(
    *("apigatewayv2.CreateDomainName", "apigatewayv2.domain_name", REFUSED, param("DomainName")),
    lambda clients, id: clients("apigatewayv2").delete_domain_name(DomainName=id),
)
def domain_name(clients: Clients, id: str) -> Values | None:
    found = one_of(clients("apigatewayv2").get_domain_name, DomainName=id)
    if found is None:
        return None
    certificates = [each.get("CertificateArn") for each in found["DomainNameConfigurations"]]
    return members(found, "MutualTlsAuthentication", "Tags") | {"certificates": certificates}


@kind(
    *("apigatewayv2.CreateApiMapping", "apigatewayv2.api_mapping", REFUSED),
    lambda params, answer: f"{params['DomainName']}/{answer['ApiMappingId']}",
    lambda clients, id: clients("apigatewayv2").delete_api_mapping(**mapping_of(id)),
)
def api_mapping(clients: Clients, id: str) -> Values | None:
    found = one_of(clients("apigatewayv2").get_api_mapping, **mapping_of(id))
    return members(found, "ApiId", "Stage", "ApiMappingKey")


def mapping_of(id: str) -> Values:
    domain, mapping = id.split("/", 1)
    return {"DomainName": domain, "ApiMappingId": mapping}


# Application Auto Scaling


def scaled(id: str) -> Values:
    namespace, resource, dimension = id.split(" ")[:3]
    return {"ServiceNamespace": namespace, "ResourceIds": [resource], "ScalableDimension": dimension}


def scaled_by(params: Values, _: Values) -> str:
    return " ".join(params[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension"))


def deregister(clients: Clients, id: str) -> None:
    namespace, resource, dimension = id.split(" ")
    clients("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=namespace, ResourceId=resource, ScalableDimension=dimension
    )


@kind("application-autoscaling.RegisterScalableTarget", "applicationautoscaling.scalable_target", UNTOLD, scaled_by, deregister)
def scalable_target(clients: Clients, id: str) -> Values | None:
    found = one(clients("application-autoscaling").describe_scalable_targets, "ScalableTargets", **scaled(id))
    return members(found, "MinCapacity", "MaxCapacity", "SuspendedState")


def delete_scaling_policy(clients: Clients, id: str) -> None:
    namespace, resource, dimension, name = id.split(" ", 3)
    clients("application-autoscaling").delete_scaling_policy(
        PolicyName=name, ServiceNamespace=namespace, ResourceId=resource, ScalableDimension=dimension
    )


@kind(
    *("application-autoscaling.PutScalingPolicy", "applicationautoscaling.scaling_policy", UNTOLD),
    lambda params, answer: f"{scaled_by(params, answer)} {params['PolicyName']}",
    delete_scaling_policy,
)
def scaling_policy(clients: Clients, id: str) -> Values | None:
    namespace, resource, dimension, name = id.split(" ", 3)
    found = one(
        clients("application-autoscaling").describe_scaling_policies,
        "ScalingPolicies",
        **{"PolicyNames": [name], "ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension},
    )
    return members(found, "PolicyType", "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")
