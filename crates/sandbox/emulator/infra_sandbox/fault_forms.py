"""What AWS says when it throttles or fails: each service's own codes, in its own form.

The codes are those of the services' "Common Errors" pages and of their models' own errors:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
Of credentials each family of services has words of its own, EC2 and S3 on the pages of their errors:
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://github.com/aws/aws-sdk-ruby/pull/2108 (Route 53)
https://github.com/cloudquery/cq-provider-aws/pull/1171 (REST with JSON: 403)
https://github.com/aws-azure-login/aws-azure-login/issues/37 (JSON: 400)
"""

import time
from http import HTTPStatus

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


# As proxies answer that know no such path, or no way to the service.
PROXY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>proxy</body></html>\n"

EXPIRED, INVALID = (f"The security token included in the request is {what}" for what in ("expired", "invalid."))
NOT_YET = "Signature not yet current: {0} is still later than {1} ({2} + 5 min.)"
FAMILIES = {
    **dict.fromkeys(("cloudwatch", "elbv2", "iam", "route53", "sts"), "query"),
    **dict.fromkeys(("apigateway", "apigatewayv2"), "rest-json"),
    "ec2": "ec2",
    "s3": "s3",
}
CREDENTIALS: dict[str, dict[str, Said]] = {
    "expired": {
        "ec2": (400, "RequestExpired", "Request has expired."),
        "json": (400, "ExpiredTokenException", EXPIRED),
        "query": (403, "ExpiredToken", EXPIRED),
        "rest-json": (403, "ExpiredTokenException", EXPIRED),
        "s3": (400, "ExpiredToken", "The provided token has expired."),
    },
    "unknown": {
        "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        "json": (400, "UnrecognizedClientException", INVALID),
        "query": (403, "InvalidClientTokenId", INVALID),
        "rest-json": (403, "UnrecognizedClientException", INVALID),
        "s3": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    },
    # Signed by a clock that is fast.
    "not_yet_current": {
        "ec2": (400, "RequestExpired", "Request has expired."),
        "json": (400, "InvalidSignatureException", NOT_YET),
        "query": (403, "SignatureDoesNotMatch", NOT_YET),
        "rest-json": (403, "InvalidSignatureException", NOT_YET),
        "s3": (
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
    },
}


def error(fault: Fault, service: str) -> AwsError:
    """The error that stands for a request that is throttled or fails, or whose credentials are no good."""
    if fault.kind == "credentials":
        status, code, message = CREDENTIALS[fault.say][FAMILIES.get(service, "json")]
        now = time.time()
        moments = (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now + later)) for later in (3600, 300, 0))
        return AwsError(code, message.format(*moments), status)
    if fault.kind == "throttled":
        status, code, message = THROTTLED.get(service, THROTTLED_ELSEWHERE)
    elif _is_internal(fault):
        status, code, message = FAILED.get(service, FAILED_ELSEWHERE)
    else:
        status, code, message = UNAVAILABLE.get(service, UNAVAILABLE_ELSEWHERE)
    return AwsError(code, message, status)


def plain(fault: Fault, service: str) -> Answer | None:
    """The answer of what the service itself never saw: a proxy's page, and one in four failures."""
    if fault.kind == "proxy_page":
        text = PROXY_PAGE.format(f"{fault.status} {HTTPStatus(fault.status).phrase}")
        return Answer(fault.status, [("Content-Type", "text/html")], text.encode())
    if fault.kind != "server_error" or fault.variant >= PLAIN_SHARE:
        return None
    status = 500 if _is_internal(fault) and service != "registry" else 503
    has_page = fault.variant < PLAIN_SHARE / 2
    headers = [("Content-Type", "text/html")] if has_page else []
    return Answer(status, headers, PAGE if has_page else b"")


def _is_internal(fault: Fault) -> bool:
    """Whether it is a 500; the others are a 503. Half of the plain answers are, and half of the service's."""
    return int(fault.variant * 16) % 2 == 0
