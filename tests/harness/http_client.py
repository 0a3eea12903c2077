"""Clients that do exactly what they are told: one over http.client, one over a bare socket."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error's code of the distribution API."""
        return self.json()["errors"][0]["code"]

    @property
    def location(self) -> str:
        return self.headers["Location"]


def untrusting_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class HttpClient:
    """One kept connection; not for several threads."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self.tls:
                self._connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self.tls)
            else:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """An OSError or HTTPException means that nobody knows whether the request took effect."""
        if "://" in target:
            target = "/" + target.split("://", 1)[1].split("/", 1)[1]
        connection = self.connect()
        try:
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
            if response.will_close:
                self.close()
            return answer
        except BaseException:
            self.close()
            raise

    def get(self, target: str, **headers: str) -> Answer:
        return self.request("GET", target, headers={k.replace("_", "-"): v for k, v in headers.items()})


def raw_exchange(host: str, port: int, data: bytes, timeout: float = 10.0, finish: bool = False) -> bytes:
    """Sends bytes as they are, and reads until the server closes or `timeout` has passed without a byte."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = bytearray()
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return bytes(received)


def status_of(response: bytes) -> int:
    """Of a raw response; 0: the server closed without one."""
    head = response.split(b" ", 2)
    return int(head[1]) if len(head) > 1 and head[0].startswith(b"HTTP/1.") else 0
