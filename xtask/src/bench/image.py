"""Writes an OCI image layout with layers of random bytes, which nothing compresses.

Usage: image.py FOLDER LAYERS BYTES_OF_A_LAYER SEED [CHANGED]
With CHANGED the last layer is of other bytes than with the same seed alone.
"""

import hashlib
import json
import pathlib
import random
import sys

folder, layers, size, seed = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
changed = len(sys.argv) > 5
blobs = folder / "blobs" / "sha256"
blobs.mkdir(parents=True, exist_ok=True)


def blob(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def layer(number):
    """A tar archive with one file, without compression: pushes are measured, not gzip."""
    own = seed + number + (1000 if changed and number == layers - 1 else 0)
    data = random.Random(own).randbytes(size // 512 * 512)
    header = bytearray(512)

    def field(start, text):
        header[start : start + len(text)] = text

    field(0, b"srv/data%d" % number)
    field(100, b"0000644\0")
    field(108, b"0000000\0")
    field(116, b"0000000\0")
    field(124, b"%011o\0" % len(data))
    field(136, b"00000000000\0")
    field(148, b"        ")
    field(156, b"0")
    field(257, b"ustar\x0000")
    field(148, b"%06o\0 " % sum(header))
    return bytes(header) + data + bytes(1024)


described = [blob(layer(number), "application/vnd.oci.image.layer.v1.tar") for number in range(layers)]
config = {
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in described]},
}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
    "layers": described,
}
index = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [blob(json.dumps(manifest).encode(), manifest["mediaType"])],
}
(folder / "index.json").write_text(json.dumps(index))
(folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
