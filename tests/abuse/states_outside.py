"""States of what Portcall sends to: receivers, Kafka, name servers, an audit log's volume."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from accounts import Key
from state import State, Webhooks, wait_trouble
from world import World, entry

from harness import audit_log, kafka, wait
from harness.kafka import Broker
from harness.name_server import NameServer
from harness.server import PATIENCE, PORTCALL, Config
from harness.volumes import HungVolume


class Silent:
    """Accepts connections, and neither reads nor writes."""

    def __init__(self, port: int):
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)

    def close(self) -> None:
        self._listener.close()


class NeverAnswers(Webhooks):
    """The receivers' machines accept connections, and nobody is at home. Attempts would wait for a minute."""

    def endpoints(self) -> list[Config]:
        return [one | {"timeout": "60s"} for one in super().endpoints()]

    def enter(self, world: World) -> None:
        self.go(world)
        self.silent = [Silent(one.port) for one in self.receivers.values()]
        world.burden()
        flying = lambda name: world.server.metric("portcall_notifications_in_flight", endpoint=name)  # noqa: E731
        wait.until(lambda: flying("main") and flying("spare"), "attempts are under way", PATIENCE)

    def leave(self, world: World) -> None:
        for one in self.silent:
            one.close()
        super().leave(world)


class Refuses(Webhooks):
    """Nobody listens at the receivers' ports."""

    def enter(self, world: World) -> None:
        self.go(world)
        world.burden()
        wait_trouble(world, "main", "spare")


class NameServerDead(Webhooks):
    """The receivers' names are known to a server that does not answer, and never has: answers are kept for a while."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.names = NameServer()
        self.names.dead = True
        self.stack.callback(self.names.close)

    def endpoints(self) -> list[Config]:
        return [entry(name, url=f"http://{name}.abuse.test:{one.port}/events") for name, one in self.receivers.items()]

    def program(self) -> Path:
        return self.names.wrap(PORTCALL, self.folder)

    def enter(self, world: World) -> None:
        world.burden()
        wait_trouble(world, "main", "spare")
        assert self.names.questions

    def leave(self, world: World) -> None:
        self.names.dead = False


class _Kafka(State):
    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.kafka = broker()
        run = secrets.token_hex(4)
        self.topics = {name: f"abuse-{run}-{name}" for name in ("main", "spare")}

    def endpoints(self) -> list[Config]:
        return [entry(name, type="kafka", brokers=[self.kafka.address], topic=topic,
                      properties={"topic.metadata.propagation.max.ms": 1000, "topic.metadata.refresh.interval.ms": 2000,
                                  "reconnect.backoff.max.ms": 500})
                for name, topic in self.topics.items()]

    def delivered(self, name: str) -> set[Key]:
        found = set()
        for record in self.kafka.records(self.topics[name]):
            repository, _, tag = record.header("ce_subject").rpartition(":")
            found.add((record.header("ce_type").rpartition(".")[2], repository, tag))
        return found


class KafkaDown(_Kafka):
    """The broker was killed."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.kafka.create(*self.topics.values())
        self.stack.callback(self.kafka.start)

    def enter(self, world: World) -> None:
        self.kafka.kill()
        world.burden()
        wait_trouble(world, "main", "spare")

    def leave(self, world: World) -> None:
        self.kafka.start()


class KafkaTopicMissing(_Kafka):
    """Nobody has created the topics yet."""

    def enter(self, world: World) -> None:
        world.burden()
        wait_trouble(world, "main", "spare")

    def leave(self, world: World) -> None:
        self.kafka.create(*self.topics.values())


class KafkaPermissionMissing(_Kafka):
    """The broker knows the user, who may not write to the topics."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.kafka.create(*self.topics.values())

    def endpoints(self) -> list[Config]:
        login = {"mechanism": "SCRAM-SHA-256", "username": kafka.USER, "password": kafka.PASSWORD}
        return [one | {"brokers": [self.kafka.secure_address], "tls": {"ca": str(self.kafka.ca)}, "sasl": login}
                for one in super().endpoints()]

    def enter(self, world: World) -> None:
        self.kafka.forbid(*self.topics.values())
        world.burden()
        wait_trouble(world, "main", "spare")

    def leave(self, world: World) -> None:
        self.kafka.allow(*self.topics.values())


class _AuditLogs(State):
    folders: dict[str, Path]

    def endpoints(self) -> list[Config]:
        return [entry(name, type="audit", directory=str(folder)) for name, folder in self.folders.items()]

    def written(self, world: World) -> None:
        for folder in self.folders.values():
            audit_log.wait_for(folder, len(world.promises.made))

    def delivered(self, name: str) -> set[Key]:
        return {(one["action"], one["target"]["repository"], one["target"].get("tag", ""))
                for one in audit_log.records(self.folders[name])}


class AuditFolderGone(_AuditLogs):
    """The folders of audit logs lie on a volume that has gone, and cannot be made anew."""

    reloads = frozenset({"applied", "refused"})

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.volume = folder / "volume"
        self.folders = {name: folder / f"audit-{name}" for name in ("main", "spare")}
        for name, link in self.folders.items():
            (self.volume / name).mkdir(parents=True)
            link.symlink_to(self.volume / name)

    def enter(self, world: World) -> None:
        self.written(world)
        self.volume.rename(self.volume.with_suffix(".away"))
        world.burden()
        wait_trouble(world, "main", "spare")

    def leave(self, world: World) -> None:
        self.volume.with_suffix(".away").rename(self.volume)


class AuditFolderHangs(_AuditLogs):
    """The folders of audit logs lie on a volume that does not answer."""

    def __init__(self, folder: Path, broker: Callable[[], Broker]):
        super().__init__(folder, broker)
        self.volume = HungVolume(folder / "volume")
        self.folders = {name: self.volume.folder / name for name in ("main", "spare")}

    def program(self) -> Path:
        return self.volume.wrap(PORTCALL)

    def enter(self, world: World) -> None:
        self.written(world)
        self.volume.hang()
        world.burden()
        wait_trouble(world, "main", "spare")

    def leave(self, world: World) -> None:
        self.volume.come_back()
