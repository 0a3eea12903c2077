"""Where did this push go? `portcall events`, and what it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness import wait
from harness.images import image
from harness.operators import call, portcall, without
from harness.receiver import Receiver, Reply, always
from harness.registry_client import expect
from harness.server import Server, endpoint, merged

Serve = Callable[..., Server]


def push(server: Server, tag: str, seed: int = 1, repository: str = "acme/app") -> None:
    server.client().push_image(repository, tag, image(seed))


def trace(server: Server, what: str) -> dict[str, dict[str, Any]]:
    """By endpoint."""
    shown = portcall(server, "events", "show", what, "--json")
    assert shown.returncode == 0, shown.stderr
    return {one["endpoint"]: one for one in json.loads(shown.stdout)["endpoints"]}


def wait_verdict(server: Server, what: str, **wanted: str) -> dict[str, dict[str, Any]]:
    def is_so() -> bool:
        found = trace(server, what)
        return all(found[name]["verdict"] == verdict for name, verdict in wanted.items())

    wait.until(is_so, f"{wanted}, have {trace(server, what)}")
    return trace(server, what)


def test_each_endpoint_has_one_verdict_which_outlives_a_crash(serve: Serve) -> None:
    only = {"only": {"kinds": ["tag"]}}
    with Receiver() as good, Receiver(always(500, body=b"no \x1b[31mroom")) as deaf, Receiver(always(503)) as busy:
        server = serve([
            endpoint("good", good.url, **only),
            endpoint("picky", good.url, ignore={"tags": ["v*"]}, **only),
            endpoint("deaf", deaf.url, maxretries=1, backoff="10ms", maxbackoff="10ms", **only),
            endpoint("busy", busy.url, backoff="1h", maxbackoff="1h", maxretries=9, **only),
        ])
        push(server, "v1")
        push(server, "v2", 2)
        verdicts = wait_verdict(server, "acme/app:v1", good="delivered", picky="filtered", deaf="dead", busy="parked")
        assert (verdicts["good"]["status"], verdicts["good"]["attempts"]) == (200, 1) and verdicts["good"]["at"]
        assert verdicts["picky"]["detail"] == "ignore.tags"
        assert verdicts["deaf"]["attempts"] == 2 and verdicts["deaf"]["detail"].startswith("maxretries, dead letter ")
        assert [one["status"] for one in verdicts["deaf"]["tries"]] == [500, 500]
        assert "503" in verdicts["busy"]["detail"] and verdicts["busy"]["until"] > verdicts["busy"]["tries"][-1]["at"]
        first = call(server, "GET", "/events?tag=v1").json()["events"][0]
        behind = wait_verdict(server, "acme/app:v2", busy="pending")["busy"]
        assert behind["behind_seq"] == first["seq"] and "503" in behind["detail"]
        server.kill()
        server.start()
        again = wait_verdict(server, first["id"], good="delivered", picky="filtered", deaf="dead", busy="parked")
        for name in ("good", "picky", "deaf"):
            assert again[name] == verdicts[name]
        shown = portcall(server, "events", "show", str(first["seq"])).stdout
        assert "push acme/app:v1" in shown and first["id"] in shown and "\x1b" not in shown
        rows = {line.split()[0]: line for line in shown.splitlines() if line}
        assert "answered 200 in" in rows["good"] and "ignore.tags" in rows["picky"] and "until 2" in rows["busy"]
        assert f"portcall dead show {verdicts['deaf']['dead_letter']}" in shown
        wide = portcall(server, "events", "show", "acme/app:v1", COLUMNS="60").stdout
        assert max(len(line) for line in wide.splitlines() if line.startswith(("busy", "good"))) <= 60


def test_a_filter_is_the_one_of_then_and_a_removed_endpoint_is_remembered(serve: Serve) -> None:
    with Receiver() as receiver:
        server = serve([endpoint("hook", receiver.url), endpoint("picky", receiver.url, ignore={"tags": ["v1"]})])
        push(server, "v1")
        wait_verdict(server, "acme/app:v1", hook="delivered", picky="filtered")
        server.wait_pending("picky", 0)
        server.reload(merged(server.config, {"notifications": {"endpoints": [
            endpoint("hook", receiver.url), endpoint("picky", receiver.url, only={"actions": ["delete"]})]}}))
        push(server, "v2", 2)
        assert trace(server, "acme/app:v1")["picky"]["detail"] == "ignore.tags, as the filter was then"
        assert wait_verdict(server, "acme/app:v2", hook="delivered")["picky"]["detail"] == "actions"
        server.wait_pending("hook", 0)
        server.reload(without(server, "hook"))
        gone = trace(server, "acme/app:v1")["hook"]
        assert gone["verdict"] == "delivered" and gone["removed"]
        assert "hook (removed)" in portcall(server, "events", "show", "acme/app:v1").stdout
        push(server, "v3", 3)
        assert list(trace(server, "acme/app:v3")) == ["picky"]


def test_what_a_later_push_supersedes_names_that(serve: Serve) -> None:
    with Receiver() as receiver:
        server = serve([endpoint("hook", receiver.url, collapse=True, only={"kinds": ["tag"]})])
        assert portcall(server, "endpoints", "pause", "hook").returncode == 0
        for seed in (1, 2, 3):
            push(server, "v1", seed)
        waiting = trace(server, "acme/app:v1")["hook"]
        assert (waiting["verdict"], waiting["state"]) == ("pending", "paused")
        assert "the endpoint is paused" in portcall(server, "events", "show", "acme/app:v1").stdout
        assert portcall(server, "endpoints", "resume", "hook").returncode == 0
        wait_verdict(server, "acme/app:v1", hook="delivered")
        newest, *older = call(server, "GET", "/events?repository=acme/app&tag=v1&action=push").json()["events"]
        assert len(older) == 2
        for one in older:
            verdict = trace(server, one["id"])["hook"]
            assert (verdict["verdict"], verdict["superseded_by"]) == ("superseded", newest["id"])


def test_pushes_are_found_by_what_was_pushed(serve: Serve) -> None:
    with Receiver() as receiver:
        server = serve([endpoint("hook", receiver.url)])
        one, two = image(1), image(2)
        for repository in ("acme/app", "acme/other", "alone"):
            push(server, "v1", 1, repository)
        push(server, "v1", 2)
        expect(server.client().get_manifest("acme/app", "v1"), 200)

        def shown(what: str) -> dict[str, Any]:
            answer = portcall(server, "events", "show", what, "--json")
            assert answer.returncode == 0, answer.stderr
            return json.loads(answer.stdout)["event"]

        assert shown("acme/app:v1")["digest"] == two.digest and shown("acme/app:v1")["action"] == "push"
        assert shown(f"acme/app@{one.digest}")["repository"] == "acme/app"
        assert shown(one.digest)["repository"] == "alone" and shown("alone:v1")["tag"] == "v1"
        assert shown("acme/app")["digest"] == two.digest
        for unknown in ("acme/app:v9", "acme/nothing", "9999", "0", "-1", "019400000000-0000-7000-8000-000000000000", "nonsense"):
            wrong = portcall(server, "events", "show", "--", unknown)
            assert wrong.returncode == 2 and wrong.stderr.startswith("portcall: no ") and not wrong.stdout, (unknown, wrong)


def test_the_newest_are_listed_first(serve: Serve) -> None:
    with Receiver() as receiver:
        server = serve([endpoint("hook", receiver.url)])
        for seed in (1, 2, 3):
            push(server, f"v{seed}", seed, "acme/app" if seed < 3 else "acme/other")

        def tags(*question: str) -> list[str]:
            listed = portcall(server, "events", "list", "--action", "push", *question, "--json")
            assert listed.returncode == 0, listed.stderr
            return [one["tag"] for one in json.loads(listed.stdout)["events"] if one["tag"]]

        assert tags() == ["v3", "v2", "v1"]
        assert tags("--repository", "acme/app") == ["v2", "v1"] == tags("--repository", "acme/a*")
        assert tags("--tag", "v[!x]") == [] and tags("--tag", "v?") == ["v3", "v2", "v1"] and tags("--repository", "**", "--tag", "v1") == ["v1"]
        assert tags("--digest", image(2).digest) == ["v2"]
        assert tags("--since", "1h", "--all") == ["v3", "v2", "v1"] and tags("--since", "2100-01-01T00:00:00Z") == []
        two = json.loads(portcall(server, "events", "list", "--tag", "v*", "--limit", "2", "--json").stdout)
        assert len(two["events"]) == 2 and two["next"] == two["events"][1]["seq"]
        table = portcall(server, "events", "list", "--tag", "v*", "--limit", "2").stdout
        assert table.splitlines()[0].split() == ["SEQ", "RECORDED", "ACTION", "WHAT", "ACTOR", "ID"]
        assert "acme/other:v3" in table.splitlines()[1] and "there are more" in table
        assert portcall(server, "events", "list", "--repository", "nobody").stdout == "no such events are in the log\n"
        for wrong in (["--since", "soon"], ["--action", "psuh"], ["--repository", ""], ["--limit", "0"], ["--tag", "x" * 300]):
            refused = portcall(server, "events", "list", *wrong)
            assert refused.returncode == 2 and not refused.stdout and refused.stderr, (wrong, refused)


def test_attempts_are_listed_with_what_failed(serve: Serve) -> None:
    with Receiver(lambda number, event: Reply(503 if number == 0 else 200)) as receiver:
        server = serve([endpoint("hook", receiver.url, only={"kinds": ["tag"]}, backoff="10ms", maxbackoff="10ms")])
        push(server, "v1")
        wait_verdict(server, "acme/app:v1", hook="delivered")
        listed = json.loads(portcall(server, "attempts", "list", "--json").stdout)["attempts"]
        assert [(one["attempt"], one["delivered"], one["status"]) for one in listed] == [(2, True, 200), (1, False, 503)]
        table = portcall(server, "attempts", "list", "--endpoint", "hook", "--failed").stdout.splitlines()
        assert table[0].split() == ["AT", "ENDPOINT", "SEQ", "TRY", "RESULT", "STATUS", "MS", "ERROR"]
        assert len(table) == 2 and table[1].split()[1:2] == ["hook"] and "failed" in table[1] and "503" in table[1]
        wrong = portcall(server, "attempts", "list", "--endpoint", "hok")
        assert wrong.returncode == 2 and "did you mean hook?" in wrong.stderr and not wrong.stdout
