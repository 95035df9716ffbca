"""The sandbox's own pages: what runs here, what was asked of it, and how to empty it."""

import json
import os
import time
from typing import Any
from urllib.parse import parse_qs

from . import VERSION, world
from . import settings as setting
from .call import Answer
from .faults import read_setup
from .settings import DURATIONS_SECONDS, a_duration
from .setups import WrongSetup

STARTED = time.time()


def answer(middleware: Any, environ: dict[str, Any]) -> Answer:
    """Answers a request to `/_infra/…`."""
    page = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
    match page:
        case ("GET", "/_infra/status"):
            return _json(_status(middleware))
        case ("GET", "/_infra/requests"):
            return _json(middleware.requests.report())
        case ("POST", "/_infra/requests/reset"):
            middleware.requests.clear()
            return _json({"reset": True})
        case ("POST", "/_infra/recording"):
            middleware.recording.start()
            return _json({"recording": True})
        case ("DELETE", "/_infra/recording"):
            return _json(middleware.recording.stop())
        case ("POST", "/_infra/advance"):
            given = parse_qs(environ.get("QUERY_STRING", "")).get("seconds", [""])[0]
            seconds = a_duration(given)
            if seconds is None:
                return _json({"error": f"not a number of seconds: {given!r}"}, 400)
            with middleware.lock:
                world.timeline.advance(seconds)
            return _json({"advanced_seconds": seconds})
        case ("GET", "/_infra/faults"):
            return _json(middleware.faults.report())
        case ("POST", "/_infra/faults"):
            try:
                middleware.faults.set(read_setup(environ["wsgi.input"].read()))
            except WrongSetup as error:
                return _json({"error": str(error)}, 400)
            return _json(middleware.faults.report())
        case ("DELETE", "/_infra/faults"):
            return _json(middleware.faults.clear())
        case (method, "/_infra/foreign"):
            with middleware.lock:
                return _foreign(middleware.foreign, method, environ)
        case ("POST", "/_infra/settings"):
            with middleware.lock:
                problem = setting.set_durations(environ["wsgi.input"].read())
            return _json({"error": problem}, 400) if problem else _json({"durations_seconds": DURATIONS_SECONDS})
        case ("POST", "/_infra/reset"):
            given = parse_qs(environ.get("QUERY_STRING", "")).get("instance_id")
            with middleware.lock:
                world.reset()
                setting.reset()
                middleware.registry.reset()
                middleware.foreign.reset()
                if given:
                    middleware.instance_id = given[0]
            middleware.faults.clear()
            middleware.requests.clear()
            return _json({"reset": True})
    return _json({"error": f"no such page: {page[0]} {page[1]}"}, 404)


def _foreign(foreign: Any, method: str, environ: dict[str, Any]) -> Answer:
    match method:
        case "GET":
            return _json(foreign.report())
        case "POST":
            try:
                foreign.set(environ["wsgi.input"].read())
            except WrongSetup as error:
                return _json({"error": str(error)}, 400)
            return _json(foreign.report())
        case "DELETE":
            return _json(foreign.clear())
    return _json({"error": f"no such page: {method} /_infra/foreign"}, 404)


def _status(middleware: Any) -> dict[str, Any]:
    settings = middleware.settings
    with middleware.lock:
        world.timeline.run_due()
        pending = world.timeline.pending()
    return {
        "instance_id": middleware.instance_id,
        "version": VERSION,
        "pid": os.getpid(),
        "started": STARTED,
        "settings": {"time_scale": settings.time_scale, "durations_seconds": DURATIONS_SECONDS},
        "pending": pending,
    }


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value, default=str).encode())
