"""Application Auto Scaling: tags, and policies that are replaced in place."""

from typing import Any

from moto.applicationautoscaling import responses
from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy as Policy

from ..call import Answer, AwsError, Call, operation
from ..world import store
from . import iam

SERVICE = "application-autoscaling"
tags: dict[str, dict[str, str]] = store()


def target_of(call: Call, resource_id: str, dimension: str) -> Any | None:
    return call.backend().targets.get(dimension, {}).get(resource_id)


@operation(SERVICE, "RegisterScalableTarget")
def register_scalable_target(call: Call) -> dict[str, Any] | Answer:
    params = call.params
    present = target_of(call, params["ResourceId"], params["ScalableDimension"])
    low = params.get("MinCapacity", present.min_capacity if present else None)
    high = params.get("MaxCapacity", present.max_capacity if present else None)
    if low is None or high is None:
        raise AwsError("ValidationException", "MinCapacity and MaxCapacity are required for a new scalable target")
    if low > high:
        raise AwsError("ValidationException", "Minimum capacity must not be greater than maximum capacity")
    own = iam.service_role(call, "ecs.application-autoscaling.amazonaws.com")
    role = iam.role_of(call, params["RoleARN"]) if params.get("RoleARN") else own
    if role is not None and not iam.is_seen(role):
        raise AwsError("ValidationException", f"Unable to assume IAM role: {role.arn}")
    result = call.moto()
    target = target_of(call, params["ResourceId"], params["ScalableDimension"])
    # A service of ECS is scaled with this role, whatever role is asked for.
    target.role_arn = own.arn
    if target.suspended_state is None:
        target.suspended_state = dict.fromkeys(
            ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
        )
    # Tags of a target that is there are changed by TagResource only.
    if present is None:
        tags[target.arn] = dict(params.get("Tags", {}))
    return result | {"ScalableTargetARN": target.arn}


def forget(call: Call, resource_id: str) -> None:
    """A target goes with the service that it scales. https://github.com/hashicorp/terraform-provider-aws/issues/14254"""
    backend = call.backend(SERVICE)
    for group in backend.targets.values():
        target = group.pop(resource_id, None)
        if target is not None:
            tags.pop(target.arn, None)
            forget_policies(call, target)


def forget_policies(call: Call, target: Any) -> None:
    """A target takes its policies with it, and they their alarms."""
    backend = call.backend(SERVICE)
    for key, policy in list(backend.policies.items()):
        if (policy.resource_id, policy.scalable_dimension) == (target.resource_id, target.scalable_dimension):
            policy.delete_alarms(call.account, call.region)
            del backend.policies[key]


@operation(SERVICE, "DeregisterScalableTarget")
def deregister_scalable_target(call: Call) -> Answer:
    params = call.params
    target = target_of(call, params["ResourceId"], params["ScalableDimension"])
    if target is None:
        message = (
            f"No scalable target found for service namespace: {params['ServiceNamespace']},"
            f" resource ID: {params['ResourceId']}, scalable dimension: {params['ScalableDimension']}"
        )
        raise AwsError("ObjectNotFoundException", message)
    tags.pop(target.arn, None)
    forget_policies(call, target)
    return call.forward()


@operation(SERVICE, "PutScalingPolicy")
def put_scaling_policy(call: Call) -> dict[str, Any]:
    params, backend = call.params, call.backend()
    if target_of(call, params["ResourceId"], params["ScalableDimension"]) is None:
        message = (
            f"No scalable target registered for service namespace: {params['ServiceNamespace']},"
            f" resource ID: {params['ResourceId']}, scalable dimension: {params['ScalableDimension']}"
        )
        raise AwsError("ObjectNotFoundException", message)
    key = Policy.formulate_key(
        params["ServiceNamespace"], params["ResourceId"], params["ScalableDimension"], params["PolicyName"]
    )
    check_metric(backend, params)
    former = backend.policies.get(key)
    if former is not None:
        former.delete_alarms(call.account, call.region)
    result = call.moto()
    if former is not None:
        policy = backend.policies[key]
        policy.policy_arn, policy.creation_time = former.policy_arn, former.creation_time
        result["PolicyARN"] = former.policy_arn
    return result


def metric_of(config: dict[str, Any] | None) -> Any:
    """The metric that a policy keeps at a value, in a form that can be compared."""
    predefined = (config or {}).get("PredefinedMetricSpecification")
    if predefined:
        return (predefined["PredefinedMetricType"], predefined.get("ResourceLabel"))
    customized = (config or {}).get("CustomizedMetricSpecification")
    if not customized:
        return None
    dimensions = sorted(customized.get("Dimensions") or [], key=lambda each: each["Name"])
    return customized | {"Dimensions": dimensions}


def check_metric(backend: Any, params: dict[str, Any]) -> None:
    """Two policies of a target keep no metric at two values. https://github.com/cdklabs/cdk-ecs-service-extensions/issues/35"""
    metric = metric_of(params.get("TargetTrackingScalingPolicyConfiguration"))
    if metric is None:
        return
    place = (params["ServiceNamespace"], params["ResourceId"], params["ScalableDimension"])
    for other in backend.policies.values():
        if (other.service_namespace, other.resource_id, other.scalable_dimension) != place:
            continue
        config = other.target_tracking_scaling_policy_configuration
        if other.policy_name != params["PolicyName"] and metric_of(config) == metric:
            raise AwsError(
                "ValidationException",
                "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
            )


@operation(SERVICE, "DescribeScalingPolicies")
def describe_scaling_policies(call: Call) -> dict[str, Any]:
    params = call.params
    found = [
        policy
        for policy in call.backend().policies.values()
        if policy.service_namespace == params["ServiceNamespace"]
        and policy.resource_id == params.get("ResourceId", policy.resource_id)
        and policy.scalable_dimension == params.get("ScalableDimension", policy.scalable_dimension)
        and policy.policy_name in (params.get("PolicyNames") or [policy.policy_name])
    ]
    return {"ScalingPolicies": [responses._build_policy(each) for each in found]}


@operation(SERVICE, "DescribeScalableTargets")
def describe_scalable_targets(call: Call) -> dict[str, Any]:
    params = call.params
    found = call.backend().describe_scalable_targets(
        params["ServiceNamespace"], params.get("ResourceIds"), params.get("ScalableDimension")
    )
    return {"ScalableTargets": [responses._build_target(each) for each in found]}


@operation(SERVICE, "DeleteScalingPolicy")
def delete_scaling_policy(call: Call) -> Answer:
    params = call.params
    key = Policy.formulate_key(
        params["ServiceNamespace"], params["ResourceId"], params["ScalableDimension"], params["PolicyName"]
    )
    if key not in call.backend().policies:
        raise AwsError("ObjectNotFoundException", f"No scaling policy found: {params['PolicyName']}")
    return call.forward()


def tags_of(call: Call) -> dict[str, str]:
    arn = call.params["ResourceARN"]
    if not any(target.arn == arn for group in call.backend().targets.values() for target in group.values()):
        raise AwsError("ResourceNotFoundException", f"No scalable target found for ARN: {arn}", ResourceName=arn)
    return tags.setdefault(arn, {})


@operation(SERVICE, "ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    return {"Tags": tags_of(call)}


@operation(SERVICE, "TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    tags_of(call).update(call.params["Tags"])
    return {}


@operation(SERVICE, "UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    present = tags_of(call)
    for key in call.params["TagKeys"]:
        present.pop(key, None)
    return {}
