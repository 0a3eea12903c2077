"""Every event at a real broker: keys, headers, values and partitions, and what keeps an event from getting there."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import clients, images, kafka, wait
from harness.captures import kind_of
from harness.kafka import Broker, Record
from harness.receiver import Receiver
from harness.registry_client import RegistryClient, expect
from harness.server import Server, endpoint, merged

Serve = Callable[..., Server]
SOURCE = "registry.example.com"
CHANGES = {"notifications": {"source": SOURCE}}
V1 = "application/vnd.docker.distribution.events.v1+json"
_number = itertools.count()


@pytest.fixture
def topic() -> str:
    """A name of the test's own, on the broker of them all."""
    return f"events-{next(_number)}"


def stream(broker: Broker, topic: str, **more: Any) -> dict[str, Any]:
    return {"name": "stream", "type": "kafka", "brokers": [broker.address], "topic": topic, "backoff": "100ms",
            "maxbackoff": "1s"} | more


def health_of(server: Server, name: str = "stream") -> dict[str, Any]:
    late = server.debug("/debug/health?verbose").json().get("endpoints", [])
    return next((entry for entry in late if entry["name"] == name), {})


def wait_trouble(server: Server, pattern: str) -> str:
    """What health says of the endpoint, once it says that."""
    def told() -> str:
        reason = health_of(server).get("reason", "")
        return reason if re.search(pattern, reason, re.IGNORECASE) else ""

    return wait.until(told, f"health says {pattern!r}; it says {health_of(server)}", kafka.PATIENCE)


def tagged(client: RegistryClient, repository: str, *tags: str, seed: int = 1) -> None:
    one = images.image(seed, layers=1)
    for data in one.blobs:
        expect(client.push_blob(repository, data), 201)
    for tag in tags:
        expect(client.put_manifest(repository, tag, one.manifest), 201)


def subjects(records: list[Record]) -> list[str]:
    return [one.header("ce_subject") for one in records]


def use(server: Server, folder: Path) -> None:
    """Pushes, pulls, mounts and deletes by a real client and by the API."""
    skopeo = clients.Skopeo(folder)
    for number in range(3):
        layout = images.write_layout(folder / f"image{number}", "v1", images.image(number))
        skopeo.copy(layout, f"docker://{server.address}/acme/app{number}:v1")
    skopeo.copy(f"docker://{server.address}/acme/app0:v1", f"docker://{server.address}/other/copy:v1")
    skopeo.copy(f"docker://{server.address}/acme/app1:v1", f"oci:{folder}/pulled:v1")
    client = server.client()
    for number in range(20):
        tagged(client, f"team{number}/deep/er/repo-{number}", "v1", "v2", seed=100 + number)
    one = images.image(100, layers=1)
    expect(client.get_manifest("team0/deep/er/repo-0", one.digest), 200)
    expect(client.delete_manifest("team0/deep/er/repo-0", "v1"), 202)
    expect(client.delete_manifest("team0/deep/er/repo-0", one.digest), 202)


def test_every_event_as_a_webhook_gets_it(serve: Serve, receiver: Receiver, broker: Broker, topic: str, tmp_path: Path) -> None:
    names = {name: f"{topic}-{name}" for name in ("binary", "docker", "structured", "java")}
    broker.create(*names.values())
    server = serve([
        endpoint("web", receiver.url),
        stream(broker, names["binary"], name="binary"),
        stream(broker, names["docker"], name="docker", format="docker-v1", compression="gzip"),
        stream(broker, names["structured"], name="structured", format="cloudevents-structured", compression="zstd"),
    ], CHANGES)
    use(server, tmp_path)
    for name in ("web", "binary", "docker", "structured"):
        server.wait_pending(name, 0)
    sent = [one for one in receiver.accepted() if kind_of(one.event["target"]) != "blob"]
    assert {one.event["action"] for one in sent} >= {"push", "pull", "delete"} and len(receiver.accepted()) > len(sent)
    wanted = {one.event["id"]: one for one in sent}

    binary = broker.records(names["binary"])
    assert sorted(one.id for one in binary) == sorted(wanted)
    for one in binary:
        check_binary(one, wanted[one.id].event)
    last: dict[str, int] = {}  # a key's events keep the log's order
    for one in binary:
        assert int(one.header("seq")) > last.get(one.key or "", 0)
        last[one.key or ""] = int(one.header("seq"))

    docker = broker.records(names["docker"])
    assert sorted(one.id for one in docker) == sorted(wanted)
    for one in docker:
        assert one.value.encode() == wanted[one.id].body
        assert one.header("content-type") == V1 and one.key == key_of(wanted[one.id].event)

    structured = {json.loads(one.value)["id"]: one for one in broker.records(names["structured"])}
    assert sorted(structured) == sorted(wanted)
    by_id = {one.id: one for one in binary}
    for event_id, one in structured.items():
        check_structured(one, by_id[event_id])

    check_partitions(broker, names["java"], binary + docker + list(structured.values()))


