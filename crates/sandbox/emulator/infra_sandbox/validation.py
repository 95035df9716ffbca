"""Every input of every operation, held to AWS's own service model before anybody answers it.

The models are botocore's. AWS's services refuse what breaks them in one form, with a code of their own:
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import patterns
from .call import AwsError, Call

# Services whose inputs are not looked at: objects are streams, and the model of S3 has no limits.
UNCHECKED = {"s3"}

# The code of a refusal. The others say ValidationError in the query protocol, ValidationException elsewhere.
CODES = {
    "apigateway": "BadRequestException",
    # https://github.com/serverless/serverless/issues/9223
    "apigatewayv2": "BadRequestException",
    "ecr": "InvalidParameterException",
    "ecs": "InvalidParameterException",
    # https://github.com/fluent-plugins-nursery/fluent-plugin-cloudwatch-logs/issues/223
    "logs": "InvalidParameterException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    # https://github.com/terraform-aws-modules/terraform-aws-acm/issues/63
    "route53": "InvalidInput",
    "secretsmanager": "InvalidParameterException",
    "sns": "InvalidParameter",
}
# Operations that have another code than their service.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
OPERATION_CODES = {
    "ecs.RegisterTaskDefinition": "ClientException",
    "ecs.CreateCluster": "InvalidParameterException",
}

# Where AWS takes more than its model says: (service, shape, constraint) → why, and who tells so.
NEW_REGIONS = "models are behind new regions: https://github.com/aws/aws-sdk-go-v2/issues/2720"
LOOSER = {
    ("ec2", "InstanceType", "enum"): "models are behind new types: https://docs.rs/aws-sdk-ec2/latest/aws_sdk_ec2/types/enum.InstanceType.html",
    ("route53", "VPCRegion", "enum"): NEW_REGIONS,
    ("route53", "CloudWatchRegion", "enum"): NEW_REGIONS,
    ("route53", "ResourceRecordSetRegion", "enum"): NEW_REGIONS,
    ("lambda", "Runtime", "enum"): "models are behind new runtimes: https://github.com/hashicorp/terraform-provider-aws/issues/35159",
}
# What an update of API Gateway takes away by an empty text, whatever the model says of its length; a create does not.
# https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/apigatewayv2/integration.go
TAKEN_AWAY = {
    "apigatewayv2.UpdateApi": {"version"},
    "apigatewayv2.UpdateIntegration": {"requestParameters"},
    "apigatewayv2.UpdateRoute": {"operationName"},
}
TOO_SHORT = "Member must have length greater than or equal to 1"
# API Gateway's model has the limits of texts in the names of their shapes only.
NAMED_LENGTH = re.compile(r"StringWithLengthBetween(\d+)And(\d+)")

TEXTS = {"string", "character"}
NUMBERS = {"integer", "long", "float", "double", "short", "byte"}


@dataclass(frozen=True)
class Rule:
    """What a shape of a model asks of a value."""

    kind: str
    required: tuple[str, ...]
    least: float | None
    most: float | None
    pattern: str | None
    values: frozenset[str]
    is_secret: bool


@dataclass(frozen=True)
class Problem:
    """One value that breaks the model."""

    path: str
    value: Any
    constraint: str
    is_secret: bool = False
    # Whether there is no value at all, and whether it is of another type.
    is_missing: bool = False
    is_mistyped: bool = False


def check(call: Call) -> None:
    """Refuses a request whose input breaks the model of its operation."""
    if not call.operation or call.service in UNCHECKED:
        return
    shape = call.input_shape
    if shape is None:
        return
    try:
        # What is sent as JSON has types of its own, which the parameters lose.
        given = json.loads(call.body or b"{}") if call.protocol == "json" else call.params
    except (ValueError, TypeError, AttributeError) as error:
        raise malformed(call, str(error)) from None
    problems = [each for each in of_value(call.service, shape, given, "") if not takes_away(call, each)]
    if problems:
        raise refusal(call, problems)


def takes_away(call: Call, problem: Problem) -> bool:
    """Whether a text is too short since it takes away what was there."""
    return problem.path in TAKEN_AWAY.get(call.name, ()) and TOO_SHORT in problem.constraint


# Problems


def of_value(service: str, shape: Any, value: Any, path: str) -> Iterator[Problem]:
    match shape.type_name:
        case "structure":
            if shape.is_document_type:
                return
            if not isinstance(value, dict):
                yield Problem(path, value, "Member must be a structure", is_mistyped=True)
                return
            yield from of_structure(service, shape, value, path)
        case "list":
            if not isinstance(value, list):
                yield Problem(path, value, "Member must be a list", is_mistyped=True)
                return
            yield from of_size(service, shape, value, path)
            for number, each in enumerate(value, 1):
                yield from of_value(service, shape.member, each, f"{path}.{number}.member")
        case "map":
            if not isinstance(value, dict):
                yield Problem(path, value, "Member must be a map", is_mistyped=True)
                return
            yield from of_map(service, shape, value, path)
        case _:
            yield from of_scalar(service, shape, value, path)


def of_structure(service: str, shape: Any, value: dict[str, Any], path: str) -> Iterator[Problem]:
    before = f"{path}." if path else ""
    for name in rule_of(service, shape).required:
        if value.get(name) is None:
            yield Problem(before + lower(name), None, "Member must not be null", is_missing=True)
    members = shape.members
    for name, each in value.items():
        if each is not None and name in members:
            yield from of_value(service, members[name], each, before + lower(name))


def of_map(service: str, shape: Any, value: dict[str, Any], path: str) -> Iterator[Problem]:
    yield from of_size(service, shape, value, path)
    for key, each in value.items():
        for what, member, content in (("key", shape.key, key), ("value", shape.value, each)):
            if content is None:
                continue
            for problem in of_value(service, member, content, f"{path}.{key}.member"):
                if member.type_name in ("structure", "list", "map"):
                    yield problem
                else:
                    constraint = f"Map {what} must satisfy constraint: [{problem.constraint}]"
                    yield Problem(path, value, constraint, problem.is_secret, is_mistyped=problem.is_mistyped)


def of_size(service: str, shape: Any, value: Any, path: str) -> Iterator[Problem]:
    rule = rule_of(service, shape)
    if rule.least is not None and len(value) < rule.least:
        yield Problem(path, value, f"Member must have length greater than or equal to {rule.least:g}", rule.is_secret)
    if rule.most is not None and len(value) > rule.most:
        yield Problem(path, value, f"Member must have length less than or equal to {rule.most:.0f}", rule.is_secret)


def of_scalar(service: str, shape: Any, value: Any, path: str) -> Iterator[Problem]:
    rule = rule_of(service, shape)
    if rule.kind in TEXTS:
        if not isinstance(value, str):
            yield Problem(path, value, "Member must be a string", is_mistyped=True)
            return
        yield from of_size(service, shape, value, path)
        if rule.values and value not in rule.values:
            known = ", ".join(sorted(rule.values))
            yield Problem(path, value, f"Member must satisfy enum value set: [{known}]", rule.is_secret)
        if rule.pattern is not None:
            compiled = patterns.compiled(rule.pattern)
            if compiled is not None and compiled.fullmatch(value) is None:
                constraint = f"Member must satisfy regular expression pattern: {rule.pattern}"
                yield Problem(path, value, constraint, rule.is_secret)
    elif rule.kind in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield Problem(path, value, "Member must be a number", is_mistyped=True)
            return
        if rule.least is not None and value < rule.least:
            yield Problem(path, value, f"Member must have value greater than or equal to {rule.least:.0f}")
        if rule.most is not None and value > rule.most:
            yield Problem(path, value, f"Member must have value less than or equal to {rule.most:.0f}")
    elif rule.kind == "boolean":
        if not isinstance(value, bool):
            yield Problem(path, value, "Member must be a boolean", is_mistyped=True)
    elif rule.kind == "blob" and isinstance(value, bytes):
        yield from of_size(service, shape, value, path)


def rule_of(service: str, shape: Any) -> Rule:
    rule = _rules.get((service, shape.name))
    if rule is None:
        rule = _rules[(service, shape.name)] = _made(service, shape)
    return rule


_rules: dict[tuple[str, str], Rule] = {}


def _made(service: str, shape: Any) -> Rule:
    traits = {
        name: value for name, value in shape.metadata.items() if (service, shape.name, name) not in LOOSER
    }
    least, most = traits.get("min"), traits.get("max")
    if named := NAMED_LENGTH.fullmatch(shape.name):
        least, most = int(named[1]), int(named[2])
    return Rule(
        kind=shape.type_name,
        required=tuple(traits.get("required", ())),
        least=least,
        most=most,
        pattern=traits.get("pattern"),
        values=frozenset(traits.get("enum", ())),
        is_secret=bool(traits.get("sensitive")),
    )


@functools.cache
def lower(name: str) -> str:
    """A member's name as it stands in messages."""
    return name[:1].lower() + name[1:]


