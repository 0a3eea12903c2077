"""CI systems as their callers see them: each checks path, credentials, content type, body and limits as the real one
does, refuses with its statuses, and keeps what builds it would have started. Each names the source that it follows."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from harness.ci_receivers import Answer, CiReceiver, Refused, Request, bracketed, texts


class GitLab(CiReceiver):
    """POST /projects/:id/trigger/pipeline, as gitlabhq 18 has it: lib/api/ci/triggers.rb (form, `variables[NAME]`,
    `inputs[NAME]`), app/services/ci/pipeline_trigger_service.rb (404 for a foreign token, 400 with the pipeline's errors),
    lib/gitlab/ci/pipeline/chain/build/associations.rb (who may set variables), chain/limit/rate_limit.rb."""

    restricted = False  # the project's minimum role to use pipeline variables: no one
    busy = 0  # requests that are over the limit of a minute

    def check(self, project: str, ref: str, token: str) -> None:
        # A wrong token and a foreign project look alike; a missing ref is the pipeline's fault.
        if project != self.project or token != self.token:
            raise Refused(404, "404 Not Found")
        if ref != self.ref:
            raise Refused(400, "Reference not found")

    def run(self, ref: str, variables: dict[str, str], inputs: dict[str, str], **more: Any) -> Answer:
        if variables and self.restricted:
            raise Refused(400, "Insufficient permissions to set pipeline variables")
        if self.busy:
            self.busy -= 1
            raise Refused(400, "Too many pipelines created in the last minute. Try again later.")
        return Answer(201, {"id": self.start(self.project, ref, variables | inputs, **more), "status": "created"})

    def accept(self, request: Request) -> Answer:
        (project,) = self.post(request, "/api/v4/projects/*/trigger/pipeline")
        form = request.form()
        self.check(project, form.get("ref", ""), form.get("token", ""))
        return self.run(form["ref"], bracketed(form), bracketed(form, "inputs"))


class GitLabWebhook(GitLab):
    """The same file's `:id/ref/:ref/trigger/pipeline`, as a webhook calls it (docs.gitlab.com/ci/triggers, "Use a webhook")."""

    def accept(self, request: Request) -> Answer:
        project, ref = self.post(request, "/api/v4/projects/*/ref/*/trigger/pipeline")
        self.check(project, ref, request.query.get("token", ""))
        payload = request.json()
        return self.run(ref, bracketed(request.query), bracketed(request.query, "inputs"), payload=payload)


class GitLabPipeline(GitLab):
    """POST /projects/:id/pipeline: docs.gitlab.com/api/pipelines, "Create a new pipeline" (`variables` a list, `inputs` a map)."""

    def accept(self, request: Request) -> Answer:
        (project,) = self.post(request, "/api/v4/projects/*/pipeline")
        if request.header("PRIVATE-TOKEN") != self.token:
            raise Refused(401, "401 Unauthorized")
        body = request.json()
        self.check(project, body.get("ref", ""), self.token)
        listed = body.get("variables", [])
        if not all(set(v) == {"key", "value"} for v in listed):
            raise Refused(400, "variables are invalid")
        return self.run(body["ref"], texts({v["key"]: v["value"] for v in listed}), texts(body.get("inputs", {})))


class GitHub(CiReceiver):
    """docs.github.com/rest, version 2022-11-28: "Create a repository dispatch event" (204; event_type of 100 characters, at most
    10 members in client_payload, else 422), "Getting started with the REST API" (User-Agent, Accept, X-GitHub-Api-Version)."""

    def check(self, request: Request, owner: str, name: str) -> None:
        self.bearer(request)
        if not request.header("User-Agent"):
            raise Refused(403, "Request forbidden by administrative rules")
        if request.header("Accept") != "application/vnd.github+json":
            raise Refused(415, "Accept")
        if request.header("X-GitHub-Api-Version") != "2022-11-28":
            raise Refused(400, "X-GitHub-Api-Version")
        if f"{owner}/{name}" != self.project:
            raise Refused(404, "Not Found")

    def accept(self, request: Request) -> Answer:
        self.check(request, *self.post(request, "/repos/*/*/dispatches"))
        body = request.json()
        if set(body) - {"event_type", "client_payload"}:
            raise Refused(422, f"Invalid request: {sorted(body)}")
        if not 1 <= len(body.get("event_type", "")) <= 100 or len(body.get("client_payload", {})) > 10:
            raise Refused(422, "event_type or client_payload")
        self.start(self.project, "default", texts(body["client_payload"], 422), event_type=body["event_type"])
        return Answer(204)


class GitHubWorkflow(GitHub):
    """The same documentation: "Create a workflow dispatch event" (204; at most 25 inputs, each declared, else 422)."""

    workflow = "deploy.yml"
    declared = ("REGISTRY_REPOSITORY", "REGISTRY_TAG", "REGISTRY_DIGEST", "REGISTRY_IMAGE", "REGISTRY_ACTOR",
                "REGISTRY_EVENT_ID")

    def accept(self, request: Request) -> Answer:
        owner, name, workflow = self.post(request, "/repos/*/*/actions/workflows/*/dispatches")
        self.check(request, owner, name)
        if workflow != self.workflow:
            raise Refused(404, "Not Found")
        body = request.json()
        inputs = texts(body.get("inputs", {}), 422)
        if body.get("ref") != self.ref:
            raise Refused(422, f"No ref found for: {body.get('ref')}")
        if len(inputs) > 25 or set(inputs) - set(self.declared):
            raise Refused(422, f"Unexpected inputs provided: {sorted(set(inputs) - set(self.declared))}")
        self.start(self.project, body["ref"], inputs)
        return Answer(204)


class Jenkins(CiReceiver):
    """`buildWithParameters` of Jenkins 2.5xx: core/src/main/java/jenkins/model/ParameterizedJobMixIn.java (403, 409),
    hudson/model/BuildAuthorizationToken.java (the job's own token allows GET; without it POST alone),
    hudson/security/csrf/CrumbFilter.java (a POST without an API token wants a crumb), and
    test/src/test/java/hudson/model/ParametersDefinitionPropertyTest.java, statusCodes (303 to an equal item in the queue)."""

    user = "robot"
    buildtoken = "job-token"
    declared = GitHubWorkflow.declared

    def accept(self, request: Request) -> Answer:
        if request.segments[::2] != ["job"] * len(self.project.split("/")) + ["buildWithParameters"]:
            raise Refused(404, f"no such path: {request.target}")
        own = request.query.get("token")
        if not request.header("Authorization") and request.method == "POST":
            raise Refused(403, "No valid crumb was included in the request")
        if request.header("Authorization") and request.basic() != (self.user, self.token):
            raise Refused(401, "Unauthorized")
        if own is not None and own != self.buildtoken:
            raise Refused(403, "Invalid token provided.")
        if own is None and request.method != "POST":
            raise Refused(405, request.method)
        if request.segments[1:-1:2] != self.project.split("/"):
            raise Refused(404, "Not Found")
        # Parameters that the job does not declare are dropped without a word.
        given = {name: value for name, value in request.query.items() if name in self.declared}
        equal = self.queued(given)
        number = equal or self.start(self.project, "", given)
        return Answer(303 if equal else 201, headers={"Location": f"{self.url}/queue/item/{number}/"})

    def queued(self, given: dict[str, str]) -> int:
        """The number of an equal item that waits; 0: none does."""
        return 0


class JenkinsGwt(CiReceiver):
    """generic-webhook-trigger-plugin 2.x, GenericWebHookRequestReceiver.java, doInvoke: 404 without a job of this token, 500
    where one throws, 200 with the jobs' results, and 200 without a body where all have `silentResponse`."""

    filtered = False
    silent = False

    def accept(self, request: Request) -> Answer:
        self.post(request, "/generic-webhook-trigger/invoke")
        if self.token not in (request.header("token"), request.query.get("token")):
            raise Refused(404, "Did not find any jobs with GenericTrigger configured!")
        body = request.json()
        if not self.filtered:
            self.start("", "", texts(body))
        if self.silent:
            return Answer(200)
        job = {"app": {"id": len(self.builds), "triggered": not self.filtered, "url": "queue/item/1/"}}
        return Answer(200, {"jobs": job, "message": "Triggered jobs."})


class Gitea(CiReceiver):
    """go-gitea/gitea v1.26.2 (which test_gitea.py runs itself): routers/api/v1/repo/action.go, ActionsDispatchWorkflow, and
    services/actions/workflow.go: a ref is looked up as a branch unless it begins with refs/. Forgejo 11 has the same path."""

    workflow = "deploy.yaml"

    def accept(self, request: Request) -> Answer:
        owner, name, workflow = self.post(request, "/api/v1/repos/*/*/actions/workflows/*/dispatches")
        self.bearer(request, "token")
        body = request.json(422)
        if f"{owner}/{name}" != self.project or workflow != self.workflow or body.get("ref") != self.ref:
            raise Refused(404, "workflow or ref not found")
        self.start(self.project, body["ref"], texts(body.get("inputs", {}), 422))
        return Answer(204)


class Woodpecker(CiReceiver):
    """woodpecker-ci/woodpecker at 00bd7be: server/api/pipeline.go, CreatePipeline (JSON with branch and variables; 200 with the
    pipeline), and server/api/repo.go, LookupRepo (a repository's number by its name)."""

    number = 42

    def accept(self, request: Request) -> Answer:
        self.bearer(request)
        if request.method == "GET":
            if "/".join(request.segments) != f"api/repos/lookup/{self.project}":
                raise Refused(404, "not found")
            return Answer(200, {"id": self.number, "full_name": self.project})
        (number,) = self.post(request, "/api/repos/*/pipelines")
        if not number.isdigit():
            raise Refused(400, "strconv.ParseInt")
        body = request.json()
        if int(number) != self.number or body.get("branch") != self.ref:
            raise Refused(404, "not found")
        return Answer(200, {"number": self.start(self.project, body["branch"], texts(body["variables"]))})


class Drone(CiReceiver):
    """Drone 2, harness/harness at 11302e2: handler/api/repos/builds/create.go, HandleCreate (branch and commit from the query, the
    rest of it becomes parameters; 404 for the repository and for the commit; 200 with the build)."""

    def accept(self, request: Request) -> Answer:
        self.bearer(request)
        owner, name = self.post(request, "/api/repos/*/*/builds")
        query = request.query
        if f"{owner}/{name}" != self.project or query.pop("branch", self.ref) != self.ref:
            raise Refused(404, "Not Found")
        query.pop("commit", None)
        return Answer(200, {"number": self.start(self.project, self.ref, query)})


class Tekton(CiReceiver):
    """tektoncd/triggers v0.2x with the github interceptor: pkg/sink/sink.go, HandleEvent (202 whatever becomes of it) and
    pkg/interceptors/github/github.go (X-Hub-Signature-256, X-GitHub-Event): what is not signed is accepted, and starts nothing."""

    def accept(self, request: Request) -> Answer:
        self.post(request, "/")
        body = request.json()
        mac = "sha256=" + hmac.new(self.token.encode(), request.body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(mac, request.header("X-Hub-Signature-256")):
            self.start(body["repository"], "", texts(body["variables"]), event=request.header("X-GitHub-Event"))
        return Answer(202, {"eventListener": "images", "namespace": "ci", "eventID": "1"})


class CircleCi(CiReceiver):
    """circleci.com/docs/api/v2: "Trigger a new pipeline" (project slug, branch, parameters that the configuration declares; 201,
    400 "Unexpected argument(s)") and "[Recommended] Trigger a new pipeline" (pipeline/run with definition_id)."""

    declared = ("registry_repository", "registry_tag", "registry_digest", "registry_image", "registry_actor",
                "registry_event_id")

    def accept(self, request: Request) -> Answer:
        if request.header("Circle-Token") != self.token:
            raise Refused(401, "You must log in first.")
        kind, owner, name, *run = self.post(request, "/api/v2/project/*/*/*/pipeline" +
                                            ("/run" if request.segments[-1] == "run" else ""))
        body = request.json()
        parameters = texts(body.pop("parameters", {}))
        wanted: dict[str, Any] = {"branch": self.ref}
        if kind == "circleci":
            wanted = {"definition_id": "def-1", "config": {"branch": self.ref}, "checkout": {"branch": self.ref}}
        if f"{owner}/{name}" != self.project or (kind == "circleci") != request.target.endswith("/run"):
            raise Refused(404, "Project not found")
        if body != wanted or set(parameters) - set(self.declared):
            raise Refused(400, "Unexpected argument(s)")
        return Answer(201, {"number": self.start(self.project, self.ref, parameters), "state": "pending"})


class Buildkite(CiReceiver):
    """buildkite.com/docs/apis/rest-api/builds, "Create a build": commit and branch are required, env holds texts; 201, 422."""

    def accept(self, request: Request) -> Answer:
        self.bearer(request)
        organization, pipeline = self.post(request, "/v2/organizations/*/pipelines/*/builds")
        if f"{organization}/{pipeline}" != self.project:
            raise Refused(404, "Not Found")
        body = request.json()
        if not body.get("commit") or not body.get("branch"):
            raise Refused(422, "Validation Failed")
        number = self.start(self.project, body["branch"], texts(body["env"], 422), message=body["message"])
        return Answer(201, {"number": number})


class Buildbot(CiReceiver):
    """Buildbot 4.3.0 (which test_buildbot.py runs itself): master/buildbot/www/change_hook.py (400 for a dialect that is not
    configured) and master/buildbot/www/hooks/base.py (form fields; `properties` is JSON)."""

    user = "robot"

    def accept(self, request: Request) -> Answer:
        if request.basic() != (self.user, self.token):
            raise Refused(401, "Unauthorized")
        if self.post(request, "/change_hook/*") != ["base"]:
            raise Refused(400, "The dialect specified wasn't whitelisted")
        form = request.form()
        if set(form) - {"author", "comments", "branch", "project", "category", "properties", "repository", "revision"}:
            raise Refused(400, f"unexpected: {sorted(form)}")
        variables = texts(json.loads(form["properties"]))
        self.start(form.get("project", ""), form.get("branch", ""), variables, comments=form["comments"])
        return Answer(200)


class Watchtower(CiReceiver):
    """containrrr/watchtower v1.7.1: pkg/api/api.go (bearer token, 401), pkg/api/update/update.go (`image`, names with commas
    between them), pkg/filters/filters.go, FilterByImage (a container's image is cut at the first colon before it is compared)."""

    def accept(self, request: Request) -> Answer:
        self.bearer(request)
        self.post(request, "/v1/update")
        query = request.query
        self.start(query.pop("image"), "", query)
        return Answer(200)


def _all_words() -> Iterator[tuple[str, type[CiReceiver], dict[str, str]]]:
    """Every preset with its system and the words that it needs."""
    token, project = {"token": CiReceiver.token}, {"project": CiReceiver.project}
    yield "gitlab", GitLab, project | token
    yield "gitlab-webhook", GitLabWebhook, project | token
    yield "gitlab-pipeline", GitLabPipeline, project | token
    yield "github", GitHub, project | token
    yield "github-workflow", GitHubWorkflow, project | token | {"workflow": GitHubWorkflow.workflow}
    yield "jenkins", Jenkins, project | token | {"user": Jenkins.user}
    yield "jenkins-gwt", JenkinsGwt, token
    yield "gitea", Gitea, project | token | {"workflow": Gitea.workflow}
    yield "forgejo", Gitea, project | token | {"workflow": Gitea.workflow}
    yield "woodpecker", Woodpecker, project | token
    yield "drone", Drone, project | token
    yield "tekton", Tekton, {"hmac_secret": Tekton.token}
    yield "circleci", CircleCi, {"project": "gh/group/app"} | token
    yield "buildkite", Buildkite, {"organization": "group", "pipeline": "app"} | token
    yield "buildbot", Buildbot, {"project": "images", "user": Buildbot.user, "password": Buildbot.token}
    yield "watchtower", Watchtower, token


SYSTEMS = {preset: (system, words) for preset, system, words in _all_words()}
