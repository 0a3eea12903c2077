"""Events as large as manifests may be, behind a receiver that is down: memory stays within its bound."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from failures import Grown
from state import State
from world import IMAGE, MEBIBYTE, REPOSITORY, SANITIZED, entry, peak_memory

from harness.images import OCI_INDEX, OCI_MANIFEST, descriptor
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server

EVENTS = 80


def large_index() -> bytes:
    """An event repeats what an index says of a platform."""
    platform = {"os": "linux", "architecture": "amd64", "features": ["x" * 3 * MEBIBYTE]}
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX,
                       "manifests": [descriptor(OCI_MANIFEST, IMAGE.manifest, platform=platform)]}).encode()


def repeat_the_newest_event(database: Path, times: int) -> None:
    """As if it had been pushed so often, which would take minutes."""
    with closing(sqlite3.connect(database)) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(events)") if name not in ("seq", "id")]
        copied = ", ".join(columns)
        for _ in range(times):
            connection.execute(f"INSERT INTO events (id, {copied}) SELECT ?, {copied} FROM events ORDER BY seq DESC LIMIT 1",
                               [str(uuid.uuid4())])
        connection.commit()


@pytest.mark.xfail(strict=True, raises=Grown, reason="a page of the log is bounded in events, not in bytes")
def test_a_start_with_a_backlog_of_large_events(tmp_path: Path) -> None:
    with Receiver(listening=False) as receiver:
        server = Server(tmp_path / "server", [entry("main", url=receiver.url, timeout="10s")])
        with server:
            client = server.client()
            client.push_image(REPOSITORY, "v1", IMAGE)
            expect(client.put_manifest(REPOSITORY, "large", large_index(), OCI_INDEX), 201)
        repeat_the_newest_event(server.root / "portcall.db", EVENTS)
        with server:
            server.wait_pending("main", EVENTS + 2)
            receiver.start()
            receiver.wait_for(EVENTS + 2, 60)
            peak = peak_memory(server)
        if peak > State.memory_bound and not SANITIZED:
            raise Grown(f"{peak:.0f} MiB resident with a backlog of {EVENTS} events of 3 MiB, the bound is {State.memory_bound}")
