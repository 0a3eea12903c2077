"""Clients that push, pull and delete at once, and write down what they were answered."""

from __future__ import annotations

import http.client
import json
import random
import threading

from ledger import Key, Ledger

from harness.http_client import Answer, HttpClient
from harness.images import OCI_CONFIG, OCI_MANIFEST, Image, descriptor, digest_of
from harness.registry_client import with_digest
from harness.server import Server


def tiny_image(name: str) -> Image:
    config = json.dumps({"architecture": "amd64", "os": "linux", "name": name}).encode()
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, config), "layers": []}
    return Image((config,), json.dumps(manifest).encode())


class Client(threading.Thread):
    """Changes its own repositories one request at a time, and pulls from everybody's."""

    def __init__(self, server: Server, ledger: Ledger, number: int, clients: int, repositories: int, pause: float):
        super().__init__(daemon=True, name=f"client{number}")
        self._server, self._ledger, self._number, self._pause = server, ledger, number, pause
        self._random = random.Random(number)
        self._http = HttpClient("127.0.0.1", server.port, timeout=20)
        self._own = [f"crash/c{number}-{i}" for i in range(repositories)]
        self._all = [f"crash/c{c}-{i}" for c in range(clients) for i in range(repositories)]
        self._tagged: dict[str, list[tuple[str, str]]] = {name: [] for name in self._own}
        self._ended = threading.Event()
        self._count = 0
        self.error: BaseException | None = None

    def finish(self) -> None:
        self._ended.set()
        self.join(30)
        if self.error:
            raise self.error

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                self._random.choices((self._push, self._pull, self._delete_image, self._delete_tag), (5, 3, 1, 1))[0]()
                self._ended.wait(self._pause * self._random.random() * 2)
        except BaseException as error:  # a mistake of the test's, to be raised by finish()
            self.error = error

    def _request(self, repository: str, method: str, target: str, expected: list[Key], body: bytes | None = None,
                 media_type: str = "application/octet-stream", owner: bool = True) -> Answer | None:
        """None: nobody knows."""
        self._count += 1
        agent = f"ledger/{self._number}-{self._count}"
        record = self._ledger.begin(agent, repository, owner, expected)
        headers = {"User-Agent": agent, "Accept": OCI_MANIFEST}
        if body is not None:
            headers["Content-Type"] = media_type
        try:
            answer = self._http.request(method, target, body, headers)
        except (OSError, http.client.HTTPException):
            self._ended.wait(0.05)  # the server is down
            return None
        record.status = answer.status
        if not 200 <= answer.status < 300:
            refusals = (400, 404, 503) if self._server.is_peer else (404, 503)  # docker-registry has no deletion of tags
            assert answer.status in refusals, f"{method} {target}: {answer.status} {answer.body[:300]!r}"
        return answer

    def _push(self) -> None:
        repository = self._random.choice(self._own)
        tag = "latest" if self._random.random() < 0.3 else f"t{self._count}"
        one = tiny_image(f"{self._number}-{self._count}")
        started = self._request(repository, "POST", f"/v2/{repository}/blobs/uploads/", [])
        if started is None or started.status != 202:
            return
        target = with_digest(started.location, digest_of(one.blobs[0]))
        done = self._request(repository, "PUT", target, [("push", "")], one.blobs[0])
        if done is None or done.status != 201:
            return
        put = self._request(repository, "PUT", f"/v2/{repository}/manifests/{tag}", [("push", tag)], one.manifest, OCI_MANIFEST)
        if put is not None and put.status == 201 and tag != "latest":
            self._tagged[repository].append((tag, one.digest))

    def _pull(self) -> None:
        repository = self._random.choice(self._all)
        self._request(repository, "GET", f"/v2/{repository}/manifests/latest", [("pull", "latest")], owner=False)

    def _delete_image(self) -> None:
        repository, taken = self._take()
        if taken:
            expected = [("delete", ""), ("delete", taken[0])]
            self._request(repository, "DELETE", f"/v2/{repository}/manifests/{taken[1]}", expected)

    def _delete_tag(self) -> None:
        repository, taken = self._take()
        if taken:
            self._request(repository, "DELETE", f"/v2/{repository}/manifests/{taken[0]}", [("delete", taken[0])])

    def _take(self) -> tuple[str, tuple[str, str] | None]:
        repository = self._random.choice(self._own)
        tagged = self._tagged[repository]
        return repository, tagged.pop(self._random.randrange(len(tagged))) if tagged else None
