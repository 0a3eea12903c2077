"""A long backlog in a moment: rows as many pushes would have written them."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from world import IMAGE

from harness.images import OCI_INDEX, OCI_MANIFEST, descriptor


def large_index(size: int) -> bytes:
    """Its event repeats what it says of a platform."""
    platform = {"os": "linux", "architecture": "amd64", "features": ["x" * size]}
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX,
                       "manifests": [descriptor(OCI_MANIFEST, IMAGE.manifest, platform=platform)]}).encode()


def repeat_the_newest_event(database: Path, tags: list[str]) -> None:
    """Once for each tag, into a database that nobody uses."""
    with closing(sqlite3.connect(database)) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(events)")]
        same = ", ".join(name for name in columns if name not in ("seq", "id", "tag"))
        copy = f"INSERT INTO events (id, tag, {same}) SELECT ?, ?, {same} FROM events ORDER BY seq DESC LIMIT 1"
        for tag in tags:
            connection.execute(copy, [str(uuid.uuid4()), tag])
        connection.commit()
