"""Receivers that answer as small programs do. docker-registry delivers each event to them once (net/http's client reads the head
alone): so do we."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness import wait
from harness.images import image
from harness.server import Server, endpoint

Serve = Callable[..., Server]
EVENTS = 3  # of one image with one layer

ANSWERS = {
    "a short body, then the end": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", True),
    "a short body, held open": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", False),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", False),
    "no length, held open": (b"HTTP/1.1 202 Accepted\r\n\r\n", False),
    "broken chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", True),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", True),
}


class Odd:
    """Answers each request with the same bytes, and then closes the connection or waits for the next one."""

    def __init__(self, answer: bytes, closes: bool):
        self.answer, self.closes, self.requests = answer, closes, 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/events"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while head := b"".join(iter(lambda: stream.readline(), b"\r\n")):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                stream.read(int(length[1]) if length else 0)
                self.requests += 1
                connection.sendall(self.answer)
                if self.closes:
                    return


@pytest.fixture
def receivers() -> Iterator[dict[str, Odd]]:
    with ExitStack() as stack:
        made = {name: Odd(*answer) for name, answer in ANSWERS.items()}
        for one in made.values():
            stack.callback(one.close)
        yield made


def test_each_event_is_delivered_once_to_receivers_that_answer_oddly(serve: Serve, receivers: dict[str, Odd]) -> None:
    server = serve([endpoint(name, one.url) for name, one in receivers.items()])
    server.client().push_image("team/app", "v1", image(1, layers=1))
    wait.until(lambda: all(one.requests >= EVENTS for one in receivers.values()), "every receiver was told")
    for name in receivers:
        server.wait_pending(name, 0)
    assert {name: one.requests for name, one in receivers.items()} == dict.fromkeys(receivers, EVENTS)
    assert "started failing" not in server.log()
