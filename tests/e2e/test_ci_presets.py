"""A push starts one build in every CI system that has a preset, by exactly the request that the system wants."""

from __future__ import annotations

import json
import re
import signal
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness import wait
from harness.ci_receivers import Answer, CiReceiver, Refused, Request, texts
from harness.ci_systems import SYSTEMS, CircleCi, Gitea, GitHub, GitHubWorkflow, GitLab, Jenkins, JenkinsGwt
from harness.images import image
from harness.registry_client import expect
from harness.server import REPOSITORY_ROOT, Server, endpoint, merged, run_command

Serve = Callable[..., Server]
Open = Callable[[type[CiReceiver]], Any]
SOURCE = {"notifications": {"source": "reg.example"}}


@pytest.fixture
def system() -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(kind())


def ci(preset: str, receiver: CiReceiver, words: dict[str, str], **more: Any) -> dict[str, Any]:
    return endpoint("builds", receiver.url, type="ci", preset=preset, debounce="100ms") | words | more


def push(server: Server, repository: str = "team/app", tag: str = "v1", seed: int = 1) -> str:
    one = image(seed, layers=1)
    server.client().push_image(repository, tag, one)
    return one.digest


def health(server: Server) -> dict[str, Any]:
    late = server.debug("/debug/health?verbose").json()["endpoints"]
    return next((one for one in late if one["name"] == "builds"), {})


def plain(variables: dict[str, str]) -> dict[str, str]:
    """Of CircleCI's spelling too."""
    return {name.upper(): value for name, value in variables.items()}


@pytest.mark.parametrize("preset", sorted(SYSTEMS))
def test_a_push_starts_one_build(serve: Serve, system: Open, preset: str) -> None:
    kind, words = SYSTEMS[preset]
    receiver = system(kind)
    server = serve([ci(preset, receiver, words)], SOURCE)
    digest = push(server)
    (build,) = receiver.wait_for(1)
    variables = plain(build.variables)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", variables["REGISTRY_EVENT_ID"])
    if preset == "watchtower":
        assert build.project == "reg.example/team/app"
    else:
        assert variables["REGISTRY_REPOSITORY"] == "team/app" and variables["REGISTRY_TAG"] == "v1"
        assert variables["REGISTRY_DIGEST"] == digest and variables["REGISTRY_IMAGE"] == "reg.example/team/app:v1"
    push(server)  # the tag names this image already
    expect(server.client().push_blob("team/app", b"no image"), 201)
    push(server, tag="v2", seed=2)  # whatever the others had started would be there before this one
    receiver.wait_for(2)
    server.wait_pending("builds", 0)
    assert len(receiver.builds) == 2 and receiver.refusals == []


def test_circleci_by_its_github_app(serve: Serve, system: Open) -> None:
    receiver = system(CircleCi)
    words = {"project": "circleci/group/app", "definition_id": "def-1", "token": receiver.token}
    server = serve([ci("circleci", receiver, words)], SOURCE)
    push(server)
    assert receiver.wait_for(1)[0].variables["registry_tag"] == "v1"
    assert receiver.refusals == []


# Tekton's listener takes everything, and says nothing of what it drops.
@pytest.mark.parametrize("preset", sorted(set(SYSTEMS) - {"tekton"}))
def test_a_wrong_token_loses_nothing(serve: Serve, system: Open, preset: str) -> None:
    kind, words = SYSTEMS[preset]
    receiver = system(kind)
    receiver.token = "another-token"
    server = serve([ci(preset, receiver, words, threshold=1)], SOURCE)
    push(server)
    status = wait.until(lambda: health(server).get("reason") and health(server), "the endpoint says what is wrong")
    refusals = {number for number, _ in receiver.refusals}
    assert refusals <= {401, 404} and str(refusals.pop()) in status["reason"], status
    assert receiver.builds == []
    server.wait_pending("builds", 1)
    assert CiReceiver.token not in server.log() + json.dumps(status) + server.debug("/debug/vars").body.decode()
    receiver.token = CiReceiver.token  # as if it had been given what it lacked
    receiver.wait_for(1)
    server.wait_pending("builds", 0)
    assert len(receiver.builds) == 1


