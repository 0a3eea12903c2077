"""`portcall doctor`: what is fine, what is broken and named, and that nothing is changed by looking."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import need, wait
from harness.certificates import expire, make_certificate
from harness.clients import run
from harness.doctor import Seen, unchanged, without_a_trace
from harness.operators import on_terminal, portcall, push, socket_of
from harness.ports import free_port
from harness.receiver import Receiver
from harness.server import Server, endpoint, inherited, merged
from harness.volumes import HungVolume, fill, small_disk

Serve = Callable[..., Server]
NOBODY = 65534


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="portcall-doctor-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stopped(serve: Serve, receiver: Receiver) -> Server:
    server = serve([endpoint("main", receiver.url)])
    push(server, count=3)
    receiver.wait_for(3)
    server.stop()
    return server


def test_a_running_installation_is_fine_and_notices_nothing(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    server = serve([endpoint("main", receiver.url), {"name": "log", "type": "audit", "directory": str(audit)}])
    push(server, count=5)
    receiver.wait_for(5)
    server.wait_pending("main", 0)
    seen = without_a_trace(server, server.root, audit)
    before = server.log()
    Seen(server)
    assert server.log() == before
    assert seen.code == 0 and seen.bad() == [], seen.bad()
    assert "runs, and answers" in seen.one("server", "^server")["how"]
    assert f"process {server.process.pid} " in seen.one("server", "^server")["how"]  # type: ignore[union-attr]
    assert seen.one("server", "^program")["grade"] == "ok"
    assert seen.one("database", "^content: all rows were read")
    assert seen.one("database", "^event log")["grade"] == "ok"
    assert seen.one("listeners", "^http.addr")["how"].startswith("accepts connections")
    assert seen.one("endpoints", f"^main {re.escape(receiver.url)}")["how"].endswith("connected")
    assert seen.one("endpoints", "^log ")["grade"] == "ok"
    assert seen.one("backlog", "^main: ok; 0 events wait")
    shown = portcall(server, "doctor")
    assert shown.returncode == 0 and "\x1b" not in shown.stdout
    assert "\n0 problems, 0 warnings, " in shown.stdout
    notes, fine = map(int, re.search(r"(\d+) notes?; (\d+) ok\n$", shown.stdout).groups())  # type: ignore[union-attr]
    assert len(shown.stdout.splitlines()) == fine + 2 * notes + 1
    code, painted = on_terminal(server, "doctor")
    assert code == 0 and "\x1b[32mok\x1b[0m" in painted
    assert receiver.wait_for(5) and len(receiver.notifications) == 5, "nothing was sent to it"


def test_a_stopped_installation_is_fine_and_nothing_is_made(stopped: Server) -> None:
    assert not (stopped.root / "portcall.db-wal").exists()
    with unchanged(stopped.root):
        seen = Seen(stopped)
    assert seen.code == 0 and seen.bad() == [], seen.bad()
    assert seen.one("server", "^server")["how"] == "does not run"
    assert seen.one("database", "^content: all rows were read")
    assert seen.one("listeners", "^http.addr")["how"].endswith("is free")


def test_what_a_killed_server_left_is_read_without_touching_it(stopped: Server) -> None:
    stopped.start()
    push(stopped, count=4)
    stopped.kill()
    assert (stopped.root / "portcall.db-wal").stat().st_size > 0
    with unchanged(stopped.root):
        seen = Seen(stopped)
    assert seen.code == 0, seen.bad()
    assert "did not end by itself" in seen.one("database", "^size", "note")["how"]
    assert "7 events are kept" in seen.one("database", "^event log")["how"], "those of the log, too"
    (stopped.root / "portcall.db-shm").unlink()  # as of a copy
    with unchanged(stopped.root):
        assert "7 events are kept" in Seen(stopped).one("database", "^event log")["how"]


def test_the_word_for_the_configuration(stopped: Server, tmp_path: Path) -> None:
    clean = inherited()
    assert subprocess.run([stopped.program, "doctor"], env=clean, capture_output=True).returncode == 2
    by_name = subprocess.run([stopped.program, "doctor", str(stopped.config_path)], env=clean, capture_output=True)
    by_variable = subprocess.run([stopped.program, "doctor"], capture_output=True,
                                 env=clean | {"REGISTRY_CONFIGURATION_PATH": str(stopped.config_path)})
    assert (by_name.returncode, by_variable.returncode) == (0, 0)
    stopped.write_config(merged(stopped.config, {"http": {"addr": "nonsense"}}))
    seen = Seen(stopped)
    assert seen.code == 2 and "http.addr" in seen.errors and seen.text == ""


def test_each_file_of_another_owner_or_mode_is_named(open_place: Path) -> None:
    need.root()
    with Server(open_place / "server") as stopped:
        push(stopped)
    for path in [stopped.root, *stopped.root.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    seen = Seen(stopped)
    assert seen.code == 0, seen.bad()
    assert "belongs to nobody" in seen.one("files", "^user", "note")["how"]
    database = stopped.root / "portcall.db"
    os.chown(database, 0, 0)
    assert "nobody cannot write" in Seen(stopped).only("files", re.escape(str(database)))["how"]
    os.chown(database, NOBODY, NOBODY)
    database.chmod(0o666)
    assert "everybody may write" in Seen(stopped).only("files", re.escape(str(database)), "warning")["how"]
    database.chmod(0o644)
    (stopped.root / "docker/registry/v2/repositories").chmod(0o500)
    assert "nobody cannot write" in Seen(stopped).only("files", "repositories")["how"]
    (stopped.root / "docker/registry/v2/repositories").chmod(0o755)
    (stopped.root / "portcall.db-wal.other.1").touch()
    seen = Seen(stopped)
    assert seen.code == 0 and "put aside" in seen.one("files", r"\.other\.1", "note")["how"]


def test_a_key_that_the_servers_user_cannot_read_or_everybody_can(open_place: Path) -> None:
    need.root()
    certificate, key = make_certificate(open_place)
    server = Server(open_place / "server", [], {"http": {"tls": {"certificate": str(certificate), "key": str(key)}}})
    with server:
        judge_key_of_running(server, key)
    for path in [server.root, *server.root.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    assert "nobody cannot read" in Seen(server).only("files", "^http.tls.key")["how"]


def judge_key_of_running(server: Server, key: Path) -> None:
    key.chmod(0o644)
    assert "everybody may read" in Seen(server).only("files", "^http.tls.key", "warning")["how"]
    key.chmod(0o600)
    seen = Seen(server)
    assert seen.code == 0, seen.bad()
    assert "signs itself" in seen.one("listeners", "chain", "note")["how"]
    assert "is what the server shows" in seen.one("listeners", "^certificate's file")["how"]
    assert "handshake" not in server.log()
    assert "localhost, 127.0.0.1, ::1" in seen.one("listeners", "^certificate's names")["how"]


def test_a_server_that_wants_certificates_is_judged_by_its_files(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = {"certificate": str(certificate), "key": str(key), "clientcas": [str(certificate)]}
    server = Server(tmp_path / "server", [], {"http": {"tls": tls}})
    server.spawn()
    try:
        wait.until(lambda: socket_of(server).exists(), "it serves")
        server.wait_log("listening")
        before = server.log()
        seen = Seen(server)
        assert seen.code == 0 and server.log() == before, seen.bad()
    finally:
        server.stop()
    assert seen.one("listeners", "^http.addr", "note") and "signs itself" in seen.one("listeners", "chain", "note")["how"]


def chain(folder: Path, days: int = 30) -> tuple[Path, Path, Path]:
    """A leaf of an intermediate CA's, which says where that is to be had; its key; and the intermediate's certificate."""
    extensions = folder / "extensions"
    extensions.write_text("[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n[leaf]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
                          "authorityInfoAccess=caIssuers;URI:http://ca.example/one.crt\n")
    for name in ("root", "middle", "leaf"):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
    run("openssl", "x509", "-req", "-in", folder / "root.csr", "-signkey", folder / "root.key", "-days", "40",
        "-extfile", extensions, "-extensions", "ca", "-out", folder / "root.crt")
    for name, by, part, valid in (("middle", "root", "ca", 40), ("leaf", "middle", "leaf", days)):
        run("openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{by}.crt", "-CAkey", folder / f"{by}.key",
            "-CAcreateserial", "-days", str(valid), "-extfile", extensions, "-extensions", part, "-out", folder / f"{name}.crt")
    return folder / "leaf.crt", folder / "leaf.key", folder / "middle.crt"


def test_the_chain_that_is_really_sent(serve: Serve, tmp_path: Path) -> None:
    leaf, key, middle = chain(tmp_path)
    server = serve([], {"http": {"tls": {"certificate": str(leaf), "key": str(key)}}})
    assert "middle" in Seen(server).only("listeners", "issuer is missing")["how"]
    whole = tmp_path / "whole.crt"
    whole.write_bytes(leaf.read_bytes() + middle.read_bytes())
    server.stop()
    server.write_config(merged(server.config, {"http": {"tls": {"certificate": str(whole)}}}))
    server.start()
    seen = Seen(server)
    assert seen.code == 0 and "2 certificates are sent" in seen.one("listeners", "chain", "note")["how"], seen.bad()
    trusted = Seen(server, SSL_CERT_FILE=str(tmp_path / "root.crt"))
    assert "this machine trusts them" in trusted.one("listeners", "chain", "ok")["how"]
    (tmp_path / "other").mkdir()
    whole.write_bytes(leaf.read_bytes() + chain(tmp_path / "other")[0].read_bytes())
    server.restart()
    assert Seen(server).one("listeners", "do not follow one another", "problem")


def test_a_certificate_that_has_expired_or_will_soon(serve: Serve, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    soon = tmp_path / "soon"
    soon.mkdir()
    leaf, leaf_key, _ = chain(soon, days=10)
    expire(certificate, key)
    server = serve([], {"http": {"tls": {"certificate": str(certificate), "key": str(key)}}})
    assert "has expired" in Seen(server).one("listeners", "^certificate's end", "problem")["how"]
    server.stop()
    assert "has expired" in Seen(server).one("listeners", "^certificate's end", "problem")["how"], "also where nothing runs"
    server.write_config(merged(server.config, {"http": {"tls": {"certificate": str(leaf), "key": str(leaf_key)}}}))
    assert "9 days" in Seen(server).one("listeners", "^certificate's end", "warning")["how"]


def test_a_full_volume(serve: Serve, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        server = serve([], {"storage": {"filesystem": {"rootdirectory": str(disk / "data")}}})
        server.root = disk / "data"
        assert Seen(server).code == 0
        ballast = fill(disk, 4 << 20)
        assert "pushes are refused" in Seen(server).one("database", "^room", "problem")["how"]
        ballast.unlink()
        server.stop()


def test_a_database_that_is_damaged_or_anothers(stopped: Server) -> None:
    database = stopped.root / "portcall.db"
    good = database.read_bytes()
    with sqlite3.connect(database) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name='repositories'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    for left in ("-wal", "-shm"):
        Path(f"{database}{left}").unlink(missing_ok=True)
    database.write_bytes(good[: (page - 1) * size] + b"\xff" * size + good[page * size:])
    with unchanged(stopped.root):
        assert "is damaged" in Seen(stopped).only("database", "damaged")["how"]
    database.write_bytes(b"nothing of the kind" * 100)
    assert "is damaged" in Seen(stopped).only("database", "damaged")["how"]
    for version, grade in ((99, "problem"), (1, "note")):
        database.write_bytes(good)
        with sqlite3.connect(database) as connection:
            connection.execute(f"PRAGMA user_version={version}")
        connection.close()
        with unchanged(stopped.root):
            seen = Seen(stopped)
        assert f"has schema version {version}" in seen.one("database", "^schema", grade)["how"]
        assert seen.code == (1 if grade == "problem" else 0)


def test_an_address_that_another_has_and_one_that_is_not_answered(stopped: Server) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", stopped.port))
        taken.listen()
        assert "another process has" in Seen(stopped).only("listeners", "^http.addr")["how"]
    stopped.start()
    moved = merged(stopped.config, {"http": {"addr": f"127.0.0.1:{free_port()}"}})
    stopped.write_config(moved)
    assert "refused" in Seen(stopped).only("listeners", "^http.addr")["how"].lower()


def test_another_user_is_told_what_he_cannot_see(open_place: Path) -> None:
    need.root()
    with Server(open_place / "server") as server:
        program = open_place / "portcall"
        shutil.copy(server.program, program)
        done = subprocess.run([need.program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(program),
                               "doctor", "--json", str(server.config_path)], capture_output=True, text=True, env=inherited(), timeout=70)
    found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert "the server runs as root, and this runs as nobody" in found["user"]["how"]
    assert "operators cannot reach it" in found["server"]["how"] and "root" in found["server"]["todo"]


def test_the_folder_and_the_key_of_an_audit_log(open_place: Path) -> None:
    need.root()
    folder, key = open_place / "audit", open_place / "key.pem"
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
    key.chmod(0o644)
    with Server(open_place / "server", [{"name": "log", "type": "audit", "directory": str(folder), "key": str(key)}]) as server:
        assert "everybody may read" in Seen(server).only("files", "^log key", "warning")["how"]
    key.chmod(0o600)
    assert Seen(server).code == 0
    for path in [server.root, *server.root.rglob("*"), key]:
        os.chown(path, NOBODY, NOBODY)
    assert "nobody cannot read" in Seen(server).only("endpoints", "^log ")["how"]


def test_a_server_that_stands_still_is_told_in_time(serve: Serve) -> None:
    server = serve([])
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    try:
        seen = Seen(server)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert seen.code == 1 and seen.seconds < 30
    assert "it does not answer within 5 seconds" in seen.one("server", "^server", "problem")["how"]
    assert "too long" in seen.one("server", "^readiness", "problem")["how"]
    assert seen.one("database", "^content: all rows were read")


def test_a_data_folder_that_hangs_is_told_in_time(stopped: Server, tmp_path: Path) -> None:
    volume = HungVolume(tmp_path / "volume")
    shutil.copytree(stopped.root, volume.folder / "data")
    stopped.write_config(merged(stopped.config, {"storage": {"filesystem": {"rootdirectory": str(volume.folder / "data")}}}))
    wrapped = volume.wrap(Path(stopped.program))
    volume.hang()
    begun = time.monotonic()
    done = subprocess.run([str(wrapped), "doctor", "--json", str(stopped.config_path)], capture_output=True, text=True,
                          env=inherited(), timeout=70)
    assert time.monotonic() - begun < 30
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert [one for one in found if one["what"] == "data folder" and "does not answer within" in one["how"]], found
    assert [one for one in found if one["what"] == "server" and "cannot be told" in one["how"]], found
    assert [one for one in found if one["area"] == "listeners" and one["grade"] == "ok"], "the rest was looked at"
