"""Targets of target groups: where each stands on its way to healthy, and away."""

from typing import Any

from .call import backend_of
from .world import store, timeline

State = tuple[str, str, str]  # state, reason, description
INITIAL = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
HEALTHY = ("healthy", "", "")
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED = ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
TIMEOUT = ("unhealthy", "Target.Timeout", "Request timed out")
NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")

# (target group's ARN, target's id, port) → its state
states: dict[tuple[str, str, int], State] = store()


def register(group_arn: str, address: str, port: int, answers: bool) -> None:
    """Adds a target; one that does not answer becomes unhealthy."""
    key = (group_arn, address, int(port))
    if states.get(key) == HEALTHY:
        return
    states[key] = INITIAL

    def checked() -> None:
        if states.get(key) == INITIAL:
            states[key] = HEALTHY if answers else TIMEOUT

    timeline.after("elbv2.target.healthy", f"target {address}:{port} checked", checked)


def deregister(group_arn: str, address: str, port: int) -> None:
    """Drains a target, and takes it away when that is over."""
    key = (group_arn, address, int(port))
    if states.get(key) in (None, DRAINING):
        return
    states[key] = DRAINING

    def drained() -> None:
        if states.get(key) == DRAINING:
            del states[key]

    timeline.after("elbv2.target.drained", f"target {address}:{port} drained", drained)


def of_group(group_arn: str) -> list[tuple[str, int]]:
    """The targets that are there, drained ones aside."""
    return [(address, port) for arn, address, port in states if arn == group_arn]


def state(group_arn: str, address: str, port: int, in_use: bool) -> State:
    found = states.get((group_arn, address, int(port)), NOT_REGISTERED)
    return UNUSED if found in (INITIAL, HEALTHY, TIMEOUT) and not in_use else found


def is_healthy(group_arn: str, address: str, port: int) -> bool:
    return states.get((group_arn, address, int(port))) == HEALTHY


def load_balancers(elbv2: Any, group_arn: str) -> list[str]:
    """The ARNs of the load balancers whose listeners or rules forward to the group."""
    return [
        arn
        for arn, balancer in elbv2.load_balancers.items()
        if any(
            group_arn in forwarded(action)
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
            for action in rule.actions
        )
    ]


def has_load_balancer(account: str, region: str, group_arn: str) -> bool:
    return bool(load_balancers(backend_of("elbv2", account, region), group_arn))


def forwarded(action: Any) -> list[str]:
    """The target groups that an action forwards to."""
    data = action.data if hasattr(action, "data") else action
    groups = [data.get("TargetGroupArn")]
    groups += [each.get("TargetGroupArn") for each in (data.get("ForwardConfig") or {}).get("TargetGroups", [])]
    return [arn for arn in groups if arn]
