"""The index of tags: also of what moto leaves out. What is gone is in it for as long as `tagging.delete.visible` says.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.resource_tagging import iter_taggable_backends, make_tag_matcher, match_resource_type
from moto.utilities.utils import get_partition

from . import applicationautoscaling
from ..call import AwsError, Call, operation
from ..consistency import READS
from ..world import store, timeline

# AWS's own default; at most 100.
PAGE_SIZE = 50

# (account, region) → ARN of what is gone → type and tags that it had
gone: dict[tuple[str, str], dict[str, tuple[str, dict[str, str]]]] = store(lambda: defaultdict(dict))


def remembering(call: Call, respond: Callable[[], Any]) -> Any:
    """What `respond` answers; the index goes on to have what is gone then."""
    if READS.match(call.operation) or not timeline.takes("tagging.delete.visible"):
        return respond()
    before = {arn: (kind, dict(tags)) for arn, kind, tags in tagged(call) if tags}
    result = respond()
    present = {arn for arn, _, _ in tagged(call)}
    here = gone[call.account, call.region]
    for arn in before.keys() - present:
        here[arn] = before[arn]
        timeline.after("tagging.delete.visible", f"{arn} out of the index of tags", lambda arn=arn: here.pop(arn, None))
    return result


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call: Call) -> dict[str, Any]:
    params = call.params
    matches = make_tag_matcher(params.get("TagFilters"))
    present = {arn: (kind, tags) for arn, kind, tags in tagged(call)}
    indexed = gone[call.account, call.region] | present
    found = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
        for arn, (kind, tags) in sorted(indexed.items())
        if tags and matches(tags) and match_resource_type(kind, params.get("ResourceTypeFilters"))
    ]
    size = params.get("ResourcesPerPage") or PAGE_SIZE
    token = params.get("PaginationToken") or "0"
    if not token.isdigit():
        raise AwsError("PaginationTokenExpiredException", "A PaginationToken is valid for a maximum of 15 minutes.")
    end = int(token) + size
    return {
        "ResourceTagMappingList": found[int(token) : end],
        "PaginationToken": str(end) if end < len(found) else "",
    }


def tagged(call: Call) -> Iterator[tuple[str, str, dict[str, str]]]:
    """ARN, type and tags of everything of the account and region that can have tags."""
    for backend in iter_taggable_backends(call.account, call.region):
        for each in backend.iter_tagged_resources():
            yield each.arn, each.resource_type, each.tags
    yield from of_ec2(call)
    yield from of_gateway(call)
    balancing = call.backend("elbv2")
    for balancer in balancing.load_balancers.values():
        for arn in balancer.listeners:
            yield arn, "elasticloadbalancing:listener", balancing.tagging_service.get_tag_dict_for_resource(arn)
    images = call.backend("ecr")
    for repository in images.repositories.values():
        tags = images.tagger.get_tag_dict_for_resource(repository.arn)
        yield repository.arn, "ecr:repository", tags
    for targets in call.backend("application-autoscaling").targets.values():
        for target in targets.values():
            tags = applicationautoscaling.tags.get(target.arn, {})
            yield target.arn, "application-autoscaling:scalable-target", tags


def of_ec2(call: Call) -> Iterator[tuple[str, str, dict[str, str]]]:
    ec2 = call.backend("ec2")
    start = f"arn:{get_partition(call.region)}:ec2:{call.region}:{call.account}"
    rules = [
        rule
        for groups in ec2.groups.values()
        for group in groups.values()
        for rule in (*group.ingress_rules, *group.egress_rules)
    ]
    for kind, ids in (
        ("elastic-ip", [each.allocation_id for each in ec2.addresses]),
        ("vpc-endpoint", list(ec2.vpc_end_points)),
        ("security-group-rule", [rule.id for rule in rules]),
    ):
        for each in ids:
            yield f"{start}:{kind}/{each}", f"ec2:{kind}", dict(ec2.tags.get(each, {}))


def of_gateway(call: Call) -> Iterator[tuple[str, str, dict[str, str]]]:
    gateway = call.backend("apigatewayv2")
    start = f"arn:{get_partition(call.region)}:apigateway:{call.region}::"
    for api_id, api in gateway.apis.items():
        yield f"{start}/apis/{api_id}", "apigateway:apis", gateway.get_tags(api.arn)
        for name, stage in api.stages.items():
            yield f"{start}/apis/{api_id}/stages/{name}", "apigateway:stages", dict(stage.tags or {})
    for link_id, link in gateway.vpc_links.items():
        yield f"{start}/vpclinks/{link_id}", "apigateway:vpclinks", gateway.get_tags(link.arn)
    for name, domain in gateway.domain_names.items():
        yield f"{start}/domainnames/{name}", "apigateway:domainnames", dict(domain.tags or {})
