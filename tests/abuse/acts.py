"""What clients and the operator do in each state; each act says how it ended and raises a Failure if that is not allowed."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable

from failures import Unexpected
from world import IMAGE, REPOSITORY, World

from harness.http_client import Answer
from harness.images import digest_of
from harness.server import Config

Act = Callable[[World], str]


def push(world: World) -> str:
    answer = world.ask(("push", REPOSITORY, ""), lambda client: client.push_blob(REPOSITORY, os.urandom(10_000)))
    if (blob := _changed(world, answer, 201)) != "201":
        return blob
    manifest = _changed(world, world.put("pushed"), 201)
    world.heard("pushed")
    return manifest


def pull(world: World) -> str:
    answer = world.ask(("pull", REPOSITORY, "pulled"), lambda client: client.get_manifest(REPOSITORY, "pulled"))
    if answer is None:
        return "exit 1"
    if answer.status != 200 or answer.body != IMAGE.manifest:
        raise Unexpected(f"the manifest: {answer.status} {answer.body[:200]!r}")
    for data in IMAGE.blobs:
        try:
            answer = world.client().get_blob(REPOSITORY, digest_of(data))
        except (OSError, http.client.HTTPException):
            if world.ended():
                return "exit 1"
            raise
        if answer.status != 200 or answer.body != data:
            raise Unexpected(f"a blob: {answer.status} {answer.body[:200]!r}")
    return "200"


def delete(world: World) -> str:
    key = ("delete", REPOSITORY, "deleted")
    return _changed(world, world.ask(key, lambda client: client.delete_manifest(REPOSITORY, "deleted")), 202)


def _changed(world: World, answer: Answer | None, success: int) -> str:
    if answer is None:
        return "exit 1"
    wanted = 503 if world.state.refuses_changes else success
    if answer.status != wanted:
        raise Unexpected(f"{answer.status} instead of {wanted}: {answer.body[:200]!r}")
    if answer.status == 503 and "Retry-After" not in answer.headers:
        raise Unexpected("a 503 without Retry-After")
    return str(answer.status)


def change_an_endpoint(world: World) -> str:
    def slower(endpoints: list[Config]) -> list[Config]:
        return [one | {"timeout": "2001ms"} if one["name"] == "main" else one for one in endpoints]

    return _reloaded(world, world.reload(slower))


def remove_an_endpoint(world: World) -> str:
    how = world.reload(lambda endpoints: [one for one in endpoints if one["name"] != "spare"])
    if how == "applied":
        world.removed_after = len(world.promises.made)
    return _reloaded(world, how)


def _reloaded(world: World, how: str) -> str:
    if how not in world.state.reloads:
        raise Unexpected(f"the reload was {how}: {world.server.log().splitlines()[-3:]}")
    return how


def terminate(world: World) -> str:
    code = world.terminate()
    if code not in world.state.exit_codes:
        raise Unexpected(f"exit code {code}")
    return f"exit {code}"


def kill_and_start(world: World) -> str:
    world.server.kill()
    how = world.start()
    if how not in world.state.starts:
        raise Unexpected(f"a start {how}")
    return how


ACTS: dict[str, Act] = {
    "push": push,
    "pull": pull,
    "delete": delete,
    "SIGHUP, one changed": change_an_endpoint,
    "SIGHUP, one removed": remove_an_endpoint,
    "SIGTERM": terminate,
    "kill -9, start": kill_and_start,
}
