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

# Nobody looked for longer than this: what follows from an event then follows from now on, or a service that
# can never start would be caught up with task by task.
LONGEST_CATCH_UP_SECONDS = 60.0
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
        self._advanced_seconds = 0.0
        # The moment of the event that is happening, which what follows from it is counted from.
        self._now = self._clock()

    def configure(self, settings: Settings) -> None:
        self._settings = settings

    def after(self, duration: str, what: str, action: Callable[[], None]) -> None:
        """Has `action` happen when the named duration has passed, counted from the present event."""
        due = self._now + self._settings.seconds(duration)
        heapq.heappush(self._queue, (due, next(self._order), what, action))

    def takes(self, duration: str) -> bool:
        """Whether the named duration is any time at all."""
        return self._settings.seconds(duration) > 0

    def run_due(self) -> None:
        """Makes everything happen that is due, in order, each at its own moment."""
        present = self._clock()
        self._run(present, present - LONGEST_CATCH_UP_SECONDS)

    def advance(self, seconds: float) -> None:
        """Lets that many of AWS's seconds pass at once, with everything that happens in them."""
        self.run_due()
        self._advanced_seconds += seconds * self._settings.time_scale
        present = self._clock()
        self._run(present, float("-inf"))

    def pending(self) -> list[dict]:
        """What is still to happen, for a person to read."""
        present = self._clock()
        return [
            {"what": what, "in_seconds": round(due - present, 3)}
            for due, _, what, _ in sorted(self._queue, key=lambda entry: entry[:2])
        ]

    def clear(self) -> None:
        self._queue.clear()

    def _clock(self) -> float:
        return time.monotonic() + self._advanced_seconds

    def _run(self, present: float, earliest: float) -> None:
        while self._queue and self._queue[0][0] <= present:
            due, _, _, action = heapq.heappop(self._queue)
            self._now = max(due, earliest)
            action()
        self._now = present


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
