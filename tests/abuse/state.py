"""What every state of the world has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from accounts import Key
from world import World, entry

from harness import wait
from harness.kafka import Broker
from harness.receiver import Receiver
from harness.server import PATIENCE, Config


class State:
    """Two endpoints, `main` and `spare`, in a world that begins well. The bounds are for all acts."""

    expires = False  # `main` and `spare` may lose the oldest events
    keeps_pulls = True  # a pull's event is delivered
    refuses_changes = False  # pushes and deletes are answered 503
    may_end = False  # the process may end with 1 and a reason, at once
    reloads = frozenset({"applied"})
    exit_codes = frozenset({0})
    starts = frozenset({"serves"})
    memory_bound = 192  # MiB
    file_bound = 24  # MiB
    stderr: int | None = None

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        self.folder, self.broker, self.stack = folder, broker, ExitStack()

    def endpoints(self) -> list[Config]:
        raise NotImplementedError

    def changes(self) -> Config:
        return {}

    def program(self) -> Path | None:
        return None

    def enter(self, world: World) -> None:
        world.burden()

    def leave(self, world: World) -> None:
        raise NotImplementedError

    def delivered(self, name: str) -> set[Key]:
        raise NotImplementedError

    def close(self) -> None:
        self.stack.close()


class Webhooks(State):
    """Both endpoints are receivers of ours."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.receivers = {name: self.stack.enter_context(Receiver()) for name in ("main", "spare")}

    def endpoints(self) -> list[Config]:
        return [entry(name, url=one.url) for name, one in self.receivers.items()]

    def delivered(self, name: str) -> set[Key]:
        return {(e["action"], e["target"]["repository"], e["target"].get("tag", "")) for e in self.receivers[name].events()}

    def leave(self, world: World) -> None:
        for one in self.receivers.values():
            one.start()

    def go(self, world: World) -> None:
        """The receivers are gone, with all connections."""
        for name, one in self.receivers.items():
            world.server.wait_pending(name, 0, PATIENCE)
            one.stop()


def wait_trouble(world: World, *names: str) -> None:
    def shown() -> bool:
        late = world.server.debug("/debug/health?verbose").json().get("endpoints", [])
        return {one["name"] for one in late if one["reason"]} >= set(names)

    wait.until(shown, f"health tells of {names}", PATIENCE)
