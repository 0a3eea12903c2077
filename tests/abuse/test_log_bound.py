"""A log beyond events.maxsize, with onfull: refuse."""

from __future__ import annotations

from pathlib import Path

from backlog import large_index, repeat_the_newest_event
from world import IMAGE, REPOSITORY, entry

from harness.images import OCI_INDEX
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server


def test_it_takes_nothing_more_from_the_start(tmp_path: Path) -> None:
    events = {"maxsize": "16MiB", "onfull": "refuse"}
    with Receiver(listening=False) as receiver:
        server = Server(tmp_path / "server", [entry("main", url=receiver.url)], {"notifications": {"events": events}})
        with server:
            server.client().push_image(REPOSITORY, "v1", IMAGE)
            expect(server.client().put_manifest(REPOSITORY, "large", large_index(64 << 10), OCI_INDEX), 201)
        repeat_the_newest_event(server.root / "portcall.db", [f"copy{number}" for number in range(300)])
        with server:
            answer = server.client().put_manifest(REPOSITORY, "v2", IMAGE.manifest)
            assert answer.status == 503, "the log is at 20 MiB of 16"
