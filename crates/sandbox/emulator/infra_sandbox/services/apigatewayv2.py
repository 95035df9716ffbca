"""API Gateway v2: updates and tags of stages and domain names, pending VPC links, what is still in use."""

import json
import random
import string
from collections.abc import Callable
from typing import Any

from moto.apigatewayv2.models import Api, DomainName, Stage, VpcLink

from .. import network
from ..call import Answer, AwsError, Call, backend_of, operation
from ..world import store, timeline
from . import iam

# https://docs.aws.amazon.com/general/latest/gr/apigateway.html: the zones of regional endpoints
REGIONAL_ZONES = {
    "us-east-1": "Z1UJRXOUMOOFQ8",
    "us-east-2": "ZOJJZC49E0EPZ",
    "us-west-1": "Z2MUQ32089INYE",
    "us-west-2": "Z2OJLYMUO9EFXC",
    "eu-west-1": "ZLY8HYME6SFDD",
    "eu-west-2": "ZJ5UAJN8Y3Z2Q",
    "eu-central-1": "Z1U9ULNL0V5AJ3",
    "eu-north-1": "Z3UWIKFBOOGXPP",
}
OTHER_REGIONAL_ZONE = "Z2FDTNDATAQYW2"
SERVICE = "apigatewayv2"
vpc_link_states: dict[str, str] = store()
vpc_link_interfaces: dict[str, list[str]] = store()


def extend(owner: type, more: Callable[[Any], dict[str, Any]]) -> None:
    """Adds members to what a moto model answers with, and leaves those out that have no value."""
    original = owner.to_json

    def to_json(self: Any) -> dict[str, Any]:
        merged = original(self) | more(self)
        return {name: value for name, value in merged.items() if value is not None}

    owner.to_json = to_json


extend(Api, lambda api: {"ipAddressType": getattr(api, "ip_address_type", "ipv4")})
extend(Stage, lambda stage: {"deploymentId": getattr(stage, "deployment_id", None)})
extend(DomainName, lambda domain: {"routingMode": "API_MAPPING_ONLY"})
extend(
    VpcLink,
    lambda link: {
        "vpcLinkStatus": vpc_link_states.get(link.id, "AVAILABLE"),
        "vpcLinkStatusMessage": {
            "PENDING": "VPC link is provisioning ENIs",
            "AVAILABLE": "VPC link is ready to route traffic",
            "DELETING": "VPC link is deleting",
        }[vpc_link_states.get(link.id, "AVAILABLE")],
    },
)


def reply(status: int, value: dict[str, Any] | None = None) -> Answer:
    body = b"" if value is None else json.dumps(value).encode()
    return Answer(status, [("Content-Type", "application/json")], body)


def sent(call: Call) -> dict[str, Any]:
    """The body as sent: moto keeps these resources with the wire's camelCase names."""
    return json.loads(call.body or b"{}")


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 409)


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message, 400)


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message, 404)


def short_id(length: int = 6) -> str:
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))


# APIs


def spell_headers(api: Any) -> None:
    """Headers are told in lower case, methods as they were given. https://github.com/go-to-k/cdk-real-drift/issues/874"""
    cors = api.cors_configuration or {}
    for member in ("allowHeaders", "exposeHeaders"):
        if cors.get(member):
            cors[member] = [each.lower() for each in cors[member]]


@operation(SERVICE, "CreateApi")
def create_api(call: Call) -> Answer:
    answer = call.forward()
    if answer.status >= 300:
        return answer
    api = call.backend().apis[json.loads(answer.body)["apiId"]]
    api.ip_address_type = sent(call).get("ipAddressType", "ipv4")
    spell_headers(api)
    return reply(201, api.to_json())


@operation(SERVICE, "UpdateApi")
def update_api(call: Call) -> Answer:
    answer = call.forward()
    if answer.status >= 300:
        return answer
    api = call.backend().get_api(call.params["ApiId"])
    api.ip_address_type = sent(call).get("ipAddressType", getattr(api, "ip_address_type", "ipv4"))
    spell_headers(api)
    return reply(200, api.to_json())


@operation(SERVICE, "DeleteApi")
def delete_api(call: Call) -> Answer:
    backend, api_id = call.backend(), call.params["ApiId"]
    backend.get_api(api_id)
    if any(mapping.api_id == api_id for mapping in backend.api_mappings.values()):
        raise bad_request(
            "Deleting API failed. Please remove all API mappings related to the API in your domains"
        )
    return call.forward()


# Integrations and routes


