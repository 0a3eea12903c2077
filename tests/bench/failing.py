"""Receivers that refuse some of what they get, each time something else."""

from __future__ import annotations

import time
from pathlib import Path

from report import Line, Report
from tools import BenchReceiver, Target, until_count

# As in a registry of some size: an event that was refused holds up its repository alone.
REPOSITORIES = 1_000


def impatient(url: str) -> list[dict[str, object]]:
    """With the threshold and backoff of docker-registry's manual, and a timeout in which a backlog can be made."""
    return [{"name": "bench", "url": url, "timeout": "900s", "threshold": 10, "backoff": "1s"}]


def served(target: Target, receiver: BenchReceiver, events: int, mode: str, seconds: float) -> tuple[float, float]:
    """Events a second that the receiver took from a backlog, and the share of requests that it refused."""
    until_count(receiver, 2 * REPOSITORIES)
    receiver.tell("hold")
    target.get(events)
    receiver.tell("reset")
    receiver.tell(mode)
    begun = time.monotonic()
    while True:
        seen = receiver.tell("stats")
        lasted = time.monotonic() - begun
        taken = seen["count"] - seen["refused"]
        if taken >= events or lasted >= seconds:
            return taken / lasted, seen["refused"] / seen["count"]
        time.sleep(0.05)


def measure(folder: Path, peer: bool, events: int, mode: str, seconds: float) -> tuple[float, float]:
    with BenchReceiver() as receiver, Target(folder, peer, impatient(receiver.url), repositories=REPOSITORIES) as target:
        return served(target, receiver, events, mode, seconds)


def at_random(report: Report, folder: Path, quick: bool) -> None:
    rounds, events, seconds = (1, 20_000, 5) if quick else (3, 90_000, 20)
    ours = [measure(folder / f"ours{n}", False, events, "flaky", seconds)[0] for n in range(rounds)]
    # Its queue is memory, and fills slowly: a smaller backlog lasts it as long.
    theirs = [measure(folder / f"peer{n}", True, events // 5, "flaky", seconds)[0] for n in range(rounds)]
    report.add(Line("delivery, half of the requests refused at random", "events/s", ours, theirs, "docker-registry", 20))


def beyond_four(report: Report, folder: Path, quick: bool) -> None:
    rounds, seconds = (1, 5) if quick else (3, 20)
    limit = 4 / 0.020
    results = [measure(folder / f"ours{n}", False, 10_000, "busy 20", seconds) for n in range(rounds)]
    report.add(Line("delivery, more than four at a time refused", "events/s", [rate for rate, _ in results],
                    [limit] * rounds, "what four places of 20 ms take,", 0.9))
    report.fact("  requests refused, the most of all rounds", max(share for _, share in results), "of all", 0.2)
