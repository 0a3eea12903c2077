"""The table of what happened in each state, from the reports of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts import Loss
from acts import ACTS
from states import STATES

if TYPE_CHECKING:
    import pytest

PROPERTY = "cell"


@dataclass
class Cell:
    state: str
    act: str
    outcome: str  # pytest's, with "open" for an expected failure
    why: str
    seconds: float = 0
    ending: str = ""  # how the act ended
    memory: float = 0  # MiB
    files: float = 0
    expired: int = 0
    kept: int = 0


def cells(reports: list[pytest.TestReport]) -> list[Cell]:
    found = []
    for report in reports:
        properties: dict[str, Any] = dict(report.user_properties)
        if PROPERTY in properties and (report.when == "call" or report.failed or report.skipped):
            open_here = getattr(report, "wasxfail", "")
            found.append(Cell(**properties[PROPERTY], outcome="open" if open_here and report.skipped else report.outcome,
                              why=open_here or _reason(report)))
    return found


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).splitlines()[0]
    return str(report.longrepr or "")


def table(cells: list[Cell]) -> list[str]:
    states = [state for state in STATES if any(cell.state == state for cell in cells)]
    acts = [act for act in ACTS if any(cell.act == act for cell in cells)]
    rows = [["", *acts, "memory", "files", "lost"]]
    for state in states:
        mine = {cell.act: cell for cell in cells if cell.state == state}
        lost = Loss(max(cell.expired for cell in mine.values()), max(cell.kept for cell in mine.values()))
        rows.append([state, *(_short(mine.get(act)) for act in acts), f"{max(cell.memory for cell in mine.values()):.0f} MiB",
                     f"{max(cell.files for cell in mine.values()):.0f} MiB", str(lost)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
    return lines + [f"{cell.outcome}: {cell.state}, {cell.act}: {cell.why}" for cell in cells if cell.outcome != "passed"]


def _short(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    if cell.outcome == "passed":
        return f"{cell.ending}, {cell.seconds:.1f} s"
    return cell.outcome.upper()
