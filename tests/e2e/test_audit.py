"""The audit log as its users meet it: what stands in it after real work, and what `portcall audit` says of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import wait
from harness.audit_log import ORIGIN, assert_sound, audit, lines, records, segments, verify, wait_for
from harness.clients import Skopeo
from harness.images import digest_of, image, write_layout
from harness.ports import free_port
from harness.registry_client import expect
from harness.server import Config, Server, endpoint, merged, run_command

Serve = Callable[..., Server]
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def start(serve: Serve, endpoints: list[Config], changes: Config | None = None) -> Server:
    return serve(endpoints, merged({"notifications": {"source": ORIGIN}}, changes or {}))


def test_what_skopeo_does_is_on_record(serve: Serve, folder: Path, tmp_path: Path) -> None:
    server = start(serve, [audit(folder)])
    skopeo = Skopeo(tmp_path)
    layout = write_layout(tmp_path / "layout", "v1", image(1, layers=1))
    reference = f"docker://{server.address}/acme/app:v1"
    skopeo.copy(layout, reference)
    skopeo.copy(reference, f"oci:{tmp_path}/pulled:v1")
    skopeo.command("delete", reference)
    wait.until(lambda: {"push", "pull", "delete"} <= {r["action"] for r in records(folder)}, "records of all three")
    found = records(folder)
    tag = next(r for r in found if r["action"] == "push" and r["target"].get("tag") == "v1")
    assert tag["target"]["repository"] == "acme/app" and tag["target"]["digest"].startswith("sha256:")
    assert tag["outcome"] == "success" and tag["registry"] == ORIGIN
    assert tag["source"]["address"].startswith("127.0.0.1:") and "skopeo" in tag["source"]["userAgent"]
    assert tag["actor"] == {"name": "", "verified": False}
    assert tag["request"]["method"] == "PUT" and tag["time"][:10] == tag["recorded"][:10]
    prev = "0" * 64
    for number, line in enumerate(lines(folder)):
        record = json.loads(line)
        assert (record["n"], record["prev"]) == (number, prev)
        prev = hashlib.sha256(b"\0" + line).hexdigest()
    assert server.stop() == 0
    assert_sound(folder)


def test_previous_digest_of_a_moved_tag(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder)])
    client = server.client()
    old, new = image(1, layers=1), image(2, layers=1)
    client.push_image("acme/app", "v1", old)
    client.push_image("acme/app", "v1", new)
    found = wait.until(lambda: [r for r in records(folder) if r["target"].get("digest") == new.digest], "the second push")
    assert found[0]["previousDigest"] == old.digest


def test_refused_requests_are_on_record_where_wanted(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder)], {"audit": {"refused": True}, "storage": {"delete": {"enabled": False}}})
    client = server.client()
    client.push_image("acme/app", "v1", image(1, layers=1))
    expect(client.delete_manifest("acme/app", "v1"), 405)
    found = wait.until(lambda: [r for r in records(folder) if r["action"] == "refused"], "the refusal")
    assert found[0]["outcome"] == "failure" and found[0]["status"] == 405
    assert found[0]["error"] == "UNSUPPORTED" and found[0]["request"]["method"] == "DELETE"
    assert found[0]["request"]["uri"] == "/v2/acme/app/manifests/v1"


def test_ecs(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder, format="ecs")])
    one = image(1, layers=1)
    server.client().push_image("acme/app", "v1", one)
    found = wait.until(lambda: [r for r in records(folder) if "tag" in r["container"]["image"]], "the tag's record")[0]
    assert found["event"]["action"] == "push" and found["event"]["outcome"] == "success"
    assert found["event"]["category"] == ["file"] and found["event"]["type"] == ["creation"]
    assert found["container"]["image"] == {"name": "acme/app", "tag": ["v1"], "hash": {"all": [one.digest]}}
    assert found["source"]["ip"] == "127.0.0.1" and found["source"]["port"] > 0
    assert found["@timestamp"] and found["portcall"]["n"] > 0
    assert server.stop() == 0
    assert_sound(folder)


def test_nothing_is_lost_or_repeated_when_it_is_killed(serve: Serve, folder: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    server = start(serve, [audit(folder, checkpoint={"records": 50, "interval": "1s"}, rotate={"size": "64KiB"}, backoff="50ms")])
    acknowledged: list[str] = []
    for life in range(6):
        ends = threading.Event()

        def work(worker: int) -> None:
            client = server.client(5)
            for number in range(10_000):
                if ends.is_set():
                    return
                data = f"{life}-{worker}-{number}".encode()
                try:
                    expect(client.push_blob(f"acme/app{worker}", data), 201)
                except (OSError, AssertionError):
                    return
                acknowledged.append(digest_of(data))

        workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for one in workers:
            one.start()
        time.sleep(0.3 + chance.random())
        if life < 5:
            server.kill()
        ends.set()
        for one in workers:
            one.join()
        if life < 5:
            failpoint = ("", "audit_after_write:3", "audit_after_checkpoint", "")[life % 4]
            server.spawn(**({"PORTCALL_FAILPOINT": failpoint} if failpoint else {}))
            if failpoint:
                try:
                    assert server.process is not None
                    server.process.wait(3)
                except Exception:
                    server.kill()
                server.spawn()
            wait.until(lambda: answers(server), "the server answers again", 30)
    server.wait_pending("audit", 0)
    assert server.stop() == 0
    found = records(folder)
    ids = [r["id"] for r in found]
    assert len(ids) == len(set(ids)), "a record twice"
    assert set(acknowledged) <= {r["target"]["digest"] for r in found if r["action"] == "push"}, "a push without a record"
    assert [r["seq"] for r in found] == list(range(found[0]["seq"], found[0]["seq"] + len(found)))
    report = assert_sound(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")
    assert report["segments"] > 1 and report["covered"] == report["records"]


def answers(server: Server) -> bool:
    try:
        return server.client(2).http.get("/").status == 200
    except OSError:
        return False


class Anchor:
    """Keeps the bodies that it is sent, whatever they are."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/checkpoints"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def anchored(serve: Serve, folder: Path) -> Iterator[tuple[Server, Anchor]]:
    anchor = Anchor()
    sender = endpoint("anchor", anchor.url, format="cloudevents", only={"actions": ["checkpoint"]})
    yield start(serve, [audit(folder, checkpoint={"records": 4, "interval": "1h"}), sender]), anchor
    anchor.close()


