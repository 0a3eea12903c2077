"""A log that is filled at full speed, far beyond its bound, while some endpoints are not well."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.ports import free_port
from harness.server import Server, merged
from report import Line, Report
from tools import BenchReceiver, Target, patient

MIB = 1 << 20
EVENT = 600  # bytes of a pull's rows, at least; it only says how many are made between two looks at the log's size
LONGEST = 900  # seconds for all of it
QUIET = 11  # in the first ten seconds after a start nothing expires


def others(slow: BenchReceiver) -> list[dict[str, Any]]:
    """Their work must not be the machine's: a broker that is down costs what an outage does, and Java nothing."""
    dead = {"url": f"http://127.0.0.1:{free_port()}/", "timeout": "1s", "backoff": "1s", "threshold": 3}
    return [{"name": "slow", "url": slow.url, "timeout": "900s", "concurrency": 1}, {"name": "dead"} | dead,
            {"name": "removed"} | dead,
            {"name": "stream", "type": "kafka", "brokers": [f"127.0.0.1:{free_port()}"], "topic": "bench"}]


class Watch:
    """The most that files and memory of a server came to."""

    def __init__(self, server: Server, catalog: int):
        self.server, self.catalog = server, catalog
        self.together = self.database = self.journal = 0
        self.memory, self.begun = 0.0, server.memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            database, journal = sizes(self.server)
            self.together = max(self.together, database + journal - self.catalog)
            self.database, self.journal = max(self.database, database - self.catalog), max(self.journal, journal)
            self.memory = max(self.memory, self.server.memory())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def sizes(server: Server) -> tuple[int, int]:
    """Of the database's file and of its write-ahead log."""
    found = [0, 0]
    for number, ending in enumerate(("", "-wal")):
        with contextlib.suppress(FileNotFoundError):
            found[number] = (server.root / f"portcall.db{ending}").stat().st_size
    return found[0], found[1]


def fill(target: Target, count: int) -> float:
    """Events a second that the healthy endpoint got, until it has all."""
    before = target.server.metric("registry_notifications_delivery_total", endpoint="bench", delivery_type="delivered")
    begun = time.monotonic()
    target.get(count)
    target.server.wait_pending("bench", 0, LONGEST)
    lasted = time.monotonic() - begun
    delivered = target.server.metric("registry_notifications_delivery_total", endpoint="bench", delivery_type="delivered")
    return (delivered - before) / lasted


def remove(server: Server, name: str) -> None:
    rest = [one for one in server.config["notifications"]["endpoints"] if one["name"] != name]
    server.write_config(merged(server.config, {"notifications": {"endpoints": rest}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("configuration reloaded", 20)


@contextlib.contextmanager
def both(folder: Path, changes: dict[str, Any]) -> Iterator[tuple[Target, Target]]:
    with BenchReceiver() as one, BenchReceiver() as two, BenchReceiver("delay") as slow, \
            Target(folder / "alone", False, [patient("bench", one.url)], changes) as alone, \
            Target(folder / "beside", False, [patient("bench", two.url), *others(slow)], changes) as beside:
        yield alone, beside


def log(report: Report, folder: Path, quick: bool) -> None:
    bound = (64 if quick else 1024) * MIB
    changes = {"log": {"level": "info"}, "notifications": {"events": {"maxsize": f"{bound // MIB}MiB", "keep": "1h"}}}
    rates: dict[str, list[float]] = {"alone": [], "beside": []}
    with both(folder, changes) as (alone, beside):
        time.sleep(QUIET)
        catalog = sum(sizes(beside.server))  # and the few events of its pushes
        made, step, round_ = 0, bound // EVENT // 4, 0
        for target in (alone, beside):  # what is kept for speed is no growth
            fill(target, step)
        deadline = time.monotonic() + LONGEST
        with Watch(beside.server, catalog) as watch:
            while made < 2 * bound:
                assert time.monotonic() < deadline, f"{made / MIB:,.0f} MiB of events in {LONGEST} s"
                pairs = [("alone", alone), ("beside", beside)]
                for name, target in pairs if round_ % 2 else reversed(pairs):
                    rates[name].append(fill(target, step))
                made, round_ = made + step * EVENT, round_ + 1
                if round_ == 2:
                    remove(beside.server, "removed")
            fill(beside, bound // EVENT)  # and once more without the rests that the other's turns are
        lost = beside.server.metric("registry_notifications_delivery_total", endpoint="bench", delivery_type="lost")
    report.say(f"  {round_ * step + bound // EVENT:,} events beside a slow, a dead and a removed endpoint and a Kafka that is down;"
               f" the healthy one lost {lost:,.0f}")
    report.fact(f"database of a log of at most {bound // MIB} MiB, write-ahead log included", watch.together / bound,
                "of the bound", 1.1)
    report.say(f"  at most {watch.database / MIB:,.0f} MiB of database, {watch.journal / MIB:,.0f} MiB of write-ahead log")
    report.fact("  RSS added", watch.memory - watch.begun, "MiB", 64)
    report.add(Line("  deliveries to the healthy endpoint", "events/s", rates["beside"], rates["alone"], "without the others",
                    0.9))
