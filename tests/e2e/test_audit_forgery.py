"""What somebody with the host in hand does to an audit log, and what finds it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import wait
from harness.audit_log import ORIGIN, assert_sound, audit, lines, records, segments, verify
from harness.images import digest_of
from harness.registry_client import expect
from harness.server import Config, Server, merged

Serve = Callable[..., Server]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def start(serve: Serve, endpoints: list[Config], changes: Config | None = None) -> Server:
    return serve(endpoints, merged({"notifications": {"source": ORIGIN}}, changes or {}))


def forge(file: Path, number: int, old: bytes, new: bytes) -> None:
    """Edits a record of a log's first segment and computes the chain anew, as anybody could who may write there."""
    text = file.read_bytes().splitlines()
    assert old in text[number]
    text[number] = text[number].replace(old, new)
    for at in range(number + 1, len(text)):
        prev = json.loads(text[at])["prev"].encode()
        text[at] = text[at].replace(prev, hashlib.sha256(b"\0" + text[at - 1]).hexdigest().encode(), 1)
    file.write_bytes(b"\n".join(text) + b"\n")


def test_a_forgery_while_the_server_stood_still_is_neither_signed_nor_extended(serve: Serve, folder: Path,
                                                                               tmp_path: Path) -> None:
    server = start(serve, [audit(folder, backoff="50ms", maxbackoff="200ms", checkpoint={"records": 2})])
    for number in range(6):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    server.wait_pending("audit", 0)
    assert server.stop() == 0
    database = ("--database", server.root / "portcall.db", "--endpoint", "audit")
    assert_sound(folder, *database)
    file = segments(folder)[0]
    forge(file, 2, b"acme/app", b"acme/apq")
    for name in ("checkpoints", "state"):
        (folder / name).unlink()
    forged = file.read_bytes()
    assert "none of the records is signed" in " ".join(assert_sound(folder)["notes"])
    code, report = verify(folder, *database)
    assert code == 1 and "checkpoints are missing" in report["findings"][0]["what"]
    assert "covers other records" in report["findings"][1]["what"]

    server.start()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    server.wait_log("checkpoints are gone")
    wait.until(lambda: server.pending("audit") > 0, "events that wait")
    assert server.stop() == 0
    assert file.read_bytes() == forged and not (folder / "checkpoints").exists()

    moved = tmp_path / "forged"
    folder.rename(moved)
    server.start()
    server.wait_log("the folder is empty")
    server.wait_pending("audit", 0)
    beginning = wait.until(lambda: [r for r in records(folder) if "a new audit log begins" in r.get("note", "")],
                           "the record of the new beginning")
    assert beginning[0]["action"] == "endpoint"
    more = digest_of(b"more")
    assert [r["target"]["digest"] for r in records(folder) if r["action"] == "push"] == [more]
    server.wait_pending("audit", 0)
    assert server.stop() == 0
    assert_sound(folder, *database)
    # What the database knew of the old log is on record in the new one.
    code, report = verify(moved, "--anchor", segments(folder)[0])
    assert code == 1 and "covers other records" in report["findings"][0]["what"]
    server.start()
    expect(server.client().push_blob("acme/app", b"and more"), 201)
    server.wait_pending("audit", 0)


def test_what_was_added_while_the_server_stood_still_silences_nothing(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder, checkpoint={"records": 2})])
    for number in range(6):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    server.wait_pending("audit", 0)
    assert server.stop() == 0
    # The highest sequence and the year 9999, in the state and in a record that follows the last.
    file = segments(folder)[0]
    last = lines(folder)[-1]
    record = json.loads(last)
    added = last.replace(b'{"n":%d,"prev":"%s","seq":%d,' % (record["n"], record["prev"].encode(), record["seq"]),
                         b'{"n":%d,"prev":"%s","seq":%d,' % (record["n"] + 1, hashlib.sha256(b"\0" + last).hexdigest().encode(),
                                                            2**63 - 1))
    added = added.replace(record["recorded"].encode(), b"9999-12-31T23:59:59.999999999Z")
    assert added != last
    with file.open("ab") as end:
        end.write(added + b"\n")
    body = "".join(
        {"seq": "seq 9223372036854775807\n", "recorded": "recorded 9999-12-31T23:59:59.999999999Z\n"}.get(
            line.split()[0], line) for line in (folder / "state").read_text().splitlines(keepends=True)[:-1])
    (folder / "state").write_text(body + f"sum {hashlib.sha256(body.encode()).hexdigest()}\n")
    server.start()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    wait.until(lambda: digest_of(b"more") in [r["target"]["digest"] for r in records(folder) if r["action"] == "push"],
               "the new push is on record")
    assert server.stop() == 0
    assert not any(r["recorded"].startswith("9999") for r in records(folder))
    assert [f.name for f in folder.glob("unacknowledged-*")]
    assert_sound(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")


def test_fresh_records_are_kept_however_old_their_files_look(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder, keep="24h", rotate={"size": "4KiB"}, compress=False,
                                 checkpoint={"records": 5, "interval": "1s"})])
    for number in range(40):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    server.wait_pending("audit", 0)
    closed = segments(folder)[:-1]
    assert len(closed) > 2
    for file in closed:
        os.utime(file, (1_577_836_800, 1_577_836_800))
    for number in range(40, 60):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    server.wait_pending("audit", 0)
    server.stop()
    server.start()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    server.wait_pending("audit", 0)
    assert server.stop() == 0
    assert all(file.exists() for file in closed) and not (folder / "retained").exists()
    assert_sound(folder)


def test_checkpoints_that_are_removed_from_a_running_server_are_missed(serve: Serve, folder: Path, tmp_path: Path) -> None:
    server = start(serve, [audit(folder, backoff="50ms", maxbackoff="200ms", checkpoint={"records": 2})])
    for number in range(6):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    server.wait_pending("audit", 0)
    (folder / "checkpoints").unlink()
    before = segments(folder)[0].read_bytes()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    server.wait_log("somebody removed, replaced or changed")
    server.wait_log("checkpoints are gone")
    wait.until(lambda: server.pending("audit") > 0, "events that wait")
    assert segments(folder)[0].read_bytes() == before and not (folder / "checkpoints").exists()
    code, report = verify(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")
    assert code == 1 and "checkpoints are missing" in report["findings"][0]["what"]
    folder.rename(tmp_path / "damaged")
    server.wait_pending("audit", 0)
    assert digest_of(b"more") in [r["target"]["digest"] for r in records(folder) if r["action"] == "push"]
    assert server.stop() == 0
    assert_sound(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")
