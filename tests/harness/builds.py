"""What the builds of a CI system wrote: one line each, appended by a step of the build itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import wait
from harness.server import Config, endpoint

# What a test's pipeline is told, in the order in which it writes it down; the names are those of the variables.
VARIABLES = {"REPOSITORY": "{{repository}}", "TAG": "{{tag}}", "DIGEST": "{{digest}}", "ACTOR": "{{actor}}"}
FACTS = (*VARIABLES, "REGISTRY_EVENT_ID")


@dataclass(frozen=True)
class Build:
    repository: str
    tag: str
    digest: str
    actor: str
    event: str


@dataclass
class Project:
    """One pipeline of a CI system."""

    name: str
    output: Path  # the file to which its builds append
    words: dict[str, str]  # what an endpoint says of it
    count: Callable[[], int]  # how many builds the system itself knows, running and waiting ones too
    preset: str = ""
    url: str = ""
    seconds: float = field(default=40.0)

    def endpoint(self, name: str = "ci", **more: Any) -> Config:
        """One that starts this pipeline for every image, soon enough for a test."""
        quick = {"debounce": "200ms", "timeout": "30s", "variables": VARIABLES}
        return endpoint(name, self.url, type="ci", preset=self.preset, **(self.words | quick | more))

    def builds(self) -> list[Build]:
        text = self.output.read_text() if self.output.exists() else ""
        return [Build(*line.split("\t")) for line in text.splitlines()]

    def wait_for(self, number: int) -> list[Build]:
        """Exactly `number` builds, all through with their first step."""
        wait.until(lambda: len(self.builds()) >= number, f"{number} builds of {self.name}", self.seconds, 0.1)
        assert self.count() == number, f"{self.count()} builds instead of {number}: {self.builds()}"
        return self.builds()


def write_down(output: Path) -> str:
    """The shell command with which a build does so. Facts stand in its environment, never in its text: they may be
    hostile."""
    form = r"\t".join(["%s"] * len(FACTS)) + r"\n"
    return f"printf '{form}' " + " ".join(f'"${fact}"' for fact in FACTS) + f" >>'{output}'"


def answers(url: str) -> bool:
    """Reads all of the answer: Buildbot writes it in a thread, and one that breaks off there spoils its event loop."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
