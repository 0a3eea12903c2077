"""Uploads that must be read again for their digest, when those who asked for it have gone, and at a stop."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from harness.registry_client import expect, with_digest
from harness.server import Server

ABORTED = 40
SIZE = 1 << 30  # of each; holes, which take seconds to hash and no room
ANY = "sha256:" + "0" * 64


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve([], {"http": {"draintimeout": "1s"}})


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for one in opened:
        one.close()


def ask_for_hashes(server: Server, clients: list[socket.socket]) -> None:
    """Uploads that a restart has found longer than they were, each with a client that waits for its end."""
    client = server.client()
    started = [expect(client.start_upload("acme/app"), 202).location for _ in range(ABORTED)]
    server.stop()
    for data in (server.root / "docker/registry/v2/repositories/acme/app/_uploads").glob("*/data"):
        os.truncate(data, SIZE)
    server.start()
    for location in started:
        path = "/v2/" + with_digest(location.split("?")[0].split("/v2/")[1], ANY)
        one = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        one.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        clients.append(one)


def test_who_has_gone_holds_up_nobody(server: Server, clients: list[socket.socket]) -> None:
    ask_for_hashes(server, clients)
    for one in clients:
        one.close()
    client = server.client()
    data = b"x" * (2 << 20)
    location = expect(client.start_upload("acme/app"), 202).location
    location = expect(client.http.request("PATCH", location, data), 202).location
    before = time.monotonic()
    expect(client.http.request("PUT", with_digest(location, "sha512:" + hashlib.sha512(data).hexdigest())), 201)
    assert time.monotonic() - before < 10


def test_a_stop_waits_for_none_of_them(server: Server, clients: list[socket.socket]) -> None:
    ask_for_hashes(server, clients)
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 4
    assert "did not end orderly" not in server.start().log()
    assert len(list((server.root / "docker/registry/v2/repositories/acme/app/_uploads").iterdir())) == ABORTED
