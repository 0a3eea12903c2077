"""States of the machine that Portcall runs on: disks, its own log, descriptors, stderr."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import socket
import time
from collections.abc import Callable
from pathlib import Path

from backlog import large_index, repeat_the_newest_event
from state import Webhooks
from world import MEBIBYTE, REPOSITORY, World

from harness import wait
from harness.full_pipe import FullPipe
from harness.images import OCI_INDEX
from harness.kafka import Broker
from harness.registry_client import expect
from harness.server import PATIENCE, PORTCALL, Config
from harness.volumes import FragileVolume, fill, small_disk


class DiskFull(Webhooks):
    """Not a byte is left on the volume of blobs and database."""

    keeps_pulls = False
    refuses_changes = True
    reloads = frozenset({"applied", "refused"})

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.disk = self.stack.enter_context(small_disk(folder / "disk"))

    def changes(self) -> Config:
        return {"storage": {"filesystem": {"rootdirectory": str(self.disk / "data")}, "reserve": "8MiB"}}

    def enter(self, world: World) -> None:
        self.ballast = fill(self.disk, 0)

        def full() -> bool:
            statuses = (world.server.client().push_blob(REPOSITORY, secrets.token_bytes(1000)).status,
                        world.put(f"filling-{time.monotonic_ns()}").status)
            return statuses == (503, 503)

        wait.until(full, "the disk is known to be full", PATIENCE, 0.1)

    def leave(self, world: World) -> None:
        self.ballast.unlink()


class _LogAtBound(Webhooks):
    bound = 16 * MEBIBYTE
    copies = 300
    onfull = ""
    file_bound = 64  # the write-ahead log may take as much again as the log and the catalog
    memory_bound = 256  # MiB; its pages hold large events

    def changes(self) -> Config:
        return {"notifications": {"events": {"maxsize": f"{self.bound // MEBIBYTE}MiB", "onfull": self.onfull}}}

    def overfill(self, world: World) -> None:
        """A little more than the bound, of events that only the dead receivers still want."""
        self.go(world)
        expect(world.put("large", large_index(64 << 10), OCI_INDEX), 201)
        assert world.terminate() == 0
        tags = [f"copy{number}" for number in range(self.copies)]
        repeat_the_newest_event(world.database, tags)
        for tag in tags:
            world.promises.note(("push", REPOSITORY, tag), 201)
        world.server.start()


class LogExpires(_LogAtBound):
    """The log is full of what dead receivers still want, and the oldest of it expires."""

    onfull = "expire"
    expires = True

    def enter(self, world: World) -> None:
        def expired(name: str) -> float:
            return world.server.metric("registry_notifications_delivery_total", endpoint=name, delivery_type="lost")

        self.overfill(world)
        wait.until(lambda: expired("main") and expired("spare"), "the oldest events expire", PATIENCE)


class LogRefuses(_LogAtBound):
    """The log is full of what dead receivers still want, and takes no more."""

    keeps_pulls = False
    onfull = "refuse"
    refuses_changes = True

    def enter(self, world: World) -> None:
        self.overfill(world)
        wait.until(lambda: world.put(f"more-{time.monotonic_ns()}").status == 503, "changes are refused", PATIENCE, 0.1)

        def counted(name: str) -> bool:
            return world.server.metric("registry_notifications_pending", endpoint=name) >= self.copies

        # What is in the log when an endpoint is removed waits on, but what was not counted by then is in no figure.
        wait.until(lambda: counted("main") and counted("spare"), "what came from aside is counted", PATIENCE)


class DescriptorsAtLimit(Webhooks):
    """More clients never finish their requests than the process may have descriptors: it serves as many as it can, and
    who waits longest makes room."""

    limit = 256
    reloads = frozenset({"applied", "refused"})

    def program(self) -> Path:
        wrapper = self.folder / "limited.sh"
        wrapper.write_text(f'#!/bin/sh\nulimit -n {self.limit}\nexec {shlex.quote(str(PORTCALL))} "$@"\n')
        wrapper.chmod(0o755)
        return wrapper

    def enter(self, world: World) -> None:
        self.clients = []
        self.stack.callback(self.leave, world)
        for _ in range(self.limit):
            one = socket.create_connection(("127.0.0.1", world.server.port))
            one.sendall(b"GET /v2/ HTTP/1.1\r\nHost: half")
            self.clients.append(one)
        self.clients[0].settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            self.clients[0].recv(1)  # returns once it has had to make room, so that no more of them fit

    def leave(self, world: World) -> None:
        for one in self.clients:
            one.close()


class StderrFull(Webhooks):
    """Nobody reads the log."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.pipe = FullPipe()
        self.stderr = self.pipe.write_end
        self.stack.callback(self.pipe.close)

    def leave(self, world: World) -> None:
        pass


class DatabaseReadOnly(Webhooks):
    """The kernel has made the database's volume read-only, as it does after an I/O error."""

    keeps_pulls = False
    refuses_changes = True
    may_end = True
    reloads = frozenset({"applied", "refused", "ended"})
    exit_codes = frozenset({0, 1})
    starts = frozenset({"serves", "refused"})

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.volume = FragileVolume(folder / "volume")
        self.stack.callback(self.volume.close)

    def changes(self) -> Config:
        return {"store": {"path": str(self.volume.folder / "portcall.db")}}

    def enter(self, world: World) -> None:
        self.volume.turn_read_only()

    def leave(self, world: World) -> None:
        if world.server.running:
            world.terminate()
        self.volume.mend()
