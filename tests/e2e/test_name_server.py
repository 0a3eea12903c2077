"""A name server that does not answer: only whoever needs a name of it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import images, wait
from harness.images import OCI_MANIFEST, digest_of
from harness.name_server import NameServer
from harness.registry_client import expect
from harness.server import PATIENCE, PORTCALL, Config, Server, endpoint

Serve = Callable[..., Server]
PROMPT = 5.0  # seconds; a lookup lasts for ten
DRAIN = {"http": {"draintimeout": "1s"}}
IMAGE = images.image(1, layers=1)


@pytest.fixture
def dead_names() -> Iterator[NameServer]:
    names = NameServer()
    names.dead = True
    yield names
    names.close()


def kafka_endpoint(name: str) -> Config:
    return {"name": name, "type": "kafka", "brokers": [f"{name}.dead.test:9092"], "topic": "events", "timeout": "2s"}


def test_pushes_and_pulls_go_on_while_many_names_are_not_answered(
        serve: Serve, dead_names: NameServer, tmp_path: Path) -> None:
    hooks = [endpoint(f"hook{i}", f"http://hook{i}.dead.test/events") for i in range(8)]
    server = serve(hooks, DRAIN, program=dead_names.wrap(PORTCALL, tmp_path))
    client = server.client(timeout=PROMPT)
    expect(client.push_image("acme/app", "first", IMAGE), 201)
    asked = {f"hook{i}.dead.test" for i in range(8)}
    wait.until(lambda: dead_names.names >= asked, "all names are asked for", PATIENCE)
    for number in range(3):
        data = b"layer %d" % number
        expect(client.push_blob("acme/app", data), 201)
        assert expect(client.get_blob("acme/app", digest_of(data)), 200).body == data
        expect(client.put_manifest("acme/app", f"v{number}", IMAGE.manifest, OCI_MANIFEST), 201)
        expect(client.get_manifest("acme/app", f"v{number}"), 200)
        assert server.debug("/debug/health").status == 200
    assert server.stop(seconds=1 + PROMPT) == 0


def test_a_stop_does_not_wait_for_librdkafkas_lookups(serve: Serve, dead_names: NameServer, tmp_path: Path) -> None:
    server = serve([kafka_endpoint("stream"), kafka_endpoint("other")], DRAIN,
                   program=dead_names.wrap(PORTCALL, tmp_path))
    expect(server.client().push_image("acme/app", "first", IMAGE), 201)
    wait.until(lambda: dead_names.names >= {"stream.dead.test", "other.dead.test"}, "both names are asked for", PATIENCE)
    assert server.stop(seconds=1 + PROMPT) == 0
