"""Faults on demand: what goes wrong with a request, drawn from a seeded generator in order of arrival.

`POST /_infra/faults` sets them up. Each request meets at most one of the kinds below, whether it reads or
changes something; `latency_ms` comes on top. The `kill` counts the requests that can change something and ends
the client's process at one of them.
"""

import json
import math
import os
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

from waitress.channel import ClientDisconnected

from .consistency import KEPT_SECONDS
from .processes import Process, ProcessError, peer
from .setups import WrongSetup, checked, document_of, list_of, number, one_of, operations, part, some_text, whole

# What a request can meet, in the order in which they share the one number that is drawn for it.
KINDS = ("throttled", "server_error", "reset", "lost_answer", "time_out", "proxy_page")
# What a read can meet that meets none of them.
STALE = "stale_reads"
# What every request meets whose credentials are no good any more.
CREDENTIALS = "credentials"
ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")
# Threads that answer requests; each request that waits gets one more.
THREADS = 16
LONGEST_SECONDS = 600.0
# Faults from the start: the path of a JSON file, or the JSON itself.
VARIABLE = "INFRA_SANDBOX_FAULTS"


@dataclass(frozen=True)
class Kill:
    """End a process at a request that can change something."""

    pid: int | str
    at_mutating: int
    when: str = "before"


@dataclass(frozen=True)
class Credentials:
    """Refuse the credentials that have been used until then. Others, such as those of a new session, are good."""

    say: str = "expired"
    # How many requests are answered before that, counted from the set-up; when none is, no credentials are good.
    after: int = 0
    # Which access keys this is about.
    keys: str = "*"


@dataclass(frozen=True)
class Setup:
    """The faults of one set-up; the names are those of the page's keys."""

    seed: int = 0
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    throttled: float = 0.0
    server_error: float = 0.0
    reset: float = 0.0
    lost_answer: float = 0.0
    time_out: float = 0.0
    time_out_seconds: float = 5.0
    proxy_page: float = 0.0
    # The statuses of such a page.
    proxy_page_statuses: list[int] = field(default_factory=lambda: [404, 500])
    stale_reads: float = 0.0
    stale_window_seconds: float = 1.0
    only: list[str] = field(default_factory=list)
    credentials: Credentials | None = None
    kill: Kill | None = None

    def concerns(self, name: str) -> bool:
        """Whether this operation is one that faults are made for."""
        return not self.only or any(fnmatchcase(name, pattern) for pattern in self.only)


@dataclass(frozen=True)
class Fault:
    """What happens to one request."""

    kind: str = ""
    carried_out: bool = True
    delay_seconds: float = 0.0
    # Chooses among the forms of one kind: from 0 to 1.
    variant: float = 0.0
    # How much later than usual a read is to show what was made or changed.
    behind_seconds: float = 0.0
    kill: bool = False
    name: str = ""
    # The status of a proxy's page, and what is said of credentials.
    status: int = 0
    say: str = ""

    @property
    def answered(self) -> bool:
        return self.kind in ("", STALE, CREDENTIALS, "throttled", "server_error", "proxy_page")


