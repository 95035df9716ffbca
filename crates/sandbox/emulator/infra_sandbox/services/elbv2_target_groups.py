"""Target groups of load balancers, and the targets in them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
"""

from typing import Any

from .. import targets
from ..call import Answer, Call, operation, refuse

COMPARED = {
    "Protocol": "protocol",
    "Port": "port",
    "VpcId": "vpc_id",
    "TargetType": "target_type",
    "ProtocolVersion": "protocol_version",
    "HealthCheckPath": "health_check_path",
    "HealthCheckPort": "health_check_port",
    "HealthCheckProtocol": "health_check_protocol",
    "HealthCheckIntervalSeconds": "health_check_interval_seconds",
    "HealthCheckTimeoutSeconds": "health_check_timeout_seconds",
    "HealthyThresholdCount": "healthy_threshold_count",
    "UnhealthyThresholdCount": "unhealthy_threshold_count",
}
WEB_ATTRIBUTES = {
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


@operation("elbv2", "CreateTargetGroup")
def create_target_group(call: Call) -> Answer | dict[str, Any]:
    params, backend = call.params, call.backend()
    for present in backend.target_groups.values():
        if present.name == params["Name"]:
            if any(
                str(params[name]) != str(getattr(present, attribute))
                for name, attribute in COMPARED.items()
                if name in params
            ):
                raise refuse(
                    "DuplicateTargetGroupName",
                    f"A target group with the same name '{present.name}' exists, but with different settings",
                )
            return {"TargetGroups": [describe_target_group(backend, present)]}
    result = call.moto()
    group = backend.target_groups[result["TargetGroups"][0]["TargetGroupArn"]]
    if group.protocol in ("HTTP", "HTTPS"):
        # AWS's default for HTTP and HTTPS is five, as moto's; its answers carry numbers.
        group.attributes = WEB_ATTRIBUTES | group.attributes
    elif group.protocol in ("TCP", "TLS", "UDP", "TCP_UDP"):
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        if group.health_check_protocol in ("HTTP", "HTTPS"):
            group.matcher = params.get("Matcher") or {"HttpCode": "200-399"}
            group.health_check_path = group.health_check_path or "/"
        if group.health_check_protocol == "HTTP" and "HealthCheckTimeoutSeconds" not in params:
            group.health_check_timeout_seconds = 6
        closes = str(group.protocol in ("UDP", "TCP_UDP")).lower()
        group.attributes["deregistration_delay.connection_termination.enabled"] = closes
    return {"TargetGroups": [describe_target_group(backend, group)]}


@operation("elbv2", "ModifyTargetGroup")
def modify_target_group(call: Call) -> Answer:
    group = group_of(call)
    if group.target_type == "lambda" and call.params.keys() & {"HealthCheckProtocol", "HealthCheckPort"}:
        # https://github.com/cloudtools/troposphere/issues/1375
        raise refuse("ValidationError", "Health check protocol and port cannot be specified for 'lambda' targets")
    answer = call.forward()
    # moto changes the codes of HTTP and HTTPS only.
    if answer.status < 300 and call.params.get("Matcher"):
        group.matcher = call.params["Matcher"]
    return answer


def describe_target_group(backend: Any, group: Any) -> dict[str, Any]:
    described = {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": group.health_check_protocol,
        "HealthCheckPort": group.health_check_port,
        "HealthCheckEnabled": group.health_check_enabled,
        "HealthCheckIntervalSeconds": group.health_check_interval_seconds,
        "HealthCheckTimeoutSeconds": group.health_check_timeout_seconds,
        "HealthyThresholdCount": group.healthy_threshold_count,
        "UnhealthyThresholdCount": group.unhealthy_threshold_count,
        "HealthCheckPath": group.health_check_path,
        "Matcher": getattr(group, "matcher", None),
        "LoadBalancerArns": targets.load_balancers(backend, group.arn),
        "TargetType": group.target_type,
        "ProtocolVersion": group.protocol_version,
        "IpAddressType": group.ip_address_type,
    }
    return {key: value for key, value in described.items() if value is not None}


@operation("elbv2", "DescribeTargetGroups")
def describe_target_groups(call: Call) -> Answer:
    backend = call.backend()
    for group in backend.target_groups.values():
        group.load_balancer_arns = targets.load_balancers(backend, group.arn)
    return call.forward()


@operation("elbv2", "DeleteTargetGroup")
def delete_target_group(call: Call) -> Answer:
    arn = call.params["TargetGroupArn"]
    # Deleting what is gone succeeds.
    if arn not in call.backend().target_groups:
        return call.serialize({})
    answer = call.forward()
    if answer.status < 300:
        for key in [key for key in targets.states if key[0] == arn]:
            del targets.states[key]
    return answer


# Targets


def group_of(call: Call) -> Any:
    group = call.backend().target_groups.get(call.params["TargetGroupArn"])
    if group is None:
        raise refuse("TargetGroupNotFound", "One or more target groups not found")
    return group


@operation("elbv2", "RegisterTargets")
def register_targets(call: Call) -> dict[str, Any]:
    group = group_of(call)
    for target in call.params["Targets"]:
        # Nothing listens at an address that a client names; only the tasks of a service answer.
        targets.register(group.arn, target["Id"], target.get("Port", group.port), answers=False)
    return {}


@operation("elbv2", "DeregisterTargets")
def deregister_targets(call: Call) -> dict[str, Any]:
    group = group_of(call)
    for target in call.params["Targets"]:
        targets.deregister(group.arn, target["Id"], target.get("Port", group.port))
    return {}


@operation("elbv2", "DescribeTargetHealth")
def describe_target_health(call: Call) -> dict[str, Any]:
    group = group_of(call)
    asked = [(each["Id"], int(each.get("Port", group.port))) for each in call.params.get("Targets", [])]
    in_use = bool(targets.load_balancers(call.backend(), group.arn))
    descriptions = []
    for address, port in asked or targets.of_group(group.arn):
        state, reason, description = targets.state(group.arn, address, port, in_use)
        health = {"State": state} | ({"Reason": reason, "Description": description} if reason else {})
        descriptions.append(
            {
                "Target": {"Id": address, "Port": port},
                "HealthCheckPort": str(port if group.health_check_port == "traffic-port" else group.health_check_port),
                "TargetHealth": health,
            }
        )
    return {"TargetHealthDescriptions": descriptions}
