"""VPC endpoints: interfaces and routes of their own, private names that are taken, and time.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html
"""

import json
from typing import Any

from .. import network
from ..call import Answer, Call, operation
from ..world import timeline
from .ec2 import refuse, remember, repeated


def service_exists(call: Call, name: str) -> bool:
    services = call.backend().describe_vpc_endpoint_services([name], [], None, None, call.region)
    return name in services["serviceNames"]


def check_private_names(ec2: Any, vpc_id: str, name: str, own: str = "") -> None:
    """One endpoint of a VPC answers to a service's ordinary names."""
    for other in ec2.vpc_end_points.values():
        if (other.vpc_id, other.service_name) == (vpc_id, name) and other.private_dns_enabled and other.id != own:
            raise refuse(
                "InvalidParameter",
                f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name}"
                f" in the VPC {vpc_id}",
            )


def check_routes(ec2: Any, name: str, table_ids: list[str], own: str = "") -> None:
    """A route table has one route to a service."""
    for other in ec2.vpc_end_points.values():
        shared = set(table_ids) & set(other.route_table_ids or [])
        if shared and other.service_name == name and other.state != "deleting" and other.id != own:
            raise refuse(
                "RouteAlreadyExists",
                f"route table {min(shared)} already has a route with destination-prefix-list-id"
                f" {other.destination_prefix_list_id}",
            )


