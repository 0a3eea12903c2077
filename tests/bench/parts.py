"""What our own code gains where a library has the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

from report import Line, Report
from tools import BUILD


def gains(report: Report, _: Path, quick: bool) -> None:
    rounds, seconds = (2, 0.005) if quick else (9, 0.1)
    done = subprocess.run([BUILD / "bench_parts", str(rounds), str(seconds)], capture_output=True, text=True, timeout=900, check=True)
    parts: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
    for line in done.stdout.splitlines():
        name, library, wanted, ours, theirs = line.split("|")
        parts.setdefault((name, library, float(wanted)), []).append((float(ours), float(theirs)))
    assert parts and all(len(found) == rounds for found in parts.values()), done.stdout
    for (name, library, wanted), found in parts.items():
        ours, theirs = ([pair[i] / 1e6 for pair in found] for i in (0, 1))
        report.add(Line(name, "million per core second", ours, theirs, library, wanted or None))
