"""What the sandbox remembers beside moto, and what is still to happen.

Everything here is touched under the middleware's lock only, so it needs none of its own. Nothing runs
in the background: what is due happens before the next request is answered, so that a caller never sees
time move in the middle of a request, and a paused emulator stays as it is.
"""

import heapq
import itertools
import time
from collections.abc import Callable

from .settings import Settings

_stores: list = []


def store(kind: type = dict):
    """A container that is emptied when the sandbox is reset."""
    made = kind()
    _stores.append(made)
    return made


class Timeline:
    """What will happen later, soonest first."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._queue: list[tuple[float, int, str, Callable[[], None]]] = []
        self._order = itertools.count()
        self._now = time.monotonic()

    def configure(self, settings: Settings) -> None:
        self._settings = settings

    def after(self, duration: str, what: str, action: Callable[[], None]) -> None:
        """Has `action` happen when the named duration has passed, counted from the present event."""
        due = self._now + self._settings.seconds(duration)
        heapq.heappush(self._queue, (due, next(self._order), what, action))

    def run_due(self) -> None:
        """Makes everything happen that is due, in order, each at its own moment."""
        present = time.monotonic()
        while self._queue and self._queue[0][0] <= present:
            due, _, _, action = heapq.heappop(self._queue)
            self._now = due
            action()
        self._now = present

    def pending(self) -> list[dict]:
        """What is still to happen, for a person to read."""
        present = time.monotonic()
        return [
            {"what": what, "in_seconds": round(due - present, 3)}
            for due, _, what, _ in sorted(self._queue, key=lambda entry: entry[:2])
        ]

    def clear(self) -> None:
        self._queue.clear()


timeline = Timeline()


def reset() -> None:
    """Forgets everything, moto's resources included."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    timeline.clear()
    for each in _stores:
        each.clear()
    BackendDict.reset()
    reset_model_data()
