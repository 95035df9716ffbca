"""Load balancers: provisioning, network interfaces, names, and what is in use.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
"""

import random
import re
from typing import Any

from moto.elbv2.models import FakeLoadBalancer

from .. import network, targets
from ..call import Answer, Call, backend_of, operation, refuse
from ..world import store, timeline
from . import iam

NAME = re.compile(r"(?!-)(?!.*-$)(?!internal-)[A-Za-z0-9-]{1,32}")
# https://docs.aws.amazon.com/general/latest/gr/elb.html: the zones of load balancers
ZONES = {
    "us-east-1": ("Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"),
    "us-east-2": ("Z3AADJGX6KTTL2", "ZLMOA37VPKANP"),
    "us-west-2": ("Z1H1FL5HABSF5", "Z18D5FSROUN65G"),
    "eu-west-1": ("Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
    "eu-central-1": ("Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"),
}
OTHER_ZONES = ("Z0000000000000000000", "Z0000000000000000001")
ALB_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
interfaces: dict[str, list[str]] = store()
# ARN of a listener as it was made → its settings, and AWS's answer.
made: dict[str, tuple[dict[str, Any], dict[str, Any]]] = store()

# moto makes a load balancer active when it is looked at; here the timeline does.
FakeLoadBalancer.activate = lambda self: None


# Load balancers


def subnets_of(params: dict[str, Any]) -> list[str]:
    return params.get("Subnets") or [each["SubnetId"] for each in params.get("SubnetMappings", [])]


def check_subnets(call: Call, kind: str, subnets: list[str], vpc_id: str | None = None) -> list[Any]:
    """The subnets, which are of one VPC: that one, where the load balancer has one already."""
    found = []
    for each in subnets:
        subnet = network.subnet(call.account, call.region, each)
        if subnet is None:
            raise refuse("SubnetNotFound", f"The subnet ID '{each}' does not exist")
        found.append(subnet)
    zones = [subnet.availability_zone for subnet in found]
    if kind == "application" and len(set(zones)) < 2:
        raise refuse(
            "ValidationError", "At least two subnets in two different Availability Zones must be specified"
        )
    if not found:
        raise refuse("ValidationError", "At least one subnet must be specified")
    if len(set(zones)) < len(zones):
        raise refuse(
            "InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same"
            " Availability Zone"
        )
    vpc_id = vpc_id or found[0].vpc_id
    for subnet in found:
        if subnet.vpc_id != vpc_id:
            raise refuse("InvalidConfigurationRequest", f"The subnet '{subnet.id}' is not in the VPC '{vpc_id}'")
    return found


def check_groups(call: Call, groups: list[str], vpc_id: str) -> None:
    for each in groups:
        found = network.group(call.account, call.region, each)
        if found is None:
            raise refuse("InvalidSecurityGroup", f"Security group '{each}' does not exist")
        if found.vpc_id != vpc_id:
            raise refuse("InvalidConfigurationRequest", f"One or more security groups are invalid: '{each}'")


def attach(call: Call, balancer: Any) -> None:
    """Puts the load balancer's interfaces where it now is."""
    network.detach(call.account, call.region, interfaces.get(balancer.arn, []))
    description = "ELB " + balancer.arn.split(":loadbalancer/")[-1]
    kind = "network_load_balancer" if balancer.type == "network" else "interface"
    groups, is_public = balancer.security_groups or [], balancer.scheme == "internet-facing"
    interfaces[balancer.arn] = [
        network.attach(call.account, call.region, subnet.id, groups, description, kind, is_public).id
        for subnet in balancer.subnets
    ]


@operation("elbv2", "CreateLoadBalancer")
def create_load_balancer(call: Call) -> Answer | dict[str, Any]:
    params, backend = call.params, call.backend()
    name, kind = params["Name"], params.get("Type", "application")
    if not NAME.fullmatch(name):
        raise refuse(
            "ValidationError",
            f"The load balancer name '{name}' must have at most 32 alphanumeric characters or hyphens, must not"
            " begin or end with a hyphen, and must not begin with 'internal-'",
        )
    subnets = check_subnets(call, kind, subnets_of(params))
    vpc_id = subnets[0].vpc_id
    check_groups(call, params.get("SecurityGroups", []), vpc_id)
    scheme = params.get("Scheme", "internet-facing")
    ec2 = backend_of("ec2", call.account, call.region)
    for present in backend.load_balancers.values():
        if present.name == name:
            same = (
                (present.type, present.scheme) == (kind, scheme)
                and {each.id for each in present.subnets} == {each.id for each in subnets}
                and set(params.get("SecurityGroups") or present.security_groups or [])
                == set(present.security_groups or [])
                and present.ip_address_type == params.get("IpAddressType", "ipv4")
            )
            if not same:
                raise refuse(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{name}' exists, but with different settings",
                )
            return {"LoadBalancers": [describe(present)]}
    gateways = ec2.internet_gateways.values()
    if scheme == "internet-facing" and not any(each.vpc and each.vpc.id == vpc_id for each in gateways):
        raise refuse("InvalidSubnet", f"VPC {vpc_id} has no internet gateway")

    iam.service_role(call, "elasticloadbalancing.amazonaws.com")
    result = call.moto()
    balancer = backend.load_balancers[result["LoadBalancers"][0]["LoadBalancerArn"]]
    balancer.scheme = scheme
    zones = ZONES.get(call.region, OTHER_ZONES)
    balancer.canonical_hosted_zone_id = zones[1] if kind == "network" else zones[0]
    number = random.randrange(10**8, 2 * 10**9)
    balancer.dns_name = f"{name}-{number}.{call.region}.elb.amazonaws.com"
    if scheme == "internal" and kind == "application":
        balancer.dns_name = f"internal-{balancer.dns_name}"
    if kind == "application":
        balancer.attrs = dict(ALB_ATTRIBUTES)
        if not balancer.security_groups:
            balancer.security_groups = [ec2.get_default_security_group(vpc_id).id]
    attach(call, balancer)

    def active() -> None:
        balancer.state = "active"

    timeline.after("elbv2.load_balancer.active", f"load balancer {name} active", active)
    return {"LoadBalancers": [describe(balancer)]}


def describe(balancer: Any) -> dict[str, Any]:
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": balancer.canonical_hosted_zone_id,
        "CreatedTime": balancer.created_time,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": {"Code": balancer.state},
        "Type": balancer.type,
        "AvailabilityZones": [
            {"ZoneName": each.availability_zone, "SubnetId": each.id, "LoadBalancerAddresses": []}
            for each in balancer.subnets
        ],
        "SecurityGroups": balancer.security_groups or [],
        "IpAddressType": balancer.ip_address_type,
    }


