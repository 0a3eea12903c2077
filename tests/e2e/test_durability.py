"""What a power failure would find on the disk: nothing is told before it is synced. kill -9 cannot show that."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness import calls, wait
from harness.audit_log import audit, segments
from harness.calls import SYNCS, Call, first
from harness.images import image
from harness.registry_client import expect
from harness.server import PORTCALL, Server


IMAGE = image(1, layers=0)


def syncs(path: str | Path) -> Callable[[Call], bool]:
    return lambda call: call.name in SYNCS and call.path == str(path)


def writes(path: str | Path) -> Callable[[Call], bool]:
    return lambda call: call.name in ("pwrite64", "write") and call.path == str(path)


def answers_201(call: Call) -> bool:
    return call.name in ("sendmsg", "sendto", "write", "writev") and '"HTTP/1.1 201' in call.text


def settled(server: Server) -> None:
    """Waits until the database says that the audit log has all there is."""
    with closing(sqlite3.connect(f"file:{server.root / 'portcall.db'}?mode=ro", uri=True, timeout=30)) as database:
        query = "SELECT min(settled_through) = (SELECT seq FROM sqlite_sequence WHERE name='events') FROM cursors"
        wait.until(lambda: database.execute(query).fetchone()[0] == 1, "everything is settled")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def made(tmp_path: Path, folder: Path) -> tuple[Server, list[Call]]:
    """By a server that got a blob, and a manifest when the blob was on record and settled."""
    script, trace = calls.wrapper(tmp_path, str(PORTCALL))
    sanitizer = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # which cannot be traced itself
    server = Server(tmp_path / "server", [audit(folder)], program=script, environment=sanitizer)
    with server:
        settled(server)
        expect(server.client().push_blob("acme/app", IMAGE.blobs[0]), 201)
        settled(server)
        expect(server.client().put_manifest("acme/app", "v1", IMAGE.manifest), 201)
        settled(server)
    return server, calls.read(trace)


def test_a_push_is_on_the_disk_before_its_answer(made: tuple[Server, list[Call]]) -> None:
    server, all_calls = made
    log = server.root / "portcall.db-wal"
    renamed = first(all_calls, "rename", lambda call: call.name.startswith("rename") and "/blobs/" in call.text)
    uploaded, blob = renamed.text.split('"')[1], Path(renamed.text.split('"')[3])
    assert any(syncs(uploaded)(call) for call in all_calls if call.ended < renamed.begun), "its bytes are synced first"
    folder = first(all_calls, "sync of the blob's folder", syncs(blob.parent), renamed.ended)
    told = first(all_calls, "answer to the blob", answers_201)
    for new in blob.parents[1:3]:
        assert any(syncs(new)(call) for call in all_calls if call.ended < told.begun), f"{new} has a new entry"
    for digest, answer, since in ((blob.parent.name, told, folder.ended), (IMAGE.digest.partition(":")[2], None, told.ended)):
        answer = answer or first(all_calls, "answer to the manifest", answers_201, since)
        row = first(all_calls, "row", lambda call, named=digest: writes(log)(call) and named in call.text, since)
        committed = first(all_calls, "sync of the row", syncs(log), row.ended)
        assert committed.ended < answer.begun


def test_an_audit_record_is_on_the_disk_before_its_settlement(made: tuple[Server, list[Call]], folder: Path) -> None:
    server, all_calls = made
    log = server.root / "portcall.db-wal"
    segment, = segments(folder)
    lines = [call for call in all_calls if writes(segment)(call)]
    assert len(lines) >= 3
    for line in lines:
        synced = first(all_calls, "sync of the record", syncs(segment), line.ended)
        assert not [call for call in all_calls if writes(log)(call) and line.begun < call.begun < synced.ended], \
            "it was settled before"
        first(all_calls, "settlement", syncs(log), synced.ended)
