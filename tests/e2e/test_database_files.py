"""The files of the database: whose they are, and what happens when somebody takes them away."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import sqlite3
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import wait
from harness.images import image
from harness.registry_client import expect
from harness.server import Server
from harness.volumes import fill, small_disk

Serve = Callable[..., Server]


def all_moved(index: Path) -> bool:
    """By the header of the log's index (sqlite.org/walformat.html): how many frames there are, and are in the database."""
    header = index.read_bytes()
    frames, moved = (struct.unpack_from("=I", header, at)[0] for at in (16, 96))
    return 0 < frames == moved


def test_two_servers_on_one_database(serve: Serve, tmp_path: Path) -> None:
    """Each with a folder of its own."""
    database = str(tmp_path / "portcall.db")
    first = serve([], {"store": {"path": database}})
    assert first.process
    second = Server(tmp_path / "second", changes={"store": {"path": database}})
    second.program = first.program
    with second.log_path.open("ab") as log:
        done = subprocess.run([second.program, "serve", "--wait", "100ms", str(second.config_path)], stdout=log, stderr=log,
                              timeout=20, check=False)
    assert done.returncode == 1
    assert f"process {first.process.pid} holds {database}.lock" in second.log()
    first.client().push_image("acme/app", "v1", image(1))


def test_a_database_that_is_moved_away(serve: Serve) -> None:
    server = serve([])
    server.client().push_image("acme/app", "v1", image(1))
    database = server.root / "portcall.db"
    database.rename(server.root / "away.db")
    assert server.client().push_blob("acme/app", b"more").status == 503
    server.wait_log("cannot be written.*portcall.db was removed")
    wait.until(lambda: server.debug("/readyz").status == 503, "it is not ready")
    assert b"portcall.db was removed" in server.debug("/readyz").body
    assert server.debug("/livez").status == 200
    expect(server.client().get_manifest("acme/app", "v1"), 200)
    (server.root / "away.db").rename(database)
    wait.until(lambda: server.debug("/readyz").status == 200, "it is ready again")
    server.client().push_image("acme/app", "v2", image(2))
    server.restart()
    assert server.client().tags("acme/app")["tags"] == ["v1", "v2"]


def test_a_write_ahead_log_that_is_taken_away(serve: Serve) -> None:
    """What was acknowledged is in the file; the supervisor starts it again."""
    server = serve([])
    server.client().push_image("acme/app", "v1", image(1))
    (server.root / "portcall.db-wal").unlink()
    assert server.process and server.process.wait(20) == 1
    assert "portcall.db-wal was removed" in server.log()
    server.start()
    assert server.client().tags("acme/app")["tags"] == ["v1"]


