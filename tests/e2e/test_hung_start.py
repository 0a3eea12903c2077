"""A start on a disk that does not answer can be ended."""

from __future__ import annotations

import contextlib
import fcntl
import re
import signal
import time
from pathlib import Path

from harness import wait
from harness.server import PORTCALL, Server
from harness.volumes import HungVolume


def hears_stops(pid: int) -> bool:
    """A thread blocks the signal; of the one that waits for it the kernel shows that it does not."""
    with contextlib.suppress(OSError):  # a thread has just ended
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            mask = re.search(r"^SigBlk:\s*(\w+)", status.read_text(), re.MULTILINE)
            if mask and int(mask[1], 16) >> (signal.SIGTERM - 1) & 1:
                return True
    return False


def test_sigterm_ends_a_start_that_hangs(tmp_path: Path) -> None:
    """The disk of the key answers while the configuration is read."""
    volume = HungVolume(tmp_path / "volume")
    key = volume.folder / "key"
    key.touch()
    audit = {"name": "audit", "type": "audit", "directory": str(tmp_path / "audit"), "key": str(key)}
    server = Server(tmp_path / "server", [audit], {"http": {"draintimeout": "1s"}}, program=volume.wrap(PORTCALL))
    server.root.mkdir()
    try:
        with (server.root / "portcall.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = server.spawn()
            server.wait_log("waiting for another process")
            volume.hang()
        wait.until((server.root / "portcall.db").exists, "it has read its file and makes its endpoints")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
        assert time.monotonic() - begun < 6
        assert "the shutdown hangs, ending at once" in server.log()
    finally:
        server.kill()


def test_a_start_that_hangs_can_be_stopped(tmp_path: Path) -> None:
    volume = HungVolume(tmp_path / "volume")
    server = Server(tmp_path / "server", program=volume.wrap(PORTCALL))
    server.config_path = server.config_path.rename(volume.folder / "config.yml")
    volume.hang()
    process = server.spawn()
    try:
        wait.until(lambda: hears_stops(process.pid), "a stop is no sudden death any more")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        server.kill()
