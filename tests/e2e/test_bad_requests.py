"""Requests that no client should make: an exact answer, no event, and nothing half-written afterwards."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import wait
from harness.http_client import raw_exchange, status_of
from harness.images import OCI_MANIFEST, digest_of, image
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import PORTCALL, Server, endpoint

Serve = Callable[..., Server]


@pytest.fixture
def server(serve: Serve, receiver: Receiver) -> Server:
    return serve([endpoint("main", receiver.url)])


def blobs(server: Server) -> list[Path]:
    return [path for path in (server.root / "docker/registry/v2/blobs").rglob("data") if path.is_file()]


def unharmed(server: Server, receiver: Receiver, kept: int = 0) -> None:
    """No event, no blob; a new push works."""
    assert receiver.settled(0.2) == []
    assert len(blobs(server)) == kept
    expect(server.client().push_blob("acme/alive", b"alive"), 201)
    receiver.wait_for(1)


HOST = b"Host: x\r\n"
MALFORMED = {
    "no version": (b"GET /v2/\r\n\r\n", 400),
    "no request": (b"\x00\x01\x02\x03\r\n\r\n", 400),
    "a broken header": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"no colon here\r\n\r\n", 400),
    "a blank in a name": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"Bad Name: x\r\n\r\n", 400),
    "a control character": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: b\x01c\r\n\r\n", 400),
    "two lengths": (b"PUT /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    "length and chunks": (b"PUT /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a negative length": (b"PUT /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    "a length beyond 64 bits": (b"PUT /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "a huge header": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 20_000 + b"\r\n", 431),
    "a TLS hello": (bytes.fromhex("160301012a010001260303") + b"\x00" * 290, 400),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_heads(server: Server, receiver: Receiver, case: str) -> None:
    request, status = MALFORMED[case]
    answer = raw_exchange("127.0.0.1", server.port, request, 5, finish=True)
    assert status_of(answer) == status, answer[:300]
    assert b"onnection: close" in answer or answer.endswith(b"closed") or b"\r\n\r\n" in answer
    unharmed(server, receiver)


def test_a_huge_request_line(server: Server, receiver: Receiver) -> None:
    answer = raw_exchange("127.0.0.1", server.port, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 5)
    assert status_of(answer) in (414, 431)
    unharmed(server, receiver)


def started(server: Server) -> str:
    location = expect(server.client().start_upload("acme/app"), 202).location
    return "/" + location.split("://", 1)[1].split("/", 1)[1]


def test_a_broken_chunk(server: Server, receiver: Receiver) -> None:
    head = f"PATCH {started(server)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = raw_exchange("127.0.0.1", server.port, head + b"zz\r\nnot hexadecimal\r\n0\r\n\r\n", 5)
    assert status_of(answer) == 400, answer[:300]
    unharmed(server, receiver)


def test_a_wrong_digest(server: Server, receiver: Receiver) -> None:
    answer = server.client().push_blob("acme/app", b"data", digest_of(b"other"))
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert server.client().get_blob("acme/app", digest_of(b"other")).code == "BLOB_UNKNOWN"
    unharmed(server, receiver)


@pytest.mark.parametrize("digest", ["sha256:abc", "md5:" + "a" * 32, "nonsense", "sha256:" + "G" * 64])
def test_impossible_digests(server: Server, receiver: Receiver, digest: str) -> None:
    answer = server.client().push_blob("acme/app", b"data", digest)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    unharmed(server, receiver)


def test_a_truncated_upload(server: Server, receiver: Receiver) -> None:
    data = b"x" * 100_000
    target = f"{started(server)}&digest={digest_of(data)}"
    head = f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + data[:50_000])
    time.sleep(0.3)
    assert server.client().get_blob("acme/app", digest_of(data)).status == 404
    unharmed(server, receiver)


def test_an_upload_with_a_false_length_claim(server: Server, receiver: Receiver) -> None:
    answer = server.client().http.request("PATCH", started(server), b"12345", {"Content-Range": "0-9"})
    assert (answer.status, answer.code) in ((400, "SIZE_INVALID"), (416, "RANGE_INVALID"))
    unharmed(server, receiver)


def test_a_chunk_out_of_order(server: Server, receiver: Receiver) -> None:
    answer = server.client().http.request("PATCH", started(server), b"12345", {"Content-Range": "5-9"})
    assert (answer.status, answer.code) == (416, "RANGE_INVALID")
    unharmed(server, receiver)


def test_an_unknown_upload(server: Server, receiver: Receiver) -> None:
    path = "/v2/acme/app/blobs/uploads/00000000-0000-4000-8000-000000000000"
    answer = server.client().http.request("PATCH", path, b"data")
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    unharmed(server, receiver)


def sends_for_ever(server: Server, head: str) -> tuple[bytes, float]:
    """Chunks as fast as they are taken; the answer, and how long it took until the server hung up."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    begun = time.monotonic()
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(f"{head}\r\nHost: x\r\nContent-Type: {OCI_MANIFEST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while time.monotonic() - begun < 30:
            try:
                connection.sendall(chunk)
                if select.select([connection], [], [], 0)[0]:
                    answer += connection.recv(4096)
            except OSError:
                break
    return answer, time.monotonic() - begun


@pytest.mark.parametrize("head, status", [("GET /v2/ HTTP/1.1", 200), ("PUT /v2/acme/app/manifests/v1 HTTP/1.1", 413)])
def test_endless_bodies_are_cut(server: Server, receiver: Receiver, head: str, status: int) -> None:
    """Answered as soon as it is clear, and hung up on soon after: an answer is not lost to a reset at once."""
    before = server.memory()
    answer, seconds = sends_for_ever(server, head)
    assert status_of(answer) == status, answer[:300]
    assert seconds < 15
    assert server.memory() - before < 32
    unharmed(server, receiver)


def test_a_manifest_over_4_mib(server: Server, receiver: Receiver) -> None:
    answer = server.client().put_manifest("acme/app", "v1", b" " * ((4 << 20) + 1))
    assert (answer.status, answer.code) == (413, "MANIFEST_INVALID")
    unharmed(server, receiver)


def test_a_manifest_of_almost_4_mib(server: Server, receiver: Receiver) -> None:
    one = image(1, layers=0)
    expect(server.client().push_blob("acme/app", one.blobs[0]), 201)
    padded = json.loads(one.manifest) | {"annotations": {f"k{i}": "x" * 10_000 for i in range(390)}}
    body = json.dumps(padded).encode()
    assert 3_900_000 < len(body) < 4 << 20
    expect(server.client().put_manifest("acme/app", "v1", body), 201)
    assert server.client().get_manifest("acme/app", "v1").body == body


MANIFESTS = {
    "deep JSON": b"[" * 100_000 + b"]" * 100_000,
    "deep annotations": b'{"schemaVersion":2,"mediaType":"' + OCI_MANIFEST.encode() + b'","annotations":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "not JSON": b"not json",
    "empty": b"",
    "cut": b'{"schemaVersion":2,',
    "not an object": b"[]",
    "null": b"null",
    "another version": b'{"schemaVersion":1}',
    "wrong types": b'{"schemaVersion":2,"config":7,"layers":"many"}',
    "a digest that is none": b'{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:zz","size":1},"layers":[]}',
    "bad UTF-8": b'{"schemaVersion":2,"annotations":{"a":"\xff\xfe"}}',
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests_that_are_none(server: Server, receiver: Receiver, case: str) -> None:
    answer = server.client().put_manifest("acme/app", "v1", MANIFESTS[case])
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert server.client().get_manifest("acme/app", "v1").status == 404
    unharmed(server, receiver)


def test_a_manifest_without_its_blobs(server: Server, receiver: Receiver) -> None:
    one = image(2)
    answer = server.client().put_manifest("acme/app", "v1", one.manifest)
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert len(answer.json()["errors"]) == len(one.blobs)
    unharmed(server, receiver)


def test_a_manifest_under_anothers_digest(server: Server, receiver: Receiver) -> None:
    one = image(3, layers=0)
    client = server.client()
    expect(client.push_blob("acme/app", one.blobs[0]), 201)
    receiver.wait_for(1)
    receiver.clear()
    answer = client.put_manifest("acme/app", digest_of(b"another"), one.manifest)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    unharmed(server, receiver, kept=1)


@pytest.mark.parametrize("name", ["UPPER", "_x", "x-", "a" * 300, "a//b", "../../etc", "a/%2e%2e/b"])
def test_impossible_names(server: Server, receiver: Receiver, name: str) -> None:
    answer = server.client().http.request("POST", f"/v2/{name}/blobs/uploads/")
    assert answer.status in (400, 404), answer
    unharmed(server, receiver)


@pytest.mark.parametrize("tag", ["-x", ".x", "a" * 129, "a%20b"])
def test_impossible_tags(server: Server, receiver: Receiver, tag: str) -> None:
    answer = server.client().put_manifest("acme/app", tag, image(4, layers=0).manifest)
    assert answer.status in (400, 404), answer
    unharmed(server, receiver)


def test_slow_loris(server: Server, receiver: Receiver) -> None:
    """Hundreds of clients that never finish a head do not keep the others out."""
    crowd = []
    try:
        for _ in range(300):
            one = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            one.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: ")
            crowd.append(one)
        begun = time.monotonic()
        unharmed(server, receiver)
        assert time.monotonic() - begun < 5
    finally:
        for one in crowd:
            one.close()


def test_a_head_that_never_ends_is_cut(serve: Serve, receiver: Receiver) -> None:
    """http.timeouts.head from its first byte, however busily it drips."""
    server = serve([endpoint("main", receiver.url)], {"http": {"timeouts": {"head": "10s"}}})
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        begun = time.monotonic()
        connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n")

        def cut() -> bool:
            try:
                connection.sendall(b"A: b\r\n")
                connection.settimeout(0.5)
                return connection.recv(4096)[:12] in (b"HTTP/1.1 408", b"")
            except TimeoutError:
                return False
            except OSError:
                return True

        wait.until(cut, "the server cuts it", 45)
        assert 8 < time.monotonic() - begun < 20
    unharmed(server, receiver)


def test_a_connection_that_idles_is_closed(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url)], {"http": {"timeouts": {"idle": "1s"}}})
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(connection.recv(4096)) == 200
        while connection.recv(4096):  # until it is closed; TimeoutError: it never is
            pass
    unharmed(server, receiver)


