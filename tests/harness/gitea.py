"""A real Gitea with Actions and its runner, which runs the steps of a workflow on this machine.

Both are built once from their modules and kept in ~/.cache/portcall-tests. As a program it runs them with one project
(ci/deploy) until it is told to end, prints a token for it, and keeps in FOLDER/builds.log what the builds print:
python3 -m harness.gitea FOLDER PORT
"""

from __future__ import annotations

import base64
import fcntl
import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness import golang, need, wait
from harness.builds import FACTS, Project, answers, write_down
from harness.golang import CACHE
from harness.ports import free_port

USER = "ci"
WORKFLOW = "deploy.yml"
_GITEA = ("code.gitea.io/gitea", "v1.26.2", "gitea", "sqlite sqlite_unlock_notify")
_RUNNER = ("gitea.com/gitea/runner", "v1.0.8", "gitea-runner", "")

_SETTINGS = """\
APP_NAME = Tests
RUN_USER = {user}
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {folder}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {source}
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false
GRACEFUL_HAMMER_TIME = 1s
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2_v2
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = true
[cron.update_checker]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
LEVEL = Warn
"""

_RUNNER_SETTINGS = """\
log: {{level: warn}}
runner: {{capacity: 2, fetch_interval: 1s, fetch_interval_max: 1s, log_report_interval: 500ms, log_report_max_latency: 200ms,
  state_report_interval: 500ms, labels: ["host:host"]}}
cache: {{enabled: false}}
host: {{workdir_parent: {folder}/work}}
"""


