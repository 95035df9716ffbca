"""IAM: principals that have to exist, policies that are attached, and roles that other services do not see yet.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from ..call import Answer, AwsError, Call, backend_of, operation
from ..world import store, timeline
from .iam_policies import refuse_patterns

PRINCIPAL = re.compile(r"arn:aws[\w-]*:iam::(?P<account>\d{12}):(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)")

# An account that is named by its number is told by the ARN of its root.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
# https://github.com/aws/aws-cdk/issues/9334
ACCOUNT = re.compile(r"\d{12}")

# The roles that services make for themselves when they are first used.
SERVICE_ROLES = {
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "ops.apigateway.amazonaws.com": "AWSServiceRoleForAPIGateway",
}
# (account, role id): a role that is deleted and made again is another one.
unseen: set[tuple[str, str]] = store(set)


# What other services see


def hide(role: Any, duration: str) -> None:
    """Keeps a new role from other services for that long."""
    if timeline.takes(duration):
        key = (role.account_id, role.id)
        unseen.add(key)
        timeline.after(duration, f"role {role.name} seen by other services", lambda: unseen.discard(key))


def role_of(call: Call, arn: str) -> Any | None:
    """A role by its ARN or, in the caller's account, its name; None when there is none."""
    found = PRINCIPAL.fullmatch(arn)
    account, name = (found["account"], found["name"]) if found else (call.account, arn)
    roles = backend_of("iam", account, call.region).roles.values()
    return next((role for role in roles if role.name == name), None)


def is_seen(role: Any) -> bool:
    return (role.account_id, role.id) not in unseen


def service_role(call: Call, service: str) -> Any:
    """The role of a service itself, made when it is missing."""
    backend, name = backend_of("iam", call.account, call.region), SERVICE_ROLES[service]
    role = next((each for each in backend.roles.values() if each.name == name), None)
    if role is None:
        role = backend.create_service_linked_role(service, "", "")
        role.name = name
        hide(role, "iam.service_linked_role.usable")
    return role


@operation("sts", "AssumeRole")
def assume_role(call: Call) -> Answer:
    # A role that does not exist can be assumed: accounts are entered that way.
    arn = call.params["RoleArn"]
    role = role_of(call, arn)
    if role is not None and not is_seen(role):
        user = f"arn:aws:iam::{call.account}:root"
        raise AwsError(
            "AccessDenied", f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}", 403
        )
    return call.forward()


@operation("iam", "CreateServiceLinkedRole")
def create_service_linked_role(call: Call) -> dict[str, Any] | Answer:
    service = call.params["AWSServiceName"]
    name = SERVICE_ROLES.get(service)
    if name is None or call.params.get("CustomSuffix"):
        return call.forward()
    if role_of(call, name) is not None:
        message = f"Service role name {name} has been taken in this account, please try a different suffix."
        raise AwsError("InvalidInput", message, 400)
    role = service_role(call, service)
    return {
        "Role": {
            "Path": role.path,
            "RoleName": role.name,
            "RoleId": role.id,
            "Arn": role.arn,
            "CreateDate": role.create_date,
            "AssumeRolePolicyDocument": role.assume_role_policy_document,
        }
    }


# Tags: keys of roles have no case, and keep the one that they were given last.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html


def without(tags: list[dict[str, str]], keys: list[str]) -> list[dict[str, str]]:
    gone = {key.lower() for key in keys}
    return [each for each in tags if each["Key"].lower() not in gone]


@operation("iam", "TagRole")
def tag_role(call: Call) -> Answer:
    answer, given = call.forward(), call.params["Tags"]
    if answer.status < 300:
        role = call.backend().get_role(call.params["RoleName"])
        role.tags = without(role.tags, [each["Key"] for each in given]) + given
    return answer


@operation("iam", "UntagRole")
def untag_role(call: Call) -> Answer:
    answer = call.forward()
    if answer.status < 300:
        role = call.backend().get_role(call.params["RoleName"])
        role.tags = without(role.tags, call.params["TagKeys"])
    return answer


# Names, which AWS does not tell apart by case
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names


