"""What clients leave half done in memory is bounded over all of them, and ordinary requests go on beside it."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import wait
from harness.images import OCI_CONFIG, OCI_MANIFEST, descriptor, digest_of, image
from harness.receiver import Receiver
from harness.registry_client import RegistryClient, expect
from harness.server import Server, endpoint

LIMIT = 32 << 20
LARGEST = 4 << 20  # of a manifest


@pytest.fixture
def server(serve: Callable[..., Server], receiver: Receiver) -> Server:
    return serve([endpoint("main", receiver.url)], {"http": {"memory": "32MiB"}})


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for one in opened:
        one.close()


def large_manifest(number: int) -> bytes:
    config = descriptor(OCI_CONFIG, b"{}")
    frame = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    return json.dumps(frame | {"annotations": {"number": str(number), "text": "x" * (LARGEST - 1000)}}).encode()


def held(server: Server) -> float:
    used = server.metric("portcall_http_memory_bytes")
    assert used <= LIMIT
    return used


def test_bodies_that_do_not_end(server: Server, receiver: Receiver, clients: list[socket.socket]) -> None:
    one = server.client()
    expect(one.push_blob("acme/app", b"{}"), 201)
    whole = large_manifest(0)
    head = f"PUT /v2/acme/app/manifests/stalled HTTP/1.1\r\nHost: x\r\nContent-Type: {OCI_MANIFEST}\r\n".encode()

    def one_more_fills_it() -> bool:
        clients.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        with contextlib.suppress(OSError):  # who is refused is cut
            clients[-1].sendall(head + b"Content-Length: %d\r\n\r\n" % len(whole) + whole[:-1])
        return held(server) > LIMIT - LARGEST

    wait.until(one_more_fills_it, "they hold what there is", 60)

    refused = server.client().put_manifest("acme/app", "large", whole)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert server.metric("portcall_http_memory_refused_total") > 0
    one.push_image("acme/app", "small", image(1))
    expect(one.get_manifest("acme/app", "small"), 200)
    receiver.wait_for(3)

    for client in clients:
        client.close()
    wait.until(lambda: held(server) == 0, "it is given back")
    expect(server.client().put_manifest("acme/app", "large", whole), 201)


def test_answers_that_nobody_reads(server: Server, clients: list[socket.socket]) -> None:
    one = server.client()
    expect(one.push_blob("acme/app", b"{}"), 201)
    for number in range(12):
        expect(one.put_manifest("acme/app", f"large{number}", large_manifest(number)), 201)
    one.push_image("acme/app", "small", image(1))
    for number in range(11):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /v2/acme/app/manifests/large%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        clients.append(client)
    wait.until(lambda: held(server) > LIMIT - LARGEST, "they hold what there is")

    refused = expect(server.client().get_manifest("acme/app", "large11"), 503)
    assert refused.headers["Retry-After"] == "5"
    assert json.loads(refused.body)["errors"][0]["code"] == "UNAVAILABLE"
    expect(server.client().get_manifest("acme/app", "small"), 200)

    for client in clients:
        client.close()
    wait.until(lambda: held(server) <= LIMIT / 4, "only what is cached stays")
    expect(server.client().get_manifest("acme/app", "large11"), 200)


def tag_many(one: RegistryClient) -> tuple[list[str], bytes]:
    """Twelve thousand tags of one manifest in acme/app, and its bytes."""
    expect(one.push_blob("acme/app", b"{}"), 201)
    config = descriptor(OCI_CONFIG, b"{}")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}).encode()
    tags = [f"{number:06}-" + "t" * 120 for number in range(12_800)]
    for first in range(0, len(tags), 32):
        query = "&".join(f"tag={tag}" for tag in tags[first + 1 : first + 32])
        expect(one.put_manifest("acme/app", f"{tags[first]}?{query}", manifest), 201)
    return tags, manifest


def test_deletions_of_many_tags(server: Server) -> None:
    one = server.client()
    _, manifest = tag_many(one)
    most = before = server.memory()
    with ThreadPoolExecutor(40) as pool:
        digest = digest_of(manifest)
        deletions = [pool.submit(lambda: server.client().delete_manifest("acme/app", digest).status) for _ in range(40)]
        while not all(deletion.done() for deletion in deletions):
            most = max(most, server.memory())
            time.sleep(0.02)
    assert sorted(deletion.result() for deletion in deletions) == [202] + [404] * 39
    assert most - before < 100, "the tags are held once, whoever deletes them"
    assert one.tags("acme/app")["tags"] == []


def test_long_lists_that_many_ask_for(server: Server, clients: list[socket.socket]) -> None:
    one = server.client()
    tags, _ = tag_many(one)
    whole = one.tags("acme/app")["tags"]
    assert whole == tags
    before = server.memory()
    for _ in range(200):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /v2/acme/app/tags/list HTTP/1.1\r\nHost: x\r\n\r\n")
        clients.append(client)
    most = before
    for _ in range(30):
        expect(one.get_manifest("acme/app", tags[0]), 200)  # whoever asks for little is served
        most = max(most, server.memory())
        assert held(server) <= LIMIT
        time.sleep(0.1)
    assert most - before < 64 + 200 * 0.2, "what they take together is bounded, whoever reads"
    for client in clients:
        client.close()
    wait.until(lambda: held(server) < LARGEST, "it is given back")
    assert one.tags("acme/app")["tags"] == tags
