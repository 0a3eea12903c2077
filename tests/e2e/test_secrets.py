"""Secrets that the file names, but does not hold."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from harness import wait
from harness.receiver import Receiver, Reply
from harness.registry_client import expect
from harness.server import Server, endpoint

Serve = Callable[..., Server]


def test_a_secret_in_a_file_is_sent_renewed_and_shown_nowhere(serve: Serve, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hunter2-first\n")
    echo = Reply(400, body=b'{"you sent": "hunter2-first", "and": "hunter2-path"}')
    with Receiver(lambda number, event: echo if number < 3 else Reply()) as receiver:
        main = endpoint("main", receiver.url + "/${env:HOOK}", headers={"X-Hook": f"id ${{file:{secret}}}"}, backoff="100ms", maxbackoff="100ms")
        server = Server(tmp_path / "server", [main])
        server.environment = {"HOOK": "hunter2-path"}
        with server.start():
            expect(server.client().push_blob("acme/app", b"one"), 201)
            server.wait_metric(1, "registry_notifications_delivery_total", endpoint="main", delivery_type="lost")
            assert receiver.notifications[0].header("X-Hook") == ["id hunter2-first"]
            assert receiver.notifications[0].path == "/events/hunter2-path"
            secret.write_text("hunter2-second\n")
            assert server.process
            server.process.send_signal(signal.SIGHUP)
            wait.until(lambda: "configuration reloaded" in server.log(), "the file is read again")
            expect(server.client().push_blob("acme/app", b"two"), 201)
            receiver.wait_for(1)
            assert receiver.notifications[-1].header("X-Hook") == ["id hunter2-second"]
            for page in ("/debug/vars", "/debug/health?verbose", "/metrics"):
                assert "hunter2" not in server.debug(page).body.decode(), page
            secret.unlink()
            server.process.send_signal(signal.SIGHUP)
            server.wait_log(r"notifications\.endpoints\[0\]\.headers\.X-Hook: the file .*/token.* of \$\{file:…\} does not exist")
        assert "hunter2" not in server.log()
    database = server.root / "portcall.db"
    assert b"hunter2" not in database.read_bytes()
