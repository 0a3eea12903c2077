"""What `portcall endpoints` and `portcall dead` print and refuse."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from harness import wait
from harness.operators import PORTCALL, call, on_terminal, portcall, push, socket_of, without
from harness.receiver import Receiver, always
from harness.server import Server, endpoint, merged

Serve = Callable[..., Server]
Pair = tuple[Server, Receiver]


def test_dead_letters_are_listed_shown_and_dropped(serve: Serve) -> None:
    with Receiver(always(500, body=b"no \x1b[31mroom\x07")) as receiver:
        server = serve([endpoint("hook", receiver.url, maxretries=1, backoff="10ms", maxbackoff="10ms")])
        push(server, count=3)
        server.wait_metric(3, "registry_notifications_delivery_total", endpoint="hook", delivery_type="lost")
        wait.until(lambda: len(call(server, "GET", "/dead-letters").json()["dead_letters"]) == 3, "they are stored")
        page = json.loads(portcall(server, "dead", "list", "--limit", "2", "--json").stdout)
        assert len(page["dead_letters"]) == 2 and page["next"] == page["dead_letters"][1]["id"]
        everything = json.loads(portcall(server, "dead", "list", "--limit", "2", "--all", "--json").stdout)
        ids = [one["id"] for one in everything["dead_letters"]]
        assert len(ids) == 3 and everything["next"] is None
        table = portcall(server, "dead", "list", "--endpoint", "hook").stdout
        assert table.splitlines()[1].split()[1] == "hook" and "maxretries" in table
        shown = portcall(server, "dead", "show", str(ids[0])).stdout
        assert "\\x1b[31mroom\\x07" in shown and "\x1b" not in shown and "\x07" not in shown
        assert portcall(server, "dead", "drop", str(ids[0])).returncode == 2, "it asks"
        assert portcall(server, "dead", "drop", str(ids[0]), "--endpoint", "hook", "--yes").returncode == 2, "an ID is of one"
        for wrong in (f"0{ids[0]}", "0x1", "+1", "0", "-1", "99999999999999999999"):
            refused = portcall(server, "dead", "drop", "--yes", "--", wrong)
            assert refused.returncode == 2 and "is no number from 1 on" in refused.stderr, (wrong, refused.stderr)
        assert portcall(server, "dead", "drop", str(ids[0]), "--yes").returncode == 0
        gone = portcall(server, "dead", "show", str(ids[0]))
        for question in (["dead", "drop", "--all", "--yes"], ["dead", "list"], ["endpoints", "list"]):
            unset = portcall(server, *question, "--endpoint", "")
            assert unset.returncode == 2 and "the name is empty" in unset.stderr, "an unset variable is not all of them"
        assert portcall(server, "endpoints", "pause", "", "--all").returncode == 2
        assert gone.returncode == 2 and f"no dead letter {ids[0]}" in gone.stderr.replace('"', "")
        server.wait_metric(2, "portcall_notifications_dead_letters", endpoint="hook")
        dropped = portcall(server, "dead", "drop", "--all", "--endpoint", "hook", "--yes", "--json")
        assert (dropped.returncode, json.loads(dropped.stdout)) == (0, {"dropped": 2, "left": 0})
        assert call(server, "GET", "/dead-letters").json()["dead_letters"] == []


def test_a_name_that_nobody_has_is_no_empty_list(serve: Serve) -> None:
    with Receiver(always(500)) as receiver, Receiver() as other:
        server = serve([endpoint("hook", receiver.url, maxretries=1, backoff="10ms", maxbackoff="10ms"), endpoint("other", other.url)])
        push(server)
        wait.until(lambda: call(server, "GET", "/dead-letters").json()["dead_letters"], "it is dead")
        for question in (["endpoints", "list", "--endpoint", "hok"], ["dead", "list", "--endpoint", "hok"],
                         ["dead", "drop", "--all", "--yes", "--endpoint", "hok"]):
            wrong = portcall(server, *question)
            assert wrong.returncode == 2 and "did you mean hook?" in wrong.stderr and not wrong.stdout, wrong
        assert portcall(server, "dead", "list", "--endpoint", "other").stdout == "no dead letters\n"
        server.reload(without(server, "hook"))
        assert "hook" in portcall(server, "dead", "list", "--endpoint", "hook").stdout, "it is known by what it has left"
        assert portcall(server, "dead", "drop", "--all", "--yes", "--endpoint", "hook").stdout == "1 dead letter was dropped\n"


def test_all_dead_letters_are_those_of_the_question(serve: Serve) -> None:
    """What dies while the question stands stays, and what somebody else drops meanwhile is no failure."""
    with Receiver(always(500)) as receiver:
        server = serve([endpoint("hook", receiver.url, maxretries=1, backoff="10ms", maxbackoff="10ms")])

        def letters() -> list[int]:
            return [one["id"] for one in call(server, "GET", "/dead-letters").json()["dead_letters"]]

        push(server, count=3)
        wait.until(lambda: len(letters()) == 3, "they are stored")

        def meanwhile() -> str:
            assert call(server, "DELETE", f"/dead-letters/{letters()[0]}").status == 204
            push(server)
            wait.until(lambda: len(letters()) == 3, "another one is dead")
            return "y\n"

        code, shown = on_terminal(server, "dead", "drop", "--all", answer=meanwhile)
        assert code == 0 and "2 dead letters were dropped" in shown, shown
        assert len(letters()) == 1


def test_output_that_is_not_written_is_no_success(serve: Serve) -> None:
    server = serve([])
    with open("/dev/full", "wb") as full:
        told = subprocess.run([str(PORTCALL), "-c", str(server.config_path), "endpoints", "list"], stdin=subprocess.DEVNULL,
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert told.returncode == 1 and "the output could not be written whole" in told.stderr


def test_all_of_them_are_one_document(serve: Serve, receiver: Receiver) -> None:
    server = serve([endpoint("a", receiver.url), endpoint("b", receiver.url)])
    done = portcall(server, "endpoints", "pause", "--all", "--json")
    assert [(one["name"], one["state"]) for one in json.loads(done.stdout)["endpoints"]] == [("a", "paused"), ("b", "paused")]
    assert json.loads(portcall(server, "endpoints", "resume", "a", "--json").stdout)["paused_by"] is None


def test_a_file_with_errors_and_a_socket_that_is_gone(pair: Pair) -> None:
    """The server runs well with an earlier state of its file."""
    server, _ = pair
    whole = server.config_path.read_text()
    server.config_path.write_text(json.dumps(merged(server.config, {"http": {"addr": "5000"}})))
    wrong = portcall(server, "endpoints", "list")
    assert wrong.returncode == 2 and "has errors" in wrong.stderr and "--socket" in wrong.stderr, wrong
    path = str(socket_of(server))
    assert portcall(server, "endpoints", "list", "--socket", path).stdout.splitlines()[1].split()[0] == "main"
    assert portcall(server, "dead", "--socket", path, "list").stdout == "no dead letters\n"
    server.config_path.write_text(whole)
    socket_of(server).unlink()
    gone = portcall(server, "endpoints", "list")
    assert gone.returncode == 1 and "there is no socket " + path in gone.stderr and "restart" in gone.stderr, gone


def test_tables_fit_and_colours_are_for_terminals(serve: Serve) -> None:
    with Receiver(listening=False) as receiver:
        server = serve([endpoint("a-rather-long-name-of-an-endpoint", receiver.url)])
        push(server)
        wait.until(lambda: call(server, "GET", "/endpoints").json()["endpoints"][0]["state"] == "down", "it is down")
        plain = portcall(server, "endpoints", "list", COLUMNS="60").stdout
        assert max(len(line) for line in plain.splitlines()) <= 60 and "…" in plain and "\x1b" not in plain
        _, shown = on_terminal(server, "endpoints", "list", COLUMNS="200")
        assert "\x1b[31mdown\x1b[0m" in shown
        _, shown = on_terminal(server, "endpoints", "list", NO_COLOR="1")
        assert "\x1b" not in shown
        whole = json.loads(portcall(server, "endpoints", "list", "--json", COLUMNS="20").stdout)
        assert whole["endpoints"][0]["name"] == "a-rather-long-name-of-an-endpoint"
