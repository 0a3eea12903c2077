"""What clang says: every header compiles alone, formatting, clang-tidy. Outside CI clang-tidy looks at changed files only."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from tree import BUILD, FLOORS, ROOT, changed, files, names

HEADERS = files(".h", folders=FLOORS)
UNITS = files(".cc", folders=FLOORS)
FORMATTED = files(".h", ".cc")


def run(*command: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, **more)  # type: ignore[call-overload]


def compile_flags() -> list[str]:
    """Those of any file of the build: one interface target gives them all the same."""
    database = BUILD / "compile_commands.json"
    if not database.exists():
        pytest.fail(f"{database} is missing: configure first (tests/run.sh does)")
    command = shlex.split(json.loads(database.read_text())[0]["command"])
    keep = [flag for flag in command if flag.startswith(("-I", "-D", "-W", "-std", "-f")) or flag.startswith("-isystem")]
    return [flag for flag in keep if not flag.startswith("-flto")]


@pytest.mark.parametrize("header", HEADERS, ids=names(HEADERS))
def test_header_compiles_alone(header: Path, tmp_path: Path) -> None:
    name = str(header.relative_to(ROOT))
    unit = BUILD / "headers" / (name.replace("/", "_") + ".cc")
    unit.parent.mkdir(parents=True, exist_ok=True)
    text = f'#include "{name}"\n'
    if not unit.exists() or unit.read_text() != text:
        unit.write_text(text)
    # Compiled to an object, though nobody needs it: so ccache can answer the next time.
    done = run("ccache", "clang++-19", *compile_flags(), f"-I{ROOT}", "-O0", "-c", str(unit), "-o", str(tmp_path / "header.o"))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("line, accepted", [
    ("const portcall::runtime::MutexLock lock(all.mutex);", True),
    ("", False),
], ids=["locked", "forgotten"])
def test_the_compiler_checks_locks(line: str, accepted: bool, tmp_path: Path) -> None:
    unit = tmp_path / "unit.cc"
    unit.write_text('#include "runtime/mutex.h"\n'
                    "struct All { portcall::runtime::Mutex mutex; int some GUARDED_BY(mutex) = 0; };\n"
                    f"int Read(All& all);\nint Read(All& all) {{ {line} return all.some; }}\n")
    done = run("clang++-19", *compile_flags(), f"-I{ROOT}", "-fsyntax-only", str(unit))
    assert (done.returncode == 0) == accepted, done.stderr
    assert accepted or "requires holding mutex" in done.stderr


def test_formatting() -> None:
    done = run("clang-format-19", "--dry-run", "-Werror", *names(FORMATTED))
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    assert not wrong, "run clang-format-19 -i on these"


@pytest.mark.parametrize("unit", UNITS, ids=names(UNITS))
def test_clang_tidy(unit: Path) -> None:
    name = str(unit.relative_to(ROOT))
    if not os.environ.get("CI") and name not in changed():
        pytest.skip("unchanged")
    done = run("clang-tidy-19", "--quiet", "-p", str(BUILD), name)
    assert done.returncode == 0, done.stdout[-3000:]
