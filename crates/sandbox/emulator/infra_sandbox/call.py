"""One AWS request as a handler sees it, and the table of handlers.

A handler is asked instead of moto. It may refuse (raise `AwsError`), let moto answer as it is
(`call.forward()`), or take moto's answer apart (`call.moto()`), change it and return it. Parameters and
results are dictionaries with AWS's own member names, whatever the protocol.
"""

import io
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.parsers import create_parser
from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.iam.models import get_account_id_from
from moto.utilities.utils import get_partition
from werkzeug.test import run_wsgi_app

log = logging.getLogger(__name__)

# The name in a signature → the name of the service model. The model's name is moto's too, but for hyphens.
MODEL_NAMES = {
    "elasticloadbalancing": "elbv2",
    "apigateway": "apigatewayv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}
GLOBAL_SERVICES = {"iam", "route53", "sts", "s3"}
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")


class AwsError(ServiceException):
    """An answer in AWS's error form. `members` are further members of the modelled error."""

    def __init__(self, code: str, message: str, status: int | None = None, **members: Any) -> None:
        super().__init__(code, message)
        self.status = status
        for name, value in members.items():
            setattr(self, name, value)


def refuse(code: str, message: str) -> AwsError:
    """The error of a request that is refused for what it asks."""
    return AwsError(code, message, 400)


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


Handler = Callable[["Call"], "Answer | dict[str, Any] | None"]
HANDLERS: dict[tuple[str, str], Handler] = {}


def operation(service: str, *names: str) -> Callable[[Handler], Handler]:
    """Has the function answer these operations of `service` (the service model's name)."""

    def register(handler: Handler) -> Handler:
        for name in names:
            assert (service, name) not in HANDLERS, f"two handlers for {service}.{name}"
            HANDLERS[(service, name)] = handler
        return handler

    return register


class Call:
    """One request: who asks, for what, with which parameters."""

    def __init__(self, moto_app: Callable, environ: dict[str, Any], body: bytes) -> None:
        self._moto_app = moto_app
        self._environ = environ
        # When the request came, which may be a while before its turn.
        self.arrived = environ.get("infra_sandbox.arrived", time.monotonic())
        self.body = body
        # Why its input was refused before anybody looked at what there is.
        self.refused_input = ""
        found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        access_key, self.region, signed_for = found.groups() if found else ("", "us-east-1", "")
        self.service = MODEL_NAMES.get(signed_for, signed_for)
        if self.service == "apigatewayv2" and not environ.get("PATH_INFO", "").startswith("/v2/"):
            self.service = "apigateway"
        if re.fullmatch(r"\d{12}", access_key):
            environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", access_key)
        self._access_key = access_key
        self.operation = ""
        self._path_parameters: dict[str, Any] = {}
        try:
            request = self._request()
            model, self._path_parameters = get_service_router(self.service).match(request)
            self.operation = model.name
        except Exception:  # an unsigned request, an unknown service or operation: moto answers
            if self.service:
                log.debug("no operation found for %s %s", self.service, environ.get("PATH_INFO"))

    @cached_property
    def account(self) -> str:
        """The account that the caller's credentials belong to."""
        given = self._environ.get("HTTP_X_MOTO_ACCOUNT_ID")
        return given or get_account_id_from(self._access_key)

    @property
    def here(self) -> tuple[str, str]:
        """Account and region: what the sandbox's own records are kept apart by."""
        return (self.account, self.region)

    def backend(self, service: str | None = None) -> Any:
        """moto's backend of the service in the caller's account and region."""
        return backend_of(service or self.service, self.account, self.region)

    @cached_property
    def _model(self) -> Any:
        return get_service_model(self.service)

    @cached_property
    def _operation_model(self) -> Any:
        return self._model.operation_model(self.operation)

    def _request(self) -> Request:
        environ = dict(self._environ)
        environ["wsgi.input"] = io.BytesIO(self.body)
        environ["CONTENT_LENGTH"] = str(len(self.body))
        return Request(environ)

    @property
    def input_shape(self) -> Any | None:
        """The operation's input in the service's model; None when it takes none."""
        return self._operation_model.input_shape

    @cached_property
    def protocol(self) -> str:
        """The protocol that the caller speaks."""
        content_type = self._environ.get("CONTENT_TYPE", "")
        return determine_request_protocol(self._model, content_type)

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters, by AWS's names."""
        request = self._request()
        parser = PROTOCOL_PARSERS[self.protocol](self._operation_model)
        parsed = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data or self.body,
                "url_path": request.path,
                "url_params": self._path_parameters,
            }
        )
        return dict(parsed or {})

    def forward(self) -> Answer:
        """moto's answer as it is."""
        environ = dict(self._environ)
        environ["wsgi.input"] = io.BytesIO(self.body)
        environ["CONTENT_LENGTH"] = str(len(self.body))
        try:
            body, status, headers = run_wsgi_app(self._moto_app, environ, buffered=True)
            answer = Answer(int(status.split()[0]), list(headers), b"".join(body))
        except NotImplementedError:
            raise not_implemented(self) from None
        except Exception as error:
            log.exception("%s.%s failed inside moto", self.service, self.operation)
            raise AwsError("SandboxFault", f"the emulator failed on {self.name}: {error!r}", 400) from None
        if answer.status >= 400 and is_foreign_page(answer):
            raise not_implemented(self)
        return answer

    def moto(self) -> dict[str, Any]:
        """moto's answer, taken apart; an error answer is raised."""
        return self.parse(self.forward())

    def parse(self, answer: Answer) -> dict[str, Any]:
        """An answer, taken apart; an error answer is raised."""
        parser = create_parser(str(self._model.protocol))
        response = {
            "body": answer.body,
            "headers": _Headers(answer.headers),
            "status_code": answer.status,
        }
        parsed = parser.parse(response, self._operation_model.output_shape)
        parsed.pop("ResponseMetadata", None)
        if answer.status >= 300:
            error = parsed.get("Error", {})
            raise AwsError(
                error.get("Code", "Unknown"), error.get("Message", ""), answer.status
            )
        return parsed

    def serialize(self, result: dict[str, Any] | Exception | None) -> Answer:
        """The result in the protocol that the caller speaks."""
        try:
            operation_model = self._operation_model
        except Exception:
            operation_model = None
        if operation_model is None:
            return plain_error(result)
        serializer = get_serializer_class(self._model.service_name, self.protocol)(operation_model)
        made = serializer.serialize(result if result is not None else {})
        status = made["status_code"]
        if isinstance(result, AwsError) and result.status is not None:
            status = result.status
        body = made["body"]
        return Answer(
            status,
            list(made["headers"].items()),
            body.encode() if isinstance(body, str) else body,
        )

    @property
    def name(self) -> str:
        return f"{self.service or 'unknown service'}.{self.operation or 'unknown operation'}"


