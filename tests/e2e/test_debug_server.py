"""What an operator sees: health, variables, metrics, log."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness import need, wait
from harness.http_client import status_of
from harness.images import image
from harness.ports import free_port
from harness.receiver import Receiver, always
from harness.registry_client import expect
from harness.server import PATIENCE, Server, endpoint

Serve = Callable[..., Server]
SECRET = "s3cret-t0ken"
BUCKETS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "25", "50", "100", "+Inf"]
RETRIES = ["0", "1", "2", "3", "5", "10", "15", "20", "30", "50", "+Inf"]


def number(text: str) -> float:
    return float(text)


def test_probes(pair: tuple[Server, Receiver]) -> None:
    server, _ = pair
    for path in ("/livez", "/readyz", "/debug/health"):
        assert server.debug(path).status == 200, path
    assert server.debug("/debug/health").json() == {}
    assert server.debug("/none").status == 404


def test_a_server_that_drains_is_not_ready(serve: Serve) -> None:
    """A balancer sends it nothing more, while what was begun is brought to its end."""
    server = serve(changes={"http": {"draintimeout": "60s"}})
    location = expect(server.client().start_upload("acme/app"), 202).location
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as upload:
        upload.sendall(f"PATCH /{location.split('/', 3)[3]} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n".encode())
        server.wait_metric(1, "registry_http_in_flight_requests", handler="blob_upload_chunk")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        wait.until(lambda: server.debug("/readyz").status == 503, "it is not ready")
        assert server.debug("/livez").status == 200
        upload.sendall(b"data")
        assert status_of(upload.recv(4096)) == 202
    assert server.process.wait(PATIENCE) == 0


def test_a_failing_check_takes_the_registry_out(serve: Serve, tmp_path: Path) -> None:
    flag = tmp_path / "maintenance"
    server = serve(changes={"health": {"file": [{"file": str(flag), "interval": "100ms"}]}})
    flag.write_text("")
    wait.until(lambda: server.debug("/debug/health").status == 503, "health fails")
    assert list(server.debug("/debug/health").json()) == [str(flag)]
    wait.until(lambda: server.client().http.get("/v2/").status == 503, "the API refuses")
    assert server.client().http.get("/v2/").code == "UNAVAILABLE"
    assert server.debug("/livez").status == 200 and server.debug("/readyz").status == 503
    flag.unlink()
    wait.until(lambda: server.debug("/debug/health").status == 200, "health recovers")
    wait.until(lambda: server.client().http.get("/v2/").status == 200, "the API answers")


def test_a_reload_leaves_a_failing_check_failing(serve: Serve, tmp_path: Path) -> None:
    flag = tmp_path / "maintenance"
    server = serve(changes={"health": {"file": [{"file": str(flag), "interval": "100ms", "threshold": 10}]}})
    flag.write_text("")
    wait.until(lambda: server.debug("/debug/health").status == 503, "health fails")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait.until(lambda: "configuration reloaded" in server.log(), "the file is read again")
    assert server.debug("/debug/health").status == 503
    assert server.client().http.get("/v2/").status == 503


def test_a_dead_endpoint_is_named_but_fails_nothing(serve: Serve) -> None:
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("broken", receiver.url, threshold=2)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        wait.until(lambda: server.metric("portcall_notifications_breaker_state", endpoint="broken") > 0, "the breaker opens")
        wait.until(lambda: "broken" in server.debug("/debug/health?verbose").body.decode(), "verbose health names it")
        assert server.debug("/debug/health?verbose").status == 200
        assert server.debug("/debug/health").status == 200
        assert server.client().http.get("/v2/").status == 200


def test_vars_have_distributions_shape_without_secrets(serve: Serve, receiver: Receiver) -> None:
    one = endpoint("main", receiver.url.replace("http://", "http://user:" + SECRET + "@") + "?token=" + SECRET,
                   headers={"Authorization": ["Bearer " + SECRET], "X-Api-Key": [SECRET]}, ignoredmediatypes=["a/b"])
    server = serve([one], {"http": {"secret": SECRET}})
    server.client().push_image("acme/app", "v1", image(1))
    receiver.wait_for(4)
    server.wait_metric(4, "registry_notifications_events_total", type="Successes", endpoint="main")
    server.wait_pending("main", 0)
    answer = server.debug("/debug/vars")
    entry = answer.json()["registry"]["notifications"]["endpoints"][0]
    assert entry["name"] == "main" and str(receiver.port) in entry["url"]
    assert entry["Timeout"] == 2_000_000_000 and entry["Threshold"] == 5 and entry["Backoff"] == 100_000_000
    assert set(entry["Headers"]) == {"Authorization", "X-Api-Key"}
    assert entry["IgnoredMediaTypes"] == ["a/b"]
    metrics = entry["Metrics"]
    assert (metrics["Pending"], metrics["Events"], metrics["Successes"]) == (0, 4, 4)
    assert (metrics["Failures"], metrics["Errors"], metrics["Statuses"]) == (0, 0, {"200 OK": 4})
    for where in (answer.body.decode(), server.metrics(), server.log(), server.debug("/debug/health?verbose").body.decode()):
        assert SECRET not in where


def test_metrics(serve: Serve) -> None:
    with Receiver(lambda n, e: always(500 if n == 0 else 200)(n, e)) as receiver:
        server = serve([endpoint("main", receiver.url)])
        server.client().push_image("acme/app", "v1", image(1, layers=1))
        receiver.wait_for(3)
        server.wait_metric(3, "registry_notifications_delivery_total", endpoint="main", delivery_type="delivered")
        server.wait_pending("main", 0)

        def count(kind: str, **labels: str) -> float:
            return server.metric("registry_notifications_events_total", type=kind, endpoint="main", **labels)

        assert (count("Events"), count("Successes"), count("Failures"), count("Dropped")) == (3, 3, 1, 0)
        assert (count("Events", artifact="blob"), count("Events", artifact="tag")) == (2, 1)
        assert count("Events", action="push") == 3
        assert server.metric("registry_notifications_status_total", code="200 OK", endpoint="main") == 3
        assert server.metric("registry_notifications_status_total", code="500 Internal Server Error", endpoint="main") == 1
        assert server.metric("registry_notifications_errors_total", endpoint="main") == 0
        assert server.metric("registry_notifications_delivery_total", endpoint="main", delivery_type="delivered") == 3
        for name, edges in (("http_latency_seconds", BUCKETS), ("total_latency_seconds", BUCKETS), ("retries_count", RETRIES)):
            found = [labels["le"] for labels, _ in server.series(f"registry_notifications_{name}_bucket")]
            assert [number(e) for e in found] == [number(e) for e in edges], name
        assert server.metric("registry_notifications_retries_count_sum", endpoint="main") == 1
        assert server.metric("registry_notifications_total_latency_seconds_count", endpoint="main") == 3
        for name in ("registry_notifications_pending", "registry_notifications_pending_total",
                     "portcall_notifications_oldest_pending_seconds", "portcall_notifications_breaker_state",
                     "portcall_notifications_dead_letters"):
            assert [(labels["endpoint"], value) for labels, value in server.series(name)] == [("main", 0.0)], name
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", server.metrics(), re.MULTILINE))
        assert types["portcall_store_queue_depth"] == "gauge" and types["portcall_store_commits_total"] == "counter"


def test_pages_show_what_is_pending_when_they_are_asked_for(serve: Serve) -> None:
    server = serve([endpoint("main", f"http://127.0.0.1:{free_port()}/")])
    client = server.client()
    for pushed in range(1, 21):
        expect(client.push_blob("acme/app", b"%d" % pushed), 201)
        if pushed % 2:
            assert server.pending("main") == pushed
        else:
            (shown,) = server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"]
            assert shown["Metrics"]["Pending"] == pushed


def test_promtool_likes_the_metrics(serve: Serve) -> None:
    promtool = need.program("promtool")
    with Receiver() as receiver:
        server = serve([endpoint("main", receiver.url)])
        server.client().push_image("acme/app", "v1", image(1))
        receiver.wait_for(4)
        page = server.metrics()
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_oldest_pending_grows(serve: Serve) -> None:
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("main", receiver.url)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        server.wait_pending("main", 1)
        wait.until(lambda: server.metric("portcall_notifications_oldest_pending_seconds", endpoint="main") > 0.5, "it ages")
        receiver.start()
        receiver.wait_for(1)
        wait.until(lambda: server.metric("portcall_notifications_oldest_pending_seconds", endpoint="main") == 0, "it is over")


def test_the_log_tells_an_endpoints_story(serve: Serve) -> None:
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("ci-hook", receiver.url, threshold=3)])
        expect(server.client().push_blob("acme/app", b"data"), 201)
        wait.until(lambda: len(receiver.notifications) > 5, "several attempts")
        receiver.script = always(200)
        receiver.wait_for(1)
        server.wait_pending("main", 0)
        server.wait_log("endpoint recovered")
        lines = [line for line in server.log().splitlines() if "ci-hook" in line]
        story = "\n".join(lines)
        for line in ("level=warning msg=\"endpoint started failing\"", "level=warning msg=\"endpoint is down",
                     "level=info msg=\"endpoint recovered\""):
            assert story.count(line) == 1, f"{line}: {story}"
        # Single attempts are for debugging.
        assert len(lines) <= 4
