"""A preset of the user's own, against a real receiver of signed hooks: adnanh/webhook."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import need, wait
from harness.http_client import HttpClient
from harness.images import image
from harness.ports import free_port
from harness.server import Server, endpoint

Serve = Callable[..., Server]

PRESET = """
name: hooks
about: Calls a hook of adnanh/webhook, which runs a command.
words:
  hook: {required: true, help: the hook's id}
  secret: {required: true, secret: true, help: the hook's secret}
request:
  path: /hooks/{{hook}}
  json: {repository: '{{repository}}', digest: '{{digest}}'}
auth:
  signatures: {X-Hub-Signature-256: '{{secret}}'}
variables: {in: json, at: variables}
success: [200]
hints: {404: no hook has this id, 500: the signature is wrong or the command failed}
"""


@dataclass
class Hooks:
    url: str
    output: Path

    def lines(self) -> list[list[str]]:
        return [line.split("|") for line in self.output.read_text().splitlines()] if self.output.exists() else []


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    program = need.program("webhook")
    output = tmp_path / "output"
    script = tmp_path / "deploy.sh"
    script.write_text(f'#!/bin/sh\nprintf "%s|%s|%s|%s\\n" "$1" "$2" "$3" "$4" >> {output}\n')
    script.chmod(0o755)
    names = ("repository", "variables.REGISTRY_TAG", "digest", "variables.REGISTRY_EVENT_ID")
    rule = {"match": {"type": "payload-hmac-sha256", "secret": "shared-secret",
                      "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}
    (tmp_path / "hooks.json").write_text(json.dumps([{
        "id": "deploy", "execute-command": str(script), "trigger-rule": rule, "include-command-output-in-response": True,
        "pass-arguments-to-command": [{"source": "payload", "name": name} for name in names]}]))
    (tmp_path / "hooks.yml").write_text(PRESET)
    port = free_port()
    with (tmp_path / "webhook.log").open("wb") as log:
        process = subprocess.Popen([program, "-hooks", str(tmp_path / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port),
                                    "-verbose"], stdout=log, stderr=log)

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "webhook.log").read_text()
        try:
            return HttpClient("127.0.0.1", port).get("/").status == 200
        except OSError:
            return False

    try:
        wait.until(answers, "webhook answers")
        yield Hooks(f"http://127.0.0.1:{port}", output)
    finally:
        process.terminate()
        process.wait(20)


def ci(hooks: Hooks, tmp_path: Path, secret: str) -> dict[str, object]:
    return endpoint("deploy", hooks.url, type="ci", preset=str(tmp_path / "hooks.yml"), hook="deploy", secret=secret,
                    debounce="100ms", threshold=1)


def test_a_signed_hook_runs_its_command_once(serve: Serve, hooks: Hooks, tmp_path: Path) -> None:
    server = serve([ci(hooks, tmp_path, "shared-secret")])
    one = image(1, layers=1)
    server.client().push_image("team/app", "v1", one)
    wait.until(hooks.lines, "the command ran")
    server.wait_pending("deploy", 0)
    ((repository, tag, digest, event_id),) = hooks.lines()
    assert (repository, tag, digest) == ("team/app", "v1", one.digest) and event_id


def test_a_wrong_secret_runs_nothing_and_loses_nothing(serve: Serve, hooks: Hooks, tmp_path: Path) -> None:
    server = serve([ci(hooks, tmp_path, "another-secret")])
    server.client().push_image("team/app", "v1", image(1, layers=1))

    def reason() -> str:
        return str(next((one["reason"] for one in server.debug("/debug/health?verbose").json()["endpoints"]), ""))

    told = wait.until(reason, "the endpoint says what is wrong")
    assert "500" in told and "the signature is wrong" in told
    assert hooks.lines() == []
    server.wait_pending("deploy", 1)