def check_integration(call: Call, fields: dict[str, Any]) -> None:
    if fields.get("connectionType") == "VPC_LINK" or "connectionId" in fields:
        link = fields.get("connectionId")
        if link not in call.backend().vpc_links or vpc_link_states.get(link) == "DELETING":
            raise bad_request(f"VpcLink {link} could not be found")
    uri = fields.get("integrationUri") or ""
    if ":elasticloadbalancing:" in uri and "/" in uri:
        balancers = backend_of("elbv2", call.account, call.region).load_balancers.values()
        if not any(uri in balancer.listeners for balancer in balancers):
            raise bad_request(f"Invalid integration URI specified: the listener {uri} does not exist")


@operation(SERVICE, "CreateIntegration")
def create_integration(call: Call) -> Answer:
    call.backend().get_api(call.params["ApiId"])
    check_integration(call, sent(call))
    return call.forward()


@operation(SERVICE, "UpdateIntegration")
def update_integration(call: Call) -> Answer:
    fields = sent(call)
    check_integration(call, {key: fields[key] for key in ("connectionId", "integrationUri") if key in fields})
    return call.forward()


@operation(SERVICE, "DeleteIntegration")
def delete_integration(call: Call) -> Answer:
    api = call.backend().get_api(call.params["ApiId"])
    integration = api.get_integration(call.params["IntegrationId"])
    for route in api.routes.values():
        if route.target == f"integrations/{integration.id}":
            raise conflict(f"Cannot delete Integration '{integration.id}', it is referenced by route '{route.route_id}'")
    return call.forward()


def check_route(api: Any, fields: dict[str, Any], own_id: str | None = None) -> None:
    key = fields.get("routeKey")
    for route in api.routes.values():
        if key is not None and route.route_key == key and route.route_id != own_id:
            raise conflict(f"Route with key {key} already exists for this API")
    target = fields.get("target")
    if target and target.removeprefix("integrations/") not in api.integrations:
        raise bad_request(f"Invalid integration target specified: {target}")


@operation(SERVICE, "CreateRoute")
def create_route(call: Call) -> Answer:
    check_route(call.backend().get_api(call.params["ApiId"]), sent(call))
    return call.forward()


@operation(SERVICE, "UpdateRoute")
def update_route(call: Call) -> Answer:
    check_route(call.backend().get_api(call.params["ApiId"]), sent(call), call.params["RouteId"])
    return call.forward()


# Stages

STAGE_FIELDS = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "clientCertificateId": "client_certificate_id",
    "defaultRouteSettings": "default_route_settings",
    "deploymentId": "deployment_id",
    "description": "description",
    "routeSettings": "route_settings",
    "stageVariables": "stage_variables",
}
MERGED_STAGE_FIELDS = {"accessLogSettings", "defaultRouteSettings", "routeSettings", "stageVariables"}


def stage_of(call: Call) -> Any:
    return call.backend().get_stage(call.params["ApiId"], call.params["StageName"])


