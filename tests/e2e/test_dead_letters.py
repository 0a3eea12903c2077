"""Dead letters that are sent again, one or many: `portcall dead retry`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import wait
from harness.audit_log import assert_sound, audit, records
from harness.operators import call, portcall, push, without
from harness.receiver import Receiver, always
from harness.server import Server, endpoint

Serve = Callable[..., Server]
QUICK = {"maxretries": 1, "backoff": "10ms", "maxbackoff": "10ms"}


def letters(server: Server) -> list[dict[str, Any]]:
    found = json.loads(portcall(server, "dead", "list", "--all", "--json").stdout)["dead_letters"]
    assert isinstance(found, list)
    return found


def wait_dead(server: Server, count: int) -> list[dict[str, Any]]:
    wait.until(lambda: len(letters(server)) == count, f"{count} dead letters")
    return letters(server)


def ids_of(receiver: Receiver) -> set[str]:
    return {event["id"] for event in receiver.events()}


def test_after_an_outage_all_are_sent_again_to_their_endpoint_alone(serve: Serve) -> None:
    with Receiver(always(500)) as receiver, Receiver() as other:
        server = serve([endpoint("hook", receiver.url, **QUICK), endpoint("other", other.url)])
        push(server, count=5)
        dead = wait_dead(server, 5)
        other.wait_for(5)
        refused = {event["id"]: event for event in receiver.events(accepted_only=False)}
        receiver.script = always(200)
        receiver.clear()
        asked = portcall(server, "dead", "retry", "--all", "--endpoint", "hook")
        assert asked.returncode == 2 and len(letters(server)) == 5, "it asks, and nobody answers"
        assert portcall(server, "dead", "retry", "--all", "--repository", "none/*", "--yes").stdout.startswith("0 ")
        done = portcall(server, "dead", "retry", "--all", "--endpoint", "hook", "--since", "1h", "--yes")
        assert (done.returncode, done.stdout) == (0, "5 dead letters were sent again\n"), done
        receiver.wait_for(5)
        again = {event["id"]: event for event in receiver.events()}
        assert again.keys() == {one["event"]["id"] for one in dead}
        assert {key: one["timestamp"] for key, one in again.items()} == {key: refused[key]["timestamp"] for key in again}
        server.wait_pending("hook", 0)
        assert letters(server) == []
        server.wait_metric(0, "portcall_notifications_dead_letters", endpoint="hook")
        assert len(other.events()) == 5, "they go nowhere else"
        listed = [one["id"] for one in json.loads(portcall(server, "events", "list", "--all", "--json").stdout)["events"]]
        assert len(listed) == len(set(listed)), "each happened once"
        shown = json.loads(portcall(server, "events", "show", dead[0]["event"]["id"], "--json").stdout)["endpoints"]
        fates = {one["endpoint"]: one for one in shown}
        assert fates["other"]["verdict"] == "delivered"
        assert fates["hook"]["verdict"] == "sent again", fates["hook"]
        new = fates["hook"]["detail"].rsplit(" ", 1)[1]
        shown = json.loads(portcall(server, "events", "show", new, "--json").stdout)["endpoints"]
        assert {one["endpoint"]: one["verdict"] for one in shown} == {"hook": "delivered", "other": "filtered"}
        assert portcall(server, "dead", "retry", str(dead[0]["id"])).returncode == 2, "it is dead no more"


def test_one_that_dies_again_is_one_dead_letter_with_its_past(serve: Serve) -> None:
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("hook", receiver.url, **QUICK)])
        push(server)
        first = wait_dead(server, 1)[0]
        for times in (1, 2):
            number = str(letters(server)[0]["id"])
            assert portcall(server, "dead", "retry", number).stdout == f"dead letter {number} was sent again\n"
            wait.until(lambda: [one["id"] for one in letters(server)] not in ([], [int(number)]), "it is dead again")
            shown = call(server, "GET", f"/dead-letters/{letters(server)[0]['id']}").json()
            assert shown["earlier_deaths"] == times and shown["event"]["id"] == first["event"]["id"]
            assert shown["event"]["recorded_at"] == first["event"]["recorded_at"]
        assert "died before  2 times" in portcall(server, "dead", "show", str(letters(server)[0]["id"])).stdout


def test_what_cannot_be_sent_again_stays_and_says_why(serve: Serve) -> None:
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("hook", receiver.url, **QUICK)])
        push(server, count=2)
        wait_dead(server, 2)
        server.reload(without(server, "hook"))
        done = portcall(server, "dead", "retry", "--all", "--yes", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (1, {"retried": 0, "left": 2})
        assert done.stderr.count("endpoint hook is not in use") == 2
        assert len(letters(server)) == 2


@pytest.mark.parametrize("failpoint", ["before-operator", "after-operator"])
def test_a_kill_leaves_each_dead_or_sent(tmp_path: Path, failpoint: str) -> None:
    with Receiver(always(500)) as receiver:
        server = Server(tmp_path / "server", [endpoint("hook", receiver.url, **QUICK), audit(tmp_path / "audit")])
        try:
            server.start()
            push(server, count=3)
            dead = wait_dead(server, 3)
            server.stop()
            server.start(PORTCALL_FAILPOINT=failpoint)
            receiver.script = always(200)
            receiver.clear()
            assert portcall(server, "dead", "retry", "--all", "--yes").returncode == 1, "it was killed before it answered"
            assert server.process and server.process.wait(20) == -signal.SIGKILL
            server.start()
            sent = failpoint == "after-operator"
            if sent:
                receiver.wait_for(3)
            server.wait_pending("hook", 0)
            assert len(letters(server)) == (0 if sent else 3)
            assert ids_of(receiver) == ({one["event"]["id"] for one in dead} if sent else set())
            assert server.stop() == 0
            told = [one for one in records(tmp_path / "audit") if "sent again" in json.dumps(one)]
            assert len(told) == (1 if sent else 0)
            assert_sound(tmp_path / "audit")
        finally:
            server.kill()
