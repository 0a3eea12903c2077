"""Receivers of notifications: threaded HTTP servers that record what arrives and answer as scripted."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness import wait
from harness.ports import free_port


@dataclass(frozen=True)
class Notification:
    arrived: float  # time.monotonic(), as is answered
    answered: float
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    status: int  # what was answered; 0: nothing

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)["events"][0]

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False  # close the connection without an answer


# Given the number of the request, from 0, and its event.
Script = Callable[[int, dict[str, Any]], Reply]


def always(status: int = 200, **more: Any) -> Script:
    return lambda number, event: Reply(status, **more)


def every_second_fails(status: int = 500) -> Script:
    return lambda number, event: Reply(status if number % 2 == 0 else 200)


class Receiver:
    """Listens from start() to stop(), on the same port each time; what was recorded stays."""

    def __init__(self, script: Script | None = None, *, tls: ssl.SSLContext | None = None, listening: bool = True):
        self.script: Script = script or always()
        self.port = free_port()
        self.notifications: list[Notification] = []
        self.errors: list[str] = []  # mistakes in a script
        self._tls = tls
        self._count = 0
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self._server: ThreadingHTTPServer | None = None
        self._sockets: set[socket.socket] = set()
        if listening:
            self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/events"

    def start(self) -> None:
        server = _Server(("127.0.0.1", self.port), _handler(self))
        server.errors = self.errors
        if self._tls:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True)
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is None:
            return
        self._open.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for one in list(self._sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold(self) -> None:
        """From now on answers wait for release()."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert not self.errors, self.errors

    def events(self, accepted_only: bool = True) -> list[dict[str, Any]]:
        with self._changed:
            return [n.event for n in self.notifications if not accepted_only or 200 <= n.status < 300]

    def accepted(self) -> list[Notification]:
        with self._changed:
            return [n for n in self.notifications if 200 <= n.status < 300]

    def clear(self) -> None:
        with self._changed:
            self.notifications.clear()

    def wait_for(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """At least `count` accepted events."""
        wait.until(lambda: len(self.accepted()) >= count, f"{count} events, have {len(self.accepted())}", seconds)
        return self.events()

    def settled(self, quiet: float = 0.4, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The accepted events, once none has come for `quiet` seconds."""
        deadline = time.monotonic() + seconds
        last = (len(self.notifications), time.monotonic())
        while time.monotonic() < deadline:
            with self._changed:
                self._changed.wait(0.05)
            now = time.monotonic()
            if len(self.notifications) != last[0]:
                last = (len(self.notifications), now)
            elif now - last[1] >= quiet:
                break
        return self.events()

    # Called by the handler's threads.
    def begin(self, event: dict[str, Any]) -> Reply:
        with self._changed:
            number = self._count
            self._count += 1
        reply = self.script(number, event)
        if reply.delay:
            time.sleep(reply.delay)
        self._open.wait(60)
        return reply

    def record(self, notification: Notification) -> None:
        with self._changed:
            self.notifications.append(notification)
            self._changed.notify_all()

    def track(self, connection: socket.socket, here: bool) -> None:
        (self._sockets.add if here else self._sockets.discard)(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256
    errors: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # a killed client is part of the tests
            self.errors.append(repr(error))


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            receiver.track(self.connection, True)

        def finish(self) -> None:
            receiver.track(self.connection, False)
            super().finish()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            arrived = time.monotonic()
            reply = receiver.begin(json.loads(body)["events"][0])
            status = 0 if reply.drop else reply.status
            # Recorded before the answer: an accepted event is one whose 2xx may have been seen.
            receiver.record(Notification(arrived, time.monotonic(), self.path, list(self.headers.items()), body, status))
            if reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
