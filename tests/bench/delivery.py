"""How fast a backlog drains, and how late an event is."""

from __future__ import annotations

import time
from pathlib import Path

from harness import wait
from harness.receiver import Receiver
from report import Line, Report
from tools import REPOSITORIES, BenchReceiver, Target, patient, until_count, wrk

# What 100 pushes of an image at the start cause: a blob and a manifest each.
PREPARATION = 2 * REPOSITORIES


def real_body(folder: Path) -> bytes:
    """A notification as it is sent, for wrk to send the same."""
    with Receiver() as receiver, Target(folder, False, [patient("bench", receiver.url)]) as target:
        receiver.wait_for(PREPARATION)
        target.get(1, 1)
        receiver.wait_for(PREPARATION + 1)
        return receiver.notifications[-1].body


def drain(target: Target, receiver: BenchReceiver, events: int, mode: str) -> float:
    """Events a second from the moment the receiver lets go until the last is settled."""
    until_count(receiver, PREPARATION) if receiver.count < PREPARATION else None
    if not target.peer:
        target.server.wait_pending("bench", 0, 60)
    receiver.tell("reset")
    receiver.tell("hold")
    target.get(events)
    if not target.peer:
        wait.until(lambda: target.pending() >= events, "the backlog stands", 60)
    begun = time.monotonic()
    receiver.tell(mode)
    if target.peer:
        until_count(receiver, events)
    else:
        # The gauge is as of the last flush: zero means that the cursor is on disk.
        while target.pending() > 0:
            time.sleep(0.05)  # a look at the metrics is work too
            assert time.monotonic() - begun < 600
    rate = events / (time.monotonic() - begun)
    assert receiver.count >= events
    return rate


def fast_receiver(report: Report, folder: Path, quick: bool) -> None:
    rounds = 2 if quick else 3
    ours_events, peer_events = (20_000, 2_000) if quick else (200_000, 10_000)
    body = real_body(folder / "body")
    ours, theirs, limit = [], [], []
    with BenchReceiver() as receiver, BenchReceiver() as other, \
            Target(folder / "ours", False, [patient("bench", receiver.url)]) as portcall, \
            Target(folder / "peer", True, [patient("bench", other.url)]) as peer:
        for _ in range(rounds):
            ours.append(drain(portcall, receiver, ours_events, "now"))
            theirs.append(drain(peer, other, peer_events, "now"))
            limit.append(wrk(receiver.url, body, 2 if quick else 5, folder))
    report.add(Line(f"delivery, drain of {ours_events:,}", "events/s", ours, theirs, "docker-registry", 10))
    report.add(Line("delivery, drain against the limit", "events/s", ours, limit, "wrk with the same body, 32 connections", 0.4))


def slow_receiver(report: Report, folder: Path, quick: bool) -> None:
    ours_events, peer_events = (2_000, 250) if quick else (10_000, 300)
    ours, theirs = [], []
    with BenchReceiver() as receiver, BenchReceiver() as other, \
            Target(folder / "ours", False, [patient("bench", receiver.url)]) as portcall, \
            Target(folder / "peer", True, [patient("bench", other.url)]) as peer:
        for _ in range(2 if quick else 3):
            ours.append(drain(portcall, receiver, ours_events, "delay 20"))
            receiver.tell("now")
            theirs.append(drain(peer, other, peer_events, "delay 20"))
            other.tell("now")
    report.add(Line("delivery into 20 ms", "events/s", ours, theirs, "docker-registry", 20))


def times(file: Path) -> dict[int, int]:
    found: dict[int, int] = {}
    for line in file.read_text().splitlines():
        number, at = line.split()
        found.setdefault(int(number), int(at))
    return found


def late(target: Target, receiver: BenchReceiver, folder: Path, rate: int, seconds: int) -> float:
    """The 99th percentile of milliseconds from the client's 201 to the event's arrival."""
    count = rate * seconds
    receiver.tell("reset")
    answered, arrived = folder / "answered", folder / "arrived"
    target.put(count, rate=rate, times=answered)
    until_count(receiver, count, 120)
    receiver.tell(f"times {arrived}")
    there = times(arrived)
    waits = sorted((there[number] - at) / 1e6 for number, at in times(answered).items())
    return waits[int(len(waits) * 0.99)]


def lateness(report: Report, folder: Path, quick: bool) -> None:
    rounds, seconds = (1, 3) if quick else (3, 10)
    for name, with_stuck in (("alone", False), ("beside an endpoint that never answers", True)):
        ours, theirs = [], []
        with BenchReceiver() as receiver, BenchReceiver() as other, BenchReceiver("never") as stuck:
            more = [{"name": "stuck", "url": stuck.url, "timeout": "5s", "backoff": "1s"}] if with_stuck else []
            with Target(folder / f"ours{with_stuck}", False, [patient("bench", receiver.url), *more]) as portcall, \
                    Target(folder / f"peer{with_stuck}", True, [patient("bench", other.url), *more]) as peer:
                time.sleep(1)
                for _ in range(rounds):
                    ours.append(late(portcall, receiver, folder, 2_000, seconds))
                    theirs.append(late(peer, other, folder, 200, seconds))
        report.add(Line(f"lateness p99, {name} (2,000 pushes/s against 200/s)", "ms", ours,
                        [max(10.0, value) for value in theirs], "the greater of docker-registry's and 10 ms,", 1, at_most=True))
        report.say(f"  docker-registry's own p99: {', '.join(f'{value:.1f}' for value in theirs)} ms")
