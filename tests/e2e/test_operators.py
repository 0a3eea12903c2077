"""What an operator sees and does while the server runs: over the socket in the data folder, and by the command line."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import need, wait
from harness.audit_log import assert_sound, audit, records
from harness.operators import call, on_terminal, portcall, push, socket_of, without
from harness.receiver import Receiver, Reply, always
from harness.server import PORTCALL, Server, endpoint, inherited, merged
from harness.volumes import HungVolume, fill, small_disk

Serve = Callable[..., Server]
Pair = tuple[Server, Receiver]


def call_ignoring(server: Server, method: str, path: str) -> None:
    """A call of which nothing may come."""
    try:
        call(server, method, path)
    except (OSError, http.client.HTTPException):
        pass


def test_a_receiver_that_was_down_overnight(serve: Serve) -> None:
    """What is pending is seen, why, and when it is tried next; nothing need be done when it is back."""
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("hook", receiver.url)])
        push(server, count=7)
        wait.until(lambda: call(server, "GET", "/endpoints/hook").json()["state"] == "down", "it is down")
        shown = call(server, "GET", "/endpoints/hook").json()
        assert shown["pending"] == 7 and shown["breaker"] in ("open", "half-open"), shown
        assert "refused" in shown["last_error"]["error"].lower(), shown
        assert shown["since"] and shown["window"] >= 1 and shown["oldest_pending_seconds"] >= 0
        listed = portcall(server, "endpoints", "list")
        assert listed.returncode == 0, listed.stderr
        assert listed.stdout.splitlines()[0].split() == ["NAME", "STATE", "PENDING", "OLDEST", "LAST", "MIN", "DEAD", "WHY"]
        assert listed.stdout.splitlines()[1].split()[:3] == ["hook", "down", "7"]
        one = portcall(server, "endpoints", "show", "hook").stdout
        assert "state         down" in one and "last error" in one and "refused" in one.lower()
        receiver.start()
        server.wait_pending("hook", 0)
        assert call(server, "GET", "/endpoints/hook").json()["delivered_last_minute"] == 7
        assert portcall(server, "endpoints", "list").stdout.splitlines()[1].split()[1] == "ok"


def test_a_pause_keeps_events_over_a_restart_and_a_reload(pair: Pair) -> None:
    server, receiver = pair
    done = portcall(server, "endpoints", "pause", "main", "--reason", "moving the receiver")
    assert done.returncode == 0 and done.stdout.startswith("main is paused: moving the receiver (by "), done
    push(server, count=3)
    server.restart()
    server.reload(merged(server.config, {"notifications": {"endpoints": [
        endpoint("main", receiver.url, headers={"X-New": ["1"]})]}}))
    shown = call(server, "GET", "/endpoints/main").json()
    assert (shown["state"], shown["paused_by"], shown["pending"]) == ("paused", "operator", 3)
    assert receiver.notifications == []
    assert portcall(server, "endpoints", "resume", "main").returncode == 0
    receiver.wait_for(3)
    assert call(server, "GET", "/endpoints/main").json()["paused_by"] is None


def test_an_answer_410_is_resumed_by_name(serve: Serve) -> None:
    with Receiver(always(410)) as receiver:
        server = serve([endpoint("hook", receiver.url)])
        push(server)
        wait.until(lambda: call(server, "GET", "/endpoints/hook").json()["state"] == "paused", "it is paused")
        assert call(server, "GET", "/endpoints/hook").json()["paused_by"] == "endpoint"
        receiver.script = always(200)
        assert portcall(server, "endpoints", "resume", "--all").returncode == 0
        receiver.wait_for(1)


def test_what_a_removed_endpoint_left_is_dropped_by_name(serve: Serve) -> None:
    with Receiver(listening=False) as receiver, Receiver() as other:
        server = serve([endpoint("old", receiver.url), endpoint("other", other.url)])
        push(server, count=4)
        server.reload(without(server, "old"))
        orphan = call(server, "GET", "/endpoints/old").json()
        assert (orphan["state"], orphan["pending"]) == ("orphaned", 4)
        assert portcall(server, "endpoints", "pause", "old").returncode == 1, "nothing is sent of it anyway"
        refused = portcall(server, "endpoints", "drop", "old")
        assert refused.returncode == 2 and "--yes" in refused.stderr
        code, shown = on_terminal(server, "endpoints", "drop", "old", typed="n\n")
        assert code == 1 and "4 events that were never delivered" in shown, shown
        assert call(server, "GET", "/endpoints/old").json()["pending"] == 4
        code, shown = on_terminal(server, "endpoints", "drop", "old", typed="y\n")
        assert code == 0 and "4 events of old were given up" in shown, shown
        again = portcall(server, "endpoints", "drop", "old", "--yes")
        assert again.returncode == 2 and "no endpoint" in again.stderr
        assert portcall(server, "endpoints", "drop", "other", "--yes").returncode == 2
        server.restart()
        assert [e["name"] for e in call(server, "GET", "/endpoints").json()["endpoints"]] == ["other"]


def test_names_that_nobody_has_are_guessed_and_every_refusal_is_told(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    server = serve([endpoint("kafka", receiver.url), audit(folder)])
    wrong = portcall(server, "endpoints", "pause", "kafak")
    assert wrong.returncode == 2 and "did you mean kafka?" in wrong.stderr
    assert portcall(server, "endpoints", "pause").returncode == 2
    assert portcall(server, "endpoints", "pause", "kafka", "--reason", "why").returncode == 0
    assert portcall(server, "endpoints", "resume", "kafka").returncode == 0
    assert call(server, "GET", "/endpoints?nmae=x").status == 400
    server.wait_log("an operator's call was refused")
    server.stop()
    found = [(r["note"], r["actor"]) for r in records(folder) if r["action"] == "endpoint" and "actor" in r and r["actor"].get("name")]
    who = "root" if os.geteuid() == 0 else None
    notes = [note for note, _ in found]
    assert any("refused" in n and "kafak" in n for n in notes), records(folder)
    assert [n for n in notes if n.startswith("endpoint kafka")] == [
        f"endpoint kafka paused: why (by {who})" if who else notes[1], "endpoint kafka resumed"]
    if who:
        assert all(actor["name"] == who for _, actor in found)
    assert_sound(folder)


def test_what_http_the_socket_speaks(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    server = serve([audit(folder)])
    got, head = call(server, "GET", "/openapi.json"), call(server, "HEAD", "/openapi.json")
    assert got.json()["openapi"] == "3.1.0" and (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    wrong = call(server, "DELETE", "/endpoints")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD")
    assert wrong.headers["Content-Type"] == "application/problem+json" and wrong.json()["status"] == 405
    large = call(server, "POST", "/endpoints/audit/pause", {"reason": "x" * 70_000})
    assert large.status == 413
    assert call(server, "POST", "/endpoints/%00%1b%5b31m%e2%80%ae/pause").status == 404
    server.stop()
    assert "\x1b" not in server.log() and "\u202e" not in server.log()
    notes = [r["note"] for r in records(folder) if r["action"] == "endpoint" and "refused" in r["note"]]
    assert any("%00%1b%5b31m%e2%80%ae" in note for note in notes), notes
    assert_sound(folder)


def test_the_socket_is_the_owners_alone(serve: Serve) -> None:
    need.root()
    server = serve()
    path = socket_of(server)
    assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in [server.root, *server.root.parents]:
        if str(folder).startswith("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    os.chmod(server.config_path, 0o644)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(PORTCALL), "-c",
                           str(server.config_path), "endpoints", "list"], capture_output=True, text=True, env=inherited())
    assert done.returncode == 1 and "belongs to another user" in done.stderr, done
    assert server.stop() == 0
    assert not path.exists()


def test_without_a_server_it_says_so(serve: Serve) -> None:
    server = serve()
    server.kill()
    assert socket_of(server).exists(), "a killed server leaves its socket"
    done = portcall(server, "endpoints", "list")
    assert done.returncode == 1 and "no server runs" in done.stderr and str(socket_of(server)) in done.stderr
    server.start()
    assert portcall(server, "endpoints", "list").returncode == 0, "the next one takes its place"
    server.stop()
    assert portcall(server, "endpoints", "list").returncode == 1
    assert portcall(server, "endpoints", "list", "-c", "/none.yml").returncode == 2


def test_a_data_folder_with_a_long_path(tmp_path: Path) -> None:
    with Server(tmp_path / ("d" * 100) / ("e" * 100)) as server:
        assert portcall(server, "endpoints", "list").stdout == "no endpoints\n"
        assert call(server, "GET", "/openapi.json").json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("failpoint", ["before-operator", "after-operator"])
def test_a_kill_leaves_a_pause_done_or_not_begun(tmp_path: Path, receiver: Receiver, failpoint: str) -> None:
    server = Server(tmp_path / "server", [endpoint("main", receiver.url)])
    try:
        server.start(PORTCALL_FAILPOINT=failpoint)
        done = portcall(server, "endpoints", "pause", "main")
        assert done.returncode == 1, "it was killed before it answered"
        assert server.process and server.process.wait(20) == -signal.SIGKILL
        server.start()
        paused = call(server, "GET", "/endpoints/main").json()["state"] == "paused"
        assert paused == (failpoint == "after-operator")
        push(server)
        if paused:
            server.wait_pending("main", 1)
            assert receiver.notifications == []
            assert portcall(server, "endpoints", "resume", "main").returncode == 0
        receiver.wait_for(1)
        assert server.stop() == 0
    finally:
        server.kill()


def test_callers_and_reloads_at_once(pair: Pair) -> None:
    server, receiver = pair
    problems: list[str] = []

    def work(verb: str) -> None:
        for _ in range(15):
            answer = call(server, "POST", f"/endpoints/main/{verb}")
            if answer.status not in (200, 503):
                problems.append(f"{verb}: {answer.status} {answer.body!r}")

    threads = [threading.Thread(target=work, args=(verb,)) for verb in ("pause", "resume", "pause", "resume")]
    for thread in threads:
        thread.start()
    for number in range(3):
        server.reload(merged(server.config, {"notifications": {"endpoints": [
            endpoint("main", receiver.url, headers={"X-Number": [str(number)]})]}}))
    for thread in threads:
        thread.join()
    assert not problems
    state = call(server, "GET", "/endpoints/main").json()["state"]
    server.restart()
    assert call(server, "GET", "/endpoints/main").json()["state"] == state, "what runs is what is stored"
    portcall(server, "endpoints", "resume", "main")
    push(server)
    receiver.wait_for(1)


def test_a_full_disk_refuses_changes_and_shows_everything(serve: Serve, tmp_path: Path) -> None:
    need.root()
    with small_disk(tmp_path / "disk") as disk, Receiver(listening=False) as receiver:
        server = serve([endpoint("main", receiver.url)],
                       {"storage": {"filesystem": {"rootdirectory": str(disk / "data")}, "reserve": "8MiB"}})
        server.root = disk / "data"
        push(server, count=2)
        ballast = fill(disk, 0)
        assert call(server, "GET", "/endpoints/main").json()["pending"] == 2
        assert portcall(server, "endpoints", "list").returncode == 0
        assert call(server, "GET", "/dead-letters").json()["dead_letters"] == []
        # Changes may still find the room that is kept for settling; whatever is answered is true.
        answer = call(server, "POST", "/endpoints/main/pause")
        assert answer.status in (200, 503), answer
        assert (call(server, "GET", "/endpoints/main").json()["state"] == "paused") == (answer.status == 200)
        ballast.unlink()
        assert wait.until(lambda: call(server, "POST", "/endpoints/main/pause").status == 200, "there is room", pause=0.2)
        assert server.stop() == 0


def test_a_disk_that_hangs_keeps_nobody_from_looking_or_stopping(tmp_path: Path, receiver: Receiver) -> None:
    volume = HungVolume(tmp_path / "volume")
    server = Server(tmp_path / "server", [endpoint("main", receiver.url), audit(tmp_path / "audit")],
                    {"http": {"draintimeout": "1s"}, "storage": {"filesystem": {"rootdirectory": str(volume.folder / "data")}}},
                    program=volume.wrap(PORTCALL))
    server.root = volume.folder / "data"
    try:
        server.start()
        push(server)
        server.wait_pending("main", 0)
        volume.hang()
        calls = [("POST", "/endpoints/main/pause"), ("DELETE", "/dead-letters/1"), ("GET", "/endpionts")] * 3
        hanging = [threading.Thread(target=call_ignoring, args=(server, *one)) for one in calls]
        for one in hanging:
            one.start()
        time.sleep(0.5)
        assert call(server, "GET", "/endpoints/main").json()["state"] in ("ok", "failing")
        assert call(server, "GET", "/endpionts").status == 404
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("configuration not reloaded", 8)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) in (0, 1)
        assert time.monotonic() - begun < 9
        for one in hanging:
            one.join()
    finally:
        volume.come_back()
        server.kill()


def test_a_stop_does_not_wait_for_operators(pair: Pair) -> None:
    server, _ = pair
    started = time.monotonic()
    idle = socket.socket(socket.AF_UNIX)
    idle.connect(str(socket_of(server)))
    idle.sendall(b"POST /api/v1/endpoints/main/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    time.sleep(0.2)
    assert server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 5
    idle.close()


def test_secrets_are_on_no_surface(serve: Serve) -> None:
    """In each place where the file has one, echoed by the receiver in what it answers."""
    marks = ["planted-token", "planted-password", "planted-query"]

    def echo(number: int, event: object) -> Reply:
        return Reply(400, body=" ".join(marks).encode())

    with Receiver(echo) as receiver:
        url = receiver.url.replace("http://", "http://planted-user:planted-password@") + "?token=planted-query"
        server = serve([endpoint("hook", url, headers={"X-Token": ["planted-token"]}, backoff="10ms", maxbackoff="10ms")])
        push(server)
        wait.until(lambda: call(server, "GET", "/dead-letters").json()["dead_letters"], "it is dead")
        ident = call(server, "GET", "/dead-letters").json()["dead_letters"][0]["id"]
        shown = [call(server, "GET", path).body.decode() for path in
                 ("/endpoints", "/endpoints/hook", "/dead-letters", f"/dead-letters/{ident}", "/openapi.json")]
        shown += [done.stdout + done.stderr for done in (
            portcall(server, "endpoints", "list"), portcall(server, "endpoints", "show", "hook"),
            portcall(server, "dead", "list"), portcall(server, "dead", "show", str(ident)),
            portcall(server, "endpoints", "show", "hook", "--json"), portcall(server, "dead", "show", str(ident), "--json"))]
        for text in [*shown, server.log()]:
            for mark in marks:
                assert mark not in text, text
