"""Events as large as manifests may be, behind receivers that are down or silent: memory stays within its bound."""

from __future__ import annotations

import socket
from pathlib import Path

from backlog import large_index, repeat_the_newest_event
from failures import Grown
from state import State
from world import IMAGE, MEBIBYTE, REPOSITORY, SANITIZED, entry, peak_memory

from harness import wait
from harness.images import OCI_INDEX
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server, merged

EVENTS, SIZE = 80, 3 * MEBIBYTE
ENDPOINTS, SHARED = 24, 20
SHARED_BOUND = 256  # MiB, for events that together have 60, as many of them as go at a time, and their bodies


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


def test_many_endpoints_that_get_no_answer_share_a_backlog_of_large_events(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", [])
    with server:
        server.client().push_image(REPOSITORY, "v1", IMAGE)
        expect(server.client().put_manifest(REPOSITORY, "large", large_index(SIZE), OCI_INDEX), 201)
    repeat_the_newest_event(server.root / "portcall.db", [f"copy{number}" for number in range(SHARED)])
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:  # connections stand, nobody reads
        kind = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "format": "cloudevents", "order": "none"}
        entries = [entry(f"e{number}", timeout="60s", **{"from": "earliest"}, **kind) for number in range(ENDPOINTS)]
        server.write_config(merged(server.config, {"notifications": {"endpoints": entries}}))
        try:
            for _ in range(2):  # the second one finds parked what the first had in flight
                server.start()
                wait.until(lambda: peak_memory(server) > SHARED_BOUND or _least_in_flight(server) >= 4,
                           "four attempts of each endpoint are under way", 120)
                peak = peak_memory(server)
                server.kill()
        finally:
            server.kill()
    if peak > SHARED_BOUND and not SANITIZED:
        raise Grown(f"{peak:.0f} MiB resident for {ENDPOINTS} silent endpoints, the bound is {SHARED_BOUND}")


def _least_in_flight(server: Server) -> float:
    counts = [count for _, count in server.series("portcall_notifications_in_flight")]
    return min(counts) if len(counts) == ENDPOINTS else 0
