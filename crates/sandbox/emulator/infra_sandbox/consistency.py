"""What reads do not show yet: things that were made, changed or deleted a moment ago.

A read answers from what there was before: moto's own store is set back for as long as it is answered, so that
lists, filters and errors are those of the service. Writes see everything, but EC2 does not know an id yet that
it has just given out. The durations are `<service>.create.visible`, `….change.visible`, `….delete.visible` and
`ec2.create.usable`. What happens by itself, such as a gateway that becomes available, shows at once.

EC2 and ECS document this of themselves, IAM too; of load balancers every tool tells it. API Gateway, Route 53,
ECR and CloudWatch Logs show what is there.
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
"""

import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .call import GLOBAL_SERVICES, AwsError, Call
from .world import store, timeline

READS = re.compile(r"Describe|List|Get")
# For how long a change is kept that is visible already: for reads that are to be further behind.
KEPT_SECONDS = 60.0
ABSENT = object()


@dataclass(frozen=True)
class Cell:
    """One thing that moto keeps. What is only a part of another has no container of its own."""

    key: tuple[str, Any]
    container: Any
    name: Any
    thing: Any


@dataclass
class Version:
    """What a thing was like before it changed; `ABSENT` before it was made."""

    cell: Cell
    before: Any
    changed_at: float
    is_late: bool = True


# (service, account, region) → key of the cell → what it was like, oldest first
history: dict[tuple, dict[tuple, list[Version]]] = store(lambda: defaultdict(dict))
# (account, region, id) of what EC2 has made and does not know yet
unusable: set[tuple[str, str, str]] = store(set)


def answer(call: Call, respond: Callable[[], Any], behind_seconds: float = 0.0) -> Any:
    """What `respond` answers, seen from the moment that the service's reads are at; `behind_seconds` makes them
    that much later still."""
    if call.service not in SHELVES:
        return respond()
    place = (call.service, call.account, "" if call.service in GLOBAL_SERVICES else call.region)
    if READS.match(call.operation):
        with set_back(history[place], behind_seconds):
            return respond()
    if call.service == "ec2":
        refuse_unusable(call)
    before = [(cell, copied(cell.thing)) for cell in cells(call)]
    result = respond()
    note(call, place, before)
    return result


# What there is


def parts(label: str, things: Any) -> Iterator[Cell]:
    for thing in things:
        yield Cell((label, id(thing)), None, None, thing)


def shelf(label: str, container: Any) -> Iterator[Cell]:
    for name, thing in container.items():
        yield Cell((label, name), container, name, thing)


def of_ec2(backend: Any) -> Iterator[Cell]:
    for each in (
        *(backend.vpcs, backend.internet_gateways, backend.route_tables, backend.nat_gateways, backend.vpc_end_points),
        *backend.subnets.values(),
        *backend.groups.values(),
    ):
        yield from shelf("", each)
    yield from shelf("tags", backend.tags)
    for address in backend.addresses:
        yield Cell(("", address.allocation_id), backend.addresses, address.allocation_id, address)
    for table in backend.route_tables.values():
        yield from parts("route", table._routes.values())
    for groups in backend.groups.values():
        for group in groups.values():
            yield from parts("rule", [*group.ingress_rules, *group.egress_rules])


def of_elbv2(backend: Any) -> Iterator[Cell]:
    yield from shelf("", backend.load_balancers)
    yield from shelf("", backend.target_groups)
    yield from shelf("tags", backend.tagging_service.tags)
    for balancer in backend.load_balancers.values():
        yield from shelf("listener", balancer.listeners)


def of_ecs(backend: Any) -> Iterator[Cell]:
    yield from shelf("cluster", backend.clusters)
    yield from shelf("service", backend.services)
    for service in backend.services.values():
        yield from parts("deployment", service.deployments)


def of_iam(backend: Any) -> Iterator[Cell]:
    yield from shelf("", backend.roles)


SHELVES = {"ec2": of_ec2, "ecs": of_ecs, "elbv2": of_elbv2, "iam": of_iam}


def cells(call: Call) -> Iterator[Cell]:
    return SHELVES[call.service](call.backend())


def copied(thing: Any) -> dict[Any, Any]:
    """A thing's members; containers among them are copied, so that a later change does not show in them."""
    members = thing if isinstance(thing, dict) else vars(thing)
    return {
        name: value.copy() if isinstance(value, (dict, list, set)) else value for name, value in members.items()
    }


