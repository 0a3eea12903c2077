"""The registry's own disk that stops to answer: reloads and stops end all the same."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import images
from harness.receiver import Receiver
from harness.server import PORTCALL, Server, endpoint, merged
from harness.volumes import HungVolume

DRAIN, OVERRUN = 1, 5
SLOW = 3  # of a loaded machine


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
    changes = {"http": {"draintimeout": f"{DRAIN}s"},
               "storage": {"filesystem": {"rootdirectory": str(volume.folder / "data")}}}
    made = Server(tmp_path / "server", [endpoint("hook", receiver.url)], changes, program=volume.wrap(PORTCALL))
    yield made
    made.kill()


def changed(server: Server, timeout: str) -> None:
    hook = server.config["notifications"]["endpoints"][0] | {"timeout": timeout}
    server.write_config(merged(server.config, {"notifications": {"endpoints": [hook]}}))


def ends_in_time(server: Server) -> int:
    assert server.process
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(30)
    assert time.monotonic() - begun < DRAIN + OVERRUN + SLOW
    return code


def test_a_reload_is_refused_and_nothing_changes(server: Server, volume: HungVolume, receiver: Receiver) -> None:
    server.start()
    server.client().push_image("team/app", "v1", images.image(1, layers=1))
    server.wait_pending("hook", 0)
    volume.hang()
    changed(server, "3s")
    assert server.process
    for refused in (1, 2):
        server.process.send_signal(signal.SIGHUP)
        server.wait_log(rf"(?s)(configuration not reloaded[^\n]*database takes too long to answer.*){{{refused}}}",
                        OVERRUN + SLOW)
    assert server.debug("/debug/vars").status == 200
    volume.come_back()
    server.reload()
    before = len(receiver.accepted())
    server.client().push_image("team/app", "v2", images.image(2, layers=1))
    receiver.wait_for(before + 1)
    assert server.stop() == 0


def test_a_stop_ends(server: Server, volume: HungVolume) -> None:
    server.start()
    server.client().push_image("team/app", "v1", images.image(1, layers=1))
    volume.hang()
    assert ends_in_time(server) == 1
    assert "the shutdown hangs, ending at once" in server.log()


def test_a_stop_ends_a_reload_that_waits(server: Server, volume: HungVolume) -> None:
    server.start()
    server.client().push_image("team/app", "v1", images.image(1, layers=1))
    volume.hang()
    changed(server, "3s")
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    ends_in_time(server)


def test_a_stop_ends_a_start(server: Server, volume: HungVolume) -> None:
    (volume.folder / "data").mkdir()
    volume.hang()
    server.spawn()
    time.sleep(1)  # whenever it comes, it must do
    ends_in_time(server)
