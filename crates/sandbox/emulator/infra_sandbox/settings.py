"""What can be set about the emulator, and how long things take.

The durations are AWS's typical ones in seconds, as measured on the real thing; every one of them is
multiplied by the time scale before it is used.
"""

import math
import os
from dataclasses import dataclass

TIME_SCALE_VARIABLE = "INFRA_SANDBOX_TIME_SCALE"
DEFAULT_TIME_SCALE = 0.02

DURATIONS_SECONDS = {
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


def prepare_environment() -> None:
    """moto's own settings; they have to stand before moto is imported."""
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
