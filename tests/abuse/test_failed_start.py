"""A start that fails has told nobody anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from world import IMAGE, REPOSITORY, entry

from harness.receiver import Receiver
from harness.server import PATIENCE, Server, merged

STARTS, REPOSITORIES = 5, 20


@pytest.mark.parametrize("taken", ["port", "debug_port"])
def test_a_port_that_is_taken(tmp_path: Path, taken: str) -> None:
    with Receiver() as receiver:
        server = Server(tmp_path / "server")
        with server:
            for number in range(REPOSITORIES):
                server.client().push_image(f"{REPOSITORY}{number}", "v1", IMAGE)
        with socket.create_server(("127.0.0.1", getattr(server, taken))):
            for number in range(STARTS):
                new = entry(f"new{number}", url=receiver.url) | {"from": "earliest"}
                server.write_config(merged(server.config, {"notifications": {"endpoints": [new]}}))
                assert server.spawn().wait(PATIENCE) == 1
        assert not receiver.events(accepted_only=False)
        with server:
            receiver.wait_for(REPOSITORIES)
