"""Clients that ask this emulator from inside, for what others do in the account of a request.

What they ask is answered like any other request, but nobody counts it, no fault meets it, and it shows at once.
They are used under the middleware's lock.
"""

import io
from collections.abc import Callable
from http.client import HTTPMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from .call import Answer, Call

# Nothing listens there: no request of these clients leaves the process.
HOST = "inside.invalid"


class Inside:
    """Makes boto3 clients whose requests `answer` answers."""

    def __init__(self, moto_app: Callable, answer: Callable[[Call], Answer]) -> None:
        self._moto_app = moto_app
        self._answer = answer
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, account: str, region: str) -> Any:
        """The client of a service, by boto3's name, in an account and region."""
        key = (service, account, region)
        if key not in self._clients:
            client = boto3.client(
                service,
                region_name=region,
                endpoint_url=f"http://{HOST}",
                aws_access_key_id=account,
                aws_secret_access_key="inside",
                config=Config(retries={"total_max_attempts": 1}),
            )
            client.meta.events.register_first("before-send", self._send)
            self._clients[key] = client
        return self._clients[key]

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        answer = self._answer(Call(self._moto_app, environ_of(request, body), body))
        headers = HTTPMessage()
        for name, value in answer.headers:
            headers[str(name)] = str(value)
        response = AWSResponse(request.url, answer.status, headers, io.BytesIO(answer.body))
        response._content = answer.body
        return response


def environ_of(request: AWSPreparedRequest, body: bytes) -> dict[str, Any]:
    """A request as WSGI tells it."""
    url = urlsplit(request.url)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path or "/"),
        "QUERY_STRING": url.query,
        "RAW_URI": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": HOST,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        plain = name.upper().replace("-", "_")
        environ[plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{plain}"] = text
    return environ
