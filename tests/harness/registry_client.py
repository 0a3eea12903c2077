"""The distribution API as a few calls; each says what the server answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.http_client import Answer, HttpClient
from harness.images import OCI_INDEX, DOCKER_LIST, DOCKER_MANIFEST, OCI_MANIFEST, Image, digest_of

ACCEPT = {"Accept": ", ".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))}


def with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


def expect(answer: Answer, *statuses: int) -> Answer:
    assert answer.status in statuses, f"{answer.status} instead of {statuses}: {answer.body[:500]!r}"
    return answer


@dataclass
class RegistryClient:
    http: HttpClient
    prefix: str = "/"

    def _path(self, repository: str, rest: str) -> str:
        return f"{self.prefix}v2/{repository}/{rest}"

    def start_upload(self, repository: str, query: str = "") -> Answer:
        return self.http.request("POST", self._path(repository, "blobs/uploads/" + query))

    def push_blob(self, repository: str, data: bytes, digest: str | None = None) -> Answer:
        started = self.start_upload(repository)
        if started.status != 202:
            return started
        target = with_digest(started.location, digest or digest_of(data))
        return self.http.request("PUT", target, data, {"Content-Type": "application/octet-stream"})

    def mount(self, repository: str, digest: str, source: str) -> Answer:
        return self.start_upload(repository, f"?mount={digest}&from={source}")

    def put_manifest(self, repository: str, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> Answer:
        return self.http.request("PUT", self._path(repository, f"manifests/{reference}"), body, {"Content-Type": media_type})

    def push_image(self, repository: str, tag: str, one: Image) -> Answer:
        for data in one.blobs:
            expect(self.push_blob(repository, data), 201)
        return expect(self.put_manifest(repository, tag, one.manifest, one.media_type), 201)

    def get_manifest(self, repository: str, reference: str, method: str = "GET", **headers: str) -> Answer:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.http.request(method, self._path(repository, f"manifests/{reference}"), headers=ACCEPT | named)

    def get_blob(self, repository: str, digest: str, method: str = "GET", **headers: str) -> Answer:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.http.request(method, self._path(repository, f"blobs/{digest}"), headers=named)

    def delete_manifest(self, repository: str, reference: str) -> Answer:
        return self.http.request("DELETE", self._path(repository, f"manifests/{reference}"))

    def delete_blob(self, repository: str, digest: str) -> Answer:
        return self.http.request("DELETE", self._path(repository, f"blobs/{digest}"))

    def tags(self, repository: str, query: str = "") -> Any:
        return self.http.request("GET", self._path(repository, "tags/list" + query)).json()