def built(module: str, version: str, name: str, tags: str) -> Path:
    """The folder that holds the program `name` and, in `source`, what it was built from."""
    home = CACHE / f"{name}-{version[1:]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home / name).exists():
            return home
        go = golang.compiler()
        fetched = subprocess.run([go, "mod", "download", "-json", f"{module}@{version}"], capture_output=True, text=True,
                                 check=False, cwd=CACHE, timeout=300)
        if fetched.returncode != 0:
            need.unavailable(f"{module} cannot be fetched: {fetched.stdout[-300:]}{fetched.stderr[-300:]}")
        shutil.rmtree(home, ignore_errors=True)
        # Not `go install`: its templates and pages are wanted too, and a module's own folder is read-only.
        shutil.copytree(json.loads(fetched.stdout)["Dir"], home / "source")
        for path in (home / "source", *(home / "source").rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        part = home / f"{name}.part"
        made = subprocess.run([go, "build", "-p", "2", "-trimpath", "-tags", tags, "-o", str(part), "."],
                              capture_output=True, text=True, check=False, cwd=home / "source", timeout=1500)
        if made.returncode != 0:
            need.unavailable(f"{name} cannot be built: {made.stderr[-600:]}")
        part.rename(home / name)
    return home


class Gitea:
    """One instance, its administrator and one runner. Use it as a context manager."""

    def __init__(self, folder: Path, port: int | None = None):
        need.program("git")
        gitea, runner = built(*_GITEA), built(*_RUNNER)
        self.program, self.source, self.runner = gitea / "gitea", gitea / "source", runner / "gitea-runner"
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("GITEA", "GIT_"))}
        self.environment |= {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}

    def __enter__(self) -> Gitea:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for process in reversed(self.processes):  # the runner first: Gitea waits for its clients
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = _SETTINGS.format(user=getpass.getuser(), folder=self.folder, port=self.port, source=self.source)
        (self.folder / "app.ini").write_text(settings)
        self._gitea("migrate")
        self.token = self.user(USER, "--admin")
        self._spawn("gitea", [str(self.program), *self._common(), "web"])
        wait.until(lambda: self._alive() and answers(self.url + "/api/healthz"), "Gitea answers", 60)

        (self.folder / "runner.yml").write_text(_RUNNER_SETTINGS.format(folder=self.folder))
        _, registration = self.api("POST", "/admin/actions/runners/registration-token")
        runner = [str(self.runner), "--config", "runner.yml"]
        self._run([*runner, "register", "--no-interactive", "--instance", self.url, "--token", registration["token"],
                   "--name", "here", "--labels", "host:host"])
        self._spawn("runner", [*runner, "daemon"])

    def _common(self) -> list[str]:
        return ["--config", str(self.folder / "app.ini"), "--work-path", str(self.folder)]

    def _gitea(self, *command: str) -> str:
        return self._run([str(self.program), *self._common(), *command])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                              cwd=self.folder, env=self.environment)
        assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                   cwd=self.folder, env=self.environment))

    def _alive(self) -> bool:
        log = (self.folder / "gitea.log").read_text(errors="replace")
        assert self.processes[0].poll() is None, f"Gitea ended:\n{log[-2000:]}"
        return True

    def api(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """The status and what the answer's JSON says; a text where it is none."""
        request = urllib.request.Request(
            self.url + "/api/v1" + path, None if body is None else json.dumps(body).encode(), method=method,
            headers={"Authorization": f"token {token or self.token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read().decode()
        try:
            return status, json.loads(text or "null")
        except ValueError:
            return status, text

    def user(self, name: str, *options: str) -> str:
        """A new user's token."""
        created = self._gitea("admin", "user", "create", "--username", name, "--email", f"{name}@example.com", *options,
                              "--random-password", "--must-change-password=false", "--access-token",
                              "--access-token-scopes", "write:repository" if not options else "all")
        return re.findall(r"\b[0-9a-f]{40}\b", created)[-1]

    def project(self, name: str, steps: str = "", branch: str = "main") -> Project:
        """A repository whose workflow writes down what it was told, and then does `steps` (shell commands)."""
        status, said = self.api("POST", "/user/repos", {"name": name, "auto_init": True, "default_branch": branch})
        assert status == 201, said
        output = self.folder / f"{name}.builds"
        content = base64.b64encode(workflow(output, steps).encode()).decode()
        status, said = self.api("POST", f"/repos/{USER}/{name}/contents/.gitea/workflows/{WORKFLOW}",
                                {"content": content, "message": "Build what is pushed", "branch": branch})
        assert status == 201, said
        words = {"project": f"{USER}/{name}", "workflow": WORKFLOW, "ref": branch, "token": self.token}
        return Project(name, output, words, lambda: len(self.runs(name)), "gitea", self.url)

    def runs(self, name: str) -> list[dict[str, Any]]:
        return list(self.api("GET", f"/repos/{USER}/{name}/actions/runs")[1]["workflow_runs"])

    def output(self, name: str, run: int) -> str:
        """A run's log as Gitea shows it; empty while it is not there."""
        _, jobs = self.api("GET", f"/repos/{USER}/{name}/actions/runs/{run}/jobs")
        logs = [self.api("GET", f"/repos/{USER}/{name}/actions/jobs/{job['id']}/logs") for job in jobs["jobs"]]
        return "".join(str(text) for status, text in logs if status == 200)


def workflow(output: Path, steps: str) -> str:
    inputs = "\n".join(f"      {fact}: {{type: string}}" for fact in FACTS)
    environment = "\n".join(f"          {fact}: ${{{{ inputs.{fact} }}}}" for fact in FACTS)
    script = "\n".join(('echo "building $REPOSITORY:$TAG ($DIGEST) for event $REGISTRY_EVENT_ID"', write_down(output), steps))
    return f"""\
name: deploy
run-name: deploy ${{{{ inputs.REPOSITORY }}}}:${{{{ inputs.TAG }}}}
on:
  workflow_dispatch:
    inputs:
{inputs}
jobs:
  deploy:
    runs-on: host
    steps:
      - env:
{environment}
        run: |
{textwrap.indent(script, " " * 10)}
"""


def said(log: str) -> list[str]:
    """What the steps of a run printed, without times and the runner's own words."""
    lines = [line.partition(" ")[2] for line in log.splitlines()]
    start = next((number for number, line in enumerate(lines) if line.startswith("::endgroup::")), -1)
    return lines[start + 1:]


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder, port = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Gitea(folder, port) as gitea:
        project = gitea.project("deploy")
        print(project.words["token"], flush=True)
        shown: set[int] = set()
        while True:
            for run in reversed(gitea.runs(project.name)):
                if run["status"] != "completed" or run["id"] in shown:
                    continue
                shown.add(run["id"])
                with (folder / "builds.log").open("a") as out:
                    print(f"build {run['run_number']}, {run['conclusion']}, {run['html_url']}",
                          *said(gitea.output(project.name, run["id"])), sep="\n  ", file=out)
            time.sleep(0.3)


if __name__ == "__main__":
    main()
