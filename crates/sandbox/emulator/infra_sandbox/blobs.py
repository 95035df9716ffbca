"""Blobs of images, on disk and by digest. Which repository has which blob is known to `services.ecr`."""

import hashlib
import os
import re
import shutil
import uuid
from typing import BinaryIO

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHUNK = 1024 * 1024


class BlobStore:
    """Blobs and unfinished uploads below one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.reset()

    def reset(self) -> None:
        """Forgets every blob."""
        for name in ("blobs", "uploads"):
            shutil.rmtree(os.path.join(self._folder, name), ignore_errors=True)
            os.makedirs(os.path.join(self._folder, name))

    def path(self, digest: str) -> str:
        assert DIGEST.fullmatch(digest), digest
        return os.path.join(self._folder, "blobs", digest.removeprefix("sha256:"))

    def start_upload(self) -> str:
        """A new, empty upload; returns its id."""
        upload = uuid.uuid4().hex
        open(self._upload_path(upload), "wb").close()
        return upload

    def upload_size(self, upload: str) -> int | None:
        """The bytes received so far; None when there is no such upload."""
        try:
            return os.path.getsize(self._upload_path(upload))
        except FileNotFoundError:
            return None

    def append(self, upload: str, source: BinaryIO) -> int:
        """Adds what can be read from `source`; returns the size so far."""
        with open(self._upload_path(upload), "ab") as file:
            shutil.copyfileobj(source, file, CHUNK)
            return file.tell()

    def finish(self, upload: str, digest: str | None) -> tuple[str, int] | None:
        """Turns an upload into a blob: its digest and size, or None when its digest is another."""
        path = self._upload_path(upload)
        sha = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                sha.update(chunk)
            size = file.tell()
        actual = f"sha256:{sha.hexdigest()}"
        if digest is not None and digest != actual:
            os.remove(path)
            return None
        os.replace(path, self.path(actual))
        return actual, size

    def cancel(self, upload: str) -> None:
        os.remove(self._upload_path(upload))

    def _upload_path(self, upload: str) -> str:
        assert re.fullmatch(r"[0-9a-f]{32}", upload), upload
        return os.path.join(self._folder, "uploads", upload)
