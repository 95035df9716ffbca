"""What can be set about the emulator, and how long things take.

The durations are AWS's typical ones in seconds, as measured on the real thing; every one of them is
multiplied by the time scale before it is used. `POST /_infra/settings` sets them while the emulator runs.
"""

import json
import math
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase

TIME_SCALE_VARIABLE = "INFRA_SANDBOX_TIME_SCALE"
DEFAULT_TIME_SCALE = 0.02
DURATIONS_VARIABLE = "INFRA_SANDBOX_DURATIONS"

DURATIONS_SECONDS = {
    # What reads of each service do not show yet, and, of what was just made, for how long it cannot be used.
    "ec2.create.visible": 3,
    "ec2.create.usable": 0.5,
    "ec2.change.visible": 2,
    "ec2.delete.visible": 1,
    "ecs.create.visible": 1,
    "ecs.change.visible": 1,
    "ecs.delete.visible": 1,
    "elbv2.create.visible": 2,
    "elbv2.change.visible": 1,
    "elbv2.delete.visible": 1,
    "iam.create.visible": 1,
    "iam.change.visible": 1,
    "iam.delete.visible": 1,
    # For how long the index of tags still has what is gone: nothing here unless a test asks for it, hours on AWS.
    "tagging.delete.visible": 0,
    # When other services see a new role.
    "iam.role.usable": 10,
    "iam.service_linked_role.usable": 5,
    "ec2.vpc.available": 2,
    "ec2.nat_gateway.available": 90,
    "ec2.nat_gateway.deleted": 60,
    "ec2.vpc_endpoint.available": 75,
    "ec2.vpc_endpoint.deleted": 60,
    "elbv2.load_balancer.active": 150,
    "elbv2.load_balancer.interfaces_gone": 60,
    "elbv2.target.healthy": 30,
    "elbv2.target.drained": 30,
    "ecs.task.pending": 15,
    "ecs.task.running": 40,
    "ecs.task.pull_failed": 20,
    "ecs.task.crashed": 10,
    "ecs.task.retried": 10,
    "ecs.task.stopped": 30,
    "ecs.deployment.steady": 15,
    "ecs.deployment.failed_listed": 60,
    "apigatewayv2.vpc_link.available": 120,
    "apigatewayv2.vpc_link.deleted": 90,
    "apigatewayv2.domain_name.available": 60,
    "acm.certificate.issued": 60,
    "route53.change.insync": 60,
}
# A task that cannot start is tried again for ever: never in a tight circle, whatever the scale.
LEAST_SECONDS = {"ecs.task.retried": 0.2}
_AT_THE_START = dict(DURATIONS_SECONDS)


@dataclass(frozen=True)
class Settings:
    """How this emulator was started."""

    instance_id: str
    data_dir: str
    time_scale: float

    def seconds(self, duration: str) -> float:
        """How long `duration` takes here."""
        return max(DURATIONS_SECONDS[duration] * self.time_scale, LEAST_SECONDS.get(duration, 0.0))


def a_duration(text: str) -> float | None:
    """A number that time can be counted by: finite and not negative."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def set_durations(text: bytes) -> str | None:
    """Sets some of the durations from the JSON that `/_infra/settings` takes; the problem when it cannot be done.

    A name may be a pattern: `*.visible` is every duration that ends so.
    """
    try:
        given = list(json.loads(text)["durations_seconds"].items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return 'not a JSON object {"durations_seconds": {"<name>": <seconds>}}'
    numbers = {}
    for name, value in given:
        names = [each for each in DURATIONS_SECONDS if fnmatchcase(each, name)]
        number = a_duration(str(value))
        if not names:
            return f"no such duration: {name}; there are {', '.join(sorted(DURATIONS_SECONDS))}"
        if number is None:
            return f"{name} must be a number of seconds that is not negative, not {value!r}"
        numbers.update(dict.fromkeys(names, number))
    DURATIONS_SECONDS.update(numbers)
    return None


def start_with_durations(text: str) -> str | None:
    """The same for the whole life of the emulator: a reset comes back to these."""
    problem = set_durations(f'{{"durations_seconds": {text}}}'.encode())
    _AT_THE_START.update(DURATIONS_SECONDS)
    return problem


def reset() -> None:
    """The durations as they were at the start."""
    DURATIONS_SECONDS.update(_AT_THE_START)


def prepare_environment() -> None:
    """moto's own settings; they have to stand before moto is imported."""
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
