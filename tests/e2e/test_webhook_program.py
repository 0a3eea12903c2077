"""A command runs for a push by way of Debian's `webhook`, which checks the signature of the body."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import need, wait
from harness.builds import answers
from harness.images import image
from harness.ports import free_port
from harness.server import Server, endpoint

Serve = Callable[..., Server]
SECRET = "It's a Secret to Everybody"


@contextmanager
def hook(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its URL, and the file to which its command appends the image that it was told of."""
    program, port, output = need.program("webhook"), free_port(), folder / "deployed"
    command = folder / "deploy.sh"
    command.write_text(f"""#!/bin/sh\nprintf '%s\\n' "$1" >>'{output}'\n""")
    command.chmod(0o755)
    signed = {"match": {"type": "payload-hmac-sha256", "secret": SECRET,
                        "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}
    (folder / "hooks.json").write_text(json.dumps([{
        "id": "deploy", "execute-command": str(command), "command-working-directory": str(folder), "trigger-rule": signed,
        "pass-arguments-to-command": [{"source": "payload", "name": "event_data.resources.0.resource_url"}]}]))
    with (folder / "webhook.log").open("wb") as log:
        process = subprocess.Popen([program, "-hooks", str(folder / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port), "-verbose"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait.until(lambda: answers(f"http://127.0.0.1:{port}/"), "webhook answers")
        yield f"http://127.0.0.1:{port}/hooks/deploy", output
    finally:
        process.terminate()
        process.wait(20)


def signing(url: str, secret: str, **more: Any) -> dict[str, Any]:
    return endpoint("main", url, format="harbor", hmac={"secret": secret, "header": "X-Hub-Signature-256"}, **more)


def test_a_signed_push_runs_its_command(serve: Serve, tmp_path: Path) -> None:
    with hook(tmp_path) as (url, output):
        server = serve([signing(url, SECRET)], {"notifications": {"source": "registry.example.com"}})
        server.client().push_image("acme/app", "v1", image(1))
        wait.until(lambda: output.exists() and output.read_text(), "the command has run")
        server.wait_pending("main", 0)
        assert output.read_text() == "registry.example.com/acme/app:v1\n"


def test_another_secret_runs_nothing(serve: Serve, tmp_path: Path) -> None:
    with hook(tmp_path) as (url, output):
        server = serve([signing(url, "another secret", maxretries=1)], {"notifications": {"source": "registry.example.com"}})
        server.client().push_image("acme/app", "v1", image(1))
        server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="main")
        assert not output.exists()
        assert "another secret" not in server.log()
