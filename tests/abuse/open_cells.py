"""Cells that fail because the program is wrong. Whoever mends it takes them out: one that passes is a failure."""

from __future__ import annotations

from failures import Failure

OPEN: dict[tuple[str, str], tuple[type[Failure], str]] = {}
