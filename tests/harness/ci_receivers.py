"""What the CI systems of ci_systems.py stand on: a server that takes requests apart strictly, and keeps builds."""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote

from harness import wait

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Build:
    project: str
    ref: str
    variables: dict[str, str]
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    def __init__(self, status: int, message: str = ""):
        super().__init__(message)
        self.answer = Answer(status, {"message": message})


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def segments(self) -> list[str]:
        """The path's segments as a router sees them: split first, decoded then."""
        return [unquote(part) for part in self.target.partition("?")[0].split("/")[1:]]

    @property
    def query(self) -> dict[str, str]:
        return once(self.target.partition("?")[2])

    def header(self, name: str) -> str:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) > 1:
            raise Refused(400, f"{name} stands twice")
        return values[0] if values else ""

    def json(self, status: int = 400) -> dict[str, Any]:
        if self.header("Content-Type") != JSON:
            raise Refused(415, "application/json is wanted")
        try:
            parsed = json.loads(self.body.decode())
        except ValueError as wrong:
            raise Refused(status, f"body: {wrong}") from None
        if not isinstance(parsed, dict):
            raise Refused(status, "the body is no object")
        return parsed

    def form(self) -> dict[str, str]:
        if self.header("Content-Type") != FORM:
            raise Refused(415, "a form is wanted")
        return once(self.body.decode())

    def basic(self) -> tuple[str, str]:
        kind, _, rest = self.header("Authorization").partition(" ")
        if kind != "Basic":
            return "", ""
        user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        return user, password


def once(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
    if len(dict(pairs)) != len(pairs):
        raise Refused(400, "a parameter stands twice")
    return dict(pairs)


def texts(value: Any, status: int = 400) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise Refused(status, "variables are texts by name")
    return value


def bracketed(pairs: dict[str, str], what: str = "variables") -> dict[str, str]:
    found = {}
    for name, value in pairs.items():
        if match := re.fullmatch(what + r"\[([\w-]+)\]", name):
            found[match[1]] = value
    return found


class CiReceiver:
    """One system on its own port. `token` is what it takes; `failures` are statuses that the next requests get."""

    token = "right-token"
    project = "group/app"
    ref = "main"

    def __init__(self) -> None:
        self.builds: list[Build] = []
        self.requests: list[Request] = []
        self.refusals: list[tuple[int, str]] = []
        self.failures: list[int] = []
        self.errors: list[str] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> CiReceiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert not self.errors, self.errors

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Build]:
        wait.until(lambda: len(self.builds) >= count, f"{count} builds, have {self.builds}; {self.refusals}", seconds)
        return list(self.builds)

    def serve(self, request: Request) -> Answer:
        with self._changed:
            self.requests.append(request)
            if self.failures:
                return Answer(self.failures.pop(0), {"message": "told to"})
            try:
                return self.accept(request)
            except Refused as refused:
                self.refusals.append((refused.answer.status, str(refused)))
                return refused.answer
            except ValueError as wrong:
                self.refusals.append((400, str(wrong)))
                return Answer(400, {"message": str(wrong)})

    def start(self, project: str, ref: str, variables: dict[str, str], **more: Any) -> int:
        self.builds.append(Build(project, ref, variables, more))
        return len(self.builds)

    def accept(self, request: Request) -> Answer:
        raise NotImplementedError

    def post(self, request: Request, pattern: str) -> list[str]:
        """What stands for each * of a path's pattern."""
        wanted = pattern.split("/")[1:]
        fits = len(wanted) == len(request.segments) and all(
            w in ("*", s) and s for w, s in zip(wanted, request.segments, strict=True) if w or s)
        if not fits:
            raise Refused(404, f"no such path: {request.target}")
        if request.method != "POST":
            raise Refused(405, request.method)
        return [s for w, s in zip(wanted, request.segments, strict=True) if w == "*"]

    def bearer(self, request: Request, kind: str = "Bearer") -> None:
        if request.header("Authorization") != f"{kind} {self.token}":
            raise Refused(401, "Bad credentials")


def _handler(receiver: CiReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, list(self.headers.items()), body)
            try:
                answer = receiver.serve(request)
            except Exception as bug:  # noqa: BLE001 - the test shows it
                receiver.errors.append(repr(bug))
                answer = Answer(500)
            payload = b"" if answer.body is None or answer.status == 204 else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
