"""A push starts a build in a real Gitea, once; the build's own output says what it was told."""

from __future__ import annotations

import base64
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import clients, wait
from harness.builds import Build, Project
from harness.clients import Skopeo
from harness.gitea import Gitea
from harness.http_client import Answer, HttpClient
from harness.images import Image, image, index, write_layout
from harness.registry_client import RegistryClient
from harness.server import REPOSITORY_ROOT, Server

Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    with Gitea(tmp_path_factory.mktemp("gitea")) as one:
        yield one


@pytest.fixture
def project(gitea: Gitea, request: pytest.FixtureRequest) -> Project:
    return gitea.project(request.node.name.removeprefix("test_").replace("[", "-").rstrip("]"))


class Named(HttpClient):
    """Says a name with every request, as CI robots do."""

    def __init__(self, server: Server, name: str):
        super().__init__("127.0.0.1", server.port)
        self.authorization = "Basic " + base64.b64encode(f"{name}:secret".encode()).decode()

    def request(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        return super().request(method, target, body, (headers or {}) | {"Authorization": self.authorization})


def facts(build: Build) -> tuple[str, str, str]:
    return build.repository, build.tag, build.digest


def settled(server: Server, name: str = "ci") -> None:
    """Nothing is left that could start a build."""
    server.wait_pending(name, 0, 40)


def test_a_pushed_image_is_built_once(serve: Serve, project: Project, gitea: Gitea, tmp_path: Path) -> None:
    server = serve([project.endpoint()])
    one = image(1)
    layout = write_layout(tmp_path / "image", "v1", one)
    skopeo = Skopeo(tmp_path)
    skopeo.copy(layout, f"docker://{server.address}/acme/app:v1")
    [build] = project.wait_for(1)
    assert facts(build) == ("acme/app", "v1", one.digest)
    assert len(build.event) == 36

    # Gitea's own record of the run says the same.
    [run] = gitea.runs(project.name)
    told = f"building acme/app:v1 ({one.digest}) for event {build.event}"
    wait.until(lambda: told in gitea.output(project.name, run["id"]), "the run's log in Gitea")
    assert run["display_title"] == "deploy acme/app:v1"

    # The same digest again changes nothing, nor do a pull and a delete.
    skopeo.copy(layout, f"docker://{server.address}/acme/app:v1")
    skopeo.copy(f"docker://{server.address}/acme/app:v1", f"oci:{tmp_path}/pulled:v1")
    skopeo.command("delete", f"docker://{server.address}/acme/app:v1")
    settled(server)
    assert project.wait_for(1) == [build]
    assert project.words["token"] not in server.log()


def test_an_index_with_its_children_is_one_build(serve: Serve, project: Project, tmp_path: Path) -> None:
    server = serve([project.endpoint()])
    children = [("amd64", image(2)), ("arm64", image(3, architecture="arm64"))]
    whole = index(children)
    layout = write_layout(tmp_path / "multi", "v1", *(one for _, one in children), whole)
    Skopeo(tmp_path).copy(layout, f"docker://{server.address}/acme/multi:v1", "--all")
    settled(server)
    [build] = project.wait_for(1)
    assert facts(build) == ("acme/multi", "v1", whole.digest)


def test_docker(serve: Serve, project: Project, tmp_path: Path) -> None:
    server = serve([project.endpoint()])
    name = f"{server.address}/acme/dock:v1"
    archive = tmp_path / "v1.tar"
    Skopeo(tmp_path).copy(write_layout(tmp_path / "image", "v1", image(4)), f"docker-archive:{archive}:{name}")
    (tmp_path / "d").mkdir()
    with clients.docker(tmp_path / "d") as environment:
        for command in (["load", "-i", str(archive)], ["push", name], ["push", name]):
            clients.run("docker", *command, environment=environment)
    settled(server)
    [build] = project.wait_for(1)
    assert facts(build) == ("acme/dock", "v1", server.client().get_manifest("acme/dock", "v1").headers["Docker-Content-Digest"])


def test_what_the_pipeline_itself_pushes_starts_none(serve: Serve, gitea: Gitea, tmp_path: Path) -> None:
    """Signing pushes cosign's tags and referrers of the image; the robot's own image is known by the robot's name."""
    address, signed = tmp_path / "address", tmp_path / "signed"
    project = gitea.project("signing", f"""\
export PYTHONPATH='{REPOSITORY_ROOT}/tests'
'{sys.executable}' -m harness.signer "$(cat '{address}')" "$REPOSITORY" "$DIGEST"
touch '{signed}'""")
    server = serve([project.endpoint(ignore={"actors": ["robot"]})])
    address.write_text(server.address)
    one = image(5)
    server.client().push_image("acme/app", "v1", one)
    wait.until(signed.exists, "the pipeline has signed", 40)
    tags = set(server.client().tags("acme/app")["tags"])
    assert {f"sha256-{one.digest[7:]}.{ending}" for ending in ("sig", "att", "sbom")} < tags

    RegistryClient(Named(server, "robot")).push_image("acme/app", "deployed", image(6))
    settled(server)
    [build] = project.wait_for(1)
    assert facts(build) == ("acme/app", "v1", one.digest)


def pushed_and_killed(serve: Serve, project: Project, one: Image, **more: Any) -> tuple[Server, Build]:
    """A server that died after Gitea had answered and before it could say so on disk."""
    server = serve([project.endpoint(**more)])
    server.stop()
    process = server.start(PORTCALL_FAILPOINT="after-response:1").process
    assert process
    server.client().push_image("acme/app", "v1", one)
    assert process.wait(40) == -signal.SIGKILL
    [build] = project.wait_for(1)
    return server, build


def test_a_repeated_trigger_carries_the_same_event(serve: Serve, project: Project) -> None:
    one = image(7)
    server, first = pushed_and_killed(serve, project, one)
    server.start()
    assert project.wait_for(2) == [first, first]
    assert facts(first) == ("acme/app", "v1", one.digest)
    settled(server)
    server.restart()
    settled(server)
    assert len(project.wait_for(2)) == 2


def test_no_second_trigger_where_none_is_wanted(serve: Serve, project: Project) -> None:
    server, first = pushed_and_killed(serve, project, image(8), retryontimeout=False)
    server.start()
    server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="ci")
    server.wait_log("outcome unknown")
    settled(server)
    assert project.wait_for(1) == [first]
    # What comes after it is built as ever.
    server.client().push_image("acme/app", "v1", image(9))
    assert len(project.wait_for(2)) == 2


