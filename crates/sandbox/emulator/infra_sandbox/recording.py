"""The requests that AWS gets here, as they were sent, for whoever wants to send them again."""

import threading
from typing import Any

from .call import Answer

# What belongs to a connection, and what whoever sends it again says anew.
OWN = ("connection", "host", "content-length", "transfer-encoding", "expect")


class Recording:
    """Keeps requests and answers in the order in which they were carried out, once it is asked to."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] | None = None

    def start(self) -> None:
        with self.lock:
            self.requests = []

    def stop(self) -> list[dict[str, Any]]:
        """Ends it; returns what there is."""
        with self.lock:
            requests, self.requests = self.requests or [], None
            return requests

    def note(self, environ: dict[str, Any], body: bytes, answer: Answer) -> None:
        with self.lock:
            if self.requests is None:
                return
            self.requests.append(
                {
                    "method": environ["REQUEST_METHOD"],
                    "target": environ["RAW_URI"],
                    "headers": headers(environ),
                    # A character for each byte.
                    "body": body.decode("latin-1"),
                    "status": answer.status,
                    "answer": answer.body.decode("latin-1"),
                }
            )


def headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """A request's headers; WSGI has changed the case of their names, which HTTP does not mind."""
    found = [(key[5:], value) for key, value in environ.items() if key.startswith("HTTP_")]
    found += [("Content-Type", environ["CONTENT_TYPE"])] if environ.get("CONTENT_TYPE") else []
    named = [(name.replace("_", "-").lower(), value) for name, value in found]
    return [(name, value) for name, value in named if name not in OWN]
