"""A start that fails has told nobody anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from failures import Unexpected
from world import IMAGE, REPOSITORY, entry

from harness.receiver import Receiver
from harness.server import PATIENCE, Server, merged

REPOSITORIES = 20


@pytest.mark.xfail(strict=True, raises=Unexpected, reason="endpoints begin to send before the addresses are bound")
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with Receiver() as receiver:
        server = Server(tmp_path / "server")
        with server:
            for number in range(REPOSITORIES):
                server.client().push_image(f"{REPOSITORY}{number}", "v1", IMAGE)
        new = entry("main", url=receiver.url) | {"from": "earliest"}
        server.write_config(merged(server.config, {"notifications": {"endpoints": [new]}}))
        with socket.create_server(("127.0.0.1", server.port)):
            assert server.spawn().wait(PATIENCE) == 1
        if told := receiver.events(accepted_only=False):
            raise Unexpected(f"{len(told)} events were sent by a start that failed")
        with server:
            receiver.wait_for(REPOSITORIES)
