"""SIGKILL in the middle of the work, of the broker and of Portcall: nothing is lost, and every repository's order holds."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from harness import kafka, wait
from harness.http_client import Answer
from harness.images import OCI_CONFIG, OCI_MANIFEST, descriptor
from harness.kafka import Broker, Record
from harness.registry_client import RegistryClient
from harness.server import Server

Serve = Callable[..., Server]
CONFIG = b'{"architecture":"amd64","os":"linux"}'
MANIFEST = json.dumps(
    {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, CONFIG), "layers": []}).encode()
CLIENTS, REPOSITORIES = 4, 5
_number = itertools.count()


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"kills-{next(_number)}"
    broker.create(name)
    return name


def stream(broker: Broker, topic: str, **more: Any) -> dict[str, Any]:
    return {"name": "stream", "type": "kafka", "brokers": [broker.address], "topic": topic, "backoff": "100ms",
            "maxbackoff": "1s"} | more


class Pusher(threading.Thread):
    """Tags one image after the other in repositories of its own, through every outage of the registry."""

    def __init__(self, server: Server, number: int):
        super().__init__(daemon=True)
        self._server = server
        self._repositories = [f"kills/c{number}/r{each}" for each in range(REPOSITORIES)]
        self._ended = threading.Event()
        self.tried: list[str] = []  # in the order of the requests
        self.promised: set[str] = set()
        self.error: BaseException | None = None

    def finish(self) -> None:
        self._ended.set()
        self.join(60)
        if self.error:
            raise self.error

    def run(self) -> None:
        client = self._server.client()
        try:
            for repository in self._repositories:
                while self._answer(lambda: client.push_blob(repository, CONFIG)) is None:
                    pass
            for count in itertools.count():
                if self._ended.is_set():
                    return
                self._push(client, self._repositories[count % REPOSITORIES], f"t{count}")
        except BaseException as error:
            self.error = error

    def _push(self, client: RegistryClient, repository: str, tag: str) -> None:
        self.tried.append(f"{repository}:{tag}")
        if self._answer(lambda: client.put_manifest(repository, tag, MANIFEST)):
            self.promised.add(f"{repository}:{tag}")

    def _answer(self, request: Callable[[], Answer]) -> Answer | None:
        """None: nobody knows."""
        try:
            answer = request()
        except (OSError, http.client.HTTPException):
            self._ended.wait(0.02)  # the server is down
            return None
        assert answer.status in (201, 503), answer.body[:300]
        return answer if answer.status == 201 else None


class Crowd:
    def __init__(self, server: Server):
        self._pushers = [Pusher(server, number) for number in range(CLIENTS)]

    def __enter__(self) -> Crowd:
        for one in self._pushers:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._pushers:
            one.finish()

    @property
    def promised(self) -> set[str]:
        return {subject for one in self._pushers for subject in list(one.promised)}

    def wait_more(self, count: int) -> None:
        goal = len(self.promised) + count
        wait.until(lambda: len(self.promised) >= goal, f"{goal} pushes", kafka.PATIENCE)

    def check(self, records: list[Record]) -> int:
        """The number of duplicates; AssertionError where an event is lost, torn in two, or out of its place."""
        ids: dict[str, set[str]] = defaultdict(set)
        bodies: dict[str, set[tuple[str, int]]] = defaultdict(set)
        arrivals: dict[str, dict[str, None]] = defaultdict(dict)  # by repository, first appearances in their order
        for one in records:
            subject = one.header("ce_subject")
            ids[subject].add(one.id)
            bodies[one.id].add((one.value, one.partition))
            arrivals[subject.split(":")[0]].setdefault(subject)
        assert not (lost := self.promised - ids.keys()), f"{len(lost)} lost: {sorted(lost)[:5]}"
        tried = [subject for one in self._pushers for subject in one.tried]
        assert not (strange := ids.keys() - set(tried)), strange
        assert not (doubled := {s: found for s, found in ids.items() if len(found) > 1}), f"two ids for one push: {doubled}"
        assert not [found for found in bodies.values() if len(found) > 1], "one id with two values or partitions"
        for repository, found in arrivals.items():
            order = [subject for subject in tried if subject in found]
            assert list(found) == order, f"{repository}: out of order: {first_difference(list(found), order)}"
        return len(records) - len(ids)


def first_difference(got: list[str], wanted: list[str]) -> str:
    place = next(n for n, (a, b) in enumerate(zip(got, wanted)) if a != b)
    return f"{got[max(0, place - 2):place + 3]} instead of {wanted[max(0, place - 2):place + 3]}"


def settled(server: Server) -> None:
    wait.until(lambda: server.pending("stream") == 0, "everything is settled", kafka.PATIENCE * 3, pause=0.2)


def test_the_broker_is_killed_under_load(serve: Serve, broker: Broker, topic: str) -> None:
    server = serve([stream(broker, topic)], {"log": {"accesslog": {"disabled": True}}})
    with Crowd(server) as crowd:
        for _ in range(3):
            crowd.wait_more(300)
            broker.kill()
            crowd.wait_more(200)  # nobody who pushes notices
            broker.start()
        crowd.wait_more(200)
    settled(server)
    duplicates = crowd.check(broker.records(topic))
    print(f"promised={len(crowd.promised)} duplicates={duplicates}")


def test_the_broker_is_killed_while_a_backlog_drains(serve: Serve, broker: Broker, topic: str) -> None:
    """Small batches, so that many requests are on their way at once when it dies."""
    broker.kill()
    slow = {"batch.num.messages": 5, "linger.ms": 1}
    server = serve([stream(broker, topic, properties=slow)], {"log": {"accesslog": {"disabled": True}}})
    with Crowd(server) as crowd:
        crowd.wait_more(3000)
    for _ in range(2):
        broker.start()
        wait.until(lambda: server.pending("stream") < 2900, "the drain has begun", kafka.PATIENCE, pause=0.005)
        broker.kill()
    broker.start()
    settled(server)
    duplicates = crowd.check(broker.records(topic))
    print(f"promised={len(crowd.promised)} duplicates={duplicates}")


def test_portcall_is_killed_under_load(serve: Serve, broker: Broker, topic: str) -> None:
    server = serve([stream(broker, topic)], {"log": {"accesslog": {"disabled": True}}})
    chance = random.Random(7)
    kills = 6
    with Crowd(server) as crowd:
        for _ in range(kills):
            crowd.wait_more(150)
            time.sleep(chance.random() / 5)  # anywhere between two flushes
            server.kill()
            server.start()
        crowd.wait_more(100)
    settled(server)
    duplicates = crowd.check(broker.records(topic))
    print(f"promised={len(crowd.promised)} duplicates={duplicates}")
    assert duplicates <= kills * (5_000 + 1_024)


def test_a_broker_that_hangs_does_not_hold_the_stop(serve: Serve, broker: Broker, topic: str) -> None:
    """What was on its way when Portcall had to end goes again at the next start."""
    server = serve([stream(broker, topic)], {"log": {"accesslog": {"disabled": True}}})
    with Crowd(server) as crowd:
        crowd.wait_more(100)
        assert broker.process
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            crowd.wait_more(100)
        finally:
            begun = time.monotonic()
            try:
                assert server.stop() == 0
                took = time.monotonic() - begun
            finally:
                os.kill(broker.process.pid, signal.SIGCONT)
        server.start()
    assert took < 15
    settled(server)
    crowd.check(broker.records(topic))
