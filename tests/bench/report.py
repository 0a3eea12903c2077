"""Numbers of several rounds as one line: median, spread, and what was wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median


def spread(values: list[float]) -> str:
    return f"{median(values):,.4g} [{min(values):,.4g}–{max(values):,.4g}]"


@dataclass
class Line:
    name: str
    unit: str
    ours: list[float]
    theirs: list[float]
    against: str
    wanted: float | None = None  # at least this ratio; None: for information
    at_most: bool = False

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.theirs)]

    def text(self) -> str:
        verdict = ""
        if self.wanted is not None:
            met = median(self.ratios) <= self.wanted if self.at_most else median(self.ratios) >= self.wanted
            verdict = f"  wanted {'≤' if self.at_most else '≥'} {self.wanted:g}: {'yes' if met else 'NO'}"
        return (f"{self.name}: {spread(self.ours)} {self.unit}, {self.against} {spread(self.theirs)}"
                f" → ratio {spread(self.ratios)}{verdict}")


@dataclass
class Report:
    lines: list[str] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.say(line.text())

    def fact(self, name: str, value: float, unit: str, wanted: float | None = None) -> None:
        verdict = "" if wanted is None else f"  wanted ≤ {wanted:g}: {'yes' if value <= wanted else 'NO'}"
        self.say(f"{name}: {value:,.4g} {unit}{verdict}")

    def say(self, text: str) -> None:
        print(text, flush=True)
        self.lines.append(text)
