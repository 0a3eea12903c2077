"""The system calls of a program, in their order, as strace tells of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import need

TRACED = "openat,rename,renameat,renameat2,link,linkat,write,writev,pwrite64,sendmsg,sendto,sendfile,fsync,fdatasync"
SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True)
class Call:
    name: str
    text: str  # its arguments, descriptors with their paths
    begun: int  # places in the order of all calls
    ended: int

    @property
    def path(self) -> str:
        """Of the first descriptor."""
        found = re.match(r"\d+<([^>]*)>", self.text)
        return found[1] if found else ""


def wrapper(folder: Path, program: str) -> tuple[Path, Path]:
    """A script that runs the program under strace, as the same process, and where its calls will stand."""
    script, trace = folder / "traced.sh", folder / "calls.txt"
    script.write_text(f'#!/bin/sh\nexec {need.program("strace")} -D -f -y -s 4096 -e trace={TRACED} -o "{trace}" "{program}" "$@"\n')
    script.chmod(0o755)
    return script, trace


def read(trace: Path) -> list[Call]:
    """Those that succeeded, by their ends."""
    calls: list[Call] = []
    pending: dict[str, tuple[str, str, int]] = {}
    for place, line in enumerate(trace.read_text(errors="replace").splitlines()):
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if match := re.match(r"(\w+)\((.*?) *<unfinished \.\.\.>$", rest):
            pending[thread] = (match[1], match[2], place)
        elif match := re.match(r"<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)", rest):
            name, text, begun = pending.pop(thread, (match[1], "", place))
            if int(match[3]) >= 0:
                calls.append(Call(name, text + match[2], begun, place))
        elif (match := re.match(r"(\w+)\((.*)\) += (-?\d+)", rest)) and int(match[3]) >= 0:
            calls.append(Call(match[1], match[2], place, place))
    return calls


def first(calls: list[Call], what: str, matches: Callable[[Call], bool], after: int = -1) -> Call:
    """The first that began after another had ended."""
    found = min((call for call in calls if call.begun > after and matches(call)), key=lambda call: call.begun, default=None)
    assert found, f"no {what} after call {after}"
    return found