def test_pushes_within_the_debounce_are_one_build_of_the_last(serve: Serve, project: Project) -> None:
    server = serve([project.endpoint(debounce="3s")])
    client = server.client()
    images = [image(seed, layers=1) for seed in (10, 11, 12)]
    for one in images:
        client.push_image("acme/app", "latest", one)
    client.push_image("acme/app", "v1", images[0])  # another tag is another build
    settled(server)
    assert sorted(map(facts, project.wait_for(2))) == [("acme/app", "latest", images[2].digest),
                                                       ("acme/app", "v1", images[0].digest)]


def test_a_debounced_push_survives_kill_9(serve: Serve, project: Project) -> None:
    server = serve([project.endpoint(debounce="3s")])
    images = [image(seed, layers=1) for seed in (13, 14)]
    for one in images:
        server.client().push_image("acme/app", "latest", one)
    server.kill()
    assert project.builds() == []
    server.start()
    settled(server)
    [build] = project.wait_for(1)
    assert facts(build) == ("acme/app", "latest", images[1].digest)


def test_routes_lead_to_projects_with_their_own_words(serve: Serve, gitea: Gitea) -> None:
    main, release = gitea.project("routed"), gitea.project("routed-release", branch="release")
    # A token that may start nothing in these projects: the route's own is what counts.
    common = main.words | {"token": gitea.user("stranger")}
    project = Project("routed", main.output, common, main.count, main.preset, main.url)
    server = serve([project.endpoint(routes=[
        {"repositories": "acme/**", "token": main.words["token"]},
        {"repositories": "other/*", **{word: release.words[word] for word in ("project", "ref", "token")}},
    ])])
    client = server.client()
    for number, repository in enumerate(("acme/deep/app", "other/app", "nobody/app")):
        client.push_image(repository, "v1", image(20 + number, layers=1))
    settled(server)
    assert [build.repository for build in main.wait_for(1)] == ["acme/deep/app"]
    assert [build.repository for build in release.wait_for(1)] == ["other/app"]
    assert [run["head_branch"] for run in gitea.runs("routed-release")] == ["release"]


def test_hostile_names_arrive_as_they_are(serve: Serve, project: Project) -> None:
    hostile = '","TAG"="evil"}}\\"; $(touch pwned) `touch pwned` ${{ env.HOME }} {{tag}} é'
    server = serve([project.endpoint()])
    RegistryClient(Named(server, hostile)).push_image("acme/app", "v1", image(30))
    [build] = project.wait_for(1)
    assert build.tag == "v1" and build.actor == hostile


@pytest.mark.parametrize("wrong, hint", [({"token": "0" * 40}, "the token is wrong"), ({"workflow": "other.yml"}, "not found")])
def test_a_refusal_says_what_is_wrong(serve: Serve, gitea: Gitea, wrong: dict[str, str], hint: str) -> None:
    [word] = wrong
    project = gitea.project(f"refused-{word}")
    server = serve([project.endpoint(maxretries=1, **wrong)])
    server.client().push_image("acme/app", "v1", image(40))
    server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="ci")
    server.wait_log(hint)
    assert project.count() == 0
    assert project.words["token"] not in server.log() and "0" * 40 not in server.log()
