"""The event log stays within its bound, whatever endpoints do."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable

import pytest

from harness import wait
from harness.http_client import Answer
from harness.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, descriptor
from harness.ports import free_port
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Config, Server, endpoint, merged

Serve = Callable[..., Server]

BOUND = 16 << 20
LAYER = b"layer"
FILL = 45  # pushes that fill the log beyond its bound


def events(**more: str) -> Config:
    return {"notifications": {"events": {"keep": "0s", "maxsize": "16MiB", **more}}}


class FatPushes:
    """Manifests of one repository whose events have some 400,000 bytes each."""

    def __init__(self, server: Server):
        self._client = server.client()
        self._layers = [descriptor(OCI_LAYER, LAYER) for _ in range(2_500)]
        self._count = 0
        for blob in (b"{}", LAYER):
            expect(self._client.push_blob("acme/app", blob), 201)

    def push(self) -> Answer:
        self._count += 1
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, b"{}"),
                    "layers": self._layers, "annotations": {"count": str(self._count)}}
        return self._client.put_manifest("acme/app", f"v{self._count}", json.dumps(manifest).encode())

    def push_all(self, count: int) -> None:
        for _ in range(count):
            expect(self.push(), 201)


def log_of(server: Server) -> tuple[int, int]:
    """How many events there are, and their bytes, about."""
    with sqlite3.connect(f"file:{server.root / 'portcall.db'}?mode=ro", uri=True) as database:
        found = database.execute("SELECT count(*), coalesce(sum(length(details)), 0) FROM events").fetchone()
    database.close()
    return found


def reload(server: Server, endpoints: list[Config]) -> None:
    server.write_config(merged(server.config, {"notifications": {"endpoints": endpoints}}))
    before = server.log().count("configuration reloaded")
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    wait.until(lambda: server.log().count("configuration reloaded") > before, "the file is applied", 5)


def test_a_removed_endpoint_that_has_everything_holds_nothing(serve: Serve, receiver: Receiver) -> None:
    with Receiver() as other:
        stays = endpoint("stays", receiver.url)
        server = serve([stays, endpoint("gone", other.url)], events(onfull="refuse"))
        fat = FatPushes(server)
        other.wait_for(2)
        server.wait_pending("gone", 0)
        reload(server, [stays])
        fat.push_all(FILL)
        wait.until(lambda: log_of(server)[0] == 0, "what is delivered goes")
        fat.push_all(1)
        assert "undelivered" not in server.log()


def test_what_a_removed_endpoint_left_expires_before_pushes_are_refused(serve: Serve, receiver: Receiver) -> None:
    with Receiver(listening=False) as down:
        stays = endpoint("stays", receiver.url)
        server = serve([stays, endpoint("gone", down.url)], events(onfull="refuse"))
        fat = FatPushes(server)
        fat.push_all(FILL // 2)
        wait.until(lambda: fat.push().status == 503, "a live endpoint fills the log", 60, 0)
        assert BOUND * 3 // 4 < log_of(server)[1] < BOUND * 5 // 4
        reload(server, [stays])
        wait.until(lambda: fat.push().status == 201, "nobody lives who needs it", 20, 0.5)
        server.wait_log("level=error.*events expired undelivered.*endpoint=gone")
        wait.until(lambda: log_of(server)[1] < BOUND, "what has expired goes")
        assert server.metric("portcall_notifications_orphaned_pending", endpoint="gone") > 0


@pytest.mark.parametrize("pull", ["relaxed", "durable"])
def test_pulls_do_not_grow_a_log_that_is_full(serve: Serve, pull: str) -> None:
    with Receiver(listening=False) as down:
        server = serve([endpoint("main", down.url)], events(onfull="refuse", pull=pull))
        fat = FatPushes(server)
        expect(fat.push(), 201)
        # A pull lists 64 KiB of what the manifest names, a sixth of what its push does.
        statuses = [server.client().get_manifest("acme/app", "v1").status for _ in range(3 * 6 * FILL)]
        assert set(statuses[: FILL // 2]) == {200}
        assert statuses[-1] == (200 if pull == "relaxed" else 503)
        assert log_of(server)[1] < BOUND * 3 // 2  # what was queued when it was full is written still
        assert (server.metric("portcall_pull_events_lost_total") > FILL) == (pull == "relaxed")
        assert server.log().count("are lost until they can be recorded again") == (pull == "relaxed")
        assert fat.push().status == 503


def test_an_endpoint_that_came_back_is_listed_once(serve: Serve, receiver: Receiver) -> None:
    main = endpoint("main", receiver.url)
    server = serve([main], {"notifications": {"events": {"pull": "off"}}})
    for _ in range(3):
        reload(server, [main | {"disabled": True}])
        reload(server, [main])
    listed = json.loads(server.debug("/debug/vars").body)["registry"]["notifications"]["endpoints"]
    assert [entry["name"] for entry in listed] == ["main"]
    assert json.loads(server.debug("/debug/health?verbose").body)["endpoints"] == []
    with sqlite3.connect(f"file:{server.root / 'portcall.db'}?mode=ro", uri=True) as database:
        assert database.execute("SELECT count(*) FROM cursors").fetchone() == (1,)


def away(kind: str, receiver: Receiver) -> Config:
    """An endpoint whose attempts only its destination could end."""
    if kind == "kafka is down":
        return {"name": "away", "type": "kafka", "brokers": [f"127.0.0.1:{free_port()}"], "topic": "events"}
    receiver.hold()
    return endpoint("away", receiver.url, timeout="1h")


def size_on_disk(server: Server) -> int:
    return sum(file.stat().st_size for file in server.root.glob("portcall.db*"))


@pytest.mark.parametrize("kind", ["kafka is down", "no answer"])
def test_what_is_away_holds_up_nothing(serve: Serve, kind: str) -> None:
    with Receiver() as receiver:
        gone = away(kind, receiver)
        server = serve([gone], merged(events(), {"http": {"draintimeout": "1s"}}))
        fat = FatPushes(server)
        fat.push_all(FILL)
        expired = lambda: server.log().count("events expired undelivered")  # noqa: E731
        wait.until(lambda: expired() == 1, "events expire")
        wait.until(lambda: log_of(server)[1] < BOUND, "what has expired goes")

        # The sweep of a log that is full again may be anywhere while files are applied.
        fat.push_all(5)
        for number in range(12):
            reload(server, [gone, endpoint(f"other{number}", receiver.url, disabled=True)])
        wait.until(lambda: expired() > 1, "sweeps go on")
        assert size_on_disk(server) < 4 * BOUND

        server.write_config(merged(server.config, {"notifications": {"endpoints": [gone | {"backoff": "3s"}]}}))
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)  # so that the stop comes while the file is applied
        assert server.stop(seconds=6) == 0
