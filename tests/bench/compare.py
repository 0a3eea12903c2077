"""This build against another binary of Portcall, in turn: compare.py BINARY [--rounds N] [--quick]

Rates come from alternating rounds, so that a machine whose speed drifts does not favour one of them. Instructions come from
callgrind, which counts them whatever else the machine does: a short run is taken from a long one, and what start and end cost
goes with it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from delivery import drain
from harness import server
from report import Line, Report
from tools import BenchReceiver, Target, patient, until_count

Operation = Callable[[Target, BenchReceiver, int], float]  # gives the rate


def put(target: Target, _: BenchReceiver, count: int) -> float:
    return target.put(count)["rate"]


def get(target: Target, _: BenchReceiver, count: int) -> float:
    return target.get(count)["rate"]


def deliver(target: Target, receiver: BenchReceiver, count: int) -> float:
    return drain(target, receiver, count, "now")


def pull_and_deliver(target: Target, receiver: BenchReceiver, count: int) -> float:
    """Without a look at the server's metrics on the way, which costs it instructions too."""
    before = receiver.count
    rate = get(target, receiver, count)
    until_count(receiver, before + count)
    return rate


OPERATIONS: dict[str, tuple[Operation, int]] = {  # with how many make a round
    "manifest PUT": (put, 15_000),
    "manifest GET with pull events": (get, 40_000),
    "delivery, drain of a backlog": (deliver, 60_000),
}


@contextlib.contextmanager
def running(binary: str, folder: Path):  # type: ignore[no-untyped-def]
    os.environ["PORTCALL_PROGRAM"] = binary
    with BenchReceiver() as receiver, Target(folder, False, [patient("bench", receiver.url)]) as target:
        yield target, receiver


def rates(report: Report, ours: str, other: str, folder: Path, rounds: int, share: float) -> None:
    with running(ours, folder / "ours") as new, running(other, folder / "other") as old:
        for name, (operation, count) in OPERATIONS.items():
            pairs = [(operation(*new, int(count * share)), operation(*old, int(count * share))) for _ in range(rounds)]
            report.add(Line(name, "/s", [a for a, _ in pairs], [b for _, b in pairs], "the other", 0.92))


def instructions(binary: str, operation: Operation, count: int, folder: Path) -> int:
    """Of a whole run with that many operations."""
    folder.mkdir()
    counts, wrapper, bare = folder / "counts", folder / "portcall", folder / "bare"
    subprocess.run(["strip", "-g", "-o", bare, binary], check=True)  # valgrind does not read clang's debug information
    wrapper.write_text(f"#!/bin/sh\nexec valgrind --tool=callgrind '--callgrind-out-file={counts}' '{bare}' \"$@\"\n")
    wrapper.chmod(0o755)
    with running(str(wrapper), folder / "server") as (target, receiver):
        operation(target, receiver, count)
        target.server.stop(seconds=120)
    return int(re.search(r"^(?:summary|totals): (\d+)", counts.read_text(), re.MULTILINE)[1])  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    server.PATIENCE = 120
    ours, other = os.environ["PORTCALL_BINARY"], str(arguments.binary.resolve())
    report = Report()
    report.say("median [least–greatest]; ratios of pairs")
    with tempfile.TemporaryDirectory(prefix="portcall-compare-") as folder:
        rates(report, ours, other, Path(folder), arguments.rounds, 0.1 if arguments.quick else 1)
        few = 200 if arguments.quick else 1_000
        for name, operation in (("manifest PUT", put), ("manifest GET with its event delivered", pull_and_deliver)):
            costs = []
            for who, binary in (("ours", ours), ("other", other)):
                runs = [instructions(binary, operation, few * times, Path(folder) / f"{name}-{who}-{times}") for times in (1, 3)]
                costs.append((runs[1] - runs[0]) / (2 * few))
            report.fact(f"{name}: {costs[0]:,.0f} instructions each, the other {costs[1]:,.0f}; ratio", costs[0] / costs[1], "", 1.03)


if __name__ == "__main__":
    main()
