"""Events as large as manifests may be, behind a receiver that is down: memory stays within its bound."""

from __future__ import annotations

from pathlib import Path

from backlog import large_index, repeat_the_newest_event
from failures import Grown
from state import State
from world import IMAGE, MEBIBYTE, REPOSITORY, SANITIZED, entry, peak_memory

from harness.images import OCI_INDEX
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server

EVENTS, SIZE = 80, 3 * MEBIBYTE


def test_a_start_with_a_backlog_of_large_events(tmp_path: Path) -> None:
    with Receiver(listening=False) as receiver:
        server = Server(tmp_path / "server", [entry("main", url=receiver.url, timeout="10s")])
        with server:
            server.client().push_image(REPOSITORY, "v1", IMAGE)
            expect(server.client().put_manifest(REPOSITORY, "large", large_index(SIZE), OCI_INDEX), 201)
        repeat_the_newest_event(server.root / "portcall.db", [f"copy{number}" for number in range(EVENTS)])
        with server:
            server.wait_pending("main", EVENTS + 2)
            receiver.start()
            receiver.wait_for(EVENTS + 2, 60)
            peak = peak_memory(server)
        if peak > State.memory_bound and not SANITIZED:
            raise Grown(f"{peak:.0f} MiB resident for {EVENTS} events of 3 MiB, the bound is {State.memory_bound}")
