"""Fixtures that all Python suites share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.receiver import Receiver
from harness.server import Server, endpoint


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers and ends them, whatever happens; a clean test demands a clean exit."""
    started: list[Server] = []

    def start(endpoints: list[dict[str, Any]] | None = None, changes: dict[str, Any] | None = None, **more: Any) -> Server:
        server = Server(tmp_path / f"server{len(started)}", endpoints, changes, **more)
        started.append(server)
        return server.start()

    yield start
    problems = []
    for server in started:
        if server.running:
            try:
                if (code := server.stop()) != 0:
                    problems.append(f"exit code {code}")
            except AssertionError as late:
                problems.append(str(late))
        print(f"--- log of {server.program}\n{server.log()[-6000:]}")
    assert not problems, problems


@pytest.fixture
def pair(serve: Callable[..., Server], receiver: Receiver) -> tuple[Server, Receiver]:
    """A server with one endpoint, and that endpoint."""
    return serve([endpoint("main", receiver.url)]), receiver
