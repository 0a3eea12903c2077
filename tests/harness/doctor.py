"""What `portcall doctor` finds, as its JSON says it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.operators import portcall
from harness.server import Server

Finding = dict[str, Any]


class Seen:
    """What it said as JSON."""

    def __init__(self, server: Server, *arguments: str, **environment: str):
        begun = time.monotonic()
        done = portcall(server, "doctor", "--json", *arguments, seconds=70, **environment)
        self.seconds = time.monotonic() - begun
        self.code, self.text, self.errors = done.returncode, done.stdout, done.stderr
        self.all: list[Finding] = json.loads(done.stdout)["findings"] if done.stdout else []

    def bad(self) -> list[Finding]:
        return [one for one in self.all if one["grade"] in ("warning", "problem")]

    def one(self, area: str, pattern: str, grade: str | None = None) -> Finding:
        """The finding of the area that says so."""
        found = [one for one in self.all
                 if one["area"] == area and re.search(pattern, one["what"] + ": " + one["how"]) and grade in (None, one["grade"])]
        assert len(found) == 1, (pattern, found, self.all, self.errors)
        return found[0]

    def only(self, area: str, pattern: str, grade: str = "problem") -> Finding:
        """There is nothing else to do."""
        one = self.one(area, pattern, grade)
        assert self.bad() == [one] and self.code == 1, (self.bad(), self.code)
        assert one["todo"], one
        return one


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Of all that lies there: size, times of change, mode, owner, and which file it is."""
    found = {str(path): path.lstat() for path in [folder, *folder.rglob("*")]}
    return {path: (of.st_size, of.st_mtime_ns, of.st_ctime_ns, of.st_mode, of.st_uid, of.st_gid, of.st_ino)
            for path, of in found.items()}


def changes(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    return {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
            if before.get(path) != after.get(path)}


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    before = listing(folder)
    yield
    found = changes(before, listing(folder))
    assert not found, found


def without_a_trace(server: Server, *folders: Path) -> Seen:
    """Looks at a server that runs, which changes its files at times by itself: once at least nothing has changed."""
    for _ in range(5):
        before = [listing(folder) for folder in folders]
        seen = Seen(server)
        found = [changes(was, listing(folder)) for was, folder in zip(before, folders)]
        if not any(found):
            return seen
    raise AssertionError(f"looking changes files: {found}")
