"""Pages of lists that moto gives whole: cut to the size asked for, or to AWS's own.

The names of tokens and limits are botocore's. https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/
"""

from typing import Any

from moto.core.utils import get_pagination_model

from .call import Answer, AwsError, Call

PAGED = {
    "application-autoscaling": {"DescribeScalableTargets", "DescribeScalingPolicies"},
    "ec2": {
        "DescribeInternetGateways",
        "DescribeNatGateways",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcEndpoints",
        "DescribeVpcs",
    },
    "elbv2": {"DescribeTargetGroups", "DescribeListeners"},
    "ecs": {"ListTaskDefinitions"},
    "apigatewayv2": {
        "GetApiMappings",
        "GetApis",
        "GetDomainNames",
        "GetIntegrations",
        "GetRoutes",
        "GetStages",
        "GetVpcLinks",
    },
}
# Page sizes of those that cut without being asked. API Gateway has none documented; 25 is what it does.
DEFAULT_SIZES = {
    "apigatewayv2": 25,
    "elbv2": 400,
    "ecs": 100,
    "application-autoscaling.DescribeScalableTargets": 50,
    "application-autoscaling.DescribeScalingPolicies": 10,
}
# What botocore has no paginator for.
PLAIN = {"input_token": "NextToken", "output_token": "NextToken", "limit_key": "MaxResults", "result_key": "Items"}


def page(call: Call, result: Answer | dict[str, Any] | None) -> Answer | dict[str, Any] | None:
    """The page asked for of a list operation's result; any other result as it is."""
    if call.operation not in PAGED.get(call.service, ()):
        return result
    names = get_pagination_model(call.service).get(call.operation, PLAIN)
    start = int(call.params.get(names["input_token"]) or 0)
    size = call.params.get(names["limit_key"])
    if call.service == "ec2" and size is not None and any(key.endswith("Ids") for key in call.params):
        raise AwsError(
            "InvalidParameterCombination", "The parameter MaxResults cannot be used with a list of ids", 400
        )
    size = int(size) if size is not None else DEFAULT_SIZES.get(call.name, DEFAULT_SIZES.get(call.service))
    if size is None and start == 0:
        return result
    if isinstance(result, Answer):
        if result.status >= 300:
            return result
        result = call.parse(result)
    items = result.get(names["result_key"]) or []
    end = start + size if size is not None else len(items)
    result[names["result_key"]] = items[start:end]
    if end < len(items):
        result[names["output_token"]] = str(end)
    return result