def check_name_is_free(what: str, name: str, taken: Iterable[str]) -> None:
    if name.lower() in (each.lower() for each in taken):
        raise AwsError("EntityAlreadyExists", f"{what} with name {name} already exists.", 409)


@operation("iam", "CreateUser")
def create_user(call: Call) -> Answer:
    check_name_is_free("User", call.params["UserName"], [each.name for each in call.backend().users.values()])
    return call.forward()


@operation("iam", "CreateGroup")
def create_group(call: Call) -> Answer:
    check_name_is_free("Group", call.params["GroupName"], [each.name for each in call.backend().groups.values()])
    return call.forward()


@operation("iam", "CreatePolicy")
def create_policy(call: Call) -> Answer:
    own = f"::{call.account}:policy/"
    policies = call.backend().managed_policies.values()
    check_name_is_free("Policy", call.params["PolicyName"], [each.name for each in policies if own in each.arn])
    return call.forward()


@operation("iam", "CreateInstanceProfile")
def create_instance_profile(call: Call) -> Answer:
    taken = [each.name for each in call.backend().instance_profiles.values()]
    check_name_is_free("Instance Profile", call.params["InstanceProfileName"], taken)
    return call.forward()


# Policies and principals


@operation("iam", "AttachRolePolicy")
def attach_role_policy(call: Call) -> dict[str, Any] | Answer:
    """Done as often as it is asked for; moto counts every time."""
    role = call.backend().get_role(call.params["RoleName"])
    if call.params["PolicyArn"] in role.managed_policies:
        return {}
    return call.forward()


@operation("iam", "DeleteInstanceProfile")
def delete_instance_profile(call: Call) -> Answer:
    profile = call.backend().get_instance_profile(call.params["InstanceProfileName"])
    if profile.roles:
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", 409)
    return call.forward()


@operation("iam", "DeletePolicy")
def delete_policy(call: Call) -> Answer:
    policy = call.backend().managed_policies.get(call.params["PolicyArn"])
    if policy is not None and policy.attachment_count > 0:
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if policy is not None and len(policy.versions) > 1:
        message = "This policy has more than one version. Before you delete a policy, you must delete its other versions."
        raise AwsError("DeleteConflict", message, 409)
    return call.forward()


@operation("iam", "CreateRole", "UpdateAssumeRolePolicy")
def check_trust(call: Call) -> Answer:
    if call.operation == "CreateRole":
        check_name_is_free("Role", call.params["RoleName"], [each.name for each in call.backend().roles.values()])
    text = call.params.get("AssumeRolePolicyDocument") or call.params.get("PolicyDocument") or "{}"
    named = principals(text)
    refuse_patterns(named)
    for principal in named:
        found = PRINCIPAL.fullmatch(principal)
        if found is None:
            continue
        if found["kind"] == "role":
            role = role_of(call, principal)
            is_known = role is not None and is_seen(role)
        else:
            users = backend_of("iam", found["account"], call.region).users.values()
            is_known = found["name"] in [user.name for user in users]
        if not is_known:
            message = f'Invalid principal in policy: "AWS":"{principal}"'
            raise AwsError("MalformedPolicyDocument", message, 400)
    answer = call.forward()
    if answer.status < 300:
        role = call.backend().get_role(call.params["RoleName"])
        role.assume_role_policy_document = with_roots(role.assume_role_policy_document)
        if call.operation == "CreateRole":
            hide(role, "iam.role.usable")
    return answer


def with_roots(text: str) -> str:
    """A trust policy as IAM tells it."""
    try:
        document: Any = json.loads(text)
        statements = document["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        found = [each["Principal"] for each in statements if isinstance(each.get("Principal"), dict)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    for principal in found:
        named = principal.get("AWS")
        if isinstance(named, list):
            principal["AWS"] = [root_of(each) for each in named]
        elif named is not None:
            principal["AWS"] = root_of(named)
    return json.dumps(document)


def root_of(principal: Any) -> Any:
    is_account = isinstance(principal, str) and ACCOUNT.fullmatch(principal)
    return f"arn:aws:iam::{principal}:root" if is_account else principal


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
    # The grammar has texts only: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    if not all(isinstance(each, str) for each in found):
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.", 400)
    return found
