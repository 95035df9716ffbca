"""What AWS says when it throttles or fails: each service's own codes, in its own form.

The codes are those of the services' "Common Errors" pages and of their models' own errors:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
"""

from .call import Answer, AwsError
from .faults import Fault

Said = tuple[int, str, str]  # status, code, message

# By the model's name. The others answer as the services of AWS's JSON protocol do.
THROTTLED: dict[str, Said] = {
    "apigatewayv2": (429, "TooManyRequestsException", "Too Many Requests"),
    "cloudwatch": (400, "Throttling", "Rate exceeded"),
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "elbv2": (400, "Throttling", "Rate exceeded"),
    "iam": (400, "Throttling", "Rate exceeded"),
    "registry": (429, "TOOMANYREQUESTS", "Rate exceeded"),
    "resourcegroupstaggingapi": (400, "ThrottledException", "Rate exceeded"),
    "route53": (400, "Throttling", "Rate exceeded"),
    "s3": (503, "SlowDown", "Please reduce your request rate."),
    "sts": (400, "Throttling", "Rate exceeded"),
}
THROTTLED_ELSEWHERE: Said = (400, "ThrottlingException", "Rate exceeded")

FAILED: dict[str, Said] = {
    "acm": (500, "InternalServerException", "Internal server error."),
    "dynamodb": (500, "InternalServerError", "The request could not be served because of an internal failure."),
    "ec2": (500, "InternalError", "An internal error has occurred"),
    "ecr": (500, "ServerException", "Service Unavailable. Please try again later."),
    "ecs": (500, "ServerException", "Service Unavailable. Please try again later."),
    "iam": (500, "ServiceFailure", "The request failed because of an unknown error, exception or failure."),
    "logs": (500, "InternalFailure", "An internal failure has occurred."),
    "registry": (503, "UNAVAILABLE", "The registry cannot answer at present."),
    "resourcegroupstaggingapi": (500, "InternalServiceException", "The request processing failed."),
    "s3": (500, "InternalError", "We encountered an internal error. Please try again."),
}
FAILED_ELSEWHERE: Said = (500, "InternalFailure", "The request processing has failed.")

UNAVAILABLE: dict[str, Said] = {
    "ec2": (503, "Unavailable", "The service is unavailable. Please try again shortly."),
    "logs": (503, "ServiceUnavailableException", "The service cannot complete the request."),
    "registry": (503, "UNAVAILABLE", "The registry cannot answer at present."),
}
UNAVAILABLE_ELSEWHERE: Said = (503, "ServiceUnavailable", "The request has failed due to a temporary failure.")

# As the load balancers in front of the services answer.
PAGE = b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>\n"
PLAIN_SHARE = 0.25


def error(fault: Fault, service: str) -> AwsError:
    """The error that stands for a request that is throttled or fails."""
    if fault.kind == "throttled":
        status, code, message = THROTTLED.get(service, THROTTLED_ELSEWHERE)
    elif _is_internal(fault):
        status, code, message = FAILED.get(service, FAILED_ELSEWHERE)
    else:
        status, code, message = UNAVAILABLE.get(service, UNAVAILABLE_ELSEWHERE)
    return AwsError(code, message, status)


def plain(fault: Fault, service: str) -> Answer | None:
    """The answer of a failure that the service itself never saw, for one in four."""
    if fault.kind != "server_error" or fault.variant >= PLAIN_SHARE:
        return None
    status = 500 if _is_internal(fault) and service != "registry" else 503
    has_page = fault.variant < PLAIN_SHARE / 2
    headers = [("Content-Type", "text/html")] if has_page else []
    return Answer(status, headers, PAGE if has_page else b"")


def _is_internal(fault: Fault) -> bool:
    """Whether it is a 500; the others are a 503. Half of the plain answers are, and half of the service's."""
    return int(fault.variant * 16) % 2 == 0
