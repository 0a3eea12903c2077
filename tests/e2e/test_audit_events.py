"""What is recorded for an audit log: refused requests, and with `audit: strict` every pull before its answer."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import wait
from harness.certificates import make_certificate
from harness.images import OCI_MANIFEST, image
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server, endpoint

Serve = Callable[..., Server]
READ_ONLY = {"storage": {"maintenance": {"readonly": {"enabled": True}}}}
REFUSED = {"audit": {"refused": True}}


class Collector:
    """Takes structured CloudEvents and answers 200."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def endpoint(self, **more: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._server.server_port}/events"
        return endpoint("audit", url, format="cloudevents-structured", only={"actions": ["refused"]}, **more)

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        wait.until(lambda: len(self.events) >= count, f"{count} events, have {len(self.events)}")
        return self.events


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


def as_user(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:secret".encode()).decode()}


def put_tag(server: Server, tag: str, **headers: str) -> None:
    answer = server.client().http.request("PUT", f"/v2/acme/app/manifests/{tag}?token=secret", image(1).manifest,
                                          {"Content-Type": OCI_MANIFEST} | headers)
    expect(answer, 405)


def test_a_refused_push_is_told_to_who_asks_for_it(serve: Serve, receiver: Receiver, collector: Collector) -> None:
    server = serve([collector.endpoint(), endpoint("usual", receiver.url)], READ_ONLY | REFUSED)
    put_tag(server, "v1", **as_user("alice"), **{"User-Agent": "probe/1"})
    event = collector.wait_for(1)[0]
    assert (event["type"], event["subject"]) == ("portcall.tag.refused", "acme/app:v1")
    data = event["data"]
    assert (data["action"], data["kind"]) == ("refused", "tag")
    assert (data["repository"], data["tag"]) == ("acme/app", "v1")
    assert data["actor"] == {"name": "alice", "verified": False}
    request = data["request"]
    assert (request["method"], request["uri"], request["userAgent"]) == ("PUT", "/v2/acme/app/manifests/v1", "probe/1")
    assert (request["status"], request["errorCode"]) == (405, "UNSUPPORTED")
    assert request["addr"].startswith("127.0.0.1:") and request["host"] == server.address
    assert "secret" not in json.dumps(event)
    # Whoever did not ask for refusals is sent none, and they hold up nobody.
    server.wait_pending("usual", 0)
    assert receiver.events(accepted_only=False) == []


def test_refusals_are_no_events_unless_they_are_wanted(serve: Serve, receiver: Receiver, collector: Collector) -> None:
    server = serve([collector.endpoint(), endpoint("usual", receiver.url)], READ_ONLY)
    put_tag(server, "v1")
    server.write_config(server.config | REFUSED)
    server.restart()
    put_tag(server, "v2")
    assert [e["subject"] for e in collector.wait_for(1)] == ["acme/app:v2"]


def test_the_proxy_and_its_client_are_told_apart(serve: Serve, collector: Collector) -> None:
    server = serve([collector.endpoint()], READ_ONLY | REFUSED)
    put_tag(server, "v1", **{"X-Forwarded-For": "198.51.100.7, 10.0.0.3"})
    request = collector.wait_for(1)[0]["data"]["request"]
    assert request["addr"] == "198.51.100.7"
    assert request["peer"].startswith("127.0.0.1:")
    assert request["forwarded"] == "198.51.100.7, 10.0.0.3"


def test_a_scanner_is_counted_after_its_tenth(serve: Serve, collector: Collector) -> None:
    server = serve([collector.endpoint()], READ_ONLY | REFUSED)
    for number in range(25):
        put_tag(server, f"v{number}")
    put_tag(server, "v1", **as_user("bob"))
    collector.wait_for(11)
    server.restart()  # the stop writes what is counted
    events = collector.wait_for(12)
    assert [e["subject"] for e in events[:10]] == [f"acme/app:v{n}" for n in range(10)]
    assert events[10]["data"]["actor"]["name"] == "bob"
    counted = events[11]["data"]
    assert counted["request"]["count"] == 15
    assert counted["request"]["addr"] == "127.0.0.1", "from several ports"
    assert counted["repository"] == "acme/app" and "tag" not in counted, "what all had in common"
    server.wait_pending("audit", 0)
    assert len(collector.events) == 12


def test_a_client_without_the_right_certificate_is_told(collector: Collector, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    clients, clients_key = make_certificate(tmp_path, "client", "alice")
    stranger, stranger_key = make_certificate(tmp_path, "stranger", "eve")
    tls = {"certificate": str(certificate), "key": str(key), "clientcas": [str(clients)]}
    server = Server(tmp_path / "server", [collector.endpoint()], {"http": {"tls": tls}} | REFUSED)

    def ask(*shown: Path) -> int:
        context = ssl.create_default_context(cafile=str(certificate))
        if shown:
            context.load_cert_chain(*shown)
        with closing(http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=context)) as connection:
            connection.request("GET", "/v2/")
            return connection.getresponse().status

    server.spawn()
    with server:
        server.wait_log("listening on 127.0.0.1")
        assert ask(clients, clients_key) == 200
        for shown in ((), (stranger, stranger_key)):
            with pytest.raises((OSError, http.client.HTTPException)):
                ask(*shown)
        events = collector.wait_for(2)
        for event in events:
            data = event["data"]
            assert (event["type"], data["action"], data["kind"]) == ("portcall.system.refused", "refused", "system")
            assert data["request"]["addr"].startswith("127.0.0.1:") and data["request"]["errorCode"] == "UNAUTHORIZED"
            assert data["note"].startswith("client certificate: ")
        assert events[0]["data"]["note"] != events[1]["data"]["note"], "each has its reason"
        assert server.metric("portcall_http_refused_total", reason="certificate") == 2
        server.wait_log("a client certificate was refused")


def test_strict_pulls_are_on_disk_before_their_answer(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url, only={"actions": ["pull"]})], {"audit": "strict"})
    server.client().push_image("acme/app", "v1", image(1))
    for number in range(5):
        expect(server.client().get_manifest("acme/app", "v1", User_Agent=f"pull/{number}"), 200)
        server.kill()
        server.start()
        wait.until(lambda agent=f"pull/{number}": agent in {e["request"]["useragent"] for e in receiver.events()},
                   f"the event of pull {number}")
