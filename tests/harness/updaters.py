"""Image updaters as their webhook receivers behave: the path they listen on, the secret they check, the fields they
insist on with the types they decode into, and the answer they give. Each names the source that it follows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness import wait


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    images: tuple[str, ...] = ()  # what the updater would look at now
    why: str = ""


@dataclass(frozen=True)
class Call:
    request: Request
    answer: Answer


class Malformed(Exception):
    pass


# What a decoder into Go's types does with it: unknown members are ignored, missing ones and nulls are zero values, and
# any other type is an error.
Shape = Any


def decode(body: bytes, shape: Shape) -> Any:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Malformed(str(error)) from error
    return _fit(value, shape, "body")


def _fit(value: Any, shape: Shape, where: str) -> Any:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Malformed(f"{where} is no object")
        return {name: _fit(value[name], inner, f"{where}.{name}") if value.get(name) is not None else _zero(inner)
                for name, inner in shape.items()}
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise Malformed(f"{where} is no list")
        return [_fit(item, shape[0], where) for item in value]
    if type(value) is not shape:
        raise Malformed(f"{where} is no {shape.__name__}")
    return value


def _zero(shape: Shape) -> Any:
    if isinstance(shape, dict):
        return {name: _zero(inner) for name, inner in shape.items()}
    return [] if isinstance(shape, list) else shape()


HARBOR = {"type": str, "occur_at": int, "operator": str, "event_data": {
    "resources": [{"digest": str, "tag": str, "resource_url": str}],
    "repository": {"date_created": int, "name": str, "namespace": str, "repo_full_name": str, "repo_type": str}}}
DOCKERHUB = {"callback_url": str,
             "push_data": {"pushed_at": int, "images": [str], "tag": str, "pusher": str},
             "repository": {"status": str, "is_official": bool, "is_private": bool, "name": str, "namespace": str, "owner": str,
                            "repo_name": str, "repo_url": str}}
QUAY = {"name": str, "repository": str, "namespace": str, "docker_url": str, "homepage": str, "updated_tags": [str]}
ACR = {"id": str, "timestamp": str, "action": str,
       "target": {"mediaType": str, "size": int, "digest": str, "length": int, "repository": str, "tag": str},
       "request": {"id": str, "host": str, "method": str, "useragent": str}}
NATIVE = {"host": str, "name": str, "tag": str, "digest": str}
REGISTRY = {"events": [{"id": str, "timestamp": str, "action": str,
                        "target": {"mediaType": str, "size": int, "digest": str, "length": int, "repository": str, "url": str,
                                   "tag": str},
                        "request": {"id": str, "addr": str, "host": str, "method": str, "useragent": str}}]}
_IMAGE = re.compile(r"(?P<name>[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+):(?P<tag>[\w][\w.-]{0,127})")


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())


Judge = Callable[[Request], Answer]


def flux(kind: str, token: str, name: str = "images", namespace: str = "flux-system") -> tuple[str, Judge]:
    """A Receiver resource of Flux: fluxcd/notification-controller at 030df75, internal/server/receiver_handlers.go (404 without a
    receiver of this path, 400 for whatever does not validate, a wrong secret too), api/v1/receiver_types.go (the path is made of
    the token)."""
    path = "/hook/" + hashlib.sha256(f"{token}{name}{namespace}".encode()).hexdigest()

    def validate(request: Request) -> tuple[str, ...]:
        if kind == "generic":
            return ("*",)
        if kind == "generic-hmac":
            signature = "sha256=" + hmac.new(token.encode(), request.body, hashlib.sha256).hexdigest()
            if not _same(request.headers.get("x-signature", ""), signature):
                raise Malformed("signature")
            return ("*",)
        if kind == "harbor":  # it does not look into the body
            if request.headers.get("authorization", "") != token:
                raise Malformed("Authorization")
            return ("*",)
        if kind == "dockerhub":
            said = decode(request.body, DOCKERHUB)
            return (f"{said['repository']['repo_url']}:{said['push_data']['tag']}",)
        if kind == "quay":
            said = decode(request.body, QUAY)
            return tuple(f"{said['docker_url']}:{tag}" for tag in said["updated_tags"])
        assert kind == "acr", kind
        said = decode(request.body, ACR)
        return (f"{said['target']['repository']}:{said['target']['tag']}",)

    def judge(request: Request) -> Answer:
        if request.path != path or request.method != "POST":
            return Answer(404)
        try:
            return Answer(200, validate(request))
        except Malformed as error:
            return Answer(400, why=str(error))

    return path, judge


def argocd(secret: str) -> tuple[str, Judge]:
    """Argo CD's webhook with `webhook.harbor.secret`: argoproj/argo-cd at 16fff38, util/webhook/webhook.go and registry.go. It
    takes the first resource that has a tag, and answers 400 to what no parser accepts, a wrong secret too."""

    def judge(request: Request) -> Answer:
        if request.path != "/api/webhook":
            return Answer(404)
        if not secret or not _same(request.headers.get("authorization", ""), secret):
            return Answer(400, why="Unknown webhook event")
        try:
            said = decode(request.body, HARBOR)
        except Malformed as error:
            return Answer(400, why=str(error))
        if said["type"] != "PUSH_ARTIFACT":
            return Answer(200)
        for resource in said["event_data"]["resources"]:
            host = urllib.parse.urlsplit("oci://" + resource["resource_url"]).netloc
            if resource["tag"] and resource["resource_url"] and host:
                repository = said["event_data"]["repository"]["repo_full_name"]
                return Answer(200, (f"oci://{host}/{repository}:{resource['tag']}",))
        return Answer(200)

    return "/api/webhook", judge


def keel(kind: str, user: str = "", password: str = "") -> tuple[str, Judge]:
    """One of Keel's webhooks: keel-hq/keel at 6ac9dc5, pkg/http/{native,dockerhub,quay,azure,harbor}_webhook_trigger.go and
    registry_notifications.go. With a user they want Basic, all but `registry`."""
    path = f"/v1/webhooks/{kind}"

    def trigger(request: Request) -> tuple[str, ...]:
        if kind == "native":
            said = decode(request.body, NATIVE)
            return (_image(said["name"], said["tag"]),)
        if kind == "dockerhub":
            said = decode(request.body, DOCKERHUB)
            return (_image(said["repository"]["repo_name"], said["push_data"]["tag"]),)
        if kind == "quay":
            said = decode(request.body, QUAY)
            if not said["updated_tags"]:
                raise Malformed("updated_tags cannot be empty")
            return tuple(_image(said["docker_url"], tag) for tag in said["updated_tags"])
        if kind == "azure":
            said = decode(request.body, ACR)
            return (_image(f"{said['request']['host']}/{said['target']['repository']}", said["target"]["tag"]),)
        if kind == "harbor":
            said = decode(request.body, HARBOR)
            wanted = said["event_data"]["resources"] if said["type"] in ("pushImage", "PUSH_ARTIFACT") else []
            return tuple(_parsed(resource["resource_url"]) for resource in wanted)
        assert kind == "registry", kind
        return tuple(_image(f"{event['request']['host']}/{event['target']['repository']}", event["target"]["tag"])
                     for event in decode(request.body, REGISTRY)["events"]
                     if event["action"] == "push" and event["target"]["tag"])

    def judge(request: Request) -> Answer:
        if request.path != path or request.method != "POST":
            return Answer(404)
        basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if user and kind != "registry" and not _same(request.headers.get("authorization", ""), basic):
            return Answer(401)
        try:
            return Answer(200, trigger(request))
        except Malformed as error:
            return Answer(400, why=str(error))

    return path, judge


def _image(name: str, tag: str) -> str:
    if not name or not tag:
        raise Malformed("name and tag cannot be empty")
    return f"{name}:{tag}"


def _parsed(reference: str) -> str:
    if not _IMAGE.fullmatch(reference):
        raise Malformed(f"failed to parse repository {reference}")
    return reference


def watchtower(token: str) -> tuple[str, Judge]:
    """Watchtower's HTTP API: containrrr/watchtower v1.7.1, pkg/api/api.go and pkg/api/update/update.go: no body, the images' names
    in the query, and a scan before the answer."""

    def judge(request: Request) -> Answer:
        if request.path != "/v1/update":
            return Answer(404)
        if not _same(request.headers.get("authorization", ""), f"Bearer {token}"):
            return Answer(401)
        named = tuple(name for value in request.query.get("image", []) for name in value.split(","))
        return Answer(200, named or ("*",))

    return "/v1/update", judge


class Updater:
    """Listens on 127.0.0.1 while its block runs, and keeps every call with what it answered."""

    def __init__(self, made: tuple[str, Judge]):
        self.path, self.judge = made
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return self.address + self.path

    def __enter__(self) -> Updater:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def images(self) -> list[str]:
        """What it was made to look at, in order."""
        return [image for call in self.calls for image in call.answer.images]

    def statuses(self) -> list[int]:
        return [call.answer.status for call in self.calls]

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Call]:
        wait.until(lambda: len(self.calls) >= count, f"{count} calls of {self.path}", seconds)
        return self.calls

    def take(self, request: Request) -> Answer:
        answer = self.judge(request)
        with self._lock:
            self._calls.append(Call(request, answer))
        return answer


def _handler(updater: Updater) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urllib.parse.urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            assert self.command
            answer = updater.take(Request(self.command, parts.path, urllib.parse.parse_qs(parts.query), headers, body))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.why)))
            self.end_headers()
            self.wfile.write(answer.why.encode())

        do_GET = do_POST = _serve

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
