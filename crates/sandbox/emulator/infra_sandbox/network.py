"""Network interfaces that services put into subnets: what keeps subnets and security groups from going."""

from typing import Any

from moto.ec2.utils import random_private_ip

from .call import AwsError, backend_of


def attach(
    account: str, region: str, subnet_id: str, groups: list[str], description: str, kind: str = "interface"
) -> Any:
    """A new interface of a service; `kind` is EC2's interface type."""
    ec2 = backend_of("ec2", account, region)
    subnet = ec2.get_subnet(subnet_id)
    address = random_private_ip(subnet.cidr_block)
    interface = ec2.create_network_interface(subnet, address, group_ids=list(groups), description=description)
    return mark(interface, description, kind)


def mark(interface: Any, description: str, kind: str) -> Any:
    """Makes an interface one that a service manages."""
    interface.description = description
    interface.interface_type = kind
    interface.status = "in-use"
    interface.requester_managed = True
    return interface


def detach(account: str, region: str, interface_ids: list[str]) -> None:
    """Takes interfaces away; one that is gone already is fine."""
    interfaces = backend_of("ec2", account, region).enis
    for each in interface_ids:
        interfaces.pop(each, None)


def of_subnet(ec2: Any, subnet_id: str) -> list[Any]:
    return [each for each in ec2.enis.values() if each.subnet.id == subnet_id]


def of_group(ec2: Any, group_id: str) -> list[Any]:
    return [each for each in ec2.enis.values() if any(group.id == group_id for group in each.group_set)]


def subnet(account: str, region: str, subnet_id: str) -> Any | None:
    """A subnet, or None."""
    for zone in backend_of("ec2", account, region).subnets.values():
        if subnet_id in zone:
            return zone[subnet_id]
    return None


def group(account: str, region: str, group_id: str) -> Any | None:
    """A security group, or None."""
    return backend_of("ec2", account, region).get_security_group_from_id(group_id)


def check(call: Any, subnets: list[str], groups: list[str], code: str) -> None:
    """Refuses, with the caller's error code, subnets and groups that do not exist."""
    for each in subnets:
        if subnet(call.account, call.region, each) is None:
            raise AwsError(code, f"The subnet ID '{each}' does not exist")
    for each in groups:
        if group(call.account, call.region, each) is None:
            raise AwsError(code, f"The security group '{each}' does not exist")