class Faults:
    """The present set-up, and what came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = self._most_waiting = 0
        self._begin(None, None)

    def _begin(self, setup: Setup | None, target: Process | None) -> None:
        self._setup = setup
        # The process to kill; None when it is the one that makes the request.
        self._target = target
        self._random = random.Random(setup.seed if setup else 0)
        self._requests = self._mutating = 0
        # The access keys of the requests that were answered before credentials were no good any more.
        self._keys: set[str] = set()
        self._injected: Counter = Counter()
        self._operations: dict[str, Counter] = {}
        self._kill_report: dict[str, Any] | None = None
        if setup and setup.kill:
            self._kill_report = {"killed": False, "pid": None, "operation": "", "error": ""}

    def set(self, setup: Setup) -> None:
        """Replaces the set-up and begins to count anew."""
        target = None
        if setup.kill and setup.kill.pid != "peer":
            try:
                target = Process.of(setup.kill.pid)
            except ProcessError as error:
                raise WrongSetup(f"kill.pid: {error}") from None
        with self._lock:
            self._begin(setup, target)

    def clear(self) -> dict[str, Any]:
        """Switches everything off; returns what there was."""
        with self._lock:
            former = self._report()
            self._begin(None, None)
            return former

    def report(self) -> dict[str, Any]:
        with self._lock:
            return self._report()

    def _report(self) -> dict[str, Any]:
        return {
            "setup": asdict(self._setup) if self._setup else None,
            "requests": self._requests,
            "mutating": self._mutating,
            "injected": {kind: self._injected[kind] for kind in (*KINDS, STALE, CREDENTIALS)},
            "operations": {name: dict(counts) for name, counts in sorted(self._operations.items())},
            "kill": dict(self._kill_report) if self._kill_report else None,
        }

    def draw(self, service: str, operation: str, mutating: bool, environ: dict[str, Any]) -> Fault:
        """What happens to the request that has just arrived. A `kill` before it takes effect happens here."""
        with self._lock:
            setup = self._setup
            if setup is None:
                return Fault()
            name = f"{service}.{operation}"
            self._requests += 1
            self._mutating += mutating
            if setup.kill and mutating and self._mutating == setup.kill.at_mutating:
                if setup.kill.when == "after":
                    return Fault(kind="killed", kill=True, name=name)
                if self._end(name, environ):
                    return Fault(kind="killed", carried_out=False, name=name)
            if setup.credentials and self._is_refused(setup.credentials, environ):
                self._count(name, CREDENTIALS)
                return Fault(CREDENTIALS, carried_out=False, name=name, say=setup.credentials.say)
            if not setup.concerns(name):
                return Fault()
            return self._drawn(setup, name, mutating)

    def _is_refused(self, credentials: Credentials, environ: dict[str, Any]) -> bool:
        """Whether the request's credentials are no good any more."""
        found = ACCESS_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        if found is None or not fnmatchcase(found[1], credentials.keys):
            return False
        if self._requests <= credentials.after:
            self._keys.add(found[1])
            return False
        return credentials.after == 0 or found[1] in self._keys

    def _count(self, name: str, kind: str) -> None:
        self._injected[kind] += 1
        self._operations.setdefault(name, Counter())[kind] += 1

    def _drawn(self, setup: Setup, name: str, mutating: bool) -> Fault:
        # As many numbers for each request, so that what one meets does not depend on what others met.
        chosen, variant, half, jitter, stale = (self._random.random() for _ in range(5))
        kind, below = "", 0.0
        for each in KINDS:
            below += getattr(setup, each)
            if chosen < below:
                kind = each
                break
        delay = max(0.0, setup.latency_ms + (2 * jitter - 1) * setup.jitter_ms) / 1000
        carried_out = kind in ("", "lost_answer")
        if kind == "time_out":
            delay, carried_out = setup.time_out_seconds, half < 0.5
        behind = 0.0
        if not kind and not mutating and stale < setup.stale_reads:
            kind, behind = STALE, setup.stale_window_seconds
        if kind:
            self._count(name, kind)
        statuses = setup.proxy_page_statuses
        status = statuses[int(variant * len(statuses))] if kind == "proxy_page" else 0
        return Fault(kind, carried_out, delay, variant, behind, name=name, status=status)

    def carried_out(self, fault: Fault, environ: dict[str, Any]) -> None:
        """The request has taken effect, or will not: a `kill` after it happens here."""
        if fault.kill:
            with self._lock:
                self._end(fault.name, environ)

    def deliver(self, fault: Fault, environ: dict[str, Any]) -> None:
        """Waits as long as the answer takes. Does not return when there is to be none."""
        if fault.delay_seconds > 0:
            self._wait(fault.delay_seconds, environ)
        if not fault.answered:
            _drop(environ, politely=fault.kind == "time_out")

    def _wait(self, seconds: float, environ: dict[str, Any]) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting > self._most_waiting:
                self._most_waiting = self._waiting
                dispatcher = _channel(environ).server.task_dispatcher
                dispatcher.set_thread_count(THREADS + self._most_waiting)
        time.sleep(seconds)
        with self._lock:
            self._waiting -= 1

    def _end(self, name: str, environ: dict[str, Any]) -> bool:
        """Kills the process; returns whether it did."""
        report = self._kill_report
        try:
            target = self._target or peer(environ)
            target.kill()
        except ProcessError as error:
            report["error"] = str(error)
            return False
        finally:
            report["operation"] = name
        report.update(killed=True, pid=target.pid)
        return True


def _channel(environ: dict[str, Any]) -> Any:
    # waitress gives an application no other way to the connection than this method of it.
    return environ["waitress.client_disconnected"].__self__


def _drop(environ: dict[str, Any], politely: bool) -> None:
    """Ends the connection without an answer: with a reset, or politely."""
    if not politely:
        try:
            linger = struct.pack("ii", 1, 0)
            _channel(environ).socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except OSError:
            pass  # the client has hung up
    raise ClientDisconnected


# Reading a set-up


def setup_of_environment() -> Setup | None:
    """What the environment sets up; raises `WrongSetup`."""
    text = os.environ.get(VARIABLE, "").strip()
    if text and not text.startswith("{"):
        try:
            with open(text) as file:
                text = file.read()
        except OSError as error:
            raise WrongSetup(f"{text}: {error.strerror}") from None
    return read_setup(text) if text else None


def read_setup(text: str | bytes) -> Setup:
    """A set-up from JSON; raises `WrongSetup`."""
    values = checked("", document_of(text), SETUP_KEYS)
    total = sum(values.get(kind, 0.0) for kind in KINDS)
    if total > 1 + 1e-9:
        raise WrongSetup(f"a request meets one fault at most, so {', '.join(KINDS)} may be 1 together, not {total:g}")
    return Setup(**values)


def _pid(name: str, value: Any) -> int | str:
    return value if value == "peer" else whole(2)(name, value)


def _kill(name: str, value: Any) -> Kill | None:
    keys = {"pid": _pid, "at_mutating": whole(1), "when": one_of("before", "after")}
    return None if value is None else Kill(**part(keys, "pid", "at_mutating")(name, value))


def _credentials(name: str, value: Any) -> Credentials | None:
    keys = {"say": one_of("expired", "unknown", "not_yet_current"), "after": whole(0), "keys": some_text}
    return None if value is None else Credentials(**checked(name, value, keys))


def _status(name: str, value: Any) -> int:
    if whole(400)(name, value) not in set(HTTPStatus):
        raise WrongSetup(f"{name} must be a status of an error, not {value}")
    return value


def _statuses(name: str, value: Any) -> list[int]:
    if value == []:
        raise WrongSetup(f"{name} must have one status at least")
    return list_of(_status)(name, value)


SETUP_KEYS = {
    "seed": whole(0),
    "latency_ms": number(LONGEST_SECONDS * 1000),
    "jitter_ms": number(LONGEST_SECONDS * 1000),
    **{kind: number(1) for kind in KINDS},
    "time_out_seconds": number(LONGEST_SECONDS),
    "proxy_page_statuses": _statuses,
    STALE: number(1),
    "stale_window_seconds": number(KEPT_SECONDS),
    "only": operations,
    "credentials": _credentials,
    "kill": _kill,
}
