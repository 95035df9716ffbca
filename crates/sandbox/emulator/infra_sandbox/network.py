"""Network interfaces that services put into subnets: what keeps subnets and security groups from going; and where
a subnet's routes lead."""

import ipaddress
import random
from typing import Any

from moto.ec2.utils import random_public_ip

from .call import AwsError, backend_of
from .world import store

# subnet's id → addresses that were given: nothing new gets one while a load balancer still drains what had it
_given: dict[str, set[str]] = store()


def attach(
    account: str,
    region: str,
    subnet_id: str,
    groups: list[str],
    description: str,
    kind: str = "interface",
    is_public: bool = False,
) -> Any:
    """A new interface of a service; `kind` is EC2's interface type. What is public has an address of the internet."""
    ec2 = backend_of("ec2", account, region)
    subnet = ec2.get_subnet(subnet_id)
    address = free_address(ec2, subnet)
    interface = ec2.create_network_interface(subnet, address, group_ids=list(groups), description=description)
    if is_public:
        interface.public_ip = random_public_ip()
    return mark(interface, description, kind)


def free_address(ec2: Any, subnet: Any) -> str:
    """An address of the subnet that nothing has or had, until half of them were given."""
    addresses = ipaddress.ip_network(subnet.cidr_block)
    # AWS keeps the first four and the last.
    places = range(4, addresses.num_addresses - 1)
    taken = {each.private_ip_address for each in of_subnet(ec2, subnet.id)}
    if len(taken) >= len(places):
        raise AwsError(
            "InsufficientFreeAddressesInSubnet", f"Subnet {subnet.id} has not enough free addresses for the request"
        )
    given = _given.setdefault(subnet.id, set())
    if len(given | taken) > len(places) // 2:
        given.clear()
    while (address := str(addresses[random.choice(places)])) in given | taken:
        pass
    given.add(address)
    return address


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


def table_of(account: str, region: str, subnet_id: str) -> Any:
    """The route table of a subnet: its own, or the VPC's."""
    tables = backend_of("ec2", account, region).route_tables.values()
    vpc_id = subnet(account, region, subnet_id).vpc_id
    own = [each for each in tables if subnet_id in each._associations.values()]
    return (own or [each for each in tables if each.vpc_id == vpc_id and each.main_association_id])[0]


def has_way_out(account: str, region: str, subnet_id: str, public_address: bool) -> bool:
    """Whether what is in the subnet reaches the internet: with an address of its own, or through a NAT gateway."""
    for route in table_of(account, region, subnet_id).routes:
        if route.destination_cidr_block != "0.0.0.0/0" or route.state != "active":
            continue
        if route.nat_gateway is not None:
            return route.nat_gateway.state == "available"
        if route.gateway is not None and route.gateway.id.startswith("igw-"):
            return public_address
    return False


def reaches(account: str, region: str, subnet_id: str, services: list[str]) -> bool:
    """Whether endpoints lead from the subnet to all of these services of AWS."""
    vpc_id, table = subnet(account, region, subnet_id).vpc_id, table_of(account, region, subnet_id).id
    found = {
        each.service_name.removeprefix(f"com.amazonaws.{region}.")
        for each in backend_of("ec2", account, region).vpc_end_points.values()
        if each.vpc_id == vpc_id
        and each.state == "available"
        and (each.private_dns_enabled or table in (each.route_table_ids or []))
    }
    return found.issuperset(services)


def check(call: Any, subnets: list[str], groups: list[str], code: str, vpc_id: str | None = None) -> None:
    """Refuses, with the caller's error code, subnets and groups that do not exist or are not of one VPC: that one, or
    that of the first subnet."""
    for each in subnets:
        found = subnet(call.account, call.region, each)
        if found is None:
            raise AwsError(code, f"The subnet ID '{each}' does not exist")
        vpc_id = vpc_id or found.vpc_id
        if found.vpc_id != vpc_id:
            raise AwsError(code, f"The subnet '{each}' does not belong to the VPC {vpc_id}")
    for each in groups:
        found = group(call.account, call.region, each)
        if found is None:
            raise AwsError(code, f"The security group '{each}' does not exist")
        if vpc_id is not None and found.vpc_id != vpc_id:
            raise AwsError(code, f"The security group '{each}' does not belong to the VPC {vpc_id}")