def test_a_write_ahead_log_that_is_taken_away_while_others_read(serve: Serve) -> None:
    """As a backup does: what was acknowledged could not be moved into the database."""
    server = serve([])
    client = server.client()
    client.push_image("acme/app", "v1", image(1))
    with contextlib.closing(sqlite3.connect(server.root / "portcall.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM tags").fetchone() == (1,)
        client.push_image("acme/app", "v2", image(2))
        (server.root / "portcall.db-wal").unlink()
        (server.root / "portcall.db-wal").touch()  # as whoever opens the database now makes it
        assert server.process and server.process.wait(20) == 1
        assert "portcall.db-wal was replaced while it was in use; start again: what it held is there again" in server.log()
    server.start()
    assert server.client().tags("acme/app")["tags"] == ["v1", "v2"]


def test_a_write_ahead_log_that_an_old_one_replaces(serve: Serve) -> None:
    """As one that is copied back: the next start would undo by it what came after it."""
    server = serve([])
    client = server.client()
    log = server.root / "portcall.db-wal"
    client.push_image("acme/app", "v1", image(1))
    old = log.read_bytes()
    for number in range(2, 30):
        client.push_image("acme/app", f"v{number}", image(number))
    copy = server.root / "copy"
    copy.write_bytes(old)
    copy.rename(log)
    assert server.process and server.process.wait(20) == 1
    assert "portcall.db-wal was replaced while it was in use; start again: what it held is there again" in server.log()
    assert (server.root / "portcall.db-wal.other").read_bytes() == old
    assert "what had its name is " + str(server.root / "portcall.db-wal.other") in server.log()
    server.start()
    assert len(server.client().tags("acme/app")["tags"]) == 29


@pytest.mark.parametrize("name", ["portcall.db-wal", "portcall.db"])
def test_a_file_that_is_cut(serve: Serve, name: str) -> None:
    """What is written beside what is missing would be lost with it, so nothing more is acknowledged."""
    server = serve([])
    for number in range(20):
        server.client().push_image("acme/app", f"v{number}", image(number))
    if name == "portcall.db":
        wait.until(lambda: all_moved(server.root / "portcall.db-shm"), "all of the log is in the database")
    os.truncate(server.root / name, 4096)
    with contextlib.suppress(OSError):
        assert server.client().put_manifest("acme/app", "late", image(1).manifest).status == 503
    assert server.process and server.process.wait(20) == 1
    assert re.search(f"{name} was cut to 4096 of \\d+ bytes while it was in use", server.log())


def test_a_database_that_is_compacted_in_use(serve: Serve) -> None:
    """It gets smaller, and nothing is missing."""
    server = serve([])
    client = server.client()
    for number in range(30):
        client.push_image("acme/gone", f"v{number}", image(number))
    for number in range(30):
        expect(client.delete_manifest("acme/gone", image(number).digest), 202)
    stop = threading.Event()

    def push() -> int:
        pushed = 0
        while not stop.is_set():
            server.client().push_image("acme/app", f"v{pushed}", image(pushed % 50))
            pushed += 1
        return pushed

    with concurrent.futures.ThreadPoolExecutor(2) as clients:
        pushes = [clients.submit(push) for _ in range(2)]
        with contextlib.closing(sqlite3.connect(server.root / "portcall.db", isolation_level=None, timeout=20)) as other:
            for mode in ("PASSIVE", "TRUNCATE", "PASSIVE"):
                other.execute("VACUUM")
                other.execute(f"PRAGMA wal_checkpoint({mode})")
        stop.set()
        pushed = max(done.result() for done in pushes)
    assert len(server.client().tags("acme/app")["tags"]) == pushed
    assert server.stop() == 0


def test_a_refused_start_changes_nothing(serve: Serve) -> None:
    """Else the backup that is put back would be without what the write-ahead log held."""
    server = serve([])
    server.client().push_image("acme/app", "v1", image(1))
    server.kill()
    database, log = server.root / "portcall.db", server.root / "portcall.db-wal"
    kept, logged = database.read_bytes(), log.read_bytes()
    assert logged
    os.truncate(database, 4096)
    assert server.spawn().wait(20) == 2
    assert "portcall.db is damaged" in server.log()
    assert (database.stat().st_size, log.read_bytes()) == (4096, logged)
    for lost in (lambda: os.truncate(database, 0), database.unlink):
        lost()
        assert server.spawn().wait(20) == 2
        assert "portcall.db is missing or empty, but" in server.log().splitlines()[-1]
        assert log.read_bytes() == logged
    database.write_bytes(kept)
    server.start()
    assert server.client().tags("acme/app")["tags"] == ["v1"]


def test_a_write_ahead_log_that_was_half_put_back(serve: Serve) -> None:
    """What it held is in the database since, and a part of it would undo what came after that part."""
    server = serve([])
    for number in range(40):
        server.client().push_image("acme/app", f"v{number}", image(number))
    log = server.root / "portcall.db-wal"
    wait.until(lambda: all_moved(server.root / "portcall.db-shm"), "all of the log is in the database")
    server.kill()
    (server.root / "portcall.db-wal.tmp").write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    log.unlink()
    server.start()
    assert len(server.client().tags("acme/app")["tags"]) == 40
    assert not (server.root / "portcall.db-wal.tmp").exists()


def test_a_write_ahead_log_that_is_taken_away_to_make_room(serve: Serve, tmp_path: Path) -> None:
    """What it holds finds no place on the full volume: it is kept until there is room, and nothing is acknowledged meanwhile."""
    with small_disk(tmp_path / "small", "40m") as volume:
        server = serve([], {"store": {"path": str(volume / "portcall.db")}, "storage": {"reserve": "0"}})
        client = server.client()
        for number in range(40):
            client.push_image("acme/app", f"v{number}", image(number))
        ballast = fill(volume, 0)
        (volume / "portcall.db-wal").unlink()
        wait.until(lambda: b"portcall.db-wal was removed" in server.debug("/readyz").body, "it is not ready")
        assert b"No space left" in server.debug("/readyz").body
        expect(client.put_manifest("acme/app", "late", image(1).manifest), 503)
        expect(client.get_manifest("acme/app", "v39"), 200)
        ballast.unlink()
        assert server.process and server.process.wait(20) == 1
        server.start()
        assert len(server.client().tags("acme/app")["tags"]) == 40
        server.stop()
