"""Nothing is lost: the real binary, killed again and again under load, and a ledger of what it had promised."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from ledger import Ledger
from workload import Client

from harness.receiver import Receiver, every_second_fails
from harness.server import PATIENCE, Server, endpoint

FAILPOINTS = ("before-commit", "after-commit", "before-send", "after-response", "before-flush")
KILLS = int(os.environ.get("PORTCALL_KILLS", "40"))
CLIENTS, REPOSITORIES, CONCURRENCY = 6, 6, 32
UNFLUSHED = CONCURRENCY + 1024  # what a crash may repeat of a cursor


def life(server: Server, failpoint: str, chance: random.Random) -> str:
    """One start and its end; which end it was."""
    environment = {"PORTCALL_FAILPOINT": f"{failpoint}:{chance.randrange(1, 40)}"} if failpoint else {}
    process = server.spawn(**environment)
    if failpoint:
        try:
            code = process.wait(4)
            assert code == -signal.SIGKILL, f"exit code {code} at {failpoint}:\n{server.log()[-3000:]}"
            return failpoint
        except subprocess.TimeoutExpired:
            pass
    else:
        # From the middle of the start to the middle of full work.
        time.sleep(chance.choice((0.05, 0.2, 0.6, 1.0)) * (0.5 + chance.random()))
    assert process.poll() is None, f"ended by itself with {process.returncode}:\n{server.log()[-3000:]}"
    server.kill()
    return "random"


def settle(server: Server, name: str) -> float:
    """What stays pending for an endpoint that has everything; cursors are flushed within 50 ms."""
    deadline = time.monotonic() + 5
    while (pending := server.pending(name)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return pending


def test_nothing_is_lost(tmp_path: Path) -> None:
    seed = int(os.environ.get("PORTCALL_SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"PORTCALL_SEED={seed}")
    chance = random.Random(seed)
    ledger = Ledger()
    quick = {"backoff": "50ms", "maxbackoff": "200ms", "threshold": 5, "timeout": "2s", "concurrency": CONCURRENCY}
    with Receiver() as healthy, Receiver(every_second_fails()) as flaky, Receiver(listening=False) as late:
        receivers = {"healthy": healthy, "flaky": flaky, "late": late}
        server = Server(
            tmp_path / "server",
            [endpoint(name, one.url, **quick) for name, one in receivers.items()],
            {"notifications": {"events": {"pull": "durable"}}, "log": {"accesslog": {"disabled": True}}})
        ends: Counter[str] = Counter()
        clients = [Client(server, ledger, n, CLIENTS, REPOSITORIES, pause=0.04) for n in range(CLIENTS)]
        try:
            server.start()
            for client in clients:
                client.start()
            time.sleep(1)
            server.kill()
            ends["random"] += 1
            for number in range(1, KILLS):
                if number == KILLS * 2 // 3:
                    late.start()
                failpoint = FAILPOINTS[number // 2 % len(FAILPOINTS)] if number % 2 and not server.is_peer else ""
                ends[life(server, failpoint, chance)] += 1
            server.start()
            time.sleep(1)
            for client in clients:
                client.finish()
            # What is still missing at the deadline is for the verdict to name.
            deadline = time.monotonic() + PATIENCE * 2
            while time.monotonic() < deadline and not all(ledger.complete(one.notifications) for one in receivers.values()):
                time.sleep(0.5)
            still_pending = {} if server.is_peer else {name: settle(server, name) for name in receivers}
            assert server.stop() == 0
        finally:
            server.kill()

        verdicts = [ledger.check(name, one.notifications) for name, one in receivers.items()]
    kills = sum(ends.values())
    print(ledger.summary(), f"kills={kills}", dict(ends))
    for verdict in verdicts:
        print(f"{verdict.endpoint}: delivered={verdict.delivered} duplicates={verdict.duplicates} wrong={len(verdict.wrong)}")
    lost = sum(len(v.lost) for v in verdicts)
    print(f"lost={lost}")
    assert kills >= min(20, KILLS)
    for verdict in verdicts:
        assert not verdict.lost, f"{verdict.endpoint} lost {len(verdict.lost)}: {verdict.lost[:10]}"
        assert not verdict.wrong, f"{verdict.endpoint}: {verdict.wrong[:10]}"
        assert verdict.duplicates <= kills * UNFLUSHED
    assert not any(still_pending.values()), still_pending
    if not server.is_peer:
        missed = [name for name in FAILPOINTS if not ends[name]]
        assert not missed, f"never reached: {missed}"
