"""Which request emits which event, with which fields, over raw HTTP."""

from __future__ import annotations

import base64
import re
from typing import Any

from harness import wait
from harness.images import OCTETS, digest_of, image, index
from harness.receiver import Receiver, Reply
from harness.registry_client import expect
from harness.server import Server

Pair = tuple[Server, Receiver]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def brief(events: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(e["action"], e["request"]["method"], e["target"].get("tag", ""), e["target"].get("digest", "")) for e in events]


def test_push_of_an_image(pair: Pair) -> None:
    server, receiver = pair
    one = image(1)
    client = server.client()
    client.push_image("acme/app", "v1", one)
    events = receiver.wait_for(4)
    assert brief(events) == [*(("push", "PUT", "", digest_of(b)) for b in one.blobs), ("push", "PUT", "v1", one.digest)]
    for event in events:
        assert UUID.fullmatch(event["id"]) and TIME.fullmatch(event["timestamp"])
        assert event["target"]["repository"] == "acme/app"
        assert event["target"]["length"] == event["target"]["size"]
        assert event["actor"] == {}
        assert event["request"]["host"] == server.address
        assert event["request"]["addr"].startswith("127.0.0.1:")
        assert UUID.fullmatch(event["request"]["id"])
        assert event["source"]["addr"].endswith(f":{server.port}")
        assert UUID.fullmatch(event["source"]["instanceID"])
    assert len({e["id"] for e in events}) == 4
    blob, manifest = events[0]["target"], events[3]["target"]
    assert blob["mediaType"] == OCTETS and "references" not in blob
    assert blob["url"] == f"http://{server.address}/v2/acme/app/blobs/{blob['digest']}"
    assert manifest["mediaType"] == one.media_type
    assert manifest["url"] == f"http://{server.address}/v2/acme/app/manifests/{one.digest}"
    assert [r["digest"] for r in manifest["references"]] == [digest_of(b) for b in one.blobs]


def test_the_tag_exists_when_its_event_arrives(pair: Pair) -> None:
    server, receiver = pair
    seen: list[int] = []

    def look(number: int, event: dict[str, Any]) -> Reply:
        if event["action"] == "push" and (tag := event["target"].get("tag")):
            seen.append(server.client().get_manifest("acme/app", tag, "HEAD").status)
        return Reply()

    receiver.script = look
    for number in range(5):
        server.client().push_image("acme/app", f"v{number}", image(number))
    wait.until(lambda: len(seen) == 5, "an event for each tag")
    assert seen == [200] * 5


def test_pulls(pair: Pair) -> None:
    server, receiver = pair
    one = image(2)
    client = server.client()
    client.push_image("acme/app", "v1", one)
    receiver.wait_for(4)
    receiver.clear()
    layer = digest_of(one.blobs[1])
    expect(client.get_manifest("acme/app", "v1", "HEAD"), 200)
    expect(client.get_manifest("acme/app", one.digest), 200)
    expect(client.get_blob("acme/app", layer, "HEAD"), 200)
    expect(client.get_blob("acme/app", layer), 200)
    expect(client.get_blob("acme/app", layer, Range="bytes=0-9"), 206)
    expect(client.get_manifest("acme/app", one.digest, If_None_Match=f'"{one.digest}"'), 304)
    expect(client.get_manifest("acme/app", "none"), 404)
    client.tags("acme/app")
    assert sorted(brief(receiver.settled())) == sorted([
        ("pull", "HEAD", "v1", one.digest), ("pull", "GET", "", one.digest),
        ("pull", "HEAD", "", layer), ("pull", "GET", "", layer), ("pull", "GET", "", layer)])


def test_mount(pair: Pair) -> None:
    server, receiver = pair
    client = server.client()
    expect(client.push_blob("acme/from", b"layer"), 201)
    expect(client.mount("acme/to", digest_of(b"layer"), "acme/from"), 201)
    expect(client.mount("acme/to", digest_of(b"other"), "acme/from"), 202)
    event = receiver.settled()[1]
    assert len(receiver.events()) == 2
    assert event["action"] == "mount" and event["request"]["method"] == "POST"
    assert event["target"]["repository"] == "acme/to" and event["target"]["fromRepository"] == "acme/from"


def test_deletes(pair: Pair) -> None:
    server, receiver = pair
    client = server.client()
    one = image(3)
    client.push_image("acme/app", "a", one)
    client.push_image("acme/app", "b", one)
    receiver.wait_for(8)
    receiver.clear()
    expect(client.delete_manifest("acme/app", one.digest), 202)
    events = receiver.wait_for(3)
    assert events[0]["target"] == {"digest": one.digest, "repository": "acme/app"}
    assert sorted(e["target"]["tag"] for e in events[1:]) == ["a", "b"]
    assert all(e["target"].keys() == {"repository", "tag"} for e in events[1:])
    assert len({e["request"]["id"] for e in events}) == 1
    receiver.clear()
    expect(client.delete_blob("acme/app", digest_of(one.blobs[1])), 202)
    assert receiver.wait_for(1)[0]["target"] == {"digest": digest_of(one.blobs[1]), "repository": "acme/app"}
    expect(client.delete_manifest("acme/app", one.digest), 404)
    assert len(receiver.settled()) == 1


def test_delete_of_a_tag_alone(pair: Pair) -> None:
    server, receiver = pair
    client = server.client()
    one = image(4)
    client.push_image("acme/app", "a", one)
    client.push_image("acme/app", "b", one)
    receiver.wait_for(8)
    receiver.clear()
    expect(client.delete_manifest("acme/app", "a"), 202)
    event = receiver.wait_for(1)[0]
    assert event["action"] == "delete" and event["target"]["tag"] == "a" and event["target"]["repository"] == "acme/app"
    assert client.tags("acme/app")["tags"] == ["b"]


def test_index(pair: Pair) -> None:
    server, receiver = pair
    client = server.client()
    children = [("amd64", image(5)), ("arm64", image(6, architecture="arm64"))]
    for _, child in children:
        client.push_image("acme/multi", child.digest, child)
    whole = index(children)
    expect(client.put_manifest("acme/multi", "all", whole.manifest, whole.media_type), 201)
    event = receiver.wait_for(9)[-1]
    assert event["target"]["tag"] == "all"
    assert [r["digest"] for r in event["target"]["references"]] == [child.digest for _, child in children]


def test_requests_that_fail_emit_nothing(pair: Pair) -> None:
    server, receiver = pair
    client = server.client()
    assert client.push_blob("acme/app", b"data", digest_of(b"not data")).code == "DIGEST_INVALID"
    assert client.put_manifest("acme/app", "v1", b"{}").status == 400
    assert client.put_manifest("acme/app", "v1", image(7).manifest).code == "MANIFEST_BLOB_UNKNOWN"
    assert client.delete_blob("acme/app", digest_of(b"none")).status == 404
    assert receiver.settled() == []


def test_actor_is_the_claimed_name(pair: Pair) -> None:
    server, receiver = pair
    claim = "Basic " + base64.b64encode(b"alice:whatever").decode()
    client = server.client()
    expect(client.push_blob("acme/app", b"data"), 201)
    expect(client.get_blob("acme/app", digest_of(b"data"), Authorization=claim), 200)
    assert [e["actor"] for e in receiver.wait_for(2)] == [{}, {"name": "alice"}]
