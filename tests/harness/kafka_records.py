"""What kcat says of a topic: its records, and where its partitions end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class UnknownEnd(AssertionError):
    """Kafka does not tell where a partition ends: a moment after a restart, or at all."""


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: str | None
    value: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The only value of this name."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) == 1, f"{name}: {values} in {self.headers}"
        return values[0]

    @property
    def id(self) -> str:
        return self.header("ce_id")


def ends_of(asked: dict[str, Any], topic: str, partitions: list[int]) -> list[int]:
    """The ends that kcat's query tells. One that it does not tell is no end: the topic is not empty for that."""
    told = asked.get(topic, {})
    ends = []
    for part in partitions:
        end = told.get(str(part))
        offset = end.get("offset") if isinstance(end, dict) else None
        if not isinstance(offset, int) or offset < 0:
            raise UnknownEnd(f"the end of {topic}, partition {part}, is not known: {asked}")
        ends.append(offset)
    return ends


def record_of(line: dict[str, object]) -> Record:
    flat = line.get("headers", [])
    assert isinstance(flat, list)
    headers = tuple(zip(flat[::2], flat[1::2]))
    return Record(str(line["topic"]), int(str(line["partition"])), int(str(line["offset"])), line["key"],  # type: ignore[arg-type]
                  str(line["payload"]), headers)
