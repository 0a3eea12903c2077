"""The files of the database: whose they are, and what happens when somebody takes them away."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import wait
from harness.images import image
from harness.registry_client import expect
from harness.server import Server
from harness.volumes import fill, small_disk

Serve = Callable[..., Server]


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
    server.start()
    assert len(server.client().tags("acme/app")["tags"]) == 29


@pytest.mark.parametrize("name", ["portcall.db-wal", "portcall.db"])
def test_a_file_that_is_cut(serve: Serve, name: str) -> None:
    """What is written beside what is missing would be lost with it, so nothing more is acknowledged."""
    server = serve([])
    for number in range(20):
        server.client().push_image("acme/app", f"v{number}", image(number))
    os.truncate(server.root / name, 4096)
    with contextlib.suppress(OSError):
        assert server.client().put_manifest("acme/app", "late", image(1).manifest).status == 503
    assert server.process and server.process.wait(20) == 1
    assert re.search(f"{name} was cut to 4096 of \\d+ bytes while it was in use", server.log())


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
    """Of a process that was killed meanwhile: no other file has it."""
    server = serve([])
    server.client().push_image("acme/app", "v1", image(1))
    server.kill()
    log = server.root / "portcall.db-wal"
    log.rename(server.root / "portcall.db-wal.tmp")
    server.start()
    assert server.client().tags("acme/app")["tags"] == ["v1"]
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
