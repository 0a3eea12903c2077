"""A full disk: pushes get 503, pulls work, and it recovers by itself."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import wait
from harness.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of, image
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server, endpoint
from harness.volumes import fill, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize("leave", [4 << 20, 0], ids=["below the reserve", "nothing left"])
def test_a_full_disk(serve: Callable[..., Server], disk: Path, leave: int) -> None:
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("main", receiver.url)],
                       {"storage": {"filesystem": {"rootdirectory": str(disk / "data")}, "reserve": "8MiB"},
                        "notifications": {"events": {"pull": "relaxed"}}})
        client = server.client()
        one = image(1)
        client.push_image("acme/app", "v1", one)
        ballast = fill(disk, leave)

        def refused() -> bool:
            answer = server.client().push_blob("acme/app", os.urandom(1000))
            assert answer.status in (201, 202, 503), answer
            return answer.status == 503

        wait.until(refused, "pushes are refused", pause=0.2)
        answer = server.client().push_blob("acme/app", os.urandom(1000))
        assert (answer.status, answer.code) == (503, "UNAVAILABLE")
        # The database looks at its volume now and then, as the blobs do, but not at the same time.
        again = lambda: server.client().put_manifest("acme/app", "v1", one.manifest).status  # noqa: E731
        wait.until(lambda: again() == 503, "the database has no room either", pause=0.1)
        assert server.client().put_manifest("acme/app", "v2", one.manifest).status == 503
        for data in one.blobs:
            assert expect(server.client().get_blob("acme/app", digest_of(data)), 200).body == data
        assert expect(server.client().get_manifest("acme/app", "v1"), 200).body == one.manifest
        assert server.client().tags("acme/app")["tags"] == ["v1"]
        # What is pending can leave, so that room can be made.
        receiver.start()
        receiver.wait_for(4)
        assert server.running

        ballast.unlink()
        wait.until(lambda: server.client().push_blob("acme/app", b"again").status == 201, "pushes work again", pause=0.2)
        server.client().push_image("acme/app", "v2", image(2))
        assert server.client().tags("acme/app")["tags"] == ["v1", "v2"]
        wait.until(lambda: any(e["target"].get("tag") == "v2" for e in receiver.events()), "the push's event")
        assert server.stop() == 0


def test_a_start_on_a_full_disk(serve: Callable[..., Server], disk: Path) -> None:
    """It serves what a server does whose disk fills while it runs; and again after one more restart."""
    with Receiver() as receiver:
        server = serve([endpoint("main", receiver.url)],
                       {"storage": {"filesystem": {"rootdirectory": str(disk / "data")}, "reserve": "8MiB"}})
        one = image(1)
        server.client().push_image("acme/app", "v1", one)
        receiver.wait_for(4)
        spare = disk / "data" / "portcall.db.spare"
        wait.until(spare.exists, "room for a start is kept")
        assert server.stop() == 0
        ballast = fill(disk, 0)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            server.start()
            assert expect(server.client().get_manifest("acme/app", "v1"), 200).body == one.manifest
            for data in one.blobs:
                assert expect(server.client().get_blob("acme/app", digest_of(data)), 200).body == data
            assert server.client().push_blob("acme/app", os.urandom(1000)).status == 503
            assert server.client().put_manifest("acme/app", "v2", one.manifest).status == 503
            server.stop(number)
            with ballast.open("ab") as out:  # whatever the stop has left is taken by others
                while room := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize:
                    os.posix_fallocate(out.fileno(), ballast.stat().st_size, room)
        server.start()
        ballast.unlink()
        wait.until(lambda: server.client().push_blob("acme/app", b"again").status == 201, "pushes work again", pause=0.2)


def test_what_the_database_can_use_again_is_room(serve: Callable[..., Server], disk: Path) -> None:
    server = serve([], {"storage": {"filesystem": {"rootdirectory": str(disk / "data")}, "reserve": "8MiB"},
                        "notifications": {"events": {"keep": "0s", "maxsize": "32MiB", "includereferences": True}}})
    client = server.client()
    for blob in (b"{}", b"layer"):
        expect(client.push_blob("acme/app", blob), 201)
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, b"{}"), "layers": []}
    fat = json.dumps({**manifest, "layers": [descriptor(OCI_LAYER, b"layer")] * 20_000}).encode()
    for i in range(3):
        expect(client.put_manifest("acme/app", f"v{i}", fat), 201)

    def free_pages() -> int:
        with sqlite3.connect(f"file:{disk / 'data' / 'portcall.db'}?mode=ro", uri=True) as database:
            found = database.execute("PRAGMA freelist_count").fetchone()[0]
        database.close()
        return found

    wait.until(lambda: free_pages() * 4096 > 2 << 20, "the events have gone", 40)
    fill(disk, 6 << 20)
    wait.until(lambda: server.client().push_blob("acme/app", os.urandom(1000)).status == 503, "blobs have no room")
    expect(client.put_manifest("acme/app", "small", json.dumps(manifest).encode()), 201)
    assert server.stop() == 0
