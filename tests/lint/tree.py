"""The tree as the lint tests see it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from house import FLOORS

ROOT = Path(__file__).resolve().parents[2]
CODE = FLOORS + ("tests", "examples")
BUILD = Path(os.environ.get("PORTCALL_BUILD", ROOT / "build/dev"))


def files(*suffixes: str, folders: tuple[str, ...] = CODE) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def changed() -> set[str]:
    """What differs from the last commit, as names; for checks too slow for every file on every run."""
    listed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=all"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout
    return {line[3:].split(" -> ")[-1] for line in listed.splitlines()}
