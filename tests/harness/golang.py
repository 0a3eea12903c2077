"""A Go compiler that is new enough: the machine's own, or the one that any Go can fetch as a module."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from harness.need import unavailable

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "portcall-tests"
WANTED = (1, 26, 3)


def version_of(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False,
                          env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told))


def toolchain(go: str) -> str:
    name = "go" + ".".join(map(str, WANTED))
    home = CACHE / name
    binary = home / "bin" / "go"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if binary.exists():
            return str(binary)
        fetched = subprocess.run([go, "mod", "download", "-json", f"golang.org/toolchain@v0.0.1-{name}.linux-amd64"],
                                 capture_output=True, text=True, check=False, cwd=CACHE, timeout=600)
        if fetched.returncode != 0:
            unavailable(f"Go {name} cannot be fetched: {fetched.stdout[-300:]}{fetched.stderr[-300:]}")
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(json.loads(fetched.stdout)["Dir"], part)
        for path in part.rglob("*"):  # modules are read-only and carry no permission to run
            path.chmod(0o755)
        part.rename(home)
    return str(binary)


def compiler() -> str:
    """The path of a `go` that builds what the tests need."""
    go = shutil.which("go") or "/usr/lib/go-1.19/bin/go"
    if not Path(go).exists():
        unavailable("go is not installed")
    return go if version_of(go) >= WANTED else toolchain(go)
