"""An audit log's folder, read as its users read it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from harness import wait
from harness.server import Config, run_command

ORIGIN = "registry.example.com"


def audit(folder: Path, **more: Any) -> Config:
    return {"name": "audit", "type": "audit", "directory": str(folder)} | more


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl*"))


def lines(folder: Path) -> list[bytes]:
    found: list[bytes] = []
    for file in segments(folder):
        found += (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).splitlines()
    return found


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(folder)]


def wait_for(folder: Path, count: int) -> list[dict[str, Any]]:
    return wait.until(lambda: len(r := records(folder)) >= count and r, f"{count} records in {folder}")


def verify(folder: Path, *more: str | Path) -> tuple[int, dict[str, Any]]:
    done = run_command("audit", "verify", str(folder), "--json", *map(str, more))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def assert_sound(folder: Path, *more: str | Path) -> dict[str, Any]:
    code, report = verify(folder, *more)
    assert (code, report["findings"]) == (0, [])
    return report
