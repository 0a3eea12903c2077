"""`portcall doctor`: the destinations of events, which are looked at without sending them anything; no secret is shown."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.certificates import make_certificate
from harness.doctor import Seen
from harness.kafka import PASSWORD, USER, Broker
from harness.operators import portcall
from harness.ports import free_port
from harness.receiver import Receiver
from harness.server import Server, endpoint, merged

Serve = Callable[..., Server]


def test_endpoints_that_cannot_be_reached(serve: Serve, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    mute = socket.create_server(("127.0.0.1", 0), backlog=1)
    full = [socket.socket() for _ in range(4)]
    for one in full:  # nobody takes them: then the next one hangs
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(mute.getsockname())
    secure = subprocess.Popen(["openssl", "s_server", "-quiet", "-port", str(port := free_port()), "-cert", certificate, "-key", key],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = serve([
            endpoint("closed", f"http://127.0.0.1:{free_port()}/"),
            endpoint("dead", "https://name.invalid/hook?token=planted-secret"),
            endpoint("hangs", f"http://127.0.0.1:{mute.getsockname()[1]}/"),
            endpoint("untrusted", f"https://127.0.0.1:{port}/"),
            endpoint("trusted", f"https://127.0.0.1:{port}/", tls={"ca": str(certificate)}),
            endpoint("blind", f"https://127.0.0.1:{port}/", tls={"insecureskipverify": True}),
            endpoint("off", "http://127.0.0.1:1/", disabled=True),
        ])
        seen = Seen(server)
    finally:
        secure.kill()
        secure.wait()
        mute.close()
        for one in full:
            one.close()
    assert seen.code == 1 and seen.seconds < 15
    assert "refused" in seen.one("endpoints", "^closed ", "problem")["how"].lower()
    assert "name.invalid" in seen.one("endpoints", "^dead ", "problem")["how"]
    assert "too long" in seen.one("endpoints", "^hangs ", "problem")["how"]
    assert "certificate" in seen.one("endpoints", "^untrusted ", "problem")["how"]
    assert "tls.ca" in seen.one("endpoints", "^untrusted ", "problem")["todo"]
    assert "its certificate is right" in seen.one("endpoints", "^trusted ", "ok")["how"]
    assert seen.one("endpoints", "^blind ", "note") and seen.one("endpoints", "^off:", "note")
    assert "planted-secret" not in seen.text


def test_a_proxy_of_the_environment_is_asked_and_its_password_not_shown(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", "http://receiver.example:8080/hook")])
    proxy = f"http://user:planted-secret@127.0.0.1:{free_port()}"
    seen = Seen(server, HTTP_PROXY=proxy)
    assert "the proxy 127.0.0.1" in seen.one("endpoints", "^main ", "problem")["how"]
    assert "NO_PROXY" in seen.one("endpoints", "^main ", "problem")["todo"]
    assert "without NO_PROXY" in seen.one("network", "^HTTP_PROXY", "note")["how"]
    assert "planted-secret" not in seen.text + seen.errors


def test_secrets_are_not_shown(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    host, port = re.match(r"http://(.*):(\d+)", receiver.url).groups()  # type: ignore[union-attr]
    token = tmp_path / "token"
    token.write_text("planted-in-a-file")
    server = serve([endpoint("main", f"http://user:planted-pass@{host}:{port}/${{file:{token}}}?key=planted-query",
                             headers={"Authorization": ["Bearer planted-header"]})],
                   {"http": {"secret": "planted-of-http"}})
    for arguments in ([], ["--json"]):
        done = portcall(server, "doctor", *arguments)
        assert done.returncode == 0, done.stdout
        assert "planted" not in done.stdout + done.stderr


def test_a_ci_system_and_its_token(serve: Serve, receiver: Receiver) -> None:
    server = serve([{"name": "ci", "type": "ci", "preset": "gitlab", "url": receiver.url, "project": "a/b", "ref": "main",
                     "token": "planted-token"}])
    seen = Seen(server)
    assert seen.one("endpoints", "^ci: token is given", "ok") and seen.one("endpoints", "^ci http", "ok")
    assert "planted" not in seen.text


def test_topics_brokers_and_logins_of_kafka(serve: Serve, broker: Broker) -> None:
    broker.create("doctor-events")
    secure = {"tls": {"ca": str(broker.ca)}, "brokers": [broker.secure_address]}
    login = {"mechanism": "SCRAM-SHA-256", "username": USER, "password": PASSWORD}

    def stream(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "type": "kafka", "brokers": [broker.address], "topic": "doctor-events"} | more

    before = broker.topics()
    server = serve([])
    server.stop()  # a server would make the topics
    server.write_config(merged(server.config, {"notifications": {"endpoints": [
        stream("fine"),
        stream("missing", topic="doctor-missing"),
        stream("letters", deadlettertopic="doctor-letters"),
        stream("secure", sasl=login, **secure),
        stream("stranger", sasl=login | {"password": "planted-wrong"}, **secure),
        stream("dead", brokers=[f"127.0.0.1:{free_port()}"]),
    ]}}))
    seen = Seen(server)
    assert "each with a leader; max.message.bytes is 1048588" in seen.one("endpoints", "^fine: topic", "ok")["how"]
    assert "doctor-missing is not there" in seen.one("endpoints", "^missing: topic", "problem")["how"]
    assert seen.one("endpoints", "^letters: topic doctor-events", "ok")
    assert "doctor-letters is not there" in seen.one("endpoints", "^letters: topic doctor-letters", "problem")["how"]
    assert "with the login of sasl, by TLS" in seen.one("endpoints", "^secure: the brokers", "ok")["how"]
    assert seen.one("endpoints", "^stranger: the brokers give no answer", "problem")
    assert "refused" in seen.one("endpoints", "^dead:", "problem")["how"].lower()
    assert "planted" not in seen.text and PASSWORD not in seen.text
    assert broker.topics() == before, "no topic was made by looking"
