"""The list of mutants: small breaks, each of which a named suite must notice."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SUITES = ("runtime", "http", "config", "store", "blobs", "sinks", "kafka", "ci", "audit", "registry", "broker", "app")


class BadMutant(Exception):
    pass


@dataclass(frozen=True)
class Mutant:
    promise: str  # what no longer holds
    file: str  # from the root
    find: str  # stands in the file once
    put: str  # in its place
    tests: str  # "broker/Breaker*:Pace*": a C++ suite and its filter; "e2e/refusal": pytest's folder and a part of names
    lives: str = ""  # why no test can tell

    @property
    def suite(self) -> str:
        return self.tests.partition("/")[0]

    @property
    def filter(self) -> str:
        return self.tests.partition("/")[2]

    def apply(self, root: Path) -> None:
        path = root / self.file
        text = path.read_text()
        if (times := text.count(self.find)) != 1:
            raise BadMutant(f"{self.file}: {self.find!r} stands there {times} times")
        path.write_text(text.replace(self.find, self.put))


def load(folder: Path = FOLDER) -> list[Mutant]:
    mutants = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            try:
                mutant = Mutant(**{key: value.strip("\n") for key, value in entry.items()})
            except TypeError as error:
                raise BadMutant(f"{path.name}: {error}") from error
            if mutant.suite not in (*SUITES, "e2e", "abuse") or not mutant.filter:
                raise BadMutant(f"{path.name}: {mutant.tests!r} names no tests")
            mutants.append(mutant)
    return mutants
