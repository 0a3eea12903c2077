"""How late pulls and pushes are while something else keeps the server busy, against the same processor time burnt beside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.full_pipe import FullPipe
from harness.images import OCI_INDEX
from harness.name_server import NameServer
from harness.ports import free_port
from harness.registry_client import expect, with_digest
from harness.server import PORTCALL
from memory import IMAGE, MIB, large_index
from report import Line, Report
from tools import Target, load

WORSE = 3
PIECE = b"\0" * MIB
OFF = {"notifications": {"events": {"maxsize": "2GiB"}}}
# Burns this share of a processor until its input ends.
BURNER = """
import select, sys, time
share = float(sys.argv[1])
while not select.select([sys.stdin], [], [], 0.01 * (1 - share))[0]:
    ends = time.thread_time() + 0.01 * share
    while time.thread_time() < ends: pass
"""


@dataclass
class Case:
    busy: Target
    act: Callable[[threading.Event, int], None] | None = None  # in so many threads, until the event is set
    threads: int = 0


@contextmanager
def acting(case: Case) -> Iterator[None]:
    ended, broken = threading.Event(), []

    def run(number: int) -> None:
        try:
            case.act(ended, number)  # type: ignore[misc]
        except Exception as error:  # told below: a stress that stopped would be no stress
            broken.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(case.threads)]
    for one in threads:
        one.start()
    time.sleep(1)
    try:
        yield
    finally:
        ended.set()
        for one in threads:
            one.join()
    assert not broken, broken[0]


@contextmanager
def burning(share: float) -> Iterator[None]:
    processes = []
    while share > 0.01:
        processes.append(subprocess.Popen([sys.executable, "-c", BURNER, f"{min(share, 1):.3f}"], stdin=subprocess.PIPE))
        share -= 1
    try:
        yield
    finally:
        for one in processes:
            one.kill()
            one.wait()


def processor(target: Target) -> float:
    """Seconds that the server and this process, with its clients, have used."""
    assert target.server.process
    fields = Path(f"/proc/{target.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + time.process_time()


def probe(target: Target, seconds: int) -> tuple[float, float, float]:
    """p99 of a manifest GET and of a push, in ms, and the share of processors used meanwhile."""
    begun, used = time.monotonic(), processor(target)
    got = load(target.server.port, "get", connections=4, rate=200, count=200 * seconds,
               path="/v2/bench/r%/manifests/latest", repositories=target.repositories)
    put = target.put(100 * seconds, connections=4, rate=100, repositories=target.repositories)
    return got["p99_ms"], put["p99_ms"], (processor(target) - used) / (time.monotonic() - begun)


def small(folder: Path, endpoints: list[dict[str, object]] | None = None) -> Target:
    return Target(folder, False, endpoints or [], OFF, repositories=20)


@contextmanager
def names(folder: Path, quick: bool) -> Iterator[Case]:
    server = NameServer()
    try:
        folder.mkdir(parents=True)
        ends = [{"name": f"e{n}", "url": f"http://e{n}.bench.test:{free_port()}/", "timeout": "1s", "backoff": "100ms",
                 "maxbackoff": "500ms", "threshold": 3} for n in range(8)]
        target = small(folder / "busy", ends)
        target.server.program = str(server.wrap(PORTCALL, folder))
        server.dead = True
        with target:
            yield Case(target)
        assert server.questions > 0
    finally:
        server.close()


@contextmanager
def uploads(folder: Path, quick: bool) -> Iterator[Case]:
    pieces = 128 if quick else 2048
    hashed = hashlib.sha512()
    for _ in range(pieces):
        hashed.update(PIECE)
    digest = f"sha512:{hashed.hexdigest()}"
    with small(folder / "busy") as target:
        def act(ended: threading.Event, number: int) -> None:
            while not ended.is_set():
                place = expect(target.client.start_upload(f"bench/u{number}"), 202).location
                path = "/" + place.split("://", 1)[1].split("/", 1)[1] if "://" in place else place
                with socket.create_connection(("127.0.0.1", target.server.port), 60) as one:
                    one.sendall(f"PUT {with_digest(path, digest)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                                f"application/octet-stream\r\nContent-Length: {pieces * MIB}\r\n\r\n".encode())
                    for _ in range(pieces):
                        if ended.is_set():
                            return
                        one.sendall(PIECE)
                    answer = one.recv(4096)
                    assert answer.startswith(b"HTTP/1.1 201"), answer

        yield Case(target, act, 4)


@contextmanager
def cold(folder: Path, quick: bool) -> Iterator[Case]:
    size = (256 if quick else 4096) * MIB
    with small(folder / "busy") as target:
        source = folder / "blob"
        with source.open("wb") as out:
            for _ in range(size // MIB):
                out.write(os.urandom(MIB))
        with source.open("rb") as data:
            digest = f"sha256:{hashlib.file_digest(data, 'sha256').hexdigest()}"
            data.seek(0)
            place = expect(target.client.start_upload("bench/r0"), 202).location
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            expect(target.client.http.request("PUT", with_digest(place, digest), data, headers), 201)
        source.unlink()
        (stored,) = (target.server.root.rglob(f"{digest[7:]}/data"))
        request = f"GET /v2/bench/r0/blobs/{digest} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

        def act(ended: threading.Event, number: int) -> None:
            while not ended.is_set():
                with socket.create_connection(("127.0.0.1", target.server.port), 60) as one, stored.open("rb") as file:
                    one.sendall(request)
                    while not ended.wait(0.05) and one.recv(MIB):
                        if number == 0:
                            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

        yield Case(target, act, 16)


@contextmanager
def manifests(folder: Path, quick: bool) -> Iterator[Case]:
    with small(folder / "busy") as target:
        target.client.push_image("bench/large", "child", IMAGE)
        body = large_index(4 * MIB - 2048, "large")

        def act(ended: threading.Event, number: int) -> None:
            client = target.client
            while not ended.is_set():
                expect(client.put_manifest("bench/large", "latest", body, OCI_INDEX), 201)

        yield Case(target, act, 1)


@contextmanager
def unread(folder: Path, quick: bool) -> Iterator[Case]:
    pipe = FullPipe()
    try:
        target = small(folder / "busy", [{"name": "dead", "url": f"http://127.0.0.1:{free_port()}/", "timeout": "1s",
                                          "threshold": 3, "backoff": "100ms"}])
        target.server.write_config(target.server.config | {"log": {"level": "debug"}})
        target.server.stderr = pipe.write_end
        with target:
            yield Case(target)
    finally:
        pipe.close()


CASES = {"eight endpoints whose names nobody answers": names, "four sha512 uploads": uploads,
         "a cold blob and 16 slow readers": cold, "4 MiB manifests pushed in a loop": manifests,
         "stderr that is not read": unread}


def lateness(report: Report, folder: Path, quick: bool) -> None:
    rounds, seconds = (3, 2) if quick else (5, 10)
    for name, prepare in CASES.items():
        busy: list[tuple[float, float, float]] = []
        calm: list[tuple[float, float, float]] = []
        with ExitStack() as stack:
            other = stack.enter_context(small(folder / prepare.__name__ / "calm"))
            case = stack.enter_context(prepare(folder / prepare.__name__ / "case", quick))
            alone = probe(other, seconds)[2]
            for _ in range(rounds):
                with acting(case) if case.act else contextlib.nullcontext():
                    busy.append(probe(case.busy, seconds))
                with burning(max(0.0, busy[-1][2] - alone)):
                    calm.append(probe(other, seconds))
        report.say(f"{name}: {max(0.0, busy[-1][2] - alone):.2f} processors")
        for place, what in enumerate(("manifest GET", "push")):
            report.add(Line(f"  p99 of a {what}", "ms", [one[place] for one in busy], [one[place] for one in calm],
                            "beside as much burnt", WORSE, at_most=True))
