"""The house's rules: who may include whom, how long a file may be, what may not stand in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tree import CODE, FLOORS, ROOT, files, names

BELOW = {
    "runtime": {"runtime"},
    "config": {"config", "runtime"},
    "store": {"store", "config", "runtime"},
    "sinks": {"sinks", "config", "runtime"},  # and store/event.h
    "registry": {"registry", "store", "config", "runtime"},
    "broker": {"broker", "store", "sinks", "config", "runtime"},
    "app": set(FLOORS),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
# Each of these stays behind a seam: no header of ours shows it to others.
BEHIND_A_SEAM = ("nlohmann/", "yaml-cpp/", "sqlite3.h", "spdlog/", "prometheus/", "CLI/", "librdkafka/")
# The compiler checks the use of runtime/mutex.h only.
UNCHECKED_LOCK = re.compile(r"std::(\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable\w*)\b")
LONGEST_FILE, LONGEST_HEADER = 400, 180
FORBIDDEN = {
    "a machine's path": re.compile(r"/work/|/root/|/home/\w"),
    "a left-over": re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"),
    "a conflict marker": re.compile(r"^(<<<<<<<|>>>>>>>)", re.MULTILINE),
}
SOURCES = files(".h", ".cc", ".inc", ".py", ".sh", ".yml")


def violations(floor: str, included: str) -> bool:
    target = included.split("/")[0]
    if target not in FLOORS:
        return "/" not in included and (ROOT / floor / included).exists()  # ours are named from the top
    return target not in BELOW[floor] and not (floor == "sinks" and included == "store/event.h")


@pytest.mark.parametrize("floor", FLOORS)
def test_includes_point_downwards(floor: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}"
        for path in files(".h", ".cc", folders=(floor,))
        for included in INCLUDE.findall(path.read_text())
        if violations(floor, included)
    ]
    assert not wrong


def test_the_rule_itself() -> None:
    assert violations("registry", "broker/broker.h") and violations("sinks", "store/store.h")
    assert violations("store", "registry/registry.h") and violations("runtime", "config/config.h")
    assert not violations("sinks", "store/event.h") and not violations("app", "broker/broker.h")
    assert not violations("runtime", "boost/asio.hpp")


def test_libraries_stay_behind_their_seam() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}"
        for path in files(".h", folders=FLOORS)
        for included in INCLUDE.findall(path.read_text())
        if included.startswith(BEHIND_A_SEAM)
    ]
    assert not wrong


def test_locks_are_those_that_the_compiler_checks() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} uses {found[0]}"
        for path in files(".h", ".cc", folders=FLOORS)
        if path != ROOT / "runtime/mutex.h"
        for found in UNCHECKED_LOCK.finditer(path.read_text())
    ]
    assert not wrong


def test_code_lies_only_in_the_house() -> None:
    suffixes = {".h", ".cc", ".cpp", ".py", ".sh"}
    strangers = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if path.suffix in suffixes and path.relative_to(ROOT).parts[0] not in (*CODE, "build", ".git", ".ci", ".cache")
    ]
    assert not strangers


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_file(path: Path) -> None:
    text = path.read_text()
    lines = text.count("\n")
    limit = LONGEST_HEADER if path.suffix == ".h" else LONGEST_FILE
    assert lines <= limit, f"{lines} lines, the limit is {limit}"
    assert text.endswith("\n"), "no newline at the end"
    if path != Path(__file__):
        for what, pattern in FORBIDDEN.items():
            found = pattern.search(text)
            assert not found, f"{what}: {found[0]!r} in line {text[: found.start()].count(chr(10)) + 1}"


@pytest.mark.parametrize("path", files(".h", folders=FLOORS), ids=names(files(".h", folders=FLOORS)))
def test_header_is_guarded(path: Path) -> None:
    assert path.read_text().startswith("#pragma once\n")
