"""Cells that fail because the program is wrong. Whoever mends it takes them out: one that passes is a failure."""

from __future__ import annotations

from failures import Failure, Late, Lost, Unexpected

_ACTS = ("push", "pull", "delete", "SIGHUP, one changed", "SIGHUP, one removed", "SIGTERM", "kill -9, start")

OPEN: dict[tuple[str, str], tuple[type[Failure], str]] = {
    **{("Kafka permission missing", act): (Lost, "events are given up, though they could wait until the right is granted")
       for act in _ACTS},
    **{("Descriptors at limit", act): (Late, "who never finishes a request keeps others out until its head's time is over")
       for act in ("push", "pull", "delete")},
    ("Name server dead", "SIGTERM"): (Unexpected, "a lookup under way makes an orderly stop end with 1"),
    ("Audit folder gone", "kill -9, start"): (Unexpected, "an audit log that cannot be opened stops the registry's start"),
}
