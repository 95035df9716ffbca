"""The image registry: the OCI distribution protocol over the ECR repositories of the caller's account.

The password of GetAuthorizationToken names account and region, as `services.ecr` writes it.
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import base64
import binascii
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from . import fault_forms
from .blobs import CHUNK, DIGEST, BlobStore
from .call import AwsError, backend_of
from .faults import Fault, Faults
from .services import ecr
from .world import timeline

NAME = r"(?P<name>[a-z0-9]+(?:[._/-][a-z0-9]+|__[a-z0-9]+)*)"
ROUTES = [
    (re.compile(rf"/v2/{NAME}/blobs/uploads/?"), "uploads"),
    (re.compile(rf"/v2/{NAME}/blobs/uploads/(?P<upload>[0-9a-f]{{32}})"), "upload"),
    (re.compile(rf"/v2/{NAME}/blobs/(?P<digest>[^/]+)"), "blob"),
    (re.compile(rf"/v2/{NAME}/manifests/(?P<reference>[^/]+)"), "manifest"),
    (re.compile(rf"/v2/{NAME}/tags/list"), "tags"),
]
MANIFEST_LIMIT = 4 * 1024 * 1024


class RegistryError(Exception):
    """An error answer of the protocol."""

    def __init__(self, status: int, code: str, message: str, headers: list | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or []


Reply = tuple[int, list[tuple[str, str]], Iterable[bytes]]


class Registry:
    """The WSGI application below `/v2/`."""

    def __init__(self, folder: str, lock: threading.RLock, requests: Any, faults: Faults) -> None:
        self.blobs = BlobStore(os.path.join(folder, "registry"))
        self.lock = lock
        self.requests = requests
        self.faults = faults
        ecr.use_blobs(self.blobs)

    def reset(self) -> None:
        self.blobs.reset()

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        operation, handler, place = self._find(method, path)
        fault = self.faults.draw("registry", operation, self.requests.can_change(operation), environ)
        code = ""
        try:
            if not fault.carried_out:
                reply, code = _instead(fault)
            else:
                account, region = self._caller(environ)
                reply = handler(environ, ecr_backend(account, region), **place)
        except RegistryError as error:
            code, reply = error.code, _told(error)
        status, headers, body = reply
        more = {"fault": fault.kind} if fault.kind else {}
        self.requests.note("registry", operation, status, code, path=path, **more)
        self.faults.carried_out(fault, environ)
        if not fault.answered and hasattr(body, "close"):
            body.close()
        self.faults.deliver(fault, environ)
        headers = [*headers, ("Docker-Distribution-Api-Version", "registry/2.0")]
        if isinstance(body, list) and not any(key == "Content-Length" for key, _ in headers):
            headers.append(("Content-Length", str(sum(map(len, body)))))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [] if method == "HEAD" else body

    def _caller(self, environ: dict[str, Any]) -> tuple[str, str]:
        """Account and region of the token."""
        header = environ.get("HTTP_AUTHORIZATION", "")
        scheme, _, credentials = header.partition(" ")
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        place = ecr.place_of_password(password)
        if scheme.lower() != "basic" or user != "AWS" or place is None:
            challenge = [("WWW-Authenticate", 'Basic realm="infra sandbox",service="ecr.amazonaws.com"')]
            raise RegistryError(401, "UNAUTHORIZED", "Not Authorized", challenge)
        return place

    def _find(self, method: str, path: str) -> tuple[str, Callable, dict[str, str]]:
        """The operation, who answers it, and of what."""
        if path in ("/v2/", "/v2"):
            return "GetBase", lambda *_: (200, [], [b"{}"]), {}
        for pattern, kind in ROUTES:
            if found := pattern.fullmatch(path):
                operation = OPERATIONS.get((kind, method))
                if operation is not None:
                    return operation, getattr(self, f"_{method.lower()}_{kind}"), found.groupdict()
                return "Unknown", _refuser(405, "UNSUPPORTED", f"{method} is not supported here"), {}
        return "Unknown", _refuser(404, "NAME_INVALID", f"invalid repository name or path: {path}"), {}

    def _repository(self, backend: Any, name: str) -> Any:
        repository = backend.repositories.get(name)
        if repository is None:
            message = (
                f"The repository with name '{name}' does not exist in the registry with id '{backend.account_id}'"
            )
            raise RegistryError(404, "NAME_UNKNOWN", message)
        return repository

    # Blobs

    def _get_blob(self, environ: dict, backend: Any, name: str, digest: str) -> Reply:
        with self.lock:
            size = self._repository(backend, name).layers.get(_digest(digest))
        if size is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"blob unknown to registry: {digest}")
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(size)),
            ("Docker-Content-Digest", digest),
        ]
        if environ["REQUEST_METHOD"] == "HEAD":
            return 200, headers, []
        file = open(self.blobs.path(digest), "rb")  # the server closes what it is given
        return 200, headers, environ["wsgi.file_wrapper"](file, CHUNK)

    _head_blob = _get_blob

    def _post_uploads(self, environ: dict, backend: Any, name: str) -> Reply:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        with self.lock:
            repository = self._repository(backend, name)
            # A blob of another repository of the account can be mounted instead of sent.
            other = backend.repositories.get(query.get("from", [""])[0])
            mount = query.get("mount", [""])[0]
            if other is not None and mount in other.layers:
                repository.layers[mount] = other.layers[mount]
                return 201, _blob_headers(name, mount), []
        upload = self.blobs.start_upload()
        if "digest" in query:
            return self._put_upload(environ, backend, name, upload)
        return 202, self._upload_headers(name, upload), []

    def _patch_upload(self, environ: dict, backend: Any, name: str, upload: str) -> Reply:
        self._expect_upload(backend, name, upload)
        self._expect_range(environ, name, upload)
        self.blobs.append(upload, environ["wsgi.input"])
        return 202, self._upload_headers(name, upload), []

    def _put_upload(self, environ: dict, backend: Any, name: str, upload: str) -> Reply:
        digest = _digest(parse_qs(environ.get("QUERY_STRING", "")).get("digest", [""])[0])
        self._expect_upload(backend, name, upload)
        self._expect_range(environ, name, upload)
        self.blobs.append(upload, environ["wsgi.input"])
        finished = self.blobs.finish(upload, digest)
        if finished is None:
            raise RegistryError(400, "DIGEST_INVALID", "the bytes received do not have the digest given")
        with self.lock:
            self._repository(backend, name).layers[digest] = finished[1]
        return 201, _blob_headers(name, digest), []

    def _get_upload(self, environ: dict, backend: Any, name: str, upload: str) -> Reply:
        self._expect_upload(backend, name, upload)
        return 204, self._upload_headers(name, upload), []

    def _delete_upload(self, environ: dict, backend: Any, name: str, upload: str) -> Reply:
        self._expect_upload(backend, name, upload)
        self.blobs.cancel(upload)
        return 204, [], []

    def _expect_upload(self, backend: Any, name: str, upload: str) -> None:
        with self.lock:
            self._repository(backend, name)
        if self.blobs.upload_size(upload) is None:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")

    def _expect_range(self, environ: dict, name: str, upload: str) -> None:
        """A chunk that says where it starts has to start where the last one ended."""
        given = re.fullmatch(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?", environ.get("HTTP_CONTENT_RANGE", ""))
        if given and int(given[1]) != self.blobs.upload_size(upload):
            headers = self._upload_headers(name, upload)
            raise RegistryError(416, "BLOB_UPLOAD_INVALID", "chunk out of order", headers)

    def _upload_headers(self, name: str, upload: str) -> list[tuple[str, str]]:
        size = self.blobs.upload_size(upload) or 0
        return [
            ("Location", f"/v2/{name}/blobs/uploads/{upload}?_state=sandbox"),
            ("Range", f"0-{max(size - 1, 0)}"),
            ("Docker-Upload-UUID", upload),
        ]

    # Manifests and tags

    def _get_manifest(self, environ: dict, backend: Any, name: str, reference: str) -> Reply:
        with self.lock:
            image = ecr.find_image(self._repository(backend, name), reference)
        if image is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found")
        body = image.image_manifest.encode()
        headers = [
            ("Content-Type", image.image_manifest_media_type),
            ("Content-Length", str(len(body))),
            ("Docker-Content-Digest", image.get_image_digest()),
        ]
        return 200, headers, [body]

    _head_manifest = _get_manifest

    def _put_manifest(self, environ: dict, backend: Any, name: str, reference: str) -> Reply:
        body = environ["wsgi.input"].read(MANIFEST_LIMIT + 1)
        media_type = environ.get("CONTENT_TYPE", "").split(";")[0].strip() or None
        tag = None if DIGEST.fullmatch(reference) else reference
        if len(body) > MANIFEST_LIMIT:
            raise RegistryError(413, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")
        try:
            manifest = body.decode()
            with self.lock:
                timeline.run_due()
                repository = self._repository(backend, name)
                image = ecr.put_manifest(repository, manifest, media_type, tag, None if tag else reference)
        except UnicodeDecodeError:
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest is not UTF-8") from None
        except AwsError as error:
            status, code = MANIFEST_ERRORS.get(error.code, (400, "MANIFEST_INVALID"))
            raise RegistryError(status, code, error.message) from None
        digest = image.get_image_digest()
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        return 201, headers, []

    def _get_tags(self, environ: dict, backend: Any, name: str) -> Reply:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        with self.lock:
            repository = self._repository(backend, name)
            tags = sorted(tag for image in repository.images for tag in image.image_tags)
        last = query.get("last", [""])[0]
        tags = [tag for tag in tags if tag > last]
        limit = query.get("n", [""])[0]
        headers = [("Content-Type", "application/json")]
        if limit.isdigit() and 0 < int(limit) < len(tags):
            tags = tags[: int(limit)]
            headers.append(("Link", f'</v2/{name}/tags/list?n={limit}&last={tags[-1]}>; rel="next"'))
        return 200, headers, [json.dumps({"name": name, "tags": tags}).encode()]


OPERATIONS = {
    ("blob", "GET"): "GetBlob",
    ("blob", "HEAD"): "HeadBlob",
    ("uploads", "POST"): "StartUpload",
    ("upload", "PATCH"): "UploadChunk",
    ("upload", "PUT"): "FinishUpload",
    ("upload", "GET"): "GetUpload",
    ("upload", "DELETE"): "CancelUpload",
    ("manifest", "GET"): "GetManifest",
    ("manifest", "HEAD"): "HeadManifest",
    ("manifest", "PUT"): "PutManifest",
    ("tags", "GET"): "ListTags",
}
MANIFEST_ERRORS = {
    "LayersNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
}


def _refuser(status: int, code: str, message: str) -> Callable[..., Reply]:
    def refuse(*_: Any) -> Reply:
        raise RegistryError(status, code, message)

    return refuse


def _told(error: RegistryError) -> Reply:
    body = json.dumps({"errors": [{"code": error.code, "message": error.message}]}).encode()
    return error.status, [*error.headers, ("Content-Type", "application/json")], [body]


def _instead(fault: Fault) -> tuple[Reply, str]:
    """The answer to a request that is not carried out, and its error code; status 0 when there is none."""
    if not fault.answered:
        return (0, [], []), ""
    if answer := fault_forms.plain(fault, "registry"):
        return (answer.status, answer.headers, [answer.body]), ""
    error = fault_forms.error(fault, "registry")
    return _told(RegistryError(error.status, error.code, error.message)), error.code


def ecr_backend(account: str, region: str) -> Any:
    return backend_of("ecr", account, region)


def _digest(text: str) -> str:
    if not DIGEST.fullmatch(text):
        raise RegistryError(400, "DIGEST_INVALID", f"not a sha256 digest: {text}")
    return text


def _blob_headers(name: str, digest: str) -> list[tuple[str, str]]:
    return [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]
