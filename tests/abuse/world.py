"""One registry in one state of the world: what is asked of it, and what is measured of it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accounts import Key, Loss, Promises, open_account, settle
from failures import Failure, Grown, Late, Lost, Unexpected

from harness import images, wait
from harness.images import OCI_MANIFEST
from harness.receiver import Receiver
from harness.registry_client import RegistryClient, expect
from harness.server import PATIENCE, Config, Server, merged

if TYPE_CHECKING:
    from state import State

DRAIN = 1.0  # draintimeout
ANSWER = 5.0  # seconds, for a request
RELOAD = 5.0
END = DRAIN + 5.0
START = 10.0
RECOVERY = 45.0  # from the moment when the world is well again until everything is delivered and pushes are taken
SLACK = 0.5  # of this machine's, when time is measured from outside
REPOSITORY = "abuse/app"
IMAGE = images.image(1, layers=1)
MEBIBYTE = 1 << 20
SANITIZED = Path(os.environ.get("PORTCALL_BUILD", "")).name in ("asan", "tsan")  # takes memory of its own


def entry(name: str, **more: Any) -> Config:
    """An endpoint that is quick to fail and to come back."""
    quick = {"timeout": "2s", "threshold": 5, "backoff": "100ms", "maxbackoff": "500ms"}
    return {"name": name, "only": {"kinds": ["tag"]}} | quick | more


class World:
    def __init__(self, state: State, folder: Path):
        self.state, self.promises = state, Promises()
        self.witness = Receiver()  # is well, whatever befalls the others
        self.removed_after: int | None = None  # so many promises `spare` was taken from the file
        self._rounds = 0
        changes: Config = {"http": {"draintimeout": f"{DRAIN:g}s"}, "log": {"accesslog": {"disabled": True}}}
        self.server = Server(folder / "server", [entry("witness", url=self.witness.url), *state.endpoints()],
                             merged(changes, state.changes()), program=state.program(), stderr=state.stderr)
        self.database = Path(self.server.config.get("store", {}).get("path") or self.root / "portcall.db")

    @property
    def root(self) -> Path:
        return Path(self.server.config["storage"]["filesystem"]["rootdirectory"])

    def close(self) -> None:
        self.server.kill()
        self.witness.stop()

    # What clients do.

    def client(self) -> RegistryClient:
        return self.server.client(timeout=ANSWER)

    def ask(self, key: Key, request: Callable[[RegistryClient], Any]) -> Any:
        """An answer that came within the bound, None: the process ended instead. What has a tag is an event, and
        stands in the ledger."""
        started, status = time.monotonic(), 0
        try:
            answer = request(self.client())
            status = answer.status
        except TimeoutError as late:
            raise Late(f"{key[0]}: no answer within {ANSWER:g} s") from late
        except (OSError, http.client.HTTPException) as broken:
            if self.ended():
                return None
            raise Unexpected(f"{key[0]}: {broken!r}") from broken
        finally:
            if key[2]:
                self.promises.note(key, status, sure=key[0] != "pull" or self.state.keeps_pulls)
        if (took := time.monotonic() - started) > ANSWER:
            raise Late(f"{key[0]}: answered after {took:.1f} s")
        return answer

    def put(self, tag: str, manifest: bytes = IMAGE.manifest, media_type: str = OCI_MANIFEST) -> Any:
        return self.ask(("push", REPOSITORY, tag), lambda client: client.put_manifest(REPOSITORY, tag, manifest, media_type))

    def ended(self) -> bool:
        """By itself, where the state allows that: with 1, and a reason."""
        process = self.server.process
        if not self.state.may_end or process is None:
            return False
        try:
            return process.wait(1) == 1 and "level=fatal" in self.server.log()
        except subprocess.TimeoutExpired:
            return False

    def begin(self) -> None:
        """While the world is well: something to pull and to delete, and events that have arrived."""
        self.server.start()
        for data in IMAGE.blobs:
            expect(self.server.client().push_blob(REPOSITORY, data), 201)
        for tag in ("pulled", "deleted", "before1", "before2"):
            expect(self.put(tag), 201)
        self.witness.wait_for(len(self.promises.made), PATIENCE)

    def burden(self) -> None:
        """Pushes while the state lasts, so that there is something to lose. How they end is the push's cell to judge."""
        for number in range(5):
            try:
                self.put(f"during{number}")
            except Failure:
                pass

    def heard(self, tag: str) -> None:
        """One endpoint never delays another."""
        key = ("push", REPOSITORY, tag)
        try:
            wait.until(lambda: key in self._delivered("witness"), f"{key} at the witness", ANSWER)
        except AssertionError as late:
            raise Late(f"the endpoint that is well: {late}") from late

    # What the operator does.

    def reload(self, change: Callable[[list[Config]], list[Config]]) -> str:
        """SIGHUP with changed endpoints: "applied" or "refused", within the bound."""
        endpoints = change(self.server.config["notifications"]["endpoints"])
        self.server.write_config(merged(self.server.config, {"notifications": {"endpoints": endpoints}}))
        self._rounds += 1
        assert self.server.process
        started = time.monotonic()
        self.server.process.send_signal(signal.SIGHUP)
        while time.monotonic() - started < RELOAD + SLACK:
            if said := self._reloaded(endpoints):
                return said
            if self.server.process.poll() is not None:
                return "ended" if self.ended() else f"answered by an end with {self.server.process.poll()}"
            time.sleep(0.02)
        raise Late(f"SIGHUP: neither applied nor refused within {RELOAD:g} s")

    def _reloaded(self, endpoints: list[Config]) -> str:
        if self.server.stderr is not None:  # the log is not read: what the debug server shows
            shown = self.server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"]
            timeouts = {one["name"]: one.get("Timeout") for one in shown if "Timeout" in one}
            return "applied" if timeouts == {one["name"]: _nanoseconds(one["timeout"]) for one in endpoints} else ""
        ends = re.findall(r"configuration (reloaded|not reloaded)", self.server.log())
        if len(ends) < self._rounds:
            return ""
        return "applied" if ends[-1] == "reloaded" else "refused"

    def terminate(self, bound: float = END) -> int:
        """The exit code after SIGTERM."""
        assert self.server.process
        try:
            return self.server.stop(seconds=bound + SLACK)
        except AssertionError as late:
            raise Late(f"SIGTERM: not ended within {bound:g} s") from late

    def start(self) -> str:
        """"serves", or "refused" with a reason in the log, within the bound."""
        names = {one["name"] for one in self.server.config["notifications"]["endpoints"]}
        if self.removed_after is None and "spare" not in names:
            self.removed_after = len(self.promises.made)
        process = self.server.spawn()
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                reason = self.server.log().strip().splitlines()[-1:]
                if code not in (1, 2) or not reason or not re.search("level=(fatal|error)", reason[0]):
                    raise Unexpected(f"a start ended with {code}, and said {reason}")
                return "refused"
            try:
                if self.client().http.get("/v2/").status == 200:
                    return "serves"
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise Late(f"a start does not answer within {START:g} s")

    # What is measured.

    def file_size(self) -> float:
        """MiB of the data folder, the database and the log."""
        roots = {self.root, self.database.parent}
        files = {path for root in roots for path in root.rglob("*") if path.is_file() and path.name != "ballast"}
        return sum(path.stat().st_size for path in files | {self.server.log_path} if path.exists()) / MEBIBYTE

    def check_sizes(self, memory: float, files: float) -> None:
        if memory > self.state.memory_bound and not SANITIZED:
            raise Grown(f"{memory:.0f} MiB resident, the bound is {self.state.memory_bound}")
        if files > self.state.file_bound:
            raise Grown(f"{files:.0f} MiB of files, the bound is {self.state.file_bound}")

    # What must be there when the world is well again.

    def recover(self) -> None:
        """Runs, takes pushes, delivers what it had promised, and ends orderly."""
        if not self.server.running and (how := self.start()) != "serves":
            raise Unexpected(f"a start in a world that is well: {how}")
        try:
            wait.until(lambda: self.put(f"after-{time.monotonic_ns()}").status == 201, "pushes are taken", RECOVERY, 0.2)
            wait.until(self._settled, "what was promised is delivered", RECOVERY, 0.1)
        except AssertionError as late:
            if isinstance(late, Failure):
                raise
            raise Late(f"{late}; {self._metrics()}") from late
        if (code := self.terminate()) != 0:
            raise Unexpected(f"an orderly stop afterwards ended with {code}")

    def _settled(self) -> bool:
        """Nothing pending for a while, because that is counted some moments later. Does not wait where events were lost."""
        names = ["witness", "main"] if self.removed_after is not None else ["witness", "main", "spare"]
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            for name, metrics in self._metrics().items():
                if metrics["DeadLetters"] and not self.state.expires and name in names:
                    raise Lost(f"{name}: {metrics['DeadLetters']} dead letters")
                if metrics["Pending"] and name in names:
                    return False
            time.sleep(0.1)
        return True

    def _metrics(self) -> dict[str, dict[str, int]]:
        shown = self.server.debug("/debug/vars").json()["registry"]["notifications"]["endpoints"]
        return {one["name"]: one["Metrics"] for one in shown}

    def _delivered(self, name: str) -> set[Key]:
        return {_key(one.event) for one in self.witness.accepted()} if name == "witness" else self.state.delivered(name)

    def settle(self) -> Loss:
        """What was lost in the whole of this world, once it has ended: the most that one endpoint lost."""
        most = Loss()
        for name in ("witness", "main", "spare"):
            promised = self.promises.made[:self.removed_after if name == "spare" else None]
            removed = len(promised) < len(self.promises.made)
            loss = settle(name, promised, self.promises.unknown, self._delivered(name), open_account(self.database, name),
                          may_expire=removed or (self.state.expires and name != "witness"))
            most = Loss(max(most.expired, loss.expired), max(most.kept, loss.kept))
        return most


def peak_memory(server: Server) -> float:
    """MiB, the most that was resident; 0: it has ended."""
    assert server.process
    try:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    return int(peak[1]) / 1024 if peak else 0


def _nanoseconds(duration: str) -> int:
    return int(duration.removesuffix("ms")) * 10**6 if duration.endswith("ms") else int(duration.removesuffix("s")) * 10**9


def _key(event: dict[str, Any]) -> Key:
    return event["action"], event["target"]["repository"], event["target"].get("tag", "")