def key_of(event: dict[str, Any]) -> str:
    return f"{SOURCE}/{event['target']['repository']}"


def check_binary(one: Record, event: dict[str, Any]) -> None:
    target = event["target"]
    kind = "tag" if "tag" in target else "manifest"
    reference = f":{target['tag']}" if "tag" in target else f"@{target['digest']}"
    assert one.key == key_of(event)
    assert one.header("content-type") == "application/json"
    assert one.header("ce_specversion") == "1.0" and one.header("ce_source") == SOURCE
    assert one.header("ce_type") == f"portcall.{kind}.{event['action']}"
    assert one.header("ce_subject") == target["repository"] + reference
    assert one.header("ce_time")[:19] == event["timestamp"][:19] and one.header("ce_time").endswith("Z")
    assert one.header("ce_partitionkey") == one.key
    assert int(one.header("ce_sequence")) == int(one.header("seq")) > 0
    assert "ce_datacontenttype" not in dict(one.headers)
    data = json.loads(one.value)
    assert (data["action"], data["kind"], data["repository"]) == (event["action"], kind, target["repository"])
    assert data.get("tag", "") == target.get("tag", "") and data.get("digest", "") == target.get("digest", "")
    assert data.get("mediaType", "") == target.get("mediaType", "") and data.get("size", 0) == target.get("size", 0)


def check_structured(one: Record, binary: Record) -> None:
    """The same attributes and data as in the other mode."""
    whole = json.loads(one.value)
    assert one.key == binary.key
    assert one.header("content-type").startswith("application/cloudevents+json")
    assert whole.pop("data") == json.loads(binary.value)
    assert whole.pop("datacontenttype") == "application/json"
    assert whole == {name.removeprefix("ce_"): value for name, value in binary.headers if name.startswith("ce_")}


def check_partitions(broker: Broker, topic: str, records: list[Record]) -> None:
    """Java's producer puts the same key into the same partition."""
    keys = sorted({one.key for one in records if one.key})
    broker.produce_by_java(topic, [(key, "-") for key in keys])
    by_java = {one.key: one.partition for one in broker.records(topic)}
    assert len(by_java) == len(keys) >= 20 and len(set(by_java.values())) > 3
    wrong = {one.key: (one.partition, by_java[one.key]) for one in records if one.partition != by_java[one.key]}
    assert not wrong


@pytest.mark.parametrize("told", [{}, {"t": {"0": {"offset": 3}}}, {"t": {"0": {"offset": 3}, "1": {"offset": -1}}},
                                  {"t": {"0": {"offset": 3}, "1": {"error": "Broker: Leader not available"}}}])
def test_a_topic_whose_ends_are_not_known_is_not_empty(told: dict[str, Any]) -> None:
    """Else a test that counts records would be content before any is there."""
    with pytest.raises(kafka.UnknownEnd):
        kafka.ends_of(told, "t", [0, 1])
    assert kafka.ends_of({"t": {"0": {"offset": 3}, "1": {"offset": 0}}}, "t", [0, 1]) == [3, 0]


def test_topic_and_key_follow_their_templates(serve: Serve, broker: Broker, topic: str) -> None:
    broker.create(f"{topic}.push", f"{topic}.delete")
    templates = {"key": "{{repository}}:{{tag}}", "only": {"actions": ["push", "delete"]}}
    server = serve([stream(broker, topic + ".{{action}}", **templates)], CHANGES)
    client = server.client()
    tagged(client, "acme/app", "v1", "v2")
    expect(client.delete_manifest("acme/app", "v1"), 202)
    server.wait_pending("stream", 0)
    pushes, deletes = broker.records(f"{topic}.push"), broker.records(f"{topic}.delete")
    assert sorted(one.key or "" for one in pushes) == sorted(subjects(pushes)) == ["acme/app:v1", "acme/app:v2"]
    assert [one.key for one in deletes] == ["acme/app:v1"]
    assert {one.header("ce_type") for one in deletes} == {"portcall.tag.delete"}


