"""CloudWatch Logs: the class of a log group."""

from typing import Any

from ..call import Answer, AwsError, Call, operation
from ..world import store

CLASSES = {"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}
classes: dict[tuple[str, str, str], str] = store()


@operation("logs", "CreateLogGroup")
def create_log_group(call: Call) -> Answer:
    wanted = call.params.get("logGroupClass", "STANDARD")
    if wanted not in CLASSES:
        raise AwsError("InvalidParameterException", f"'{wanted}' is no log group class")
    answer = call.forward()
    if answer.status < 300:
        classes[(*call.here, call.params["logGroupName"])] = wanted
    return answer


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call) -> dict[str, Any]:
    result = call.moto()
    for group in result.get("logGroups", []):
        group["logGroupClass"] = classes.get((*call.here, group["logGroupName"]), "STANDARD")
    return result
