"""HTTPS: real clients with a CA of their own, and certificates that change while the server runs."""

from __future__ import annotations

import json
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import clients, images, wait
from harness.certificates import expire, make_certificate
from harness.http_client import raw_exchange, status_of
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server, endpoint, merged

Serve = Callable[..., Server]


@pytest.fixture
def secure(serve: Serve, receiver: Receiver, tmp_path: Path) -> tuple[Server, Path]:
    certificate, key = make_certificate(tmp_path)
    return serve([endpoint("main", receiver.url)], {"http": {"tls": {"certificate": str(certificate), "key": str(key)}}}), certificate


def test_skopeo(secure: tuple[Server, Path], receiver: Receiver, tmp_path: Path) -> None:
    server, certificate = secure
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "ca.crt").write_bytes(certificate.read_bytes())
    skopeo = clients.Skopeo(tmp_path, cert_dir=trust)
    one = images.image(1)
    reference = f"docker://{server.address}/acme/app:v1"
    skopeo.copy(images.write_layout(tmp_path / "image", "v1", one), reference)
    skopeo.copy(reference, f"oci:{tmp_path}/pulled:v1")
    assert '"v1"' in skopeo.command("list-tags", reference.removesuffix(":v1"))
    skopeo.command("delete", reference)
    events = receiver.settled()
    assert {e["action"] for e in events} == {"push", "pull", "delete"}
    assert events[0]["target"]["url"].startswith(f"https://{server.address}/v2/acme/app/blobs/sha256:")


def test_podman(secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, certificate = secure
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "ca.crt").write_bytes(certificate.read_bytes())
    tools = clients.Buildah(tmp_path)
    (tmp_path / "file").write_text("hello\n")
    tools.build("localhost/one:v1", "amd64", tmp_path / "file")
    tools.run("podman", "push", f"--cert-dir={trust}", "localhost/one:v1", f"docker://{server.address}/acme/pod:v1")
    tools.run("podman", "rmi", "--all", "--force")
    tools.run("podman", "pull", f"--cert-dir={trust}", f"{server.address}/acme/pod:v1")
    assert server.client().tags("acme/pod")["tags"] == ["v1"]


def test_containerd(secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, certificate = secure
    hosts = tmp_path / "hosts" / server.address
    hosts.mkdir(parents=True)
    (hosts / "hosts.toml").write_text(f'server = "https://{server.address}"\n[host."https://{server.address}"]\nca = "{certificate}"\n')
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "ca.crt").write_bytes(certificate.read_bytes())
    skopeo = clients.Skopeo(tmp_path, cert_dir=trust)
    skopeo.copy(images.write_layout(tmp_path / "image", "v1", images.image(2)), f"docker://{server.address}/acme/ctr:v1")
    with clients.containerd(tmp_path) as ctr:
        clients.run(*ctr, "images", "pull", "--hosts-dir", hosts.parent, "--snapshotter", "native", f"{server.address}/acme/ctr:v1")
        clients.run(*ctr, "images", "tag", f"{server.address}/acme/ctr:v1", f"{server.address}/acme/ctr:v2")
        clients.run(*ctr, "images", "push", "--hosts-dir", hosts.parent, f"{server.address}/acme/ctr:v2")
    assert server.client().tags("acme/ctr")["tags"] == ["v1", "v2"]


def test_docker(secure: tuple[Server, Path], receiver: Receiver, tmp_path: Path) -> None:
    """dockerd takes any certificate of 127.0.0.0/8, and prefers HTTPS there."""
    server, _ = secure
    reference = f"{server.address}/acme/dock:v1"
    archive = tmp_path / "v1.tar"
    clients.Skopeo(tmp_path).copy(images.write_layout(tmp_path / "image", "v1", images.image(3)), f"docker-archive:{archive}:{reference}")
    (tmp_path / "daemon").mkdir()
    with clients.docker(tmp_path / "daemon") as environment:
        clients.run("docker", "load", "-i", archive, environment=environment)
        clients.run("docker", "push", reference, environment=environment)
        clients.run("docker", "image", "rm", reference, environment=environment)
        clients.run("docker", "pull", reference, environment=environment)
    assert {e["action"] for e in receiver.settled()} == {"push", "pull"}


def test_http_on_the_tls_port(secure: tuple[Server, Path]) -> None:
    server, _ = secure
    answer = raw_exchange("127.0.0.1", server.port, b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 5)
    assert status_of(answer) in (0, 400)
    expect(server.client().http.get("/v2/"), 200)


def served_by(server: Server) -> str:
    return ssl.get_server_certificate(("127.0.0.1", server.port))


def test_sighup_reads_the_certificate_again(secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, _ = secure

    def subject() -> str:
        return ssl.get_server_certificate(("127.0.0.1", server.port))

    before = subject()
    make_certificate(tmp_path, common_name="renewed")
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    wait.until(lambda: subject() != before, "the new certificate is served")
    assert server.client().http.get("/v2/").status == 200


def test_a_certificate_that_changes_is_read_by_itself(secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, certificate = secure
    before = served_by(server)
    make_certificate(tmp_path, common_name="renewed")
    wait.until(lambda: served_by(server) != before, "the new certificate is served", 60)
    renewed = served_by(server)
    server.wait_log("certificates renewed.*http.tls", 60)
    certificate.write_text("half of a file\n")
    server.wait_log(f"level=error.*the old certificate stays.*{certificate}", 60)
    assert served_by(server) == renewed


def test_a_reload_that_is_refused_renews_the_certificate(secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, _ = secure
    before = served_by(server)
    make_certificate(tmp_path, common_name="renewed")
    server.write_config(merged(server.config, {"http": {"relativeurls": True}}))

    def renewed() -> bool:
        # Again and again: files are looked at by the clock once no signal has come for a while.
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        return served_by(server) != before

    wait.until(renewed, "the new certificate is served", 30, 0.3)
    server.wait_log("not reloaded.*needs a restart: http.relativeurls")


def test_an_expired_certificate_starts_and_is_said_everywhere(serve: Serve, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    expire(certificate, key)
    with Receiver() as receiver:
        client = {"certificate": str(certificate), "key": str(key)}
        server = serve([endpoint("main", receiver.url, tls=client)], {"http": {"tls": client}})
        server.wait_log("level=warning.*http.tls.certificate: has expired at ")
        server.wait_log(r"level=warning.*endpoints\[0\].tls.certificate: has expired at ")
        expect(server.client().http.get("/v2/"), 200)
        expired = json.loads(server.debug("/debug/health?verbose").body)["certificates"]
        assert [(one["endpoint"], one["file"]) for one in expired] == [("", str(certificate)), ("main", str(certificate))]
        assert 0 < server.metric("portcall_certificate_expiry_timestamp_seconds", use="server", endpoint="") < time.time()
        assert 0 < server.metric("portcall_certificate_expiry_timestamp_seconds", use="client", endpoint="main") < time.time()


@pytest.mark.parametrize("by", ["itself", "a reload"])
def test_an_endpoints_files_are_read_again(serve: Serve, tmp_path: Path, by: str) -> None:
    certificate, key = make_certificate(tmp_path)
    other, _ = make_certificate(tmp_path, "other")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(other.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Receiver(tls=context) as receiver:
        server = serve([endpoint("main", receiver.url, tls={"ca": str(ca)}, backoff="100ms", maxbackoff="100ms")])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        server.wait_log("main.*(?i:certificate)")
        ca.write_bytes(certificate.read_bytes())
        if by == "a reload":
            assert server.process
            server.process.send_signal(signal.SIGHUP)
        receiver.wait_for(1, 60)
        server.wait_pending("main", 0)