@operation("ec2", "CreateVpcEndpoint")
def create_vpc_endpoint(call: Call) -> dict[str, Any]:
    params, ec2, (account, region) = call.params, call.backend(), call.here
    if (made := repeated(call)) and made in ec2.vpc_end_points:
        return {"VpcEndpoint": describe_endpoint(ec2.vpc_end_points[made]), "ClientToken": params["ClientToken"]}
    vpc, name = ec2.get_vpc(params["VpcId"]), params["ServiceName"]
    is_interface = params.get("VpcEndpointType", "Gateway") == "Interface"
    if name.startswith("com.amazonaws.") and name.count(".") < 3 or not service_exists(call, name):
        raise refuse("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    subnets, groups = params.get("SubnetIds", []), params.get("SecurityGroupIds", [])
    network.check(call, subnets, groups, "InvalidParameter", vpc.id)
    private_dns = is_interface and params.get("PrivateDnsEnabled", True)
    if private_dns:
        if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
            raise refuse(
                "InvalidParameter",
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to"
                f" true for {vpc.id}",
            )
        check_private_names(ec2, vpc.id, name)
    for table_id in params.get("RouteTableIds", []):
        ec2.get_route_table(table_id)
    check_routes(ec2, name, params.get("RouteTableIds", []))
    result = call.moto()
    endpoint = ec2.vpc_end_points[result["VpcEndpoint"]["VpcEndpointId"]]
    remember(call, endpoint.id)
    endpoint.vpc_endpoint_type = "Interface" if is_interface else "Gateway"
    endpoint.private_dns_enabled = private_dns
    endpoint.ip_address_type = params.get("IpAddressType", "ipv4")
    if is_interface:
        network.detach(account, region, endpoint.network_interface_ids)
        endpoint.network_interface_ids = []
        if not endpoint.security_group_ids:
            endpoint.security_group_ids = [ec2.get_default_security_group(vpc.id).id]
        place_endpoint(account, region, endpoint)
        endpoint.state = "pending"

        def available() -> None:
            if endpoint.state == "pending":
                endpoint.state = "available"

        timeline.after("ec2.vpc_endpoint.available", f"{endpoint.id} available", available)
    token = {"ClientToken": params["ClientToken"]} if "ClientToken" in params else {}
    return {"VpcEndpoint": describe_endpoint(endpoint)} | token


def place_endpoint(account: str, region: str, endpoint: Any) -> None:
    """Gives an interface endpoint one interface in each of its subnets, with its present groups."""
    network.detach(account, region, endpoint.network_interface_ids)
    endpoint.network_interface_ids = [
        network.attach(
            account,
            region,
            subnet,
            endpoint.security_group_ids,
            f"VPC Endpoint Interface {endpoint.id}",
            "vpc_endpoint",
        ).id
        for subnet in endpoint.subnet_ids or []
    ]


def describe_endpoint(endpoint: Any) -> dict[str, Any]:
    return {
        "VpcEndpointId": endpoint.id,
        "VpcEndpointType": endpoint.vpc_endpoint_type,
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "State": endpoint.state,
        "PolicyDocument": endpoint.policy_document,
        "RouteTableIds": endpoint.route_table_ids or [],
        "SubnetIds": endpoint.subnet_ids or [],
        "Groups": endpoint.groups,
        "IpAddressType": endpoint.ip_address_type,
        "PrivateDnsEnabled": bool(endpoint.private_dns_enabled),
        "RequesterManaged": False,
        "NetworkInterfaceIds": endpoint.network_interface_ids,
        "DnsEntries": [
            {"DnsName": each.get("dns_name"), "HostedZoneId": each.get("hosted_zone_id")}
            for each in endpoint.dns_entries or []
        ],
        "CreationTimestamp": endpoint.creation_timestamp,
        "Tags": endpoint.get_tags(),
        "OwnerId": endpoint.owner_id,
    }


@operation("ec2", "ModifyVpcEndpoint")
def modify_vpc_endpoint(call: Call) -> Answer:
    params, ec2 = call.params, call.backend()
    endpoint = ec2.vpc_end_points.get(params["VpcEndpointId"])
    if endpoint is None:
        raise refuse("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{params['VpcEndpointId']}' does not exist")
    subnets, groups = params.get("AddSubnetIds", []), params.get("AddSecurityGroupIds", [])
    network.check(call, subnets, groups, "InvalidParameter", endpoint.vpc_id)
    if params.get("PrivateDnsEnabled"):
        check_private_names(ec2, endpoint.vpc_id, endpoint.service_name, endpoint.id)
    check_routes(ec2, endpoint.service_name, params.get("AddRouteTableIds", []), endpoint.id)
    prefix_list = endpoint.destination_prefix_list_id
    for table_id in params.get("AddRouteTableIds", []):
        if table_id not in endpoint.route_table_ids:
            ec2.create_route(
                table_id, None, gateway_id=endpoint.id, destination_prefix_list_id=prefix_list
            )
    for table_id in params.get("RemoveRouteTableIds", []):
        if table_id in endpoint.route_table_ids:
            ec2.delete_route(table_id, prefix_list)
    answer = call.forward()
    if answer.status < 300:
        if params.get("ResetPolicy"):
            endpoint.policy_document = json.dumps(endpoint.DEFAULT_POLICY)
        if "PrivateDnsEnabled" in params:
            endpoint.private_dns_enabled = params["PrivateDnsEnabled"]
        endpoint.ip_address_type = params.get("IpAddressType", endpoint.ip_address_type)
        if endpoint.vpc_endpoint_type == "Interface":
            place_endpoint(call.account, call.region, endpoint)
    return answer


@operation("ec2", "DeleteVpcEndpoints")
def delete_vpc_endpoints(call: Call) -> dict[str, Any]:
    ec2, (account, region) = call.backend(), call.here
    unsuccessful = []
    for endpoint_id in call.params["VpcEndpointIds"]:
        endpoint = ec2.vpc_end_points.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            error = {"Code": "InvalidVpcEndpointId.NotFound", "Message": message}
            unsuccessful.append({"Error": error, "ResourceId": endpoint_id})
            continue
        if endpoint.state == "deleting":
            continue
        endpoint.state = "deleting"
        for table_id in endpoint.route_table_ids or []:
            if endpoint.destination_prefix_list_id and table_id in ec2.route_tables:
                ec2.delete_route(table_id, endpoint.destination_prefix_list_id)

        def deleted(endpoint: Any = endpoint) -> None:
            network.detach(account, region, endpoint.network_interface_ids)
            ec2.vpc_end_points.pop(endpoint.id, None)

        if endpoint.vpc_endpoint_type == "Interface":
            timeline.after("ec2.vpc_endpoint.deleted", f"{endpoint_id} deleted", deleted)
        else:
            deleted()
    return {"Unsuccessful": unsuccessful}
