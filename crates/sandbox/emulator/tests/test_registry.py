"""The image registry, spoken to as a client of the distribution protocol does."""

import base64
import hashlib
import json

import requests
from support import SandboxTest, endpoint

MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry(SandboxTest):
    def setUp(self):
        super().setUp()
        self.ecr.create_repository(repositoryName="a/b")
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.http = requests.Session()
        self.http.auth = tuple(base64.b64decode(token).decode().split(":", 1))
        self.url = endpoint() + "/v2/a/b"
        self.layer, self.config = b"x" * 300_000, b"{}"

    def push_blob(self, content: bytes) -> None:
        answer = self.http.post(f"{self.url}/blobs/uploads/?digest={digest(content)}", data=content)
        self.assertEqual(answer.status_code, 201, answer.text)

    def manifest(self, **more) -> bytes:
        def part(kind: str, content: bytes):
            return {"mediaType": kind, "size": len(content), "digest": digest(content)}

        described = {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "config": part("application/vnd.oci.image.config.v1+json", self.config),
            "layers": [part("application/vnd.oci.image.layer.v1.tar", self.layer)],
        }
        return json.dumps(described | more).encode()

    def push(self, manifest: bytes, reference: str) -> requests.Response:
        headers = {"Content-Type": MEDIA_TYPE}
        return self.http.put(f"{self.url}/manifests/{reference}", data=manifest, headers=headers)

    def push_image(self, tag: str) -> bytes:
        self.push_blob(self.layer)
        self.push_blob(self.config)
        manifest = self.manifest()
        self.assertEqual(self.push(manifest, tag).status_code, 201)
        return manifest

    def error(self, answer: requests.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["errors"][0]["code"]

    def test_who_may_ask(self):
        for auth in (None, ("AWS", "wrong"), ("other", self.http.auth[1])):
            answer = requests.get(endpoint() + "/v2/", auth=auth)
            self.assertEqual(self.error(answer), (401, "UNAUTHORIZED"))
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Basic "))
        self.assertEqual(self.http.get(endpoint() + "/v2/").status_code, 200)
        answer = self.http.post(endpoint() + "/v2/nothing/blobs/uploads/")
        self.assertEqual(self.error(answer), (404, "NAME_UNKNOWN"))

    def test_an_upload_in_chunks_that_is_resumed(self):
        answer = self.http.post(f"{self.url}/blobs/uploads/")
        self.assertEqual(answer.status_code, 202)
        place = endpoint() + answer.headers["Location"]
        # The first chunk comes without a length, as a stream does.
        answer = self.http.patch(place, data=iter([self.layer[:50_000], self.layer[50_000:100_000]]))
        self.assertEqual((answer.status_code, answer.headers["Range"]), (202, "0-99999"))
        wrong = self.http.patch(place, data=b"zz", headers={"Content-Range": "5-6"})
        self.assertEqual((wrong.status_code, wrong.headers["Range"]), (416, "0-99999"))
        status = self.http.get(place)
        self.assertEqual((status.status_code, status.headers["Range"]), (204, "0-99999"))
        rest = self.layer[100_000:]
        answer = self.http.patch(place, data=rest, headers={"Content-Range": f"100000-{len(self.layer) - 1}"})
        self.assertEqual(answer.status_code, 202)
        answer = self.http.put(f"{place}&digest={digest(self.layer)}")
        self.assertEqual((answer.status_code, answer.headers["Docker-Content-Digest"]), (201, digest(self.layer)))
        head = self.http.head(f"{self.url}/blobs/{digest(self.layer)}")
        self.assertEqual((head.status_code, head.headers["Content-Length"]), (200, str(len(self.layer))))
        self.assertEqual(self.http.get(f"{self.url}/blobs/{digest(self.layer)}").content, self.layer)
        self.assertEqual(self.http.get(place).status_code, 404)

    def test_what_is_refused(self):
        bad = self.http.post(f"{self.url}/blobs/uploads/?digest={digest(b'other')}", data=b"this")
        self.assertEqual(self.error(bad), (400, "DIGEST_INVALID"))
        self.assertEqual(self.error(self.push(self.manifest(), "v1")), (400, "MANIFEST_BLOB_UNKNOWN"))
        self.push_image("v1")
        self.assertEqual(self.error(self.push(self.manifest(), digest(b"other"))), (400, "DIGEST_INVALID"))
        self.assertEqual(self.error(self.push(b"{", "v2")), (400, "MANIFEST_INVALID"))
        self.assertEqual(self.error(self.http.get(f"{self.url}/manifests/v9")), (404, "MANIFEST_UNKNOWN"))
        self.assertEqual(self.error(self.http.get(f"{self.url}/blobs/{digest(b'9')}")), (404, "BLOB_UNKNOWN"))

    def test_ecr_shows_what_was_pushed(self):
        manifest = self.push_image("v1")
        self.assertEqual(self.push(manifest, "v2").status_code, 201)
        found = self.ecr.describe_images(repositoryName="a/b")["imageDetails"]
        self.assertEqual([(each["imageDigest"], each["imageTags"]) for each in found], [(digest(manifest), ["v1", "v2"])])
        self.assertEqual(found[0]["imageSizeInBytes"], len(self.layer))
        image = self.ecr.batch_get_image(repositoryName="a/b", imageIds=[{"imageTag": "v2"}])["images"][0]
        self.assertEqual((image["imageManifest"].encode(), image["imageId"]["imageDigest"]), (manifest, digest(manifest)))
        self.assertEqual(self.http.get(f"{self.url}/tags/list").json()["tags"], ["v1", "v2"])
        first = self.http.get(f"{self.url}/tags/list?n=1")
        self.assertEqual((first.json()["tags"], 'rel="next"' in first.headers["Link"]), (["v1"], True))
        # A tag that moves leaves the image behind, untagged.
        other = self.manifest(annotations={"a": "b"})
        self.assertEqual(self.push(other, "v2").headers["Docker-Content-Digest"], digest(other))
        listed = self.ecr.list_images(repositoryName="a/b")["imageIds"]
        self.assertCountEqual([(each["imageDigest"], each["imageTag"]) for each in listed], [(digest(manifest), "v1"), (digest(other), "v2")])
        self.refused("RepositoryNotEmptyException", self.ecr.delete_repository, repositoryName="a/b")
        ids = [{"imageTag": "v1"}, {"imageDigest": digest(other)}, {"imageTag": "v9"}]
        deleted = self.ecr.batch_delete_image(repositoryName="a/b", imageIds=ids)
        self.assertEqual((len(deleted["imageIds"]), len(deleted["failures"])), (2, 1))
        self.ecr.delete_repository(repositoryName="a/b")

    def test_immutable_tags_stay(self):
        manifest = self.push_image("v1")
        self.ecr.put_image_tag_mutability(repositoryName="a/b", imageTagMutability="IMMUTABLE")
        other = self.manifest(annotations={"a": "b"})
        self.assertEqual(self.error(self.push(other, "v1")), (400, "TAG_INVALID"))
        self.refused(
            "ImageTagAlreadyExistsException",
            self.ecr.put_image,
            repositoryName="a/b",
            imageTag="v1",
            imageManifest=other.decode(),
        )
        # Not even the same image may be pushed under its own tag again.
        self.assertEqual(self.error(self.push(manifest, "v1")), (400, "TAG_INVALID"))
        head = self.http.head(f"{self.url}/manifests/v1")
        self.assertEqual(head.headers["Docker-Content-Digest"], digest(manifest))
        self.assertEqual(self.push(other, digest(other)).status_code, 201)

    def test_accounts_are_apart_and_blobs_are_mounted(self):
        self.push_image("v1")
        self.ecr.create_repository(repositoryName="cd")
        mounted = self.http.post(
            f"{endpoint()}/v2/cd/blobs/uploads/?mount={digest(self.layer)}&from=a/b"
        )
        self.assertEqual(mounted.status_code, 201)
        stranger = type(self)("test_who_may_ask")
        stranger.setUp()
        self.assertEqual(self.error(stranger.http.get(f"{self.url}/manifests/v1")), (404, "MANIFEST_UNKNOWN"))
