"""The house's rules: who may include whom, how long a file may be, what may not stand in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from house import FLOORS, may_include, room_of
from tree import BUILD, CODE, ROOT, files, names

FORMS = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)
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


def includes_of(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text())


@pytest.mark.parametrize("floor", FLOORS)
def test_includes_point_downwards(floor: str) -> None:
    wrong = [
        f"{name} includes {included}"
        for path, name in zip(files(".h", ".cc", folders=(floor,)), names(files(".h", ".cc", folders=(floor,))))
        for form, included in FORMS.findall(path.read_text())
        if (form == '"' or (ROOT / included).exists()) and not may_include(name, included)
    ]
    assert not wrong


def test_a_floor_holds_headers_and_sources() -> None:
    allowed = (".h", ".cc", ".in", ".txt", ".yml", "openapi.json")
    found = names([path for floor in FLOORS for path in (ROOT / floor).rglob("*") if path.is_file()])
    assert not [name for name in found if not name.endswith(allowed)]


def test_the_rule_itself() -> None:
    assert not may_include("registry/registry.cc", "broker/broker.h") and not may_include("sinks/sink.h", "store/store.h")
    assert not may_include("store/store.h", "registry/registry.h") and not may_include("runtime/log.h", "config/config.h")
    assert may_include("sinks/sink.h", "store/event.h") and may_include("app/server/app.h", "broker/broker.h")
    # Ours are named from the top, and code stands on no test.
    assert not may_include("store/store.h", "../registry/registry.h") and not may_include("broker/core/filter.h", "lane.h")
    assert not may_include("store/store.h", "tests/support/temp_dir.h")
    # Inside a floor: rooms below, never above, beside, or where there is no room.
    assert may_include("broker/endpoint/orphan.h", "broker/core/filter.h")
    assert not may_include("broker/core/filter.h", "broker/endpoint/orphan.h")
    assert not may_include("sinks/ci/ci_sink.cc", "sinks/kafka/client.h")
    assert not may_include("broker/broker.h", "broker/attic/old.h") and not may_include("store/store.h", "store/attic/old.h")
    assert not may_include("store/blobs/fs/uploads.h", "store/blobs/fs/attic/old.h")
    # Of another floor: what it opens.
    assert not may_include("registry/http/routes.h", "store/sqlite/tx.h") and not may_include("app/server/app.h", "registry/http/routes.h")
    assert not may_include("registry/http/blob_handlers.cc", "store/catalog.h") and not may_include("registry/request/urls.cc", "store/store.h")
    assert not may_include("registry/catalog/blobs.cc", "runtime/http/message.h") and may_include("registry/http/call.h", "runtime/http/message.h")
    assert not may_include("broker/broker.cc", "sinks/kafka/client.h") and may_include("broker/broker.cc", "sinks/kind.h")


def test_every_file_has_a_room() -> None:
    found = [name.partition("/") for name in names(files(".h", ".cc", folders=FLOORS))]
    assert not [f"{floor}/{inside}" for floor, _, inside in found if room_of(floor, inside) is None]


# Words of one engine, which whoever uses the store need not know.
ENGINE = re.compile(r"(?<!#)\bpragma\b|sqlite|vacuum|savepoint|write-ahead|\bwal(_|\b)(?! clock)", re.IGNORECASE)


def test_the_stores_public_headers_name_no_engine() -> None:
    headers = [path for path in files(".h", folders=("store",)) if path.parent.name == "store" or path.parent.name == "blobs"]
    assert headers
    for path in headers:
        assert not ENGINE.search(path.read_text()), path.name


def test_contracts_know_no_engine() -> None:
    """What any engine or driver must do is written against public headers; the list of them alone knows where they are."""
    tests = [path for path in files(".h", ".cc", folders=("tests",)) if path.parent.name == "contract"]
    assert tests
    for path in tests:
        inner = {name for name in includes_of(path) if re.match(r"store/(sqlite|blobs/\w+)/", name)}
        assert not inner or path.name in ("engines.cc", "drivers.cc"), path


def test_every_file_is_used() -> None:
    """A header is included by others than its own source; a source is compiled."""
    users: dict[str, set[str]] = {}
    for path, name in zip(files(".h", ".cc", ".in"), names(files(".h", ".cc", ".in"))):
        for included in includes_of(path):
            users.setdefault(included, set()).add(name.rsplit(".", 1)[0])
    headers = names(files(".h", folders=FLOORS))
    assert not [name for name in headers if not users.get(name, set()) - {name.removesuffix(".h")}], "nobody includes these"
    compiled = {str(Path(entry["file"])) for entry in json.loads((BUILD / "compile_commands.json").read_text())}
    assert not [name for name in names(files(".cc", folders=FLOORS)) if str(ROOT / name) not in compiled], "nobody compiles these"


# What the broker's core may reach of others' headers, beside the plain library.
PURE = {"config/config.h", "config/glob.h", "sinks/outcome.h", "sinks/updaters.h", "store/cursors.h", "store/event.h",
        "store/event_log.h", "store/lane.h"}
IMPURE = re.compile(r"<(boost/.*|openssl/.*|nlohmann/.*|thread|mutex|future|condition_variable|fstream|filesystem|iostream|unistd\.h|sys/.*)>|"
                    r"\bnow\(|random_device|\bgetenv\b|\brand\(")


def test_the_brokers_core_is_pure() -> None:
    """It decides: it waits for nothing, reads no clock, and does nothing but compute."""
    for path in files(".h", ".cc", folders=("broker/core",)):
        strange = {name for name in includes_of(path) if (ROOT / name).exists() and not name.startswith("broker/core/")} - PURE
        assert not strange, path.name
        assert not IMPURE.search(path.read_text()), path.name


def test_libraries_stay_behind_their_seam() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}"
        for path in files(".h", folders=FLOORS)
        for included in includes_of(path)
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


def test_ordered_json_is_written_and_never_read() -> None:
    """It finds a key by looking at all of them: an object that somebody else made would cost the square of its keys."""
    wrong = []
    for path in files(".h", ".cc", folders=FLOORS):
        text = path.read_text()
        own = "|".join(["ordered_json", *re.findall(r"using (\w+) = nlohmann::ordered_json", text)])
        wrong += [f"{path.relative_to(ROOT)} calls {found[0]}" for found in re.finditer(rf"\b({own})::(sax_)?parse\(", text)]
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
