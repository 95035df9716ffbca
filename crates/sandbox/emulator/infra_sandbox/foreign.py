"""Things that somebody else has made in the account, and whether they are still as they were made.

`POST /_infra/foreign` plants them: a `thing` at once, or at one of the requests that can change something; a `twin`
just before a client makes the very same. After each request that can change something all of them are looked at,
so that the report says which request it was that changed or deleted one.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.utils import get_service_model

from .call import Call
from .foreign_kinds import BESIDE, KINDS, REFUSED, RETURNED, SEPARATOR, TAGS, UNTOLD, twin_of
from .in_process import Inside
from .setups import WrongSetup, checked, document_of, list_of, one_of, operations, part, some_text, table, whole

CLASHES = (REFUSED, RETURNED, UNTOLD, BESIDE)
UNTOUCHED, CHANGED, DELETED = "untouched", "changed", "deleted"


@dataclass
class Twin:
    """Twins of what a client is about to make."""

    of: list[str]
    clash: list[str] = field(default_factory=lambda: list(CLASHES))
    # At which request of these, counted from 1; at each of them when it is 0.
    at: int = 0
    tags: dict[str, str] = field(default_factory=lambda: dict(TAGS))
    met: int = 0

    def concerns(self, name: str) -> bool:
        """Whether a request of this operation is met; counts it."""
        if KINDS[name].clash not in self.clash or not any(fnmatchcase(name, each) for each in self.of):
            return False
        self.met += 1
        return self.at in (0, self.met)


@dataclass
class Thing:
    """One thing that is made as it is told."""

    operation: str
    parameters: dict[str, Any]
    account: str = "123456789012"
    region: str = "us-east-1"
    # At which of the requests that can change something, counted from 1; at once when it is 0.
    at_mutating: int = 0
    when: str = "before"


@dataclass
class Planted:
    """A thing that stands in the account."""

    operation: str
    id: str
    account: str
    region: str
    # The request that can change something, counted from the set-up, at which it was planted.
    at_mutating: int
    parameters: dict[str, Any]
    is_twin: bool
    state: str = UNTOUCHED
    by: str = ""
    by_mutating: int = 0
    before: Any = None
    after: Any = None

    @property
    def ids(self) -> list[str]:
        return self.id.split(SEPARATOR)

    def is_made_by(self, operation: str, parameters: dict[str, Any], account: str, region: str) -> bool:
        """Whether it stands there because of such a request."""
        made = (self.operation, self.parameters, self.account, self.region)
        return self.state != DELETED and made == (operation, parameters, account, region)


class Foreign:
    """What somebody else has made; everything happens under the middleware's lock."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._forget()

    def _forget(self) -> None:
        self._twins: list[Twin] = []
        self._things: list[Thing] = []
        self._planted: list[Planted] = []
        self._failed: list[dict[str, Any]] = []
        self._mutating = 0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to plant or to watch."""
        return not (self._twins or self._things or self._planted)

    def set(self, text: bytes) -> None:
        """Plants what a JSON body says, beside what stands there, and begins to count anew; raises `WrongSetup`."""
        twins, things = read_setup(text)
        self._twins, self._mutating = twins, 0
        self._things = [each for each in things if each.at_mutating]
        for thing in things:
            if not thing.at_mutating:
                self._plant_thing(thing)

    def before(self, call: Call, can_change: bool) -> None:
        """A request has arrived: plants what is to be there before it."""
        if self.is_idle or not can_change:
            return
        self._mutating += 1
        self._plant_due("before")
        if call.name in KINDS:
            for twin in self._twins:
                if twin.concerns(call.name):
                    self._plant_twin(twin, call)

    def after(self, call: Call, can_change: bool) -> None:
        """A request has been answered: looks at what stands there, and plants what is to be there after it."""
        if self.is_idle or not can_change:
            return
        self._look(call.name)
        self._plant_due("after")

    def report(self) -> dict[str, Any]:
        """What stands there, and what has become of it."""
        self._look("")
        return {
            "mutating": self._mutating,
            "met": [each.met for each in self._twins],
            "planted": [shown(each) for each in self._planted],
            "touched": sum(each.state in (CHANGED, DELETED) for each in self._planted),
            "failed": list(self._failed),
        }

    def disarm(self) -> dict[str, Any]:
        """Plants nothing more; what stands there is still looked at."""
        self._twins, self._things = [], []
        return self.report()

    def clear(self) -> dict[str, Any]:
        """Takes everything away that stands there, as whoever made it would; returns the report from before."""
        report = self.disarm()
        for each in reversed(self._planted):
            if each.state != DELETED:
                try:
                    KINDS[each.operation].remove(self._clients(each.account, each.region), each.id)
                except ClientError as error:
                    report["failed"].append({"operation": each.operation, "error": f"{each.id} stays: {error}"})
        self._forget()
        return report

    def reset(self) -> None:
        """Forgets everything; the account is empty anyway."""
        self._forget()

    def _clients(self, account: str, region: str) -> Any:
        return lambda service: self._inside.client(service, account, region)

    def _plant_due(self, when: str) -> None:
        due = [each for each in self._things if (each.at_mutating, each.when) == (self._mutating, when)]
        for thing in due:
            self._things.remove(thing)
            self._plant_thing(thing)

    def _plant_thing(self, thing: Thing) -> None:
        self._plant(thing.operation, thing.parameters, thing.account, thing.region, is_twin=False)

    def _plant_twin(self, twin: Twin, call: Call) -> None:
        service, name = call.name.split(".")
        parameters = twin_of(get_service_model(service).operation_model(name), call.params, twin.tags)
        # The same client's second try finds the twin that its first one met.
        if any(each.is_made_by(call.name, parameters, *call.here) for each in self._planted):
            return
        if not self._plant(call.name, parameters, *call.here, is_twin=True):
            # AWS takes it of nobody yet, or there is nothing to make: the next request is the one.
            twin.met -= 1

    def _plant(self, operation: str, parameters: dict[str, Any], account: str, region: str, is_twin: bool) -> bool:
        """Makes a thing; returns whether it was."""
        kind, clients = KINDS[operation], self._clients(account, region)
        service, name = operation.split(".")
        try:
            if kind.make is not None:
                answer = kind.make(clients, parameters)
            else:
                answer = getattr(clients(service), xform_name(name))(**parameters)
            id = kind.id_of(parameters, answer)
        except (ClientError, BotoCoreError) as error:
            if not is_twin:
                self._failed.append({"operation": operation, "error": str(error)})
            return False
        if not id:
            return False
        self._planted.append(Planted(operation, id, account, region, self._mutating, parameters, is_twin))
        # What is planted into a thing changes that: nobody else did.
        for each in self._planted:
            if each.state == UNTOUCHED:
                each.before = self._seen(each)
        return True

    def _seen(self, each: Planted) -> Any:
        return KINDS[each.operation].look(self._clients(each.account, each.region), each.id)

    def _look(self, name: str) -> None:
        for each in self._planted:
            if each.state == DELETED:
                continue
            present = self._seen(each)
            if present is None:
                each.state, each.by, each.by_mutating, each.after = DELETED, name, self._mutating, None
            elif each.state == UNTOUCHED and present != each.before:
                each.state, each.by, each.by_mutating, each.after = CHANGED, name, self._mutating, present


def shown(each: Planted) -> dict[str, Any]:
    kind = KINDS[each.operation]
    return {
        "operation": each.operation,
        "kind": kind.name,
        "clash": kind.clash,
        "ids": each.ids,
        "account": each.account,
        "region": each.region,
        "is_twin": each.is_twin,
        "at_mutating": each.at_mutating,
        "state": each.state,
        "by": each.by,
        "by_mutating": each.by_mutating,
        "before": each.before,
        "after": each.after,
    }


# Reading a set-up


def read_setup(given: bytes) -> tuple[list[Twin], list[Thing]]:
    """Twins and things from JSON; raises `WrongSetup`."""
    values = checked("", document_of(given), SETUP_KEYS)
    return [Twin(**each) for each in values.get("twins", [])], [Thing(**each) for each in values.get("things", [])]


def _known(name: str, value: Any) -> str:
    if value not in KINDS:
        raise WrongSetup(f"{name} must be one of {', '.join(sorted(KINDS))}, not {value!r}")
    return value


def _known_patterns(name: str, value: Any) -> list[str]:
    for pattern in operations(name, value):
        if not any(fnmatchcase(each, pattern) for each in KINDS):
            raise WrongSetup(f"{name}: {pattern!r} is none of {', '.join(sorted(KINDS))}")
    return value


TWIN_KEYS = {"of": _known_patterns, "clash": list_of(one_of(*CLASHES)), "at": whole(0), "tags": table}
THING_KEYS = {
    "operation": _known,
    "parameters": table,
    "account": some_text,
    "region": some_text,
    "at_mutating": whole(0),
    "when": one_of("before", "after"),
}
SETUP_KEYS = {
    "twins": list_of(part(TWIN_KEYS, "of")),
    "things": list_of(part(THING_KEYS, "operation", "parameters")),
}
