"""Parts that a machine may lack: a skip for a developer, a failure in CI; the end of a program that is no test."""

from __future__ import annotations

import os
import shutil
import sys
from typing import NoReturn


def unavailable(why: str) -> NoReturn:
    if "pytest" not in sys.modules:
        raise SystemExit(why)
    import pytest

    if os.environ.get("CI"):
        pytest.fail(f"not available in CI: {why}", pytrace=False)
    pytest.skip(why)


def program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        unavailable(f"{name} is not installed")
    return found


def root() -> None:
    if os.geteuid() != 0:
        unavailable("needs root")
