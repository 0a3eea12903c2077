"""A registry under test: Portcall, or Debian's docker-registry, which reads the same file and speaks the same API."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from harness import wait
from harness.http_client import Answer, HttpClient, untrusting_tls
from harness.ports import free_port
from harness.registry_client import RegistryClient

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
PORTCALL = Path(os.environ.get("PORTCALL_BINARY", REPOSITORY_ROOT / "build/dev/app/portcall"))
PEER = "/usr/bin/docker-registry"
# A sanitizer, valgrind or a loaded machine makes everything slower, never wrong.
PATIENCE = float(os.environ.get("PORTCALL_PATIENCE", "30"))

Config = dict[str, Any]


def endpoint(name: str, url: str, **more: Any) -> Config:
    """An endpoint that fails and recovers quickly enough for a test."""
    return {"name": name, "url": url, "timeout": "2s", "threshold": 5, "backoff": "100ms"} | more


def inherited() -> dict[str, str]:
    """The environment without what would configure the program."""
    return {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_") and not k.lower().endswith("_proxy")}


def merged(base: Config, changes: Config) -> Config:
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Server:
    """One data folder, one configuration file, and the process that runs now. Use it as a context manager."""

    def __init__(self, folder: Path, endpoints: list[Config] | None = None, changes: Config | None = None,
                 program: str | Path | None = None, environment: dict[str, str] | None = None,
                 stdout: int | None = None, stderr: int | None = None):
        self.folder = folder
        self.program = str(program or os.environ.get("PORTCALL_PROGRAM") or PORTCALL)
        self.environment = environment or {}
        self.stdout, self.stderr = stdout, stderr  # descriptors; None: log_path
        self.port, self.debug_port = free_port(), free_port()
        self.root = folder / "data"
        self.log_path = folder / "server.log"
        self.config_path = folder / "config.yml"
        self.process: subprocess.Popen[bytes] | None = None
        self.config = merged(self._base(endpoints or []), changes or {})
        folder.mkdir(parents=True, exist_ok=True)
        self.write_config()

    def _base(self, endpoints: list[Config]) -> Config:
        config: Config = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.root)}, "delete": {"enabled": True}},
            "http": {
                "addr": f"127.0.0.1:{self.port}",
                "secret": "test-secret",
                "draintimeout": "5s",
                "debug": {"addr": f"127.0.0.1:{self.debug_port}", "prometheus": {"enabled": True, "path": "/metrics"}},
            },
            "notifications": {"events": {"includereferences": True}, "endpoints": endpoints},
        }
        if not self.is_peer:  # a test machine's disk may be nearly full
            config["storage"]["reserve"] = "16MiB"
        return config

    @property
    def is_peer(self) -> bool:
        return "docker-registry" in self.program

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tls(self) -> bool:
        return "tls" in self.config["http"]

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def write_config(self, config: Config | None = None) -> None:
        """JSON is YAML."""
        if config is not None:
            self.config = config
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")

    def spawn(self, **environment: str) -> subprocess.Popen[bytes]:
        clean = inherited()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", str(self.config_path)], stdin=subprocess.DEVNULL,
                stdout=log if self.stdout is None else self.stdout, stderr=log if self.stderr is None else self.stderr,
                env=clean | self.environment | environment, cwd=self.folder)
        return self.process

    def start(self, **environment: str) -> Server:
        process = self.spawn(**environment)

        def answers() -> bool:
            assert process.poll() is None, f"exited with {process.returncode} at start:\n{self.log()[-3000:]}"
            try:
                return self.client().http.get("/").status == 200
            except OSError:
                return False

        wait.until(answers, f"the server answers; its log:\n{self.log()[-2000:]}", PATIENCE)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """The exit code; what does not end in time is killed and reported."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end within {seconds} s after {number.name}:\n{self.log()[-3000:]}") from None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> Server:
        self.stop()
        return self.start()

    def reload(self, config: Config | None = None) -> None:
        """SIGHUP with this file, or the one that is there, which must be applied."""
        self.write_config(config)
        before = self.log().count("configuration reloaded")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wait.until(lambda: self.log().count("configuration reloaded") > before, "the file is applied")

    def __enter__(self) -> Server:
        return self if self.running else self.start()

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if self.running and failed is None:
            code = self.stop()
            assert code == 0, f"exit code {code}:\n{self.log()[-3000:]}"
        else:
            self.kill()
        if failed is not None:
            print(f"--- {self.program}'s log\n{self.log()[-6000:]}")

    def client(self, timeout: float = PATIENCE) -> RegistryClient:
        prefix = self.config["http"].get("prefix", "/")
        return RegistryClient(HttpClient("127.0.0.1", self.port, untrusting_tls() if self.tls else None, timeout), prefix)

    def debug(self, path: str) -> Answer:
        client = HttpClient("127.0.0.1", self.debug_port, timeout=PATIENCE)
        try:
            return client.get(path)
        finally:
            client.close()

    def memory(self) -> float:
        """Resident, in MiB."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, pattern: str, seconds: float = 20.0) -> str:
        return wait.until(lambda: re.search(pattern, self.log()), f"log line {pattern!r}", seconds)[0]

    def metrics(self) -> str:
        return self.debug("/metrics").body.decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all series of `name` with these labels."""
        return sum(value for found, value in self.series(name) if labels.items() <= found.items())

    def series(self, name: str) -> list[tuple[dict[str, str], float]]:
        found = []
        for line in self.metrics().splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match:
                found.append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1] or "")), float(match[2])))
        return found

    def wait_metric(self, value: float, name: str, seconds: float = 20.0, **labels: str) -> None:
        """Gauges are fresh: they hold what was recorded before, and what was delivered until it is stored as settled."""
        wait.until(lambda: self.metric(name, **labels) == value, f"{name}{labels} = {value}", seconds)

    def pending(self, name: str) -> float:
        return self.metric("registry_notifications_pending", endpoint=name)

    def wait_pending(self, name: str, count: int, seconds: float = 20.0) -> None:
        self.wait_metric(count, "registry_notifications_pending", seconds, endpoint=name)


def run_command(*arguments: str, environment: dict[str, str] | None = None,
                seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    """One run of the binary that is expected to end by itself."""
    clean = inherited()
    started = time.monotonic()
    done = subprocess.run([str(PORTCALL), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, env=clean | (environment or {}))
    assert time.monotonic() - started < seconds
    return done
