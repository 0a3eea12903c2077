"""How fast clients are served."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import time
from pathlib import Path

from harness.images import digest_of
from report import Line, Report
from tools import REPOSITORIES, BenchReceiver, Nginx, Target, load, patient

BLOB = 64 << 20


def manifest_put(report: Report, folder: Path, quick: bool) -> None:
    ours, theirs = [], []
    with BenchReceiver() as receiver, Target(folder / "ours", False, [patient("bench", receiver.url)]) as portcall, \
            Target(folder / "peer", True, [patient("bench", receiver.url)]) as peer:
        for _ in range(2 if quick else 5):
            ours.append(portcall.put(5_000 if quick else 20_000)["rate"])
            theirs.append(peer.put(500 if quick else 3_000)["rate"])
    report.add(Line("manifest PUT, 16 clients", "requests/s", ours, theirs, "docker-registry", 8))


def rows(target: Target) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{target.server.root}/portcall.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM events WHERE action = 1").fetchone()[0]


def manifest_get(report: Report, folder: Path, quick: bool) -> None:
    ours, theirs, answered = [], [], 0
    with BenchReceiver() as receiver, Target(folder / "ours", False, [patient("bench", receiver.url)]) as portcall, \
            Target(folder / "peer", True, [patient("bench", receiver.url)]) as peer:
        for _ in range(2 if quick else 5):
            result = portcall.get(20_000 if quick else 60_000)
            answered += int(result["ok"])
            ours.append(result["rate"])
            theirs.append(peer.get(2_000 if quick else 8_000)["rate"])
        deadline = time.monotonic() + 20
        while rows(portcall) < answered and time.monotonic() < deadline:
            time.sleep(0.1)
        found = rows(portcall)
    report.add(Line("manifest GET with pull events, 16 clients", "requests/s", ours, theirs, "docker-registry", 8))
    report.say(f"  rows in the log for {answered:,} answered 200: {found:,} {'(all)' if found == answered else 'NOT ALL'}")


def manifest_get_without_events(report: Report, folder: Path, quick: bool) -> None:
    ours, theirs = [], []
    off = {"notifications": {"events": {"pull": "off"}}}
    with Target(folder / "ours", False, [], off) as portcall, Nginx(folder / "nginx") as nginx:
        path = "/v2/bench/r%/manifests/latest"
        for number in range(REPOSITORIES):
            nginx.put(path.replace("%", str(number)), portcall.image.manifest)
        count = 20_000 if quick else 100_000
        for _ in range(2 if quick else 5):
            ours.append(portcall.get(count)["rate"])
            theirs.append(load(nginx.port, "get", connections=16, count=count, path=path)["rate"])
    report.add(Line("manifest GET, pull events off, 16 clients", "requests/s", ours, theirs, "nginx", 0.5))


def blob_get(report: Report, folder: Path, quick: bool) -> None:
    data = os.urandom(BLOB)
    ours, theirs = [], []
    off = {"notifications": {"events": {"pull": "off"}}}
    with Target(folder / "ours", False, [], off) as portcall, Nginx(folder / "nginx") as nginx:
        path = f"/v2/bench/r0/blobs/{portcall.big_blob(data)}"
        nginx.put(path, data)
        count = 8 if quick else 40
        for _ in range(2 if quick else 7):
            for port, rates in ((portcall.server.port, ours), (nginx.port, theirs)):
                result = load(port, "get", connections=2, count=count, path=path)
                assert result["bytes"] == count * BLOB
                rates.append(result["bytes"] / result["seconds"] / 1e6)
    report.add(Line("64 MiB blob GET, 2 clients", "MB/s", ours, theirs, "nginx with sendfile", 0.9))


def sha256_speed() -> float:
    """MB/s of one core."""
    done = subprocess.run(["openssl", "speed", "-seconds", "1", "-bytes", "65536", "-evp", "sha256"], capture_output=True,
                          text=True, timeout=30, check=True)
    return float(re.findall(r"([\d.]+)k\s*$", done.stdout, re.MULTILINE)[-1]) / 1e3


def disk_speed(file: Path, data: bytes) -> float:
    begun = time.monotonic()
    with file.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    rate = len(data) / (time.monotonic() - begun) / 1e6
    file.unlink()
    return rate


def push_speed(target: Target, data: bytes, digest: str) -> float:
    client = target.client
    begun = time.monotonic()
    answer = client.push_blob("bench/r0", data, digest)
    assert answer.status == 201, answer
    return len(data) / (time.monotonic() - begun) / 1e6


def blob_push(report: Report, folder: Path, quick: bool) -> None:
    ours, theirs, limits = [], [], []
    with Target(folder / "ours", False, []) as portcall, Target(folder / "peer", True, []) as peer:
        for _ in range(2 if quick else 7):
            data = os.urandom(BLOB)
            digest = digest_of(data)
            ours.append(push_speed(portcall, data, digest))
            theirs.append(push_speed(peer, data, digest))
            limits.append(min(sha256_speed(), disk_speed(folder / "plain", data)))
    bar = [min(0.8 * limit, 1.5 * peer_rate) for limit, peer_rate in zip(limits, theirs)]
    report.add(Line("64 MiB blob push, synced", "MB/s", ours, theirs, "docker-registry (not synced)"))
    report.add(Line("64 MiB blob push against the limit", "MB/s", ours, limits, "slower of SHA-256 and disk"))
    report.add(Line("64 MiB blob push against what is wanted", "MB/s", ours, bar, "lower of 80 % of the limit and 1.5 × peer,", 1))


def append(report: Report, folder: Path, quick: bool) -> None:
    from tools import BUILD
    done = subprocess.run([BUILD / "bench_append"], capture_output=True, text=True, timeout=300, cwd=folder)
    lines = done.stdout.strip().splitlines() or [f"failed: {done.stderr[-300:]}"]
    report.say(f"durable appends from 128 writers, against a bare loop (wanted ≥ 0.7): {lines[-1]}")
