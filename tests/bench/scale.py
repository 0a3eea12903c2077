"""A million events pending for an endpoint that is dead."""

from __future__ import annotations

import time
from pathlib import Path

from harness.ports import free_port
from report import Line, Report
from tools import BenchReceiver, Target, patient, until_count


def dead_backlog(report: Report, folder: Path, quick: bool) -> None:
    backlog = 50_000 if quick else 1_000_000
    rounds, pushes = (3, 1_000) if quick else (7, 10_000)
    dead_port = free_port()
    dead = {"name": "dead", "url": f"http://127.0.0.1:{dead_port}/", "timeout": "1s", "backoff": "1s", "threshold": 3}
    with BenchReceiver() as receiver, BenchReceiver() as other, \
            Target(folder / "full", False, [patient("bench", receiver.url), dead]) as full, \
            Target(folder / "empty", False, [patient("bench", other.url)]) as empty:
        # The same work first on both, so that what is left is the backlog's own.
        full.get(20_000)
        empty.get(20_000)
        before = full.server.memory()
        full.get(backlog)
        full.server.wait_pending("bench", 0, 120)
        pending = full.server.pending("dead")
        assert pending >= backlog, pending
        report.fact(f"RSS added by {pending:,.0f} pending events", full.server.memory() - before, "MiB", 64)

        rates: dict[str, list[float]] = {"full": [], "empty": []}
        settled: dict[str, list[float]] = {"full": [], "empty": []}
        for number in range(rounds):
            pairs = [("full", full), ("empty", empty)]
            for name, target in pairs if number % 2 else reversed(pairs):
                begun = time.monotonic()
                rates[name].append(target.put(pushes)["rate"])
                target.server.wait_pending("bench", 0, 120)
                settled[name].append(pushes / (time.monotonic() - begun))
        report.add(Line("pushes beside the backlog", "requests/s", rates["full"], rates["empty"], "without", 0.9))
        report.add(Line("delivery to the healthy endpoint beside the backlog", "events/s", settled["full"], settled["empty"],
                        "without", 0.9))

        full.server.kill()
        with BenchReceiverAt(dead_port) as revived:
            begun = time.monotonic()
            full.server.spawn()
            until_count(revived, 1, 60)
            first = revived.tell("stats")["first"] / 1e9
            report.fact("first delivery after kill -9 and restart", first - begun, "s", 2)


class BenchReceiverAt(BenchReceiver):
    def __init__(self, port: int):
        import subprocess

        from tools import BUILD
        self.process = subprocess.Popen([BUILD / "bench_receiver", f"port={port}"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
