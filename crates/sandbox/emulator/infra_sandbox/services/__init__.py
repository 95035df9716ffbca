"""One file per AWS service, two where it is large: what moto does wrong, does too mildly, or does too fast."""

import importlib

SERVICES = (
    "acm",
    "apigatewayv2",
    "applicationautoscaling",
    "ec2",
    "ec2_endpoints",
    "ec2_security_groups",
    "ecr",
    "ecs",
    "ecs_services",
    "elbv2",
    "elbv2_target_groups",
    "iam",
    "kms",
    "logs",
    "route53",
    "tagging",
)


def load() -> None:
    """Registers every service's handlers."""
    for service in SERVICES:
        importlib.import_module(f"{__name__}.{service}")