def test_blobs_come_when_they_are_asked_for(serve: Serve, broker: Broker, topic: str) -> None:
    broker.create(topic)
    server = serve([stream(broker, topic, only={"kinds": ["blob"]})], CHANGES)
    tagged(server.client(), "acme/app", "v1")
    server.wait_pending("stream", 0)
    assert {one.header("ce_type") for one in broker.wait_records(topic, 2)} == {"portcall.blob.push"}


def big_manifest() -> bytes:
    """One small layer, many times."""
    manifest = json.loads(images.image(1, layers=1).manifest)
    manifest["layers"] *= 300
    return json.dumps(manifest).encode()


def test_an_event_too_large_dies_alone(serve: Serve, broker: Broker, topic: str) -> None:
    """The limit is a batch's: what waits together may be refused together, though only one is too large."""
    broker.create_with(topic, partitions=1, max_message_bytes=20_000)
    broker.create(f"{topic}.DLT")
    late = stream(broker, topic, format="docker-v1", deadlettertopic=f"{topic}.DLT", properties={"linger.ms": 200})
    broker.kill()
    server = serve([late], {"notifications": {"source": SOURCE, "events": {"includereferences": True}}})
    client = server.client()
    tagged(client, "acme/app", *(f"a{number}" for number in range(20)))
    expect(client.put_manifest("acme/app", "huge", big_manifest()), 201)
    tagged(client, "acme/app", *(f"b{number}" for number in range(20)))
    broker.start()
    small = broker.wait_records(topic, 40, kafka.PATIENCE * 2)
    server.wait_pending("stream", 0)
    tags = [json.loads(one.value)["events"][0]["target"]["tag"] for one in small]
    assert list(dict.fromkeys(tags)) == [f"{half}{number}" for half in "ab" for number in range(20)]
    dead, *again = broker.wait_records(f"{topic}.DLT", 1)  # at least once, as everything
    assert [one.id for one in again if one.id != dead.id] == []
    event = json.loads(dead.value)["events"][0]
    assert event["target"]["tag"] == "huge" and event["id"] == dead.id and dead.key == f"{SOURCE}/acme/app"
    reasons = " ".join(value for _, value in dead.headers)
    assert re.search("too large|size", reasons, re.IGNORECASE) and topic in reasons
    (entry,) = server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"]
    assert entry["Metrics"]["DeadLetters"] == 1


def test_an_invalid_record_dies_alone(serve: Serve, broker: Broker, topic: str) -> None:
    """A compacted topic takes no record without a key, and the broker refuses the whole batch for it."""
    broker.create_with(topic, partitions=1, cleanup_policy="compact")
    broker.create(f"{topic}.DLT")
    late = stream(broker, topic, key="{{tag}}", deadlettertopic=f"{topic}.DLT", properties={"linger.ms": 200})
    broker.kill()
    server = serve([late], CHANGES)
    client, other = server.client(), images.image(2, layers=1)
    tagged(client, "acme/app", *(f"a{number}" for number in range(20)))
    for data in other.blobs:
        expect(client.push_blob("acme/app", data), 201)
    expect(client.put_manifest("acme/app", images.digest_of(other.manifest), other.manifest), 201)
    tagged(client, "acme/app", *(f"b{number}" for number in range(20)))
    broker.start()
    valid = broker.wait_records(topic, 40, kafka.PATIENCE * 2)
    server.wait_pending("stream", 0)
    assert list(dict.fromkeys(one.key for one in valid)) == [f"{half}{number}" for half in "ab" for number in range(20)]
    dead = broker.wait_records(f"{topic}.DLT", 1)
    assert len(dead) == 1 and dead[0].header("portcall-topic") == topic
    (entry,) = server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"]
    assert entry["Metrics"]["DeadLetters"] == 1


