"""What operators have: the socket of a server, and the command line that is its client."""

from __future__ import annotations

import http.client
import json
import os
import pty
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.http_client import Answer
from harness.registry_client import expect
from harness.server import PORTCALL, Server, inherited, merged


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("portcall", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        folder = os.open(self._path.parent, os.O_PATH)  # the path may be longer than an address
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def socket_of(server: Server) -> Path:
    return server.root / "portcall.sock"


def call(server: Server, method: str, path: str, body: Any = None) -> Answer:
    """One call of the API; `path` stands behind /api/v1."""
    connection = _UnixConnection(socket_of(server))
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        connection.request(method, "/api/v1" + path, body=data, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def portcall(server: Server, *arguments: str, seconds: float = 20, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, with the server's own file; nothing is a terminal."""
    return subprocess.run([str(PORTCALL), "-c", str(server.config_path), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=seconds, env=inherited() | server.environment | environment,
                          errors="surrogateescape")


def on_terminal(server: Server, *arguments: str, typed: str = "", answer: Callable[[], str] | None = None,
                **environment: str) -> tuple[int, str]:
    """The same on a terminal where this is typed, or, once there is a question, what `answer` returns."""
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in inherited().items() if k not in ("NO_COLOR", "COLUMNS")} | {"TERM": "xterm"}
    process = subprocess.Popen([str(PORTCALL), "-c", str(server.config_path), *arguments], stdin=theirs, stdout=theirs,
                               stderr=theirs, env=clean | environment)
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            got = os.read(ours, 65536)
        except OSError:  # the last of them is gone
            break
        if not got:
            break
        shown += got
        if answer and b"[y/N]" in shown:
            os.write(ours, answer().encode())
            answer = None
    os.close(ours)
    return process.wait(20), shown.decode(errors="surrogateescape")


def push(server: Server, repository: str = "acme/app", count: int = 1) -> None:
    for _ in range(count):
        expect(server.client().push_blob(repository, os.urandom(50)), 201)


def without(server: Server, name: str) -> dict[str, object]:
    """The configuration without this endpoint."""
    config = merged(server.config, {})
    config["notifications"]["endpoints"] = [e for e in config["notifications"]["endpoints"] if e["name"] != name]
    return config
