"""A real Buildbot master with a worker inside it, and change hooks.

It is installed once from its package into an environment of its own in ~/.cache/portcall-tests.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from harness import need, wait
from harness.builds import FACTS, Project, answers, write_down
from harness.golang import CACHE
from harness.ports import free_port

VERSION = "4.3.0"
USER, PASSWORD = "registry", "hook-secret"

# One scheduler and one builder for each project.
_MASTER = """\
from buildbot.plugins import schedulers, steps, util, worker
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse as Passwords

FACTS = {facts!r}
c = BuildmasterConfig = {{
    "buildbotNetUsageData": None,
    "protocols": {{"null": {{}}}},
    "workers": [worker.LocalWorker("here")],
    "www": {{"port": "tcp:{port}:interface=127.0.0.1", "plugins": {{}}, "change_hook_dialects": {{"base": True}},
            "change_hook_auth": [Passwords(**{users!r})]}},
    "db": {{"db_url": "sqlite:///state.sqlite"}},
    "schedulers": [], "builders": [],
}}
for name, script in {scripts!r}.items():
    factory = util.BuildFactory([steps.ShellCommand(
        command=["bash", "-e", "-c", script], haltOnFailure=True,
        env={{fact: util.Property(fact, default="") for fact in FACTS}})])
    c["builders"].append(util.BuilderConfig(name=name, workernames=["here"], factory=factory, collapseRequests=False))
    c["schedulers"].append(schedulers.SingleBranchScheduler(
        name=name, change_filter=util.ChangeFilter(project=name), treeStableTimer=None, builderNames=[name]))
"""


def installed() -> Path:
    """The folder of its programs."""
    home = CACHE / f"buildbot-{VERSION}"
    done = home / "complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return home / "bin"
        shutil.rmtree(home, ignore_errors=True)
        # Its old parts still import pkg_resources.
        packages = [f"buildbot[bundle]=={VERSION}", f"buildbot-worker=={VERSION}", "setuptools<81"]
        for command in ([sys.executable, "-m", "venv", str(home)], [str(home / "bin/pip"), "install", "-q", *packages]):
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if made.returncode != 0:
                need.unavailable(f"Buildbot cannot be installed: {made.stdout[-300:]}{made.stderr[-300:]}")
        done.touch()
    return home / "bin"


class Buildbot:
    """One master with a builder for each of `steps` (its name, and shell commands after it wrote down what it was told).
    Use it as a context manager."""

    def __init__(self, folder: Path, steps: dict[str, str]):
        self.program = installed() / "buildbot"
        self.folder = folder
        self.steps = steps
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = dict(os.environ) | {"HOME": str(folder)}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Buildbot:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._run("create-master", "--relocatable")
        scripts = {name: write_down(self.folder / f"{name}.builds") + "\n" + steps for name, steps in self.steps.items()}
        (self.folder / "master.cfg").write_text(
            _MASTER.format(facts=FACTS, port=self.port, users={USER: PASSWORD.encode()}, scripts=scripts))
        log = (self.folder / "output.log").open("wb")
        with log:
            self.process = subprocess.Popen([str(self.program), "start", "--nodaemon", str(self.folder)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder, env=self.environment)
        wait.until(lambda: self._alive() and answers(self.url + "/api/v2/builders"), "Buildbot knows its builders", 90)

    def _run(self, *command: str) -> None:
        done = subprocess.run([str(self.program), *command, str(self.folder)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, check=False, env=self.environment)
        assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}"

    def _alive(self) -> bool:
        assert self.process
        assert self.process.poll() is None, f"Buildbot ended:\n{self.log()[-3000:]}"
        return True

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in (self.folder / "output.log", self.folder / "twistd.log")
                       if path.exists())

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path: str) -> Any:
        def answer() -> Any:
            # Busy with builds it lets connections go now and then.
            try:
                with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=30) as answer:
                    return json.load(answer)
            except (OSError, http.client.HTTPException):
                return None

        try:
            return wait.until(answer, f"Buildbot answers {path}", 90)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from error

    def project(self, name: str) -> Project:
        words = {"project": name, "user": USER, "password": PASSWORD}
        builder = self.get(f"builders/{name}")["builders"][0]["builderid"]
        return Project(name, self.folder / f"{name}.builds", words,
                       lambda: len(self.get(f"builders/{builder}/buildrequests")["buildrequests"]), "buildbot", self.url)
