"""How far a file reaches that SIGHUP brings: each part of the server goes by it from then on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from harness.audit_log import assert_sound, audit, records
from harness.registry_client import expect
from harness.server import Server, merged

Serve = Callable[..., Server]


def test_a_reload_changes_what_is_logged(serve: Serve) -> None:
    server = serve([], {"log": {"level": "error", "accesslog": {"disabled": True}}})
    expect(server.client().http.get("/v2/"), 200)
    changes = {"level": "info", "formatter": "json", "fields": {"site": "north"}, "accesslog": {"disabled": False}}
    server.write_config(merged(server.config, {"log": changes}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    line = server.wait_log(r'(?m)^\{.*"configuration reloaded".*\}$')
    assert '"site":"north"' in line
    assert '"GET /v2/ HTTP/1.1" 200' not in server.log()
    expect(server.client().http.get("/v2/"), 200)
    server.wait_log('"GET /v2/ HTTP/1.1" 200')


def test_a_reload_changes_what_requests_are_answered(serve: Serve) -> None:
    server = serve()
    client = server.client()
    assert expect(client.http.get("/v2/"), 200).headers["X-Content-Type-Options"] is None
    server.reload(merged(server.config, {"http": {"headers": {"X-Content-Type-Options": ["nosniff"]}}}))
    assert expect(client.http.get("/v2/"), 200).headers["X-Content-Type-Options"] == "nosniff"


def test_a_reload_changes_what_is_recorded_and_is_recorded(serve: Serve, tmp_path: Path) -> None:
    """Who reads the audit log sees since when another file has applied, and which one was refused."""
    folder = tmp_path / "audit"
    server = serve([audit(folder)], {"storage": {"maintenance": {"readonly": {"enabled": True}}}})
    client = server.client()
    expect(client.put_manifest("acme/before", "v1", b"{}"), 405)
    server.reload(merged(server.config, {"audit": {"refused": True}}))
    expect(client.put_manifest("acme/after", "v1", b"{}"), 405)
    good = server.config
    server.write_config(merged(good, {"http": {"relativeurls": True}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("configuration not reloaded")
    server.write_config(good)
    server.restart()
    server.wait_pending("audit", 0)
    found = records(folder)
    where = f"configuration {server.config_path}"
    assert [r["note"] for r in found if r["action"] == "reload"] == [
        f"{where} loaded", f"{where} refused: needs a restart: http.relativeurls"]
    assert [r["target"]["repository"] for r in found if r["action"] == "refused"] == ["acme/after"]
    assert_sound(folder)