def test_what_the_system_refuses_is_a_dead_letter(serve: Serve, system: Open) -> None:
    receiver = system(GitHubWorkflow)
    words = SYSTEMS["github-workflow"][1]
    server = serve([ci("github-workflow", receiver, words, variables={"UNDECLARED": "{{tag}}"})], SOURCE)
    push(server)
    server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="builds")
    server.wait_pending("builds", 0)
    assert [status for status, _ in receiver.refusals] == [422] * 3
    assert receiver.builds == []


@pytest.mark.parametrize("how", ["filtered", "silent"])
def test_a_job_may_filter_and_be_silent(serve: Serve, system: Open, how: str) -> None:
    receiver = system(JenkinsGwt)
    setattr(receiver, how, True)
    server = serve([ci("jenkins-gwt", receiver, SYSTEMS["jenkins-gwt"][1])], SOURCE)
    push(server)
    server.wait_metric(1, "registry_notifications_events_total", type="Successes", endpoint="builds")
    assert len(receiver.requests) == 1


def test_a_build_that_jenkins_has_queued_already_is_enough(serve: Serve, system: Open) -> None:
    class Queueing(Jenkins):
        declared = ("REGISTRY_TAG",)

        def queued(self, given: dict[str, str]) -> int:
            return next((n for n, build in enumerate(self.builds, 1) if build.variables == given), 0)

    receiver = system(Queueing)
    server = serve([ci("jenkins", receiver, SYSTEMS["jenkins"][1])], SOURCE)
    for seed, repository in enumerate(("team/app", "team/other")):
        push(server, repository, seed=seed)
    server.wait_metric(2, "registry_notifications_events_total", type="Successes", endpoint="builds")
    assert len(receiver.builds) == 1 and len(receiver.requests) == 2


def test_a_jobs_own_token_needs_no_crumb(serve: Serve, system: Open) -> None:
    receiver = system(Jenkins)
    server = serve([ci("jenkins", receiver, {"project": receiver.project, "buildtoken": receiver.buildtoken})], SOURCE)
    push(server)
    receiver.wait_for(1)
    server.wait_pending("builds", 0)
    assert receiver.refusals == []


