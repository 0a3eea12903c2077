"""The process and the system: signals, the limit of tasks."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import wait
from harness.server import PORTCALL, Server
from harness.volumes import HungVolume

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def as_user(server: Server, *command: str) -> list[str]:
    """As a user without other processes: the limit of tasks is the user's."""
    return ["setpriv", f"--reuid={100_000 + server.port}", "--clear-groups", *command]


def limited(server: Server, tasks: int) -> subprocess.Popen[bytes]:
    """Starts it where no more tasks than these can be had."""
    for folder in (server.folder, *server.folder.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    for path in (server.folder, server.config_path):
        shutil.chown(path, 100_000 + server.port)
    command = as_user(server, "prlimit", f"--nproc={tasks}", server.program, "serve", str(server.config_path))
    with server.log_path.open("ab") as log:
        server.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return server.process


MANY = """
import threading
for _ in range(200):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
input()
"""


def test_a_command_that_takes_no_signals_dies_of_them(tmp_path: Path) -> None:
    """It waits for a file, on a disk that does not answer."""
    volume = HungVolume(tmp_path / "volume")
    volume.hang()
    with subprocess.Popen([volume.wrap(PORTCALL), "check", str(volume.folder / "config.yml")]) as process:
        time.sleep(0.2)  # whenever it comes, it must do
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM


@only_root
def test_a_start_at_the_limit_of_tasks_says_so(tmp_path: Path) -> None:
    for tasks in (1, 2, 4, 10, 14, 16, 20, 22, 24, 26):
        server = Server(tmp_path / str(tasks))
        process = limited(server, tasks)
        try:
            assert process.wait(20) == 1, server.log()[-2000:]
            assert re.search(rf"at most {tasks} tasks.*RLIMIT_NPROC", server.log()), server.log()[-2000:]
        finally:
            server.kill()


@only_root
def test_a_reload_at_the_limit_of_tasks_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    process = limited(server, 200)
    try:
        wait.until(lambda: "listening on" in server.log(), "it serves")
        with subprocess.Popen(as_user(server, "/usr/bin/python3", "-c", MANY), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, cwd="/") as others:
            assert others.stdout and others.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGHUP)
            server.wait_log("configuration not reloaded.*at most 200 tasks")
            assert server.client().http.get("/").status == 200
            others.communicate(b"\n")
        process.send_signal(signal.SIGHUP)
        server.wait_log("configuration reloaded")
        assert server.stop() == 0
    finally:
        server.kill()
