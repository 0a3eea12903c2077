"""The process and the system: signals, the limit of tasks."""

from __future__ import annotations

import concurrent.futures
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import images, wait
from harness.registry_client import expect
from harness.server import PORTCALL, Server, endpoint
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


def test_a_limit_of_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    limited_files = tmp_path / "limited"
    limited_files.write_text(f'#!/bin/sh\nulimit -f 20480\nexec "{Server(tmp_path / "any").program}" "$@"\n')  # 10 MiB
    limited_files.chmod(0o755)
    with Server(tmp_path / "server", program=limited_files) as server:
        assert server.client().push_blob("acme/app", bytes(20 << 20)).status == 503
        server.client().push_image("acme/app", "v1", images.image(1))


def test_deliveries_leave_file_descriptors_for_pushes_and_pulls(tmp_path: Path) -> None:
    """Ten endpoints that may make 64 attempts each, for a receiver that never answers."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 256\nexec "{Server(tmp_path / "any").program}" "$@"\n')
    few.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as receiver:
        url = f"http://127.0.0.1:{receiver.getsockname()[1]}/"
        endpoints = [endpoint(f"hook{number}", url, concurrency=64, timeout="60s") for number in range(10)]
        with Server(tmp_path / "server", endpoints, {"http": {"draintimeout": "1s"}}, program=few) as server:
            def go(number: int) -> None:
                client = server.client()
                one = images.image(number, layers=1)
                for repository in range(8):
                    client.push_image(f"team{number}/app{repository}", "v1", one)
                    expect(client.get_manifest(f"team{number}/app{repository}", "v1"), 200)

            with concurrent.futures.ThreadPoolExecutor(16) as clients:
                for done in [clients.submit(go, number) for number in range(16)]:
                    done.result()
            under_way = [value for _, value in server.series("portcall_notifications_in_flight")]
            assert min(under_way) >= 1 and sum(under_way) <= 256 // 4 + 1, under_way
            assert "Too many open files" not in server.log()


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


def test_a_stop_in_the_first_moments_of_a_start_ends_it(tmp_path: Path) -> None:
    """Whatever there is of the process by then, and whichever of its threads the signal comes to."""
    server = Server(tmp_path / "server")
    ends = set()
    for number in range(200):
        process = server.spawn()
        time.sleep(number % 50 / 1000)  # any moment must do
        ends.add(server.stop(seconds=20))
        assert process.returncode in (0, -signal.SIGTERM), f"after {number % 50} ms: {server.log()[-2000:]}"
    assert 0 in ends


def test_no_thread_takes_a_signal_but_the_one_that_waits_for_it(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        assert server.process
        threads = Path(f"/proc/{server.process.pid}/task")
        wanted = sum(1 << (number - 1) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        open_to = []
        for thread in threads.iterdir():
            blocked = re.search(r"^SigBlk:\s+(\w+)$", (thread / "status").read_text(), re.MULTILINE)
            assert blocked
            if int(blocked[1], 16) & wanted != wanted:
                open_to.append((thread / "comm").read_text().strip())
        assert len(open_to) <= 1, open_to  # while it waits


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
