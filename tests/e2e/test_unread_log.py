"""Stdout and stderr that nobody reads, or that are not there: lines are lost, nothing else."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import wait
from harness.full_pipe import FullPipe
from harness.images import digest_of
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import PORTCALL, Server, endpoint, merged

Serve = Callable[..., Server]
PROMPT = 5.0


@pytest.fixture
def pipe() -> Iterator[FullPipe]:
    made = FullPipe()
    yield made
    made.close()


@pytest.mark.parametrize("both", [False, True], ids=["stderr", "stdout and stderr"])
def test_an_unread_log_holds_nothing_up(serve: Serve, receiver: Receiver, pipe: FullPipe, both: bool) -> None:
    changes = {"http": {"draintimeout": "1s"}}
    server = serve([endpoint("main", receiver.url)], changes, stderr=pipe.write_end, stdout=pipe.write_end if both else None)
    client = server.client(timeout=PROMPT)
    for each in range(500):
        expect(client.http.get("/v2/"), 200)
    expect(client.push_blob("acme/app", b"data"), 201)
    receiver.wait_for(1)

    with Receiver() as other:
        server.write_config(merged(server.config, {"notifications": {"endpoints": [
            endpoint("main", receiver.url), endpoint("more", other.url)]}}))
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        wait.until(lambda: 'endpoint="more"' in server.metrics(), "the new endpoint is known", PROMPT)
        assert server.stop(seconds=1 + PROMPT) == 0


def test_a_fatal_end_is_prompt_though_the_log_is_unread(serve: Serve, tmp_path: Path, pipe: FullPipe) -> None:
    first = serve()
    second = Server(tmp_path / "second", stderr=pipe.write_end)
    second.write_config(merged(second.config, {"http": {"addr": first.address}}))
    assert second.spawn().wait(PROMPT) == 1


def test_lost_lines_are_counted_when_the_log_is_read_again(serve: Serve, pipe: FullPipe) -> None:
    server = serve(changes={"log": {"accesslog": {"disabled": True}}}, stderr=pipe.write_end)
    client = server.client()
    sent = 400
    for each in range(sent):  # some 8 KiB a line, more than the log keeps
        expect(client.http.get("/v2/", **{"User-Agent": f"number-{each} " + "x" * 8000}), 200)
    pipe.drain()
    told = wait.until(lambda: re.findall(r"(\d+) log lines were dropped: stderr was not read", pipe.text()), "the count")
    expect(client.http.get("/v2/", **{"User-Agent": "after-all"}), 200)
    wait.until(lambda: "after-all" in pipe.text(), "what comes later is there")
    assert server.stop() == 0
    wait.until(lambda: "msg=stopped" in pipe.text(), "the last line is there")
    seen = [int(number) for number in re.findall(r"useragent=\"number-(\d+) x", pipe.text())]
    assert seen == sorted(seen) and seen[:100] == list(range(100)), "the oldest are kept, in order"
    assert len(told) == 1 and len(seen) + int(told[0]) == sent and int(told[0]) > 100
    assert pipe.text().index("log lines were dropped") < pipe.text().index("after-all")


def test_without_stdout_and_stderr_the_log_goes_into_no_file(tmp_path: Path) -> None:
    """A descriptor that is closed at the start would be given to the next file that is opened."""
    program = tmp_path / "closed.sh"
    program.write_text(f'#!/bin/sh\nexec "{PORTCALL}" "$@" >&- 2>&-\n')
    program.chmod(0o755)
    with Server(tmp_path / "server", program=program) as server:
        client = server.client()
        for each in range(20):
            data = b"%d" % each * 1000
            expect(client.push_blob("acme/app", data), 201)
            assert expect(client.get_blob("acme/app", digest_of(data)), 200).body == data
        time.sleep(0.1)  # the log's lines are out by then
        assert server.process
        opened = Path(f"/proc/{server.process.pid}/fd")
        assert [os.readlink(opened / number) for number in "12"] == ["/dev/null"] * 2
    strays = [path for path in server.root.rglob("*") if path.is_file() and b"level=" in path.read_bytes()]
    assert not strays
