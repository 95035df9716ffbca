"""ECR: images with their real digests, whether they come by the API or through the registry."""

import base64
import hashlib
import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.ecr.models import Image

from ..blobs import BlobStore
from ..call import Answer, AwsError, Call, backend_of, operation

PASSWORD_PREFIX = "sandbox"
TOKEN_LIFE = timedelta(hours=12)
_blobs: list[BlobStore] = []


def use_blobs(blobs: BlobStore) -> None:
    """Where layers sent by UploadLayerPart go."""
    _blobs[:] = [blobs]


# Tokens


@operation("ecr", "GetAuthorizationToken")
def get_authorization_token(call: Call) -> dict[str, Any]:
    data = []
    for registry in call.params.get("registryIds") or [call.account]:
        password = base64.urlsafe_b64encode(f"{PASSWORD_PREFIX}:{registry}:{call.region}".encode()).decode()
        data.append(
            {
                "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                "expiresAt": datetime.now(timezone.utc) + TOKEN_LIFE,
                "proxyEndpoint": f"https://{registry}.dkr.ecr.{call.region}.amazonaws.com",
            }
        )
    return {"authorizationData": data}


def place_of_password(password: str) -> tuple[str, str] | None:
    """Account and region that a token's password stands for."""
    try:
        prefix, account, region = base64.urlsafe_b64decode(password.encode()).decode().split(":")
    except (ValueError, UnicodeError):
        return None
    return (account, region) if prefix == PASSWORD_PREFIX else None


# Images


class PushedImage(Image):
    """An image whose size is that of its layers, as AWS counts."""

    def get_image_size_in_bytes(self) -> int:
        manifest = json.loads(self.image_manifest)
        return sum(layer.get("size", 0) for layer in manifest.get("layers", []))


def find_image(repository: Any, reference: str) -> Any:
    """The image of a tag or digest, or None."""
    for image in repository.images:
        if reference in image.image_tags or reference == image.get_image_digest():
            return image
    return None


def put_manifest(
    repository: Any, manifest: str, media_type: str | None, tag: str | None, digest: str | None
) -> Any:
    """Adds an image, or a tag to one that is there."""
    actual = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    where = f"in the repository with name '{repository.name}' in the registry with id '{repository.registry_id}'"
    if digest and digest != actual:
        raise AwsError("ImageDigestDoesNotMatchException", f"the manifest's digest is '{actual}', not '{digest}'")
    try:
        parsed = json.loads(manifest)
        media_type = media_type or parsed.get("mediaType")
    except (ValueError, AttributeError):
        raise AwsError("InvalidParameterException", "Invalid parameter at 'ImageManifest': not JSON") from None
    if not media_type:
        raise AwsError("InvalidParameterException", "image manifest mediatype not provided in manifest or parameter")
    blobs = [part["digest"] for part in [parsed.get("config"), *parsed.get("layers", [])] if part]
    missing = [blob for blob in blobs if blob not in repository.layers]
    if missing:
        message = f"Layers with digests '{', '.join(missing)}' required for pushing image do not exist {where}"
        raise AwsError("LayersNotFoundException", message)
    for part in parsed.get("manifests", []):
        if find_image(repository, part["digest"]) is None:
            message = f"Images with digests '{part['digest']}' required for pushing image do not exist {where}"
            raise AwsError("ReferencedImagesNotFoundException", message)

    image = find_image(repository, actual)
    holder = find_image(repository, tag) if tag else None
    if holder is not None and repository.is_tag_immutable():
        message = (
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be"
            " overwritten because the repository is immutable."
        )
        raise AwsError("ImageTagAlreadyExistsException", message)
    if holder is not None and holder is not image:
        holder.remove_tag(tag)
        holder.image_tag = holder.image_tags[-1] if holder.image_tags else None
    if image is None:
        image = PushedImage(repository.account_id, tag, manifest, repository.name, media_type, actual)
        repository.images.append(image)
    elif tag:
        image.update_tag(tag)
    return image


@operation("ecr", "PutImage")
def put_image(call: Call) -> dict[str, Any]:
    params = call.params
    repository = call.backend()._get_repository(params["repositoryName"], params.get("registryId"))
    tag, manifest = params.get("imageTag"), params["imageManifest"]
    present = find_image(repository, "sha256:" + hashlib.sha256(manifest.encode()).hexdigest())
    if present is not None and (tag is None or tag in present.image_tags) and not repository.is_tag_immutable():
        message = f"Image with digest '{present.get_image_digest()}' and tag '{tag}' already exists"
        raise AwsError("ImageAlreadyExistsException", message)
    image = put_manifest(repository, manifest, params.get("imageManifestMediaType"), tag, params.get("imageDigest"))
    return {
        "image": {
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "imageId": {"imageDigest": image.get_image_digest(), "imageTag": tag},
            "imageManifest": manifest,
            "imageManifestMediaType": image.image_manifest_media_type,
        }
    }


@operation("ecr", "BatchDeleteImage")
def batch_delete_image(call: Call) -> dict[str, Any]:
    repository = call.backend()._get_repository(call.params["repositoryName"], call.params.get("registryId"))
    deleted, failures = [], []
    for wanted in call.params.get("imageIds", []):
        tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
        image = find_image(repository, digest or tag or "")
        if image is None or (tag and tag not in image.image_tags):
            failures.append(
                {"imageId": wanted, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
            )
            continue
        found = image.get_image_digest()
        # A digest takes the image and its tags away; a tag takes the image only when it is the last one.
        gone = list(image.image_tags) if digest else [tag]
        for each in gone:
            image.remove_tag(each)
        deleted += [{"imageDigest": found, "imageTag": each} for each in gone] or [{"imageDigest": found}]
        if not image.image_tags:
            repository.images.remove(image)
    return {"imageIds": deleted, "failures": failures}


@operation("ecr", "CompleteLayerUpload")
def complete_layer_upload(call: Call) -> dict[str, Any] | Answer:
    params = call.params
    repository = call.backend()._get_repository(params["repositoryName"], params.get("registryId"))
    upload = repository.uploads.get(params["uploadId"])
    if upload is None:
        return call.forward()
    content = bytes(upload.layer_parts)
    result = call.moto()
    if params.get("layerDigests") and result["layerDigest"] not in params["layerDigests"]:
        repository.layers.pop(result["layerDigest"], None)
        raise AwsError("InvalidLayerException", "the layer's digest is not among those given")
    store = _blobs[0]
    name = store.start_upload()
    store.append(name, io.BytesIO(content))
    store.finish(name, result["layerDigest"])
    return result


def image_exists(account: str, region: str, repository: str, reference: str) -> bool:
    """True when ECR has that tag or digest; used when a task pulls it."""
    found = backend_of("ecr", account, region).repositories.get(repository)
    return found is not None and find_image(found, reference) is not None

