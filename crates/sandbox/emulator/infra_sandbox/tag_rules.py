"""Rules of tags that are in no model: keys that are AWS's own, how many a resource can have, and ECR's alphabet.

Fifty for each resource, and no key that begins with `aws:`, whatever the case:
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
The alphabets of the other services are in their models, which `validation.py` holds inputs to.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .call import AwsError, Call
from .services import apigatewayv2, applicationautoscaling

MOST = 50
RESERVED = re.compile(r"aws:", re.IGNORECASE)
READS = re.compile(r"Describe|List|Get")
# What is usual in texts of AWS. https://github.com/awslabs/generative-ai-cdk-constructs/issues/1328
EXTERNAL = "aws: prefixed tag key names are not allowed for external use."


@dataclass(frozen=True)
class Rules:
    """A service's refusals: code, message and status."""

    reserved: tuple[str, str, int]
    too_many: tuple[str, str, int]
    # Of keys and values, where the model has none.
    alphabet: re.Pattern[str] | None = None


# By the model's name.
SERVICES = {
    # https://docs.aws.amazon.com/acm/latest/APIReference/API_AddTagsToCertificate.html
    "acm": Rules(
        ("InvalidTagException", EXTERNAL, 400),
        ("TooManyTagsException", "The request contains too many tags.", 400),
    ),
    # https://github.com/aws/aws-cdk/issues/23738
    # https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/tags-resource-arn.html
    "apigatewayv2": Rules(
        ("BadRequestException", "Invalid tag key. Tag keys cannot start with 'aws:'", 400),
        ("BadRequestException", "Too many tags: a resource can have at most 50", 400),
    ),
    # https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html
    "application-autoscaling": Rules(
        ("ValidationException", EXTERNAL, 400),
        ("TooManyTagsException", "A resource can have at most 50 tags", 400),
    ),
    # InvalidTagKey.Malformed and TagLimitExceeded:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    # https://github.com/buildkite/elastic-ci-stack-for-aws/issues/856
    "ec2": Rules(
        (
            "InvalidTagKey.Malformed",
            "The tag key '{key}' is not valid. Tag keys starting with 'aws:' are reserved for internal use.",
            400,
        ),
        ("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.", 400),
    ),
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_TagResource.html
    # The alphabet: https://github.com/aprin-labs/archimedes/pull/1054, https://github.com/onfido/ecr-mirror/issues/4
    "ecr": Rules(
        ("InvalidTagParameterException", EXTERNAL, 400),
        ("TooManyTagsException", "A repository can have at most 50 tags", 400),
        re.compile(r"[\w\s.:/=+\-@]*"),
    ),
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
    "ecs": Rules(
        ("InvalidParameterException", EXTERNAL, 400),
        ("InvalidParameterException", "The number of tags exceeds the maximum of 50.", 400),
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html
    "elbv2": Rules(
        ("ValidationError", EXTERNAL, 400),
        ("TooManyTags", "You've reached the limit on the number of tags per resource", 400),
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html
    "iam": Rules(
        ("InvalidInput", EXTERNAL, 400),
        ("LimitExceeded", "Cannot exceed quota for TagsPerRole: 50", 409),
    ),
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html
    "logs": Rules(
        ("InvalidParameterException", EXTERNAL, 400),
        ("TooManyTagsException", "A resource can have no more than 50 tags.", 400),
    ),
}


def check(call: Call) -> None:
    """Refuses a request that sets tags which the service does not take."""
    rules = SERVICES.get(call.service)
    if rules is None or READS.match(call.operation):
        return
    for tags in given(call.params):
        for key, value in tags.items():
            if RESERVED.match(key):
                code, message, status = rules.reserved
                raise AwsError(code, message.format(key=key), status)
            if rules.alphabet and not all(rules.alphabet.fullmatch(each) for each in (key, value)):
                message = f"Tags can only contain letters, numbers, spaces and _.:/=+-@; found {key!r} with {value!r}"
                raise AwsError(rules.reserved[0], message, 400)
        present = PRESENT.get(call.name, lambda _: [()])(call)
        for keys in present:
            # Keys of roles have no case.
            named = {key.lower() if "Role" in call.operation else key for key in (*keys, *tags)}
            if len(named) > MOST:
                raise AwsError(*rules.too_many)


def given(params: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The tags of each resource that a request makes or changes."""
    for name in ("Tags", "tags"):
        if params.get(name):
            yield as_table(params[name])
    for each in params.get("TagSpecifications") or []:
        yield as_table(each.get("Tags") or [])


def as_table(tags: Any) -> dict[str, str]:
    if isinstance(tags, dict):
        return {key: value or "" for key, value in tags.items()}
    pairs = ((each.get("Key") or each.get("key"), each.get("Value") or each.get("value")) for each in tags)
    return {key or "": value or "" for key, value in pairs}


# What is there already: the keys of each resource that a request names.


def of_arns(call: Call) -> list[Iterable[str]]:
    return [call.backend().tagging_service.get_tag_dict_for_resource(arn) for arn in call.params["ResourceArns"]]


def of_ecs(call: Call) -> list[Iterable[str]]:
    tags = call.backend().list_tags_for_resource(call.params["resourceArn"])
    return [as_table(tags or [])]


def of_policy(call: Call) -> list[Iterable[str]]:
    return [call.backend().get_policy(call.params["PolicyArn"]).tags]


def of_role(call: Call) -> list[Iterable[str]]:
    return [as_table(call.backend().get_role(call.params["RoleName"]).tags or [])]


PRESENT: dict[str, Callable[[Call], list[Iterable[str]]]] = {
    "apigatewayv2.TagResource": lambda call: [apigatewayv2.tags_of(call)[0]],
    "application-autoscaling.TagResource": lambda call: [applicationautoscaling.tags_of(call)],
    "ec2.CreateTags": lambda call: [call.backend().tags.get(each) or {} for each in call.params["Resources"]],
    "ecr.TagResource": lambda call: [call.backend().tagger.get_tag_dict_for_resource(call.params["resourceArn"])],
    "ecs.TagResource": of_ecs,
    "elbv2.AddTags": of_arns,
    "iam.TagPolicy": of_policy,
    "iam.TagRole": of_role,
    "logs.TagResource": lambda call: [
        call.backend().tagger.get_tag_dict_for_resource(call.params["resourceArn"].removesuffix(":*"))
    ],
}
