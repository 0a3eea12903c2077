"""Starts, stops, reloads, and what a data folder may hold."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import need, wait
from harness.certificates import make_certificate
from harness.http_client import HttpClient
from harness.images import digest_of, image
from harness.receiver import Receiver, Reply
from harness.registry_client import expect
from harness.server import PEER, PORTCALL, Server, endpoint, merged
from harness.volumes import HungVolume

Serve = Callable[..., Server]


def tree_of(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder"
            for p in sorted(folder.rglob("*"))}


def refuses(server: Server, code: int, pattern: str, seconds: float = 20) -> None:
    process = server.spawn()
    assert process.wait(seconds) == code, server.log()[-2000:]
    assert re.search(pattern, server.log()), server.log()[-2000:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_pending_survives(serve: Serve, number: signal.Signals) -> None:
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("main", receiver.url)])
        client = server.client()
        for each in range(20):
            expect(client.push_blob(f"acme/app{each % 3}", b"%d" % each), 201)
        server.wait_pending("main", 20)
        assert server.stop(number) == (0 if number == signal.SIGTERM else -9)
        server.start()
        server.wait_pending("main", 20)
        receiver.start()
        assert len(receiver.wait_for(20)) == 20
        server.wait_pending("main", 0)


def test_what_was_pushed_is_there_after_kill(serve: Serve) -> None:
    server = serve()
    one = image(1)
    server.client().push_image("acme/app", "v1", one)
    server.kill()
    server.start()
    client = server.client()
    assert expect(client.get_manifest("acme/app", "v1"), 200).body == one.manifest
    for data in one.blobs:
        assert expect(client.get_blob("acme/app", digest_of(data)), 200).body == data


def test_an_upload_survives_a_restart(serve: Serve) -> None:
    server = serve()
    client = server.client()
    location = expect(client.start_upload("acme/app"), 202).location
    location = expect(client.http.request("PATCH", location, b"first "), 202).location
    server.restart()
    client = server.client()
    done = client.http.request("PUT", f"{location}&digest={digest_of(b'first second')}", b"second")
    expect(done, 201)
    assert client.get_blob("acme/app", digest_of(b"first second")).body == b"first second"


def test_sigterm_lets_requests_finish(serve: Serve) -> None:
    server = serve()
    client = server.client()
    location = expect(client.start_upload("acme/app"), 202).location
    body = b"x" * 200_000
    done: list[int] = []

    def slow_body():  # type: ignore[no-untyped-def]
        for start in range(0, len(body), 20_000):
            time.sleep(0.1)
            yield body[start : start + 20_000]

    def push() -> None:
        target = f"{location}&digest={digest_of(body)}"
        done.append(client.http.request("PUT", target, slow_body(), {"Content-Length": str(len(body))}).status)

    thread = threading.Thread(target=push)
    thread.start()
    time.sleep(0.3)
    assert server.stop() == 0
    thread.join(10)
    assert done == [201]


def test_a_stop_that_is_signalled_twice_at_once_still_drains(serve: Serve) -> None:
    """As by `timeout`, a terminal, and supervisors that signal the process and its group."""
    with Receiver(lambda number, event: Reply(delay=0.5)) as receiver:
        server = serve([endpoint("main", receiver.url)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        assert server.process
        server.process.send_signal(signal.SIGTERM)
        server.wait_log("stopping, draining")
        assert server.stop() == 0
        assert len(receiver.accepted()) == 1


def test_a_reload_that_hangs_is_refused(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    volume = HungVolume(tmp_path / "volume")
    server = serve([endpoint("main", receiver.url)], program=volume.wrap(PORTCALL))
    assert server.process
    good = server.config
    volume.hang()
    ci = {"name": "ci", "type": "ci", "preset": str(volume.folder / "preset"), "url": receiver.url}
    server.write_config(merged(good, {"notifications": {"endpoints": [ci]}}))
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("configuration not reloaded.*does not answer", 5)
    server.reload(good)
    expect(server.client().push_blob("acme/app", b"data"), 201)
    server.wait_pending("main", 0)
    assert server.stop() == 0


def test_sigterm_waits_for_attempts_in_flight(serve: Serve) -> None:
    with Receiver(lambda number, event: Reply(delay=0.5)) as receiver:
        server = serve([endpoint("main", receiver.url)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        time.sleep(0.2)
        assert server.stop() == 0
        assert len(receiver.accepted()) == 1
        server.start()
        time.sleep(0.5)
        assert len(receiver.notifications) == 1 and server.pending("main") == 0


def test_sighup_applies_a_good_file(serve: Serve, receiver: Receiver) -> None:
    with Receiver() as other:
        server = serve([endpoint("main", receiver.url)])
        server.write_config(merged(server.config, {"notifications": {"endpoints": [
            endpoint("main", receiver.url), endpoint("more", other.url)]}}))
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        wait.until(lambda: 'endpoint="more"' in server.metrics(), "the new endpoint is known")
        expect(server.client().push_blob("acme/app", b"data"), 201)
        other.wait_for(1)
        receiver.wait_for(1)


@pytest.mark.parametrize("changes, pattern", [
    ({"notifications": {"endpoints": [{"name": "x"}]}}, r"notifications\.endpoints\[0\]\.url"),
    ({"http": {"addr": "127.0.0.1:1"}}, r"http\.addr"),
    ({"storage": {"filesystem": {"rootdirectory": "/elsewhere"}}}, r"storage\.filesystem\.rootdirectory"),
])
def test_sighup_refuses_a_bad_file_whole(serve: Serve, receiver: Receiver, changes: dict[str, object], pattern: str) -> None:
    server = serve([endpoint("main", receiver.url)])
    good = server.config
    server.write_config(merged(merged(good, {"log": {"level": "debug"}}), changes))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(pattern)
    expect(server.client().push_blob("acme/app", b"data"), 201)
    receiver.wait_for(1)
    server.config = good


@pytest.mark.parametrize("broken", ["certificate", "audit folder", "endpoint's beginning"])
def test_a_refused_reload_changes_nothing_at_all(serve: Serve, receiver: Receiver, tmp_path: Path, broken: str) -> None:
    certificate, key = make_certificate(tmp_path)
    _, foreign_key = make_certificate(tmp_path, "foreign")
    tls = {"certificate": str(certificate), "key": str(key)}
    server = serve([endpoint("main", receiver.url)], {"http": {"tls": tls}})
    good = server.config
    with Receiver() as other:
        changed = [endpoint("main", other.url), endpoint("more", other.url)]
        changes = {"storage": {"maintenance": {"readonly": {"enabled": True}}}, "log": {"accesslog": {"disabled": True}}}
        if broken == "certificate":
            changes["http"] = {"tls": tls | {"key": str(foreign_key)}}
        elif broken == "audit folder":
            changed.append({"name": "record", "type": "audit", "directory": str(certificate / "audit")})
        else:
            changed.append(endpoint("late", other.url) | {"from": "soon"})
        server.write_config(merged(good, changes | {"notifications": {"endpoints": changed}}))
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("configuration not reloaded, the old one stays")
        expect(server.client().push_blob("acme/app", b"data"), 201)
        receiver.wait_for(1)
        server.wait_pending("main", 0)
        assert {labels["endpoint"] for labels, _ in server.series("registry_notifications_pending")} == {"main"}
        assert not other.events(accepted_only=False)
        server.wait_log(r'"PUT /v2/acme/app/blobs/uploads/[^"]*" 201')
    server.config = good


def test_the_database_is_checked_after_an_unclean_end(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("main", receiver.url)])
    expect(server.client().push_blob("acme/app", b"data"), 201)
    server.restart()
    assert "did not end orderly" not in server.log()
    # What was killed before it wrote anything has left nothing to check.
    expect(server.client().push_blob("acme/app", b"since"), 201)
    server.kill()
    server.start()
    server.wait_log("the last run did not end orderly: checking the whole database")
    server.wait_log("the database is whole")
    assert server.stop() == 0
    # Damage where neither a start nor a push looks: amid what another endpoint did.
    database = server.root / "portcall.db"
    sound = database.stat().st_size
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executemany("INSERT INTO attempts (cursor, seq, at, events, attempt, delivered, status, latency_us, error)"
                               " VALUES (99, ?, ?, 1, 1, 1, 200, 9, '')", [(n, time.time_ns()) for n in range(5_000)])
        connection.commit()
    with database.open("r+b") as file:
        file.seek((sound + database.stat().st_size) // 2 // 4096 * 4096)
        file.write(b"\xee" * 4096)
    server.start()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    server.kill()
    refuses(server, 1, "the database can no longer be trusted")


def test_a_removed_endpoint_keeps_its_backlog(serve: Serve) -> None:
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("gone", receiver.url)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        server.wait_pending("gone", 1)
        server.stop()
        server.write_config(merged(server.config, {"notifications": {"endpoints": []}}))
        server.start()
        server.wait_log("level=warning.*endpoint=gone.*pending=1")
        assert "gone" in server.debug("/debug/health?verbose").body.decode()


def test_a_second_server_waits_and_is_refused(serve: Serve, tmp_path: Path) -> None:
    first = serve()
    second = Server(tmp_path / "second", changes={"storage": {"filesystem": {"rootdirectory": str(first.root)}}})
    started = time.monotonic()
    with second.log_path.open("ab") as log:
        process = subprocess.Popen([second.program, "serve", "--wait", "1s", str(second.config_path)], stdout=log, stderr=log)
    assert process.wait(20) == 1, second.log()
    assert time.monotonic() - started >= 0.9
    assert first.process and str(first.process.pid) in second.log() and "--wait" in second.log()
    # And one that waits long enough takes over.
    second.spawn()
    time.sleep(0.5)
    assert second.running
    assert first.stop() == 0
    wait.until(lambda: "listening" in second.log() and second.running, "the second takes over")
    assert second.stop() == 0


def test_docker_registrys_tree_is_refused_and_untouched(tmp_path: Path) -> None:
    need.program(PEER)
    with Server(tmp_path / "peer", program=PEER) as peer:
        peer.client().push_image("acme/app", "v1", image(1))
    before = tree_of(peer.root)
    assert len(before) > 10
    server = Server(tmp_path / "server", changes={"storage": {"filesystem": {"rootdirectory": str(peer.root)}}})
    refuses(server, 2, "import")
    assert tree_of(peer.root) == before


def test_localhost_binds_both_families(tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    server.write_config(merged(server.config, {"http": {"addr": f"localhost:{server.port}"}}))
    server.start()
    try:
        hosts = ["127.0.0.1"]
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
                hosts.append("::1")
            except OSError:
                pass
        for host in hosts:
            assert HttpClient(host, server.port).get("/v2/").status == 200, host
    finally:
        assert server.stop() == 0


def test_a_taken_port_is_said(serve: Serve, tmp_path: Path) -> None:
    first = serve()
    second = Server(tmp_path / "second")
    second.write_config(merged(second.config, {"http": {"addr": first.address}}))
    process = second.spawn()
    assert process.wait(20) in (1, 2)
    assert first.address in second.log() and re.search("(?i)in use", second.log())


def stopped_with_data(serve: Serve) -> tuple[Server, Path]:
    server = serve()
    server.client().push_image("acme/app", "v1", image(1))
    assert server.stop() == 0
    return server, server.root / "portcall.db"


def test_a_damaged_database_is_refused(serve: Serve) -> None:
    server, database = stopped_with_data(serve)
    data = bytearray(database.read_bytes())
    data[:64] = b"\xff" * 64
    database.write_bytes(data)
    refuses(server, 2, "(?i)(damaged|not a database).*|backup")
    assert database.read_bytes() == bytes(data)


def test_a_newer_database_is_refused(serve: Serve) -> None:
    server, database = stopped_with_data(serve)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 999999")
    connection.close()
    before = database.read_bytes()
    refuses(server, 2, "(?i)newer")
    assert database.read_bytes() == before


def test_blobs_beside_a_lost_database_are_refused(serve: Serve) -> None:
    server, database = stopped_with_data(serve)
    for file in server.root.glob("portcall.db*"):
        file.unlink()
    before = {k: v for k, v in tree_of(server.root).items() if not k.startswith("portcall")}
    process = server.spawn()
    time.sleep(1)
    if process.poll() is None:  # blobs alone are adopted; only a tree with repositories is an import's
        assert server.stop() == 0
    else:
        assert process.returncode == 2 and "import" in server.log()
    after = {k: v for k, v in tree_of(server.root).items() if not k.startswith("portcall")}
    assert {k: v for k, v in after.items() if k in before} == before
    shutil.rmtree(server.root)


def test_it_says_that_it_is_open(serve: Serve) -> None:
    server = serve()
    server.wait_log("(?i)level=warning.*(open|auth)")


@pytest.mark.skipif(Path(os.environ.get("PORTCALL_BUILD", "")).name in ("asan", "tsan"), reason="sanitizers bring an allocator")
def test_an_idle_server_gives_memory_back(serve: Serve) -> None:
    """By the allocator's own threads; without them what a rush took stays until the next."""
    server = serve([])
    assert server.process
    threads = Path(f"/proc/{server.process.pid}/task")
    wait.until(lambda: "jemalloc_bg_thd" in {(one / "comm").read_text().strip() for one in threads.iterdir()},
               "the allocator has a thread that purges")