# Noting changes


def note(call: Call, place: tuple, before: list[tuple[Cell, dict[Any, Any]]]) -> None:
    """Writes down what a request has made, changed and deleted."""
    present = {cell.key: cell for cell in cells(call)}
    former = {cell.key: (cell, members) for cell, members in before}
    made = {name for label, name in present.keys() - former.keys() if label != "tags"}
    for key, cell in present.items():
        if key not in former:
            if cell.container is not None:
                # The first tags of what was there before are a change of it.
                kind = "create" if cell.name in made else "change"
                add(call.service, place, kind, Version(cell, ABSENT, time.monotonic()))
                make_unusable(call, cell)
        elif former[key][1] != (cell.thing if isinstance(cell.thing, dict) else vars(cell.thing)):
            add(call.service, place, "change", Version(cell, former[key][1], time.monotonic()))
    for key, (cell, members) in former.items():
        if key not in present and cell.container is not None:
            add(call.service, place, "delete", Version(cell, members, time.monotonic()))


def add(service: str, place: tuple, kind: str, version: Version) -> None:
    versions = history[place].setdefault(version.cell.key, [])
    versions.append(version)

    def visible() -> None:
        version.is_late = False

    duration = f"{service}.{kind}.visible"
    if timeline.takes(duration):
        timeline.after(duration, f"{kind} of {version.cell.key[1]} visible", visible)
    else:
        visible()


def make_unusable(call: Call, cell: Cell) -> None:
    if call.service != "ec2" or cell.key[0] or not timeline.takes("ec2.create.usable"):
        return
    entry = (*call.here, str(cell.name))
    unusable.add(entry)
    timeline.after("ec2.create.usable", f"{cell.name} usable", lambda: unusable.discard(entry))


# The error of an id that EC2 does not know, by what the id begins with.
UNKNOWN = {
    "eipalloc": ("InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    "igw": ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist"),
    "nat": ("InvalidNatGatewayID.NotFound", "The natGateway ID '{}' does not exist"),
    "rtb": ("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    "sg": ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "subnet": ("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "vpc": ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "vpce": ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
}


def refuse_unusable(call: Call) -> None:
    """Refuses a request that names an id which EC2 has given out and does not know yet."""
    for text in texts(call.params):
        if (*call.here, text) in unusable:
            code, message = UNKNOWN[text.partition("-")[0]]
            raise AwsError(code, message.format(text), 400)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


# Setting back


@contextlib.contextmanager
def set_back(changes: dict[tuple, list[Version]], behind_seconds: float) -> Iterator[None]:
    """Sets moto's store back to what reads show, and forward again at the end."""
    containers: dict[int, tuple[Any, Any]] = {}
    members: list[tuple[Any, dict[str, Any]]] = []
    try:
        for version in seen(changes, behind_seconds):
            cell = version.cell
            if cell.container is not None:
                containers.setdefault(id(cell.container), (cell.container, cell.container.copy()))
                put(cell, version.before)
            if version.before is not ABSENT and not isinstance(cell.thing, dict):
                members.append((cell.thing, vars(cell.thing)))
                cell.thing.__dict__ = version.before
        yield
    finally:
        for thing, present in reversed(members):
            thing.__dict__ = present
        for container, content in containers.values():
            container.clear()
            container.extend(content) if isinstance(container, list) else container.update(content)


def seen(changes: dict[tuple, list[Version]], behind_seconds: float) -> list[Version]:
    """Of each thing that changed lately, the version that reads show. Forgets what no read can ask for."""
    now, found = time.monotonic(), []
    for key, versions in list(changes.items()):
        versions[:] = [each for each in versions if each.is_late or now - each.changed_at < KEPT_SECONDS]
        if not versions:
            del changes[key]
        for version in versions:
            if version.is_late or now - version.changed_at < behind_seconds:
                found.append(version)
                break
    return found


def put(cell: Cell, before: Any) -> None:
    """Puts a thing where it was before, or takes it away."""
    if isinstance(cell.container, list):
        cell.container[:] = [each for each in cell.container if each is not cell.thing]
        if before is not ABSENT:
            cell.container.append(cell.thing)
    elif before is ABSENT:
        cell.container.pop(cell.name, None)
    else:
        cell.container[cell.name] = before if isinstance(cell.thing, dict) else cell.thing
