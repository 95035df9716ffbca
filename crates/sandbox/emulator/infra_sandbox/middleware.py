"""The one place where a request passes before anybody answers it.

Order: the sandbox's own pages (`/_infra/…`), the image registry (`/v2/…` without an AWS signature), AWS.
AWS requests are answered one at a time: moto is not made for more, and a request is then atomic.
"""

import functools
import logging
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from moto import backends
from moto.core import responses
from moto.core.exceptions import ServiceException

from . import consistency, control, fault_forms, one_at_a_time, paging, recording, registry, services, tag_rules, validation
from .call import HANDLERS, Answer, AwsError, Call, Handler, not_implemented
from .faults import Fault, Faults
from .foreign import Foreign
from .in_process import Inside
from .services import tagging
from .settings import Settings
from .world import timeline

log = logging.getLogger(__name__)

# moto works these out anew for every request, which is half of its time.
_modules = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: _modules
responses.method_names_from_class = functools.cache(responses.method_names_from_class)

READS = re.compile(
    r"^(Describe|List|Get|Head|Batch(Get|Check|Describe)|Search|Lookup|Filter|Simulate|Assume|Decode|Test)"
)
LOG_LENGTH = 2000


class Requests:
    """What has been asked: counts of everything, and the latest requests that change something."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self.lock:
            self.counts: Counter = Counter()
            self.mutating: deque = deque(maxlen=LOG_LENGTH)
            self.refused_inputs: deque = deque(maxlen=LOG_LENGTH)
            self.total = 0
            self.mutating_total = 0

    @staticmethod
    def can_change(operation: str) -> bool:
        """Whether a request of this operation can change something."""
        return not READS.match(operation)

    def note(self, service: str, operation: str, status: int, code: str, **more: Any) -> None:
        with self.lock:
            self.total += 1
            self.counts[f"{service}.{operation}"] += 1
            if self.can_change(operation):
                self.mutating_total += 1
                entry = {"number": self.total, "service": service, "operation": operation, "status": status}
                self.mutating.append(entry | ({"code": code} if code else {}) | more)

    def note_refused_input(self, name: str, message: str) -> None:
        """A request whose input no service takes, whatever there is."""
        with self.lock:
            self.refused_inputs.append({"operation": name, "message": message})

    def report(self) -> dict[str, Any]:
        with self.lock:
            return {
                "total": self.total,
                "mutating_total": self.mutating_total,
                "counts": dict(sorted(self.counts.items())),
                "mutating": list(self.mutating),
                "refused_inputs": list(self.refused_inputs),
            }


class Middleware:
    """The WSGI application."""

    def __init__(self, moto_app: Callable, settings: Settings) -> None:
        self.moto_app = moto_app
        self.settings = settings
        # A reset makes it another instance.
        self.instance_id = settings.instance_id
        self.requests = Requests()
        self.recording = recording.Recording()
        self.faults = Faults()
        self.foreign = Foreign(Inside(moto_app, self.inside))
        self.lock = threading.RLock()
        timeline.configure(settings)
        services.load()
        self.registry = registry.Registry(settings.data_dir, self.lock, self.requests, self.faults)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        # moto wants the path as it was sent; every server has another name for it.
        environ.setdefault("RAW_URI", environ.get("REQUEST_URI", ""))
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_infra/"):
            return respond(control.answer(self, environ), start_response)
        signed = environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-")
        if path.startswith("/v2/") and not signed:
            return self.registry(environ, start_response)
        body = environ["wsgi.input"].read()
        environ["infra_sandbox.arrived"] = time.monotonic()
        with self.lock:
            timeline.run_due()
            call = Call(self.moto_app, environ, body)
            can_change = Requests.can_change(names(call)[1])
            self.foreign.before(call, can_change)
            fault = self.faults.draw(*names(call), can_change, environ)
            answer = self.aws(call, fault)
            self.foreign.after(call, can_change)
            self.recording.note(environ, body, answer)
            self.faults.carried_out(fault, environ)
        self.faults.deliver(fault, environ)
        return respond(answer, start_response)

    def aws(self, call: Call, fault: Fault) -> Answer:
        """Answers an AWS request, or what `fault` has in its place."""
        if fault.carried_out:
            answer, code = self.carry_out(call, lambda handler: self.outside(call, handler, fault))
        else:
            answer, code = self.instead(call, fault)
        more = {"fault": fault.kind} if fault.kind else {}
        if call.refused_input:
            self.requests.note_refused_input(call.name, call.refused_input)
        self.requests.note(*names(call), answer.status, code, account=call.account, **more)
        # A plain page comes from before the service, and bears no number.
        if (fault.carried_out or code) and not answer.header("x-amzn-requestid"):
            answer.headers.append(("x-amzn-RequestId", f"sandbox-{self.requests.total:08}"))
        return answer

    def outside(self, call: Call, handler: Handler, fault: Fault) -> Any:
        """What a client is answered: as late as reads are, and refused where somebody else is at it."""
        def respond() -> Any:
            return paging.page(call, one_at_a_time.answer(call, handler))

        return tagging.remembering(call, lambda: consistency.answer(call, respond, fault.behind_seconds))

    def inside(self, call: Call) -> Answer:
        """Answers a request from inside, which is nobody's: it is not counted, is never late and comes alone."""
        return self.carry_out(call, lambda handler: paging.page(call, handler(call)))[0]

    def carry_out(self, call: Call, respond: Callable[[Handler], Any]) -> tuple[Answer, str]:
        """The answer, which `respond` has of a handler, and its error code."""
        code = ""
        try:
            check_input(call)
            if call.service == "ec2" and b"DryRun=true" in call.body:
                raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
            handler = HANDLERS.get((call.service, call.operation), Call.forward)
            result = respond(handler)
            answer = result if isinstance(result, Answer) else call.serialize(result)
        except ServiceException as error:
            code = error.code
            answer = call.serialize(error)
        except NotImplementedError:
            code = "SandboxNotImplemented"
            answer = call.serialize(not_implemented(call))
        except HTTPException as error:
            # An error of moto's older services: it is its own answer.
            code = getattr(error, "error_type", None) or type(error).__name__
            response = error.get_response()
            answer = Answer(response.status_code, list(response.headers.items()), response.get_data())
        except Exception as error:
            log.exception("%s failed", call.name)
            code = "SandboxFault"
            answer = call.serialize(AwsError(code, f"the emulator failed on {call.name}: {error!r}", 400))
        return answer, code

    def instead(self, call: Call, fault: Fault) -> tuple[Answer, str]:
        """The answer to a request that is not carried out, and its error code; status 0 when there is none."""
        if not fault.answered:
            return Answer(0, [], b""), ""
        if answer := fault_forms.plain(fault, call.service):
            return answer, ""
        error = fault_forms.error(fault, call.service)
        return call.serialize(error), error.code


def check_input(call: Call) -> None:
    """Refuses what the service takes in no account."""
    try:
        validation.check(call)
        tag_rules.check(call)
    except AwsError as error:
        call.refused_input = error.message
        raise


def names(call: Call) -> tuple[str, str]:
    """Service and operation, as they are counted."""
    return call.service or "unknown", call.operation or "Unknown"


def respond(answer: Answer, start_response: Callable) -> Iterable[bytes]:
    """Hands an answer to the server."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    # These belong to the connection, which is the server's.
    own = ("connection", "transfer-encoding", "date", "server")
    headers = [(str(key), str(value)) for key, value in answer.headers if key.lower() not in own]
    start_response(f"{answer.status} {phrase}", headers)
    return [answer.body]
