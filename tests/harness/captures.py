"""Real traffic: the notifications that Distribution 2.8.2 sent for a client's command, and the comparison with ours."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from harness.receiver import Notification, Receiver
from harness.server import Server

FOLDER = Path(__file__).resolve().parents[1] / "e2e" / "captures"
Event = dict[str, Any]
Shape = tuple[Any, ...]


def kind_of(target: dict[str, Any]) -> str:
    url = target.get("url", "")
    return "blob" if "/blobs/" in url else "manifest" if "/manifests/" in url else "-"


def shape(event: Event) -> Shape:
    """What two runs of one command have in common: everything but digests, sizes, times, ids and addresses."""
    target = event["target"]
    return (
        event["action"], event["request"]["method"], kind_of(target), target.get("mediaType", "-"),
        target.get("repository"), target.get("tag", "-"), target.get("fromRepository", "-"),
        tuple(sorted(target)), tuple(sorted(event["request"])), tuple(sorted(event["actor"])), tuple(sorted(event["source"])),
        tuple(sorted(event)), len(target.get("references", [])),
    )


def captured(name: str) -> list[tuple[list[list[str]], Event]]:
    lines = (FOLDER / f"{name}.jsonl").read_text().splitlines()
    return [(record["headers"], json.loads(record["body_raw"])["events"][0]) for record in map(json.loads, lines)]


def difference(name: str, notifications: list[Notification]) -> tuple[Counter[Shape], Counter[Shape]]:
    """What ours lacks, and what it has beyond the capture."""
    theirs = Counter(shape(event) for _, event in captured(name))
    ours = Counter(shape(n.event) for n in notifications)
    return theirs - ours, ours - theirs


class Stage:
    """A server whose events are looked at one command at a time."""

    def __init__(self, server: Server, receiver: Receiver):
        self.server = server
        self.receiver = receiver
        self.compared: list[str] = []

    def forget(self) -> None:
        self.receiver.settled()
        self.receiver.clear()

    def matches(self, name: str, missing: Counter[Shape] | None = None, extra: Counter[Shape] | None = None) -> None:
        """The events since the last call are the capture's, but for the differences that the caller explains."""
        self.receiver.settled()
        lacks, has = difference(name, self.receiver.accepted())
        assert lacks == (missing or Counter()), f"{name}: events that did not come: {lacks}; beyond the capture: {has}"
        assert has == (extra or Counter()), f"{name}: events beyond the capture: {has}"
        self.compared.append(name)
        self.receiver.clear()
