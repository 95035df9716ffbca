"""Things that take one change at a time: an HTTP API, a hosted zone.

A change is refused when it was sent while another one of the same thing was being carried out. Requests are
answered one after the other here, so what tells is whether it arrived before the last change was over.
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
"""

import re
import time
from collections.abc import Callable
from typing import Any

from .call import AwsError, Call
from .world import store

READS = re.compile(r"Get|List")
# What is changed, by the parameter that names it, and AWS's refusal.
THINGS = {
    "apigatewayv2": (
        "ApiId",
        "ConflictException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        409,
    ),
    "route53": (
        "HostedZoneId",
        "PriorRequestNotComplete",
        "The request was rejected because Route 53 was still processing a prior request.",
        400,
    ),
}
# (account, region, thing) → when the last change of it was over
changed_at: dict[tuple[str, str, str], float] = store()


def answer(call: Call, respond: Callable[[Call], Any]) -> Any:
    """What `respond` answers, if nothing else is changing what the request changes."""
    if call.service not in THINGS or READS.match(call.operation):
        return respond(call)
    parameter, *refusal = THINGS[call.service]
    thing = call.params.get(parameter)
    if thing is None:
        return respond(call)
    key = (*call.here, str(thing).removeprefix("/hostedzone/"))
    if call.arrived < changed_at.get(key, float("-inf")):
        raise AwsError(*refusal)
    try:
        return respond(call)
    finally:
        changed_at[key] = time.monotonic()
