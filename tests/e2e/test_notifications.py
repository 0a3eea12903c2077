"""What an administrator can say of an endpoint, and what then arrives there."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import wait
from harness.certificates import make_certificate
from harness.images import OCTETS, digest_of, image
from harness.receiver import Receiver, Reply, always
from harness.registry_client import expect
from harness.server import Server, endpoint

Serve = Callable[..., Server]
V1 = "application/vnd.docker.distribution.events.v1+json"
V2 = "application/vnd.docker.distribution.events.v2+json"


def actions(receiver: Receiver) -> list[str]:
    return [e["action"] for e in receiver.settled()]


def push_and_pull(server: Server) -> None:
    client = server.client()
    one = image(1, layers=1)
    client.push_image("acme/app", "v1", one)
    expect(client.get_manifest("acme/app", "v1"), 200)


@pytest.mark.parametrize("filters, expected", [
    ({}, ["push", "push", "push", "pull"]),
    ({"ignore": {"actions": ["pull"]}}, ["push"] * 3),
    ({"ignore": {"actions": ["push", "delete"]}}, ["pull"]),
    ({"ignore": {"mediatypes": [OCTETS]}}, ["push", "pull"]),
    ({"ignoredmediatypes": [OCTETS]}, ["push", "pull"]),
    ({"ignore": {"mediatypes": [OCTETS], "actions": ["pull"]}}, ["push"]),
])
def test_filters(serve: Serve, receiver: Receiver, filters: dict[str, object], expected: list[str]) -> None:
    server = serve([endpoint("main", receiver.url, **filters)])
    push_and_pull(server)
    receiver.wait_for(len(expected))
    assert actions(receiver) == expected


def test_media_type_filters_do_not_match_deletes(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url, ignoredmediatypes=[OCTETS])])
    client = server.client()
    expect(client.push_blob("acme/app", b"data"), 201)
    expect(client.delete_blob("acme/app", digest_of(b"data")), 202)
    assert actions(receiver) == ["delete"]


def test_references_only_when_asked_for(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url)], {"notifications": {"events": {"includereferences": False}}})
    push_and_pull(server)
    assert all("references" not in e["target"] for e in receiver.wait_for(4))


def test_pull_events_can_be_turned_off(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url)], {"notifications": {"events": {"pull": "off"}}})
    push_and_pull(server)
    assert actions(receiver) == ["push"] * 3


def test_a_disabled_endpoint_gets_nothing(serve: Serve, receiver: Receiver) -> None:
    with Receiver() as other:
        server = serve([endpoint("off", receiver.url, disabled=True), endpoint("on", other.url)])
        push_and_pull(server)
        other.wait_for(4)
        assert receiver.notifications == []


def test_headers_are_sent_as_configured(serve: Serve, receiver: Receiver) -> None:
    headers = {"Authorization": ["Bearer secret"], "X-Two": ["one", "two"], "X-Scalar": "plain"}
    server = serve([endpoint("main", receiver.url, headers=headers)])
    push_and_pull(server)
    receiver.wait_for(4)
    for one in receiver.notifications:
        assert one.header("Authorization") == ["Bearer secret"]
        assert one.header("X-Two") == ["one", "two"]
        assert one.header("X-Scalar") == ["plain"]
        assert one.header("Content-Type") == [V1]
        assert one.header("Content-Length") == [str(len(one.body))]


def test_format_per_endpoint(serve: Serve, receiver: Receiver) -> None:
    with Receiver() as newer:
        server = serve([endpoint("v1", receiver.url), endpoint("v2", newer.url, format="docker-v2")])
        client = server.client()
        one = image(2, layers=1)
        client.push_image("acme/app", "v1", one)
        expect(client.delete_manifest("acme/app", "v1"), 202)
        old, new = receiver.wait_for(4), newer.wait_for(4)
    assert {n.header("Content-Type")[0] for n in receiver.accepted()} == {V1}
    assert {n.header("Content-Type")[0] for n in newer.accepted()} == {V2}
    assert sorted(e["id"] for e in old) == sorted(e["id"] for e in new)
    push_v1, push_v2 = old[2]["target"], new[2]["target"]
    assert list(push_v1)[:4] == ["mediaType", "size", "digest", "length"]
    assert list(push_v2)[:4] == ["mediaType", "digest", "size", "length"]
    assert push_v1 == push_v2
    # Distribution 3 sends the empty members of a descriptor, Distribution 2 leaves them out.
    assert "mediaType" not in old[3]["target"] and "size" not in old[3]["target"]
    assert new[3]["target"]["mediaType"] == "" and new[3]["target"]["size"] == 0
    assert new[3]["target"]["tag"] == old[3]["target"]["tag"] == "v1"


def test_envelope_is_indented_by_three_spaces(pair: tuple[Server, Receiver]) -> None:
    server, receiver = pair
    push_and_pull(server)
    receiver.wait_for(4)
    body = receiver.notifications[0].body.decode()
    assert body.startswith('{\n   "events": [\n      {\n         "id": "') and body.endswith("\n   ]\n}")


def test_failures_are_retried_in_order(serve: Serve) -> None:
    with Receiver(lambda number, event: Reply(500 if number in (1, 2, 5) else 200)) as receiver:
        server = serve([endpoint("main", receiver.url)])
        client = server.client()
        for number in range(6):
            expect(client.push_blob("acme/app", b"%d" % number), 201)
        receiver.wait_for(6)
        order = [n.event["target"]["digest"] for n in receiver.accepted()]
        assert order == [digest_of(b"%d" % number) for number in range(6)]
        assert len(receiver.notifications) == 9
        # A retry is the same event: same id, same bytes.
        by_id: dict[str, set[bytes]] = {}
        for one in receiver.notifications:
            by_id.setdefault(one.event["id"], set()).add(one.body)
        assert len(by_id) == 6 and all(len(bodies) == 1 for bodies in by_id.values())


def test_redirects_are_failures(serve: Serve) -> None:
    with Receiver() as elsewhere:
        with Receiver(always(307, headers={"Location": elsewhere.url})) as receiver:
            server = serve([endpoint("main", receiver.url, headers={"Authorization": ["secret"]})])
            expect(server.client().push_blob("acme/app", b"data"), 201)
            wait.until(lambda: len(receiver.notifications) >= 2, "a second attempt")
            server.wait_pending("main", 1)
        assert elsewhere.notifications == []


def test_a_poison_event_dies_alone(serve: Serve) -> None:
    poison = digest_of(b"poison")

    def script(number: int, event: dict[str, dict[str, str]]) -> Reply:
        return Reply(422 if event["target"]["digest"] == poison else 200, body=b"no thanks")

    with Receiver(script) as receiver:
        server = serve([endpoint("main", receiver.url)])
        client = server.client()
        for data in (b"poison", b"after"):
            expect(client.push_blob("acme/app", data), 201)
        receiver.wait_for(1)
        assert [n.status for n in receiver.notifications] == [422, 422, 422, 200]
        server.wait_metric(1, "registry_notifications_delivery_total", endpoint="main", delivery_type="lost")
        server.wait_metric(1, "registry_notifications_delivery_total", endpoint="main", delivery_type="delivered")
        server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="main")
        server.wait_pending("main", 0)
        server.restart()
        server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="main")
        assert server.metric("registry_notifications_delivery_total", endpoint="main", delivery_type="lost") == 0
        assert len(receiver.notifications) == 4


def test_maxretries_ends_in_a_dead_letter(serve: Serve) -> None:
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("main", receiver.url, maxretries=2, threshold=100)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        server.wait_metric(1, "registry_notifications_delivery_total", endpoint="main", delivery_type="lost")
        server.wait_pending("main", 0)
        assert len(receiver.notifications) == 3  # the first and two more


def test_gone_pauses(serve: Serve) -> None:
    with Receiver(always(410)) as receiver:
        server = serve([endpoint("main", receiver.url)])
        client = server.client()
        expect(client.push_blob("acme/app", b"data"), 201)
        wait.until(lambda: receiver.notifications, "an attempt")
        server.wait_log("(?i)pause")
        expect(client.push_blob("acme/other", b"data"), 201)
        time.sleep(0.5)
        server.restart()
        time.sleep(0.5)
        assert len(receiver.notifications) == 1
        server.wait_pending("main", 2)


def test_retry_after_is_honoured(serve: Serve) -> None:
    with Receiver(lambda number, event: Reply(503, headers={"Retry-After": "2"}) if number == 0 else Reply()) as receiver:
        server = serve([endpoint("main", receiver.url)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        receiver.wait_for(1)
        first, second = receiver.notifications
        assert second.arrived - first.answered >= 1.9


def test_one_endpoint_never_delays_another(serve: Serve, receiver: Receiver) -> None:
    with Receiver() as stuck, Receiver(listening=False) as dead:
        stuck.hold()
        server = serve([endpoint("stuck", stuck.url), endpoint("dead", dead.url), endpoint("main", receiver.url)])
        client = server.client()
        started = time.monotonic()
        for number in range(50):
            expect(client.push_blob("acme/app", b"%d" % number), 201)
        receiver.wait_for(50)
        assert time.monotonic() - started < 10
        server.wait_pending("dead", 50)
        server.wait_pending("stuck", 50)
        stuck.release()
        dead.start()
        stuck.wait_for(50)
        dead.wait_for(50)
        for name in ("stuck", "dead", "main"):
            server.wait_pending(name, 0)


def test_a_receiver_with_tls(serve: Serve, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Receiver(tls=context) as receiver:
        server = serve([endpoint("trusted", receiver.url, tls={"ca": str(certificate)}),
                        endpoint("untrusted", receiver.url + "/untrusted")])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        receiver.wait_for(1)
        server.wait_log("untrusted.*(?i:certificate)")
        assert [n.path for n in receiver.notifications] == ["/events"]
        server.wait_pending("untrusted", 1)
