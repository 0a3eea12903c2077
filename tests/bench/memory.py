"""What a server takes while much is asked of it, and what it keeps a minute later (docs/delivery.md §9)."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness.http_client import HttpClient
from harness.images import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Image, descriptor, digest_of
from harness.ports import free_port
from harness.registry_client import expect
from harness.server import Server
from report import Line, Report
from scale import BenchReceiverAt

MIB = 1 << 20
EMPTY = b"{}"
IMAGE = Image((EMPTY,), json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, EMPTY),
                                    "layers": []}).encode())
CLIENTS = 8
# The manual's numbers: what the process takes beyond its start, caches full.
BESIDE_REFERRERS = CLIENTS * 16.0  # lists of 4 MiB, four times
A_HEAD = 0.2
AN_UPLOAD = 0.5
BEHIND_AN_ENDPOINT = CLIENTS * 32.0  # manifests of 4 MiB being pushed, eight times; whatever the backlog
BACK = 1.2
PATIENCE = 90


class Watched(Server):
    """A server whose caches are full, and its memory from then on."""

    def warm(self) -> float:
        client = self.client()
        client.push_image("bench/warm", "child", IMAGE)
        for number in range(40):  # 64 MiB of manifests, 16 MiB of events twice
            body = large_index(3 * MIB, f"warm{number}")
            expect(client.put_manifest("bench/warm", "latest", body, OCI_INDEX), 201)
            expect(client.get_manifest("bench/warm", digest_of(body)), 200)
        client.http.close()
        self.begun = self.least(20)
        self.clear_peak()
        return self.begun

    def clear_peak(self) -> None:
        assert self.process
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def least(self, seconds: float, enough: float = 0) -> float:
        """The least within so many seconds; it ends early where that is `enough`."""
        deadline = time.monotonic() + seconds
        least = self.memory()
        while least > enough and time.monotonic() < deadline:
            time.sleep(0.5)
            least = min(least, self.memory())
        return least


def large_index(size: int, name: str) -> bytes:
    """Its event repeats what it says of a platform."""
    platform = {"os": "linux", "architecture": "amd64", "features": ["x" * size]}
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "annotations": {"name": name},
                       "manifests": [descriptor(OCI_MANIFEST, IMAGE.manifest, platform=platform)]}).encode()


def each(server: Server, count: int, act: Callable[[Any, int], object]) -> None:
    """`act(client, number)` for all numbers, by several clients."""
    def run(first: int) -> None:
        client = server.client()
        for number in range(first, count, CLIENTS):
            act(client, number)
        client.http.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(run, first) for first in range(CLIENTS)]:
            done.result()


@contextmanager
def referrers(server: Server, quick: bool) -> Iterator[tuple[str, float]]:
    count = 1_000 if quick else 10_000
    server.client().push_image("bench/r", "latest", IMAGE)

    def sign(one: Any, number: int) -> None:
        manifest = json.loads(IMAGE.manifest) | {
            "subject": descriptor(OCI_MANIFEST, IMAGE.manifest), "artifactType": "application/x.bench",
            "annotations": {"number": str(number), "text": "x" * 400}}
        data = json.dumps(manifest).encode()
        expect(one.put_manifest("bench/r", digest_of(data), data), 201)

    def list_all(one: Any, number: int) -> None:
        path, found = f"/v2/bench/r/referrers/{IMAGE.digest}", 0
        while path:
            answer = expect(one.http.get(path), 200)
            found += len(answer.json()["manifests"])
            following = re.search(r"<([^>]+)>", answer.headers.get("Link", ""))
            path = following[1] if following else ""
        assert found == count, f"{found} of {count} referrers"

    each(server, count, sign)
    each(server, 4 * CLIENTS, list_all)
    yield f"{count:,} referrers of one subject, {4 * CLIENTS} lists of them", BESIDE_REFERRERS


@contextmanager
def heads(server: Server, quick: bool) -> Iterator[tuple[str, float]]:
    count = 250 if quick else 1_000
    fields = "".join(f"X-{number}: {'x' * 1000}\r\n" for number in range(63))
    head = f"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}".encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(count)]
        for one in connections:
            one.sendall(head)
        server.least(2)
        for one in connections:
            one.sendall(b"\r\n")
        for one in connections:
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        yield f"{count:,} connections with heads of {len(head) >> 10} KiB", count * A_HEAD


@contextmanager
def uploads(server: Server, quick: bool) -> Iterator[tuple[str, float]]:
    count = 50 if quick else 200
    begun = 4 * MIB
    piece = b"u" * 65536
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            place = expect(server.client().start_upload("bench/u"), 202).location
            target = "/" + place.split("://", 1)[1].split("/", 1)[1] if "://" in place else place
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60))
            one.sendall(f"PATCH {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
                        f"Content-Length: {begun + 1}\r\n\r\n".encode())
            connections.append(one)

        def send(one: socket.socket) -> None:
            for _ in range(begun // len(piece)):
                one.sendall(piece)

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(send, connections))
        server.least(2)
        yield f"{count} uploads under way", count * AN_UPLOAD


@contextmanager
def shapes(server: Server, quick: bool) -> Iterator[tuple[str, float]]:
    """Manifests that hold as many values as they can, where nobody reads them and where somebody does."""
    server.client().push_image("bench/s", "latest", IMAGE)
    layer = json.dumps(descriptor(OCI_CONFIG, EMPTY))
    documents = []
    for member, unit in (("x", "{}"), ("x", "[]"), ("x", '""'), ("x", '{"":0}'), ("layers", layer)):
        rest = json.loads(IMAGE.manifest)
        rest.pop(member, None)
        values = ",".join([unit] * ((4 * MIB - 1024) // (len(unit) + 1)))
        documents.append(f'{json.dumps(rest)[:-1]},"{member}":[{values}]}}'.encode())
    names = ",".join(f'"{number:x}":""' for number in range(350_000))
    documents.append(f'{IMAGE.manifest.decode()[:-1]},"annotations":{{{names}}}}}'.encode())
    count = len(documents) * (2 if quick else 8)

    def push(client: Any, number: int) -> None:
        body = documents[number % len(documents)]
        expect(client.put_manifest("bench/s", digest_of(body), body), 201)

    each(server, count, push)
    yield f"{count} manifests of 4 MiB that hold as many values as they can", BEHIND_AN_ENDPOINT


@contextmanager
def backlog(server: Server, quick: bool) -> Iterator[tuple[str, float]]:
    count = 60 if quick else 1_000
    body = large_index(4 * MIB - 2048, "large")
    server.client().push_image("bench/b", "child", IMAGE)
    receiver_port = server.config["notifications"]["endpoints"][0]["url"].rsplit(":", 1)[1].rstrip("/")
    each(server, count, lambda client, number: expect(client.put_manifest("bench/b", f"t{number}", body, OCI_INDEX), 201))
    assert server.pending("dead") >= count
    with BenchReceiverAt(int(receiver_port)):
        server.wait_pending("dead", 0, 600)
    yield f"{count:,} events of 4 MiB behind a dead endpoint, then delivered", BEHIND_AN_ENDPOINT


def bounded(report: Report, folder: Path, quick: bool) -> None:
    for load in (referrers, heads, uploads, shapes, backlog):
        dead = {"name": "dead", "url": f"http://127.0.0.1:{free_port()}/", "timeout": "5s", "backoff": "1s", "threshold": 3}
        changes = {"log": {"level": "error"}, "notifications": {"events": {"maxsize": "16GiB", "keep": "0"}}}
        server = Watched(folder / load.__name__, [dead], changes)
        server.start()
        try:
            fresh = server.memory()
            begun = server.warm()
            with load(server, quick) as (name, bound):
                most = server.peak()
            left = server.least(PATIENCE, begun * 1.1)
        finally:
            server.kill()
        report.say(f"{name}: RSS {fresh:.0f} MiB empty, {begun:.0f} with full caches, {most:.0f} at most,"
                   f" {left:.0f} afterwards")
        report.fact("  added at most", most - begun, "MiB", bound)
        report.add(Line("  a minute later", "MiB", [left], [begun], "at the start", BACK, at_most=True))
