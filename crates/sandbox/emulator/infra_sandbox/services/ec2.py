"""EC2's network: NAT gateways that take their time, and what cannot be deleted yet.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import ipaddress
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.route_tables import Route

from .. import network
from ..call import Answer, AwsError, Call, operation, refuse
from ..world import store, timeline

# (account, region, operation, client token) → the id of what it made, and what was asked for
tokens: dict[tuple[str, str, str, str], tuple[str, dict[str, Any]]] = store()


def dependency(what: str) -> AwsError:
    return refuse("DependencyViolation", f"{what} has dependencies and cannot be deleted.")


def repeated(call: Call) -> str | None:
    """The id that a request with the same client token made before."""
    token = call.params.get("ClientToken")
    found = tokens.get((*call.here, call.operation, token or ""))
    if found is None:
        return None
    if found[1] != call.params:
        raise refuse(
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request.",
        )
    return found[0]


def remember(call: Call, made: str) -> None:
    if call.params.get("ClientToken"):
        tokens[(*call.here, call.operation, call.params["ClientToken"])] = (made, call.params)


# VPCs and subnets


@operation("ec2", "CreateVpc")
def create_vpc(call: Call) -> dict[str, Any]:
    text = call.params.get("CidrBlock")
    if text and not 16 <= ipaddress.ip_network(text, strict=False).prefixlen <= 28:
        raise refuse("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")
    result = call.moto()
    vpc = call.backend().vpcs[result["Vpc"]["VpcId"]]
    vpc.state = result["Vpc"]["State"] = "pending"

    def available() -> None:
        vpc.state = "available"

    timeline.after("ec2.vpc.available", f"{vpc.id} available", available)
    return result


@operation("ec2", "AssociateVpcCidrBlock")
def associate_vpc_cidr_block(call: Call) -> Answer:
    vpc, text = call.backend().get_vpc(call.params["VpcId"]), call.params.get("CidrBlock")
    if text:
        wanted = ipaddress.ip_network(text, strict=False)
        for each in vpc.get_cidr_block_association_set():
            if ipaddress.ip_network(each["cidr_block"]).overlaps(wanted):
                raise refuse("InvalidVpc.Range", f"The CIDR '{text}' overlaps with {each['cidr_block']} of {vpc.id}.")
    return call.forward()


@operation("ec2", "DeleteVpc")
def delete_vpc(call: Call) -> Answer:
    ec2, vpc_id = call.backend(), call.params["VpcId"]
    ec2.get_vpc(vpc_id)
    if (
        any(each.vpc and each.vpc.id == vpc_id for each in ec2.internet_gateways.values())
        or any(each.vpc_id == vpc_id for each in ec2.vpc_end_points.values())
        or any(each.vpc_id == vpc_id and each.state not in ("deleted", "failed") for each in ec2.nat_gateways.values())
        or any(not group.is_default for group in ec2.groups.get(vpc_id, {}).values())
        or any(each.vpc_id == vpc_id for each in ec2.enis.values())
        or any(each.vpc_id == vpc_id and not each.default for each in ec2.network_acls.values())
        or any(each.vpc_id == vpc_id for each in ec2.egress_only_internet_gateways.values())
    ):
        raise dependency(f"The vpc '{vpc_id}'")
    answer = call.forward()
    if answer.status < 300:
        for key in [key for key, each in ec2.network_acls.items() if each.vpc_id == vpc_id]:
            del ec2.network_acls[key]
    return answer


@operation("ec2", "CreateSubnet")
def create_subnet(call: Call) -> Answer:
    text = call.params.get("CidrBlock")
    if text and not 16 <= ipaddress.ip_network(text, strict=False).prefixlen <= 28:
        raise refuse("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    return call.forward()


@operation("ec2", "DeleteSubnet")
def delete_subnet(call: Call) -> Answer:
    ec2, subnet_id = call.backend(), call.params["SubnetId"]
    if network.of_subnet(ec2, subnet_id):
        raise dependency(f"The subnet '{subnet_id}'")
    answer = call.forward()
    if answer.status < 300:
        # A subnet takes its associations with it.
        for table in ec2.route_tables.values():
            for key in [key for key, each in table._associations.items() if each == subnet_id]:
                del table._associations[key]
        for acl in ec2.network_acls.values():
            for key in [key for key, each in acl._associations.items() if each.subnet_id == subnet_id]:
                del acl._associations[key]
    return answer


@operation("ec2", "DeleteNetworkInterface")
def delete_network_interface(call: Call) -> Answer:
    interface_id = call.params["NetworkInterfaceId"]
    interface = call.backend().enis.get(interface_id)
    if interface is not None and (interface.instance is not None or interface.requester_managed):
        raise refuse("InvalidParameterValue", f"Network interface '{interface_id}' is currently in use.")
    return call.forward()


@operation("ec2", "TerminateInstances")
def terminate_instances(call: Call) -> Answer:
    """The interface that an instance was launched with goes with it."""
    ec2 = call.backend()
    held = [
        each.id
        for each in ec2.enis.values()
        if each.instance is not None and each.instance.id in call.params["InstanceIds"] and each.device_index == 0
    ]
    answer = call.forward()
    if answer.status < 300:
        network.detach(*call.here, held)
    return answer


# Internet gateways, addresses, NAT gateways

moto_value = NetworkInterface.get_filter_value


def value_of_filter(interface: NetworkInterface, name: str, method: str | None = None) -> Any:
    """moto finds no interface by the elastic IP that it has."""
    if name == "association.allocation-id":
        return interface.association.get("allocationId")
    return moto_value(interface, name, method)


NetworkInterface.get_filter_value = value_of_filter  # type: ignore[method-assign]


@operation("ec2", "DetachInternetGateway")
def detach_internet_gateway(call: Call) -> Answer:
    ec2, vpc_id = call.backend(), call.params["VpcId"]
    mapped = any(address.eni is not None and address.eni.vpc_id == vpc_id for address in ec2.addresses)
    if mapped or any(each.public_ip and each.vpc_id == vpc_id for each in ec2.enis.values()):
        raise refuse(
            "DependencyViolation",
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before"
            " detaching the gateway.",
        )
    return call.forward()


@operation("ec2", "AttachInternetGateway")
def attach_internet_gateway(call: Call) -> Answer:
    vpc_id = call.params["VpcId"]
    if any(each.vpc and each.vpc.id == vpc_id for each in call.backend().internet_gateways.values()):
        raise refuse("Resource.AlreadyAssociated", f"Network {vpc_id} already has an internet gateway attached")
    return call.forward()


@operation("ec2", "ReleaseAddress")
def release_address(call: Call) -> Answer:
    for address in call.backend().addresses:
        if address.allocation_id == call.params.get("AllocationId") and address.eni is not None:
            raise refuse("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    return call.forward()


@operation("ec2", "CreateNatGateway")
def create_nat_gateway(call: Call) -> dict[str, Any]:
    params, ec2, (account, region) = call.params, call.backend(), call.here
    if made := repeated(call):
        return {"NatGateway": describe_nat(ec2.nat_gateways[made]), "ClientToken": params["ClientToken"]}
    subnet = network.subnet(account, region, params["SubnetId"])
    if subnet is None:
        raise refuse("InvalidSubnetID.NotFound", f"The subnet ID '{params['SubnetId']}' does not exist")
    allocation = params.get("AllocationId")
    if params.get("ConnectivityType", "public") == "public":
        if allocation is None:
            raise refuse("MissingParameter", "The request must contain the parameter AllocationId")
        address = next((each for each in ec2.addresses if each.allocation_id == allocation), None)
        if address is None:
            raise refuse("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")
        if address.eni is not None:
            raise refuse("Resource.AlreadyAssociated", f"resource {allocation} is already associated")
    result = call.moto()
    nat = ec2.nat_gateways[result["NatGateway"]["NatGatewayId"]]
    remember(call, nat.id)
    network.mark(nat._eni, f"Interface for NAT Gateway {nat.id}", "nat_gateway")
    nat.state = "pending"
    gateways = ec2.internet_gateways.values()
    attached = any(each.vpc and each.vpc.id == nat.vpc_id for each in gateways)
    works = attached or nat.connectivity_type == "private"

    def settled() -> None:
        if nat.state != "pending":
            return
        nat.state = "available" if works else "failed"
        if not works:
            nat.failure_code = "Gateway.NotAttached"
            nat.failure_message = f"Network {nat.vpc_id} has no Internet gateway attached"
            free_nat(account, region, ec2, nat)

    timeline.after("ec2.nat_gateway.available", f"{nat.id} {'available' if works else 'failed'}", settled)
    result["NatGateway"] |= {"State": "pending"}
    return result | ({"ClientToken": params["ClientToken"]} if "ClientToken" in params else {})


def describe_nat(nat: Any) -> dict[str, Any]:
    return {
        "NatGatewayId": nat.id,
        "SubnetId": nat.subnet_id,
        "VpcId": nat.vpc_id,
        "State": nat.state,
        "ConnectivityType": nat.connectivity_type,
        "CreateTime": nat.create_time,
        "NatGatewayAddresses": [
            {key[0].upper() + key[1:]: value for key, value in each.items()} for each in nat.address_set
        ],
        "Tags": nat.get_tags(),
    }


def free_nat(account: str, region: str, ec2: Any, nat: Any) -> None:
    """Gives back what a NAT gateway held."""
    for address in ec2.addresses:
        if address.eni is not None and address.eni.id == nat._eni.id:
            address.eni = address.association_id = None
    network.detach(account, region, [nat._eni.id])


@operation("ec2", "DeleteNatGateway")
def delete_nat_gateway(call: Call) -> dict[str, Any]:
    ec2, (account, region) = call.backend(), call.here
    nat = ec2.nat_gateways.get(call.params["NatGatewayId"])
    if nat is None:
        raise refuse("NatGatewayNotFound", f"NAT gateway {call.params['NatGatewayId']} was not found")
    if nat.state in ("deleting", "deleted"):
        return {"NatGatewayId": nat.id}
    nat.state = "deleting"

    def deleted() -> None:
        nat.state = "deleted"
        free_nat(account, region, ec2, nat)

    timeline.after("ec2.nat_gateway.deleted", f"{nat.id} deleted", deleted)
    return {"NatGatewayId": nat.id}


@operation("ec2", "DescribeNatGateways")
def describe_nat_gateways(call: Call) -> Answer:
    known = call.backend().nat_gateways
    for each in call.params.get("NatGatewayIds", []):
        if each not in known:
            raise refuse("NatGatewayNotFound", f"NAT gateway {each} was not found")
    return call.forward()


# Route tables


def route_state(route: Any) -> str:
    """A route is a black hole when what it leads to is gone."""
    nat, gateway = route.nat_gateway, route.gateway
    if nat is not None and nat.state in ("deleted", "failed"):
        return "blackhole"
    is_detached = gateway is not None and gateway.id.startswith("igw-") and gateway.vpc is None
    return "blackhole" if is_detached else "active"


Route.state = property(route_state)


@operation("ec2", "CreateRouteTable")
def create_route_table(call: Call) -> Answer | dict[str, Any]:
    ec2 = call.backend()
    if (made := repeated(call)) and made in ec2.route_tables:
        table = ec2.route_tables[made]
        described = {
            "RouteTableId": table.id,
            "VpcId": table.vpc_id,
            "Associations": [],
            "Routes": [],
            "Tags": table.get_tags(),
        }
        return {"RouteTable": described, "ClientToken": call.params["ClientToken"]}
    result = call.moto()
    remember(call, result["RouteTable"]["RouteTableId"])
    return result


@operation("ec2", "DeleteRouteTable")
def delete_route_table(call: Call) -> Answer:
    table = call.backend().route_tables.get(call.params["RouteTableId"])
    if table is not None and table.main_association_id:
        raise dependency(f"The routeTable '{table.id}'")
    return call.forward()


@operation("ec2", "AssociateRouteTable")
def associate_route_table(call: Call) -> Answer:
    subnet_id, wanted = call.params.get("SubnetId"), call.params["RouteTableId"]
    for table in call.backend().route_tables.values():
        for association_id, each in table._associations.items():
            if subnet_id is not None and each == subnet_id and table.id != wanted:
                raise refuse(
                    "Resource.AlreadyAssociated",
                    f"the specified association for route table {wanted} conflicts with an existing association"
                    f" {association_id}",
                )
    return call.forward()


def check_route(call: Call) -> Any:
    params, ec2 = call.params, call.backend()
    table = ec2.get_route_table(params["RouteTableId"])
    gateway = params.get("GatewayId") or ""
    if gateway.startswith("igw-"):
        found = ec2.internet_gateways.get(gateway)
        if found is None:
            raise refuse("InvalidInternetGatewayID.NotFound", f"The internetGateway ID '{gateway}' does not exist")
        if found.vpc is None or found.vpc.id != table.vpc_id:
            raise refuse(
                "InvalidParameterValue",
                f"route table {table.id} and network gateway {gateway} belong to different networks",
            )
    nat = params.get("NatGatewayId")
    if nat and (nat not in ec2.nat_gateways or ec2.nat_gateways[nat].state in ("deleted", "failed")):
        raise refuse("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")
    # What else a route leads to: the member, what there is, and AWS's code and word where it is not among it.
    others: tuple[tuple[str, Any, str, str], ...] = (
        ("TransitGatewayId", ec2.transit_gateways, "InvalidTransitGatewayID.NotFound", "transitGateway"),
        ("NetworkInterfaceId", ec2.enis, "InvalidNetworkInterfaceID.NotFound", "networkInterface"),
        ("VpcPeeringConnectionId", ec2.vpc_pcxs, "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection"),
        ("VpcEndpointId", ec2.vpc_end_points, "InvalidVpcEndpointId.NotFound", "vpcEndpoint"),
    )
    for member, there, code, word in others:
        wanted = params.get(member)
        if wanted and wanted not in there:
            raise refuse(code, f"The {word} ID '{wanted}' does not exist")
    lists = params.get("DestinationPrefixListId")
    if lists and lists not in ec2.managed_prefix_lists:
        raise refuse("InvalidPrefixListID.NotFound", f"The prefix list ID '{lists}' does not exist")
    return table


def has_route(table: Any, params: dict[str, Any]) -> bool:
    for route in table.routes:
        if params.get("DestinationCidrBlock") and route.destination_cidr_block == params["DestinationCidrBlock"]:
            return True
        if (
            params.get("DestinationIpv6CidrBlock")
            and route.destination_ipv6_cidr_block == params["DestinationIpv6CidrBlock"]
        ):
            return True
    return False


@operation("ec2", "CreateRoute")
def create_route(call: Call) -> Answer:
    table = check_route(call)
    if has_route(table, call.params):
        destination = call.params.get("DestinationCidrBlock") or call.params.get("DestinationIpv6CidrBlock")
        raise refuse("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    return call.forward()


@operation("ec2", "ReplaceRoute")
def replace_route(call: Call) -> Answer:
    table = check_route(call)
    if not has_route(table, call.params):
        raise refuse(
            "InvalidParameterValue",
            f"There is no route defined for '{call.params.get('DestinationCidrBlock')}' in the route table. Use"
            " CreateRoute instead.",
        )
    return call.forward()