def test_checkpoints_go_out_and_prove_what_the_folder_holds(anchored: tuple[Server, Anchor], folder: Path,
                                                            tmp_path: Path) -> None:
    server, kept = anchored
    client = server.client()
    for number in range(8):
        expect(client.push_blob("acme/app", b"%d" % number), 201)
    wait.until(lambda: kept.bodies, "a checkpoint at the receiver")
    assert server.stop() == 0
    before = len(kept.bodies)
    server.start()
    wait.until(lambda: len(kept.bodies) > before, "the closing checkpoint, after the next start")
    assert server.stop() == 0
    anchor = tmp_path / "anchor.jsonl"
    anchor.write_bytes(b"".join(body + b"\n" for body in kept.bodies))
    key = tmp_path / "trusted.pub"
    shutil.copy(folder / "checkpoint.pub", key)
    report = assert_sound(folder, "--against", anchor, "--key", key)
    assert report["coveredOutside"] == report["records"] >= 8 and not report["keyFromFolder"]
    # Records and checkpoints cut alike, as if they had never been.
    file = segments(folder)[0]
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:2]))
    for name in ("checkpoints", "state"):
        (folder / name).unlink()
    assert_sound(folder)
    code, report = verify(folder, "--anchor", anchor, "--key", key)
    assert code == 1 and "truncated" in report["findings"][0]["what"]
    code, report = verify(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")
    assert code == 1 and "database" in report["findings"][0]["what"]


def test_logs_of_one_registry_share_a_place_for_their_checkpoints(serve: Serve, tmp_path: Path) -> None:
    kept = Anchor()
    pem = tmp_path / "audit.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    folders = [tmp_path / "one", tmp_path / "other"]
    logs = [audit(folder, name=folder.name, key=str(pem), checkpoint={"records": 3}) for folder in folders]
    server = start(serve, [*logs, endpoint("anchor", kept.url, format="cloudevents", only={"actions": ["checkpoint"]})])
    for number in range(6):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    for folder in folders:
        server.wait_pending(folder.name, 0)
    for folder in folders:
        wait.until(lambda name=folder.name: any(f"{ORIGIN}/{name}".encode() in body for body in kept.bodies), "its checkpoint")
    assert server.stop() == 0
    anchor = tmp_path / "anchor.jsonl"
    anchor.write_bytes(b"".join(body + b"\n" for body in kept.bodies))
    kept.close()
    for folder in folders:
        report = assert_sound(folder, "--anchor", anchor)
        assert report["coveredOutside"] >= 3 and "of other logs" in " ".join(report["notes"])


def test_a_registry_that_gets_another_name_keeps_its_log(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder, checkpoint={"records": 2})])
    expect(server.client().push_blob("acme/app", b"before"), 201)
    server.wait_pending("audit", 0)
    server.write_config(merged(server.config, {"notifications": {"source": "renamed.example.com"}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("configuration reloaded")
    expect(server.client().push_blob("acme/app", b"after"), 201)
    server.wait_pending("audit", 0)
    assert [r["registry"] for r in records(folder) if r["action"] == "push"] == [ORIGIN, "renamed.example.com"]
    assert server.stop() == 0
    assert_sound(folder, "--database", server.root / "portcall.db", "--endpoint", "audit")


def test_a_folder_that_cannot_be_opened_holds_up_its_endpoint_alone(serve: Serve, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the volume belongs\n")
    folder = blocked / "audit"
    server = start(serve, [audit(folder, backoff="50ms", maxbackoff="200ms")], {"audit": {"strict": True}})
    one = image(1, layers=1)
    server.client().push_image("acme/app", "v1", one)
    expect(server.client().get_manifest("acme/app", "v1"), 200)
    server.wait_log("audit log: it cannot be written")
    wait.until(lambda: server.pending("audit") >= 4, "events that wait")
    blocked.unlink()
    server.wait_pending("audit", 0)
    assert {"push", "pull"} <= {r["action"] for r in records(folder)}
    # The same where a reload brings it.
    second = tmp_path / "second"
    second.write_text("")
    more = [*server.config["notifications"]["endpoints"], audit(second / "audit", name="second")]
    server.write_config(merged(server.config, {"notifications": {"endpoints": more}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("configuration reloaded")
    server.wait_log(f"{second}/audit")


def test_an_edit_is_found_where_it_is(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder)])
    for number in range(6):
        expect(server.client().push_blob("acme/app", b"%d" % number), 201)
    wait_for(folder, 6)
    assert server.stop() == 0
    file = segments(folder)[0]
    text = file.read_bytes().splitlines(keepends=True)
    text[2] = text[2].replace(b"acme/app", b"acme/apq")
    file.write_bytes(b"".join(text))
    done = run_command("audit", "verify", str(folder))
    assert done.returncode == 1
    assert f"{file}:3 (record 2): record 2 was edited" in done.stdout and "DAMAGED" in done.stdout
    # The server does not go on as if nothing had been, either, where its own checkpoint says otherwise.
    file.write_bytes(b"".join(text[:2]))
    server.start()
    expect(server.client().push_blob("acme/app", b"more"), 201)
    server.wait_log("truncated")


def test_a_log_that_is_being_written_can_be_verified(serve: Serve, folder: Path) -> None:
    server = start(serve, [audit(folder, checkpoint={"records": 20, "interval": "1s"}, rotate={"size": "16KiB"})])
    client = server.client()
    for number in range(200):
        expect(client.push_blob("acme/app", b"%d" % number), 201)
        if number % 40 == 20:
            assert_sound(folder)


def test_export(serve: Serve, folder: Path, tmp_path: Path) -> None:
    server = start(serve, [audit(folder)])
    client = server.client()
    client.push_image("acme/app", "v1", image(1, layers=1))
    client.push_image("acme/other", "v1", image(2, layers=1))
    expect(client.get_manifest("acme/app", "v1"), 200)
    wait.until(lambda: any(r["action"] == "pull" for r in records(folder)), "the pull's record")

    def export(*arguments: str) -> str:
        done = run_command("audit", "export", str(folder), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert export().encode().splitlines() == lines(folder)
    pulls = [json.loads(line) for line in export("--action", "pull").splitlines()]
    assert [r["action"] for r in pulls] == ["pull"]
    others = [json.loads(line) for line in export("--repository", "*/other").splitlines()]
    assert {r["target"]["repository"] for r in others} == {"acme/other"} and len(others) == 3
    middle = records(folder)[3]["recorded"]
    assert len(export("--since", middle).splitlines()) + len(export("--until", middle).splitlines()) == len(lines(folder))
    ecs = [json.loads(line) for line in export("--format", "ecs").splitlines()]
    assert [r["event"]["action"] for r in ecs] == [r["action"] for r in records(folder)]
    rows = list(csv.DictReader(io.StringIO(export("--format", "csv"))))
    assert [r["id"] for r in rows] == [r["id"] for r in records(folder)]
    output = tmp_path / "out.jsonl"
    assert export("--output", str(output)) == ""
    assert output.read_bytes().splitlines() == lines(folder)


@pytest.mark.parametrize("restarts", [False, True], ids=["reload", "restart"])
def test_an_endpoint_that_becomes_an_audit_log_loses_nothing(serve: Serve, folder: Path, restarts: bool) -> None:
    """What waits in lanes is older than what the audit log records first: its own reload."""
    dead = endpoint("log", f"http://127.0.0.1:{free_port()}/", threshold=100)
    server = start(serve, [dead])
    client = server.client()
    for number in range(4):
        client.push_image(f"acme/app{number % 2}", f"v{number}", image(number, layers=1))
    server.wait_metric(2, "portcall_notifications_parked_lanes", endpoint="log")
    waiting = int(server.pending("log"))
    assert waiting >= 12
    server.write_config(merged(server.config, {"notifications": {"endpoints": [audit(folder, name="log")]}}))
    if restarts:
        assert server.stop() == 0
        server.start()
    else:
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("configuration reloaded")
    server.wait_pending("log", 0)
    found = records(folder)
    assert sum(r["action"] == "push" for r in found) == waiting
    assert len({r["id"] for r in found}) == len(found)
    assert_sound(folder)


@pytest.mark.parametrize("arguments, wanted", [
    (["verify"], "DIR is required"),
    (["verify", "/nothing/there"], "/nothing/there"),
    (["export", "/nothing/there"], "/nothing/there"),
    (["export", "/tmp", "--since", "yesterday"], "2026-01-31T12:00:00Z"),
    (["export", "/tmp", "--action", "dance"], "dance"),
])
def test_mistakes_are_told(arguments: list[str], wanted: str) -> None:
    done = run_command("audit", *arguments)
    assert done.returncode == 2 and wanted in done.stderr
