"""Endpoints behind a forward proxy, as the environment names it: Debian's tinyproxy, which follows RFC 9110 §9.3.6 (CONNECT)
and RFC 9112 §3.2.2 (absolute form). A receiver is called 127.1, because what is called 127.0.0.1 or localhost goes straight."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import need, wait
from harness.certificates import make_certificate
from harness.images import image
from harness.ports import free_port
from harness.receiver import Receiver
from harness.server import Server, endpoint, run_command

Serve = Callable[..., Server]
PASSWORD = "hunter2-of-the-proxy"


@dataclass
class Proxy:
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://user:{PASSWORD}@127.0.0.1:{self.port}"

    def asked(self, line: str) -> int:
        return self.log.read_text().count(line)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    program = need.program("tinyproxy")
    one = Proxy(free_port(), tmp_path / "proxy.log")
    (tmp_path / "proxy.conf").write_text(f'Port {one.port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth user {PASSWORD}\n'
                                         f'LogFile "{one.log}"\nLogLevel Info\n')
    process = subprocess.Popen([program, "-d", "-c", str(tmp_path / "proxy.conf")], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait.until(lambda: listens(one.port), "tinyproxy listens")
        yield one
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Receiver, Path]]:
    certificate, key = make_certificate(tmp_path, names="DNS:127.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Receiver(tls=context) as one:
        yield one, certificate


def named(receiver: Receiver) -> str:
    return receiver.url.replace("127.0.0.1", "127.1")


def reason(server: Server) -> str:
    return str(next((one["reason"] for one in server.debug("/debug/health?verbose").json()["endpoints"]), ""))


def push(server: Server, tag: str) -> None:
    server.client().push_image("team/app", tag, image(1, layers=1))


def test_requests_go_by_the_proxies_that_the_environment_names(
        serve: Serve, proxy: Proxy, receiver: Receiver, secure: tuple[Receiver, Path]) -> None:
    (tls, certificate), other = secure, Receiver()
    with other:
        entries = [endpoint("plain", named(receiver)), endpoint("tls", named(tls), tls={"ca": str(certificate)}),
                   endpoint("straight", named(other)), endpoint("local", other.url)]
        server = serve(entries, environment={"HTTP_PROXY": proxy.url, "https_proxy": proxy.url,
                                             "NO_PROXY": f"other.example, 127.1:{other.port}"})
        push(server, "v1")
        receiver.wait_for(3)
        tls.wait_for(3)
        other.wait_for(6)
        for name in ("plain", "tls", "straight", "local"):
            server.wait_pending(name, 0)
    assert proxy.asked(f"POST http://127.1:{receiver.port}/events HTTP/1.1") == len(receiver.accepted())
    assert proxy.asked(f"CONNECT 127.1:{tls.port} HTTP/1.1") >= 1
    assert proxy.asked(str(other.port)) == 0
    assert server.log().count("the endpoint is reached by a proxy") == 2
    shown = server.log() + server.debug("/debug/vars").body.decode() + server.debug("/debug/health?verbose").body.decode()
    assert PASSWORD not in shown and f"127.0.0.1:{proxy.port}" in shown


@pytest.fixture
def socks(tmp_path: Path) -> Iterator[Proxy]:
    program = need.program("microsocks")
    one = Proxy(free_port(), tmp_path / "socks.log")
    with one.log.open("wb") as log:
        process = subprocess.Popen([program, "-i", "127.0.0.1", "-p", str(one.port), "-u", "user", "-P", PASSWORD],
                                   stdout=log, stderr=log)
    try:
        wait.until(lambda: listens(one.port), "microsocks listens")
        yield one
    finally:
        process.terminate()
        process.wait(20)


def test_socks_is_a_proxy_too(serve: Serve, socks: Proxy, receiver: Receiver, secure: tuple[Receiver, Path]) -> None:
    """RFC 1928 and 1929, by Debian's microsocks."""
    tls, certificate = secure
    entries = [endpoint("plain", named(receiver)), endpoint("tls", named(tls), tls={"ca": str(certificate)})]
    by = socks.url.replace("http:", "socks5:")
    server = serve(entries, environment={"HTTP_PROXY": by, "HTTPS_PROXY": by.replace("socks5:", "socks5h:")})
    push(server, "v1")
    receiver.wait_for(3)
    tls.wait_for(3)
    for port in (receiver.port, tls.port):
        assert socks.asked(f"connected to 127.1:{port}") >= 1, socks.log.read_text()
    assert PASSWORD not in server.log()


def test_a_socks_proxy_that_refuses_is_named(serve: Serve, socks: Proxy, receiver: Receiver) -> None:
    wrong = socks.url.replace("http:", "socks5:").replace(PASSWORD, "wrong")
    server = serve([endpoint("main", named(receiver), threshold=1)], environment={"HTTP_PROXY": wrong})
    push(server, "v1")
    told = wait.until(lambda: reason(server), "the endpoint says what is wrong")
    assert f"asking the proxy 127.0.0.1:{socks.port} for a connection: user or password is wrong" in told
    assert receiver.notifications == []


def test_a_proxy_that_refuses_is_named_and_loses_nothing(serve: Serve, proxy: Proxy, secure: tuple[Receiver, Path]) -> None:
    tls, certificate = secure
    wrong = proxy.url.replace(PASSWORD, "wrong-" + PASSWORD)
    server = serve([endpoint("main", named(tls), tls={"ca": str(certificate)}, threshold=1)], environment={"HTTPS_PROXY": wrong})
    push(server, "v1")
    told = wait.until(lambda: reason(server), "the endpoint says what is wrong")
    assert f"the proxy 127.0.0.1:{proxy.port}" in told and "it answers 40" in told, told
    assert PASSWORD not in told + server.log()
    wait.until(lambda: server.pending("main") > 0, "the events wait")
    assert tls.notifications == []


def test_check_says_what_is_wrong_with_a_proxy(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", [endpoint("main", "https://receiver.example/")])
    checked = run_command("check", str(server.config_path), environment={"HTTPS_PROXY": f"socks4://user:{PASSWORD}@proxy:1080"})
    assert checked.returncode == 2 and "HTTPS_PROXY" in checked.stdout + checked.stderr, checked
    assert PASSWORD not in checked.stdout + checked.stderr
