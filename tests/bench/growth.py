"""Whether work on the log costs more when the log is long."""

from __future__ import annotations

import subprocess
from pathlib import Path

from report import Line, Report
from tools import BUILD

SHORT = 10_000
FLAT = 1.2


def cost(report: Report, folder: Path, quick: bool, full: bool = False) -> None:
    for events in (200_000,) if quick else (1_000_000, 10_000_000) if full else (1_000_000,):
        place = folder / str(events)
        place.mkdir()
        words = [f"folder={place}", f"short={SHORT}", f"long={events}", f"rounds={5 if quick else 9}"]
        done = subprocess.run([BUILD / "bench_growth", *words], capture_output=True, text=True, timeout=3600)
        assert done.returncode == 0, done.stderr
        rounds: dict[str, list[tuple[float, float]]] = {}
        for line in done.stdout.splitlines():
            name, short, long = line.split()
            rounds.setdefault(name, []).append((float(short), float(long)))
        for name, both in rounds.items():
            report.add(Line(f"{name} in a log of {events:,} events", "µs", [long for _, long in both],
                            [short for short, _ in both], f"of {SHORT:,}", FLAT, at_most=True))
