"""IAM: principals that have to exist, and policies that are attached."""

import json
import re
from typing import Any

from ..call import Answer, AwsError, Call, backend_of, operation

PRINCIPAL = re.compile(r"arn:aws:iam::(?P<account>\d{12}):(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)")


@operation("iam", "DeletePolicy")
def delete_policy(call: Call) -> Answer:
    policy = call.backend().managed_policies.get(call.params["PolicyArn"])
    if policy is not None and policy.attachment_count > 0:
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    return call.forward()


@operation("iam", "CreateRole", "UpdateAssumeRolePolicy")
def check_trust(call: Call) -> Answer:
    text = call.params.get("AssumeRolePolicyDocument") or call.params.get("PolicyDocument") or "{}"
    for principal in principals(text):
        found = PRINCIPAL.fullmatch(principal)
        if found is None:
            continue
        iam = backend_of("iam", found["account"], call.region)
        known = [each.name for each in (iam.roles if found["kind"] == "role" else iam.users).values()]
        if found["name"] not in known:
            message = f'Invalid principal in policy: "AWS":"{principal}"'
            raise AwsError("MalformedPolicyDocument", message, 400)
    return call.forward()


def principals(text: str) -> list[str]:
    """The AWS principals of a trust policy; none of one that is no policy, which moto refuses."""
    try:
        statements: Any = json.loads(text)["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        named = [each.get("Principal", {}) for each in statements]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    found: list[str] = []
    for each in named:
        values = each.get("AWS", []) if isinstance(each, dict) else []
        found += values if isinstance(values, list) else [values]
    return found
