"""TLS and SCRAM, right and wrong, and files that must not start."""

from __future__ import annotations

import itertools
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import images, kafka, wait
from harness.certificates import make_certificate
from harness.kafka import Broker
from harness.registry_client import expect
from harness.server import Server, merged, run_command

Serve = Callable[..., Server]
WRONG = "hunter2-is-wrong"
CHANGES = {"notifications": {"source": "registry.example.com"}}
_number = itertools.count()


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"secure-{next(_number)}"
    broker.create(name)
    return name


def secure(broker: Broker, topic: str, ca: Path | None = None, **sasl: str) -> dict[str, Any]:
    login = {"mechanism": "SCRAM-SHA-256", "username": kafka.USER, "password": kafka.PASSWORD} | sasl
    return {"name": "stream", "type": "kafka", "brokers": [broker.secure_address], "topic": topic, "backoff": "100ms",
            "maxbackoff": "1s", "tls": {"ca": str(ca or broker.ca)}, "sasl": login}


def push(server: Server, *tags: str) -> None:
    client, one = server.client(), images.image(1, layers=1)
    for data in one.blobs:
        expect(client.push_blob("acme/app", data), 201)
    for tag in tags:
        expect(client.put_manifest("acme/app", tag, one.manifest), 201)


def arrived(broker: Broker, topic: str, *tags: str) -> None:
    """Exactly these, in this order."""
    found = broker.wait_records(topic, len(tags))
    assert [one.header("ce_subject") for one in found] == [f"acme/app:{tag}" for tag in tags]


def no_secrets(server: Server) -> None:
    pages = (server.log(), server.metrics(), server.debug("/debug/vars").body.decode(),
             server.debug("/debug/health?verbose").body.decode())
    for text in pages:
        assert kafka.PASSWORD not in text and WRONG not in text


def wait_reason(server: Server, pattern: str) -> None:
    """Health and log both say it."""
    def told() -> bool:
        return bool(re.search(pattern, server.debug("/debug/health?verbose").body.decode(), re.IGNORECASE))

    wait.until(told, f"{pattern!r} in {server.debug('/debug/health?verbose').body!r}", kafka.PATIENCE)
    wait.until(lambda: re.search(pattern, server.log(), re.IGNORECASE), f"{pattern!r} in the log", kafka.PATIENCE)