class _Headers(dict):
    """Headers that are found whatever their case, as botocore's parsers expect."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__({key.lower(): value for key, value in headers})

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key.lower())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and super().__contains__(key.lower())


def backend_of(service: str, account: str, region: str) -> Any:
    """moto's backend of a service (by its model's name) in an account and region."""
    place = get_partition(region) if service in GLOBAL_SERVICES else region
    return get_backend(service.replace("-", ""))[account][place]


def not_implemented(call: Call) -> AwsError:
    """What the emulator cannot do: an error that no SDK retries, and that nobody takes for AWS's."""
    return AwsError(
        "SandboxNotImplemented", f"the local emulator does not implement {call.name}", 400
    )


def is_foreign_page(answer: Answer) -> bool:
    """True for moto's own error pages, which are no AWS answers."""
    return answer.header("content-type").startswith("text/html") and (
        b"<!doctype html" in answer.body[:200].lower() or b"not yet implemented" in answer.body.lower()
    )


def plain_error(error: Any) -> Answer:
    """An error for a caller whose protocol is not known: both common forms can be read from it."""
    code = getattr(error, "code", "SandboxFault")
    message = getattr(error, "message", str(error))
    body = json.dumps({"__type": code, "code": code, "message": message}).encode()
    headers = [("Content-Type", "application/json"), ("X-Amzn-Errortype", code)]
    return Answer(getattr(error, "status", None) or 400, headers, body)