def test_what_the_endpoint_is_to_blame_for_goes_to_no_dead_letter_topic(serve: Serve, broker: Broker, topic: str) -> None:
    """A topic that takes nothing: events stay, and come when it takes them; a few were given up before that was clear."""
    broker.create_with(topic, partitions=1, max_message_bytes=100)
    broker.create(f"{topic}.DLT")
    server = serve([stream(broker, topic, deadlettertopic=f"{topic}.DLT", threshold=3)], CHANGES)
    tags = [f"t{number}" for number in range(10)]
    tagged(server.client(), "acme/app", *tags)
    wait.until(lambda: server.metric("portcall_notifications_dead_letters", endpoint="stream") == 2, "two are given up",
               kafka.PATIENCE)
    wait_trouble(server, "size|large")
    server.restart()
    server.wait_pending("stream", 8)
    broker.configure(topic, max_message_bytes=1_000_000)
    assert list(dict.fromkeys(subjects(broker.wait_records(topic, 8, kafka.PATIENCE * 2)))) == [f"acme/app:{tag}" for tag in tags[2:]]
    server.wait_pending("stream", 0)
    assert sorted(subjects(broker.records(f"{topic}.DLT"))) == ["acme/app:t0", "acme/app:t1"]


def test_a_missing_topic_loses_nothing(serve: Serve, broker: Broker, topic: str) -> None:
    """The broker would create it, but a name in a file is not a wish for a topic."""
    server = serve([stream(broker, topic, properties={"topic.metadata.propagation.max.ms": 1000})], CHANGES)
    tags = [f"t{number}" for number in range(10)]
    tagged(server.client(), "acme/app", *tags)
    assert topic in wait_trouble(server, "topic")
    server.wait_pending("stream", 10)
    assert topic not in broker.topics()
    broker.create(topic)
    assert list(dict.fromkeys(subjects(broker.wait_records(topic, 10)))) == [f"acme/app:{tag}" for tag in tags]
    server.wait_pending("stream", 0)
    assert server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"][0]["Metrics"]["DeadLetters"] == 0
    wait.until(lambda: not health_of(server), "health has nothing to say")


def test_a_topic_that_is_made_again_with_fewer_partitions_goes_on(serve: Serve, broker: Broker, topic: str) -> None:
    broker.create(topic)
    quick = {"topic.metadata.propagation.max.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}
    server = serve([stream(broker, topic, properties=quick)], CHANGES)
    client = server.client()
    for number in range(20):
        tagged(client, f"before/{number}", "v1")
    broker.wait_records(topic, 20)
    server.wait_pending("stream", 0)
    broker.delete(topic)
    for number in range(20):
        tagged(client, f"after/{number}", "v1")
    assert topic in wait_trouble(server, "topic")
    broker.create_with(topic, partitions=1)
    assert len(broker.wait_records(topic, 20, kafka.PATIENCE * 2)) >= 20
    server.wait_pending("stream", 0)
    wait.until(lambda: not health_of(server), "health has nothing to say")


def test_a_reload_ends_what_is_under_way_and_sends_it_again(serve: Serve, broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.kill()
    server = serve([stream(broker, topic)], CHANGES)
    tags = [f"t{number}" for number in range(300)]
    tagged(server.client(), "acme/app", *tags)
    wait_trouble(server, "refused|down")
    server.reload(merged(server.config, {"notifications": {"endpoints": [stream(broker, topic, maxbackoff="2s")]}}))
    server.wait_pending("stream", 300)
    broker.start()
    found = subjects(broker.wait_records(topic, 300, kafka.PATIENCE * 2))
    assert found == [f"acme/app:{tag}" for tag in tags], "once each, in order: nothing of the old producer comes"
    server.wait_pending("stream", 0)


def test_a_broker_that_is_down_at_start(serve: Serve, broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.kill()
    server = serve([stream(broker, topic)], CHANGES)
    client = server.client()
    tags = [f"t{number}" for number in range(10)]
    tagged(client, "acme/app", *tags)
    assert broker.address in wait_trouble(server, "refused|down")
    server.wait_pending("stream", 10)
    assert server.debug("/debug/health").status == 200 and client.http.get("/v2/").status == 200
    server.restart()  # ends in time with events that nobody takes
    server.wait_pending("stream", 10)
    broker.start()
    assert list(dict.fromkeys(subjects(broker.wait_records(topic, 10)))) == [f"acme/app:{tag}" for tag in tags]
    server.wait_pending("stream", 0)
    wait.until(lambda: not health_of(server), "health has nothing to say")