def reload(server: Server, entry: dict[str, Any]) -> None:
    server.write_config(merged(server.config, {"notifications": {"endpoints": [entry]}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)


def test_tls_and_scram(serve: Serve, broker: Broker, topic: str) -> None:
    server = serve([secure(broker, topic)], CHANGES)
    push(server, "v1", "v2")
    arrived(broker, topic, "v1", "v2")
    server.wait_pending("stream", 0)
    no_secrets(server)


@pytest.mark.parametrize("sasl", [{"password": WRONG}, {"username": "nobody", "password": WRONG}], ids=["password", "user"])
def test_wrong_credentials_say_so_and_lose_nothing(serve: Serve, broker: Broker, topic: str, sasl: dict[str, str]) -> None:
    server = serve([secure(broker, topic, **sasl)], CHANGES)
    push(server, "v1", "v2")
    wait_reason(server, "authentication failed")
    server.wait_pending("stream", 2)
    no_secrets(server)
    reload(server, secure(broker, topic))
    arrived(broker, topic, "v1", "v2")
    server.wait_pending("stream", 0)
    push(server, "v3")
    arrived(broker, topic, "v1", "v2", "v3")
    no_secrets(server)


def test_a_mechanism_that_the_broker_lacks(serve: Serve, broker: Broker, topic: str) -> None:
    server = serve([secure(broker, topic, mechanism="SCRAM-SHA-512")], CHANGES)
    push(server, "v1")
    wait_reason(server, "mechanism|authentication failed")
    server.wait_pending("stream", 1)
    no_secrets(server)
    reload(server, secure(broker, topic))
    arrived(broker, topic, "v1")


def test_a_stranger_with_a_certificate_gets_no_event(serve: Serve, broker: Broker, topic: str, tmp_path: Path) -> None:
    other, _ = make_certificate(tmp_path, "other")
    server = serve([secure(broker, topic, other)], CHANGES)
    push(server, "v1", "v2")
    wait_reason(server, "certificate|ssl|tls")
    server.wait_pending("stream", 2)
    no_secrets(server)
    reload(server, secure(broker, topic))
    arrived(broker, topic, "v1", "v2")
    server.wait_pending("stream", 0)


@pytest.mark.parametrize("operation", ["Write", "Describe"])
def test_a_missing_right_is_waited_for(serve: Serve, broker: Broker, topic: str, operation: str) -> None:
    server = serve([secure(broker, topic) | {"deadlettertopic": topic + "-dead"}], CHANGES)
    push(server, "v1")
    arrived(broker, topic, "v1")
    server.wait_pending("stream", 0)
    broker.forbid(topic, operation=operation)
    push(server, "v2", "v3")
    if operation == "Write":  # where topics are known already, Describe is asked for at the next look at them alone
        wait_reason(server, "not authorized to write: grant WRITE and DESCRIBE")
        server.wait_pending("stream", 2)
    broker.allow(topic, operation=operation)
    arrived(broker, topic, "v1", "v2", "v3")
    server.wait_pending("stream", 0)
    assert server.metric("portcall_notifications_dead_letters", endpoint="stream") == 0


def test_a_producer_that_is_not_admitted_says_which_right_is_missing(serve: Serve, broker: Broker, topic: str) -> None:
    broker.forbid_producers()
    try:
        server = serve([secure(broker, topic)], CHANGES)
        push(server, "v1", "v2")
        wait_reason(server, "grant IdempotentWrite on the cluster")
        server.wait_pending("stream", 2)
    finally:
        broker.allow_producers()
    arrived(broker, topic, "v1", "v2")
    server.wait_pending("stream", 0)
    assert server.metric("portcall_notifications_dead_letters", endpoint="stream") == 0


def test_a_normal_start_warns_of_nothing(serve: Serve, broker: Broker, topic: str) -> None:
    server = serve([secure(broker, topic)], CHANGES)
    push(server, "v1")
    arrived(broker, topic, "v1")
    alarms = re.findall(r"level=(?:warning|error).*librdkafka.*", server.log())
    assert alarms == []


# What to add to a good entry, and what must be said.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no brokers": ({"brokers": []}, r"endpoints\[0\]\.brokers"),
    "a broker without a port": ({"brokers": ["host:port"]}, r"endpoints\[0\]\.brokers"),
    "no topic": ({"topic": ""}, r"endpoints\[0\]\.topic"),
    "a topic of a pushed name": ({"topic": "events.{{repository}}"}, r"endpoints\[0\]\.topic.*repository"),
    "an impossible topic": ({"topic": "a/b"}, r"endpoints\[0\]\.topic"),
    "an unknown word in the key": ({"key": "{{repo}}"}, r"endpoints\[0\]\.key.*repository"),
    "an unknown compression": ({"compression": "zip"}, r"endpoints\[0\]\.compression.*gzip"),
    "an unknown mechanism": ({"sasl": {"mechanism": "SCRAM", "username": "u", "password": WRONG}},
                             r"sasl\.mechanism.*SCRAM-SHA-256"),
    "a user without a mechanism": ({"sasl": {"username": "u", "password": WRONG}}, r"sasl"),
    "a CA that is not there": ({"tls": {"ca": "/none.crt"}}, r"/none\.crt"),
    "acks": ({"properties": {"acks": 1}}, r"properties.*acks"),
    "no idempotence": ({"properties": {"enable.idempotence": False}}, r"properties.*enable\.idempotence"),
    "more in flight": ({"properties": {"max.in.flight.requests.per.connection": 10}}, r"max\.in\.flight"),
    "losing on timeout": ({"properties": {"message.timeout.ms": 1000}}, r"message\.timeout\.ms"),
    "brokers twice": ({"properties": {"bootstrap.servers": "other:9092"}}, r"bootstrap\.servers.*brokers"),
    "a password beside sasl": ({"properties": {"sasl.password": WRONG}}, r"sasl\.password.*sasl"),
    "an unknown property": ({"properties": {"linger.mss": 5}}, r"linger\.mss"),
    "an impossible value": ({"properties": {"linger.ms": "soon"}}, r"linger\.ms"),
    "a url": ({"url": "http://127.0.0.1:1/"}, r"endpoints\[0\]\.url"),
    "an unknown format": ({"format": "avro"}, r"endpoints\[0\]\.format.*cloudevents"),
}


@pytest.mark.parametrize("changes, pattern", CASES.values(), ids=CASES.keys())
def test_a_file_that_must_not_start(tmp_path: Path, changes: dict[str, Any], pattern: str) -> None:
    entry = {"name": "stream", "type": "kafka", "brokers": ["127.0.0.1:1"], "topic": "registry-events"}
    server = Server(tmp_path / "server", [entry | changes])
    for command in ("check", "serve"):
        done = run_command(command, str(server.config_path))
        said = done.stdout + done.stderr
        assert done.returncode == 2, f"{command}: exit {done.returncode}\n{said}"
        assert re.search(pattern, said), f"{command}: no {pattern!r} in\n{said}"
        assert WRONG not in said


def test_a_file_with_everything_starts(tmp_path: Path, serve: Serve) -> None:
    entry = {"name": "stream", "type": "kafka", "brokers": ["127.0.0.1:1", "localhost:2"], "topic": "registry.{{action}}",
             "format": "cloudevents", "key": "{{source}}/{{repository}}", "deadlettertopic": "registry-events.DLT",
             "compression": "lz4", "sasl": {"mechanism": "PLAIN", "username": "u", "password": WRONG},
             "properties": {"linger.ms": 20, "client.id": "registry", "socket.keepalive.enable": True}}
    server = serve([entry], CHANGES)
    assert WRONG not in server.log()