def told_of_stage(api: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a stage as they are told afterwards; refuses settings of a route that there is not.

    A log group's ARN is taken with and without its star, and told without.
    https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/issues/80
    """
    keys = {route.route_key for route in api.routes.values()}
    for key in fields.get("routeSettings") or {}:
        if key not in keys:
            raise not_found(f"Unable to find Route by key {key} within the provided RouteSettings")
    logs = fields.get("accessLogSettings")
    if logs and "destinationArn" in logs:
        fields = fields | {"accessLogSettings": logs | {"destinationArn": logs["destinationArn"].removesuffix(":*")}}
    return fields


@operation(SERVICE, "CreateStage")
def create_stage(call: Call) -> Answer:
    fields = sent(call)
    api = call.backend().get_api(call.params["ApiId"])
    if fields["stageName"] in api.stages:
        raise conflict("Stage already exists")
    fields = told_of_stage(api, fields)
    defaults = {"detailedMetricsEnabled": False} | fields.get("defaultRouteSettings", {})
    stage = api.create_stage(fields | {"defaultRouteSettings": defaults})
    stage.auto_deploy = fields.get("autoDeploy", False)
    stage.deployment_id = fields.get("deploymentId") or (short_id() if stage.auto_deploy else None)
    return reply(201, stage.to_json())


@operation(SERVICE, "UpdateStage")
def update_stage(call: Call) -> Answer:
    stage = stage_of(call)
    fields = told_of_stage(call.backend().get_api(call.params["ApiId"]), sent(call))
    for name, attribute in STAGE_FIELDS.items():
        if name in fields:
            value = fields[name]
            if name in MERGED_STAGE_FIELDS:
                value = (getattr(stage, attribute, None) or {}) | value
                # A stage variable is taken away by an empty value.
                if name == "stageVariables":
                    value = {key: each for key, each in value.items() if each != ""}
            setattr(stage, attribute, value)
    return reply(200, stage.to_json())


@operation(SERVICE, "DeleteAccessLogSettings")
def delete_access_log_settings(call: Call) -> Answer:
    stage_of(call).access_log_settings = None
    return reply(204)


@operation(SERVICE, "DeleteRouteSettings")
def delete_route_settings(call: Call) -> Answer:
    if stage_of(call).route_settings.pop(call.params["RouteKey"], None) is None:
        raise not_found("Invalid Route Settings identifier specified")
    return reply(204)


@operation(SERVICE, "DeleteStage")
def delete_stage(call: Call) -> Answer:
    backend, stage = call.backend(), stage_of(call)
    for mapping in backend.api_mappings.values():
        if mapping.api_id == call.params["ApiId"] and mapping.stage == stage.name:
            raise bad_request(
                f"Deleting stage failed. Please remove the API mapping of '{mapping.domain_name}' first"
            )
    backend.delete_stage(call.params["ApiId"], stage.name)
    return reply(204)


# VPC links


@operation(SERVICE, "CreateVpcLink")
def create_vpc_link(call: Call) -> Answer:
    fields = sent(call)
    subnets, groups = fields.get("subnetIds", []), fields.get("securityGroupIds", [])
    if not subnets:
        raise bad_request("Subnet IDs must be specified")
    network.check(call, subnets, groups, "BadRequestException")
    iam.service_role(call, "ops.apigateway.amazonaws.com")
    backend = call.backend()
    link = backend.create_vpc_link(fields["name"], groups, subnets, fields.get("tags", {}))
    vpc_link_states[link.id] = "PENDING"
    vpc_link_interfaces[link.id] = []

    def available() -> None:
        if vpc_link_states.get(link.id) == "PENDING":
            vpc_link_states[link.id] = "AVAILABLE"

    for subnet in subnets:
        description = f"API Gateway VPC link {link.id}"
        interface = network.attach(call.account, call.region, subnet, groups, description)
        vpc_link_interfaces[link.id].append(interface.id)
    timeline.after("apigatewayv2.vpc_link.available", f"VPC link {link.id} available", available)
    return reply(201, link.to_json())


@operation(SERVICE, "DeleteVpcLink")
def delete_vpc_link(call: Call) -> Answer:
    backend, (account, region) = call.backend(), call.here
    link = backend.get_vpc_link(call.params["VpcLinkId"])
    for api in backend.apis.values():
        for integration in api.integrations.values():
            if integration.connection_id == link.id:
                raise bad_request(
                    f"Cannot delete VPC link {link.id}: it is used by integration {integration.id} of API {api.api_id}"
                )
    if vpc_link_states.get(link.id) == "DELETING":
        return reply(202, {})
    vpc_link_states[link.id] = "DELETING"

    def deleted() -> None:
        backend.vpc_links.pop(link.id, None)
        vpc_link_states.pop(link.id, None)
        network.detach(account, region, vpc_link_interfaces.pop(link.id, []))

    timeline.after("apigatewayv2.vpc_link.deleted", f"VPC link {link.id} deleted", deleted)
    return reply(202, {})


# Domain names and mappings


def domain_configuration(call: Call, given: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """A domain name's configuration as AWS completes it; `made` is the one there was before."""
    arn = given.get("certificateArn") or made.get("certificateArn")
    certificates = backend_of("acm", call.account, call.region)._certificates
    if arn not in certificates:
        raise bad_request(f"The certificate {arn} does not exist in this region")
    if certificates[arn].status != "ISSUED":
        raise bad_request(f"The provided certificate {arn} is not issued: {certificates[arn].status}")
    if given.get("endpointType", "REGIONAL") != "REGIONAL":
        raise bad_request("Only REGIONAL endpoints are supported for HTTP and WebSocket APIs")
    if given.get("securityPolicy", "TLS_1_2") == "TLS_1_0":
        raise bad_request("TLS 1.0 is not supported for regional custom domain names of HTTP APIs")
    defaults = {
        "apiGatewayDomainName": f"d-{short_id(10)}.execute-api.{call.region}.amazonaws.com",
        "hostedZoneId": REGIONAL_ZONES.get(call.region, OTHER_REGIONAL_ZONE),
        "endpointType": "REGIONAL",
        "securityPolicy": "TLS_1_2",
        "ipAddressType": "ipv4",
    }
    return defaults | made | given | {"certificateArn": arn, "domainNameStatus": "UPDATING"}


def settle_domain(domain: Any) -> None:
    configuration = domain.domain_name_configurations[0]

    def available() -> None:
        configuration["domainNameStatus"] = "AVAILABLE"

    timeline.after(
        "apigatewayv2.domain_name.available", f"domain name {domain.domain_name} available", available
    )


@operation(SERVICE, "CreateDomainName")
def create_domain_name(call: Call) -> Answer:
    fields, backend = sent(call), call.backend()
    if fields["domainName"] in backend.domain_names:
        raise conflict("The domain name you provided already exists.")
    configurations = fields.get("domainNameConfigurations") or [{}]
    domain = backend.create_domain_name(
        fields["domainName"],
        [domain_configuration(call, configurations[0], {})],
        fields.get("mutualTlsAuthentication") or None,
        fields.get("tags", {}),
    )
    settle_domain(domain)
    return reply(201, domain.to_json())


@operation(SERVICE, "UpdateDomainName")
def update_domain_name(call: Call) -> Answer:
    fields = sent(call)
    domain = call.backend().get_domain_name(call.params["DomainName"])
    if fields.get("domainNameConfigurations"):
        present = domain.domain_name_configurations[0]
        domain.domain_name_configurations = [
            domain_configuration(call, fields["domainNameConfigurations"][0], present)
        ]
        settle_domain(domain)
    if "mutualTlsAuthentication" in fields:
        domain.mutual_tls_authentication = fields["mutualTlsAuthentication"] or None
    return reply(200, domain.to_json())


@operation(SERVICE, "DeleteDomainName")
def delete_domain_name(call: Call) -> Answer:
    backend = call.backend()
    domain = backend.get_domain_name(call.params["DomainName"])
    for key in [key for key, each in backend.api_mappings.items() if each.domain_name == domain.domain_name]:
        del backend.api_mappings[key]
    del backend.domain_names[domain.domain_name]
    return reply(204)


def check_mapping(call: Call, fields: dict[str, Any], own_id: str | None = None) -> None:
    backend = call.backend()
    backend.get_domain_name(call.params["DomainName"])
    if fields["stage"] not in backend.get_api(fields["apiId"]).stages:
        raise bad_request("Invalid stage identifier specified")
    for mapping in backend.api_mappings.values():
        same_place = (mapping.domain_name, mapping.api_mapping_key or "") == (
            call.params["DomainName"],
            fields.get("apiMappingKey") or "",
        )
        if same_place and mapping.api_mapping_id != own_id:
            raise conflict("ApiMapping key already exists for this domain name")


@operation(SERVICE, "CreateApiMapping")
def create_api_mapping(call: Call) -> Answer:
    fields = sent(call)
    check_mapping(call, fields)
    backend = call.backend()
    mapping = backend.create_api_mapping(
        fields["apiId"], fields.get("apiMappingKey") or "", call.params["DomainName"], fields["stage"]
    )
    # moto derives the id from the mapping's fields; AWS's ids are new every time and survive an update.
    del backend.api_mappings[mapping.api_mapping_id]
    mapping.api_mapping_id = short_id()
    backend.api_mappings[mapping.api_mapping_id] = mapping
    return reply(201, mapping.to_json())


@operation(SERVICE, "UpdateApiMapping")
def update_api_mapping(call: Call) -> Answer:
    mapping = call.backend().get_api_mapping(call.params["ApiMappingId"], call.params["DomainName"])
    fields = mapping.to_json() | sent(call)
    check_mapping(call, fields, mapping.api_mapping_id)
    mapping.api_id, mapping.stage = fields["apiId"], fields["stage"]
    mapping.api_mapping_key = fields.get("apiMappingKey") or ""
    return reply(200, mapping.to_json())


# Tags


def tags_of(call: Call) -> tuple[dict[str, str], Callable[[dict[str, str]], None]]:
    """The tags of the resource named, and how to set them."""
    backend, arn = call.backend(), call.params["ResourceArn"]
    place = arn.split("::", 1)[-1].strip("/").split("/")
    match place:
        case ["apis", api_id, "stages", name]:
            owner: Any = backend.get_stage(api_id, name)
        case ["domainnames", name]:
            owner = backend.get_domain_name(name)
        case ["apis", api_id]:
            owner, arn = None, backend.get_api(api_id).arn
        case ["vpclinks", link_id]:
            owner, arn = None, backend.get_vpc_link(link_id).arn
        case _:
            raise not_found(f"Invalid resource identifier specified {arn}")
    if owner is not None:
        return dict(owner.tags or {}), lambda tags: setattr(owner, "tags", tags)

    def set_tags(tags: dict[str, str]) -> None:
        backend.untag_resource(arn, list(backend.get_tags(arn)))
        backend.tag_resource(arn, tags)

    return dict(backend.get_tags(arn)), set_tags


@operation(SERVICE, "GetTags")
def get_tags(call: Call) -> Answer:
    return reply(200, {"tags": tags_of(call)[0]})


@operation(SERVICE, "TagResource")
def tag_resource(call: Call) -> Answer:
    tags, set_tags = tags_of(call)
    set_tags(tags | sent(call).get("tags", {}))
    return reply(201, {})


@operation(SERVICE, "UntagResource")
def untag_resource(call: Call) -> Answer:
    tags, set_tags = tags_of(call)
    gone = set(call.params["TagKeys"])
    set_tags({key: value for key, value in tags.items() if key not in gone})
    return reply(204)