@pytest.mark.parametrize("preset", ["gitlab", "gitlab-webhook", "gitlab-pipeline"])
def test_gitlab_takes_inputs_where_variables_are_restricted(serve: Serve, system: Open, preset: str) -> None:
    kind, words = SYSTEMS[preset]
    receiver = system(kind)
    receiver.restricted = True
    server = serve([ci(preset, receiver, words, threshold=1)], SOURCE)
    push(server)
    reason = wait.until(lambda: health(server).get("reason"), "the endpoint says what is wrong")
    assert "Insufficient permissions to set pipeline variables" in reason and "Minimum role" in reason, reason
    server.wait_pending("builds", 1)
    entry = ci(preset, receiver, words, inputs={"image-tag": "{{tag}}"})
    server.write_config(merged(server.config, {"notifications": {"endpoints": [entry]}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)
    (build,) = receiver.wait_for(1)
    server.wait_pending("builds", 0)
    assert set(build.variables) == {"image-tag", "registry_event_id"} and build.variables["image-tag"] == "v1"


def test_a_limit_of_gitlabs_is_waited_for(serve: Serve, system: Open) -> None:
    receiver = system(GitLab)
    receiver.busy = 5
    server = serve([ci("gitlab", receiver, SYSTEMS["gitlab"][1])], SOURCE)
    push(server)
    receiver.wait_for(1)
    server.wait_pending("builds", 0)
    assert len(receiver.refusals) == 5


def test_a_repetition_carries_the_same_event_id(serve: Serve, system: Open) -> None:
    receiver = system(Gitea)
    receiver.failures = [500, 503]
    server = serve([ci("gitea", receiver, SYSTEMS["gitea"][1])], SOURCE)
    push(server)
    receiver.wait_for(1)
    assert len({request.body for request in receiver.requests}) == 1 and len(receiver.requests) == 3


def test_variables_are_the_users_own(serve: Serve, system: Open) -> None:
    receiver = system(GitLab)
    words = SYSTEMS["gitlab"][1] | {"eventid": "PUSH_ID"}
    variables = {"IMAGE": "{{repository}}@{{digest}}", "STAGE": "prod & more"}
    server = serve([ci("gitlab", receiver, words, variables=variables)], SOURCE)
    digest = push(server)
    (build,) = receiver.wait_for(1)
    assert build.variables.pop("PUSH_ID")
    assert build.variables == {"IMAGE": f"team/app@{digest}", "STAGE": "prod & more"}


def test_routes_choose_project_ref_and_token(serve: Serve, system: Open) -> None:
    class Many(Gitea):
        tokens = {"org/one": "token-one", "org/two": "token-two"}

        def accept(self, request: Request) -> Answer:
            self.project = "/".join(request.segments[3:5])
            self.token, self.ref = self.tokens.get(self.project, "none"), self.project.removeprefix("org/")
            return super().accept(request)

    receiver = system(Many)
    routes = [{"repositories": "team/app", "project": "org/one", "ref": "one", "token": "token-one"},
              {"repositories": "team/**", "project": "org/two", "ref": "two", "token": "token-two"}]
    server = serve([ci("gitea", receiver, {"workflow": "deploy.yaml"}, routes=routes)], SOURCE)
    for seed, repository in enumerate(("team/app", "team/deep/app", "other/app")):
        push(server, repository, seed=seed)
    builds = receiver.wait_for(2)
    server.wait_pending("builds", 0)
    assert {build.variables["REGISTRY_REPOSITORY"]: build.project for build in builds} == {
        "team/app": "org/one", "team/deep/app": "org/two"}
    assert receiver.refusals == [] and len(receiver.builds) == 2


def test_only_and_ignore_choose_pushes(serve: Serve, system: Open) -> None:
    receiver = system(GitHub)
    server = serve([ci("github", receiver, SYSTEMS["github"][1], only={"tags": ["v*"]},
                       ignore={"repositories": ["scratch/**"]})], SOURCE)
    for seed, (repository, tag) in enumerate([("team/app", "dev"), ("scratch/app", "v1"), ("team/app", "v2")]):
        push(server, repository, tag, seed)
    (build,) = receiver.wait_for(1)
    server.wait_pending("builds", 0)
    assert build.variables["REGISTRY_TAG"] == "v2" and len(receiver.builds) == 1


class Mine(CiReceiver):
    def accept(self, request: Request) -> Answer:
        if request.method != "PUT" or request.segments[:2] != ["start", "a b/c"]:
            raise Refused(404, request.target)
        if request.header("X-Key") != self.token:
            raise Refused(401, "X-Key")
        body = request.json()
        self.start(body["what"]["image"], "", texts(body["with"]))
        return Answer(202)


OWN = """
name: mine
about: Starts a build in a system of our own.
words:
  job: {required: true, help: the job's name}
  key: {required: true, secret: true}
request:
  method: PUT
  path: /start/{{job}}
  headers: {X-Key: '{{key}}'}
  json: {what: {image: '{{repository}}@{{digest}}'}, priority: 3}
variables: {in: json, at: with}
success: [202]
"""


def test_a_users_own_preset_works_the_same_way(serve: Serve, system: Open, tmp_path: Path) -> None:
    receiver = system(Mine)
    (tmp_path / "mine.yml").write_text(OWN)
    server = serve([ci(str(tmp_path / "mine.yml"), receiver, {"job": "a b/c", "key": receiver.token})], SOURCE)
    digest = push(server)
    (build,) = receiver.wait_for(1)
    assert build.project == f"team/app@{digest}" and build.variables["REGISTRY_TAG"] == "v1"
    assert json.loads(receiver.requests[0].body)["priority"] == 3


def documented(first: str) -> list[str]:
    blocks = re.findall(r"```yaml\n(.*?)```", (REPOSITORY_ROOT / "docs/ci.md").read_text(), re.DOTALL)
    return [block for block in blocks if block.startswith(first)]


def test_what_the_manual_shows_is_right(tmp_path: Path) -> None:
    (examples,), (whole,), (own,) = documented("- {name"), documented("notifications:"), documented("name: mine")
    (tmp_path / "mine.yml").write_text(own)
    (routes,) = documented("      routes:")
    mine = f"- {{name: own, type: ci, preset: {tmp_path}/mine.yml, job: a/b}}\n"
    file = tmp_path / "config.yml"
    file.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}}}}}\nhttp: {{addr: ':5000'}}\n" +
                    whole + routes + textwrap.indent(examples + mine, "    "))
    checked = run_command("check", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {f"preset: {preset}," for preset in SYSTEMS} <= set(re.findall(r"preset: [\w-]+,", examples))