# Refusals


def refusal(call: Call, problems: list[Problem]) -> AwsError:
    """AWS's answer to an input with these problems."""
    if call.service == "ec2":
        return of_ec2(problems[0])
    if mistyped := next((each for each in problems if each.is_mistyped), None):
        return malformed(call, f"{mistyped.path}: {mistyped.constraint}")
    if call.service == "ecr":
        first = problems[0]
        said = first.constraint[:1].lower() + first.constraint[1:].replace("regular expression pattern: ", "regular expression ")
        return AwsError(code_of(call), f"Invalid parameter at '{first.path}' failed to satisfy constraint: '{said}'", 400)
    said = "; ".join(f"{shown(each)} at '{each.path}' failed to satisfy constraint: {each.constraint}" for each in problems)
    errors = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
    return AwsError(code_of(call), f"{errors} detected: {said}", 400)


def code_of(call: Call) -> str:
    usual = "ValidationError" if call.protocol == "query" else "ValidationException"
    return OPERATION_CODES.get(call.name) or CODES.get(call.service, usual)


def shown(problem: Problem) -> str:
    if problem.is_missing:
        return "Value null"
    if problem.is_secret:
        return "Value"
    if isinstance(problem.value, dict):
        return "Value '{" + ", ".join(f"{key}={value}" for key, value in problem.value.items()) + "}'"
    return f"Value '{problem.value}'"


def of_ec2(problem: Problem) -> AwsError:
    name = re.sub(r"\.member", "", problem.path)
    if problem.is_missing:
        return AwsError("MissingParameter", f"The request must contain the parameter {name}", 400)
    message = f"Value ({problem.value}) for parameter {name} is invalid. {problem.constraint}."
    return AwsError("InvalidParameterValue", message, 400)


def malformed(call: Call, reason: str) -> AwsError:
    """The answer to what cannot even be read."""
    if call.service == "ec2":
        return AwsError("InvalidParameterValue", f"Invalid value for a parameter of {call.operation}: {reason}", 400)
    if call.protocol == "query":
        return AwsError("MalformedInput", reason, 400)
    if call.service == "route53":
        return AwsError("InvalidInput", f"Invalid XML ; {reason}", 400)
    if call.service in ("apigateway", "apigatewayv2"):
        return AwsError("BadRequestException", f"Invalid request input: {reason}", 400)
    return AwsError("SerializationException", reason, 400)
