"""IAM: forms of policies that AWS takes and moto refuses, and principals that AWS refuses and moto takes.

moto's own check stays; what stands here is only where it is stricter. AWS's managed policies, which moto ships, are a
proof of what AWS takes.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import fnmatch
import json
import re
from typing import Any

from moto.iam import policy_validation as moto

from ..call import AwsError

_syntax_of_moto = moto.BaseIAMPolicyValidator._validate_condition_syntax
_time_of_moto = moto.BaseIAMPolicyValidator._validate_iso_8601_datetime
_action_of_moto = moto.IAMTrustPolicyDocumentValidator._validate_trust_policy_action

# Of IAM all of an account (`*`), its root and the templates of roles, as managed policies name them; of S3 what has a region:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
moto.VALID_RESOURCE_PATH_STARTING_VALUES["iam"]["values"] += ["*", "root", "role-template/"]
moto.SERVICE_TYPE_REGION_INFORMATION_ERROR_ASSOCIATIONS["s3"]["valid_starting_values"] += [
    "access-grants/",
    "async-request/",
    "job/",
    "storage-lens/",
    "storage-lens-group/",
]

# Actions of trust policies that moto does not know.
# https://docs.aws.amazon.com/singlesignon/latest/userguide/trustedidentitypropagation-identity-enhanced-iam-role-sessions.html
TRUST_ACTIONS = {"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:setcontext"} | {
    "sts:setsourceidentity",
    "sts:tagsession",
}
ZONE = re.compile(r"(?<=\d)(?:z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)$")


class Partitions(list[str]):
    """AWS's partitions, which a pattern may stand for: `arn:aws*:s3:::bucket`."""

    def __contains__(self, name: object) -> bool:
        return any(fnmatch.fnmatchcase(each, str(name).replace("[", "[[]")) for each in self)


moto.PARTITION_NAMES = Partitions(moto.PARTITION_NAMES)


def in_quotes(value: Any) -> Any:
    """A value of a condition as a text: numbers and booleans may stand without quotes."""
    if isinstance(value, list):
        return [in_quotes(each) for each in value]
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def condition_syntax(statement: dict[str, Any]) -> None:
    condition = statement.get("Condition")
    if isinstance(condition, dict):
        for operator, keys in condition.items():
            if isinstance(keys, dict):
                condition[operator] = {key: in_quotes(value) for key, value in keys.items()}
    _syntax_of_moto(statement)


def time(text: str) -> None:
    """Times may be east and west of Greenwich, with seconds and without. https://www.w3.org/TR/NOTE-datetime"""
    _time_of_moto(ZONE.sub("", text) if "t" in text else text)


def trust_action(action: str) -> None:
    """The names of actions have no case."""
    if action.lower() not in TRUST_ACTIONS:
        _action_of_moto(action)


def trust_version(validator: Any) -> None:
    """Trust policies may be of the first version, which is that of a policy that names none."""


moto.BaseIAMPolicyValidator._validate_condition_syntax = staticmethod(condition_syntax)
moto.BaseIAMPolicyValidator._validate_iso_8601_datetime = staticmethod(time)
moto.IAMTrustPolicyDocumentValidator._validate_trust_policy_action = staticmethod(trust_action)
moto.IAMTrustPolicyDocumentValidator._validate_version = trust_version


def refuse_patterns(principals: list[str]) -> None:
    """A principal is everybody (`*`) or somebody: a part of an ARN cannot be left open.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    for principal in principals:
        if isinstance(principal, str) and "*" in principal and principal != "*":
            raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{principal}"', 400)