def test_a_body_that_stalls_is_cut(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url)], {"http": {"timeouts": {"stall": "1s"}}})
    location = expect(server.client().start_upload("acme/app"), 202).location
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"PATCH /{location.split('/', 3)[3]} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
        assert status_of(connection.recv(4096)) in (400, 408)
    unharmed(server, receiver)


def with_few_descriptors(folder: Path) -> Path:
    few = folder / "few-descriptors"
    few.write_text(f'#!/bin/sh\nulimit -n 256\nexec "{PORTCALL}" "$@"\n')
    few.chmod(0o755)
    return few


def test_uploads_that_nobody_goes_on_with_keep_nobody_out(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    """One connection begins more of them than there are descriptors."""
    server = serve([endpoint("main", receiver.url)], program=with_few_descriptors(tmp_path))
    one = server.client()
    expect(one.push_blob("acme/before", b"before"), 201)
    for _ in range(300):
        expect(one.start_upload("acme/idle"), 202)
    for number in range(5):
        expect(server.client().push_blob("acme/alive", b"alive %d" % number), 201)
    expect(server.client().get_blob("acme/before", digest_of(b"before")), 200)
    receiver.wait_for(6)
    assert 'portcall_http_refused_total{reason="descriptors"} 0' in server.metrics()


def test_half_sent_heads_keep_nobody_out(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    """With 256 descriptors 230 of them would leave none for others, nor for files."""
    server = serve([endpoint("main", receiver.url)], program=with_few_descriptors(tmp_path))
    server.wait_log("connections at once, for 256 file descriptors")
    slow = []
    try:
        for _ in range(230):
            slow.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            slow[-1].sendall(b"GET /v2/ HTTP/1.1\r\nHo")
        before = time.monotonic()
        for number in range(5):
            expect(server.client().push_blob("acme/alive", b"alive %d" % number), 201)
            assert server.debug("/livez").status == 200
        assert time.monotonic() - before < 10
        receiver.wait_for(5)
        assert 'portcall_http_refused_total{reason="crowded"}' in server.metrics()
        server.wait_log("connections are at their limit")
    finally:
        for one in slow:
            one.close()


def test_what_is_refused_at_the_door_is_told(server: Server) -> None:
    raw_exchange("127.0.0.1", server.port, b"nonsense\r\n\r\n")
    wait.until(lambda: "a request was refused" in server.log(), "a line in the log")
    assert 'error="malformed HTTP request"' in server.log()
    assert 'portcall_http_refused_total{reason="malformed"} 1' in server.metrics()
