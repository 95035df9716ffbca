"""One file per AWS service: what moto does wrong, does too mildly, or does too fast."""

import importlib

SERVICES = ("acm", "apigatewayv2", "applicationautoscaling", "ec2", "ecr", "ecs", "elbv2", "iam", "logs", "route53")


def load() -> None:
    """Registers every service's handlers."""
    for service in SERVICES:
        importlib.import_module(f"{__name__}.{service}")
