"""Security groups: rules that are there once, and groups that are in use.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

from .. import network
from ..call import Answer, AwsError, Call, operation, refuse

# Protocol, ports, and whom the rule is about.
Key = tuple[str, int | None, int | None, str]


def rule_description(rule: SecurityGroupRule) -> str | None:
    """moto tells the description of rules about networks only, not of those about another group."""
    return rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")


SecurityGroupRule.description = property(rule_description)  # type: ignore[assignment,method-assign]


# What a rule allows


def prefix_list_of(rule: Any) -> str | None:
    """moto keeps the id of a list as what it was given, a table, or as the id alone."""
    found = rule.prefix_list_id or None
    return found.get("PrefixListId") if isinstance(found, dict) else found


# What EC2 stores by its name; it keeps every other number. https://github.com/go-to-k/cdkd/pull/1650
NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def spelled(protocol: Any) -> str:
    """A protocol as EC2 tells it."""
    text = str(protocol).lower()
    return NAMES.get(text, text)


def key(protocol: Any, first: Any, last: Any, peer: str) -> Key:
    protocol = spelled(protocol)
    if protocol == "-1":
        return ("-1", None, None, peer)
    return (protocol, int(first if first is not None else -1), int(last if last is not None else -1), peer)


def key_of(rule: Any) -> Key:
    """What a rule allows, its description aside."""
    network_range = rule.ip_range or {}
    peer = (
        network_range.get("CidrIp")
        or network_range.get("CidrIpv6")
        or prefix_list_of(rule)
        or (rule.source_group or {}).get("GroupId")
    )
    return key(rule.ip_protocol, rule.from_port, rule.to_port, peer or "")


def asked_for(permission: dict[str, Any]) -> Iterator[Key]:
    """What each rule of a permission would allow."""
    peers = (
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", "GroupId"),
    )
    for member, name in peers:
        for each in permission.get(member) or []:
            if each.get(name):
                yield key(
                    permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"), each[name]
                )


def duplicate(found: Key) -> AwsError:
    protocol, first, last, peer = found
    if protocol == "-1":
        what = f"peer: {peer}, ALL, ALLOW"
    else:
        what = f"peer: {peer}, {protocol.upper()}, from port: {first}, to port: {last}, ALLOW"
    return refuse("InvalidPermission.Duplicate", f'the specified rule "{what}" already exists')


@operation("ec2", "CreateSecurityGroup")
def create_security_group(call: Call) -> Answer:
    """In a VPC that exists, where names are unique whatever their case.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    """
    backend, name = call.backend(), call.params["GroupName"]
    vpc = call.params.get("VpcId") or getattr(backend.default_vpc, "id", None)
    if vpc:
        backend.get_vpc(vpc)
    taken = (each.name.lower() for each in backend.groups.get(vpc, {}).values())
    if name.lower() in taken:
        raise refuse(
            "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'"
        )
    return call.forward()


def group_of(call: Call) -> Any | None:
    group_id = call.params.get("GroupId")
    return call.backend().get_security_group_from_id(group_id) if group_id else None


@operation("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call: Call) -> Answer | dict[str, Any]:
    """All of the rules or none; moto stops in the middle, and tells of the last permission's only."""
    group, permissions = group_of(call), call.params.get("IpPermissions") or []
    if group is None or not permissions:
        return call.forward()
    is_ingress = call.operation == "AuthorizeSecurityGroupIngress"
    rules = group.ingress_rules if is_ingress else group.egress_rules
    before = [each.id for each in rules]
    taken = {key_of(each) for each in rules}
    for permission in permissions:
        for each in asked_for(permission):
            if each in taken:
                raise duplicate(each)
            taken.add(each)
    result = call.moto()
    rules = group.ingress_rules if is_ingress else group.egress_rules
    for each in rules:
        each.ip_protocol = spelled(each.ip_protocol)
    made = [described(call, group, each, is_ingress) for each in rules if each.id not in before]
    return result | {"SecurityGroupRules": made}


def described(call: Call, group: Any, rule: Any, is_ingress: bool) -> dict[str, Any]:
    network_range, source = rule.ip_range or {}, rule.source_group or {}
    members = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": group.id,
        "GroupOwnerId": call.account,
        "IsEgress": not is_ingress,
        "IpProtocol": str(rule.ip_protocol),
        "FromPort": -1 if rule.from_port is None else int(rule.from_port),
        "ToPort": -1 if rule.to_port is None else int(rule.to_port),
        "CidrIpv4": network_range.get("CidrIp"),
        "CidrIpv6": network_range.get("CidrIpv6"),
        "PrefixListId": prefix_list_of(rule),
        "ReferencedGroupInfo": {"GroupId": source["GroupId"], "UserId": call.account} if source.get("GroupId") else None,
        "Description": rule.description,
        "Tags": [{"Key": name, "Value": value} for name, value in call.backend().tags.get(rule.id, {}).items()],
    }
    return {name: value for name, value in members.items() if value is not None}


@operation("ec2", "ModifySecurityGroupRules")
def modify_rules(call: Call) -> Answer:
    group = group_of(call)
    asked = {
        each["SecurityGroupRuleId"]: each.get("SecurityGroupRule") or {}
        for each in call.params.get("SecurityGroupRules") or []
    }
    for rules in (group.ingress_rules, group.egress_rules) if group is not None else ():
        taken = {key_of(each) for each in rules if each.id not in asked}
        for each in rules:
            if each.id not in asked:
                continue
            wanted = asked[each.id]
            peers = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
            peer = next((wanted[name] for name in peers if wanted.get(name)), "")
            found = key(wanted.get("IpProtocol"), wanted.get("FromPort"), wanted.get("ToPort"), peer)
            if found in taken:
                raise duplicate(found)
            taken.add(found)
    answer = call.forward()
    for rules in (group.ingress_rules, group.egress_rules) if group is not None else ():
        for each in rules:
            each.ip_protocol = spelled(each.ip_protocol)
    return answer


# Deleting


def rules_of(group: Any) -> list[Any]:
    return [*group.ingress_rules, *group.egress_rules]


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call: Call) -> Answer:
    ec2, group_id = call.backend(), call.params.get("GroupId")
    group = ec2.get_security_group_from_id(group_id) if group_id else None
    if group is not None:
        if group.is_default:
            raise refuse("CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted')
        others = [each for each in ec2.groups.get(group.vpc_id, {}).values() if each.id != group_id]
        referenced = any(
            (getattr(rule, "source_group", None) or {}).get("GroupId") == group_id
            for other in others
            for rule in rules_of(other)
        )
        if referenced or network.of_group(ec2, group_id):
            raise refuse("DependencyViolation", f"resource {group_id} has a dependent object")
    return call.forward()
