"""The examples end by themselves and show what they promise."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {
    "webhook": "delivered",
    "kafka": "registry-events",
    "ci": "sha256:",
    "audit": "verified",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    script = ROOT / "examples" / name / "run.sh"
    ended = subprocess.run([script, "--exit"], capture_output=True, text=True, timeout=900, check=False)
    print(ended.stdout[-8000:], ended.stderr[-4000:])
    assert ended.returncode == 0
    assert EXAMPLES[name] in ended.stdout
    assert (ROOT / "examples" / name / "README.md").exists()


def test_every_example_is_run() -> None:
    assert {path.parent.name for path in (ROOT / "examples").glob("*/run.sh")} == set(EXAMPLES)
    assert os.environ.get("PORTCALL_BINARY"), "run by tests/run.sh, which names the binary"
