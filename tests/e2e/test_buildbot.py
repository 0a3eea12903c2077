"""A push is a change for a real Buildbot, whose schedulers start a build of it, once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.buildbot import PASSWORD, USER, Buildbot
from harness.clients import Skopeo
from harness.images import image, index, write_layout
from harness.server import Server

Serve = Callable[..., Server]
PROJECTS = ("pushed", "killed", "routed-one", "routed-two", "refused")


@pytest.fixture(scope="module")
def buildbot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildbot]:
    with Buildbot(tmp_path_factory.mktemp("buildbot"), {name: "" for name in PROJECTS}) as one:
        yield one


def test_a_pushed_index_is_built_once(serve: Serve, buildbot: Buildbot, tmp_path: Path) -> None:
    project = buildbot.project("pushed")
    server = serve([project.endpoint()])
    children = [("amd64", image(1)), ("arm64", image(2, architecture="arm64"))]
    whole = index(children)
    layout = write_layout(tmp_path / "multi", "v1", *(one for _, one in children), whole)
    for _ in range(2):
        Skopeo(tmp_path).copy(layout, f"docker://{server.address}/acme/app:v1", "--all")
        server.wait_pending("ci", 0)
    [build] = project.wait_for(1)
    assert (build.repository, build.tag, build.digest) == ("acme/app", "v1", whole.digest)
    assert len(build.event) == 36
    # The change says who and what to people, too.
    [change] = [one for one in buildbot.get("changes")["changes"] if one["project"] == "pushed"]
    assert "acme/app:v1" in change["comments"]
    assert PASSWORD not in server.log()


@pytest.mark.parametrize("again", [True, False])
def test_killed_between_the_trigger_and_its_settlement(serve: Serve, buildbot: Buildbot, again: bool) -> None:
    project = buildbot.project("killed")
    before = project.count()
    server = serve([project.endpoint(retryontimeout=again)])
    server.stop()
    process = server.start(PORTCALL_FAILPOINT="after-response:1").process
    assert process
    server.client().push_image("acme/app", "v1", image(3))
    assert process.wait(120) == -signal.SIGKILL
    first = project.wait_for(before + 1)[-1]
    server.start()
    if again:
        assert project.wait_for(before + 2)[-1] == first
    else:
        server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="ci")
        server.wait_log("outcome unknown")
    server.wait_pending("ci", 0)
    project.wait_for(before + (2 if again else 1))


def test_an_outage_ends_in_one_build_of_each_tags_last_image(serve: Serve, tmp_path: Path) -> None:
    late = Buildbot(tmp_path / "b", {"late": ""})
    server = serve([{"name": "ci", "type": "ci", "preset": "buildbot", "url": late.url, "project": "late", "user": USER,
                     "password": PASSWORD, "backoff": "100ms", "maxbackoff": "500ms", "debounce": "100ms",
                     "variables": {"REPOSITORY": "{{repository}}", "TAG": "{{tag}}", "DIGEST": "{{digest}}"}}])
    last = image(9)
    for one in (image(6), image(7), image(8), last):
        server.client().push_image("acme/app", "latest", one)
        server.wait_log("endpoint started failing")
    with late:
        project = late.project("late")
        server.wait_pending("ci", 0, 60)
        [build] = project.wait_for(1)
        assert build.digest == last.digest


def test_routes_lead_to_projects(serve: Serve, buildbot: Buildbot) -> None:
    one, two = buildbot.project("routed-one"), buildbot.project("routed-two")
    server = serve([one.endpoint(routes=[{"repositories": "acme/**", "project": two.name}, {"repositories": "**"}])])
    for repository in ("acme/app", "other/app"):
        server.client().push_image(repository, "v1", image(4, layers=1))
    server.wait_pending("ci", 0)
    assert [build.repository for build in one.wait_for(1)] == ["other/app"]
    assert [build.repository for build in two.wait_for(1)] == ["acme/app"]


@pytest.mark.parametrize("wrong, hint", [({"password": "wrong-password"}, "password is wrong"), ({"hook": "none"}, "dialect")])
def test_a_refusal_says_what_is_wrong(serve: Serve, buildbot: Buildbot, wrong: dict[str, Any], hint: str) -> None:
    project = buildbot.project("refused")
    server = serve([project.endpoint(maxretries=1, **wrong)])
    server.client().push_image("acme/app", "v1", image(5))
    server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="ci")
    server.wait_log(hint)
    assert project.count() == 0
    assert PASSWORD not in server.log() and "wrong-password" not in server.log()
