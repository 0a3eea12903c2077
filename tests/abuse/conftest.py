"""Prints the matrix of states and acts at the end of the run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import matrix  # noqa: E402  (beside this file, which importlib mode does not look at)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for group in terminalreporter.stats.values() for one in group if isinstance(one, pytest.TestReport)]
    if cells := matrix.cells(reports):
        terminalreporter.section("what the hostile world did")
        for line in matrix.table(cells):
            terminalreporter.write_line(line)
