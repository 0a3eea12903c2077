"""The receiver, the load generator, nginx and wrk as objects."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from harness import wait
from harness.images import OCI_CONFIG, OCI_MANIFEST, Image, descriptor, digest_of
from harness.ports import free_port
from harness.registry_client import RegistryClient, expect
from harness.http_client import HttpClient
from harness.server import PEER, Server

BUILD = Path(os.environ["PORTCALL_BUILD"]) / "tests" / "bench"
REPOSITORIES = 100


class BenchReceiver:
    def __init__(self, mode: str = "now"):
        self.process = subprocess.Popen([BUILD / "bench_receiver", f"mode={mode}"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stdin
        self.port = int(self.process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def tell(self, command: str) -> dict[str, int]:
        assert self.process.stdout and self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @property
    def count(self) -> int:
        return self.tell("stats")["count"]

    def __enter__(self) -> BenchReceiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def load(port: int, mode: str, **more: Any) -> dict[str, float]:
    """Runs the load generator to its end."""
    words = [f"{name}={value}" for name, value in ({"port": port, "mode": mode} | more).items()]
    done = subprocess.run([BUILD / "bench_loadgen", *words], capture_output=True, text=True, timeout=900, check=True)
    result = json.loads(done.stdout)
    assert result["errors"] == 0, f"loadgen {words}: {result}"
    return result


class Target:
    """A registry with repositories, each with one manifest tagged `latest`."""

    def __init__(self, folder: Path, peer: bool, endpoints: list[dict[str, Any]], changes: dict[str, Any] | None = None,
                 repositories: int = REPOSITORIES):
        same = {"log": {"level": "error"}, "notifications": {"events": {"includereferences": False}}}
        if peer:
            same["storage"] = {"cache": {"blobdescriptor": "inmemory"}}
        self.server = Server(folder, endpoints, same, program=PEER if peer else None)
        if changes and not peer:
            from harness.server import merged
            self.server.write_config(merged(self.server.config, changes))
        self.peer = peer
        self.repositories = repositories
        self.config = b'{"architecture":"amd64","os":"linux"}'
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, self.config), "layers": []}
        self.image = Image((self.config,), json.dumps(manifest).encode())
        self.pushed = 0

    def __enter__(self) -> Target:
        self.server.start()
        client = self.server.client()
        for number in range(self.repositories):
            client.push_image(f"bench/r{number}", "latest", self.image)
        client.http.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.kill()

    @property
    def client(self) -> RegistryClient:
        return self.server.client()

    def put(self, count: int, connections: int = 16, **more: Any) -> dict[str, float]:
        result = load(self.server.port, "put", connections=connections, count=count, first=self.pushed,
                      config=digest_of(self.config), config_size=len(self.config), **more)
        self.pushed += count
        return result

    def get(self, count: int, connections: int = 16) -> dict[str, float]:
        return load(self.server.port, "get", connections=connections, count=count, path="/v2/bench/r%/manifests/latest",
                    repositories=self.repositories)

    def pending(self) -> float:
        return self.server.pending("bench")

    def big_blob(self, data: bytes) -> str:
        digest = digest_of(data)
        expect(self.client.push_blob("bench/r0", data), 201)
        return digest


def patient(name: str, url: str) -> dict[str, Any]:
    """An endpoint whose receiver may hold its answers for as long as a backlog takes."""
    return {"name": name, "url": url, "timeout": "900s", "threshold": 1_000_000, "backoff": "1s"}


class Nginx:
    """Serves a folder with sendfile and an access log, one worker per core."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.root = folder / "html"
        self.root.mkdir()
        (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log combined; sendfile on; tcp_nopush on; keepalive_requests 10000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{self.port}; root {self.root}; default_type {OCI_MANIFEST}; }}
}}
""")
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        wait.until(self._answers, "nginx answers")

    def _answers(self) -> bool:
        try:
            return HttpClient("127.0.0.1", self.port).get("/").status > 0
        except OSError:
            return False

    def put(self, path: str, data: bytes) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def wrk(url: str, body: bytes, seconds: int, folder: Path) -> float:
    """Requests a second with this body from 32 connections."""
    script = folder / "post.lua"
    escaped = "".join(f"\\{byte:03d}" for byte in body)
    script.write_text(f'wrk.method = "POST"\nwrk.body = "{escaped}"\n'
                      'wrk.headers["Content-Type"] = "application/vnd.docker.distribution.events.v1+json"\n')
    done = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script, url], capture_output=True, text=True,
                          timeout=seconds + 30, check=True)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]


def until_count(receiver: BenchReceiver, count: int, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while receiver.count < count:
        assert time.monotonic() < deadline, f"{receiver.count} of {count} events arrived"
        time.sleep(0.005)
