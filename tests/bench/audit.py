"""How fast an audit log is verified."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from report import Line, Report
from tools import BUILD


def verify(report: Report, folder: Path, quick: bool) -> None:
    records, rounds = (100_000, 2) if quick else (1_000_000, 7)
    done = subprocess.run([BUILD / "bench_audit", folder, str(rounds), str(records)], capture_output=True, text=True,
                          timeout=900, check=True)
    found = re.findall(r"verify (\d+)/s +bare (\d+)/s", done.stdout)
    assert len(found) == rounds, done.stdout
    ours, bare = ([float(pair[i]) for pair in found] for i in (0, 1))
    report.add(Line(f"audit verify, {records:,} records", "records per core second", ours, bare, "a bare loop that hashes each line", 0.6))
    report.say(f"  {done.stdout.splitlines()[0]}")


def checkpoints(report: Report, folder: Path, quick: bool) -> None:
    """A year of one a minute. Twice as many take twice as long."""
    count, rounds = (20_000, 1) if quick else (500_000, 3)
    done = subprocess.run([BUILD / "bench_audit", folder, str(rounds), str(count), "checkpoints"], capture_output=True,
                          text=True, timeout=1800, check=True)
    found = re.findall(r"many (\d+)/s +few (\d+)/s +bare (\d+)/s", done.stdout)
    assert len(found) == rounds, done.stdout
    many, few, bare = ([float(row[i]) for row in found] for i in range(3))
    name, unit = f"audit verify, {count:,} checkpoints", "checkpoints per core second"
    report.add(Line(name, unit, many, few, f"{count // 10:,} of them", 0.8))
    report.add(Line(name, unit, many, bare, "bare signatures", 0.6))
