"""CloudWatch Logs: the class of a log group."""

from typing import Any

from ..call import Answer, AwsError, Call, operation
from ..world import store

CLASSES = {"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = {
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
}
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


@operation("logs", "DeleteLogGroup")
def delete_log_group(call: Call) -> Answer:
    """A group's tags go with it; moto gives them to the next one of that name."""
    group = call.backend().groups.get(call.params["logGroupName"])
    answer = call.forward()
    if group is not None and answer.status < 300:
        call.backend().tagger.delete_all_tags_for_resource(group.arn)
    return answer


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call) -> dict[str, Any]:
    result = call.moto()
    for group in result.get("logGroups", []):
        group["logGroupClass"] = classes.get((*call.here, group["logGroupName"]), "STANDARD")
    return result


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(call: Call) -> Answer:
    days = call.params["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise AwsError("InvalidParameterException", f"1 validation error detected: Value '{days}' at 'retentionInDays'")
    return call.forward()