@operation("elbv2", "DescribeLoadBalancers")
def describe_load_balancers(call: Call) -> dict[str, Any]:
    balancers = list(call.backend().load_balancers.values())
    arns, names = call.params.get("LoadBalancerArns"), call.params.get("Names")
    for wanted, key in ((arns, "arn"), (names, "name")):
        if wanted is not None:
            known = {getattr(each, key): each for each in balancers}
            missing = [each for each in wanted if each not in known]
            if missing:
                raise refuse("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")
            balancers = [known[each] for each in wanted]
    start, size = int(call.params.get("Marker") or 0), call.params.get("PageSize", 400)
    result: dict[str, Any] = {"LoadBalancers": [describe(each) for each in balancers[start : start + size]]}
    if start + size < len(balancers):
        result["NextMarker"] = str(start + size)
    return result


@operation("elbv2", "DeleteLoadBalancer")
def delete_load_balancer(call: Call) -> Answer:
    arn, (account, region) = call.params["LoadBalancerArn"], call.here
    balancer = call.backend().load_balancers.get(arn)
    if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise refuse(
            "OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        )
    answer = call.forward()
    # Its interfaces stay for a while, and keep subnets and security groups from being deleted.
    if answer.status < 300 and arn in interfaces:
        gone = interfaces.pop(arn)
        timeline.after(
            "elbv2.load_balancer.interfaces_gone",
            f"interfaces of {arn.split('/')[-2]} gone",
            lambda: network.detach(account, region, gone),
        )
    return answer


@operation("elbv2", "SetSubnets")
def set_subnets(call: Call) -> Answer:
    balancer = call.backend().load_balancers.get(call.params["LoadBalancerArn"])
    if balancer is not None:
        check_subnets(call, balancer.type, subnets_of(call.params), balancer.vpc_id)
    answer = call.forward()
    if answer.status < 300:
        attach(call, balancer)
    return answer


@operation("elbv2", "SetSecurityGroups")
def set_security_groups(call: Call) -> Answer:
    balancer = call.backend().load_balancers.get(call.params["LoadBalancerArn"])
    if balancer is not None:
        check_groups(call, call.params["SecurityGroups"], balancer.vpc_id)
    answer = call.forward()
    if answer.status < 300:
        attach(call, balancer)
    return answer


# Listeners


def check_listener(call: Call, balancer: Any, own_arn: str | None) -> None:
    params = call.params
    port = params.get("Port")
    for listener in balancer.listeners.values():
        if port is not None and int(listener.port) == int(port) and listener.arn != own_arn:
            raise refuse(
                "DuplicateListener", "A listener already exists on this port for this load balancer"
            )
    own = balancer.listeners.get(own_arn)
    protocol = params.get("Protocol") or (own.protocol if own else None)
    has_certificate = params.get("Certificates") or (own is not None and own.certificates)
    if protocol in ("HTTPS", "TLS") and not has_certificate:
        raise refuse("CertificateNotFound", "A certificate must be specified for HTTPS listeners")
    groups = call.backend().target_groups
    for action in params.get("DefaultActions", []):
        for arn in targets.forwarded(action):
            if arn not in groups:
                raise refuse("TargetGroupNotFound", f"Target groups '{arn}' not found")
            web = groups[arn].protocol in ("HTTP", "HTTPS")
            if (balancer.type == "application") != web:
                raise refuse(
                    "InvalidConfigurationRequest",
                    f"Target group protocol {groups[arn].protocol} is not compatible with listener protocol {protocol}",
                )
            # A group whose targets are functions is in no VPC.
            if groups[arn].vpc_id not in (None, balancer.vpc_id):
                raise refuse(
                    "InvalidConfigurationRequest",
                    f"Target group '{arn}' is in a different VPC than load balancer '{balancer.arn}'",
                )
            others = [each for each in targets.load_balancers(call.backend(), arn) if each != balancer.arn]
            if others:
                raise refuse(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load balancer: {arn}",
                )


@operation("elbv2", "CreateListener")
def create_listener(call: Call) -> dict[str, Any]:
    """One with the same settings is returned as it is, whatever its tags.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
    https://github.com/hashicorp/terraform-provider-aws/issues/35121
    """
    balancer = call.backend().load_balancers.get(call.params["LoadBalancerArn"])
    if balancer is None:
        raise refuse("LoadBalancerNotFound", "One or more load balancers not found")
    settings = {name: value for name, value in call.params.items() if name != "Tags"}
    for arn in balancer.listeners:
        if arn in made and made[arn][0] == settings:
            return made[arn][1]
    check_listener(call, balancer, None)
    result = call.moto()
    made[result["Listeners"][0]["ListenerArn"]] = (settings, result)
    return result


@operation("elbv2", "ModifyListener")
def modify_listener(call: Call) -> Answer:
    arn = call.params["ListenerArn"]
    for balancer in call.backend().load_balancers.values():
        if arn in balancer.listeners:
            check_listener(call, balancer, arn)
    made.pop(arn, None)
    return call.forward()


# Tags


@operation("elbv2", "AddTags")
def add_tags(call: Call) -> dict[str, Any]:
    """moto takes ten at most, AWS fifty."""
    backend = call.backend()
    for arn in call.params["ResourceArns"]:
        backend._get_resource_by_arn(arn)
        backend.tagging_service.tag_resource(arn, call.params["Tags"])
    return {}


@operation("elbv2", "DescribeTags")
def describe_tags(call: Call) -> Answer:
    """moto tells nothing of what is not there, AWS refuses."""
    for arn in call.params["ResourceArns"]:
        call.backend()._get_resource_by_arn(arn)
    return call.forward()
