"""Audit logs on a volume that hangs, beside endpoints that are well: each holds up itself alone."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import audit_log, images, wait
from harness.audit_log import audit
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import PATIENCE, PORTCALL, Server, endpoint, merged
from harness.volumes import HungVolume

HUNG = 8  # more than any pool of threads that they might share has
IMAGE = images.image(1, layers=1)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[HungVolume]:
    made = HungVolume(tmp_path / "volume")
    yield made
    made.come_back()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, volume: HungVolume, receiver: Receiver) -> Iterator[Server]:
    hung = [audit(volume.folder / f"log{i}", name=f"hung{i}", timeout="500ms") for i in range(HUNG)]
    well = audit(tmp_path / "well", name="well")
    changes = {"http": {"draintimeout": "2s"}}
    made = Server(tmp_path / "server", [*hung, well, endpoint("hook", receiver.url)], changes, program=volume.wrap(PORTCALL))
    made.start()
    yield made
    volume.come_back()
    made.kill()


def push(server: Server, tag: str) -> None:
    expect(server.client().push_image("team/app", tag, IMAGE), 201)


def in_trouble(server: Server) -> set[str]:
    shown = server.debug("/debug/health?verbose").json().get("endpoints", [])
    return {one["name"] for one in shown if one["reason"]}


def hang(server: Server, volume: HungVolume) -> None:
    push(server, "before")
    for i in range(HUNG):
        audit_log.wait_for(volume.folder / f"log{i}", 1)
    volume.hang()
    push(server, "during")
    wait.until(lambda: len(in_trouble(server)) == HUNG, "the folders' endpoints are in trouble", PATIENCE)


def reload(server: Server, timeout: str, rounds: int) -> None:
    endpoints = [one | {"timeout": timeout} if one["name"] == "hung0" else one
                 for one in server.config["notifications"]["endpoints"]]
    server.write_config(merged(server.config, {"notifications": {"endpoints": endpoints}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    wait.until(lambda: server.log().count("configuration reloaded") == rounds, f"reload {rounds}", PATIENCE)


def test_folders_that_hang_hold_up_nothing_else(server: Server, volume: HungVolume, receiver: Receiver,
                                                tmp_path: Path) -> None:
    hang(server, volume)
    for i in range(3):
        reload(server, f"{600 + i}ms", i + 1)
    before = len(receiver.accepted())
    push(server, "after")
    server.wait_pending("well", 0, PATIENCE)
    receiver.wait_for(before + 1, PATIENCE)
    assert server.metrics() and server.debug("/debug/vars").status == 200
    volume.come_back()
    for i in range(HUNG):
        server.wait_pending(f"hung{i}", 0, PATIENCE)
    assert server.stop() == 0
    for folder in [tmp_path / "well", *(volume.folder / f"log{i}" for i in range(HUNG))]:
        audit_log.assert_sound(folder)
    seqs = [one["seq"] for one in audit_log.records(volume.folder / "log0")]
    assert seqs == sorted(set(seqs))


def test_a_stop_leaves_a_folder_behind_that_hangs(server: Server, volume: HungVolume, tmp_path: Path) -> None:
    hang(server, volume)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 2 + 5 + PATIENCE / 10
    assert "left behind" in server.log() and f"audit log {volume.folder / 'log0'}" in server.log()
    audit_log.assert_sound(tmp_path / "well")
    volume.come_back()
    server.start()
    for i in range(HUNG):
        server.wait_pending(f"hung{i}", 0, PATIENCE)
    assert server.stop() == 0
    for i in range(HUNG):
        audit_log.assert_sound(volume.folder / f"log{i}")
